//! The event of a WebSocket API at `$connect`.

use crate::gateway::{
    event::{Api, ApiRequest},
    routes::Routes,
    websocket::event::websocket_event,
};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const API: Api<'static> = Api {
    region: "us-east-1",
    account_id: "123456789012",
    api_id: "abcdef123",
    stage: "default",
    domain_name: "abcdef123.execute-api.us-east-1.amazonaws.com",
    base_path: None,
    routes: Routes::All,
    identity_sources: &[],
};

fn event_of(api: &Api<'_>, target: &str, headers: &[(&str, &str)]) -> Option<Value> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method: "GET",
        target,
        headers: &headers,
        source_ip: "192.0.2.1",
        request_id: "abc123",
        extended_request_id: "XYZ123=",
    };
    websocket_event(api, &request, "def456", UNIX_EPOCH + Duration::from_millis(1_674_162_806_345))
}

/// The values are those of a `$connect` event that powertools for TypeScript has as a test event. Only the time is the same in all
/// members here.
#[test]
fn as_captured() {
    let headers = [
        ("Connection", "upgrade"),
        ("content-length", "0"),
        ("Host", "abcdef123.execute-api.us-east-1.amazonaws.com"),
        ("Upgrade", "websocket"),
    ];
    let expected = json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/default/$connect",
        "headers": {
            "Connection": "upgrade",
            "content-length": "0",
            "Host": "abcdef123.execute-api.us-east-1.amazonaws.com",
            "Upgrade": "websocket",
        },
        "multiValueHeaders": {
            "Connection": ["upgrade"],
            "content-length": ["0"],
            "Host": ["abcdef123.execute-api.us-east-1.amazonaws.com"],
            "Upgrade": ["websocket"],
        },
        "queryStringParameters": { "QueryString1": "queryValue1" },
        "multiValueQueryStringParameters": { "QueryString1": ["queryValue1"] },
        "stageVariables": {},
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": "XYZ123=",
            "requestTime": "19/Jan/2023:21:13:26 +0000",
            "messageDirection": "IN",
            "stage": "default",
            "connectedAt": 1_674_162_806_345_u64,
            "requestTimeEpoch": 1_674_162_806_345_u64,
            "identity": { "sourceIp": "192.0.2.1" },
            "requestId": "abc123",
            "domainName": "abcdef123.execute-api.us-east-1.amazonaws.com",
            "connectionId": "def456",
            "apiId": "abcdef123",
        },
    });
    assert_eq!(event_of(&API, "/default?QueryString1=queryValue1", &headers), Some(expected));
}

/// Only the stage, or the mapping key, itself.
#[test]
fn paths() {
    #[track_caller]
    fn check(base_path: Option<&str>, target: &str, arrives: bool) {
        let event = event_of(&Api { base_path, ..API }, target, &[]);
        assert_eq!(event.is_some(), arrives, "{target}");
        if let Some(event) = event {
            // The event is the same for all of them.
            assert_eq!(event["methodArn"], "arn:aws:execute-api:us-east-1:123456789012:abcdef123/default/$connect");
            assert_eq!((event.get("path"), event["requestContext"].get("path")), (None, None));
        }
    }
    for target in ["/default", "/default/", "/default?a", "/default/?a"] {
        check(None, target, true);
    }
    for target in ["/", "", "/defaults", "/default//", "//default", "/default/a", "/Default", "/%64efault"] {
        check(None, target, false);
    }
    for target in ["/v1/x", "/v1/x/", "/v1/x?a"] {
        check(Some("/v1/x"), target, true);
    }
    for target in ["/", "/v1", "/v1/x/a", "/v1/xy", "/default", "/v1/x/default"] {
        check(Some("/v1/x"), target, false);
    }
    for (target, arrives) in [("/", true), ("/?a", true), ("/a", false), ("/default", false), ("//", false)] {
        check(Some(""), target, arrives);
    }
}

/// As at a REST API: believed. Without a query the members are missing, as in AWS's documented example of a `$connect` event.
#[test]
fn queries() {
    #[track_caller]
    fn check(query: &str, last: Value, all: Value) {
        let event = event_of(&API, &format!("/default{query}"), &[]).unwrap();
        assert_eq!(event.get("queryStringParameters").cloned().unwrap_or_default(), last);
        assert_eq!(event.get("multiValueQueryStringParameters").cloned().unwrap_or_default(), all);
        assert_eq!(event.get("queryStringParameters").is_none(), last.is_null());
    }
    check("", Value::Null, Value::Null);
    check("?", Value::Null, Value::Null);
    check("?&;", Value::Null, Value::Null);
    check("?a=1;b=2", json!({ "a": "1", "b": "2" }), json!({ "a": ["1"], "b": ["2"] }));
    check("?b=%41+x&a&b=%2B", json!({ "a": "", "b": "+" }), json!({ "a": [""], "b": ["A x", "+"] }));
}

#[test]
fn headers() {
    let headers = [("X-A", "1"), ("x-a", "2"), ("X-A", "3"), ("user-agent", "agent")];
    let event = event_of(&API, "/default", &headers).unwrap();
    assert_eq!(event["headers"], json!({ "X-A": "3", "user-agent": "agent", "x-a": "2" }));
    assert_eq!(event["multiValueHeaders"], json!({ "X-A": ["1", "3"], "user-agent": ["agent"], "x-a": ["2"] }));
    assert_eq!(event["requestContext"]["identity"], json!({ "sourceIp": "192.0.2.1", "userAgent": "agent" }));
}
