//! The event of a REST API.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::gateway_event::{Api, ApiRequest};
use crate::rest_event::rest_event;

const API: Api<'static> = Api {
    region: "us-west-2",
    account_id: "910345601053",
    api_id: "5h7pqvr9u4",
    stage: "live",
    domain_name: "5h7pqvr9u4.execute-api.us-west-2.amazonaws.com",
    identity_sources: &[],
};

fn event_of(method: &str, target: &str, headers: &[(&str, &str)], milliseconds: u64) -> Option<Value> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method,
        target,
        headers: &headers,
        source_ip: "68.8.83.18",
        request_id: "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0",
        extended_request_id: "ATfSdF7nPHcErRA=",
    };
    rest_event(&API, &request, UNIX_EPOCH + Duration::from_millis(milliseconds))
}

/// The values are those of an event that was captured behind a deployed REST API. It is an integration's: an
/// authorizer's has a type, a method ARN and no body, and nulls in `identity` where that one has empty strings.
#[test]
fn as_captured() {
    let headers = [
        ("Host", "5h7pqvr9u4.execute-api.us-west-2.amazonaws.com"),
        ("User-Agent", "curl/8.7.1"),
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("cookie", "session=abc123; theme=dark"),
        ("x-voker-probe", "first"),
        ("x-voker-probe", "second"),
        ("X-Amzn-Trace-Id", "Root=1-6a5145a8-536f3e792f6be9b44c1f46fa"),
        ("X-Forwarded-For", "68.8.83.18"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let target = "/live/capture/space%20value?repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb\
                  &literalPlus=a+b&encodedPlus=a%2Bb&empty=";
    let expected = json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-west-2:910345601053:5h7pqvr9u4/live/POST/capture/space%20value",
        "resource": "/{proxy+}",
        "path": "/capture/space%20value",
        "httpMethod": "POST",
        "headers": {
            "Host": "5h7pqvr9u4.execute-api.us-west-2.amazonaws.com",
            "User-Agent": "curl/8.7.1",
            "X-Amzn-Trace-Id": "Root=1-6a5145a8-536f3e792f6be9b44c1f46fa",
            "X-Forwarded-For": "68.8.83.18",
            "X-Forwarded-Port": "443",
            "X-Forwarded-Proto": "https",
            "accept": "*/*",
            "content-type": "application/json",
            "cookie": "session=abc123; theme=dark",
            "x-voker-probe": "second",
        },
        "multiValueHeaders": {
            "Host": ["5h7pqvr9u4.execute-api.us-west-2.amazonaws.com"],
            "User-Agent": ["curl/8.7.1"],
            "X-Amzn-Trace-Id": ["Root=1-6a5145a8-536f3e792f6be9b44c1f46fa"],
            "X-Forwarded-For": ["68.8.83.18"],
            "X-Forwarded-Port": ["443"],
            "X-Forwarded-Proto": ["https"],
            "accept": ["*/*"],
            "content-type": ["application/json"],
            "cookie": ["session=abc123; theme=dark"],
            "x-voker-probe": ["first", "second"],
        },
        "queryStringParameters": {
            "empty": "",
            "encodedPlus": "a+b",
            "literalPlus": "a b",
            "redirect": "https://example.com/a/b",
            "repeat": "two",
        },
        "multiValueQueryStringParameters": {
            "empty": [""],
            "encodedPlus": ["a+b"],
            "literalPlus": ["a b"],
            "redirect": ["https://example.com/a/b"],
            "repeat": ["one", "two"],
        },
        "pathParameters": { "proxy": "capture/space%20value" },
        "stageVariables": {},
        "requestContext": {
            "resourceId": "proxy00001",
            "resourcePath": "/{proxy+}",
            "httpMethod": "POST",
            "extendedRequestId": "ATfSdF7nPHcErRA=",
            "requestTime": "10/Jul/2026:19:19:04 +0000",
            "path": "/live/capture/space%20value",
            "accountId": "910345601053",
            "protocol": "HTTP/1.1",
            "stage": "live",
            "domainPrefix": "5h7pqvr9u4",
            "requestTimeEpoch": 1_783_711_144_836_u64,
            "requestId": "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0",
            "identity": {
                "cognitoIdentityPoolId": null,
                "accountId": null,
                "cognitoIdentityId": null,
                "caller": null,
                "sourceIp": "68.8.83.18",
                "principalOrgId": null,
                "accessKey": null,
                "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null,
                "userArn": null,
                "userAgent": "curl/8.7.1",
                "user": null,
            },
            "domainName": "5h7pqvr9u4.execute-api.us-west-2.amazonaws.com",
            "deploymentId": "local1",
            "apiId": "5h7pqvr9u4",
        },
    });
    assert_eq!(event_of("POST", target, &headers, 1_783_711_144_836), Some(expected));
}

#[test]
fn paths() {
    #[track_caller]
    fn check(target: &str, [path, resource, proxy, wire_path, arn_path]: [&str; 5]) {
        let event = event_of("GET", target, &[], 0).unwrap();
        assert_eq!(event["path"], path);
        assert_eq!(event["resource"], resource);
        assert_eq!(event["requestContext"]["resourcePath"], resource);
        assert_eq!(event["pathParameters"]["proxy"].as_str().unwrap_or_default(), proxy);
        assert_eq!(event["requestContext"]["path"], wire_path);
        let arn = event["methodArn"].as_str().unwrap();
        assert_eq!(arn, format!("arn:aws:execute-api:us-west-2:910345601053:5h7pqvr9u4/live/GET/{arn_path}"));
    }
    check("/live", ["/", "/", "", "/live", ""]);
    check("/live?a=b", ["/", "/", "", "/live", ""]);
    check("/live/", ["/", "/", "", "/live/", ""]);
    check("/live/a/b/", ["/a/b/", "/{proxy+}", "a/b/", "/live/a/b/", "a/b/"]);
    check(
        "/live//double//slash",
        ["/double//slash", "/{proxy+}", "double//slash", "/live//double//slash", "/double//slash"],
    );
    check("/live/a%2Fb/%zz", ["/a%2Fb/%zz", "/{proxy+}", "a%2Fb/%zz", "/live/a%2Fb/%zz", "a%2Fb/%zz"]);
    check("/live/live", ["/live", "/{proxy+}", "live", "/live/live", "live"]);
    for target in ["/", "", "/liver", "/LIVE/a", "//live/a", "/%6cive/a", "live/a", "/other/live", "?/live"] {
        assert_eq!(event_of("GET", target, &[], 0), None, "{target:?}");
    }
}

#[test]
fn queries() {
    #[track_caller]
    fn check(query: &str, all: Value, last: Value) {
        let event = event_of("GET", &format!("/live/a?{query}"), &[], 0).unwrap();
        assert_eq!(event["multiValueQueryStringParameters"], all);
        assert_eq!(event["queryStringParameters"], last);
    }
    check("", json!({}), json!({}));
    check("&&;", json!({}), json!({}));
    check("flag", json!({ "flag": [""] }), json!({ "flag": "" }));
    check("=x", json!({ "": ["x"] }), json!({ "": "x" }));
    check("b=1&a=2;b=3", json!({ "a": ["2"], "b": ["1", "3"] }), json!({ "a": "2", "b": "3" }));
    check("a=b=c", json!({ "a": ["b=c"] }), json!({ "a": "b=c" }));
    check("a=1?b", json!({ "a": ["1?b"] }), json!({ "a": "1?b" }));
    check("%61+b=%26%3b%2B", json!({ "a b": ["&;+"] }), json!({ "a b": "&;+" }));
    check(
        "a=%zz&b=%4&c=%",
        json!({ "a": ["%zz"], "b": ["%4"], "c": ["%"] }),
        json!({ "a": "%zz", "b": "%4", "c": "%" }),
    );
    check("a=%ff", json!({ "a": ["\u{fffd}"] }), json!({ "a": "\u{fffd}" }));
}

#[test]
fn headers_that_differ_in_case_are_apart() {
    let event = event_of("GET", "/live", &[("X-A", "1"), ("x-a", "2"), ("X-A", "3"), ("user-agent", "u")], 0).unwrap();
    assert_eq!(event["headers"], json!({ "X-A": "3", "x-a": "2", "user-agent": "u" }));
    assert_eq!(event["multiValueHeaders"], json!({ "X-A": ["1", "3"], "x-a": ["2"], "user-agent": ["u"] }));
    assert_eq!(event["requestContext"]["identity"]["userAgent"], "u");
    assert_eq!(event_of("GET", "/live", &[], 0).unwrap()["requestContext"]["identity"]["userAgent"], Value::Null);
}
