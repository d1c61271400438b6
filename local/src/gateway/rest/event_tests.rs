//! The event of a REST API.

use crate::gateway::{
    event::{Api, ApiRequest},
    rest::event::rest_event,
    routes::Routes,
};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const API: Api<'static> = Api {
    region: "us-west-2",
    account_id: "910345601053",
    api_id: "5h7pqvr9u4",
    stage: "live",
    domain_name: "5h7pqvr9u4.execute-api.us-west-2.amazonaws.com",
    base_path: None,
    routes: Routes::All,
    identity_sources: &[],
};

fn event_of(method: &str, target: &str, headers: &[(&str, &str)], milliseconds: u64) -> Option<Value> {
    event_at(&API, method, target, headers, milliseconds)
}

fn event_at(api: &Api<'_>, method: &str, target: &str, headers: &[(&str, &str)], milliseconds: u64) -> Option<Value> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method,
        target,
        headers: &headers,
        source_ip: "68.8.83.18",
        request_id: "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0",
        extended_request_id: "ATfSdF7nPHcErRA=",
    };
    rest_event(api, &request, UNIX_EPOCH + Duration::from_millis(milliseconds))
}

/// The values are those of an event that was captured behind a deployed REST API. It is an event of an integration. An
/// event of an authorizer has a type, a method ARN and no body, and nulls in `identity` instead of empty strings.
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
    check("/live/a/b/", ["/a/b/", "/{proxy+}", "a/b", "/live/a/b/", "a/b/"]);
    check(
        "/live//double//slash",
        ["/double//slash", "/{proxy+}", "double//slash", "/live//double//slash", "/double//slash"],
    );
    // Recorded: one of two slashes before the stage is removed.
    check("//live/a//b", ["/a//b", "/{proxy+}", "a//b", "/live/a//b", "a//b"]);
    check("//live", ["/", "/", "", "/live", ""]);
    check("//live//a", ["/a", "/{proxy+}", "a", "/live//a", "/a"]);
    check("/live///", ["/", "/", "", "/live///", "//"]);
    check("/live/a%2Fb/%zz", ["/a%2Fb/%zz", "/{proxy+}", "a%2Fb/%zz", "/live/a%2Fb/%zz", "a%2Fb/%zz"]);
    check("/live/live", ["/live", "/{proxy+}", "live", "/live/live", "live"]);
    for target in ["/", "", "/liver", "/LIVE/a", "///live/a", "//liver", "/%6cive/a", "live/a", "/other/live", "?/live"]
    {
        assert_eq!(event_of("GET", target, &[], 0), None, "{target:?}");
    }
}

/// Recorded: the base path is in both paths, the stage in neither.
#[test]
fn on_a_custom_domain_both_paths_are_that_on_the_wire() {
    #[track_caller]
    fn check(base_path: &str, target: &str, [path, wire_path, resource, arn_path]: [&str; 4]) {
        let api = Api { domain_name: "api.example.com", base_path: Some(base_path), ..API };
        let event = event_at(&api, "GET", target, &[], 0).unwrap();
        let context = &event["requestContext"];
        assert_eq!((&event["path"], &context["path"]), (&json!(path), &json!(wire_path)));
        assert_eq!(event["resource"], resource);
        assert_eq!((&context["domainName"], &context["domainPrefix"]), (&json!("api.example.com"), &json!("api")));
        assert_eq!(context["stage"], "live");
        let arn = format!("arn:aws:execute-api:us-west-2:910345601053:5h7pqvr9u4/live/GET/{arn_path}");
        assert_eq!(event["methodArn"], arn);
    }
    check("", "/pets/1?x", ["/pets/1", "/pets/1", "/{proxy+}", "pets/1"]);
    check("", "/", ["/", "/", "/", ""]);
    check("", "//a", ["/a", "//a", "/{proxy+}", "/a"]);
    check("", "/live/a", ["/live/a", "/live/a", "/{proxy+}", "live/a"]);
    check("/v1", "/v1/pets", ["/v1/pets", "/v1/pets", "/{proxy+}", "pets"]);
    check("/v1", "/v1", ["/v1", "/v1", "/", ""]);
    check("/v1", "/v1/", ["/v1/", "/v1/", "/", ""]);
    check("/v1", "/v1//a", ["/v1//a", "/v1//a", "/{proxy+}", "/a"]);
    check("/a/b", "/a/b/c", ["/a/b/c", "/a/b/c", "/{proxy+}", "c"]);
    for target in ["/", "/v2/pets", "/v12", "//v1/pets", "/live/v1/pets", "/live/pets"] {
        let api = Api { base_path: Some("/v1"), ..API };
        assert_eq!(event_at(&api, "GET", target, &[], 0), None, "{target}");
    }
}

#[test]
fn resources() {
    #[track_caller]
    fn check(target: &str, resource: &str, parameters: Value) {
        let api = Api { routes: Routes::PetStore, ..API };
        let event = event_at(&api, "GET", target, &[], 0).unwrap();
        assert_eq!(
            (&event["resource"], &event["requestContext"]["resourcePath"]),
            (&json!(resource), &json!(resource))
        );
        assert_eq!(event["pathParameters"], parameters);
    }
    check("/live/pets", "/pets", json!({}));
    check("/live//pets", "/pets", json!({}));
    check("/live/pets/", "/pets", json!({}));
    check("/live/pets/a%2Fb?x", "/pets/{petId}", json!({ "petId": "a%2Fb" }));
    check("/live/pets/1/", "/pets/{petId}", json!({ "petId": "1" }));
    check("/live/echo/", "/echo", json!({}));
    check("/live/echo//double//slash/", "/echo/{proxy+}", json!({ "proxy": "/double//slash" }));
    let api = Api { routes: Routes::PetStore, ..API };
    for target in ["/live", "/live/", "/live/cats", "/live/pets/1/2", "/live/pets//1", "/live/%70ets"] {
        assert_eq!(event_at(&api, "GET", target, &[], 0), None, "{target}");
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
