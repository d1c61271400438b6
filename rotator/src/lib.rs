//! The rotator: turns over the signing keys in Secrets Manager, and the API key beside them, so that no good request is
//! refused and nothing is lost wherever it breaks off.
//!
//! [`Rotator`] is all that the Lambda function needs: an event in, a [`Report`] out. [`KeyRotator`] rotates the keys of one
//! secret and [`StackUpdater`] updates one stack, for whoever does it by hand.

mod config;
mod error;
mod event;
mod keys;
mod platform;
mod rehearsal;
mod report;
mod secret;
mod secret_value;
mod service;
mod stack;
mod version;

pub use config::RotatorConfig;
pub use service::{Rotator, RotatorFailure};

pub use event::{Demand, EventError, RotationId, RotationIdError, Step};

pub use error::RotateError;
pub use keys::{KeyRotator, RotateFailure, dry_run::DryRun};
pub use platform::{NoRandomness, Platform};
pub use rehearsal::RehearsalFailure;
pub use stack::{StackError, StackUpdater};
pub use version::{Pending, Replica, Snapshot, Version};

pub use report::{
    Bounds, KeyTimes, KeysOutcome, KeysReport, Moment, RegionReport, Report, StackOutcome, StackReport, VersionOutcome,
    VersionReport, worst_first,
};
