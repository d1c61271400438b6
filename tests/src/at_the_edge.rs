//! The real function of the edge, Node with the addon, and the events that CloudFront hands it.

use crate::{
    artifacts::fixture,
    edge_process::{EdgeProcess, Returned},
    stage::{Keys, key_set},
};
use serde_json::{Value, json};
use signing::{Claim, Policy, Query, Received, Shown, UnixSeconds};
use std::time::{Duration, SystemTime};

/// The event of the file, with the keys to use.
fn event(keys: &Keys) -> Value {
    event_of(&keys.source())
}

/// The same with the keys from there.
pub(crate) fn event_of(source: &str) -> Value {
    let mut event: Value = serde_json::from_str(&fixture("cloudfront-origin-request.json")).unwrap();
    custom(&mut event, "countersign-secret", source);
    event
}

fn request(event: &mut Value) -> &mut Value {
    &mut event["Records"][0]["cf"]["request"]
}

pub(crate) fn custom(event: &mut Value, name: &str, value: &str) {
    request(event)["origin"]["custom"]["customHeaders"][name] = json!([{ "key": name, "value": value }]);
}

fn with(keys: &Keys, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = event(keys);
    change(request(&mut event));
    event
}

/// What a verifier behind the REST API `prod` says to what the function returned.
pub(crate) fn verify(returned: &Value) -> Result<(), String> {
    let headers = returned["headers"].as_object().unwrap();
    let each = |values: &'_ Value| values.as_array().unwrap().clone();
    let flat: Vec<Value> = headers.values().flat_map(each).collect();
    let pairs: Vec<_> =
        flat.iter().map(|header| (header["key"].as_str().unwrap(), header["value"].as_str().unwrap())).collect();
    let query: Query<'_> =
        [("type", "dog"), ("page", "2")].into_iter().map(|(name, value)| (name.into(), vec![value.into()])).collect();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let received = Received {
        method: returned["method"].as_str().unwrap(),
        second_method: None,
        domain_name: "abc123.execute-api.eu-west-1.amazonaws.com",
        headers: &pairs,
        shown: &Shown::Rest { path: "/prod/pets".into(), query },
        time: Some(UnixSeconds::new(since.as_secs())),
    };
    let policy =
        Policy { max_lifetime: Duration::from_secs(60), skew: Duration::from_secs(5), allow_ambiguous_path: false };
    let claim = Claim::check(&received, &policy).map_err(|refusal| refusal.to_string())?;
    claim.verify(&key_set()).map(|_| ()).map_err(|refusal| refusal.to_string())
}

#[track_caller]
fn answered(returned: &Returned, status: &str, log: &str) {
    assert_eq!(returned.result["status"], status, "{returned:?}");
    let line = returned.log.last().and_then(|line| line["message"].as_str()).unwrap_or_default();
    assert!(line.contains(log), "{returned:?}");
}

#[tokio::test]
async fn an_event_is_signed_and_all_else_of_it_left_alone() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let before = event(&keys)["Records"][0]["cf"]["request"].clone();
    let Returned { mut result, log } = edge.call(&event(&keys)).await;
    assert_eq!(verify(&result), Ok(()));
    assert_eq!(log, Vec::<Value>::new());

    let headers = result["headers"].as_object_mut().unwrap();
    for key in ["Signature-Input", "Signature", "Countersign-Target", "Countersign-Viewer-Ip", "Content-Digest"] {
        let values = headers.remove(&key.to_lowercase()).unwrap();
        assert_eq!(values[0]["key"], key);
        assert_eq!(values.as_array().unwrap().len(), 1);
    }
    let mut before = before;
    before["origin"]["custom"]["customHeaders"].as_object_mut().unwrap().remove("countersign-secret");
    assert_eq!(result, before);
}

#[tokio::test]
async fn the_keys_are_read_once_and_two_signatures_differ() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let first = edge.call(&event(&keys)).await;
    std::fs::remove_file(keys.file.path()).unwrap();
    let second = edge.call(&event(&keys)).await;
    assert_eq!((verify(&first.result), verify(&second.result)), (Ok(()), Ok(())));
    assert_ne!(first.result["headers"]["signature"], second.result["headers"]["signature"]);
    let named = [("AWS_LAMBDA_FUNCTION_NAME", "us-east-1.edge")];
    let fresh = EdgeProcess::start_with(&named).await.call(&event(&keys)).await;
    answered(&fresh, "503", "no key of the set may be used now");
    assert_eq!(fresh.result["statusDescription"], "Service Unavailable");
    assert_eq!(fresh.result["headers"]["retry-after"], json!([{ "key": "Retry-After", "value": "5" }]));
    let metrics = |line: usize| &fresh.log[line]["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    assert_eq!(*metrics(0), json!([{ "Name": "RefreshFailed", "Unit": "Count" }]));
    assert_eq!(*metrics(1), json!([{ "Name": "EdgeAnswered", "Unit": "Count" }]));
    assert_eq!(fresh.log[0]["FunctionName"], "edge");
    assert_eq!((&fresh.log[1]["status"], &fresh.log[1]["Status"]), (&json!(503), &json!("503")));
    assert_eq!(fresh.log[0]["notice"], "refresh-failed");
    assert!(fresh.log[0]["message"].as_str().unwrap().contains("No such file"), "{fresh:?}");
}

#[tokio::test]
async fn what_a_viewer_forged_is_gone() {
    let keys = Keys::new();
    let forged = with(&keys, |request| {
        request["origin"]["custom"]["customHeaders"]["x-origin-verify"] = json!([{ "value": "fixed.secret" }]);
        for name in [
            "countersign-target",
            "countersign-viewer-ip",
            "x-http-method-override",
            "x-api-key",
            "x-origin-verify",
            "signature",
        ] {
            request["headers"][name] = json!([{ "key": name, "value": "forged" }, { "key": name, "value": "twice" }]);
        }
    });
    let Returned { result, log } = EdgeProcess::start().await.call(&forged).await;
    assert_eq!(verify(&result), Ok(()));
    assert!(!result.to_string().contains("forged") && !result.to_string().contains("twice"));
    assert_eq!(log[0]["notice"], "viewer-signatures-dropped");
}

#[tokio::test]
async fn what_cannot_be_signed_is_answered_with_a_reason_in_the_log() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let mut wrong = event(&keys);
    custom(&mut wrong, "countersign-body", "maybe");
    answered(&edge.call(&wrong).await, "500", "countersign-body: accepted is digest, ignore or require");
    let mut unset = event(&keys);
    request(&mut unset)["origin"]["custom"]["customHeaders"] = json!({});
    answered(&edge.call(&unset).await, "500", "countersign-secret: is missing");
    let plain = with(&keys, |request| request["origin"]["custom"]["protocol"] = json!("http"));
    answered(&edge.call(&plain).await, "500", "set its protocol policy to https-only");
    let bucket = with(&keys, |request| request["origin"] = json!({ "s3": { "path": "", "customHeaders": {} } }));
    answered(&edge.call(&bucket).await, "500", "countersign-secret: is missing");
    let nowhere = with(&keys, |request| drop(request.as_object_mut().unwrap().remove("origin")));
    answered(&edge.call(&nowhere).await, "500", "countersign-secret: is missing");
    let latin = with(&keys, |request| request["uri"] = json!("/caf\u{e9}"));
    answered(&edge.call(&latin).await, "400", "outside of 0x21 to 0x7E");
    let beyond_latin = with(&keys, |request| request["uri"] = json!("/\u{141}"));
    answered(&edge.call(&beyond_latin).await, "400", "outside of 0x21 to 0x7E");
    let lone = with(&keys, |request| request["headers"]["x"] = json!([{ "value": "a\nb" }]));
    answered(&edge.call(&lone).await, "500", "a text in it has a line feed");
    let large = with(&keys, |request| request["headers"]["x"] = json!([{ "value": "v".repeat(10_000) }]));
    answered(&edge.call(&large).await, "431", "over the gateway's 10240");
    let broken = with(&keys, |request| request["body"]["data"] = json!("%"));
    answered(&edge.call(&broken).await, "500", "its body is not base64");
    // After all this it still signs.
    assert_eq!(verify(&edge.call(&event(&keys)).await.result), Ok(()));
}

/// What is no event at all throws, and CloudFront answers 502; the process lives on.
#[tokio::test]
async fn what_is_no_event_throws() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    for event in [json!(null), json!({}), json!({ "Records": [] }), json!({ "Records": [{ "cf": {} }] })] {
        assert!(edge.call(&event).await.result["threw"].as_str().unwrap().contains("TypeError"));
    }
    let headless = with(&keys, |request| request["headers"] = json!({ "x": 1 }));
    assert!(edge.call(&headless).await.result["threw"].is_string());
    assert_eq!(verify(&edge.call(&event(&keys)).await.result), Ok(()));
}

/// A bucket beside the API, behind the same function. CloudFront signs for it by itself, if at all.
#[tokio::test]
async fn a_bucket_gets_its_requests_as_they_came() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let bucket = |secret: &str| {
        let header = |key: &str, value: &str| json!([{ "key": key, "value": value }]);
        with(&keys, |request| {
            request["origin"] = json!({ "s3": {
                "authMethod": "origin-access-identity",
                "customHeaders": {
                    "countersign-secret": header("Countersign-Secret", secret),
                    "x-own": header("X-Own", "kept"),
                },
                "domainName": "bucket.s3.eu-west-1.amazonaws.com",
                "path": "/assets",
                "region": "eu-west-1",
            } });
        })
    };
    let event = bucket("none");
    let Returned { result, log } = edge.call(&event).await;
    let mut expected = event["Records"][0]["cf"]["request"].clone();
    expected["origin"]["s3"]["customHeaders"].as_object_mut().unwrap().remove("countersign-secret");
    assert_eq!((result, log), (expected, vec![]));
    answered(&edge.call(&bucket(&keys.source())).await, "500", "set its protocol policy to https-only");
}
