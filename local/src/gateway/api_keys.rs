//! The API keys of the usage plan, which may change while both servers run.

use crate::net::headers::values;
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The API keys that a REST API takes; the first is the one that CloudFront sends. Clones share them, so that both hops
/// change at the same moment, as a stack update makes it: no key is sent before it is taken. `Debug` prints none.
#[derive(Clone)]
pub struct ApiKeys(Arc<RwLock<Vec<String>>>);

impl ApiKeys {
    /// With no key at all every request is refused.
    pub fn new(keys: Vec<String>) -> Self {
        Self(Arc::new(RwLock::new(keys)))
    }

    /// Puts others in the place of all of them.
    pub fn replace(&self, keys: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The one that CloudFront sends.
    pub(crate) fn sent(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    /// Whether `x-api-key`, in any case, is there once and holds one of the keys. Digests are compared, so that it takes
    /// the same time wherever two keys differ.
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
