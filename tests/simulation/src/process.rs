//! A process of the edge signer or of the authorizer: the real cache, with a clock of its own, between freezes.

use crate::{
    moment::{Moment, Skew},
    secrets_manager::{Copy, Reading},
};
use key_store::{Cache, CacheLimits, Copies};
use signing::KeyId;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A process, from its cold start to its end.
#[derive(Debug)]
pub(crate) struct Process {
    cache: Cache<Copies<Copy>>,
    limits: CacheLimits,
    /// The mean time between two requests while it is not frozen.
    pub(crate) gap: Duration,
    pub(crate) skew: Skew,
    /// It is frozen from then on.
    pub(crate) awake_until: Moment,
    /// Lambda stops it then.
    pub(crate) ends: Moment,
    /// When it last read its keys.
    pub(crate) last_read: Option<Moment>,
}

impl Process {
    pub(crate) fn new(copies: Vec<Copy>, limits: CacheLimits, gap: Duration, skew: Skew, ends: Moment) -> Self {
        let cache = Cache::new(Copies::new(copies), limits);
        Self { cache, limits, gap, skew, awake_until: Moment::START, ends, last_read: None }
    }

    pub(crate) fn clock(&self, now: Moment) -> SystemTime {
        now.by_clock(self.skew)
    }

    /// The keys for a request: the calls of `EdgeSigner::handle`, and the first calls of `Authorizer::verify`.
    pub(crate) async fn keys(&mut self, now: Moment) -> Option<Arc<Reading>> {
        let cached = self.cache.get(self.clock(now));
        if !cached.due {
            return cached.value;
        }
        if let Ok(Some(_)) = self.cache.refresh(self.clock(now)).await {
            self.last_read = Some(now);
        }
        self.cache.get(self.clock(now)).value
    }

    /// The keys for a request that names the key `id`: the calls of `Authorizer::verify`.
    pub(crate) async fn keys_with(&mut self, id: &KeyId, now: Moment) -> Option<Arc<Reading>> {
        let keys = self.keys(now).await;
        if keys.as_ref().is_none_or(|keys| keys.0.keys.get(id).is_some()) {
            return keys;
        }
        if let Ok(Some(_)) = self.cache.refresh_for(id, self.clock(now)).await {
            self.last_read = Some(now);
        }
        self.cache.get(self.clock(now)).value
    }

    /// How long no request makes the process read its keys again, unless it has an unknown key id; `None` if the next request may.
    pub(crate) fn rests(&self, now: Moment) -> Option<Duration> {
        let cached = self.cache.get(self.clock(now));
        cached.value.and_then(|_| self.limits.ttl.checked_sub(cached.age))
    }

    /// Whether its keys were younger than their TTL at that moment.
    pub(crate) fn was_fresh(&self, then: Moment) -> bool {
        self.last_read.is_some_and(|read| then.since(read) <= self.limits.ttl)
    }
}
