//! The calls of the backend: `$connect`, `$default` for each message, `$disconnect`.
//!
//! The backend gets what a Lambda function gets from a WebSocket API: Lambda's proxy event as JSON. A server gets it as the body
//! of `POST URL/connect`, `URL/default` or `URL/disconnect`: an integration of a WebSocket API has a URL for each route. An HTTP
//! integration of AWS gets only the message and the headers that its owner maps. An event has both in one place, and no header of a
//! viewer can pretend to be one of the gateway's.

use crate::{
    backend::{
        request::BackendRequest,
        upstream::{BackendFailure, Upstream},
    },
    gateway::{
        event::{milliseconds, request_time},
        websocket::{built_in, connections::Connections},
    },
    net::body::{Body, full},
    random,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{Method, Response, header::HeaderValue, http::Extensions};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// The backend of a WebSocket API.
pub(crate) struct Calls {
    pub(crate) upstream: Upstream,
    pub(crate) connections: Connections,
    /// What comes before the id in the URL of a connection: `http://GATEWAY/STAGE/@connections/`.
    pub(crate) callback: String,
    pub(crate) limit: Duration,
}

/// What the events of one connection share.
pub(crate) struct Connected {
    pub(crate) id: String,
    /// The `requestContext` of the `$connect` event, with the authorizer's context.
    context: Map<String, Value>,
    /// The `$connect` event, without the members that only the authorizer gets.
    connect: Value,
}

/// A message of the viewer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Text(String),
    Binary(Vec<u8>),
}

impl Connected {
    /// From the authorizer's event and the context of its answer. `callback_url` is not a member of AWS's events: there it is
    /// `https://` with `domainName`, `stage` and `@connections`.
    pub(crate) fn new(mut event: Value, authorizer: Map<String, Value>, callback: &str) -> Self {
        let mut context = event.get("requestContext").and_then(Value::as_object).cloned().unwrap_or_default();
        let id = context.get("connectionId").and_then(Value::as_str).unwrap_or_default().to_owned();
        context.insert("authorizer".to_owned(), Value::Object(authorizer));
        context.insert("callbackUrl".to_owned(), format!("{callback}{}", escaped(&id)).into());
        if let Some(members) = event.as_object_mut() {
            members.remove("type");
            members.remove("methodArn");
            members.insert("requestContext".to_owned(), Value::Object(context.clone()));
            members.insert("isBase64Encoded".to_owned(), false.into());
        }
        Self { id, context, connect: event }
    }

    fn context(&self, route: &str, event_type: &str, request_id: &str, now: SystemTime) -> Map<String, Value> {
        let mut context = self.context.clone();
        for (name, value) in [
            ("routeKey", json!(route)),
            ("eventType", json!(event_type)),
            ("requestId", json!(request_id)),
            ("extendedRequestId", json!(request_id)),
            ("requestTime", json!(request_time(now))),
            ("requestTimeEpoch", json!(milliseconds(now))),
        ] {
            context.insert(name.to_owned(), value);
        }
        context
    }

    /// The event of a message. Captured: it has no headers.
    pub(crate) fn message(&self, message: &Incoming, request_id: &str, now: SystemTime) -> Value {
        let mut context = self.context("$default", "MESSAGE", request_id, now);
        context.insert("messageId".to_owned(), json!(random::extended_request_id()));
        let (body, is_binary) = match message {
            Incoming::Text(text) => (text.clone(), false),
            // Believed: as other events show a body that is not a text.
            Incoming::Binary(bytes) => (STANDARD.encode(bytes), true),
        };
        json!({ "requestContext": context, "body": body, "isBase64Encoded": is_binary })
    }

    /// The event of the end. Documented: the status code and the reason of the end.
    pub(crate) fn disconnect(&self, code: u16, reason: &str, request_id: &str, now: SystemTime) -> Value {
        let mut context = self.context("$disconnect", "DISCONNECT", request_id, now);
        context.insert("disconnectStatusCode".to_owned(), code.into());
        context.insert("disconnectReason".to_owned(), reason.into());
        json!({ "requestContext": context, "isBase64Encoded": false })
    }
}

impl Calls {
    pub(crate) async fn connect(&self, connected: &Connected) -> Result<Response<Body>, BackendFailure> {
        self.call("/connect", &connected.connect).await
    }

    /// A message. It is not known what an answer that is not 2xx does; without a route response the answer is not used, and here
    /// it is not either.
    pub(crate) async fn message(&self, event: &Value) -> Result<(), BackendFailure> {
        self.call("/default", event).await.map(drop)
    }

    /// The end. AWS calls this route with its best effort, and nobody waits for the answer.
    pub(crate) async fn disconnect(&self, event: &Value) -> Result<(), BackendFailure> {
        self.call("/disconnect", event).await.map(drop)
    }

    async fn call(&self, path: &str, event: &Value) -> Result<Response<Body>, BackendFailure> {
        if self.upstream == Upstream::BuiltIn {
            return Ok(built_in::answer(event, &self.connections).await);
        }
        let header = |name: &str, value: &HeaderValue| (name.to_owned(), value.as_bytes().to_vec());
        let request = BackendRequest {
            method: Method::POST,
            target: path.to_owned(),
            whole_path: false,
            headers: vec![
                header("Host", &HeaderValue::from_static("-")), // the server's own name replaces it
                header("Content-Type", &HeaderValue::from_static("application/json")),
            ],
            context: Map::new(),
            body: full(event.to_string()),
            extensions: Extensions::new(),
        };
        self.upstream.answer(request, self.limit).await
    }
}

/// An id as one segment of a URL.
fn escaped(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}
