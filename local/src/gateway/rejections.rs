//! Why API Gateway itself answers, and the form of such an answer. Each kind of API has its own answers.

use crate::net::body::{Body, full};
use hyper::{Response, StatusCode, header::HeaderValue};

/// Why the gateway itself answers, in the order of its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The request cannot be taken as one; says why.
    BadRequest(&'static str),
    HeadersTooLarge,
    BodyTooLarge,
    /// The `Host` is not the API's own name: on AWS it chooses the API.
    OtherHost,
    OutsideStage,
    /// On a custom domain.
    OutsideBasePath,
    /// WebSocket APIs only.
    UrlTooLong,
    NoSuchRoute,
    /// The request does not ask for a WebSocket. WebSocket APIs only.
    NotWebSocket,
    NoSuchMethod,
    /// REST APIs only.
    MethodArnTooLong,
    /// An identity source is missing.
    Unidentified,
    AuthorizerTimeout,
    /// The authorizer's answer is over the quota.
    AnswerTooLarge,
    /// The authorizer threw the text `Unauthorized`.
    ThrewUnauthorized,
    /// The authorizer threw anything else.
    Threw,
    /// API Gateway does not accept the answer, for this reason.
    BrokenAnswer(&'static str),
    /// The answer says no.
    Denied,
    /// The policy in the answer does not cover this method.
    NotCovered,
    /// REST APIs and WebSocket APIs only.
    NoApiKey,
    /// The context has no path for the parameter mapping `overwrite:path`. HTTP APIs only.
    NoPathInContext,
    BackendTimeout,
    BackendUnreachable,
    /// A call of `@connections` that came through CloudFront. WebSocket APIs only.
    CallFromViewer,
}

impl Rejection {
    /// Whether the request was one of this API, stage and base path.
    pub(crate) fn is_of_this_stage(self) -> bool {
        !matches!(self, Self::OtherHost | Self::OutsideStage | Self::OutsideBasePath)
    }

    /// The reason as a code and as a sentence; `None` where the authorizer, which logs by itself, has decided.
    pub(crate) fn reason(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::BadRequest(detail) => ("bad-request", detail),
            Self::HeadersTooLarge => ("head-too-large", "request line and headers are over 10,240 bytes"),
            Self::BodyTooLarge => ("body-too-large", "the body is over 10,485,760 bytes"),
            Self::OtherHost => ("other-host", "the Host is not the API's own name"),
            Self::OutsideStage => ("outside-stage", "the path does not begin with the stage"),
            Self::OutsideBasePath => {
                ("outside-base-path", "the path does not begin with the mapping key of the custom domain")
            }
            Self::UrlTooLong => ("url-too-long", "the URL is over 4,096 bytes"),
            Self::NotWebSocket => ("not-a-websocket", "the request does not ask for a WebSocket"),
            Self::NoSuchRoute => ("no-such-route", "the API has no such route"),
            Self::NoSuchMethod => ("no-such-method", "the API has no such method"),
            Self::MethodArnTooLong => ("method-arn-too-long", "the method ARN is over 1,600 bytes"),
            Self::Unidentified => ("identity-source-missing", "an identity source is missing or empty"),
            Self::AuthorizerTimeout => ("authorizer-timeout", "the authorizer did not answer in time"),
            Self::AnswerTooLarge => ("authorizer-answer-too-large", "the authorizer's answer is over 8,192 bytes"),
            Self::ThrewUnauthorized | Self::Threw | Self::Denied => return None,
            Self::BrokenAnswer(detail) => ("authorizer-answer-malformed", detail),
            Self::NotCovered => ("method-not-covered", "the policy does not cover the method"),
            Self::NoApiKey => ("api-key", "the API key is missing or not of the usage plan"),
            Self::NoPathInContext => {
                ("no-path-in-context", "the authorizer's context has no path under the name that overwrite:path maps")
            }
            Self::CallFromViewer => {
                ("call-from-viewer", "a call of @connections came through CloudFront: only a backend calls it")
            }
            Self::BackendTimeout => ("backend-timeout", "the backend did not answer in time"),
            Self::BackendUnreachable => {
                ("backend-unreachable", "the backend cannot be reached, or broke the exchange off")
            }
        })
    }
}

/// An answer of the gateway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RejectionResponse {
    pub(crate) status: u16,
    /// `x-amzn-errortype`, which HTTP APIs do not send.
    pub(crate) error_type: Option<&'static str>,
    /// JSON.
    pub(crate) body: &'static str,
}

impl RejectionResponse {
    pub(crate) fn response(self) -> Response<Body> {
        let mut response = Response::new(full(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if self.status == 426 {
            headers.insert("upgrade", HeaderValue::from_static("websocket")); // RFC 9110, section 15.5.22
        }
        if let Some(error_type) = self.error_type {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        }
        response
    }
}
