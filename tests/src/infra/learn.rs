//! What `infra/learn.yaml` promises, in rows; and both halves of its function, with events that others have published.
//!
//! What only AWS shows: that it makes all of this, and that the function runs there.

use crate::{cli::learn::account::observer, infra::support::template::Template, support::artifacts::fixture};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use local::FunctionProcess;
use serde_json::{Value, json};
use std::{fs, time::Duration};
use telemetry::Log;
use tempfile::TempDir;

fn template() -> Template {
    Template::rendered("learn.yaml", &[])
}

/// Its resources of a type, with their properties.
fn of_type(kind: &str) -> Vec<(String, Value)> {
    let template = template();
    let resources = template.resources().iter().filter(|(_, resource)| resource["Type"] == kind);
    let found: Vec<_> = resources.map(|(name, resource)| (name.clone(), resource["Properties"].clone())).collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

#[test]
fn nothing_is_kept_when_the_stack_is_deleted() {
    let template = template();
    assert_eq!(template.value().get("Parameters"), None);
    for (name, resource) in template.resources() {
        assert_eq!((resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")), (None, None), "{name}");
        // What Lambda or a rotation would make beside the stack.
        let kind = resource["Type"].as_str().unwrap();
        let kept = ["AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::Lambda::Version"];
        assert!(!kept.contains(&kind), "{name}");
    }
    // Without a permission to write a log the function makes no log group.
    let [(_, role)] = &of_type("AWS::IAM::Role")[..] else { panic!("one role") };
    assert_eq!(role.as_object().unwrap().keys().collect::<Vec<_>>(), ["AssumeRolePolicyDocument"]);
    // The copies of an edge function are deleted hours later.
    let (_, distribution) = &of_type("AWS::CloudFront::Distribution")[0];
    assert!(!distribution.to_string().contains("FunctionA"), "{distribution}");
}

/// A route without an authorizer would show nothing, and a result that is kept would show the event of another request.
#[test]
fn every_route_asks_the_authorizer_for_every_request() {
    for (name, method) in of_type("AWS::ApiGateway::Method") {
        assert_eq!((&method["AuthorizationType"], &method["HttpMethod"]), (&json!("CUSTOM"), &json!("ANY")), "{name}");
    }
    for (name, route) in of_type("AWS::ApiGatewayV2::Route") {
        // An authorizer of a WebSocket API is asked at $connect only.
        if route["RouteKey"] != "$default" {
            assert_eq!(route["AuthorizationType"], "CUSTOM", "{name}");
        }
    }
    for kind in ["AWS::ApiGateway::Authorizer", "AWS::ApiGatewayV2::Authorizer"] {
        for (name, authorizer) in of_type(kind) {
            let ttl = authorizer.get("AuthorizerResultTtlInSeconds");
            assert_eq!(ttl, (name != "WebSocketAuthorizer").then_some(&json!(0)), "{name}");
        }
    }
}

#[test]
fn nobody_can_make_it_cost_much_or_call_its_function_past_an_api() {
    let [(_, rest)] = &of_type("AWS::ApiGateway::Stage")[..] else { panic!("one stage") };
    assert_eq!(rest["MethodSettings"][0]["ThrottlingRateLimit"], 20);
    for (name, stage) in of_type("AWS::ApiGatewayV2::Stage") {
        assert_eq!(stage["DefaultRouteSettings"]["ThrottlingRateLimit"], 20, "{name}");
    }
    let permissions = of_type("AWS::Lambda::Permission");
    assert_eq!(permissions.len(), 4);
    for (name, permission) in permissions {
        assert_eq!(permission["Principal"], "apigateway.amazonaws.com", "{name}");
        assert!(permission.get("SourceArn").is_some() && permission.get("SourceAccount").is_some(), "{name}");
    }
}

/// An answer that CloudFront keeps would be that to the next target.
#[test]
fn cloudfront_keeps_no_answer_and_forwards_each_path_as_it_is() {
    let (_, distribution) = &of_type("AWS::CloudFront::Distribution")[0];
    let config = &distribution["DistributionConfig"];
    let behaviors = config["CacheBehaviors"].as_array().unwrap().iter().chain([&config["DefaultCacheBehavior"]]);
    for behavior in behaviors {
        assert_eq!(behavior["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad");
        assert_eq!(behavior["OriginRequestPolicyId"], "b689b0a8-53d0-40ab-baf2-68738e2966ac");
    }
    for origin in config["Origins"].as_array().unwrap() {
        assert_eq!(origin.get("OriginPath"), None);
    }
    for error in config["CustomErrorResponses"].as_array().unwrap() {
        assert_eq!(error["ErrorCachingMinTTL"], 0);
    }
    // The first pattern that fits is taken.
    let patterns: Vec<_> = config["CacheBehaviors"].as_array().unwrap().iter().map(|one| &one["PathPattern"]).collect();
    assert_eq!(patterns, ["/http-v1*", "/http*", "/websocket*"]);
}

/// The function, and the folder of its code.
async fn function() -> (FunctionProcess, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("index.js");
    fs::write(&module, observer()).unwrap();
    let function = FunctionProcess::node("observer", &module, &[], Duration::from_secs(10), Log::none()).await;
    (function.unwrap(), folder)
}

#[tokio::test]
async fn the_authorizer_hands_on_the_shape_of_its_event_and_nothing_of_the_caller() {
    let (function, _folder) = function().await;
    for (name, shown) in [
        ("rest-authorizer", "/requestContext/path"),
        ("http-v2-authorizer", "/rawPath"),
        ("http-v1-authorizer", "/path"),
        ("websocket-connect-authorizer", "/requestContext/stage"),
    ] {
        let text = fixture(&format!("api-gateway/{name}.json"));
        let event: Value = serde_json::from_str(&text).unwrap();
        let answer = function.invoke("1", text).await.unwrap();
        let is_simple = event["version"] == "2.0";
        assert_eq!(answer.get("isAuthorized"), is_simple.then_some(&json!(true)), "{name}");
        assert_eq!(answer.get("policyDocument").is_some(), !is_simple, "{name}");
        let observed = STANDARD.decode(answer["context"]["observed"].as_str().unwrap()).unwrap();
        let observed: Value = serde_json::from_slice(&observed).unwrap();
        assert!(observed.pointer(shown).is_some(), "{name}: {observed}");
        assert_eq!(observed.pointer(shown), event.pointer(shown), "{name}");
        let ours = ["content-length", "x-http-method-override", "x-learn"];
        for header in observed["headers"].as_object().unwrap().keys() {
            assert!(ours.contains(&header.to_ascii_lowercase().as_str()), "{name}: {header}");
        }
        for arn in ["methodArn", "routeArn"].iter().filter_map(|arn| observed.get(*arn)) {
            assert!(arn.as_str().unwrap().starts_with("arn:aws:execute-api:REGION:ACCOUNT:API/"), "{arn}");
        }
        let context = &event["requestContext"];
        for private in ["accountId", "apiId", "domainName", "requestId", "connectionId"] {
            let Some(private) = context[private].as_str().filter(|text| !text.is_empty()) else { continue };
            assert!(!observed.to_string().contains(private), "{name}: {private}");
        }
    }
}

#[tokio::test]
async fn our_own_headers_are_kept_in_any_case() {
    let (function, _folder) = function().await;
    let mut event: Value = serde_json::from_str(&fixture("api-gateway/rest-authorizer.json")).unwrap();
    event["headers"] = json!({ "X-Learn": "hello", "Cookie": "a", "content-length": "0" });
    let answer = function.invoke("1", event.to_string()).await.unwrap();
    let observed = STANDARD.decode(answer["context"]["observed"].as_str().unwrap()).unwrap();
    let observed: Value = serde_json::from_slice(&observed).unwrap();
    assert_eq!(observed["headers"], json!({ "X-Learn": "hello", "content-length": "0" }));
    event["headers"] = json!({ "x-LEARN": "unauthorized" });
    let error = function.invoke("1", event.to_string()).await.unwrap_err().to_string();
    assert!(error.ends_with("Unauthorized"), "{error}");
}

#[tokio::test]
async fn the_integration_answers_with_what_the_authorizer_handed_on() {
    let (function, _folder) = function().await;
    for (name, context) in [
        ("rest-integration", "/requestContext/authorizer"),
        ("http-v1-integration", "/requestContext/authorizer"),
        ("http-v2-integration", "/requestContext/authorizer/lambda"),
        ("websocket-message-integration", "/requestContext/authorizer"),
    ] {
        let mut event: Value = serde_json::from_str(&fixture(&format!("api-gateway/{name}.json"))).unwrap();
        event["requestContext"]["authorizer"] = json!({});
        for observed in [None, Some("aGk=")] {
            if let Some(observed) = observed {
                event["requestContext"]["authorizer"] = match context.strip_suffix("/lambda") {
                    Some(_) => json!({ "lambda": { "observed": observed } }),
                    None => json!({ "observed": observed, "principalId": "learn" }),
                };
            }
            let answer = function.invoke("1", event.to_string()).await.unwrap();
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            let expected = observed.map_or(json!({}), |observed| json!({ "observed": observed }));
            assert_eq!((&answer["statusCode"], &body["authorizer"]), (&json!(200), &expected), "{name}");
        }
    }
}
