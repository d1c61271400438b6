//! The parts that only an HTTP API has: two formats of its authorizer's event, two forms of the answer, and no API keys.

use crate::{
    gateway::{
        deployment::{Forwards, Kind, context},
        event::{Api, ApiRequest, Arrival},
        http::{event, event_v1, simple_answer::is_authorized},
        iam_policy::allowed_context,
        rejections::{Rejection, RejectionResponse},
    },
    net::{headers::values, server::Limits},
    random,
};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// The most time of an authorizer: the documented quota.
const AUTHORIZER_TIME: Duration = Duration::from_secs(10);

/// A deployed HTTP API, by the format of its authorizer's event and the form of its authorizer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpApi {
    /// Payload format 2.0, with `EnableSimpleResponses`.
    Simple,
    /// Payload format 2.0, without it.
    Policy,
    /// Payload format 1.0, which always has a policy for its answer.
    V1,
}

impl Kind for HttpApi {
    const REQUEST_ID: &'static str = "apigw-requestid";

    /// Of the form that a REST API's extended id has: captured.
    fn new_request_id() -> String {
        random::extended_request_id()
    }

    fn authorizer_time(limits: &Limits) -> Duration {
        limits.function.min(AUTHORIZER_TIME)
    }

    /// Names too: the stricter reading of the quota.
    fn counted(name: &str, value: &[u8]) -> usize {
        name.len() + value.len()
    }

    /// `X-HTTP-Method-Override` has no effect here.
    fn method(method: &str, _headers: &[(String, Vec<u8>)]) -> String {
        method.to_owned()
    }

    /// These APIs accept a bare `%`, as far as is known.
    fn arrive<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection> {
        event::arrival(api, target)
    }

    fn event(
        &self,
        api: &Api<'_>,
        request: &ApiRequest<'_>,
        arrival: &Arrival<'_>,
        now: SystemTime,
    ) -> Result<Value, Rejection> {
        Ok(match self {
            Self::Simple | Self::Policy => event::event(api, request, arrival, now),
            Self::V1 => event_v1::event(api, request, arrival, now),
        })
    }

    /// The name of the header is compared without case. It is believed that an empty value counts as missing.
    fn identifies(headers: &[(String, Vec<u8>)], source: &str) -> bool {
        values(headers, source).any(|value| !value.is_empty())
    }

    /// An answer of the other form is broken.
    fn decide(&self, answer: &Value, event: &Value) -> Result<Map<String, Value>, Rejection> {
        let arn = |name| event.get(name).and_then(Value::as_str).unwrap_or_default();
        match self {
            Self::Simple => match is_authorized(answer) {
                Ok(true) => Ok(context(answer)),
                Ok(false) => Err(Rejection::Denied),
                Err(reason) => Err(Rejection::BrokenAnswer(reason)),
            },
            Self::Policy => allowed_context(answer, arn("routeArn")),
            Self::V1 => allowed_context(answer, arn("methodArn")),
        }
    }

    fn takes_key(&self, _headers: &[(String, Vec<u8>)]) -> bool {
        true
    }

    /// The answers with 401, 403, 404, 500 of an authorizer and, for a slow backend, 503 are known. For 400, 413 and
    /// 431 only the limits are known.
    fn answer(rejection: Rejection) -> RejectionResponse {
        const FORBIDDEN: (u16, &str) = (403, r#"{"message":"Forbidden"}"#);
        let (status, body) = match rejection {
            Rejection::BadRequest(_) => (400, r#"{"message":"Bad Request"}"#),
            Rejection::HeadersTooLarge => (431, r#"{"message":"Request Header Fields Too Large"}"#),
            Rejection::BodyTooLarge => (413, r#"{"message":"Request Entity Too Large"}"#),
            // A route accepts any method that CloudFront sends; the answer to another method is not known.
            Rejection::NoSuchMethod | Rejection::NoSuchRoute => (404, r#"{"message":"Not Found"}"#),
            Rejection::Unidentified => (401, r#"{"message":"Unauthorized"}"#),
            // The text `Unauthorized` has, as far as is known, no special meaning here. It is believed that an answer
            // that is too large is one of these. The effect of a parameter mapping without its value in the context is
            // neither documented nor known: here the request is not forwarded.
            Rejection::AuthorizerTimeout
            | Rejection::AnswerTooLarge
            | Rejection::ThrewUnauthorized
            | Rejection::Threw
            | Rejection::BrokenAnswer(_)
            | Rejection::NoPathInContext => (500, r#"{"message":"Internal Server Error"}"#),
            // A policy that denies and a policy that does not cover the route are answered alike: believed.
            Rejection::OtherHost
            | Rejection::OutsideStage
            | Rejection::OutsideBasePath
            | Rejection::Denied
            | Rejection::NotCovered => FORBIDDEN,
            // An HTTP API makes none of these.
            Rejection::NoApiKey
            | Rejection::MethodArnTooLong
            | Rejection::UrlTooLong
            | Rejection::NotWebSocket
            | Rejection::CallFromViewer => FORBIDDEN,
            // It is believed that a backend that cannot be reached gets the same answer as a slow one.
            Rejection::BackendTimeout | Rejection::BackendUnreachable => (503, r#"{"message":"Service Unavailable"}"#),
        };
        RejectionResponse { status, error_type: None, body }
    }
}

impl Forwards for HttpApi {
    fn backend_path<'a>(arrival: &Arrival<'a>) -> &'a str {
        if arrival.below.is_empty() { "/" } else { arrival.below }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorizer_has_ten_seconds() {
        assert_eq!(HttpApi::authorizer_time(&Limits::default()), Duration::from_secs(10));
    }
}
