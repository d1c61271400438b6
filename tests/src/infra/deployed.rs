//! The templates as a user deploys them, by the AWS command line, on LocalStack.
//!
//! It makes most of what they name, and each test says what it does not; what it got wrong is mended, as
//! `tests/localstack/mended.py` says: that resources are replaced at all, for one. It resolves no dynamic reference inside of a text:
//! the API key's value is the reference itself. It works out what conditions leave out, too, and fails where that names something
//! left out: without an API key it cannot make `api.yaml`. It refuses no parameter, reads no Rules, and runs no function.

use crate::infra::support::{
    stack::{CODE, Stack, only, text},
    template::{Template, template},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The whole of `api.yaml`, with the example API: what API Gateway then has, and what a new `Timestamp` makes of it.
///
/// LocalStack ignores `AWS::CloudFront::Distribution` and `AWS::CloudWatch::Dashboard`, and asks nobody for permissions: so this shows
/// neither what CloudFront sends, nor that it sends the new key before the old one ends, nor that the rotator may do all this.
#[test]
fn a_new_timestamp_replaces_the_api_key_and_what_names_it() {
    let stack = Stack::package("pets", "eu-central-1", "api.yaml", &template("api.yaml"));
    let parameters = |timestamp| {
        [
            ("SignerVersionArn", "arn:aws:lambda:us-east-1:000000000000:function:signer:1"),
            ("SignerRoleArn", "arn:aws:iam::000000000000:role/signer"),
            ("ExamplePetStore", "true"),
            ("Mode", "enforce"),
            ("Timestamp", timestamp),
        ]
    };

    stack.deploy("create-stack", &parameters("2026-11-22"));
    assert_eq!(stack.resources(), resources(&Template::rendered("api.yaml", &parameters("2026-11-22"))));
    let ignored = ["AWS::CloudFront::Distribution", "AWS::CloudWatch::Dashboard"];
    assert_eq!(stack.ignored_types(), ignored.map(str::to_owned).into());

    let api = only(stack.items(&["apigateway", "get-rest-apis"]));
    assert_eq!(api["name"], "PetStore-pets");
    let api = text(&api["id"]);
    let authorizer = only(stack.items(&["apigateway", "get-authorizers", "--rest-api-id", api]));
    assert_eq!(authorizer["type"], "REQUEST");
    assert_eq!(authorizer["authorizerResultTtlInSeconds"], 0);
    assert_eq!(authorizer["identitySource"], "method.request.header.Countersign-Signature");
    let guard = json!([true, "CUSTOM", authorizer["id"]]);
    let guarded = ["GET /pets", "GET /pets/{petId}", "POST /pets"].map(|method| (method.to_owned(), guard.clone()));
    assert_eq!(stack.guards_of_methods(api), guarded.into());
    let deployment = only(stack.items(&["apigateway", "get-deployments", "--rest-api-id", api]));
    let stages = stack.aws(&["apigateway", "get-stages", "--rest-api-id", api]).unwrap();
    let stage = only(stages["item"].as_array().unwrap().clone());
    assert_eq!((&stage["stageName"], &stage["deploymentId"]), (&json!("prod"), &deployment["id"]));

    let plan = only(stack.items(&["apigateway", "get-usage-plans"]));
    assert_eq!(
        (&plan["name"], &plan["apiStages"]),
        (&json!("CloudFront-pets"), &json!([{"apiId": api, "stage": "prod"}]))
    );
    let plan = text(&plan["id"]);
    let old = stack.api_key(plan);
    assert_eq!(old["name"], "CloudFront-pets-2026-11-22");

    let updated = stack.deploy("update-stack", &parameters("2026-11-23T06-04-05Z"));
    let new = stack.api_key(plan);
    assert_eq!(new["name"], "CloudFront-pets-2026-11-23T06-04-05Z");
    assert_ne!(new["id"], old["id"]);
    assert_eq!(updated, ["ApiKey", "ApiKeyUsagePlan", "ApiKeyValue", "CFDistribution"].map(str::to_owned).into());
}

/// The whole of `edge.yaml`, and that `api.yaml` takes its outputs.
///
/// LocalStack ignores `AWS::WAFv2::WebACL`, and knows no Node newer than 22: "Value nodejs24.x at
/// 'runtime' failed to satisfy constraint".
#[test]
fn the_edges_outputs_are_what_the_api_takes() {
    let text = template("edge.yaml").replace("nodejs24.x", "nodejs22.x");
    let stack = Stack::package("edge", "us-east-1", "edge.yaml", &text);
    let code = STANDARD.encode(Sha256::digest(CODE));
    let parameters = [("CodeSha256", code.as_str()), ("DistributionId", "E2EXAMPLE")];

    stack.deploy("create-stack", &parameters);
    assert_eq!(stack.resources(), resources(&Template::rendered("edge.yaml", &parameters)));
    let ignored = ["AWS::WAFv2::WebACL"];
    assert_eq!(stack.ignored_types(), ignored.map(str::to_owned).into());

    let outputs = stack.outputs();
    let of_edge = ["SignerVersionArn", "SignerRoleArn"].map(|name| (name, outputs[name].as_str()));
    let api = Template::rendered("api.yaml", &[&of_edge[..], &[("ExamplePetStore", "true")]].concat());
    let behavior = &api.resource("CFDistribution")["Properties"]["DistributionConfig"]["DefaultCacheBehavior"];
    assert_eq!(behavior["LambdaFunctionAssociations"][0]["LambdaFunctionARN"], outputs["SignerVersionArn"]);
}

/// The resources and their types that CloudFormation would make.
fn resources(template: &Template) -> BTreeMap<String, String> {
    let named = |(name, resource): (&String, &Value)| (name.clone(), text(&resource["Type"]).to_owned());
    template.resources().iter().map(named).collect()
}
