//! The answer of the function to CloudFront, and its log lines.

use crate::event::OtherTrigger;
use key_store::ReadError;
use settings::SettingError;
use std::borrow::Cow;
use telemetry::{Detail, EdgeRemark, Event, UnsignedRequest, VERSION};

/// The decision about one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// What CloudFront is to do.
    pub action: Action,
    /// Notices for the log, in the order of their events.
    pub log: Vec<LogEvent>,
}

/// What CloudFront is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Forward the request with only these changes.
    Forward(Edits),
    /// Answer the viewer. The origin does not receive the request.
    Respond(Response),
}

/// Changes to the request's headers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Names, in lower case, to delete from `request.headers`; done before `set`.
    pub remove: Vec<String>,
    /// Headers to set, each to one value: the `key` as it goes over the wire, and the value.
    pub set: Vec<(Cow<'static, str>, String)>,
    /// Names, in lower case, to delete from `request.origin.custom.customHeaders`.
    pub remove_custom: Vec<String>,
}

/// A response made at the edge.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The `key` as it goes over the wire, and the value.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// JSON, in one line.
    pub body: String,
}

/// A notice for the log. It has names and numbers, and never the value of a header, a query or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogEvent {
    /// The process has started: this is its first request.
    #[error("the function has started")]
    FunctionStarted,
    /// The viewer's own digest could not be read.
    #[error("the viewer's Content-Digest was removed: it does not have a sha-256 or sha-512 digest")]
    ViewerDigestRemoved,
    /// The viewer sent a header of [`METHOD_OVERRIDES`](signing::METHOD_OVERRIDES), and it was removed.
    #[error("the viewer's header {0} was removed: it names a method, and no signature covers it")]
    MethodOverrideRemoved(&'static str),
    /// CloudFront did not pass the body.
    #[error(
        "the event has no body, so the request has no digest of ours: set IncludeBody on the function's association, \
        or set countersign-body to ignore"
    )]
    BodyNotSeen,
    /// CloudFront cut the body, so a digest could not be made.
    #[error("the body is over 1 MiB, so the request has no digest of ours")]
    BodyTruncated,
    /// The keys could not be read again.
    #[error("the key set could not be read: {error}")]
    RefreshFailed {
        /// Why.
        error: ReadError,
        /// The age of the cached set in whole seconds, if it may still be used.
        key_set_age: Option<u64>,
    },
    /// The function runs at a trigger for responses. It did not sign, and CloudFront gets the response unchanged.
    #[error(
        "nothing was signed: the function runs at the {0} trigger. Remove that association, and associate the function with the \
        origin-request trigger of the CloudFront distribution"
    )]
    WrongTrigger(OtherTrigger),
    /// The request was answered at the edge.
    #[error("{0}")]
    Answered(SigningError),
    /// In monitor mode the request was forwarded unsigned.
    #[error("{0}")]
    ForwardedUnsigned(SigningError),
}

impl LogEvent {
    /// The line of the log, with CloudFront's id of the request, if it has one.
    pub fn event<'a>(&'a self, x_amz_cf_id: Option<&'a str>) -> Event<'a> {
        let remark = EdgeRemark { detail: Detail(self), x_amz_cf_id };
        let unsigned = |error: &SigningError| UnsignedRequest {
            reason: error.reason(),
            detail: Detail(self),
            status: error.status(),
            x_amz_cf_id,
        };
        match self {
            Self::FunctionStarted => Event::FunctionStarted { version: VERSION },
            Self::ViewerDigestRemoved => Event::ViewerDigestRemoved(remark),
            Self::MethodOverrideRemoved(_) => Event::MethodOverrideRemoved(remark),
            Self::BodyNotSeen => Event::BodyNotSeen(remark),
            Self::BodyTruncated => Event::BodyTruncated(remark),
            Self::RefreshFailed { error, key_set_age } => {
                Event::RefreshFailed { reason: "keys", detail: Detail(error), key_set_age: *key_set_age, x_amz_cf_id }
            }
            Self::WrongTrigger(_) => Event::WrongTrigger(remark),
            Self::Answered(error) => Event::RequestAnsweredAtEdge(unsigned(error)),
            Self::ForwardedUnsigned(error) => Event::RequestForwardedUnsigned(unsigned(error)),
        }
    }
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// A custom header of the origin is wrong.
    #[error(transparent)]
    Misconfigured(#[from] SettingError),
    /// CloudFront does not use TLS to the origin: anybody on the way could capture signed headers and replay them.
    #[error("the origin's protocol is not https: set its protocol policy to https-only")]
    NotHttps,
    /// The event is not one that CloudFront makes.
    #[error(
        "the event is not an origin-request event of CloudFront: {0}. Associate the function with the origin-request trigger of \
        a CloudFront distribution"
    )]
    Event(&'static str),
    /// The function runs at another trigger.
    #[error(
        "the function runs at the {0} trigger, where nothing can be signed. Remove that association, and associate the function \
        with the origin-request trigger of the CloudFront distribution"
    )]
    Trigger(OtherTrigger),
    /// The target has a byte that is not allowed in a target.
    #[error("the target has a byte outside of 0x21 to 0x7E, or a #")]
    Target,
    /// A GET or HEAD announces a body. CloudFront refuses it too, but not if the header is spelled with `_`.
    #[error(
        "a GET or HEAD request announces a body with Content-Length or Transfer-Encoding, or with a name that \
    resembles these"
    )]
    BodyOnGet,
    /// The body does not have the viewer's digest.
    #[error("the body does not match the viewer's Content-Digest")]
    DigestMismatch,
    /// The body is larger than the edge can see, and a digest is required.
    #[error("the body is over 1 MiB, and countersign-body is require")]
    BodyTooLarge,
    /// There is a body that the edge does not see, and a digest is required.
    #[error(
        "the request announces a body, but the event has no body, and countersign-body is require: set IncludeBody on \
        the \
        function's association"
    )]
    BodyNotIncluded,
    /// The gateway would refuse the request for the size of its head.
    #[error("the head of the request would have {bytes} bytes, and the gateway accepts at most 10240")]
    TooLarge {
        /// The size that the head would have.
        bytes: usize,
    },
    /// There is no key for signing.
    #[error("no key of the set may be used now, or the set could not be read")]
    NoKey,
}

impl SigningError {
    /// The reason as one word: for the log.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Misconfigured(_) => "misconfigured",
            Self::NotHttps => "not-https",
            Self::Event(_) => "event",
            Self::Trigger(_) => "trigger",
            Self::Target => "target",
            Self::BodyOnGet => "body-on-get",
            Self::DigestMismatch => "digest-mismatch",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyNotIncluded => "body-not-included",
            Self::TooLarge { .. } => "head-too-large",
            Self::NoKey => "no-key",
        }
    }

    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Misconfigured(_) | Self::NotHttps | Self::Event(_) | Self::Trigger(_) | Self::BodyNotIncluded => 500,
            Self::Target | Self::BodyOnGet | Self::DigestMismatch => 400,
            Self::BodyTooLarge => 413,
            // CloudFront caches 414 for the requests of all viewers for that path. It does not cache 431.
            Self::TooLarge { .. } => 431,
            Self::NoKey => 503,
        }
    }

    /// The answer to the viewer. It has only what concerns the viewer's request.
    pub(crate) fn respond(&self) -> Response {
        let message = match self {
            Self::Misconfigured(_) | Self::NotHttps | Self::Event(_) | Self::Trigger(_) | Self::BodyNotIncluded => {
                "Internal server error"
            }
            Self::Target => "The request target has a character that must be percent-encoded",
            Self::BodyOnGet => "A GET or HEAD request cannot have a body",
            Self::DigestMismatch => "The body does not match Content-Digest",
            Self::BodyTooLarge => "The body is too large",
            Self::TooLarge { .. } => "The request line and headers are too large",
            Self::NoKey => "Service unavailable",
        };
        let mut headers = vec![
            ("Content-Type".into(), "application/json".to_owned()),
            ("Cache-Control".into(), "no-store".to_owned()),
        ];
        if matches!(self, Self::NoKey) {
            headers.push(("Retry-After".into(), "5".to_owned()));
        }
        Response { status: self.status(), headers, body: serde_json::json!({ "message": message }).to_string() }
    }
}
