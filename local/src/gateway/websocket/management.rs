//! `@connections`: how a backend answers. `POST`, `GET` and `DELETE` of `/STAGE/@connections/ID` at the gateway's own address, and of
//! `/KEY/@connections/ID` at a custom domain.
//!
//! AWS asks for SigV4 there. Here such a request is not signed, because only this machine reaches the gateway. But a request that
//! came through CloudFront is a viewer's, and is answered as AWS answers one without SigV4.

use crate::{
    gateway::{
        event::milliseconds,
        websocket::{
            connections::{About, Command, Connections, Gone},
            session::MESSAGE_BYTES,
        },
    },
    net::{
        body::{Body, full},
        headers::values,
        raw_head::{Framing, RawHead},
    },
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Response, StatusCode, body::Incoming, header::HeaderValue};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// The id that a target names, if it is one of `@connections` below this prefix.
pub(crate) fn connection_id(head: &RawHead, prefix: &str) -> Option<String> {
    let path = head.target.split('?').next().unwrap_or_default();
    let id = path.strip_prefix(prefix)?.strip_prefix("/@connections/")?;
    (!id.is_empty() && !id.contains('/')).then(|| percent_decode_str(id).decode_utf8_lossy().into_owned())
}

/// Whether a request came through CloudFront, which names each request, whatever its viewer has sent.
pub(crate) fn is_from_viewer(head: &RawHead) -> bool {
    values(&head.headers, "x-amz-cf-id").next().is_some()
}

/// Answers a call. The forms are those of AWS's reference; the text of the 410 is not known.
pub(crate) async fn answer(
    head: &RawHead,
    body: Incoming,
    id: &str,
    connections: &Connections,
    limit: Duration,
) -> Response<Body> {
    let done = match head.method.as_str() {
        "GET" => connections.about(id).map(|about| described(&about)),
        "DELETE" => connections.command(id, Command::Close).await.map(|()| empty(204)),
        "POST" => {
            let too_large = || error(413, "PayloadTooLargeException", "Payload Too Large");
            if matches!(head.body, Framing::Length(length) if usize::try_from(length).is_ok_and(|length| length > MESSAGE_BYTES))
            {
                return too_large();
            }
            match timeout(limit, Limited::new(body, MESSAGE_BYTES).collect()).await {
                Ok(Ok(body)) => connections.command(id, Command::Send(body.to_bytes())).await.map(|()| empty(200)),
                Ok(Err(failure)) if failure.is::<LengthLimitError>() => return too_large(),
                Ok(Err(_)) | Err(_) => return error(400, "BadRequestException", "Bad Request"),
            }
        }
        _ => return error(403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    };
    done.unwrap_or_else(|Gone| error(410, "GoneException", "Gone"))
}

fn described(about: &About) -> Response<Body> {
    let time = |time: SystemTime| {
        let milliseconds = i64::try_from(milliseconds(time)).unwrap_or_default();
        format!("{:.3}", Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH))
    };
    let mut response = Response::new(full(
        json!({
            "connectedAt": time(about.connected),
            "identity": { "sourceIp": about.source_ip, "userAgent": about.user_agent },
            "lastActiveAt": time(about.last_active),
        })
        .to_string(),
    ));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn empty(status: u16) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}

fn error(status: u16, error_type: &'static str, message: &str) -> Response<Body> {
    let mut response = Response::new(full(json!({ "message": message }).to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    response
}
