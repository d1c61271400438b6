//! What a place of secrets is asked, and what it says.

use signing::KeySet;
use std::{
    future::Future,
    time::{Duration, SystemTime},
};

/// A place that holds a key set, or another secret.
pub trait KeyStore: Send + Sync {
    /// What is read of it: of a key set a [`StoredKeys`].
    type Value: Send + Sync;

    /// Reads what it holds now. After `patience` it is dropped, whether or not it has answered.
    fn read(&self, patience: Duration) -> impl Future<Output = Result<Self::Value, ReadError>> + Send;
}

/// A key set as it was read.
#[derive(Debug)]
pub struct StoredKeys {
    /// The set.
    pub keys: KeySet,
    /// When this version of it was made, where the store says so: what a rotation makes young.
    pub created: Option<SystemTime>,
}

impl StoredKeys {
    /// How many whole seconds ago it was made: 0 where two clocks differ and it is yet to be.
    pub fn age(&self, now: SystemTime) -> Option<u64> {
        self.created.map(|created| now.duration_since(created).unwrap_or_default().as_secs())
    }
}

/// Why a store could not be read, in words for the log; never a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);
