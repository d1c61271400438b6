//! The request as it arrived, so that one can see what two hops made of it, with the authorizer's context, which an
//! integration with a Lambda function is shown.

use crate::net::headers::latin1;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What a request is answered with.
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
