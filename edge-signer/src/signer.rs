use crate::{Decision, LogEvent, Origin, OriginRequest, SignerConfig, sign_origin_request};
use key_store::{Cache, CacheLimits, Source, Store, StoredKeys, aws::SdkConfig, unix_seconds};
use settings::SettingError;
use signing::{Nonce, resembles_ours};
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
    origins: Mutex<Vec<Arc<KnownOrigin>>>,
}

/// An origin whose configuration has been read.
#[derive(Debug)]
struct KnownOrigin {
    /// The custom headers from which it was read: all names, and the values of ours. The other values are not kept.
    headers: Vec<(String, Option<String>)>,
    config: SignerConfig,
    /// Shared by all origins with this store and these limits; `None` for an origin without keys.
    cache: Option<Arc<Cache<Store>>>,
}

impl EdgeSigner {
    /// A signer with empty caches, which reads Secrets Manager with `aws`. For `jitter` see [`CacheLimits::jittered`].
    pub fn new(jitter: u8, aws: SdkConfig) -> Self {
        Self { jitter, aws, origins: Mutex::default() }
    }

    /// Signs with the keys in memory; `None` if a read of the keys is due, and the caller must call
    /// [`EdgeSigner::handle`].
    pub fn handle_warm(&self, request: &OriginRequest<'_>, nonce: Nonce, now: SystemTime) -> Option<Decision> {
        let origin = self.origin(&request.origin);
        let Ok(KnownOrigin { cache: Some(cache), .. }) = origin.as_deref() else {
            return Some(decide(request, &origin, None, nonce, now));
        };
        let cached = cache.get(now);
        (!cached.due).then(|| decide(request, &origin, cached.value.as_deref(), nonce, now))
    }

    /// Signs, after a read of the keys if one is due.
    pub async fn handle(&self, request: &OriginRequest<'_>, nonce: Nonce, now: SystemTime) -> Decision {
        let origin = self.origin(&request.origin);
        let Ok(KnownOrigin { cache: Some(cache), .. }) = origin.as_deref() else {
            return decide(request, &origin, None, nonce, now);
        };
        let refreshed = cache.refresh(now).await;
        let cached = cache.get(now);
        let mut decision = decide(request, &origin, cached.value.as_deref(), nonce, now);
        if let Err(error) = refreshed {
            let key_set_age = cached.value.is_some().then_some(cached.age.as_secs());
            decision.log.insert(0, LogEvent::RefreshFailed { error, key_set_age });
        }
        decision
    }

    /// The configuration and the cache of the request's origin. The custom headers are read only once: they are the same in all
    /// requests until somebody changes the distribution.
    fn origin(&self, origin: &Origin<'_>) -> Result<Arc<KnownOrigin>, SettingError> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = origins.iter().find(|known| known.is(origin)) {
            return Ok(Arc::clone(known));
        }
        let config = SignerConfig::read(origin)?;
        let cache = config.source.as_ref().map(|source| self.cache(source, config.limits, &origins));
        let headers = inputs(origin).map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect();
        let known = Arc::new(KnownOrigin { headers, config, cache });
        origins.push(Arc::clone(&known));
        Ok(known)
    }

    fn cache(&self, source: &Source, limits: CacheLimits, origins: &[Arc<KnownOrigin>]) -> Arc<Cache<Store>> {
        let mut same = origins
            .iter()
            .filter(|known| known.config.source.as_ref() == Some(source) && known.config.limits == limits);
        let cache = same.find_map(|known| known.cache.clone());
        cache.unwrap_or_else(|| Arc::new(Cache::new(source.open(&self.aws), limits.jittered(self.jitter))))
    }
}

impl KnownOrigin {
    fn is(&self, origin: &Origin<'_>) -> bool {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).eq(inputs(origin))
    }
}

/// All that a configuration is read from.
fn inputs<'a>(origin: &Origin<'a>) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    origin.custom_headers.iter().map(|header| (header.name, resembles_ours(header.name).then_some(header.value)))
}

fn decide(
    request: &OriginRequest<'_>,
    origin: &Result<Arc<KnownOrigin>, SettingError>,
    stored: Option<&StoredKeys>,
    nonce: Nonce,
    now: SystemTime,
) -> Decision {
    let keys = stored.map(|stored| &stored.keys);
    let config = origin.as_ref().map(|known| &known.config).map_err(Clone::clone);
    sign_origin_request(request, config, keys, nonce, unix_seconds(now))
}
