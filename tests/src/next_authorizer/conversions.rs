//! What the function gets instead of the event.

use crate::next_authorizer::functions::{Function, LANGUAGES, MARKER, event};
use authorizer::{DelegateFailure, Kind};
use local::InvokeOptions;
use serde_json::{Map, Value, json};

/// The event that the function has printed.
fn printed(function: &Function) -> Value {
    let lines = function.lines.take_lines();
    let events: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("event ")).collect();
    let [event] = events[..] else { panic!("{lines:?}") };
    serde_json::from_str(event).unwrap()
}

const V1: [(&str, &str); 2] = [("COUNTERSIGN_NEXT_PAYLOAD", "1.0"), ("COUNTERSIGN_ANSWER", "policy")];

/// The rewritten event is what an HTTP API with format 1.0 shows of the same request, but for the members that format 2.0 lacks and
/// for the case of header names.
#[tokio::test]
async fn a_rewritten_event_is_that_of_an_api_with_format_1_0() {
    const LACKING: [&str; 2] = ["extendedRequestId", "resourceId"];
    for language in LANGUAGES {
        let function = Function::start(language, InvokeOptions::default()).await;
        for target in ["/prod/pets/1", "/prod/pets/1?a=1", "/prod/a%2Fb?a=1&b=x+y%2Bz&a=2&c&d=%C3%A9", "/prod/?%26=%3D"]
        {
            let more = [("Cookie", "a=1; b=2"), ("User-Agent", "u"), ("X-Other", "o")];
            let http = event(Kind::Http, "print", target, &more);
            assert!(function.ask(&V1, &http).await.unwrap().allows(), "{target}");
            let found = printed(&function);
            let mut expected = event(Kind::HttpV1, "print", target, &more);
            // The two events are made one after the other.
            for name in ["requestTime", "requestTimeEpoch"] {
                expected["requestContext"][name] = found["requestContext"][name].clone();
            }
            for name in ["headers", "multiValueHeaders"] {
                let headers = expected[name].as_object().unwrap();
                expected[name] = headers
                    .iter()
                    .map(|(name, value)| (name.to_lowercase(), value.clone()))
                    .collect::<Map<_, _>>()
                    .into();
            }
            for name in LACKING {
                expected["requestContext"].as_object_mut().unwrap().remove(name);
            }
            let identity = expected["requestContext"]["identity"].as_object_mut().unwrap();
            identity.retain(|_, value| !value.is_null());
            assert_eq!(found, expected, "{target}");
        }
    }
}

#[tokio::test]
async fn a_token_authorizer_decides_from_its_token() {
    for language in LANGUAGES {
        let function = Function::start(language, InvokeOptions::default()).await;
        let settings =
            [("COUNTERSIGN_NEXT_PAYLOAD", "token"), ("COUNTERSIGN_NEXT_IDENTITY", "method.request.header.x-do")];
        for (way, expected) in [("allow", Ok(true)), ("deny", Ok(false)), ("unauthorized", Err("next-unauthorized"))] {
            let asked = function.ask(&settings, &event(Kind::Rest, way, "/prod/pets/1", &[])).await;
            let found = asked.map(|answer| answer.allows()).map_err(|failure| failure.reason());
            assert_eq!(found, expected, "{way} in {language}");
        }
        let printing = event(Kind::Rest, "print", "/prod/pets/1", &[]);
        function.ask(&settings, &printing).await.unwrap();
        let token = json!({ "type": "TOKEN", "methodArn": printing["methodArn"], "authorizationToken": "print" });
        assert_eq!(printed(&function), token);
    }
}

#[tokio::test]
async fn an_unchanged_event_arrives_as_it_is() {
    let function = Function::start("node", InvokeOptions::default()).await;
    for (kind, target) in
        [(Kind::Rest, "/prod/p?a=1&a=2"), (Kind::Http, "/prod/p?a=1&a=2"), (Kind::WebSocket, "/prod?a=1")]
    {
        let event = event(kind, "print", target, &[]);
        assert!(event.to_string().contains(MARKER));
        function.ask(&[], &event).await.unwrap();
        assert_eq!(printed(&function), event);
    }
}

#[tokio::test]
async fn a_missing_identity_source_keeps_the_function_unasked() {
    let function = Function::start("node", InvokeOptions::default()).await;
    for (kind, source) in [
        (Kind::Rest, "method.request.header.X-Api-Token"),
        (Kind::Http, "$request.header.X-Api-Token"),
        (Kind::WebSocket, "route.request.querystring.token"),
    ] {
        let target = if kind == Kind::WebSocket { "/prod" } else { "/prod/p" };
        let asked = function.ask(&[("COUNTERSIGN_NEXT_IDENTITY", source)], &event(kind, "print", target, &[])).await;
        assert_eq!(asked.err(), Some(DelegateFailure::IdentityMissing(source.to_owned())));
    }
    assert_eq!(function.lines.take_lines(), Vec::<String>::new());
}
