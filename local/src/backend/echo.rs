//! The request as it arrived, to show how two hops changed it, with the authorizer's context, which an integration with
//! a Lambda function gets.

use crate::net::headers::latin1;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The answer to a request.
pub(crate) fn echo(
    method: &str,
    target: &str,
    headers: &[(String, Vec<u8>)],
    context: &Map<String, Value>,
    body: &Bytes,
) -> Value {
    let headers: Vec<_> = headers.iter().map(|(name, value)| json!([name, latin1(value)])).collect();
    json!({
        "method": method,
        "target": target,
        "headers": headers,
        "authorizer": context,
        "body": STANDARD.encode(body),
        "body_length": body.len(),
        "body_sha256": hex::encode(Sha256::digest(body)),
    })
}
