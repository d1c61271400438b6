//! The event that CloudFront passes to an origin-request function, as far as the signer needs it.
//!
//! These types are not `Debug`: they hold the credentials of viewers and the API key.

use std::fmt;

/// A CloudFront origin-request event: its `Records[0].cf.request`, and its id.
#[derive(Clone)]
pub struct OriginRequest<'a> {
    /// CloudFront's id of the request: `config.requestId`, which is also the header `x-amz-cf-id`. Empty if there is
    /// none.
    pub request_id: &'a str,
    /// In upper case.
    pub method: &'a str,
    /// The path, percent-encoded as the viewer sent it.
    pub uri: &'a str,
    /// The query without its `?`; empty if there is none.
    pub querystring: &'a str,
    /// The viewer's address.
    pub client_ip: &'a str,
    /// One entry for each value, in the event's order.
    pub headers: Vec<Header<'a>>,
    /// The origin to which the request is sent.
    pub origin: Origin<'a>,
    /// `None` if CloudFront did not include the body.
    pub body: Option<Body<'a>>,
}

impl<'a> OriginRequest<'a> {
    /// All values of the header of exactly this name, case aside.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }
}

/// One value of one header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// In lower case, as the event's map has it.
    pub name: &'a str,
    /// As received.
    pub value: &'a str,
}

/// The event's `origin.custom`.
#[derive(Clone)]
pub struct Origin<'a> {
    /// `https` or `http`; empty if the origin is not a custom origin.
    pub protocol: &'a str,
    /// What CloudFront puts before the `uri`: empty or like `/prod`, without a slash at its end.
    pub path: &'a str,
    /// The custom headers of the origin. They have the configuration of the signer.
    pub custom_headers: Vec<Header<'a>>,
}

/// A trigger of CloudFront other than origin-request. At such a trigger the function cannot sign.
///
/// A viewer request does not have an origin yet, so the configuration and the target are not known. At both responses
/// the origin has already answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the trigger of its name")]
pub enum OtherTrigger {
    ViewerRequest,
    OriginResponse,
    ViewerResponse,
}

impl OtherTrigger {
    /// All other triggers.
    pub const ALL: [Self; 3] = [Self::ViewerRequest, Self::OriginResponse, Self::ViewerResponse];

    /// Its name: the event's `config.eventType`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ViewerRequest => "viewer-request",
            Self::OriginResponse => "origin-response",
            Self::ViewerResponse => "viewer-response",
        }
    }

    /// The trigger with this name; `None` for `origin-request` and for an unknown name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.name() == name)
    }
}

impl fmt::Display for OtherTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The event's `body`.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    /// `base64` in every event that CloudFront makes.
    pub encoding: &'a str,
    /// The body in that encoding. It is large, so only its digest reads it.
    pub data: &'a [u8],
    /// Whether CloudFront cut the body, at 1,048,576 bytes.
    pub input_truncated: bool,
}
