//! The events of each kind of API, and the answer that each expects.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod events;
mod support;

use authorizer::AuthorizerError;
use events::{API, HANDSHAKE, TARGET, http, http_v1, kinds, maps, policy, rest, simple, verified, websocket};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use support::{NOW, Subject, headers};

#[tokio::test]
async fn each_kind_is_answered_in_the_form_that_it_expects() {
    for answer in ["simple", "policy"] {
        let subject = Subject::new(&[("COUNTERSIGN_ANSWER", answer)]);
        for (kind, event, arn) in kinds() {
            let is_simple = answer == "simple" && kind == "HTTP, payload 2.0";
            let (path, target) = if kind == "WebSocket" { ("/", HANDSHAKE) } else { ("/pets", TARGET) };
            let context = verified(path, target);
            let allow = if is_simple { simple(true, context) } else { policy("Allow", &arn, context) };
            let (seen, line) = subject.ask(&event).await;
            assert_eq!(seen, allow, "{kind}, {answer}: {line}");

            let deny = if is_simple { simple(false, json!({})) } else { policy("Deny", &arn, json!({})) };
            let mut unsigned = event;
            for map in ["headers", "multiValueHeaders"] {
                if let Some(map) = unsigned[map].as_object_mut() {
                    map.remove("countersign-signature");
                }
            }
            let (seen, line) = subject.ask(&unsigned).await;
            assert_eq!((seen, &line["reason"]), (deny, &json!("header-missing")), "{kind}, {answer}");
        }
    }
}

#[tokio::test]
async fn an_answer_in_monitor_mode_has_the_same_form() {
    let subject = Subject::new(&[("COUNTERSIGN_ANSWER", "policy"), ("COUNTERSIGN_MODE", "monitor")]);
    for (kind, mut event, arn) in kinds() {
        event["requestContext"]["domainName"] = json!("other.example");
        let (seen, line) = subject.ask(&event).await;
        let context = json!({ "countersign": "would-refuse" });
        assert_eq!((seen, &line["reason"]), (policy("Allow", &arn, context), &json!("host")), "{kind}");
    }
}

/// One change of what the gateway shows.
#[tokio::test]
async fn an_event_that_differs_from_what_was_signed_is_refused() {
    let subject = Subject::new(&[]);
    for (base, pointer, value, reason) in [
        (http_v1(TARGET), "/path", json!("/prod/dogs"), "path"),
        (http_v1(TARGET), "/path", json!("/pets"), "path"),
        (http_v1(TARGET), "/path", Value::Null, "path"),
        (http_v1(TARGET), "/multiValueQueryStringParameters", json!({ "x": ["2", "1"] }), "query"),
        (http_v1(TARGET), "/multiValueQueryStringParameters", json!({ "x": ["1", "2"], "y": ["3"] }), "query"),
        (http_v1(TARGET), "/multiValueQueryStringParameters", Value::Null, "repeats-hidden"),
        (http_v1(TARGET), "/multiValueHeaders", Value::Null, "repeats-hidden"),
        (http_v1(TARGET), "/httpMethod", json!("POST"), "method"),
        (http_v1(TARGET), "/requestContext/httpMethod", json!("POST"), "method"),
        (http_v1(TARGET), "/requestContext/requestTimeEpoch", Value::Null, "request-time"),
        (http_v1(TARGET), "/requestContext/domainName", Value::Null, "host"),
        (http_v1(TARGET), "/multiValueHeaders/countersign-target", json!([TARGET, TARGET]), "header-repeated"),
        (websocket(HANDSHAKE), "/requestContext/stage", json!("dev"), "path"),
        (websocket(HANDSHAKE), "/requestContext/stage", Value::Null, "path"),
        (websocket("/?x=1&x=2"), "/requestContext/stage", Value::Null, "path"),
        (websocket(HANDSHAKE), "/requestContext/apiId", json!("def456"), "base-path-unlisted"),
        (websocket(HANDSHAKE), "/requestContext/apiId", Value::Null, "base-path-unlisted"),
        (websocket(HANDSHAKE), "/requestContext/domainName", Value::Null, "host"),
        (websocket(HANDSHAKE), "/requestContext/requestTimeEpoch", json!("x"), "request-time"),
        (websocket(HANDSHAKE), "/multiValueQueryStringParameters", json!({ "x": ["2", "1"] }), "query"),
        (websocket(HANDSHAKE), "/multiValueQueryStringParameters", Value::Null, "repeats-hidden"),
        (websocket(HANDSHAKE), "/multiValueHeaders", Value::Null, "repeats-hidden"),
        (
            websocket(HANDSHAKE),
            "/multiValueHeaders/Connection",
            json!(["upgrade, countersign-target"]),
            "connection-option",
        ),
        (websocket("/prod/pets?x=1&x=2"), "/body", Value::Null, "path"),
    ] {
        let mut event = base;
        *event.pointer_mut(pointer).unwrap() = value.clone();
        let (answer, line) = subject.ask(&event).await;
        assert_eq!(line["reason"], reason, "{pointer} {value}");
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Deny");
    }
}

/// Monitor mode has nothing to allow either: the event does not name what an answer must name, or hides a part of the request.
#[tokio::test]
async fn an_event_that_no_answer_could_be_about_is_an_error_in_both_modes() {
    for mode in ["enforce", "monitor"] {
        let subject = Subject::new(&[("COUNTERSIGN_MODE", mode), ("COUNTERSIGN_ANSWER", "policy")]);
        for (base, pointer, value, expected) in [
            (http(TARGET), "/routeArn", Value::Null, "methodArn (routeArn in payload format 2.0) is missing"),
            (http(TARGET), "/routeArn", json!("arn:x"), "methodArn (routeArn in payload format 2.0) is missing"),
            (http(TARGET), "/routeArn", json!(format!("{API}/*/GET/pets")), "is missing or is not"),
            (http_v1(TARGET), "/methodArn", Value::Null, "is missing"),
            (websocket(HANDSHAKE), "/methodArn", json!("x"), "is missing"),
            (http(TARGET), "/version", json!("3.0"), "has an unknown payload format"),
            (
                websocket(HANDSHAKE),
                "/requestContext/eventType",
                json!("MESSAGE"),
                "a route of a WebSocket API other than $connect",
            ),
            (websocket(HANDSHAKE), "/requestContext/eventType", json!("DISCONNECT"), "other than $connect"),
            (websocket(HANDSHAKE), "/requestContext/eventType", Value::Null, "other than $connect"),
            (websocket(HANDSHAKE), "/requestContext/routeKey", json!("$default"), "other than $connect"),
            (websocket(HANDSHAKE), "/requestContext/routeKey", Value::Null, "other than $connect"),
            (rest(TARGET), "/multiValueQueryStringParameters", json!({}), "has query parameters, and none in"),
            (websocket(HANDSHAKE), "/multiValueQueryStringParameters", json!({}), "has query parameters, and none in"),
            (
                http_v1(TARGET),
                "/multiValueQueryStringParameters",
                json!({ "x": [] }),
                "has a query parameter without a value",
            ),
        ] {
            let mut event = base;
            *event.pointer_mut(pointer).unwrap() = value.clone();
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
            let error = subject.authorizer.authorize(&event.to_string(), now).await.expect_err(pointer);
            assert!(matches!(error, AuthorizerError::Event(_)), "{error}");
            assert!(error.to_string().contains(expected), "{pointer} {value}: {error}");
            let lines = subject.log.take();
            assert_eq!(lines.last().unwrap()["event"], "event-unreadable");
        }
        let mut both = websocket(HANDSHAKE);
        both["httpMethod"] = json!("GET");
        let error = subject.authorizer.authorize(&both.to_string(), SystemTime::now()).await.unwrap_err();
        assert!(error.to_string().contains("is from a WebSocket API, and has a path or a method"), "{error}");
        subject.log.take();
    }
}

#[tokio::test]
async fn the_log_names_the_route_as_each_kind_names_it() {
    let subject = Subject::new(&[]);
    for (kind, mut event, _) in kinds() {
        event["requestContext"]["domainName"] = json!("other.example");
        let line = subject.ask(&event).await.1;
        let expected = match kind {
            "REST" | "HTTP, payload 1.0" => (json!("/pets"), Value::Null),
            "WebSocket" => (Value::Null, json!("$connect")),
            _ => (Value::Null, json!("GET /pets")),
        };
        assert_eq!((line["resource"].clone(), line["route_key"].clone()), expected, "{kind}");
        assert_eq!((&line["method"], &line["gateway_source_ip"]), (&json!("GET"), &json!("198.51.100.1")), "{kind}");
    }
}

/// On a custom domain the event shows no mapping key: the list says which API and stage it leads to.
#[tokio::test]
async fn a_websocket_api_behind_a_custom_domain_is_admitted_only_from_a_listed_mapping() {
    const NAME: &str = "ws.example.com";
    let event = |target: &str| {
        let mut event = websocket(HANDSHAKE);
        event["multiValueHeaders"] = Value::Object(maps(headers("GET", NAME, target, None)).1);
        event["requestContext"]["domainName"] = json!(NAME);
        event["queryStringParameters"] = Value::Null;
        event["multiValueQueryStringParameters"] = Value::Null;
        event
    };
    let listed =
        Subject::new(&[("COUNTERSIGN_BASE_PATHS", "ws.example.com/chat=abc123/prod,ws.example.com/b=abc123/dev")]);
    for (target, reason) in [
        ("/chat", Value::Null),
        ("/chat/", Value::Null),
        ("/b", json!("path")),
        ("/prod", json!("path")),
        ("/chat/x", json!("path")),
    ] {
        assert_eq!(listed.ask(&event(target)).await.1["reason"], reason, "{target}");
    }
    let unlisted = Subject::new(&[]);
    for target in ["/chat", "/prod", "/"] {
        assert_eq!(unlisted.ask(&event(target)).await.1["reason"], "base-path-unlisted", "{target}");
    }
}
