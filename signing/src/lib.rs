//! The rules of Countersign: from a request to its signature, and from a signature to a verdict.
//!
//! The wire format is RFC 9421 (HTTP Message Signatures) with `hmac-sha256` and one fixed profile: a signature labelled
//! and tagged `countersign` covers method, authority, path, query, viewer address and, if the header is present, the
//! digest of the body. [`sign`] writes it; [`CheckedRequest::check`] and [`CheckedRequest::verify`] hold the rules by
//! which a request is admitted.
//!
//! Nothing here does I/O, reads a clock or makes random numbers: time and nonces are arguments. So every verdict is a
//! function of its inputs, and the crate is `no_std`.

#![no_std]

extern crate alloc;
#[cfg(any(test, doctest))]
extern crate std;

mod alphabet;
mod base_path;
mod connection;
mod content_digest;
mod gateway;
mod key;
mod key_set;
mod profile;
mod received;
mod refusal;
mod request;
mod resource_path;
mod rotation;
mod rotation_schedule;
mod rule;
mod sign;
mod signature_base;
mod signature_input;
mod stated_signature;
mod structured_field;
mod time;
mod verification_policy;
mod verify;

pub use request::{Authority, FieldValue, Malformed, Method, Nonce, Request, Target, ViewerIp};
pub use sign::{Signature, sign};

pub use base_path::{BasePathError, BasePaths};
pub use received::{Query, ReceivedRequest, ReceivedTarget};
pub use refusal::Refusal;
pub use rule::{Outcome, Rule};
pub use stated_signature::StatedSignature;
pub use verification_policy::VerificationPolicy;
pub use verify::{CheckedRequest, Verified};

pub use key::{Key, KeyId, KeyIdError, KeyLengthError};
pub use key_set::{JwkError, KeySet, KeySetError};
pub use rotation::{NEVER_EXPIRES, RotationKind, RotationPlan, RotationPlanError};
pub use rotation_schedule::{RotationSchedule, RotationTimings, RotationTimingsError};
pub use time::UnixSeconds;

pub use content_digest::{BodyHash, ContentDigest, ContentDigestError};
pub use profile::{Component, Field, LABEL, METHOD_OVERRIDES, Parameter, announces_body, resembles, resembles_ours};
