//! The cache of one process in front of its key store.
//!
//! A Lambda function is frozen between invocations, so nothing runs in the background: a read is made inside an
//! invocation that finds the keys due, and is short. Time is the wall clock's, because a monotonic clock may stop while
//! the function is frozen, and is always an argument.

use crate::store::{KeyStore, ReadError};
use signing::{KeyId, KeySet};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// The pause after a failed read while the cache has a usable value.
const RETRY: Duration = Duration::from_secs(10);
/// The pause after a failed read without a usable value. Every request fails, so it is shorter, but still protects the
/// store.
const RETRY_EMPTY: Duration = Duration::from_secs(1);
/// An unknown key id causes at most one read in this time, so a flood of invented ids costs nothing.
const UNKNOWN: Duration = Duration::from_secs(10);
/// How long an invocation waits for a read if the cache has a usable value, and nothing else is asked for.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long an invocation waits for a read if the cache has no usable value.
const PATIENCE_EMPTY: Duration = Duration::from_secs(2);
/// A clock may step back this far, the greatest difference that the design allows between any two clocks. Requests that
/// run side by side may also come here in another order than their times.
const STEP_BACK: Duration = Duration::from_secs(5);

/// How long a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// The age at which the value is read again: its TTL.
    pub ttl: Duration,
    /// How long the value is used past its `ttl` while it cannot be read again: the tolerated outage.
    pub max_stale: Duration,
}

impl CacheLimits {
    /// Shortens the `ttl` by up to a tenth, so that processes started together do not read together.
    pub fn jittered(self, random: u8) -> Self {
        Self { ttl: self.ttl - self.ttl * u32::from(random) / 2560, ..self }
    }
}

/// The value of a store in memory, for example a key set, and the rules by which it is read again.
#[derive(Debug)]
pub struct Cache<S: KeyStore> {
    store: S,
    limits: CacheLimits,
    /// How long an invocation waits for a read if the cache has a usable value.
    patience: Duration,
    state: Mutex<State<S::Value>>,
    /// Locked by the one invocation that reads.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State<V> {
    /// The latest time that a caller passed.
    latest: Option<SystemTime>,
    /// The value, and the time at which its read was sent.
    value: Option<(Arc<V>, SystemTime)>,
    /// The last read, if it failed.
    failed: Option<FailedRead>,
    /// The time at which an unknown key id last caused a read.
    unknown_read: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug)]
struct FailedRead {
    at: SystemTime,
    /// Whether it was given only the short patience, because the cache had a usable value.
    hasty: bool,
}

/// The content of the cache at one moment.
#[derive(Debug)]
pub struct Cached<V> {
    /// The value, if it may still be used.
    pub value: Option<Arc<V>>,
    /// Its age: the time since its read was sent.
    pub age: Duration,
    /// Whether [`Cache::refresh`] is due.
    pub due: bool,
}

impl<S: KeyStore> Cache<S> {
    /// An empty cache in front of `store`.
    pub fn new(store: S, limits: CacheLimits) -> Self {
        let state = Mutex::new(State::empty(None));
        Self { store, limits, patience: PATIENCE, state, reading: tokio::sync::Mutex::default() }
    }

    /// With another time for which an invocation waits for a read if the cache has a usable value, instead of 300 ms: for a store
    /// that may be on another continent. Without a usable value it is 2 s in any case, and it is never longer than that.
    pub fn waiting(self, patience: Duration) -> Self {
        Self { patience: patience.min(PATIENCE_EMPTY), ..self }
    }

    /// The content that may be used at `now`. This call does not wait.
    pub fn get(&self, now: SystemTime) -> Cached<S::Value> {
        self.state(now).get(self.limits, now)
    }

    /// Reads again if a read is due at `now` and no other invocation reads. If another one reads, this call waits for
    /// it only without a usable value. Returns the value that this call has read, if any.
    ///
    /// # Errors
    /// Why the read failed. The previous value stays, as long as it may be used.
    pub async fn refresh(&self, now: SystemTime) -> Result<Option<Arc<S::Value>>, ReadError> {
        let cached = self.get(now);
        if !cached.due {
            return Ok(None);
        }
        let _reading = match (self.reading.try_lock(), &cached.value) {
            (Ok(reading), _) => reading,
            (Err(_), Some(_)) => return Ok(None),
            (Err(_), None) => self.reading.lock().await,
        };
        // The invocation that read before this one may have read what this one needs.
        if self.get(now).due { self.read(now).await.map(Some) } else { Ok(None) }
    }

    /// Reads again because the value is not `enough` for a request; at most once in ten seconds, for all requests together.
    ///
    /// # Errors
    /// Why the read failed.
    pub async fn refresh_unless(
        &self,
        enough: impl FnOnce(&S::Value) -> bool,
        now: SystemTime,
    ) -> Result<Option<Arc<S::Value>>, ReadError> {
        let Ok(_reading) = self.reading.try_lock() else {
            return Ok(None);
        };
        let known = self.get(now).value.is_some_and(|value| enough(&value));
        {
            let mut state = self.state(now);
            // A value that was read for this request is as new as possible.
            let just_read = state.value.as_ref().is_some_and(|(_, sent)| *sent == now);
            let since = |moment: Option<SystemTime>| moment.map_or(Duration::MAX, |moment| age(moment, now));
            let failed = state.failed.map(|failed| failed.at);
            if known || just_read || since(failed) < RETRY || since(state.unknown_read) < UNKNOWN {
                return Ok(None);
            }
            state.unknown_read = Some(now);
        }
        self.read(now).await.map(Some)
    }

    /// One read, dropped when it takes too long. The age of its value counts from the moment at which the read was
    /// sent.
    async fn read(&self, now: SystemTime) -> Result<Arc<S::Value>, ReadError> {
        let hasty = self.get(now).value.is_some();
        let patience = if hasty { self.patience } else { PATIENCE_EMPTY };
        let read = tokio::time::timeout(patience, self.store.read(patience)).await;
        let mut state = self.state(now);
        let (at, error) = match read {
            Ok(Ok(value)) => {
                let value = Arc::new(value);
                state.value = Some((Arc::clone(&value), now));
                state.failed = None;
                return Ok(value);
            }
            Ok(Err(error)) => (now, error),
            Err(_) => {
                (now + patience, ReadError(format!("the store did not answer within {} ms", patience.as_millis())))
            }
        };
        state.failed = Some(FailedRead { at, hasty });
        Err(error)
    }

    /// The state as of `now`. If the clock has gone back, no age is known, so nothing is kept.
    fn state(&self, now: SystemTime) -> MutexGuard<'_, State<S::Value>> {
        // No code that holds the lock can panic, and every state is complete.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.latest {
            Some(latest) if age(now, latest) > STEP_BACK => *state = State::empty(Some(now)),
            latest => state.latest = latest.max(Some(now)),
        }
        state
    }
}

impl<S: KeyStore<Value: AsRef<KeySet>>> Cache<S> {
    /// Reads the keys again because they do not hold `unknown`; at most once in ten seconds, for all ids together.
    ///
    /// # Errors
    /// Why the read failed.
    pub async fn refresh_for(&self, unknown: &KeyId, now: SystemTime) -> Result<Option<Arc<S::Value>>, ReadError> {
        self.refresh_unless(|stored| stored.as_ref().get(unknown).is_some(), now).await
    }
}

impl<V> State<V> {
    fn empty(latest: Option<SystemTime>) -> Self {
        Self { latest, value: None, failed: None, unknown_read: None }
    }

    fn get(&self, limits: CacheLimits, now: SystemTime) -> Cached<V> {
        let usable = self.value.as_ref().map(|(value, sent)| (value, age(*sent, now)));
        let usable = usable.filter(|(_, age)| *age < limits.ttl.saturating_add(limits.max_stale));
        let fresh = usable.is_some_and(|(_, age)| age < limits.ttl);
        let rests = self.failed.is_some_and(|failed| match usable {
            Some(_) => age(failed.at, now) < RETRY,
            // A store that is too far away for a hasty read may answer this one.
            None => !failed.hasty && age(failed.at, now) < RETRY_EMPTY,
        });
        Cached {
            value: usable.map(|(value, _)| Arc::clone(value)),
            age: usable.map_or(Duration::ZERO, |(_, age)| age),
            due: !fresh && !rests,
        }
    }
}

/// The time from one moment to the other; zero if the other is not later.
fn age(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoredKeys;
    use signing::{Key, UnixSeconds};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    /// A store that does what the test says, and counts its reads.
    #[derive(Default)]
    struct Scripted {
        reads: AtomicUsize,
        fails: Mutex<bool>,
        hangs: Mutex<bool>,
        going: Notify,
    }

    impl KeyStore for &Scripted {
        type Value = StoredKeys;

        async fn read(&self, _: Duration) -> Result<StoredKeys, ReadError> {
            let read = self.reads.fetch_add(1, Ordering::Relaxed);
            let hangs = *self.hangs.lock().unwrap();
            if hangs {
                self.going.notified().await;
            }
            if *self.fails.lock().unwrap() {
                return Err(ReadError("down".into()));
            }
            let id = KeyId::try_from(format!("read-{read}").as_str()).unwrap();
            let key = Key::new(id, &[1; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
            Ok(StoredKeys { keys: KeySet::new(vec![key]).unwrap(), created: None })
        }
    }

    const LIMITS: CacheLimits = CacheLimits { ttl: Duration::from_secs(60), max_stale: Duration::from_secs(1800) };

    fn at(seconds: f64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(1_000_000.0 + seconds)
    }

    impl Cache<&Scripted> {
        /// One invocation: the key set that it gets, and the number of reads until then.
        async fn invoke(&self, seconds: f64) -> (Option<String>, usize) {
            let now = at(seconds);
            let _ = self.refresh(now).await;
            let cached = self.get(now).value;
            (cached.map(|cached| cached.keys.keys()[0].id().to_string()), self.store.reads.load(Ordering::Relaxed))
        }
    }

    fn got(name: &str, reads: usize) -> (Option<String>, usize) {
        (Some(name.to_owned()), reads)
    }

    #[tokio::test]
    async fn one_read_per_ttl() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        assert_eq!(cache.invoke(0.0).await, got("read-0", 1));
        assert_eq!(cache.invoke(59.9).await, got("read-0", 1));
        assert_eq!(cache.invoke(60.0).await, got("read-1", 2));
        assert_eq!(cache.invoke(119.9).await, got("read-1", 2));
    }

    /// Only the invocation that reads gets the value from `refresh`.
    #[tokio::test]
    async fn only_the_reading_invocation_gets_the_new_value() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        let id = |read: Option<Arc<StoredKeys>>| read.map(|read| read.keys.keys()[0].id().to_string());
        assert_eq!(id(cache.refresh(at(0.0)).await.unwrap()), Some("read-0".to_owned()));
        assert_eq!(id(cache.refresh(at(1.0)).await.unwrap()), None);
        let unknown = KeyId::try_from("unknown").unwrap();
        assert_eq!(id(cache.refresh_for(&unknown, at(2.0)).await.unwrap()), Some("read-1".to_owned()));
        assert_eq!(id(cache.refresh_for(&unknown, at(3.0)).await.unwrap()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_read_keeps_the_old_set_and_pauses_ten_seconds() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        cache.invoke(0.0).await;
        *store.fails.lock().unwrap() = true;
        assert_eq!(cache.invoke(60.0).await, got("read-0", 2));
        assert_eq!(cache.invoke(69.9).await, got("read-0", 2));
        assert_eq!(cache.invoke(70.0).await, got("read-0", 3));
        *store.fails.lock().unwrap() = false;
        assert_eq!(cache.invoke(79.9).await, got("read-0", 3));
        assert_eq!(cache.invoke(80.0).await, got("read-3", 4));
    }

    #[tokio::test(start_paused = true)]
    async fn max_stale_is_a_hard_end() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        cache.invoke(0.0).await;
        *store.fails.lock().unwrap() = true;
        assert_eq!(cache.invoke(1859.9).await, got("read-0", 2));
        // Without a usable value each read has the long patience, and the next one is one second after its failure.
        assert_eq!(cache.invoke(1860.0).await, (None, 3));
        assert_eq!(cache.invoke(1860.9).await, (None, 3));
        *store.fails.lock().unwrap() = false;
        assert_eq!(cache.invoke(1861.0).await, got("read-3", 4));
    }

    /// A store on the other side of the world answers only a patient read. It must be asked as soon as the value is too old,
    /// although a hasty read has just failed.
    #[tokio::test(start_paused = true)]
    async fn a_hasty_read_that_fails_does_not_delay_the_first_patient_one() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        cache.invoke(0.0).await;
        *store.hangs.lock().unwrap() = true;
        assert_eq!(cache.invoke(1859.5).await, got("read-0", 2));
        *store.hangs.lock().unwrap() = false;
        assert_eq!(cache.invoke(1860.0).await, got("read-2", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_past_its_limit_is_dropped() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        *store.hangs.lock().unwrap() = true;
        let begun = tokio::time::Instant::now();
        assert_eq!(
            cache.refresh(at(0.0)).await.unwrap_err(),
            ReadError("the store did not answer within 2000 ms".into())
        );
        assert_eq!(begun.elapsed(), PATIENCE_EMPTY);
        store.going.notify_waiters();
        assert_eq!(cache.invoke(0.0).await, (None, 1));
        assert_eq!(cache.invoke(2.9).await, (None, 1), "the pause begins at the end of the wait");

        *store.hangs.lock().unwrap() = false;
        cache.invoke(10.0).await;
        *store.hangs.lock().unwrap() = true;
        let begun = tokio::time::Instant::now();
        assert_eq!(
            cache.refresh(at(70.0)).await.unwrap_err(),
            ReadError("the store did not answer within 300 ms".into())
        );
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(cache.invoke(70.0).await, got("read-1", 3));
    }

    /// Two invocations side by side: one reads, and the other waits for it only without a usable value.
    #[tokio::test(start_paused = true)]
    async fn only_one_reads_at_a_time() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        *store.hangs.lock().unwrap() = true;
        let release = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            store.going.notify_waiters();
        };
        let (first, second, ()) = tokio::join!(cache.invoke(0.0), cache.invoke(0.0), release);
        assert_eq!((first, second), (got("read-0", 1), got("read-0", 1)));

        let begun = tokio::time::Instant::now();
        let second = async {
            let got = cache.invoke(60.0).await;
            (got, begun.elapsed())
        };
        let (first, (second, waited)) = tokio::join!(cache.invoke(60.0), second);
        assert_eq!((first, second, waited), (got("read-0", 2), got("read-0", 2), Duration::ZERO));
    }

    #[tokio::test]
    async fn a_clock_that_went_back_counts_as_expired() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        cache.invoke(0.0).await;
        assert_eq!(cache.invoke(-5.0).await, got("read-0", 1));
        assert_eq!(cache.invoke(-5.1).await, got("read-1", 2));
        // For every distance that the clock had gone ahead since the read, and for small steps.
        assert_eq!(cache.invoke(50.0).await, got("read-1", 2));
        assert_eq!(cache.invoke(46.0).await, got("read-1", 2));
        assert_eq!(cache.invoke(44.9).await, got("read-2", 3));

        *store.fails.lock().unwrap() = true;
        assert_eq!(cache.invoke(-1000.0).await, (None, 4));
        // A pause from before the clock went back does not continue after it.
        assert_eq!(cache.invoke(-2000.0).await, (None, 5));
    }

    #[tokio::test]
    async fn an_unknown_key_id_causes_one_read_in_ten_seconds() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        cache.invoke(0.0).await;
        let reads = || store.reads.load(Ordering::Relaxed);
        for n in 0..10_000 {
            let unknown = KeyId::try_from(format!("invented-{n}").as_str()).unwrap();
            cache.refresh_for(&unknown, at(1.0 + f64::from(n) / 1000.0)).await.unwrap();
        }
        assert_eq!(reads(), 2);
        let unknown = KeyId::try_from("invented").unwrap();
        cache.refresh_for(&unknown, at(11.0)).await.unwrap();
        assert_eq!(reads(), 3);
        cache.refresh_for(&KeyId::try_from("read-2").unwrap(), at(30.0)).await.unwrap();
        assert_eq!(reads(), 3, "a key that is in the cache is not unknown");

        *store.fails.lock().unwrap() = true;
        assert!(cache.refresh_for(&unknown, at(40.0)).await.is_err());
        assert_eq!(cache.invoke(41.0).await, got("read-2", 4));
        // A flood does not shorten the pause for a store that is down.
        assert!(cache.refresh(at(75.0)).await.is_err());
        cache.refresh_for(&unknown, at(84.9)).await.unwrap();
        assert_eq!(reads(), 5);
        assert!(cache.refresh_for(&unknown, at(85.0)).await.is_err());
        assert_eq!(reads(), 6);
    }

    /// A successful read ends the pause of an earlier failure, so a short TTL is respected again.
    #[tokio::test]
    async fn a_successful_read_ends_the_pause_after_a_failed_one() {
        let store = Scripted::default();
        let cache = Cache::new(&store, CacheLimits { ttl: Duration::from_secs(5), ..LIMITS });
        *store.fails.lock().unwrap() = true;
        assert_eq!(cache.invoke(0.0).await, (None, 1));
        *store.fails.lock().unwrap() = false;
        assert_eq!(cache.invoke(1.0).await, got("read-1", 2));
        assert_eq!(cache.invoke(6.0).await, got("read-2", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hasty_read_may_be_given_more_time_but_never_more_than_a_patient_one() {
        for (asked, expected) in [(1000, 1000), (2000, 2000), (60_000, 2000)] {
            let store = Scripted::default();
            let cache = Cache::new(&store, LIMITS).waiting(Duration::from_millis(asked));
            cache.invoke(0.0).await;
            *store.hangs.lock().unwrap() = true;
            let begun = tokio::time::Instant::now();
            assert_eq!(cache.invoke(60.0).await, got("read-0", 2));
            assert_eq!(begun.elapsed(), Duration::from_millis(expected), "{asked}");
        }
    }

    /// A set that was read for a request is not read again because the request has an unknown id.
    #[tokio::test]
    async fn a_cold_start_with_an_unknown_key_id_is_one_read() {
        let store = Scripted::default();
        let cache = Cache::new(&store, LIMITS);
        cache.invoke(0.0).await;
        cache.refresh_for(&KeyId::try_from("unknown").unwrap(), at(0.0)).await.unwrap();
        assert_eq!(store.reads.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn jitter_only_shortens_and_by_a_tenth_at_most() {
        assert_eq!(LIMITS.jittered(0), LIMITS);
        let shortest = LIMITS.jittered(255).ttl;
        assert!(Duration::from_secs(54) < shortest && shortest < Duration::from_secs(55), "{shortest:?}");
    }
}
