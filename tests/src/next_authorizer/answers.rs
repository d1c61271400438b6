//! What is made of each answer and of each failure, at each kind of API.

use crate::next_authorizer::functions::{Function, KINDS, LANGUAGES, event};
use authorizer::{DelegateFailure, Kind};
use local::{InvokeOptions, Verdict, evaluate, is_authorized};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The target of a request that each kind of API serves.
fn target(kind: Kind) -> &'static str {
    match kind {
        Kind::WebSocket => "/prod?q=1",
        Kind::Rest | Kind::Http | Kind::HttpV1 => "/prod/pets/1?q=1",
    }
}

fn ours() -> Map<String, Value> {
    let ours = json!({ "countersign": "verified", "countersignPath": "/pets/1", "viewerIp": "203.0.113.7" });
    ours.as_object().unwrap().clone()
}

/// The expected result: whether it is an allow, or the reason.
type Expected = Result<bool, &'static str>;

const WAYS: [(&str, Expected); 15] = [
    ("allow", Ok(true)),
    ("deny", Ok(false)),
    ("everything", Ok(true)),
    ("other", Ok(false)),
    ("hostile", Ok(true)),
    ("unauthorized", Err("next-unauthorized")),
    ("throws", Err("next-failed")),
    ("crash", Err("next-failed")),
    ("huge", Err("next-answer")),
    ("large", Err("next-answer")),
    ("null", Err("next-answer")),
    ("text", Err("next-answer")),
    ("list", Err("next-answer")),
    ("types", Err("next-answer")),
    ("context", Err("next-answer")),
];

#[tokio::test]
async fn each_answer_is_handed_on_or_has_its_reason_at_each_kind_of_api() {
    for language in LANGUAGES {
        let function = Function::start(language, InvokeOptions::default()).await;
        for (kind, (way, expected)) in KINDS.into_iter().flat_map(|kind| WAYS.map(|way| (kind, way))) {
            let event = event(kind, way, target(kind), &[]);
            let asked = function.ask(&[("COUNTERSIGN_NEXT_TIMEOUT", "20")], &event).await;
            let found = asked.as_ref().map(|answer| answer.allows()).map_err(DelegateFailure::reason);
            assert_eq!(found, expected, "{way} in {language} at {kind:?}");
            let Ok(answer) = asked else { continue };
            let written = serde_json::to_value(answer.with_context(&ours()).unwrap()).unwrap();
            assert_eq!(gateway_allows(kind, &written, &event), answer.allows(), "{way} in {language} at {kind:?}");
            let mut context = written["context"].as_object().unwrap().clone();
            for (name, value) in ours() {
                assert_eq!(context.remove(&name), Some(value), "{way} in {language} at {kind:?}");
            }
            let own = match way {
                "allow" => json!({ "tenant": "own", "number": 1.5, "flag": true }),
                "deny" | "hostile" => json!({ "tenant": "own" }),
                _ => json!({}),
            };
            assert_eq!(Value::Object(context), own, "{way} in {language} at {kind:?}");
        }
    }
}

/// How the gateway of that kind reads the answer.
fn gateway_allows(kind: Kind, answer: &Value, event: &Value) -> bool {
    match kind {
        Kind::Http => is_authorized(answer).unwrap(),
        Kind::Rest | Kind::HttpV1 | Kind::WebSocket => match evaluate(answer, event["methodArn"].as_str().unwrap()) {
            Verdict::Allow => true,
            Verdict::ExplicitDeny | Verdict::ImplicitDeny => false,
            Verdict::Broken(reason) => panic!("{reason}"),
        },
    }
}

#[tokio::test]
async fn a_slow_function_is_not_waited_for() {
    for language in LANGUAGES {
        let function = Function::start(language, InvokeOptions::default()).await;
        let slow = event(Kind::Rest, "slow", "/prod/pets/1", &[]);
        let failure = function.ask(&[("COUNTERSIGN_NEXT_TIMEOUT", "1")], &slow).await.unwrap_err();
        assert_eq!(failure, DelegateFailure::TimedOut(Duration::from_secs(1)));
        let allow = event(Kind::Rest, "allow", "/prod/pets/1", &[]);
        assert!(function.ask(&[("COUNTERSIGN_NEXT_TIMEOUT", "20")], &allow).await.unwrap().allows(), "{language}");
    }
}

#[tokio::test]
async fn the_timeout_of_the_function_itself_is_a_failure() {
    let options = InvokeOptions { timeout: Duration::from_secs(1), ..InvokeOptions::default() };
    let function = Function::start("node", options).await;
    let slow = event(Kind::Http, "slow", "/prod/pets/1", &[]);
    let failure = function.ask(&[("COUNTERSIGN_NEXT_TIMEOUT", "20")], &slow).await.unwrap_err();
    assert_eq!(failure, DelegateFailure::Failed { error_type: Some("Sandbox.Timedout".to_owned()) });
}

#[tokio::test]
async fn a_function_that_aws_does_not_run_has_its_reason() {
    let function = Function::start("node", InvokeOptions { concurrency: 0, ..InvokeOptions::default() }).await;
    let arn = function.api.function_arn().to_owned();
    let allow = event(Kind::Rest, "allow", "/prod/pets/1", &[]);
    for (named, reason) in [
        (arn.clone(), "next-throttled"),
        (arn.replace("next", "other"), "next-not-allowed"),
        (arn.replace("us-east-1", "eu-west-1"), "next-not-allowed"),
        (format!("{arn}:live"), "next-not-run"),
    ] {
        let failure = function.ask(&[("COUNTERSIGN_NEXT_AUTHORIZER", &named)], &allow).await.unwrap_err();
        assert_eq!(failure.reason(), reason, "{named}: {failure}");
    }
}
