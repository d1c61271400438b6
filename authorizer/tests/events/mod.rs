//! A signed request as each kind of API shows it to its authorizer, and the answers.

use crate::support::{DOMAIN, IP, NOW, headers};
use serde_json::{Map, Value, json};

pub(crate) const API: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123";

/// Both maps of headers.
pub(crate) fn maps(headers: Vec<(String, String)>) -> (Map<String, Value>, Map<String, Value>) {
    let last = headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    (last, headers.into_iter().map(|(name, value)| (name, json!([value]))).collect())
}

pub(crate) fn rest(target: &str) -> Value {
    let (headers, multi) = maps(headers("GET", DOMAIN, target, None));
    json!({
        "type": "REQUEST",
        "methodArn": format!("{API}/prod/GET/pets"),
        "resource": "/pets",
        "path": "/pets",
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": multi,
        "queryStringParameters": { "x": "2" },
        "multiValueQueryStringParameters": { "x": ["1", "2"] },
        "requestContext": {
            "apiId": "abc123",
            "domainName": DOMAIN,
            "httpMethod": "GET",
            "identity": { "sourceIp": "198.51.100.1" },
            "path": "/prod/pets",
            "requestId": "r",
            "requestTimeEpoch": NOW * 1000,
            "stage": "prod",
        },
    })
}

/// Payload format 2.0.
pub(crate) fn http(target: &str) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": format!("{API}/prod/GET/pets"),
        "routeKey": "GET /pets",
        "rawPath": "/prod/pets",
        "rawQueryString": "x=1&x=2",
        "headers": maps(headers("GET", DOMAIN, target, None)).0,
        "requestContext": {
            "apiId": "abc123",
            "domainName": DOMAIN,
            "http": { "method": "GET", "path": "/prod/pets", "sourceIp": "198.51.100.1" },
            "requestId": "r",
            "stage": "prod",
            "timeEpoch": NOW * 1000,
        },
    })
}

/// Payload format 1.0.
pub(crate) fn http_v1(target: &str) -> Value {
    let mut event = rest(target);
    event["version"] = json!("1.0");
    event["path"] = json!("/prod/pets");
    event["identitySource"] = event["headers"]["countersign-signature"].clone();
    event["authorizationToken"] = event["identitySource"].clone();
    event
}

/// The route `$connect` of a WebSocket API.
pub(crate) fn websocket(target: &str) -> Value {
    let (mut headers, mut multi) = maps(headers("GET", DOMAIN, target, None));
    for (name, value) in [("Connection", "upgrade"), ("Upgrade", "websocket"), ("content-length", "0")] {
        headers.insert(name.to_owned(), json!(value));
        multi.insert(name.to_owned(), json!([value]));
    }
    json!({
        "type": "REQUEST",
        "methodArn": format!("{API}/prod/$connect"),
        "headers": headers,
        "multiValueHeaders": multi,
        "queryStringParameters": { "x": "2" },
        "multiValueQueryStringParameters": { "x": ["1", "2"] },
        "stageVariables": {},
        "requestContext": {
            "apiId": "abc123",
            "connectedAt": NOW * 1000,
            "connectionId": "L0SM9cOFvHcCIhw=",
            "domainName": DOMAIN,
            "eventType": "CONNECT",
            "identity": { "sourceIp": "198.51.100.1" },
            "messageDirection": "IN",
            "requestId": "r",
            "requestTimeEpoch": NOW * 1000,
            "routeKey": "$connect",
            "stage": "prod",
        },
        "isBase64Encoded": false,
        "body": null,
    })
}

pub(crate) const TARGET: &str = "/prod/pets?x=1&x=2";
pub(crate) const HANDSHAKE: &str = "/prod?x=1&x=2";

/// A signed request as each kind of API shows it, and the ARN that an IAM policy names.
pub(crate) fn kinds() -> [(&'static str, Value, String); 4] {
    [
        ("REST", rest(TARGET), format!("{API}/prod/GET/pets")),
        ("HTTP, payload 2.0", http(TARGET), format!("{API}/prod/GET/pets")),
        ("HTTP, payload 1.0", http_v1(TARGET), format!("{API}/prod/GET/pets")),
        ("WebSocket", websocket(HANDSHAKE), format!("{API}/prod/$connect")),
    ]
}

pub(crate) fn policy(effect: &str, arn: &str, context: Value) -> Value {
    let statement = json!([{ "Action": ["execute-api:Invoke"], "Effect": effect, "Resource": [arn] }]);
    let document = json!({ "Version": "2012-10-17", "Statement": statement });
    json!({ "principalId": "countersign", "policyDocument": document, "context": context })
}

pub(crate) fn simple(is_authorized: bool, context: Value) -> Value {
    json!({ "isAuthorized": is_authorized, "context": context })
}

pub(crate) fn verified(path: &str, target: &str) -> Value {
    json!({
        "countersign": "verified",
        "countersignPath": path,
        "countersignTarget": target,
        "countersignKeyId": "k1",
        "countersignViewerIp": IP,
        "viewerIp": IP,
    })
}
