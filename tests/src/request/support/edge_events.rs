//! Events as CloudFront hands them to the edge, and what a verifier says to what comes back.

use crate::support::{artifacts::fixture, keys::key_set};
use serde_json::{Value, json};
use signing::{BasePaths, CheckedRequest, Query, ReceivedRequest, ReceivedTarget, UnixSeconds, VerificationPolicy};
use std::time::{Duration, SystemTime};

/// The event of the file, with the keys from there.
pub(crate) fn event_of(source: &str) -> Value {
    let mut event: Value = serde_json::from_str(&fixture("cloudfront-origin-request.json")).unwrap();
    custom(&mut event, "countersign-secret", source);
    event
}

/// The request in an event.
pub(crate) fn request(event: &mut Value) -> &mut Value {
    &mut event["Records"][0]["cf"]["request"]
}

/// Gives the origin a custom header.
pub(crate) fn custom(event: &mut Value, name: &str, value: &str) {
    request(event)["origin"]["custom"]["customHeaders"][name] = json!([{ "key": name, "value": value }]);
}

/// What a verifier behind the REST API `prod` says to what the function returned.
pub(crate) fn verify(returned: &Value) -> Result<(), String> {
    let headers = returned["headers"].as_object().unwrap();
    let each = |values: &'_ Value| values.as_array().unwrap().clone();
    let flat: Vec<Value> = headers.values().flat_map(each).collect();
    let pairs: Vec<_> =
        flat.iter().map(|header| (header["key"].as_str().unwrap(), header["value"].as_str().unwrap())).collect();
    let query: Query<'_> =
        [("type", "dog"), ("page", "2")].into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let received = ReceivedRequest {
        method: returned["method"].as_str().unwrap(),
        second_method: None,
        domain_name: "abc123.execute-api.eu-west-1.amazonaws.com",
        api_id: "abc123",
        stage: "prod",
        headers: &pairs,
        target: &ReceivedTarget::Rest { path: "/prod/pets".into(), api_path: "/pets".into(), query },
        time: Some(UnixSeconds::new(since.as_secs())),
    };
    let policy = VerificationPolicy {
        max_lifetime: Duration::from_secs(60),
        skew: Duration::from_secs(5),
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    };
    let checked = CheckedRequest::check(&received, &policy).map_err(|refusal| refusal.to_string())?;
    checked.verify(&key_set()).map(|_| ()).map_err(|refusal| refusal.to_string())
}
