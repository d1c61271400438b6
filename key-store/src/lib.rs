//! Where a key set comes from, and how long it is kept.
//!
//! A [`KeyStore`] reads the set as it is now, out of a file or, with the feature `aws`, out of AWS Secrets Manager; a
//! [`Cache`] stands before it, so that a request rarely waits for a read and an outage of the store is outlived for a bounded time.

#[cfg(feature = "aws")]
pub mod aws;
mod cache;
mod file;
#[cfg(feature = "aws")]
mod secret;
#[cfg(feature = "aws")]
mod source;

use signing::KeySet;
use std::{future::Future, time::Duration};

pub use cache::{Cache, Held, Limits};
pub use file::{ApiKey, ApiKeyError, FileVersion, KeyFile, KeyFileContents, KeyFileError};
#[cfg(feature = "aws")]
pub use {
    secret::{RegionsError, Secret, SecretArn, SecretArnError, SecretStore, client},
    source::{Source, SourceError, Store},
};

/// A place that holds a key set.
pub trait KeyStore: Send + Sync {
    /// Reads the set as it is now. After `patience` it is dropped, whether or not it has answered.
    fn read(&self, patience: Duration) -> impl Future<Output = Result<KeySet, ReadError>> + Send;
}

/// Why a key set could not be read, in words for the log; never a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);
