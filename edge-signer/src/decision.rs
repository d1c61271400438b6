//! What the function answers CloudFront, and what it has to say to the log.

use crate::event::OtherTrigger;
use key_store::ReadError;
use settings::SettingError;
use std::borrow::Cow;
use telemetry::{Detail, Event, VERSION};

/// What becomes of the request.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// What CloudFront is to do.
    pub action: Action,
    /// Remarks for the log, in the order in which they came up.
    pub log: Vec<LogEvent>,
}

/// What CloudFront is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the request on with these changes and no others.
    Forward(Edits),
    /// Answer the viewer; the origin sees nothing.
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

/// A remark for the log. It tells names and numbers, never the value of a header, a query or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogEvent {
    /// The process has started: this is its first request.
    #[error("the function has started")]
    FunctionStarted,
    /// The viewer's own digest could not be read.
    #[error("the viewer's Content-Digest holds no sha-256 or sha-512 digest and was removed")]
    ViewerDigestRemoved,
    /// The viewer sent a header of [`METHOD_OVERRIDES`](signing::METHOD_OVERRIDES), and it was removed.
    #[error("the viewer's header {0} was removed: it names a method, and no signature covers it")]
    MethodOverrideRemoved(&'static str),
    /// CloudFront did not hand the body over.
    #[error(
        "the event has no body, which goes on without a digest of ours: set IncludeBody on the function's association, \
        or countersign-body to ignore"
    )]
    BodyNotSeen,
    /// CloudFront cut the body, so no digest of it could be made.
    #[error("the body is over 1 MiB and goes on without a digest of ours")]
    BodyTruncated,
    /// The keys could not be read again.
    #[error("the key set could not be read: {error}")]
    RefreshFailed {
        /// Why.
        error: ReadError,
        /// How many whole seconds old the set in hand is, where there is one that may be used on.
        key_set_age: Option<u64>,
    },
    /// The function runs where a response comes back. Nothing was signed, and CloudFront gets that response as it was.
    #[error(
        "nothing was signed: the function runs at the {0} trigger. Remove that association, and associate the function with the \
        origin-request trigger of the CloudFront distribution"
    )]
    WrongTrigger(OtherTrigger),
    /// The request was answered at the edge.
    #[error("{0}")]
    Answered(SigningError),
    /// Monitor mode: the request was sent on unsigned.
    #[error("{0}")]
    ForwardedUnsigned(SigningError),
}

impl LogEvent {
    /// The line of the log, with CloudFront's id of the request, if it has one.
    pub fn event<'a>(&'a self, x_amz_cf_id: Option<&'a str>) -> Event<'a> {
        let detail = Detail(self);
        match self {
            Self::FunctionStarted => Event::FunctionStarted { version: VERSION },
            Self::ViewerDigestRemoved => Event::ViewerDigestRemoved { detail, x_amz_cf_id },
            Self::MethodOverrideRemoved(_) => Event::MethodOverrideRemoved { detail, x_amz_cf_id },
            Self::BodyNotSeen => Event::BodyNotSeen { detail, x_amz_cf_id },
            Self::BodyTruncated => Event::BodyTruncated { detail, x_amz_cf_id },
            Self::RefreshFailed { error, key_set_age } => {
                Event::RefreshFailed { reason: "keys", detail: Detail(error), key_set_age: *key_set_age, x_amz_cf_id }
            }
            Self::WrongTrigger(_) => Event::WrongTrigger { detail, x_amz_cf_id },
            Self::Answered(error) => {
                Event::RequestAnsweredAtEdge { reason: error.reason(), detail, status: error.status(), x_amz_cf_id }
            }
            Self::ForwardedUnsigned(error) => {
                Event::RequestForwardedUnsigned { reason: error.reason(), detail, status: error.status(), x_amz_cf_id }
            }
        }
    }
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// A custom header of the origin is wrong.
    #[error("{0}")]
    Misconfigured(#[from] SettingError),
    /// The origin is not reached over TLS: whoever is on the way could read what is signed and use it.
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
    /// The target has a byte that may not be in one.
    #[error("the target has a byte outside of 0x21 to 0x7E, or a #")]
    Target,
    /// A GET or HEAD announces a body. CloudFront refuses it itself, but not where the header is spelled with `_`.
    #[error("a GET or HEAD request announces a body by Content-Length or Transfer-Encoding, or by a name like these")]
    BodyOnGet,
    /// The body is not the one that the viewer's digest names.
    #[error("the body is not that of the viewer's Content-Digest")]
    DigestMismatch,
    /// The body is larger than the edge can see, and a digest is required.
    #[error("the body is over 1 MiB and countersign-body is require")]
    BodyTooLarge,
    /// There is a body that the edge does not see, and a digest is required.
    #[error(
        "the request announces a body, the event has none, and countersign-body is require: set IncludeBody on the \
        function's association"
    )]
    BodyNotIncluded,
    /// The gateway would refuse the request for the size of its head.
    #[error("the request's head would have {bytes} bytes, over the gateway's 10240")]
    TooLarge {
        /// How many there would be.
        bytes: usize,
    },
    /// There is no key to sign with.
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
            // CloudFront caches 414 for every viewer's request of that path; 431 it does not.
            Self::TooLarge { .. } => 431,
            Self::NoKey => 503,
        }
    }

    /// The answer to the viewer, who is told no more than concerns the request.
    pub(crate) fn respond(&self) -> Response {
        let message = match self {
            Self::Misconfigured(_) | Self::NotHttps | Self::Event(_) | Self::Trigger(_) | Self::BodyNotIncluded => {
                "Internal server error"
            }
            Self::Target => "The request target has a character that has to be percent-encoded",
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
