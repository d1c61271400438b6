//! Events as API Gateway hands them to the authorizer.

use crate::support::keys::key_set;
use local::{Api, ApiRequest, Routes, rest_event};
use serde_json::Value;
use signing::{KeySet, Nonce, Request, UnixSeconds, sign};
use std::time::{Duration, SystemTime};

pub(crate) const API: Api<'_> = Api {
    region: "eu-west-1",
    account_id: "123456789012",
    api_id: "abc123",
    stage: "prod",
    domain_name: "abc123.execute-api.eu-west-1.amazonaws.com",
    base_path: None,
    routes: Routes::All,
    identity_sources: &[],
};

pub(crate) const TARGET: &str = "/prod/pets?type=dog&type=cat";

/// The event of a request that the edge signed just now.
pub(crate) fn signed() -> Value {
    signed_with(&key_set(), TARGET, rest_event)
}

/// How a gateway shows a request.
pub(crate) type Show = fn(&Api<'_>, &ApiRequest<'_>, SystemTime) -> Option<Value>;

/// The same by other keys, with another target or at another gateway.
pub(crate) fn signed_with(keys: &KeySet, target: &str, show: Show) -> Value {
    let request = Request {
        method: "GET".try_into().unwrap(),
        authority: API.domain_name.try_into().unwrap(),
        target: target.try_into().unwrap(),
        viewer_ip: "203.0.113.7".try_into().unwrap(),
        content_digest: None,
    };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = UnixSeconds::new(since.as_secs());
    let signature = sign(&request, keys.signing_key(now).unwrap(), Nonce::new([1; 16]), Duration::from_secs(60), now);
    let headers = [
        ("Host", API.domain_name),
        ("Countersign-Signature-Input", &signature.input),
        ("Countersign-Signature", &signature.signature),
        ("Countersign-Target", target),
        ("Countersign-Viewer-Ip", "203.0.113.7"),
    ];
    event_of(&headers, target, show)
}

/// The event of a request with these headers.
pub(crate) fn event_of(headers: &[(&str, &str)], target: &str, show: Show) -> Value {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method: "GET",
        target,
        headers: &headers,
        source_ip: "198.51.100.1",
        request_id: "the-request",
        extended_request_id: "x",
    };
    show(&API, &request, SystemTime::now()).unwrap()
}
