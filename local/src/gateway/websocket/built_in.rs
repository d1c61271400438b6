//! The built-in backend of a WebSocket API: it sends each message back, by `@connections`. It answers the text `whoami` with
//! the `requestContext` of the message, which shows what the authorizer handed on at `$connect`.

use crate::{
    gateway::websocket::connections::{Command, Connections},
    net::body::{Body, full},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::Response;
use serde_json::Value;

/// Accepts every connection, and answers every message.
pub(crate) async fn answer(event: &Value, connections: &Connections) -> Response<Body> {
    let context = event.get("requestContext");
    let text = |name| context.and_then(|context| context.get(name)).and_then(Value::as_str).unwrap_or_default();
    if text("eventType") == "MESSAGE" {
        let body = event.get("body").and_then(Value::as_str).unwrap_or_default();
        let is_binary = event.get("isBase64Encoded") == Some(&Value::Bool(true));
        let answer = match (body, context) {
            ("whoami", Some(context)) if !is_binary => Bytes::from(context.to_string()),
            _ if is_binary => Bytes::from(STANDARD.decode(body).unwrap_or_default()),
            _ => Bytes::from(body.to_owned()),
        };
        // A connection that has ended does not need the answer.
        let _ = connections.command(text("connectionId"), Command::Send(answer)).await;
    }
    Response::new(full(""))
}
