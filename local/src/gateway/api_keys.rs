//! The API keys of the usage plan, which may change while both servers run.

use crate::net::headers::values;
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The API keys that a REST API accepts; CloudFront sends the first. Clones share them, so that both hops change at the
/// same moment, as in a stack update: a key is not sent before it is accepted. `Debug` does not print them.
#[derive(Clone)]
pub struct ApiKeys(Arc<RwLock<Vec<String>>>);

impl ApiKeys {
    /// Without a key every request is refused.
    pub fn new(keys: Vec<String>) -> Self {
        Self(Arc::new(RwLock::new(keys)))
    }

    /// Replaces all keys.
    pub fn replace(&self, keys: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The key that CloudFront sends.
    pub(crate) fn sent(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    /// Whether `x-api-key`, in any case, appears once and holds one of the keys. Digests are compared, so that the time
    /// does not depend on where two keys differ.
    pub(crate) fn accept(&self, headers: &[(String, Vec<u8>)]) -> bool {
        let mut given = values(headers, "x-api-key");
        let (Some(given), None) = (given.next(), given.next()) else {
            return false;
        };
        let given = Sha256::digest(given);
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().fold(false, |found, key| found | (Sha256::digest(key) == given))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeys(..)")
    }
}
