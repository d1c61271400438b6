//! What `tests/templates/render.py` makes of each function, which every other test of a template rests on.

use crate::{infra::support::template::Template, support::moto::Moto};
use serde_json::{Value, json};

/// The functions, most with the examples of AWS's documentation of them, in outputs that moto works out as well. (It joins no list
/// that is a parameter, and holds the number 256 and the text "256" for two.)
const FUNCTIONS: &str = r#"
Parameters:
  Environment: {Type: String, Default: test, AllowedValues: [test, prod]}
  Size: {Type: Number, Default: 256}
Mappings:
  Images:
    eu-central-1: {small: ami-1, large: ami-2}
Conditions:
  Production: !Equals [!Ref Environment, prod]
  Test: !Not [Condition: Production]
  Either: !Or [Condition: Production, !Equals [!Ref "AWS::Region", eu-central-1]]
  Both: !And [Condition: Production, Condition: Either]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !If [Production, !Ref "AWS::NoValue", queue]
  Other:
    Type: AWS::SQS::Queue
    Condition: Production
Outputs:
  Joined: {Value: !Join [":", [a, b, c]]}
  Selected: {Value: !Select ["1", [apples, grapes, oranges, mangoes]]}
  Split: {Value: !Select [2, !Split ["|", "a|b|c"]]}
  Mapped: {Value: !FindInMap [Images, !Ref "AWS::Region", large]}
  Substituted: {Value: !Sub "${Environment} in ${AWS::Region}, ${!Environment}, ${Size} MB"}
  Variables: {Value: !Sub ["www.${Domain}, ${Environment}", {Domain: !Join [".", [example, com]]}]}
  OfTest: {Value: !If [Test, a test, the product]}
  OfEither: {Value: !If [Either, "true", "false"]}
  OfBoth: {Value: !If [Both, "true", "false"]}
  OnlyInProduction: {Condition: Production, Value: here}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_worked_out_as_documented_and_as_moto_does() {
    let outputs = [
        ("Joined", "a:b:c", "a:b:c"),
        ("Selected", "grapes", "grapes"),
        ("Split", "c", "c"),
        ("Mapped", "ami-2", "ami-2"),
        ("Substituted", "test in eu-central-1, ${Environment}, 256 MB", "prod in eu-central-1, ${Environment}, 256 MB"),
        ("Variables", "www.example.com, test", "www.example.com, prod"),
        ("OfTest", "a test", "the product"),
        ("OfEither", "true", "true"),
        ("OfBoth", "false", "true"),
    ];
    let only_in_production = [("OnlyInProduction".to_owned(), "here".to_owned())];
    let test = outputs.map(|(name, test, _)| (name.to_owned(), test.to_owned()));
    let prod = outputs.map(|(name, _, prod)| (name.to_owned(), prod.to_owned()));
    check("test", test.to_vec()).await;
    check("prod", [&prod[..], &only_in_production].concat()).await;
}

#[track_caller]
fn rendered_outputs(environment: &str) -> Vec<(String, String)> {
    let template = Template::of(FUNCTIONS, &[("Environment", environment)]).unwrap();
    let outputs = template.value()["Outputs"].as_object().unwrap();
    outputs.iter().map(|(name, output)| (name.clone(), text(&output["Value"]))).collect()
}

/// Outputs are texts.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

async fn check(environment: &str, mut expected: Vec<(String, String)>) {
    let mut rendered = rendered_outputs(environment);
    let name = format!("functions-{environment}");
    let mut emulated = Moto::shared().outputs("eu-central-1", &name, FUNCTIONS, &[("Environment", environment)]).await;
    for outputs in [&mut expected, &mut rendered, &mut emulated] {
        outputs.sort();
    }
    assert_eq!(rendered, expected);
    assert_eq!(emulated, expected);
}

#[test]
fn a_part_that_a_condition_omits_is_removed() {
    let test = Template::of(FUNCTIONS, &[]).unwrap();
    let prod = Template::of(FUNCTIONS, &[("Environment", "prod")]).unwrap();
    assert_eq!(*test.resource("Queue"), json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "queue"}}));
    assert_eq!(*prod.resource("Queue"), json!({"Type": "AWS::SQS::Queue", "Properties": {}}));
    assert_eq!(test.resources().len(), 1);
    assert_eq!(*prod.resource("Other"), json!({"Type": "AWS::SQS::Queue"}));
    assert_eq!(test.value()["Conditions"], json!({"Production": false, "Test": true, "Either": true, "Both": false}));
}

/// What only a deployment knows stays, and all around it is worked out.
#[test]
fn resources_are_still_to_be_seen() {
    let rows = [
        ("!Ref Topic", json!({"Ref": "Topic"})),
        ("!GetAtt Topic.TopicArn", json!({"Fn::GetAtt": ["Topic", "TopicArn"]})),
        (r#"!Sub "${AWS::Region}:${Topic}""#, json!({"Fn::Sub": "eu-central-1:${Topic}"})),
        (r#"!Sub "${Topic.TopicName}/${Name}/${!Name}""#, json!({"Fn::Sub": "${Topic.TopicName}/a$b/${!Name}"})),
        (r#"!Sub ["${T}-${Name}", {T: !Ref Topic}]"#, json!({"Fn::Sub": "${Topic}-a$b"})),
        (
            r#"!Sub ["${T}-${Name}", {T: !Select [0, !Split [":", !Ref Topic]]}]"#,
            json!({"Fn::Sub": ["${T}-a$b", {"T": {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "Topic"}]}]}}]}),
        ),
        (r#"!Join ["/", [!Ref Name, !Ref Topic]]"#, json!({"Fn::Join": ["/", ["a$b", {"Ref": "Topic"}]]})),
        (r#"[!Ref Name, !Ref "AWS::NoValue", ""]"#, json!(["a$b", ""])),
        (r#"{Condition: {StringEquals: {a: !Ref Name}}}"#, json!({"Condition": {"StringEquals": {"a": "a$b"}}})),
        (r#"{Condition: plain}"#, json!({"Condition": "plain"})),
        ("[true, 5, 1.5]", json!([true, 5, 1.5])),
        ("!Ref Names", json!(["a", "b", "c"])),
        (r#"!Join ["-", !Ref Names]"#, json!("a-b-c")),
        (r#"!If [Five, !Ref Number, no]"#, json!(5)),
    ];
    for (value, expected) in rows {
        assert_eq!(property(value), Ok(expected), "{value}");
    }
}

#[test]
fn what_cloudformation_refuses_is_refused() {
    let rows = [
        ("!Ref Nobody", "Unresolved resource dependencies [Nobody]"),
        ("!GetAtt Absent.Arn", "Unresolved resource dependencies [Absent]"),
        (r#"!Sub "${Absent}""#, "Unresolved resource dependencies [Absent]"),
        ("!If [Unknown, a, b]", "Unresolved condition dependency [Unknown]"),
        ("!FindInMap [Unknown, a, b]", "Unable to get mapping for Unknown::a::b"),
        ("!Select [3, [a, b]]", "Fn::Select cannot select 3 of 2"),
        ("!Cidr [a, 1, 2]", "render.py does not know Fn::Cidr"),
    ];
    for (value, reason) in rows {
        assert_eq!(property(value), Err(reason.to_owned()), "{value}");
    }
    let twice = Template::of("Resources: {A: {Type: a}, A: {Type: b}}", &[]).unwrap_err();
    assert!(twice.contains("Duplicate found 'A'"), "{twice}");
}

/// The value of a property where there is a `Topic`, an `Absent` one, and a `Name`.
fn property(value: &str) -> Result<Value, String> {
    let text = format!(
        "
Parameters:
  Name: {{Type: String, Default: a$b}}
  Names: {{Type: CommaDelimitedList, Default: \"a, b,c\"}}
  Number: {{Type: Number, Default: 5}}
Conditions:
  Five: !Equals [!Ref Number, \"5\"]
  Never: !Equals [a, b]
Resources:
  Topic: {{Type: AWS::SNS::Topic}}
  Absent: {{Type: AWS::SNS::Topic, Condition: Never}}
  Asked: {{Type: AWS::SNS::Topic, DependsOn: [Topic, Absent], Properties: {{Property: {value}}}}}
"
    );
    let template = Template::of(&text, &[])?;
    let asked = template.resource("Asked");
    assert_eq!(asked["DependsOn"], json!(["Topic"]));
    Ok(asked["Properties"]["Property"].clone())
}

#[test]
fn parameters_must_match_their_declarations() {
    const TEXT: &str = r#"
Parameters:
  Word: {Type: String, AllowedPattern: "[a-z]+"}
  Short: {Type: String, Default: "", MaxLength: 2, ConstraintDescription: be brief}
  Choice: {Type: String, Default: a, AllowedValues: [a, b]}
  Count: {Type: Number, Default: 5, MinValue: 1, MaxValue: 10}
Rules:
  Brief:
    RuleCondition: !Equals [!Ref Choice, b]
    Assertions:
      - {Assert: !Contains [[x, y], !Ref Short], AssertDescription: b takes x or y}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {Count: !Ref Count}}
"#;
    let rows: [(&[_], _); 9] = [
        (&[], "Parameter Word must have a value"),
        (&[("Word", "a"), ("Wort", "b")], "Parameter Wort does not exist in the template"),
        (&[("Word", "a1")], "Parameter Word failed to satisfy constraint: must match [a-z]+"),
        (&[("Word", "a"), ("Short", "abc")], "Parameter Short failed to satisfy constraint: be brief"),
        (&[("Word", "a"), ("Choice", "c")], "Parameter Choice failed to satisfy constraint: must be one of ['a', 'b']"),
        (&[("Word", "a"), ("Count", "0")], "Parameter Count failed to satisfy constraint: must be at least 1"),
        (&[("Word", "a"), ("Count", "11")], "Parameter Count failed to satisfy constraint: may be at most 10"),
        (&[("Word", "a"), ("Count", "x")], "Parameter Count failed to satisfy constraint: must be a number"),
        (&[("Word", "a"), ("Choice", "b")], "Rule Brief: b takes x or y"),
    ];
    for (parameters, reason) in rows {
        assert_eq!(Template::of(TEXT, parameters).unwrap_err(), reason, "{parameters:?}");
    }
    let taken = Template::of(TEXT, &[("Word", "a"), ("Choice", "b"), ("Short", "x"), ("Count", "10")]).unwrap();
    assert_eq!(taken.resource("Topic")["Properties"], json!({"Count": 10}));
}
