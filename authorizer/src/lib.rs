//! The authorizer: an API Gateway authorizer event in, an answer out that allows only what the edge has signed.
//!
//! [`Authorizer`] is all that a program needs. An allow is made from a [`Verified`](signing::Verified) alone, or in monitor
//! mode from an [`Unverified`], which says so in its name, in the log and in the answer.

mod config;
mod event;
mod policy;
mod service;

pub use config::{Config, Mode};
pub use event::{Event, EventError, Form};
pub use policy::{Context, Response, Unverified, admit, admit_unverified, refuse};
pub use service::{Authorizer, AuthorizerError, Failure};
