//! What a WebSocket API decides about a handshake.

use crate::{
    gateway::{
        api_keys::ApiKeys,
        deployment::Kind,
        event::{Api, ApiRequest, Arrival},
        iam_policy::allowed_context,
        rejections::{Rejection, RejectionResponse},
        rest::api::RestApi,
        websocket::{event, handshake},
    },
    net::{raw_head::RawHead, server::Limits},
    random,
};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// The most characters of the URL of a WebSocket API: the documented quota. Here the target counts. The status of the answer is
/// not documented.
const URL_BYTES: usize = 4_096;

/// A deployed WebSocket API.
pub(crate) struct WebSocketApi {
    /// `None` if `$connect` does not need an API key.
    pub(crate) api_keys: Option<ApiKeys>,
}

impl Kind for WebSocketApi {
    /// Believed: as a REST API.
    const REQUEST_ID: &'static str = "x-amzn-requestid";

    /// Of the form that captured events of WebSocket APIs have.
    fn new_request_id() -> String {
        random::extended_request_id()
    }

    fn authorizer_time(limits: &Limits) -> Duration {
        limits.function
    }

    /// It is believed that the quota of a REST API is also that of a handshake.
    fn counted(_name: &str, value: &[u8]) -> usize {
        value.len()
    }

    /// Only GET can be a handshake. It is believed that `X-HTTP-Method-Override` does not change that.
    fn method(method: &str, _headers: &[(String, Vec<u8>)]) -> String {
        method.to_owned()
    }

    fn arrive<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection> {
        if target.len() > URL_BYTES {
            return Err(Rejection::UrlTooLong);
        }
        event::arrival(api, target)
    }

    fn serves(head: &RawHead) -> Result<(), Rejection> {
        handshake::check(head)
    }

    fn event(
        &self,
        api: &Api<'_>,
        request: &ApiRequest<'_>,
        arrival: &Arrival<'_>,
        now: SystemTime,
    ) -> Result<Value, Rejection> {
        // Captured: the id of a connection has the form of an extended request id.
        Ok(event::event(api, request, arrival, &random::extended_request_id(), now))
    }

    /// Believed: as a REST API, where the case of the name counts.
    fn identifies(headers: &[(String, Vec<u8>)], source: &str) -> bool {
        RestApi::identifies(headers, source)
    }

    fn decide(&self, answer: &Value, event: &Value) -> Result<Map<String, Value>, Rejection> {
        allowed_context(answer, event.get("methodArn").and_then(Value::as_str).unwrap_or_default())
    }

    fn takes_key(&self, headers: &[(String, Vec<u8>)]) -> bool {
        self.api_keys.as_ref().is_none_or(|keys| keys.accept(headers))
    }

    /// 401 for a missing identity source and 403 for a denial are documented, and 502 for a `$connect` that fails is reported.
    /// Everything else is believed: the texts are those of a REST API.
    fn answer(rejection: Rejection) -> RejectionResponse {
        const INTERNAL: &str = r#"{"message": "Internal server error"}"#;
        let (status, error_type, body) = match rejection {
            Rejection::NotWebSocket => (426, "UpgradeRequiredException", r#"{"message":"Upgrade Required"}"#),
            Rejection::UrlTooLong => (414, "RequestUriTooLongException", r#"{"message":"Request-URI Too Long"}"#),
            Rejection::NoSuchRoute | Rejection::NoSuchMethod => {
                (403, "ForbiddenException", r#"{"message":"Forbidden"}"#)
            }
            Rejection::BackendUnreachable => (502, "InternalServerErrorException", INTERNAL),
            Rejection::BackendTimeout => (504, "InternalServerErrorException", INTERNAL),
            other => return RestApi::answer(other),
        };
        RejectionResponse { status, error_type: Some(error_type), body }
    }
}
