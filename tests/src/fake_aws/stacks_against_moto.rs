//! The stacks of the fake AWS against those of moto.

use crate::{
    fake_aws::{
        FakeAws,
        cloud_formation::{Parameter, UpdateEnd},
    },
    support::{
        aws_clients::{cloud_formation, told},
        moto::Moto,
    },
};
use aws_sdk_cloudformation::{
    Client,
    types::{self, Capability},
};

const REGION: &str = "eu-west-1";

/// The template of the stacks, as far as moto needs one; the fake has the same parameters and defaults.
const TEMPLATE: &str = "
Parameters:
  Domain: {Type: String, Default: nowhere}
  Password: {Type: String, Default: weak, NoEcho: true}
  Timestamp: {Type: String, Default: never}
Resources:
  Role: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {Statement: []}}}
";

/// Parameters of an update. No value means UsePreviousValue.
type Given = &'static [(&'static str, Option<&'static str>)];

/// One call about a stack whose Timestamp is `1`.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// DescribeStacks: the status, and the parameters but the password.
    Describe,
    /// DescribeStacks: the password.
    Password,
    /// DescribeStacks of a stack that is not there.
    Nobody,
    /// UpdateStack with the previous template and CAPABILITY_IAM.
    Update(Given),
    /// The same under a token.
    Under(&'static str, Given),
    /// The same without CAPABILITY_IAM.
    Incapable(Given),
}
use Step::{Describe, Incapable, Nobody, Password, Under, Update};

const NOTHING: Given = &[("Domain", None), ("Password", None), ("Timestamp", None)];
const TO_2: Given = &[("Domain", None), ("Password", None), ("Timestamp", Some("2"))];
const TO_3: Given = &[("Domain", None), ("Password", None), ("Timestamp", Some("3"))];
const NO_UPDATES: &str = "ValidationError: No updates are to be performed.";

/// Calls, in order, and what both answer.
const ALIKE: &[(&str, &[(Step, &str)])] = &[
    (
        "updates of the Timestamp",
        &[
            (Describe, "CREATE_COMPLETE Domain=example.com Timestamp=1"),
            (Update(NOTHING), NO_UPDATES),
            (Update(TO_2), "started"),
            (Describe, "UPDATE_COMPLETE Domain=example.com Timestamp=2"),
            (Update(TO_2), NO_UPDATES),
            (Under("first", TO_3), "started"),
            (Describe, "UPDATE_COMPLETE Domain=example.com Timestamp=3"),
        ],
    ),
    (
        "a parameter that is left out falls back to its default",
        &[
            (Update(&[("Password", None), ("Timestamp", Some("2"))]), "started"),
            (Describe, "UPDATE_COMPLETE Domain=nowhere Timestamp=2"),
        ],
    ),
    ("a stack that is not there", &[(Nobody, "ValidationError: Stack with id nobody does not exist")]),
];

/// What, the calls before it, the call, and what AWS and moto answer.
const DIFFERENCES: &[(&str, &[Step], Step, &str, &str)] = &[
    ("a parameter with NoEcho", &[], Password, "****", "strong"),
    (
        "every parameter left out",
        &[Update(&[])],
        Describe,
        "UPDATE_COMPLETE Domain=nowhere Timestamp=never",
        "UPDATE_COMPLETE Domain=example.com Timestamp=1",
    ),
    (
        "a parameter that the template does not have",
        &[],
        Update(&[("Domain", None), ("Other", Some("1")), ("Password", None), ("Timestamp", Some("2"))]),
        "ValidationError: Parameters: [Other] do not exist in the template",
        "started",
    ),
    (
        "the previous value of such a parameter",
        &[],
        Update(&[("Domain", None), ("Other", None), ("Password", None), ("Timestamp", Some("2"))]),
        "ValidationError: Parameters: [Other] do not exist in the template",
        "ValidationError: Missing parameter Other",
    ),
    (
        "a capability that is not given",
        &[],
        Incapable(TO_2),
        "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]",
        "started",
    ),
    (
        "the token of an update that has ended",
        &[Under("first", TO_2)],
        Under("first", TO_3),
        "TokenAlreadyExistsException: A client request token already exists.",
        "started",
    ),
];

#[tokio::test]
async fn moto_and_the_fake_answer_alike_about_stacks() {
    for (what, steps) in ALIKE {
        for rig in [Rig::moto(what).await, Rig::fake(what).await] {
            for (at, (step, expected)) in steps.iter().enumerate() {
                assert_eq!(rig.answer(*step).await, *expected, "{}, {what}, {at}: {step:?}", rig.server());
            }
        }
    }
}

/// Where moto differs, the fake follows AWS. When moto comes to do so too, its line fails here and belongs in the other table.
#[tokio::test]
async fn moto_differs_from_aws_about_stacks_in_these_and_the_fake_does_not() {
    for (what, before, step, aws, moto) in DIFFERENCES {
        assert_ne!(aws, moto, "{what}");
        for (rig, expected) in [(Rig::moto(what).await, moto), (Rig::fake(what).await, aws)] {
            for step in *before {
                rig.answer(*step).await;
            }
            assert_eq!(rig.answer(*step).await, *expected, "{}: {what}", rig.server());
        }
    }
}

/// With moto, a test that uses UsePreviousValue must give every parameter when it makes the stack.
#[tokio::test]
async fn moto_forgets_that_a_parameter_had_its_default() {
    let (name, moto) = ("only-defaults", Moto::shared());
    let id = moto.create_stack(REGION, name, TEMPLATE, &[("Timestamp", "1")]).await;
    let rig = Rig { client: cloud_formation(moto.endpoint(), REGION), name: name.to_owned(), id, fake: None };
    assert_eq!(rig.answer(Update(TO_2)).await, "HTTP 500");
}

/// moto has finished before it answers, and AWS has not. Only the fake shows the time in between.
#[tokio::test]
async fn an_update_is_under_way_until_it_ends() {
    let fake = FakeAws::start().await;
    let id = fake.create_stack(REGION, "api", &parameters(), &["CAPABILITY_IAM"]);
    let client = cloud_formation(fake.endpoint(), REGION);
    let rig = Rig { client, name: "api".to_owned(), id, fake: Some(fake) };
    let fake = rig.fake.as_ref().unwrap();
    let busy = |status| format!("ValidationError: Stack:ARN is in {status} state and can not be updated.");

    assert_eq!(rig.answer(Under("first", TO_2)).await, "started");
    assert_eq!(rig.answer(Describe).await, "UPDATE_IN_PROGRESS Domain=example.com Timestamp=2");
    assert_eq!(rig.answer(Update(TO_3)).await, busy("UPDATE_IN_PROGRESS"));
    assert_eq!(rig.answer(Under("first", TO_2)).await, "started");
    let effects: Vec<_> = fake.calls().iter().map(|call| (call.version.clone(), call.effect)).collect();
    let first = || Some("first".to_owned());
    assert_eq!(effects, [(first(), true), (None, false), (None, false), (first(), false)]);

    fake.finish_update("api", UpdateEnd::RolledBack);
    assert_eq!(rig.answer(Describe).await, "UPDATE_ROLLBACK_COMPLETE Domain=example.com Timestamp=1");
    assert_eq!(rig.answer(Update(TO_2)).await, "started");
    fake.finish_update("api", UpdateEnd::Complete);
    assert_eq!(rig.answer(Describe).await, "UPDATE_COMPLETE Domain=example.com Timestamp=2");
    for status in ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"] {
        fake.set_stack_status("api", status);
        assert_eq!(rig.answer(Update(TO_3)).await, busy(status));
    }
}

/// A test can see the values that DescribeStacks hides: here the parameters that an update forgot.
#[tokio::test]
async fn the_damage_shows() {
    let rig = Rig::fake("damaged").await;
    assert_eq!(rig.answer(Update(&[("Timestamp", Some("2"))])).await, "started");
    let parameters = rig.fake.as_ref().unwrap().parameters("damaged");
    let parameters: Vec<_> = parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(parameters, [("Domain", "nowhere"), ("Password", "weak"), ("Timestamp", "2")]);
}

struct Rig {
    client: Client,
    name: String,
    id: String,
    fake: Option<FakeAws>,
}

impl Rig {
    async fn moto(what: &str) -> Self {
        let (name, moto) = (what.replace(' ', "-"), Moto::shared());
        let parameters = [("Domain", "example.com"), ("Password", "strong"), ("Timestamp", "1")];
        let id = moto.create_stack(REGION, &name, TEMPLATE, &parameters).await;
        Self { client: cloud_formation(moto.endpoint(), REGION), name, id, fake: None }
    }

    async fn fake(what: &str) -> Self {
        let (name, fake) = (what.replace(' ', "-"), FakeAws::start().await);
        fake.finish_updates_at_once();
        let id = fake.create_stack(REGION, &name, &parameters(), &["CAPABILITY_IAM"]);
        Self { client: cloud_formation(fake.endpoint(), REGION), name, id, fake: Some(fake) }
    }

    fn server(&self) -> &'static str {
        if self.fake.is_some() { "fake" } else { "moto" }
    }

    async fn answer(&self, step: Step) -> String {
        let answer = match step {
            Describe => self.describe(&self.name, |key| key != "Password").await,
            Password => self.describe(&self.name, |key| key == "Password").await.split('=').nth(1).unwrap().to_owned(),
            Nobody => self.describe("nobody", |_| true).await,
            Update(given) => self.update(given, None, Some(Capability::CapabilityIam)).await,
            Under(token, given) => self.update(given, Some(token), Some(Capability::CapabilityIam)).await,
            Incapable(given) => self.update(given, None, None).await,
        };
        answer.replace(&self.id, "ARN")
    }

    async fn describe(&self, stack: &str, shown: fn(&str) -> bool) -> String {
        match self.client.describe_stacks().stack_name(stack).send().await {
            Ok(described) => {
                let stack = &described.stacks()[0];
                let pair = |parameter: &types::Parameter| {
                    (parameter.parameter_key.clone().unwrap(), parameter.parameter_value.clone().unwrap())
                };
                let pairs = stack.parameters().iter().map(pair).filter(|(key, _)| shown(key));
                let parameters: String = pairs.map(|(key, value)| format!(" {key}={value}")).collect();
                format!("{}{parameters}", stack.stack_status().unwrap().as_str())
            }
            Err(error) => told(&error),
        }
    }

    async fn update(&self, given: Given, token: Option<&str>, capability: Option<Capability>) -> String {
        let parameter = |(key, value): &(&str, Option<&str>)| {
            let previous = value.is_none().then_some(true);
            let value = value.map(str::to_owned);
            types::Parameter::builder()
                .parameter_key(*key)
                .set_parameter_value(value)
                .set_use_previous_value(previous)
                .build()
        };
        let call = self.client.update_stack().stack_name(&self.name).use_previous_template(true);
        let call = call.set_parameters(Some(given.iter().map(parameter).collect()));
        let call = call.set_capabilities(capability.map(|one| vec![one]));
        let call = call.set_client_request_token(token.map(str::to_owned));
        call.send().await.map_or_else(|error| told(&error), |_| "started".to_owned())
    }
}

/// Those of the template.
fn parameters() -> [Parameter; 3] {
    [
        Parameter::new("Domain", "example.com").default("nowhere"),
        Parameter::new("Password", "strong").default("weak").no_echo(),
        Parameter::new("Timestamp", "1").default("never"),
    ]
}
