//! What the edge would have signed for an event, and the event with our headers.

use crate::support::keys::key_set;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use signing::{Nonce, Request, UnixSeconds, sign};
use std::time::Duration;

const VIEWER: &str = "203.0.113.7";

/// What a viewer cannot send in a path without an escape.
const IN_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// The kind of API that an event is from, by the members that the authorizer's documentation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rest,
    HttpV1,
    HttpV2,
    WebSocket,
}

impl Kind {
    /// The kind of a REQUEST event.
    pub(super) fn of(event: &Value) -> Self {
        match (event["version"].as_str(), event["requestContext"]["eventType"].as_str()) {
            (Some("2.0"), _) => Self::HttpV2,
            (Some("1.0"), _) => Self::HttpV1,
            (_, Some(_)) => Self::WebSocket,
            _ => Self::Rest,
        }
    }

    fn time(self) -> &'static str {
        if self == Self::HttpV2 { "/requestContext/timeEpoch" } else { "/requestContext/requestTimeEpoch" }
    }
}

/// The target on the wire, as far as the event shows it: a path that is shown decoded is escaped again, and so is a query.
/// Of a WebSocket API `path` is the path, which its event does not show.
pub(super) fn target(event: &Value, path: Option<&str>) -> String {
    let kind = Kind::of(event);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = match kind {
        Kind::Rest => text(&event["requestContext"]["path"]),
        Kind::HttpV1 => utf8_percent_encode(&text(&event["path"]), IN_PATH).to_string(),
        Kind::HttpV2 => utf8_percent_encode(&text(&event["rawPath"]), IN_PATH).to_string(),
        Kind::WebSocket => format!("/{}", text(&event["requestContext"]["stage"])),
    };
    let query = match kind {
        Kind::HttpV2 => text(&event["rawQueryString"]),
        _ => query(event),
    };
    let path = path.map_or(shown, str::to_owned);
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// The query, made of the map of all values. Without that map: of the map of the last values.
fn query(event: &Value) -> String {
    let all = event["multiValueQueryStringParameters"].as_object().cloned();
    let last = || event["queryStringParameters"].as_object().cloned().unwrap_or_default();
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = all.unwrap_or_else(last).into_iter().flat_map(|(name, values)| {
        let values = match values {
            Value::Array(values) => values,
            one => vec![one],
        };
        values.into_iter().map(move |value| format!("{}={}", encode(&name), encode(value.as_str().unwrap())))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// The event of the same request, if the edge signed this target for it.
pub(super) fn signed(event: &Value, target: &str) -> Value {
    let kind = Kind::of(event);
    let context = &event["requestContext"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let method = match kind {
        Kind::WebSocket => "GET".to_owned(),
        Kind::HttpV2 => text(&context["http"]["method"]),
        Kind::Rest | Kind::HttpV1 => text(&context["httpMethod"]),
    };
    // An event may lack its domain and its time: then the rules must refuse it, whatever was signed.
    let domain = Some(text(&context["domainName"])).filter(|domain| !domain.is_empty());
    let domain = domain.unwrap_or_else(|| "abc123.execute-api.eu-west-1.amazonaws.com".to_owned());
    let created = UnixSeconds::from_millis(event.pointer(kind.time()).and_then(Value::as_u64).unwrap_or_default());
    let request = Request {
        method: (&*method).try_into().unwrap(),
        authority: (&*domain).try_into().unwrap(),
        target: target.try_into().unwrap(),
        viewer_ip: VIEWER.try_into().unwrap(),
        content_digest: None,
    };
    let keys = key_set();
    let signature =
        sign(&request, keys.signing_key(created).unwrap(), Nonce::new([9; 16]), Duration::from_secs(60), created);
    let mut event = event.clone();
    set_header(&mut event, "host", &domain);
    for (field, value) in signature.headers(&request) {
        set_header(&mut event, field.name(), &value);
    }
    event
}

/// Sets a header in the maps that the event has, in the place of one with this name in any case.
fn set_header(event: &mut Value, name: &str, value: &str) {
    for (map, value) in [("headers", json!(value)), ("multiValueHeaders", json!([value]))] {
        if let Some(headers) = event[map].as_object_mut() {
            headers.retain(|other, _| !other.eq_ignore_ascii_case(name));
            headers.insert(name.to_owned(), value);
        }
    }
}

/// Adds a second copy of a header, as the gateway shows it: HTTP APIs with payload format 2.0 join the values with a comma.
pub(super) fn repeat_header(event: &mut Value, name: &str) {
    let repeat = |headers: &mut Map<String, Value>| {
        let value = headers.get_mut(name).unwrap();
        match value {
            Value::Array(values) => values.push(values[0].clone()),
            Value::String(text) => *text = format!("{text},{text}"),
            other => panic!("{other}"),
        }
    };
    let lists = event["multiValueHeaders"].as_object_mut();
    match lists {
        Some(headers) => repeat(headers),
        None => repeat(event["headers"].as_object_mut().unwrap()),
    }
}
