//! Who may do what by the templates: trust, permissions, and no wildcard without a reason.

use crate::{
    infra::support::{
        rows::{REPLICA, WEB_ACL, api, edge, every_api, every_other_stack},
        template::{Template, text},
    },
    support::artifacts::localstack_python,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};

/// Each resource with an asterisk in a policy, and why it is necessary.
const WILDCARDS: &[(&str, &str)] = &[
    ("arn:aws:logs:*:", "an edge function logs in every Region in which it runs"),
    ("log-group:${", "the ARN of a log group, whose streams these are, ends in :*"),
    ("secretsmanager:GetSecretValue *", "in the policy of a secret this is the secret, whose replicas have other ARNs"),
    ("secretsmanager:*:123456789012:secret:${Name}", "the replicas have the name of the secret, in their Regions"),
    ("sqs:SendMessage *", "in the policy of a queue this is the queue"),
    ("secretsmanager:GetRandomPassword *", "it is of no resource"),
    ("secret:pets/api-key/*", "the name holds the Timestamp of the next update"),
    ("secret:pets/origin-header/*", "likewise"),
    ("stack/pets/*", "IAM sees the asterisk where a stack is called by its name"),
    ("::/apikeys/*", "the id of the next key is API Gateway's to choose"),
    ("::/usageplans/${ApiUsagePlan}/keys/*", "likewise"),
    ("::/tags/*", "a tag is put on by the ARN of what it is on, which is the next key"),
    ("s3:* arn:aws:s3:::${AccessLogBucket}/*", "a denial of requests without TLS"),
    ("/authorizers/*", "another authorizer of this API may call the function too"),
];

#[test]
fn no_resource_is_a_wildcard_without_a_reason() {
    let mut unused: BTreeSet<_> = WILDCARDS.iter().map(|(pattern, _)| *pattern).collect();
    for stack in all() {
        for (name, statement) in statements(stack) {
            for action in list(&statement["Action"]) {
                for resource in list(&statement["Resource"]) {
                    let named = format!("{action} {resource}");
                    if resource.contains('*') {
                        let reason = WILDCARDS.iter().find(|(pattern, _)| named.contains(pattern));
                        let (pattern, _) = reason.unwrap_or_else(|| panic!("{name} allows {named}"));
                        unused.remove(pattern);
                    }
                }
                // EnableReplication* and DisableReplication* are the actions' own names, as AWS's documentation writes them.
                let of_all =
                    action.contains('*') && !action.ends_with("ableReplication*") && statement["Effect"] != "Deny";
                assert!(!of_all, "{name} allows {action}");
            }
        }
        for (name, resource) in stack.resources() {
            if let Some(source) = resource["Properties"].get("SourceArn").map(text) {
                assert!(source.ends_with("/authorizers/*"), "{name}: {source}");
                unused.remove("/authorizers/*");
            }
        }
    }
    assert_eq!(unused, BTreeSet::new(), "these are allowed for nothing");
}

#[test]
fn each_role_is_assumed_only_by_its_services() {
    let role = |stack: &Template, name: &str| {
        stack.resource(name)["Properties"]["AssumeRolePolicyDocument"]["Statement"].clone()
    };
    let trusts =
        |services: Value| json!([{"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}]);
    let edges = trusts(json!(["lambda.amazonaws.com", "edgelambda.amazonaws.com"]));
    assert_eq!(role(&edge(&[]), "EdgeSignerRole"), edges);
    for name in ["AuthorizerRole", "RotateApiKeysRole"] {
        assert_eq!(role(&api(&[]), name), trusts(json!("lambda.amazonaws.com")), "{name}");
    }
    for stack in all() {
        let roles = stack.resources().values().filter(|resource| resource["Type"] == "AWS::IAM::Role");
        for role in roles {
            assert_eq!(
                role["Properties"].get("ManagedPolicyArns"),
                None,
                "what AWS puts into its policies is not ours"
            );
        }
    }
}

/// The signer may read no secret by its role: each secret lets it.
#[test]
fn each_role_may_do_what_its_function_does_and_nothing_else() {
    let logs = "logs:CreateLogStream logs:PutLogEvents";
    let replica = |secret: &str| format!("secretsmanager:GetSecretValue on {secret}");
    let secrets = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pets";
    let rows = [
        (
            edge(&[]),
            "EdgeSigner",
            vec![
                "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents on \
            arn:aws:logs:*:123456789012:log-group:/aws/lambda/us-east-1.${EdgeSigner}:* \
            arn:aws:logs:*:123456789012:log-group:/aws/lambda/${EdgeSigner}:*"
                    .to_owned(),
            ],
        ),
        (
            stack(&[]),
            "Authorizer",
            vec![format!("{logs} on arn:aws:logs:eu-west-1:123456789012:log-group:${{AuthorizerLog}}:*"), "secretsmanager:GetSecretValue on SigningSecret".to_owned()],
        ),
        (
            stack(&[("OriginSecretHeader", "true")]),
            "Authorizer",
            vec![
                format!("{logs} on arn:aws:logs:eu-west-1:123456789012:log-group:${{AuthorizerLog}}:*"),
                format!("secretsmanager:GetSecretValue on SigningSecret {secrets}/origin-header/*"),
            ],
        ),
        (
            stack(&[("UseApiKey", "false"), ("ReplicaRegions", REPLICA)]),
            "RotateApiKeys",
            vec![
                format!("{logs} on arn:aws:logs:eu-west-1:123456789012:log-group:${{RotateApiKeysLog}}:*"),
                "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes on arn:aws:sqs:eu-west-1:123456789012:${Queue}".to_owned(),
                "secretsmanager:DescribeSecret secretsmanager:GetSecretValue secretsmanager:PutSecretValue \
            secretsmanager:UpdateSecretVersionStage on SigningSecret"
                    .to_owned(),
                replica("arn:aws:secretsmanager:*:123456789012:secret:${Name}"),
            ],
        ),
    ];
    for (stack, role, expected) in rows {
        let found = statements(&stack).into_iter().filter(|(name, _)| name.starts_with(role));
        let found: Vec<_> = found
            .map(|(_, statement)| {
                format!("{} on {}", list(&statement["Action"]).join(" "), list(&statement["Resource"]).join(" "))
            })
            .collect();
        assert_eq!(found, expected, "{role}");
    }
}

/// What CloudFormation does for a new Timestamp, under the rotator's own permissions: see what
/// `a_new_timestamp_touches_what_the_rotator_may_touch_and_nothing_else` finds. Except for the call that starts it,
/// CloudFormation must be the caller.
#[test]
fn the_rotator_may_do_what_a_timestamp_change_does_and_only_through_cloudformation() {
    let stack = stack(&[("WebAclArn", WEB_ACL), ("AccessLogBucket", "logs"), ("OriginSecretHeader", "true")]);
    let secrets = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pets";
    let gateway = "arn:aws:apigateway:eu-west-1::";
    let own = "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/*".to_owned();
    let expected = [
        ("ReadParameters", "cloudformation:DescribeStacks", own.clone()),
        ("SetTimestamp", "cloudformation:UpdateStack", own),
        (
            "Values",
            "secretsmanager:CreateSecret secretsmanager:DeleteSecret secretsmanager:DescribeSecret secretsmanager:GetSecretValue \
            secretsmanager:RemoveRegionsFromReplication secretsmanager:TagResource",
            format!("{secrets}/api-key/* {secrets}/origin-header/*"),
        ),
        ("RandomValues", "secretsmanager:GetRandomPassword", "*".to_owned()),
        (
            "ApiKeys",
            "apigateway:GET apigateway:POST apigateway:PUT apigateway:PATCH apigateway:DELETE",
            format!(
                "{gateway}/apikeys {gateway}/apikeys/* {gateway}/tags/* {gateway}/usageplans/${{ApiUsagePlan}}/keys \
            {gateway}/usageplans/${{ApiUsagePlan}}/keys/*"
            ),
        ),
        (
            "Distribution",
            "cloudfront:GetDistribution cloudfront:GetDistributionConfig cloudfront:ListTagsForResource cloudfront:TagResource \
            cloudfront:UntagResource cloudfront:UpdateDistribution lambda:GetFunction lambda:EnableReplication* \
            lambda:DisableReplication* s3:GetBucketAcl s3:PutBucketAcl wafv2:GetWebACL",
            format!(
                "arn:aws:cloudfront::123456789012:distribution/${{CFDistribution}} \
            arn:aws:lambda:us-east-1:123456789012:function:signer:7 arn:aws:lambda:us-east-1:123456789012:function:signer \
            arn:aws:s3:::logs {WEB_ACL}"
            ),
        ),
    ];
    let policy = &stack.resource("RotateApiKeysStackPolicy")["Properties"];
    assert_eq!(policy["Roles"], json!([{"Ref": "RotateApiKeysRole"}]));
    let found = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    // Otherwise the role could put a template of its own choice, from a bucket, in the place of the stack's.
    let own_template = json!({"Null": {"cloudformation:TemplateUrl": "true"}});
    for (statement, (sid, actions, resources)) in found.iter().zip(expected) {
        assert_eq!(statement["Sid"], sid);
        assert_eq!(list(&statement["Action"]).join(" "), actions, "{sid}");
        assert_eq!(list(&statement["Resource"]).join(" "), resources, "{sid}");
        let through = json!({"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}});
        let condition = match sid {
            "ReadParameters" => &Value::Null,
            "SetTimestamp" => &own_template,
            _ => &through,
        };
        assert_eq!(statement.get("Condition").unwrap_or(&Value::Null), condition, "{sid}");
    }
}

/// AWS's schema of each resource type says what CloudFormation asks for when it makes, reads and deletes one; LocalStack has some of
/// these schemas, not that of CloudFront.
#[test]
fn the_rotator_may_do_what_awss_schemas_say_that_its_update_does() {
    let stack = stack(&[("OriginSecretHeader", "true")]);
    let policy = stack.resource("RotateApiKeysStackPolicy")["Properties"]["PolicyDocument"]["Statement"].clone();
    let may: BTreeSet<_> = policy.as_array().unwrap().iter().flat_map(|statement| list(&statement["Action"])).collect();
    for (service, schema, resource) in [
        ("apigateway", "aws_apigateway_apikey", "ApiKey"),
        ("apigateway", "aws_apigateway_usageplankey", "ApiKeyUsagePlan"),
        ("secretsmanager", "aws_secretsmanager_secret", "ApiKeyValue"),
    ] {
        let schema = aws_schema(service, schema);
        assert_eq!(schema["typeName"], stack.resource(resource)["Type"]);
        let asks = ["create", "read", "delete"].iter().flat_map(|step| list(&schema["handlers"][step]["permissions"]));
        let asks: BTreeSet<_> = asks.collect();
        assert!(asks.len() > 2);
        assert_eq!(asks.difference(&may).collect::<Vec<_>>(), Vec::<&String>::new(), "{resource}");
    }
}

/// As AWS publishes it.
fn aws_schema(service: &str, name: &str) -> Value {
    let python = localstack_python();
    let libraries = python.parent().unwrap().parent().unwrap().join("lib");
    let version = fs::read_dir(libraries).unwrap().next().unwrap().unwrap().path();
    let providers = format!("site-packages/localstack/services/{service}/resource_providers/{name}.schema.json");
    serde_json::from_slice(&fs::read(version.join(providers)).unwrap()).unwrap()
}

/// A service role would be used for every later operation on the stack, by anyone.
#[test]
fn no_role_is_for_cloudformation() {
    for stack in all() {
        assert!(!stack.value()["Resources"].to_string().contains("\"Service\":\"cloudformation"));
        assert!(!stack.value()["Resources"].to_string().contains("iam:PassRole"));
    }
}

fn stack(parameters: &[(&str, &str)]) -> Template {
    let fixed = [("AWS::StackName", "pets"), ("AWS::Region", "eu-west-1"), ("AWS::AccountId", "123456789012")];
    api(&[&fixed, parameters].concat())
}

fn all() -> impl Iterator<Item = &'static Template> {
    every_api().iter().chain(every_other_stack())
}

/// Each statement of each policy, with the name of the resource that has it.
fn statements(stack: &Template) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for (name, resource) in stack.resources() {
        let properties = &resource["Properties"];
        let inline = properties["Policies"].as_array().into_iter().flatten().map(|policy| &policy["PolicyDocument"]);
        let own = ["PolicyDocument", "ResourcePolicy"].into_iter().filter_map(|key| properties.get(key));
        for document in inline.chain(own) {
            let all = document["Statement"].as_array().expect("statements are a list");
            found.extend(all.iter().map(|statement| (name.as_str(), statement)));
        }
    }
    found
}

/// One or several, each as a text.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    }
}
