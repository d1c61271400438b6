//! An answer, and who made it: API Gateway in place of the backend, CloudFront, the edge signer, or the backend.
//!
//! API Gateway's answers: docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html for REST APIs, which
//! name the type in `x-amzn-errortype` also if the body is changed. An HTTP API has no such header, and its answers cannot be changed.

use bytes::Bytes;
use jiff::fmt::rfc2822;
use serde_json::Value;
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The headers that are kept.
pub(crate) const KEPT: [&str; 16] = [
    "x-cache",
    "age",
    "date",
    "via",
    "server",
    "retry-after",
    "content-type",
    "cache-control",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-amz-apigw-id",
    "apigw-requestid",
    "x-amz-cf-id",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "www-authenticate",
];

/// What is kept of an answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Those of [`KEPT`] that are there.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Its beginning.
    pub(crate) body: Bytes,
    /// When the request was sent, by the clock of this machine.
    pub(crate) sent: SystemTime,
    /// From the request to the head of the answer.
    pub(crate) round_trip: Duration,
}

/// Who made an answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// API Gateway: the request has no signature.
    NotSigned,
    /// The authorizer refused.
    Refused,
    /// An HTTP API does not say which: the authorizer refused, or the Host is another one, or the path is outside of the stage.
    RefusedOrForbidden,
    /// API Gateway: the Host, the stage, the API key, a resource policy or a firewall.
    Forbidden,
    /// API Gateway: no such resource or route.
    NoRoute,
    /// The authorizer failed, or did not answer in time.
    AuthorizerFailed,
    /// An HTTP API does not say which: the authorizer or the integration failed.
    Failed,
    /// API Gateway: a limit of a request, or a request that it does not accept.
    Limit,
    /// API Gateway: a limit of the rate or of the quota.
    TooMany,
    /// API Gateway: the backend did not answer, so the authorizer admitted the request.
    BackendFailed,
    /// The edge signer cannot sign, because of its configuration.
    EdgeMisconfigured,
    /// The edge signer has no key.
    EdgeNoKeys,
    /// CloudFront: the function at the edge failed, or its answer is not valid.
    EdgeFailed,
    /// CloudFront: a firewall, a restriction by country, or a method that the behavior does not accept.
    CloudFrontBlocked,
    /// CloudFront: a page in the place of an error.
    ErrorHidden,
    /// CloudFront: the origin cannot be connected to, or does not answer in time.
    CloudFrontNoOrigin,
    /// The backend.
    Backend,
    /// It may be the backend or something before it.
    Unclear,
}

/// Without the body, which may have a signature.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.trim())
    }

    /// How old it is, if a cache gave it.
    pub(crate) fn age(&self) -> Option<u64> {
        self.header("age").and_then(|age| age.parse().ok())
    }

    /// Whether a cache gave it.
    pub(crate) fn is_cached(&self) -> bool {
        self.age().is_some_and(|age| age > 0) || self.header("x-cache").is_some_and(|cache| cache.starts_with("Hit"))
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status < 400 && !self.hides_error()
    }

    /// Whether CloudFront put the page of a custom error response, with another status, in the place of an error.
    fn hides_error(&self) -> bool {
        self.status < 400 && self.header("x-cache").is_some_and(|cache| cache.starts_with("Error from cloudfront"))
    }

    /// Whether API Gateway had a part in it.
    pub(crate) fn is_of_gateway(&self) -> bool {
        ["x-amzn-requestid", "x-amz-apigw-id", "apigw-requestid"].iter().any(|name| self.header(name).is_some())
    }

    pub(crate) fn is_of_cloudfront(&self) -> bool {
        self.header("x-amz-cf-id").is_some() || self.header("x-cache").is_some_and(|cache| cache.contains("cloudfront"))
    }

    /// When it was made, by the clock of its server, in seconds since 1970.
    pub(crate) fn date(&self) -> Option<i64> {
        let date = self.header("date").filter(|_| !self.is_cached())?;
        rfc2822::parse(date).ok().map(|date| date.timestamp().as_second())
    }

    pub(crate) fn maker(&self) -> Maker {
        if let Some(maker) = self.of_cloudfront().or_else(|| self.of_edge_signer()) {
            return maker;
        }
        match self.header("x-amzn-errortype") {
            Some(name) => self.by_error_type(name.split(':').next().unwrap_or_default()),
            None => self.by_message(),
        }
    }

    /// CloudFront's own answers: with `x-cache` that names a function, or with its page.
    fn of_cloudfront(&self) -> Option<Maker> {
        let cache = self.header("x-cache").unwrap_or_default();
        if ["LambdaExecutionError", "LambdaValidationError", "LambdaLimitExceeded"]
            .iter()
            .any(|word| cache.starts_with(word))
        {
            return Some(Maker::EdgeFailed);
        }
        if self.hides_error() {
            return Some(Maker::ErrorHidden);
        }
        let page = String::from_utf8_lossy(&self.body);
        if self.status < 400 || self.header("server") != Some("CloudFront") || !page.contains("Generated by cloudfront")
        {
            return None;
        }
        Some(match self.status {
            502 | 503 if page.contains("Lambda function") => Maker::EdgeFailed,
            502..=504 => Maker::CloudFrontNoOrigin,
            403 => Maker::CloudFrontBlocked,
            _ => Maker::Unclear,
        })
    }

    /// The edge signer's own answers, as `edge-signer/src/decision.rs` makes them.
    fn of_edge_signer(&self) -> Option<Maker> {
        if self.header("cache-control") != Some("no-store") || self.is_of_gateway() {
            return None;
        }
        match (self.status, self.message()?.as_str()) {
            (500, "Internal server error") => Some(Maker::EdgeMisconfigured),
            (503, "Service unavailable") => Some(Maker::EdgeNoKeys),
            _ => None,
        }
    }

    fn by_error_type(&self, name: &str) -> Maker {
        match (name, self.status) {
            ("UnauthorizedException", _) => Maker::NotSigned,
            ("AccessDeniedException", _) => Maker::Refused,
            ("ForbiddenException", _) => Maker::Forbidden,
            ("MissingAuthenticationTokenException" | "NotFoundException", _) => Maker::NoRoute,
            ("AuthorizerConfigurationException" | "AuthorizerFailureException", _) => Maker::AuthorizerFailed,
            ("InternalServerErrorException", 502..=504) => Maker::BackendFailed,
            (
                "BadRequestException"
                | "RequestTooLargeException"
                | "RequestUriTooLongException"
                | "RequestHeaderFieldsTooLargeException"
                | "UnsupportedMediaTypeException",
                _,
            ) => Maker::Limit,
            ("TooManyRequestsException" | "LimitExceededException", _) => Maker::TooMany,
            _ => self.by_status(),
        }
    }

    fn by_message(&self) -> Maker {
        match (self.status, self.message_of_http_api().unwrap_or_default()) {
            (401, "Unauthorized") => Maker::NotSigned,
            (403, "Forbidden") => Maker::RefusedOrForbidden,
            (404, "Not Found") => Maker::NoRoute,
            (500, "Internal Server Error") => Maker::Failed,
            (503, "Service Unavailable") => Maker::BackendFailed,
            (400, "Bad Request") | (413, "Request Entity Too Large") | (431, "Request Header Fields Too Large") => {
                Maker::Limit
            }
            (429, "Too Many Requests") => Maker::TooMany,
            _ => self.by_status(),
        }
    }

    /// Statuses that nothing before the backend makes are the backend's.
    fn by_status(&self) -> Maker {
        match self.status {
            400 | 401 | 403 | 413 | 414 | 421 | 429 | 431 | 500.. => Maker::Unclear,
            _ => Maker::Backend,
        }
    }

    /// The text of an HTTP API's own answer. It always has the same bytes: a backend's JSON that means the same is told apart by a line
    /// break at its end, as Go writes it, or by a charset.
    fn message_of_http_api(&self) -> Option<&str> {
        self.header("apigw-requestid")?;
        if self.header("content-type").is_some_and(|media_type| media_type != "application/json") {
            return None;
        }
        str::from_utf8(&self.body).ok()?.strip_prefix(r#"{"message":""#)?.strip_suffix(r#""}"#)
    }

    /// The text of a body that is only `{"message": …}`.
    fn message(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let members = body.as_object().filter(|members| members.len() == 1)?;
        members.get("message").and_then(Value::as_str).map(str::to_owned)
    }
}

impl Maker {
    /// In a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotSigned => "API Gateway: not signed",
            Self::Refused => "refused by the authorizer",
            Self::RefusedOrForbidden => "refused by the authorizer or by API Gateway",
            Self::Forbidden => "API Gateway: forbidden",
            Self::NoRoute => "API Gateway: no such route",
            Self::AuthorizerFailed => "the authorizer failed",
            Self::Failed => "the authorizer or the backend failed",
            Self::Limit => "API Gateway: not accepted",
            Self::TooMany => "API Gateway: too many requests",
            Self::BackendFailed => "the backend failed",
            Self::EdgeMisconfigured => "the edge signer: misconfigured",
            Self::EdgeNoKeys => "the edge signer: no keys",
            Self::EdgeFailed => "CloudFront: the edge function failed",
            Self::CloudFrontBlocked => "CloudFront: blocked",
            Self::ErrorHidden => "CloudFront: a page in the place of an error",
            Self::CloudFrontNoOrigin => "CloudFront: the origin does not answer",
            Self::Backend => "the backend",
            Self::Unclear => "not known who answered",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An answer with these headers.
    pub(crate) fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        Answer {
            status,
            headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            sent: SystemTime::UNIX_EPOCH,
            round_trip: Duration::ZERO,
        }
    }

    const REST: (&str, &str) = ("x-amzn-requestid", "r");
    const HTTP: (&str, &str) = ("apigw-requestid", "r");

    #[test]
    fn an_answer_names_who_made_it() {
        let rest = |status, name, body| answer(status, &[REST, ("x-amzn-errortype", name)], body);
        let http = |status, body| answer(status, &[HTTP], body);
        let typed = |media_type, status| {
            let body = if status == 404 { r#"{"message":"Not Found"}"# } else { r#"{"message":"Unauthorized"}"# };
            answer(status, &[HTTP, ("content-type", media_type)], body)
        };
        let page = "<HTML>…Generated by cloudfront (CloudFront)</HTML>";
        let lambda = "<HTML>The Lambda function result failed validation…Generated by cloudfront</HTML>";
        let cloudfront = |status, body| answer(status, &[("server", "CloudFront")], body);
        let edge = |status, body| answer(status, &[("cache-control", "no-store")], body);
        for (answer, expected) in [
            (rest(401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#), Maker::NotSigned),
            // A gateway response that the API has changed.
            (rest(418, "UnauthorizedException", "<p>"), Maker::NotSigned),
            (rest(403, "AccessDeniedException", ""), Maker::Refused),
            (rest(403, "ForbiddenException", ""), Maker::Forbidden),
            (rest(403, "MissingAuthenticationTokenException", ""), Maker::NoRoute),
            (rest(500, "AuthorizerConfigurationException", ""), Maker::AuthorizerFailed),
            (rest(504, "InternalServerErrorException", ""), Maker::BackendFailed),
            (rest(500, "InternalServerErrorException", ""), Maker::Unclear),
            (rest(400, "BadRequestException", ""), Maker::Limit),
            (rest(429, "TooManyRequestsException", ""), Maker::TooMany),
            (http(429, r#"{"message":"Too Many Requests"}"#), Maker::TooMany),
            (rest(409, "ConflictException", ""), Maker::Backend),
            (rest(400, "ValidationException", ""), Maker::Unclear),
            (http(401, r#"{"message":"Unauthorized"}"#), Maker::NotSigned),
            (http(403, r#"{"message":"Forbidden"}"#), Maker::RefusedOrForbidden),
            (http(404, r#"{"message":"Not Found"}"#), Maker::NoRoute),
            (http(500, r#"{"message":"Internal Server Error"}"#), Maker::Failed),
            (http(503, r#"{"message":"Service Unavailable"}"#), Maker::BackendFailed),
            (http(404, r#"{"message":"Not Found","pet":1}"#), Maker::Backend),
            (http(404, "{\"message\":\"Not Found\"}\n"), Maker::Backend),
            (http(404, r#"{"message": "Not Found"}"#), Maker::Backend),
            (typed("application/json", 404), Maker::NoRoute),
            (typed("application/json; charset=UTF-8", 404), Maker::Backend),
            (typed("application/json; charset=UTF-8", 401), Maker::Unclear),
            (http(401, r#"{"message":"unauthorized"}"#), Maker::Unclear),
            // The same text without API Gateway is not API Gateway's.
            (answer(404, &[], r#"{"message":"Not Found"}"#), Maker::Backend),
            (answer(401, &[REST], r#"{"message":"Unauthorized"}"#), Maker::Unclear),
            (http(200, ""), Maker::Backend),
            (http(302, ""), Maker::Backend),
            (http(405, ""), Maker::Backend),
            (cloudfront(502, page), Maker::CloudFrontNoOrigin),
            (cloudfront(502, lambda), Maker::EdgeFailed),
            (answer(503, &[("x-cache", "LambdaLimitExceeded from cloudfront")], ""), Maker::EdgeFailed),
            (cloudfront(403, page), Maker::CloudFrontBlocked),
            (cloudfront(403, "<p>"), Maker::Unclear),
            (answer(200, &[("x-cache", "Error from cloudfront")], ""), Maker::ErrorHidden),
            (answer(404, &[("x-cache", "Error from cloudfront")], ""), Maker::Backend),
            (edge(500, r#"{"message":"Internal server error"}"#), Maker::EdgeMisconfigured),
            (edge(503, r#"{"message":"Service unavailable"}"#), Maker::EdgeNoKeys),
        ] {
            assert_eq!(answer.maker(), expected, "{answer:?}");
        }
    }

    #[test]
    fn the_date_of_a_cached_answer_is_not_that_of_now() {
        let date = ("date", "Thu, 26 Nov 2026 10:00:00 GMT");
        assert_eq!(answer(200, &[date], "").date(), Some(1_795_687_200));
        assert_eq!(answer(200, &[date, ("age", "0")], "").date(), Some(1_795_687_200));
        assert_eq!(answer(200, &[date, ("age", "3")], "").date(), None);
        assert_eq!(answer(200, &[date, ("x-cache", "Hit from cloudfront")], "").date(), None);
        assert_eq!(answer(200, &[("date", "now")], "").date(), None);
    }
}
