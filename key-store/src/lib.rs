//! Where a key set comes from, and how long it is kept.
//!
//! A [`KeyStore`] reads the set as it is now, out of a file or, with the feature `aws`, out of AWS Secrets Manager; a
//! [`Cache`] stands before it, so that a request rarely waits for a read and an outage of the store is outlived for a bounded time.

#[cfg(feature = "aws")]
pub mod aws;
mod cache;
mod file;
#[cfg(feature = "aws")]
mod named_secret;
#[cfg(feature = "aws")]
mod secret;
#[cfg(feature = "aws")]
mod source;

use signing::{KeySet, UnixSeconds};
use std::{
    future::Future,
    time::{Duration, SystemTime},
};

pub use cache::{Cache, Held, Limits};
pub use file::{ApiKey, ApiKeyError, FileVersion, KeyFile, KeyFileContents, KeyFileError};
#[cfg(feature = "aws")]
pub use {
    named_secret::{NamedSecret, NamedSecrets, SecretPrefix, SecretPrefixError, SecretText},
    secret::{RegionsError, Secret, SecretArn, SecretArnError, SecretStore, client},
    source::{Source, SourceError, Store},
};

/// A place that holds a key set, or another secret.
pub trait KeyStore: Send + Sync {
    /// What is read of it: of a key set a [`Reading`].
    type Value: Send + Sync;

    /// Reads what it holds now. After `patience` it is dropped, whether or not it has answered.
    fn read(&self, patience: Duration) -> impl Future<Output = Result<Self::Value, ReadError>> + Send;
}

/// A key set as it was read.
#[derive(Debug)]
pub struct Reading {
    /// The set.
    pub keys: KeySet,
    /// When this version of it was made, where the store says so: what a rotation makes young.
    pub created: Option<SystemTime>,
}

impl Reading {
    /// How many whole seconds ago it was made: 0 where two clocks differ and it is yet to be.
    pub fn age(&self, now: SystemTime) -> Option<u64> {
        self.created.map(|created| now.duration_since(created).unwrap_or_default().as_secs())
    }
}

/// The second in which `time` lies, by which a key is chosen; 0 if the clock is before 1970.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let epoch = SystemTime::UNIX_EPOCH;
/// assert_eq!(key_store::unix_seconds(epoch + Duration::from_millis(1_795_341_845_999)).get(), 1_795_341_845);
/// assert_eq!(key_store::unix_seconds(epoch - Duration::from_secs(1)).get(), 0);
/// ```
pub fn unix_seconds(time: SystemTime) -> UnixSeconds {
    UnixSeconds::new(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Why a store could not be read, in words for the log; never a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);
