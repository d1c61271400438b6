//! What is a REST API's own: `ANY /` and `ANY /{proxy+}`, a REQUEST authorizer that answers with a policy, an API key.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::api_gateway::Kind;
use crate::api_keys::ApiKeys;
use crate::gateway_event::{Api, ApiRequest};
use crate::gateway_refusals::{Answer, Refusal};
use crate::policy::{Verdict, evaluate};
use crate::random;
use crate::raw_head::{RawHead, latin1, values};
use crate::rest_event::rest_event;
use crate::server::Limits;

/// The most bytes of a method ARN.
const METHOD_ARN_BYTES: usize = 1_600;

/// A deployed REST API.
pub(crate) struct RestApi {
    /// `None` where methods need no API key.
    pub(crate) api_keys: Option<ApiKeys>,
}

impl Kind for RestApi {
    const REQUEST_ID: &'static str = "x-amzn-requestid";

    fn new_request_id() -> String {
        random::request_id()
    }

    fn authorizer_time(limits: &Limits) -> Duration {
        limits.function
    }

    /// Values only.
    fn counted(_name: &str, value: &[u8]) -> usize {
        value.len()
    }

    /// `X-HTTP-Method-Override` changes the method of a REST API: what the edge signer takes such headers off for.
    /// Which members of an event show the changed one is not known; here all do.
    fn method(head: &RawHead) -> String {
        match values(&head.headers, "x-http-method-override").last() {
            Some(method) => latin1(method),
            None => head.method.clone(),
        }
    }

    fn event(api: &Api<'_>, request: &ApiRequest<'_>, now: SystemTime) -> Result<Value, Refusal> {
        let event = rest_event(api, request, now).ok_or(Refusal::OutsideStage)?;
        if method_arn(&event).len() > METHOD_ARN_BYTES {
            return Err(Refusal::MethodArnTooLong);
        }
        Ok(event)
    }

    /// The header's name is matched with its case, and its last value counts, as in the event's `headers`.
    fn identifies(headers: &[(String, Vec<u8>)], source: &str) -> bool {
        let value = headers.iter().rfind(|(name, _)| name == source);
        value.is_some_and(|(_, value)| !value.is_empty())
    }

    fn decide(answer: &Value, event: &Value) -> Result<(), Refusal> {
        match evaluate(answer, method_arn(event)) {
            Verdict::Allow => Ok(()),
            Verdict::ExplicitDeny => Err(Refusal::Denied),
            Verdict::ImplicitDeny => Err(Refusal::NotCovered),
            Verdict::Broken(reason) => Err(Refusal::BrokenAnswer(reason)),
        }
    }

    fn takes_key(&self, headers: &[(String, Vec<u8>)]) -> bool {
        self.api_keys.as_ref().is_none_or(|keys| keys.accept(headers))
    }

    /// Known are those of 401, 403 by stage, key or policy, 413, 500 and the two of 504. For 400, 414 and 431 only the
    /// limits are known.
    fn answer(refusal: Refusal) -> Answer {
        const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;
        let (status, error_type, body) = match refusal {
            Refusal::BadRequest(_) => (400, "BadRequestException", r#"{"message":"Bad Request"}"#),
            Refusal::HeadersTooLarge => {
                (431, "RequestHeaderFieldsTooLargeException", r#"{"message":"Request Header Fields Too Large"}"#)
            }
            Refusal::BodyTooLarge => (413, "RequestTooLargeException", r#"{"message":"Request Too Long"}"#),
            Refusal::NoSuchMethod => {
                (403, "MissingAuthenticationTokenException", r#"{"message":"Missing Authentication Token"}"#)
            }
            Refusal::OutsideStage | Refusal::NoApiKey => (403, "ForbiddenException", FORBIDDEN),
            Refusal::MethodArnTooLong => (414, "RequestUriTooLongException", r#"{"message":"Request-URI Too Long"}"#),
            Refusal::Unidentified | Refusal::ThrewUnauthorized => {
                (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#)
            }
            Refusal::AuthorizerTimeout | Refusal::Threw | Refusal::BrokenAnswer(_) => {
                (500, "AuthorizerConfigurationException", r#"{"message":null}"#)
            }
            Refusal::Denied => (
                403,
                "AccessDeniedException",
                concat!(
                    r#"{"Message":"User is not authorized to access this resource with an explicit deny"#,
                    r#" in an identity-based policy"}"#
                ),
            ),
            Refusal::NotCovered => {
                (403, "AccessDeniedException", r#"{"Message":"User is not authorized to access this resource"}"#)
            }
            Refusal::BackendTimeout => {
                (504, "InternalServerErrorException", r#"{"message":"Endpoint request timed out"}"#)
            }
            Refusal::BackendUnreachable => {
                (504, "InternalServerErrorException", r#"{"message":"Network error communicating with endpoint"}"#)
            }
        };
        Answer { status, error_type: Some(error_type), body }
    }
}

fn method_arn(event: &Value) -> &str {
    event.get("methodArn").and_then(Value::as_str).unwrap_or_default()
}
