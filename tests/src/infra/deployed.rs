//! The templates as a user deploys them, by the AWS command line, on LocalStack.
//!
//! It makes most of what they name, and each test says what it does not; what it got wrong is mended, as
//! `tests/localstack/mended.py` says: that resources are replaced at all, for one. It resolves no dynamic reference inside of a text:
//! the API key's value is the reference itself. It refuses no parameter, reads no Rules, and runs no
//! function.

use crate::infra::support::{
    rows::WEB_ACL,
    stack::{CODE, Stack, only, text},
    template::{Template, template},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// CloudFormation takes templates of 51,200 bytes. `api.yaml` is the one that grows. Version 2 of the command line
/// writes 600 bytes more than version 1, and buckets may have longer names.
const MOST: usize = 50_500;

/// The example API is open, then has the authorizer of `api.yaml`, and then that of enforce mode: what API Gateway has each time, and
/// what a new `Timestamp` makes of it.
///
/// LocalStack ignores `AWS::CloudFront::Distribution`, and asks nobody for permissions: so this shows neither what CloudFront sends,
/// nor that it sends the new key before the old one ends, nor that the rotator may do all this.
#[test]
fn the_example_gets_the_authorizer_and_a_new_timestamp_replaces_the_api_key() {
    let example = Stack::package("pets-example", "eu-central-1", "example.yaml", &template("example.yaml"));
    example.deploy("create-stack", &[]);
    assert_eq!(example.resources(), resources(&Template::rendered("example.yaml", &[])));
    assert_eq!(example.ignored_types(), BTreeSet::new());
    let of_example = example.outputs();
    assert_eq!(of_example["ApiName"], "PetStore-pets-example");
    let api = of_example["ApiURL"].split('.').next().unwrap();
    let guards = |guard: Value| {
        let methods = ["GET /pets", "GET /pets/{petId}", "POST /pets"];
        methods.map(|method| (method.to_owned(), guard.clone())).into()
    };
    assert_eq!(example.guards_of_methods(api), guards(json!([false, "NONE", null])));
    let open = example.deployment_of_stage(api, "prod");

    let stack = Stack::package("pets", "eu-central-1", "api.yaml", &template("api.yaml"));
    assert!(stack.packaged_bytes() <= MOST, "packaged, api.yaml has {} bytes", stack.packaged_bytes());
    let parameters = |mode, timestamp| {
        [
            ("ApiURL", of_example["ApiURL"].as_str()),
            ("SignerVersionArn", "arn:aws:lambda:us-east-1:000000000000:function:signer:1"),
            ("SignerRoleArn", "arn:aws:iam::000000000000:role/signer"),
            ("Mode", mode),
            ("Timestamp", timestamp),
        ]
    };
    stack.deploy("create-stack", &parameters("monitor", "2026-11-22"));
    let rendered = Template::rendered("api.yaml", &parameters("monitor", "2026-11-22"));
    assert_eq!(stack.resources(), resources(&rendered));
    assert_eq!(stack.ignored_types(), ["AWS::CloudFront::Distribution".to_owned()].into());
    let plan = only(stack.items(&["apigateway", "get-usage-plans"]));
    let (name, stages) = (json!("CloudFront-pets"), json!([{"apiId": api, "stage": "prod"}]));
    assert_eq!((&plan["name"], &plan["apiStages"]), (&name, &stages));

    let mut deployments = BTreeSet::from([open]);
    for (mode, source) in
        [("monitor", "context.identity.sourceIp"), ("enforce", "method.request.header.Countersign-Signature")]
    {
        if mode == "enforce" {
            stack.deploy("update-stack", &parameters(mode, "2026-11-22"));
        }
        let authorizer = only(stack.items(&["apigateway", "get-authorizers", "--rest-api-id", api]));
        assert_eq!(authorizer["type"], "REQUEST");
        assert_eq!(authorizer["authorizerResultTtlInSeconds"], 0);
        assert_eq!(authorizer["identitySource"], source);
        let outputs = stack.outputs();
        let taken = ["AuthorizerId", "IdentitySource", "ApiKeyRequired", "OriginHeaderRequired"];
        example.deploy("update-stack", &taken.map(|name| (name, outputs[name].as_str())));
        assert_eq!(example.guards_of_methods(api), guards(json!([true, "CUSTOM", authorizer["id"]])));
        let is_new = deployments.insert(example.deployment_of_stage(api, "prod"));
        assert!(is_new, "the stage has an older snapshot in {mode} mode");
    }

    let plan = text(&plan["id"]);
    let old = stack.api_key(plan);
    assert_eq!(old["name"], "CloudFront-pets-2026-11-22");
    let updated = stack.deploy("update-stack", &parameters("enforce", "2026-11-23T06-04-05Z"));
    let new = stack.api_key(plan);
    assert_eq!(new["name"], "CloudFront-pets-2026-11-23T06-04-05Z");
    assert_ne!(new["id"], old["id"]);
    assert_eq!(updated, ["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution"].map(str::to_owned).into());
}

/// Version 2 of the command line writes 1,300 bytes more than version 1. It refuses a template that is too large, and so does the walk
/// through README.md.
#[test]
fn the_stack_of_the_alarms_is_small_enough() {
    let stack = Stack::package("pets-monitoring", "eu-central-2", "monitoring.yaml", &template("monitoring.yaml"));
    assert!(stack.packaged_bytes() <= 49_500, "packaged, monitoring.yaml has {} bytes", stack.packaged_bytes());
}

/// `monitoring.yaml` with the outputs of `api.yaml`'s stack, and the two stacks in us-east-1, whose outputs `api.yaml` takes.
///
/// LocalStack ignores `AWS::CloudFront::Distribution`, `AWS::WAFv2::WebACL` and `AWS::CloudWatch::Dashboard`, makes no alarm ring, and
/// knows no Node newer than 22: "Value nodejs24.x at 'runtime' failed to satisfy constraint".
#[test]
fn each_stack_takes_the_outputs_of_the_others() {
    let edge =
        Stack::package("edge", "us-east-1", "edge.yaml", &template("edge.yaml").replace("nodejs24.x", "nodejs22.x"));
    let code = STANDARD.encode(Sha256::digest(CODE));
    let parameters = [("CodeSha256", code.as_str())];
    edge.deploy("create-stack", &parameters);
    assert_eq!(edge.resources(), resources(&Template::rendered("edge.yaml", &parameters)));
    assert_eq!(edge.ignored_types(), BTreeSet::new());

    let front = Stack::package("front", "us-east-1", "front.yaml", &template("front.yaml"));
    front.deploy("create-stack", &[]);
    assert_eq!(front.ignored_types(), ["AWS::WAFv2::WebACL".to_owned()].into());
    let with_alarms = [("DistributionId", "E2EXAMPLE")];
    front.deploy("update-stack", &with_alarms);
    assert_eq!(front.resources(), resources(&Template::rendered("front.yaml", &with_alarms)));

    let (of_edge, of_front) = (edge.outputs(), front.outputs());
    let taken = [
        ("ApiURL", "abc123.execute-api.eu-west-3.amazonaws.com"),
        ("ApiKind", "HTTP"),
        ("UseApiKey", "false"),
        ("SignerVersionArn", &of_edge["SignerVersionArn"]),
        ("SignerRoleArn", &of_edge["SignerRoleArn"]),
        // LocalStack makes no web ACL: this ARN is of AWS's form.
        ("WebAclArn", WEB_ACL),
        ("AccessLogBucket", &of_front["AccessLogBucket"]),
    ];
    let rendered = Template::rendered("api.yaml", &taken);
    let behavior = &rendered.resource("CFDistribution")["Properties"]["DistributionConfig"]["DefaultCacheBehavior"];
    assert_eq!(behavior["LambdaFunctionAssociations"][0]["LambdaFunctionARN"], of_edge["SignerVersionArn"]);
}

/// The resources and their types that CloudFormation would make.
fn resources(template: &Template) -> BTreeMap<String, String> {
    let named = |(name, resource): (&String, &Value)| (name.clone(), text(&resource["Type"]).to_owned());
    template.resources().iter().map(named).collect()
}
