//! The stores of key sets, and the cache that decides how long a key set is kept.
//!
//! A [`KeyStore`] reads the present set from a file or, with the feature `aws`, from AWS Secrets Manager. A [`Cache`]
//! in front of it makes requests rarely wait for a read, and tolerates an outage of the store for a bounded time.

#[cfg(feature = "aws")]
pub mod aws;
mod cache;
mod copies;
#[cfg(feature = "aws")]
mod documents;
mod file;
#[cfg(feature = "aws")]
mod https;
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
pub use copies::{Copies, SecretCopy};
pub use file::{ApiKey, ApiKeyError, FileVersion, KeyFile, KeyFileContents, KeyFileError};
#[cfg(feature = "aws")]
pub use {
    documents::Documents,
    named_secret::{NamedSecret, NamedSecrets, SecretPrefix, SecretPrefixError, SecretText},
    secret::{RegionsError, SecretArn, SecretArnError, SecretLocation, SecretStore, client, is_region},
    source::{Source, SourceError, Store},
};
