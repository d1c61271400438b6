//! An issuer, and where its keys are read: the configuration that it publishes (OpenID Connect Discovery 1.0), which names its key set.

use super::{config::IssuerRules, json, keys::IssuerKeys, url::Url};
use key_store::{Cache, CacheLimits, Documents, KeyStore, ReadError};
use serde_json::Value;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The greatest size of a document of an issuer, as of API Gateway's own JWT authorizers.
const MAX_BYTES: usize = 150_000;
/// How long a request waits for keys if there are older ones that it may use. The issuer may be on another continent: a new
/// connection with TLS takes three round trips.
const PATIENCE: Duration = Duration::from_secs(1);

/// An issuer of the configuration, and its keys.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) rules: IssuerRules,
    pub(super) keys: Cache<KeySource>,
}

impl Issuer {
    /// An issuer without keys.
    pub(super) fn new(rules: IssuerRules, limits: CacheLimits, documents: Documents) -> Self {
        let source = KeySource {
            issuer: rules.issuer.clone(),
            set: rules.key_set.clone(),
            discovered: Mutex::default(),
            documents,
        };
        Self { rules, keys: Cache::new(source, limits).waiting(PATIENCE) }
    }
}

/// Where the keys of an issuer are.
#[derive(Debug)]
pub(super) struct KeySource {
    issuer: Url,
    /// The key set that the configuration names.
    set: Option<Url>,
    /// The key set that the issuer has named, until it cannot be read.
    discovered: Mutex<Option<Url>>,
    documents: Documents,
}

impl KeyStore for KeySource {
    type Value = IssuerKeys;

    async fn read(&self, patience: Duration) -> Result<IssuerKeys, ReadError> {
        // It is not known while it is read: if this read fails or is dropped, the set may have moved.
        let known = self.set.clone().or_else(|| self.discovered().take());
        let set = match known {
            Some(set) => set,
            None => {
                let set = self.discover(patience).await?;
                // A slow issuer may not answer twice in this time. The next read then begins here.
                *self.discovered() = Some(set.clone());
                set
            }
        };
        let keys = self.read_set(&set, patience).await.inspect_err(|_| *self.discovered() = None)?;
        *self.discovered() = Some(set);
        Ok(keys)
    }
}

impl KeySource {
    fn discovered(&self) -> MutexGuard<'_, Option<Url>> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key set that the issuer names.
    async fn discover(&self, patience: Duration) -> Result<Url, ReadError> {
        let document = self.documents.get(&self.issuer.discovery(), MAX_BYTES, patience).await;
        let document = document
            .map_err(|error| ReadError(format!("its /.well-known/openid-configuration cannot be read: {error}")))?;
        key_set_of(&self.issuer, &document)
            .map_err(|problem| ReadError(format!("in its /.well-known/openid-configuration {problem}")))
    }

    async fn read_set(&self, set: &Url, patience: Duration) -> Result<IssuerKeys, ReadError> {
        let document = self.documents.get(set.as_str(), MAX_BYTES, patience).await;
        let document =
            document.map_err(|error| ReadError(format!("its key set (jwks_uri) cannot be read: {error}")))?;
        IssuerKeys::from_json(&document)
            .map_err(|problem| ReadError(format!("its key set (jwks_uri) cannot be used: {problem}")))
    }
}

/// The key set that the configuration of an issuer names, or what is wrong with it.
fn key_set_of(issuer: &Url, document: &[u8]) -> Result<Url, &'static str> {
    let document = json::object(document).ok_or("there is no JSON object without repeated names")?;
    // As section 4.3 asks: otherwise one issuer could speak for another.
    if document.get("issuer").and_then(Value::as_str) != Some(issuer.as_str()) {
        return Err("`issuer` is not byte for byte the configured issuer");
    }
    let set = document.get("jwks_uri").and_then(Value::as_str).and_then(Url::parse);
    let set = set.filter(|set| !set.is_plain() || issuer.is_plain());
    set.ok_or("`jwks_uri` is not an https:// URL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_set_is_named_by_its_own_issuer_and_is_as_safe() {
        const HTTPS: &str = "https://issuer.example/";
        const HERE: &str = "http://127.0.0.1:8080";
        let other = Err("`issuer` is not byte for byte the configured issuer");
        let unsafe_url = Err("`jwks_uri` is not an https:// URL");
        for (configured, named, set, expected) in [
            (HTTPS, HTTPS, "https://keys.example/?p=1", Ok(())),
            (HERE, HERE, "https://keys.example/", Ok(())),
            (HERE, HERE, "http://localhost:1/keys", Ok(())),
            (HTTPS, HTTPS, "http://localhost:1/keys", unsafe_url),
            (HTTPS, HTTPS, "http://127.0.0.1/keys", unsafe_url),
            (HTTPS, HTTPS, "http://keys.example/", unsafe_url),
            (HTTPS, HTTPS, "/keys", unsafe_url),
            (HTTPS, "https://issuer.example", "https://keys.example/", other),
            (HTTPS, "https://ISSUER.example/", "https://keys.example/", other),
            ("https://issuer.example", HTTPS, "https://keys.example/", other),
        ] {
            let document = json!({ "issuer": named, "jwks_uri": set }).to_string();
            let found = key_set_of(&Url::parse_issuer(configured).unwrap(), document.as_bytes());
            assert_eq!(found, expected.map(|()| Url::parse(set).unwrap()), "{configured} {named} {set}");
        }
    }
}
