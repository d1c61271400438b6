//! What Countersign's authorizer decides about an event that was observed, if the edge has signed the target that was sent.
//!
//! The event is completed with what the observing function does not keep: an API's own domain, a time, and the signed headers. Then the
//! authorizer's own reader and the rules of `signing` take it.

use crate::doctor::learn::{learned::Observation, probes::Kind};
use anyhow::{Context as _, Result};
use authorizer::{Answer, Event};
use serde_json::{Map, Value, json};
use signing::{
    BasePaths, CheckedRequest, Key, KeyId, KeySet, NEVER_EXPIRES, Nonce, Request, UnixSeconds, VerificationPolicy, sign,
};
use std::time::Duration;

/// An API's own domain, where each run asks.
const DOMAIN: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const API_ID: &str = "abc123";
const VIEWER: &str = "192.0.2.1";
const LIFETIME: Duration = Duration::from_secs(60);
/// Any moment.
const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);

/// `admitted as /echo/a%2Fb`, or `refused: path`. `None` if the authorizer was not asked, or if the edge would not sign such a target.
pub(crate) fn decided(observation: &Observation) -> Option<String> {
    let event = observation.event.as_ref()?;
    // CloudFront shows its function a query that is not ASCII in a form that no document says.
    let headers = signed(observation.target())?;
    let text = completed(observation.kind, event, &headers).to_string();
    Some(match ask(&text) {
        Ok(path) => format!("admitted as {path}"),
        Err(reason) => format!("refused: {reason:#}"),
    })
}

fn key() -> Option<Key> {
    // It signs nothing that leaves this process.
    Key::new(KeyId::try_from("learn").ok()?, &[7; 32], UnixSeconds::new(0), NEVER_EXPIRES).ok()
}

fn signed(target: &str) -> Option<Vec<(String, String)>> {
    let request = Request {
        method: "GET".try_into().ok()?,
        authority: DOMAIN.try_into().ok()?,
        target: target.try_into().ok()?,
        viewer_ip: VIEWER.try_into().ok()?,
        content_digest: None,
    };
    let headers = sign(&request, &key()?, Nonce::new([0; 16]), LIFETIME, NOW).headers(&request);
    let headers = headers.into_iter().map(|(field, value)| (field.key().to_owned(), value));
    Some(headers.chain([("Host".to_owned(), DOMAIN.to_owned())]).collect())
}

fn completed(kind: Kind, event: &Map<String, Value>, headers: &[(String, String)]) -> Value {
    let mut event = event.clone();
    let singles: Map<_, _> = headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let lists: Map<_, _> = headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    event.insert("headers".to_owned(), singles.into());
    if kind != Kind::Http {
        event.insert("multiValueHeaders".to_owned(), lists.into());
    }
    let milliseconds = NOW.get() * 1000;
    if let Some(context) = event.get_mut("requestContext").and_then(Value::as_object_mut) {
        for (name, value) in [
            ("domainName", json!(DOMAIN)),
            ("apiId", json!(API_ID)),
            ("httpMethod", json!("GET")),
            ("requestTimeEpoch", json!(milliseconds)),
            ("timeEpoch", json!(milliseconds)),
            ("identity", json!({ "sourceIp": VIEWER })),
            ("eventType", json!("CONNECT")),
            ("routeKey", json!("$connect")),
            ("connectionId", json!("c")),
        ] {
            let is_of_web_socket = ["eventType", "routeKey", "connectionId"].contains(&name);
            if is_of_web_socket == (kind == Kind::WebSocket) || !is_of_web_socket && name != "httpMethod" {
                context.insert(name.to_owned(), value);
            }
        }
    }
    event.into()
}

fn ask(text: &str) -> Result<String> {
    let policy = VerificationPolicy {
        max_lifetime: LIFETIME,
        skew: Duration::from_secs(5),
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    };
    let event = Event::parse(text, Answer::Simple)?;
    let headers = event.headers();
    let received = event.received(&headers);
    let keys = KeySet::new(vec![key().context("the key is not valid")?])?;
    Ok(CheckedRequest::check(&received, &policy)?.verify(&keys)?.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::learn::{learned::Learned, local, probes::Way};

    #[track_caller]
    fn of(learned: &Learned, kind: Kind, probe: &str) -> String {
        let observation = learned.of(kind, Way::Direct, probe).unwrap();
        decided(observation).unwrap_or_else(|| "not asked".to_owned())
    }

    /// What is assumed, and decided about it: a change of either shows here.
    #[test]
    fn each_target_that_is_shown_as_assumed_is_decided() {
        let local = local();
        let rows = [
            ("plain", ["admitted as /echo", "admitted as /echo", "admitted as /echo"]),
            ("escaped-slash", ["admitted as /echo/a%2Fb", "ambiguous", "ambiguous"]),
            ("escaped-space", ["admitted as /echo/a%20b", "admitted as /echo/a%20b", "admitted as /echo/a%20b"]),
            ("inner-slashes", ["admitted as /echo//x", "admitted as /echo//x", "admitted as /echo//x"]),
            ("slash-at-the-end", ["admitted as /echo/x/", "admitted as /echo/x/", "admitted as /echo/x/"]),
            ("broken-escape", ["not asked", "ambiguous", "ambiguous"]),
            ("query-flag", ["admitted as /echo", "admitted as /echo", "admitted as /echo"]),
            ("query-raw-utf-8", ["not asked", "not asked", "not asked"]),
        ];
        for (probe, expected) in rows {
            for (kind, expected) in [Kind::Rest, Kind::Http, Kind::HttpV1].into_iter().zip(expected) {
                let decided = of(&local, kind, probe);
                let is_as_expected = match expected {
                    "ambiguous" => decided.starts_with("refused: ") && decided.contains("ambiguous"),
                    _ => decided == expected,
                };
                assert!(is_as_expected, "{probe} at {}: {decided}", kind.word());
            }
        }
        assert_eq!(of(&local, Kind::WebSocket, "query-flag"), "admitted as /");
    }

    #[test]
    fn a_path_that_aws_shows_decoded_is_refused_at_a_rest_api() {
        let mut learned = local();
        for observation in &mut learned.observations {
            if observation.probe == "escaped-space" && observation.kind == Kind::Rest {
                let context = observation.event.as_mut().unwrap().get_mut("requestContext").unwrap();
                context["path"] = json!("/rest/echo/a b");
            }
        }
        let decided = of(&learned, Kind::Rest, "escaped-space");
        assert!(decided.starts_with("refused: "), "{decided}");
    }
}
