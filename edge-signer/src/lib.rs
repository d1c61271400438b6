//! The signer at the edge: it takes a CloudFront origin-request event and returns changes to the request, or an answer.
//!
//! A program needs only [`EdgeSigner`], which holds the key caches. [`sign_origin_request`] is the decision itself, a
//! pure function. With [`codec`] the Node addon passes events in and gets decisions out.

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
