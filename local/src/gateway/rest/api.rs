//! The parts that only a REST API has: a REQUEST authorizer that answers with a policy, and an API key.

use crate::{
    gateway::{
        api_keys::ApiKeys,
        deployment::{Forwards, Kind},
        event::{Api, ApiRequest, Arrival, with_one_slash},
        iam_policy::allowed_context,
        rejections::{Rejection, RejectionResponse},
        rest::event,
    },
    net::{
        headers::{latin1, values},
        server::Limits,
    },
    random,
};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// The most bytes of a method ARN.
const METHOD_ARN_BYTES: usize = 1_600;

/// A deployed REST API.
pub(crate) struct RestApi {
    /// `None` if methods do not need an API key.
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

    /// `X-HTTP-Method-Override` changes the method of a REST API, which is why the edge signer removes such headers. It
    /// is not known which members of an event show the changed method; here all do.
    fn method(method: &str, headers: &[(String, Vec<u8>)]) -> String {
        match values(headers, "x-http-method-override").last() {
            Some(method) => latin1(method),
            None => method.to_owned(),
        }
    }

    /// One report about real REST APIs says that a bare `%` anywhere in the target is answered 400.
    fn arrive<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection> {
        if has_bare_percent(target) {
            return Err(Rejection::BadRequest("the target has a % without two hexadecimal digits behind it"));
        }
        event::arrival(api, target)
    }

    fn event(
        &self,
        api: &Api<'_>,
        request: &ApiRequest<'_>,
        arrival: &Arrival<'_>,
        now: SystemTime,
    ) -> Result<Value, Rejection> {
        let event = event::event(api, request, arrival, now);
        if method_arn(&event).len() > METHOD_ARN_BYTES {
            return Err(Rejection::MethodArnTooLong);
        }
        Ok(event)
    }

    /// The name of the header is compared with its case, and its last value counts, as in the event's `headers`.
    fn identifies(headers: &[(String, Vec<u8>)], source: &str) -> bool {
        let value = headers.iter().rfind(|(name, _)| name == source);
        value.is_some_and(|(_, value)| !value.is_empty())
    }

    fn decide(&self, answer: &Value, event: &Value) -> Result<Map<String, Value>, Rejection> {
        allowed_context(answer, method_arn(event))
    }

    fn takes_key(&self, headers: &[(String, Vec<u8>)]) -> bool {
        self.api_keys.as_ref().is_none_or(|keys| keys.accept(headers))
    }

    /// The answers with 401, 403 for host, stage, route, key or policy, 413, 500 and both with 504 are known. For 400,
    /// 414 and 431 only the limits are known.
    fn answer(rejection: Rejection) -> RejectionResponse {
        const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;
        let (status, error_type, body) = match rejection {
            Rejection::BadRequest(_) => (400, "BadRequestException", r#"{"message":"Bad Request"}"#),
            Rejection::HeadersTooLarge => {
                (431, "RequestHeaderFieldsTooLargeException", r#"{"message":"Request Header Fields Too Large"}"#)
            }
            Rejection::BodyTooLarge => (413, "RequestTooLargeException", r#"{"message":"Request Too Long"}"#),
            // What AWS answers to a call of `@connections` without SigV4 is this too.
            Rejection::NoSuchMethod | Rejection::NoSuchRoute | Rejection::CallFromViewer => {
                (403, "MissingAuthenticationTokenException", r#"{"message":"Missing Authentication Token"}"#)
            }
            Rejection::OtherHost | Rejection::OutsideStage | Rejection::OutsideBasePath | Rejection::NoApiKey => {
                (403, "ForbiddenException", FORBIDDEN)
            }
            // A REST API makes no `NotWebSocket`, and has another limit of its URL.
            Rejection::NotWebSocket | Rejection::UrlTooLong | Rejection::MethodArnTooLong => {
                (414, "RequestUriTooLongException", r#"{"message":"Request-URI Too Long"}"#)
            }
            Rejection::Unidentified | Rejection::ThrewUnauthorized => {
                (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#)
            }
            // It is believed that an answer that is too large is one of these. A REST API does not have
            // `overwrite:path`.
            Rejection::AuthorizerTimeout
            | Rejection::AnswerTooLarge
            | Rejection::Threw
            | Rejection::BrokenAnswer(_)
            | Rejection::NoPathInContext => (500, "AuthorizerConfigurationException", r#"{"message":null}"#),
            Rejection::Denied => (
                403,
                "AccessDeniedException",
                concat!(
                    r#"{"Message":"User is not authorized to access this resource with an explicit deny"#,
                    r#" in an identity-based policy"}"#
                ),
            ),
            Rejection::NotCovered => {
                (403, "AccessDeniedException", r#"{"Message":"User is not authorized to access this resource"}"#)
            }
            Rejection::BackendTimeout => {
                (504, "InternalServerErrorException", r#"{"message":"Endpoint request timed out"}"#)
            }
            Rejection::BackendUnreachable => {
                (504, "InternalServerErrorException", r#"{"message":"Network error communicating with endpoint"}"#)
            }
        };
        RejectionResponse { status, error_type: Some(error_type), body }
    }
}

impl Forwards for RestApi {
    /// The part of the event's `path` below the stage or the base path.
    fn backend_path<'a>(arrival: &Arrival<'a>) -> &'a str {
        with_one_slash(arrival.below)
    }
}

/// Whether there is a `%` that two hexadecimal digits do not follow.
fn has_bare_percent(target: &str) -> bool {
    let mut pieces = target.split('%').skip(1);
    pieces.any(|behind| !behind.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

fn method_arn(event: &Value) -> &str {
    event.get("methodArn").and_then(Value::as_str).unwrap_or_default()
}
