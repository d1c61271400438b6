use crate::{KeyFile, KeyStore, ReadError};
use signing::KeySet;
use std::{future::Future, str::FromStr};

/// The store that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `file:PATH`, for local runs and tests.
    File(KeyFile),
}

/// The text names no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names no key store: accepted is file:PATH")]
pub struct SourceError;

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(Self::File(KeyFile::new(path))),
            _ => Err(SourceError),
        }
    }
}

impl KeyStore for Source {
    fn read(&self) -> impl Future<Output = Result<KeySet, ReadError>> + Send {
        match self {
            Self::File(file) => file.read(),
        }
    }
}
