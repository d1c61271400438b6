//! What is an HTTP API's own: the route `$default`, an authorizer that answers in the simple form, no API keys.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::api_gateway::Kind;
use crate::gateway_event::{Api, ApiRequest};
use crate::gateway_refusals::{Answer, Refusal};
use crate::http_event::http_event;
use crate::random;
use crate::raw_head::{RawHead, values};
use crate::server::Limits;
use crate::simple_answer::is_authorized;

/// The most time of an authorizer: the documented quota.
const AUTHORIZER_TIME: Duration = Duration::from_secs(10);

/// A deployed HTTP API.
pub(crate) struct HttpApi;

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

    /// `X-HTTP-Method-Override` does nothing here.
    fn method(head: &RawHead) -> String {
        head.method.clone()
    }

    fn event(api: &Api<'_>, request: &ApiRequest<'_>, now: SystemTime) -> Result<Value, Refusal> {
        http_event(api, request, now).ok_or(Refusal::OutsideStage)
    }

    /// The header's name is matched without regard to case. That an empty value counts as none is believed.
    fn identifies(headers: &[(String, Vec<u8>)], source: &str) -> bool {
        values(headers, source).any(|value| !value.is_empty())
    }

    fn decide(answer: &Value, _event: &Value) -> Result<(), Refusal> {
        match is_authorized(answer) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Denied),
            Err(reason) => Err(Refusal::BrokenAnswer(reason)),
        }
    }

    fn takes_key(&self, _headers: &[(String, Vec<u8>)]) -> bool {
        true
    }

    /// Known are those of 401, 403, 404, 500 and, for a backend that is slow, 503. For 400, 413 and 431 only the limits
    /// are known.
    fn answer(refusal: Refusal) -> Answer {
        let (status, body) = match refusal {
            Refusal::BadRequest(_) => (400, r#"{"message":"Bad Request"}"#),
            Refusal::HeadersTooLarge => (431, r#"{"message":"Request Header Fields Too Large"}"#),
            Refusal::BodyTooLarge => (413, r#"{"message":"Request Entity Too Large"}"#),
            // The route takes any method that CloudFront sends; the answer to another one is not known.
            Refusal::NoSuchMethod | Refusal::OutsideStage => (404, r#"{"message":"Not Found"}"#),
            Refusal::Unidentified => (401, r#"{"message":"Unauthorized"}"#),
            // The text `Unauthorized` has, as far as is known, no special meaning here.
            Refusal::AuthorizerTimeout | Refusal::ThrewUnauthorized | Refusal::Threw | Refusal::BrokenAnswer(_) => {
                (500, r#"{"message":"Internal Server Error"}"#)
            }
            // Of these four an HTTP API only makes the first.
            Refusal::Denied | Refusal::NotCovered | Refusal::NoApiKey | Refusal::MethodArnTooLong => {
                (403, r#"{"message":"Forbidden"}"#)
            }
            // That one that cannot be reached is answered as one that is slow is believed.
            Refusal::BackendTimeout | Refusal::BackendUnreachable => (503, r#"{"message":"Service Unavailable"}"#),
        };
        Answer { status, error_type: None, body }
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
