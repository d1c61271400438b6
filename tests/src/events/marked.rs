//! An event whose credentials have a marker, which must not reach the log or an error.

use super::subject::Said;
use serde_json::{Map, Value, json};

/// In each place that can hold a credential.
const MARKER: &str = "credential-of-a-viewer";

/// The headers that are added to each event.
const HEADERS: [&str; 4] = ["Authorization", "Cookie", "x-api-key", "X-Origin-Verify"];

/// The event with the marker as the value of each header and parameter, and in each other place that holds what a viewer
/// sent.
///
/// Some headers stay as they are: the rules read `Connection`, `Content-Length` and `Host`, and the log has `x-amz-cf-id`. Our own
/// headers are added later.
pub(super) fn marked(event: &Value) -> Value {
    let mut event = event.clone();
    let keep = |name: &str| {
        ["x-amz-cf-id", "host", "connection", "content-length"].iter().any(|kept| name.eq_ignore_ascii_case(kept))
    };
    let mark = |members: &mut Map<String, Value>, value: &Value| {
        for (_, member) in members.iter_mut().filter(|(name, _)| !keep(name)) {
            *member = value.clone();
        }
    };
    for (map, value) in [("headers", json!(MARKER)), ("multiValueHeaders", json!([MARKER, MARKER]))] {
        if let Some(members) = event[map].as_object_mut() {
            mark(members, &value);
            members.extend(HEADERS.map(|name| (name.to_owned(), value.clone())));
        }
    }
    for (map, value) in
        [("queryStringParameters", json!(MARKER)), ("multiValueQueryStringParameters", json!([MARKER, MARKER]))]
    {
        event[map] = json!({ "token": value, MARKER: value });
    }
    for name in ["rawQueryString", "authorizationToken", "body"] {
        event[name] = json!(format!("token={MARKER}"));
    }
    for name in ["cookies", "identitySource"] {
        event[name] = json!([MARKER]);
    }
    event
}

#[track_caller]
pub(super) fn assert_no_marker(said: &Said, what: &dyn Fn() -> String) {
    for text in &said.texts {
        assert!(!text.contains(MARKER), "{}: {text}", what());
    }
}
