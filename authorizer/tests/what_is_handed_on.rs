//! The values that an admitted request passes on to the API, and the log line about a request.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::{DOMAIN, IP, NOW, Subject, headers};

async fn context(subject: &Subject, event: &Value) -> Value {
    subject.ask(event).await.0["context"].take()
}

/// A POST as an HTTP API shows it.
fn http(target: &str, raw_path: &str, digest: Option<&str>) -> Value {
    let headers: serde_json::Map<_, _> =
        headers("POST", DOMAIN, target, digest).into_iter().map(|(name, value)| (name, value.into())).collect();
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeKey": "POST /{proxy+}",
        "rawPath": raw_path,
        "rawQueryString": target.split_once('?').map_or("", |(_, query)| query),
        "headers": headers,
        "requestContext": {
            "apiId": "abc123",
            "domainName": DOMAIN,
            "requestId": "r",
            "stage": "prod",
            "timeEpoch": NOW * 1000,
            "http": { "method": "POST", "sourceIp": "198.51.100.1" },
        },
    })
}

/// A GET as a REST API shows it.
fn rest(domain: &str, target: &str, path: &str) -> Value {
    let headers: serde_json::Map<_, _> =
        headers("GET", domain, target, None).into_iter().map(|(name, value)| (name, json!([value]))).collect();
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets",
        "resource": "/pets/{petId}",
        "path": path,
        "httpMethod": "GET",
        "multiValueHeaders": headers,
        "requestContext": {
            "apiId": "abc123",
            "domainName": domain,
            "httpMethod": "GET",
            "path": target,
            "requestId": "r",
            "requestTimeEpoch": NOW * 1000,
            "stage": "prod",
            "identity": { "sourceIp": "198.51.100.1" },
        },
    })
}

#[tokio::test]
async fn an_admitted_request_passes_on_the_signed_values() {
    let subject = Subject::new(&[]);
    let digest = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
    let target = "/prod/a%20\"\\b?x=%22&y";
    assert_eq!(
        context(&subject, &http(target, "/prod/a \"\\b", Some(digest))).await,
        json!({
            "countersign": "verified",
            "countersignPath": "/a%20\"\\b",
            "countersignTarget": target,
            "countersignKeyId": "k1",
            "countersignBodyDigest": digest,
            "countersignViewerIp": IP,
            "viewerIp": IP,
        })
    );
    assert_eq!(
        context(&subject, &rest(DOMAIN, "/prod/pets/1", "/pets/1")).await,
        json!({
            "countersign": "verified",
            "countersignPath": "/pets/1",
            "countersignTarget": "/prod/pets/1",
            "countersignKeyId": "k1",
            "countersignViewerIp": IP,
            "viewerIp": IP,
        })
    );
}

#[tokio::test]
async fn the_path_is_passed_on_without_stage_or_listed_base_path() {
    let listed = [("COUNTERSIGN_BASE_PATHS", "api.example.com/v1=abc123/prod,api.example.com/v2=def456/prod")];
    for (settings, domain, target, path, expected) in [
        (&[][..], DOMAIN, "/prod/prod/pets", "/prod/pets", json!("/prod/pets")),
        (&[], DOMAIN, "/prod", "/", json!("/")),
        (&[], "api.example.com", "/v1/pets", "/v1/pets", json!("/v1/pets")),
        (&listed, "api.example.com", "/v1/pets", "/v1/pets", json!("/pets")),
        (&listed, "api.example.com", "/v1", "/v1", json!("/")),
        (&listed, "api.example.com", "/v2/pets", "/v2/pets", Value::Null),
    ] {
        let context = context(&Subject::new(settings), &rest(domain, target, path)).await;
        assert_eq!(context["countersignPath"], expected, "{domain}{target}");
    }
    let subject = Subject::new(&listed);
    let mut elsewhere = rest("api.example.com", "/v1/pets", "/v1/pets");
    elsewhere["requestContext"]["stage"] = json!("dev");
    let (answer, line) = subject.ask(&elsewhere).await;
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Deny");
    assert_eq!((&line["event"], &line["reason"]), (&json!("request-refused"), &json!("base-path")));
}

/// API Gateway limits the size of an answer: a member that does not fit is named, and if the path does not fit, the
/// request is refused.
#[tokio::test]
async fn a_member_that_does_not_fit_into_the_answer_is_named_and_the_path_is_never_omitted() {
    let subject = Subject::new(&[]);
    let of = |path: usize, query: usize, digest: usize| {
        let path = format!("/prod/{}", "p".repeat(path));
        let target = if query == 0 { path.clone() } else { format!("{path}?{}", "q".repeat(query)) };
        let digest = (digest > 0).then(|| format!("sha-256=:{}:", "A".repeat(digest)));
        http(&target, &path, digest.as_deref())
    };
    for ((path, query, digest), omitted, missing) in [
        ((100, 100, 44), None, &[][..]),
        ((3_800, 0, 44), None, &[]),
        ((100, 7_500, 0), None, &[]),
        ((4_000, 100, 44), Some("countersignTarget"), &["countersignTarget"]),
        ((100, 7_900, 44), Some("countersignTarget"), &["countersignTarget"]),
        (
            (4_500, 0, 4_000),
            Some("countersignTarget,countersignBodyDigest"),
            &["countersignTarget", "countersignBodyDigest"],
        ),
        ((7_800, 0, 0), Some("countersignTarget"), &["countersignTarget"]),
    ] {
        let (answer, line) = subject.ask(&of(path, query, digest)).await;
        let context = &answer["context"];
        assert_eq!(answer["isAuthorized"], true, "{path} {query} {digest}: {line}");
        assert_eq!(context["countersignPath"].as_str().map(str::len), Some(path + 1));
        assert_eq!(context["countersignOmitted"].as_str(), omitted);
        assert_eq!(line["omitted"].as_str(), omitted, "{line}");
        for (member, there) in [("countersignTarget", true), ("countersignBodyDigest", digest > 0)] {
            assert_eq!(context[member].is_string(), there && !missing.contains(&member), "{member}: {context}");
        }
    }
    let (answer, line) = subject.ask(&of(8_100, 0, 0)).await;
    assert_eq!(answer, json!({ "isAuthorized": false, "context": {} }));
    assert_eq!((&line["event"], &line["reason"]), (&json!("request-refused"), &json!("path-too-long")));
    assert_eq!((&line["Refused"], &line["Reason"]), (&json!(1), &json!("path-too-long")));

    // Each quotation mark takes two bytes of JSON.
    let quoted = format!("/prod/{}", "\"".repeat(4_100));
    let (answer, line) = subject.ask(&http(&quoted, &quoted, None)).await;
    assert_eq!((&answer["isAuthorized"], &line["reason"]), (&json!(false), &json!("path-too-long")));

    let monitor = Subject::new(&[("COUNTERSIGN_MODE", "monitor")]);
    let (answer, line) = monitor.ask(&of(8_100, 0, 0)).await;
    assert_eq!(answer, json!({ "isAuthorized": true, "context": { "countersign": "would-refuse" } }));
    assert_eq!(line["reason"], "path-too-long");
}

#[tokio::test]
async fn monitor_mode_passes_on_only_verified_values() {
    let subject = Subject::new(&[("COUNTERSIGN_MODE", "monitor")]);
    let altered = http("/prod/pets", "/prod/dogs", None);
    assert_eq!(context(&subject, &altered).await, json!({ "countersign": "would-refuse" }));
    let verified = context(&subject, &http("/prod/pets", "/prod/pets", None)).await;
    assert_eq!((&verified["countersign"], &verified["countersignPath"]), (&json!("verified"), &json!("/pets")));
}

#[tokio::test]
async fn a_refusal_names_the_route_and_both_names_of_cloudfront_and_gateway() {
    let subject = Subject::new(&[]);
    const ID: &str = "k53b3H6Q_-9uZ0aUmXZ5oVHPvlYJEq0aLQzQ7nPbqvTZ2gfqhVdP7w==";
    let mut event = http("/prod/pets", "/prod/dogs", None);
    event["headers"]["x-amz-cf-id"] = json!(ID);
    let (_, line) = subject.ask(&event).await;
    assert_eq!(line["route_key"], "POST /{proxy+}");
    assert_eq!(line["x_amz_cf_id"], ID);
    assert_eq!(line["gateway_source_ip"], "198.51.100.1");
    assert_eq!((&line["resource"], &line["source_ip"]), (&Value::Null, &Value::Null));

    let mut event = rest(DOMAIN, "/prod/pets/1", "/pets/1");
    event["multiValueHeaders"]["X-Amz-Cf-Id"] = json!([ID]);
    let (_, line) = subject.ask(&event).await;
    assert_eq!((&line["event"], &line["x_amz_cf_id"]), (&json!("request-admitted"), &json!(ID)));
    event["requestContext"]["path"] = json!("/prod/dogs/1");
    let (_, line) = subject.ask(&event).await;
    assert_eq!((&line["resource"], &line["x_amz_cf_id"]), (&json!("/pets/{petId}"), &json!(ID)));
    assert_eq!(line["route_key"], Value::Null);

    // A value that anybody can send is logged only if it has the form of CloudFront's ids.
    for forged in [json!(["a b"]), json!(["\"}"]), json!([""]), json!(["x".repeat(129)]), json!([ID, ID]), json!(["é"])]
    {
        event["multiValueHeaders"]["X-Amz-Cf-Id"] = forged.clone();
        assert_eq!(subject.ask(&event).await.1["x_amz_cf_id"], Value::Null, "{forged}");
    }
}

/// `sam local` writes seconds where API Gateway writes milliseconds.
#[tokio::test]
async fn a_time_is_read_in_milliseconds_or_seconds() {
    let subject = Subject::new(&[]);
    for (time, reason) in [
        (json!(NOW * 1000), Value::Null),
        (json!(NOW * 1000 + 999), Value::Null),
        (json!(NOW), Value::Null),
        (json!(1_000_000_000_u64), json!("future")),
        (json!(100_000_000_000_u64), json!("expired")),
        (json!(100_000_000_001_u64), json!("future")),
        (json!(999_999_999), json!("future")),
        (json!(0), json!("future")),
        (json!(-1), json!("request-time")),
        (json!(1.5), json!("request-time")),
        (json!("1795341845"), json!("request-time")),
        (Value::Null, json!("request-time")),
    ] {
        let mut event = http("/prod/pets", "/prod/pets", None);
        event["requestContext"]["timeEpoch"] = time.clone();
        assert_eq!(subject.ask(&event).await.1["reason"], reason, "{time}");
        let mut event = rest(DOMAIN, "/prod/pets", "/pets");
        event["requestContext"]["requestTimeEpoch"] = time.clone();
        assert_eq!(subject.ask(&event).await.1["reason"], reason, "{time}");
    }
}

#[tokio::test]
async fn every_body_needs_a_digest_if_the_setting_requires_it() {
    let strict = Subject::new(&[("COUNTERSIGN_BODY", "require")]);
    let (answer, line) = strict.ask(&http("/prod/pets", "/prod/pets", None)).await;
    assert_eq!((&answer["isAuthorized"], &line["reason"]), (&json!(false), &json!("digest-required")));
    let digest = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
    assert_eq!(strict.ask(&http("/prod/pets", "/prod/pets", Some(digest))).await.0["isAuthorized"], true);
    let get = strict.ask(&rest(DOMAIN, "/prod/pets", "/pets")).await.0;
    assert_eq!(get["policyDocument"]["Statement"][0]["Effect"], "Allow");
}

/// A method ARN on the stage `$default` has a dollar sign, and no variable of IAM.
#[tokio::test]
async fn a_stage_with_a_dollar_sign_is_answered() {
    let subject = Subject::new(&[]);
    let mut event = rest(DOMAIN, "/pets", "/pets");
    let arn = "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/pets";
    event["methodArn"] = json!(arn);
    event["requestContext"]["stage"] = json!("$default");
    let answer = subject.ask(&event).await.0;
    assert_eq!(answer["policyDocument"]["Statement"][0]["Resource"], json!([arn]));
    assert_eq!(answer["context"]["countersignPath"], "/pets");
}
