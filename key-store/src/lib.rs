//! Where a key set comes from, and how long it is kept.
//!
//! A [`KeyStore`] reads the set as it is now; [`Source`] is the store that a configuration names; a [`Cache`] stands before
//! it, so that a request rarely waits for a read and an outage of the store is outlived for a bounded time.

mod cache;
mod file;
mod source;

use signing::KeySet;
use std::future::Future;

pub use cache::{Cache, Held, Limits};
pub use file::{ApiKey, ApiKeyError, FileVersion, KeyFile, KeyFileContents, KeyFileError};
pub use source::{Source, SourceError};

/// A place that holds a key set.
pub trait KeyStore: Send + Sync {
    /// Reads the set as it is now. May be dropped before it answers.
    fn read(&self) -> impl Future<Output = Result<KeySet, ReadError>> + Send;
}

/// Why a key set could not be read, in words for the log; never a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);
