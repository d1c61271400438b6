//! What `infra/api.yaml` promises of its example, the Pet Store, in rows.

use crate::infra::support::rows::{PET_STORE, api, check};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A deployment is a picture: were one to serve two combinations, a change from the one to the other would deploy nothing.
#[test]
fn the_pet_store_has_a_deployment_of_its_own_for_each_combination() {
    let mut seen = BTreeSet::new();
    for mode in ["monitor", "enforce"] {
        for key in [true, false] {
            for header in [true, false] {
                let (key_text, header_text) = (key.to_string(), header.to_string());
                let choice = [("Mode", mode), ("UseApiKey", &*key_text), ("OriginSecretHeader", &header_text)];
                let stack = api(&[PET_STORE, &choice].concat());
                let of_type = |wanted: &str| {
                    let resources = stack.resources().iter().filter(|(_, resource)| resource["Type"] == wanted);
                    resources.map(|(name, _)| name.clone()).collect::<Vec<_>>()
                };
                let methods = of_type("AWS::ApiGateway::Method");
                assert_eq!(methods.len(), 3);
                for method in &methods {
                    let validator = if header { json!({"Ref": "PetStoreValidator"}) } else { Value::Null };
                    let asked = if header { json!(true) } else { Value::Null };
                    let rows = [
                        (&**method, "/Properties/AuthorizationType", json!("CUSTOM")),
                        (method, "/Properties/AuthorizerId", json!({"Ref": "RestAuthorizer"})),
                        (method, "/Properties/ApiKeyRequired", json!(key)),
                        (method, "/Properties/RequestValidatorId", validator),
                        (method, "/Properties/RequestParameters/method.request.header.x-origin-verify", asked),
                    ];
                    check(&stack, &rows);
                }
                let [deployment] = &of_type("AWS::ApiGateway::Deployment")[..] else { panic!("one deployment") };
                let waits = &stack.resource(deployment)["DependsOn"];
                let mut waits: Vec<_> = waits.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                waits.sort_unstable();
                assert_eq!(waits, methods, "it is a picture of all methods");
                check(&stack, &[("PetStoreStage", "/Properties/DeploymentId", json!({"Ref": deployment}))]);
                check(&stack, &[("PetStoreValidator", "/Properties/ValidateRequestParameters", json!(true))]);
                assert!(seen.insert(deployment.clone()), "{deployment} is another combination's too");
                let source = stack.resource("RestAuthorizer")["Properties"]["IdentitySource"].as_str().unwrap();
                let name = format!("PetStoreDeployment{}", words_of(source));
                assert!(
                    deployment.starts_with(&name),
                    "the identity source is {source}: rename {deployment} to {name}…, or stages that exist keep the old source"
                );
            }
        }
    }
    let others = api(&[]).resources().keys().filter(|name| name.starts_with("PetStore")).count();
    assert_eq!(others, 0);
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
