//! The opening handshake of a WebSocket (RFC 6455, section 4.2).

use crate::{
    gateway::rejections::Rejection,
    net::{
        body::{Body, full},
        headers::values,
        raw_head::RawHead,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    Response, StatusCode,
    header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Whether a request is a valid handshake.
///
/// It is not known how the real gateway answers a request that is not one: believed are 426 if it does not ask for a WebSocket,
/// and 400 if the handshake is broken.
pub(crate) fn check(head: &RawHead) -> Result<(), Rejection> {
    if !head.asks_for_websocket() {
        return Err(Rejection::NotWebSocket);
    }
    if head.body.announces_body() {
        return Err(Rejection::BadRequest("a WebSocket handshake has a body"));
    }
    let one = |name| {
        let mut found = values(&head.headers, name);
        match (found.next(), found.next()) {
            (Some(value), None) => Some(value),
            _ => None,
        }
    };
    if one("sec-websocket-version") != Some(b"13".as_slice()) {
        return Err(Rejection::BadRequest("Sec-WebSocket-Version is not 13"));
    }
    let nonce = one("sec-websocket-key").and_then(|key| STANDARD.decode(key).ok());
    if nonce.is_none_or(|nonce| nonce.len() != 16) {
        return Err(Rejection::BadRequest("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    Ok(())
}

/// The answer 101. `subprotocol` is what the backend chose: it is sent if the viewer offered it.
///
/// AWS documents that `$connect` chooses a subprotocol by this header of its answer. It is not known what happens to one that was
/// not offered; here it is left out, as RFC 6455 asks.
pub(crate) fn accept(head: &RawHead, subprotocol: Option<&HeaderValue>) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let key = values(&head.headers, "sec-websocket-key").next().unwrap_or_default();
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key)) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    let mut offered = values(&head.headers, "sec-websocket-protocol").flat_map(|list| list.split(|byte| *byte == b','));
    if let Some(chosen) = subprotocol
        && offered.any(|protocol| protocol.trim_ascii() == chosen.as_bytes())
    {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, chosen.clone());
    }
    response
}
