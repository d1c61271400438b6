//! The event of an HTTP API, payload format 1.0.

use crate::gateway::{
    event::{Api, ApiRequest},
    http::event_v1::http_v1_event,
    routes::Routes,
};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

const API: Api<'static> = Api {
    region: "us-east-1",
    account_id: "123456789012",
    api_id: "abcdef123",
    stage: "test",
    domain_name: "abcdef123.execute-api.us-east-1.amazonaws.com",
    base_path: None,
    routes: Routes::PetStore,
    identity_sources: &[],
};

fn event_of(api: &Api<'_>, target: &str, headers: &[(&str, &str)]) -> Option<Value> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method: "GET",
        target,
        headers: &headers,
        source_ip: "192.0.2.1",
        request_id: "ZhNHJhhLjoEEPiw=",
        extended_request_id: "ZhNHJhhLjoEEPix=",
    };
    http_v1_event(api, &request, UNIX_EPOCH + Duration::from_millis(1_583_349_317_135))
}

#[track_caller]
fn get(target: &str, headers: &[(&str, &str)]) -> Value {
    event_of(&API, target, headers).unwrap()
}

/// The members are those of AWS's example of this event, with the two `multiValue` members and the `requestContext` of AWS's
/// example of an integration's event in format 1.0.
#[test]
fn as_documented() {
    let api = Api { identity_sources: &["user-agent", "HeaderAuth1", "HeaderAuth2"], ..API };
    let headers = [("HeaderAuth1", "a"), ("User-Agent", "agent"), ("HeaderAuth1", "b")];
    let expected = json!({
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/pets/1",
        "identitySource": "agent,a,b",
        "authorizationToken": "agent,a,b",
        "resource": "/pets/{petId}",
        "path": "/test/pets/1",
        "httpMethod": "GET",
        "headers": { "HeaderAuth1": "b", "User-Agent": "agent" },
        "multiValueHeaders": { "HeaderAuth1": ["a", "b"], "User-Agent": ["agent"] },
        "queryStringParameters": { "parameter1": "value2", "parameter2": "value" },
        "multiValueQueryStringParameters": { "parameter1": ["value1", "value2"], "parameter2": ["value"] },
        "pathParameters": { "petId": "1" },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef123",
            "domainName": "abcdef123.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abcdef123",
            "extendedRequestId": "ZhNHJhhLjoEEPix=",
            "httpMethod": "GET",
            "identity": {
                "accessKey": null,
                "accountId": null,
                "caller": null,
                "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null,
                "cognitoIdentityId": null,
                "cognitoIdentityPoolId": null,
                "principalOrgId": null,
                "sourceIp": "192.0.2.1",
                "user": null,
                "userAgent": "agent",
                "userArn": null,
            },
            "path": "/test/pets/1",
            "protocol": "HTTP/1.1",
            "requestId": "ZhNHJhhLjoEEPiw=",
            "requestTime": "04/Mar/2020:19:15:17 +0000",
            "requestTimeEpoch": 1_583_349_317_135_u64,
            "resourceId": null,
            "resourcePath": "/pets/{petId}",
            "stage": "test",
        },
    });
    let target = "/test/pets/1?parameter1=value1&parameter2=value&parameter1=value2";
    assert_eq!(event_of(&api, target, &headers), Some(expected));
}

/// Decoded, with a named stage first: reported for the API's own domain. What a custom domain shows is not known.
#[test]
fn paths() {
    #[track_caller]
    fn check((stage, base_path): (&str, Option<&str>), target: &str, path: &str, arn_path: &str) {
        let api = Api { stage, base_path, routes: Routes::All, ..API };
        let event = event_of(&api, target, &[]).unwrap();
        assert_eq!((&event["path"], &event["requestContext"]["path"]), (&json!(path), &json!(path)));
        let arn = format!("arn:aws:execute-api:us-east-1:123456789012:abcdef123/{stage}/GET/{arn_path}");
        assert_eq!(event["methodArn"], arn);
        assert_eq!((&event["resource"], &event["pathParameters"]), (&json!("$default"), &Value::Null));
    }
    check(("test", None), "/test", "/test", "");
    check(("test", None), "/test/a%2Fb%20c?d", "/test/a/b c", "a%2Fb%20c");
    check(("test", None), "/test/a%3Fb", "/test/a", "a%3Fb");
    check(("test", None), "/test//a//", "/test//a//", "/a//");
    check(("$default", None), "/a+b/%zz", "/a+b/%zz", "a+b/%zz");
    check(("test", Some("/v1")), "/v1/a%41", "/test/aA", "a%41");
    check(("$default", Some("")), "/a", "/a", "a");
    for target in ["/", "/tests", "/other/a", "//test/a", "/%74est/a"] {
        assert_eq!(event_of(&API, target, &[]), None, "{target}");
    }
    assert_eq!(event_of(&API, "/test/cats", &[]), None, "no such route");
}

/// `;` does not separate here: not known. Null without parameters is documented for integrations.
#[test]
fn queries() {
    #[track_caller]
    fn check(query: &str, last: Value, all: Value) {
        let event = get(&format!("/test/pets{query}"), &[]);
        assert_eq!(event["queryStringParameters"], last);
        assert_eq!(event["multiValueQueryStringParameters"], all);
    }
    check("", Value::Null, Value::Null);
    check("?", Value::Null, Value::Null);
    check("?&", Value::Null, Value::Null);
    check("?a=1;b=2", json!({ "a": "1;b=2" }), json!({ "a": ["1;b=2"] }));
    check("?b=%41+x&a&b=%2B", json!({ "a": "", "b": "+" }), json!({ "a": [""], "b": ["A x", "+"] }));
}

#[test]
fn headers_and_path_parameters() {
    let event = get("/test/echo/a%20b", &[("X-A", "1"), ("x-a", "2"), ("X-A", "3")]);
    assert_eq!(event["headers"], json!({ "X-A": "3", "x-a": "2" }));
    assert_eq!(event["multiValueHeaders"], json!({ "X-A": ["1", "3"], "x-a": ["2"] }));
    assert_eq!(event["pathParameters"], json!({ "proxy": "a b" }));
    assert_eq!(event["requestContext"]["identity"]["userAgent"], Value::Null);
    assert_eq!((event.get("identitySource"), event.get("authorizationToken")), (None, None));
}
