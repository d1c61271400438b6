//! What `infra/example.yaml` promises, in rows.

use crate::infra::support::{
    rows::{api, check, example},
    template::Template,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A deployment is a picture: were one to serve two combinations, a change from the one to the other would deploy nothing.
#[test]
fn each_combination_has_a_deployment_of_its_own() {
    let mut seen = BTreeSet::from([only_deployment(&example(&[]))]);
    for mode in ["monitor", "enforce"] {
        for key in [true, false] {
            for header in [true, false] {
                let (key_text, header_text) = (key.to_string(), header.to_string());
                let choice = [("Mode", mode), ("UseApiKey", &*key_text), ("OriginSecretHeader", &header_text)];
                let outputs = api(&choice).value()["Outputs"].clone();
                let output = |name: &'static str| (name, outputs[name]["Value"].as_str().unwrap());
                let taken = ["IdentitySource", "ApiKeyRequired", "OriginHeaderRequired"].map(output);
                let stack = example(&[&[("AuthorizerId", "abc123")], &taken[..]].concat());
                let methods = of_type(&stack, "AWS::ApiGateway::Method");
                assert_eq!(methods.len(), 3);
                for method in &methods {
                    let validator = if header { json!({"Ref": "Validator"}) } else { Value::Null };
                    let asked = if header { json!(true) } else { Value::Null };
                    let rows = [
                        (&**method, "/Properties/AuthorizationType", json!("CUSTOM")),
                        (method, "/Properties/AuthorizerId", json!("abc123")),
                        (method, "/Properties/ApiKeyRequired", json!(key)),
                        (method, "/Properties/RequestValidatorId", validator),
                        (method, "/Properties/RequestParameters/method.request.header.x-origin-verify", asked),
                    ];
                    check(&stack, &rows);
                }
                let deployment = only_deployment(&stack);
                let waits = &stack.resource(&deployment)["DependsOn"];
                let mut waits: Vec<_> = waits.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                waits.sort_unstable();
                assert_eq!(waits, methods, "it is a picture of all methods");
                check(&stack, &[("Stage", "/Properties/DeploymentId", json!({"Ref": deployment}))]);
                check(&stack, &[("Validator", "/Properties/ValidateRequestParameters", json!(true))]);
                assert!(seen.insert(deployment.clone()), "{deployment} is another combination's too");
                let source = outputs["IdentitySource"]["Value"].as_str().unwrap();
                let name = format!("Deployment{}", words_of(source));
                assert!(
                    deployment.starts_with(&name),
                    "the identity source is {source}: rename {deployment} to {name}…, or stages that exist keep the old source"
                );
            }
        }
    }
    assert_eq!(seen.len(), 9);
}

/// Before there is an authorizer, nothing is required that only CloudFront sends.
#[test]
fn without_an_authorizer_everybody_may_call_it() {
    for parameters in [&[][..], &[("ApiKeyRequired", "true"), ("OriginHeaderRequired", "true")]] {
        let stack = example(parameters);
        for method in of_type(&stack, "AWS::ApiGateway::Method") {
            let rows = [
                (&*method, "/Properties/AuthorizationType", json!("NONE")),
                (&method, "/Properties/AuthorizerId", Value::Null),
                (&method, "/Properties/ApiKeyRequired", json!(false)),
                (&method, "/Properties/RequestValidatorId", Value::Null),
                (&method, "/Properties/RequestParameters/method.request.header.x-origin-verify", Value::Null),
            ];
            check(&stack, &rows);
        }
        check(&stack, &[("Stage", "/Properties/DeploymentId", json!({"Ref": "DeploymentOpen"}))]);
    }
}

#[test]
fn its_stage_is_throttled() {
    let settings =
        json!([{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100}]);
    check(&example(&[]), &[("Stage", "/Properties/MethodSettings", settings)]);
}

#[test]
fn its_outputs_are_what_the_other_stacks_take() {
    let outputs = example(&[("AWS::Region", "eu-west-1"), ("AWS::StackName", "pets")]).value()["Outputs"].clone();
    assert_eq!(outputs["ApiURL"]["Value"], json!({"Fn::Sub": "${Api}.execute-api.eu-west-1.amazonaws.com/${Stage}"}));
    assert_eq!(outputs["ApiName"]["Value"], "PetStore-pets");
    for (name, template) in [("ApiURL", "api.yaml"), ("ApiName", "monitoring.yaml")] {
        assert!(
            Template::raw(template).value()["Parameters"].get(name).is_some(),
            "{template} has no parameter {name}"
        );
    }
}

/// The names of the resources of this type.
fn of_type(stack: &Template, wanted: &str) -> Vec<String> {
    let resources = stack.resources().iter().filter(|(_, resource)| resource["Type"] == wanted);
    resources.map(|(name, _)| name.clone()).collect()
}

#[track_caller]
fn only_deployment(stack: &Template) -> String {
    let [deployment] = <[String; 1]>::try_from(of_type(stack, "AWS::ApiGateway::Deployment")).expect("one deployment");
    deployment
}

/// What the names of deployments have to hold, so that another identity source is another deployment: an update changes the
/// authorizer in its place, and a stage goes on with the picture that it has.
fn words_of(identity_source: &str) -> String {
    let names = identity_source.split(',').map(|source| source.trim().rsplit('.').next().unwrap());
    names
        .flat_map(|name| name.split('-'))
        .map(|word| word.split_at(1))
        .map(|(first, rest)| first.to_uppercase() + rest)
        .collect()
}

#[test]
fn another_identity_source_has_other_words() {
    for (source, words) in [
        ("method.request.header.Countersign-Signature", "CountersignSignature"),
        ("method.request.header.Signature-Input, method.request.header.Signature", "SignatureInputSignature"),
        ("context.identity.sourceIp", "SourceIp"),
    ] {
        assert_eq!(words_of(source), words);
    }
}
