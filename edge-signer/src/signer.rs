use crate::{Decision, LogEvent, OriginRequest, SignerConfig, sign_origin_request};
use key_store::{Cache, CacheLimits, Source, Store, StoredKeys, aws::SdkConfig, unix_seconds};
use settings::SettingError;
use signing::Nonce;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// The signer of one process: it keeps the keys of every origin that it has signed for.
#[derive(Debug)]
pub struct EdgeSigner {
    jitter: u8,
    aws: SdkConfig,
    /// A short list, searched from its start.
    caches: Mutex<Vec<Keys>>,
}

/// The keys for all origins with this store and these limits.
#[derive(Debug)]
struct Keys {
    source: Source,
    limits: CacheLimits,
    cache: Arc<Cache<Store>>,
}

impl EdgeSigner {
    /// A signer with empty caches, which reads Secrets Manager with `aws`. For `jitter` see [`CacheLimits::jittered`].
    pub fn new(jitter: u8, aws: SdkConfig) -> Self {
        Self { jitter, aws, caches: Mutex::default() }
    }

    /// Signs with the keys in memory; `None` if a read of the keys is due, and the caller must call
    /// [`EdgeSigner::handle`].
    pub fn handle_warm(&self, request: &OriginRequest<'_>, nonce: Nonce, now: SystemTime) -> Option<Decision> {
        let config = SignerConfig::read(&request.origin);
        match self.cache(&config) {
            None => Some(decide(request, config, None, nonce, now)),
            Some(cache) => {
                let cached = cache.get(now);
                (!cached.due).then(|| decide(request, config, cached.value.as_deref(), nonce, now))
            }
        }
    }

    /// Signs, after a read of the keys if one is due.
    pub async fn handle(&self, request: &OriginRequest<'_>, nonce: Nonce, now: SystemTime) -> Decision {
        let config = SignerConfig::read(&request.origin);
        let Some(cache) = self.cache(&config) else {
            return decide(request, config, None, nonce, now);
        };
        let refreshed = cache.refresh(now).await;
        let cached = cache.get(now);
        let mut decision = decide(request, config, cached.value.as_deref(), nonce, now);
        if let Err(error) = refreshed {
            let key_set_age = cached.value.is_some().then_some(cached.age.as_secs());
            decision.log.insert(0, LogEvent::RefreshFailed { error, key_set_age });
        }
        decision
    }

    /// The cache of the store that the request's origin names, with the origin's limits. There are at most as many
    /// caches as origins.
    fn cache(&self, config: &Result<SignerConfig, SettingError>) -> Option<Arc<Cache<Store>>> {
        let SignerConfig { source: Some(source), limits, .. } = config.as_ref().ok()? else { return None };
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = caches.iter().find(|keys| keys.source == *source && keys.limits == *limits) {
            return Some(Arc::clone(&keys.cache));
        }
        let cache = Arc::new(Cache::new(source.open(&self.aws), limits.jittered(self.jitter)));
        caches.push(Keys { source: source.clone(), limits: *limits, cache: Arc::clone(&cache) });
        Some(cache)
    }
}

fn decide(
    request: &OriginRequest<'_>,
    config: Result<SignerConfig, SettingError>,
    stored: Option<&StoredKeys>,
    nonce: Nonce,
    now: SystemTime,
) -> Decision {
    let keys = stored.map(|stored| &stored.keys);
    sign_origin_request(request, config.as_ref().map_err(Clone::clone), keys, nonce, unix_seconds(now))
}
