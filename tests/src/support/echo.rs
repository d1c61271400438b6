//! What `/echo` behind the gateway says that it got.

use serde_json::Value;

/// What of a request is caught behind the gateway, to be sent again.
pub(crate) const CAUGHT: [&str; 4] =
    ["Countersign-Signature-Input", "Countersign-Signature", "Countersign-Target", "Countersign-Viewer-Ip"];

/// A header that the API got.
pub(crate) fn arrived<'a>(echo: &'a Value, name: &str) -> Option<&'a str> {
    let mut headers = echo["headers"].as_array().unwrap().iter();
    headers.find(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name)).and_then(|header| header[1].as_str())
}
