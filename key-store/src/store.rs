//! The interface of a store of secrets.

use signing::KeySet;
use std::{
    future::Future,
    time::{Duration, SystemTime},
};

/// A store that holds a key set, or another secret.
pub trait KeyStore: Send + Sync {
    /// The value that is read: for a key set a [`StoredKeys`].
    type Value: Send + Sync;

    /// Reads the present value. After `patience` the caller drops the read.
    fn read(&self, patience: Duration) -> impl Future<Output = Result<Self::Value, ReadError>> + Send;
}

/// A key set as it was read.
#[derive(Debug)]
pub struct StoredKeys {
    /// The set.
    pub keys: KeySet,
    /// The time at which this version was made, if the store reports it. A rotation makes a new version.
    pub created: Option<SystemTime>,
}

impl AsRef<KeySet> for StoredKeys {
    fn as_ref(&self) -> &KeySet {
        &self.keys
    }
}

impl StoredKeys {
    /// The age of the version in whole seconds: 0 if its time is in the future because two clocks differ.
    pub fn age(&self, now: SystemTime) -> Option<u64> {
        self.created.map(|created| now.duration_since(created).unwrap_or_default().as_secs())
    }
}

/// Why a store could not be read, as text for the log. It never has a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);
