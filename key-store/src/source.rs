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
    /// The ARN of a secret, and the Regions with a replica.
    Secret(SecretLocation),
}

/// The texts do not name a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The text is neither the ARN of a secret nor a file.
    #[error("{SecretArnError}, and not file:PATH, which is for local runs and tests")]
    Secret,
    /// The Regions are not a list of Regions.
    #[error(transparent)]
    Regions(#[from] RegionsError),
    /// There are Regions, but a file has none.
    #[error("is only for the ARN of a secret, and not for a file")]
    RegionsOfFile,
}

impl Source {
    /// Reads the values of `countersign-secret` and `countersign-regions`, or of the variables with these names.
    ///
    /// # Errors
    /// The wrong one of the two, and what is accepted.
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

    /// Opens the store. It reads from the Region of `aws` if it can.
    pub fn open(&self, aws: &SdkConfig) -> Store {
        match self {
            Self::File(file) => Store::File(file.clone()),
            Self::Secret(secret) => Store::Secret(Box::new(SecretStore::new(secret, aws))),
        }
    }
}

/// The store that a [`Source`] opens.
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
