//! The signer at the edge: a CloudFront origin-request event in, and out what to change in it, or an answer of its own.
//!
//! [`EdgeSigner`] holds the key caches and is all that a program needs; [`sign_origin_request`] is the decision itself, a
//! pure function. [`frame`] is how the Node addon passes events in and outcomes out.

mod config;
mod decision;
mod event;
pub mod frame;
mod outcome;
mod signer;

pub use event::{Body, Header, Origin, OriginRequest, OtherTrigger};
pub use outcome::{Answer, Edits, Notice, Outcome, Problem, Response};

pub use config::{BodyRule, Config, Misconfigured, Mode};
pub use decision::sign_origin_request;
pub use signer::EdgeSigner;
