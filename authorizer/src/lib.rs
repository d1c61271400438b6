//! The authorizer: an API Gateway authorizer event in, an answer out that allows only what the edge has signed.
//!
//! [`Authorizer`] is all that a program needs. An allow is made from an [`Admissible`] alone, for which a signature has to be
//! [`Verified`](signing::Verified), or in monitor mode from an [`Unverified`], which says so in its name, in the log and in the
//! answer.

mod config;
mod event;
mod failure;
mod origin_header;
mod response;
mod service;

pub use config::{AuthorizerConfig, Mode};
pub use event::{Event, EventError, ResponseFormat};
pub use failure::{Failure, Unavailable};
pub use origin_header::{
    Admissible, OriginHeader,
    refusal::{Name, OriginHeaderRefusal},
};
pub use response::{Admission, Context, Response, Unverified, admit, admit_unverified, refuse};
pub use service::{Authorizer, AuthorizerError};
