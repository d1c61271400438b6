//! The rotator: rotates the signing keys in Secrets Manager, and with them the API key. No valid request is refused,
//! and an interrupted rotation loses nothing.
//!
//! The Lambda function needs only [`Rotator`]: it takes an event and returns a [`Report`]. For a rotation by hand,
//! [`KeyRotator`] rotates the keys of one secret and [`StackUpdater`] updates one stack.

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
