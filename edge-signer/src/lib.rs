//! The signer at the edge: a CloudFront origin-request event in, and out what to change in it, or an answer of its own.
//!
//! [`EdgeSigner`] holds the key caches and is all that a program needs; [`sign_origin_request`] is the decision itself, a
//! pure function. [`codec`] is how the Node addon passes events in and decisions out.

pub mod codec;
mod config;
mod decision;
mod event;
mod sign_origin_request;
mod signer;

pub use decision::{Action, Decision, Edits, LogEvent, Response, SigningError};
pub use event::{Body, Header, Origin, OriginRequest, OtherTrigger};

pub use config::{BodyRule, Mode, SignerConfig};
pub use sign_origin_request::sign_origin_request;
pub use signer::EdgeSigner;
