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
mod store;
mod time;

pub use store::{KeyStore, ReadError, StoredKeys};
pub use time::unix_seconds;

pub use cache::{Cache, CacheLimits, Cached};
pub use file::{ApiKey, ApiKeyError, FileVersion, KeyFile, KeyFileContents, KeyFileError};
#[cfg(feature = "aws")]
pub use {
    named_secret::{NamedSecret, NamedSecrets, SecretPrefix, SecretPrefixError, SecretText},
    secret::{RegionsError, SecretArn, SecretArnError, SecretLocation, SecretStore, client},
    source::{Source, SourceError, Store},
};
