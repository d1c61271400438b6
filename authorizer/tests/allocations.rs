//! How often a decision allocates, from the bytes of an event to the bytes of the answer, with its line of the log.

#![expect(clippy::unwrap_used, reason = "a test")]

use authorizer::{Authorizer, AuthorizerConfig};
use key_store::{
    KeyFile,
    aws::{CallLimits, of_lambda},
};
use serde_json::json;
use signing::{Key, KeySet, Nonce, Request, UnixSeconds, sign};
use std::{
    hint::black_box,
    io,
    time::{Duration, SystemTime},
};
use telemetry::Log;

const NOW: u64 = 1_795_341_845;
const DOMAIN: &str = "abc123.execute-api.eu-west-1.amazonaws.com";

/// At most. Two are for the rules; the others are lists of the event and the text of the answer, which grow.
const DECISION: u64 = 17;

fn key() -> Key {
    Key::new("k1".try_into().unwrap(), &[7; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap()
}

/// A signed GET with the headers that CloudFront and a browser send.
fn event() -> String {
    let target = "/prod/pets?type=dog&page=2";
    let request = Request {
        method: "GET".try_into().unwrap(),
        authority: DOMAIN.try_into().unwrap(),
        target: target.try_into().unwrap(),
        viewer_ip: "203.0.113.178".try_into().unwrap(),
        content_digest: None,
    };
    let signature = sign(&request, &key(), Nonce::new([1; 16]), Duration::from_secs(60), UnixSeconds::new(NOW));
    let mut headers: Vec<(&str, &str)> = vec![
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
        ("CloudFront-Viewer-Country", "GB"),
        ("Host", DOMAIN),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0"),
        ("Via", "2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", "sIEfafSQxwenKloeWOp-4eyo_-grMyVNzwnkBmx5q7OcvBJV7knerQ=="),
        ("X-Forwarded-For", "203.0.113.178, 130.176.209.37"),
    ];
    let signed = signature.headers(&request);
    headers.extend(signed.iter().map(|(field, value)| (field.key(), value.as_str())));
    let single: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let multi: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    json!({
        "type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets",
        "resource": "/pets", "path": "/pets", "httpMethod": "GET", "headers": single, "multiValueHeaders": multi,
        "queryStringParameters": {"type": "dog", "page": "2"},
        "multiValueQueryStringParameters": {"type": ["dog"], "page": ["2"]},
        "pathParameters": {}, "stageVariables": {},
        "requestContext": {
            "resourceId": "a1b2c3", "resourcePath": "/pets", "httpMethod": "GET", "path": "/prod/pets", "accountId": "123456789012",
            "protocol": "HTTP/1.1", "stage": "prod", "domainName": DOMAIN, "apiId": "abc123",
            "requestTimeEpoch": NOW * 1000 + 40, "requestId": "141d6671-99b4-40ca-9997-7a22f01eac74",
            "identity": {"sourceIp": "130.176.209.37", "userAgent": "Mozilla/5.0"},
        },
    })
    .to_string()
}

#[test]
fn a_decision_allocates_little() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::new(folder.path().join("keys.json"));
    file.create(&KeySet::new(vec![key()]).unwrap(), &[]).unwrap();
    let secret = format!("file:{}", file.path().display());
    let config = AuthorizerConfig::read([("COUNTERSIGN_SECRET".into(), secret.into())]).unwrap();
    let log = Log::new(Some("authorizer".to_owned()), io::sink());
    let authorizer = Authorizer::new(config, &of_lambda(CallLimits::BRIEF), log);
    let event = event();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let decide = || {
        let answer = runtime.block_on(authorizer.authorize(&event, now)).unwrap();
        serde_json::to_vec(&answer).unwrap()
    };
    assert!(String::from_utf8(decide()).unwrap().contains(r#""Effect":"Allow""#));
    let counted = allocation_counter::measure(|| drop(black_box(decide())));
    assert!(counted.count_total <= DECISION, "{counted:?}");
}
