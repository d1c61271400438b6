use crate::{
    aws::SdkConfig,
    file::KeyFile,
    secret::{RegionsError, SecretArnError, SecretLocation, SecretStore, regions},
    store::{KeyStore, ReadError, StoredKeys},
};
use std::time::Duration;

/// The store that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `file:PATH`, for local runs and tests.
    File(KeyFile),
    /// An ARN, and the Regions with a replica.
    Secret(SecretLocation),
}

/// The texts name no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is no ARN of a secret and no file.
    #[error("{SecretArnError}; file:PATH is for local runs and tests")]
    Secret,
    /// The Regions are none.
    #[error("{0}")]
    Regions(#[from] RegionsError),
    /// There are Regions of what has none.
    #[error("goes with the ARN of a secret, and not with a file")]
    RegionsOfFile,
}

impl Source {
    /// Reads what `countersign-secret` and `countersign-regions`, or the variables of these names, say.
    ///
    /// # Errors
    /// Which of the two is wrong, and what is accepted.
    pub fn parse(secret: &str, replicas: Option<&str>) -> Result<Self, SourceError> {
        match (secret.strip_prefix("file:"), replicas) {
            (Some(""), _) => Err(SourceError::Secret),
            (Some(_), Some(_)) => Err(SourceError::RegionsOfFile),
            (Some(path), None) => Ok(Self::File(KeyFile::new(path))),
            (None, replicas) => {
                let arn = secret.try_into().map_err(|SecretArnError| SourceError::Secret)?;
                Ok(Self::Secret(SecretLocation {
                    arn,
                    replicas: replicas.map(regions).transpose()?.unwrap_or_default(),
                }))
            }
        }
    }

    /// The store itself, which reads from the Region of `aws` where it can.
    pub fn open(&self, aws: &SdkConfig) -> Store {
        match self {
            Self::File(file) => Store::File(file.clone()),
            Self::Secret(secret) => Store::Secret(Box::new(SecretStore::new(secret, aws))),
        }
    }
}

/// What a [`Source`] opens.
#[derive(Debug)]
pub enum Store {
    /// A key file.
    File(KeyFile),
    /// A secret in Secrets Manager.
    Secret(Box<SecretStore>),
}

impl KeyStore for Store {
    type Value = StoredKeys;

    async fn read(&self, patience: Duration) -> Result<StoredKeys, ReadError> {
        match self {
            Self::File(file) => file.read(patience).await,
            Self::Secret(secret) => secret.read(patience).await,
        }
    }
}
