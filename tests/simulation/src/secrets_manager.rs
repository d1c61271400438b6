//! AWS Secrets Manager as the processes see it: copies of one secret that lag, fail, hang and throttle.

use crate::{
    moment::Moment,
    random::Random,
    region::{Region, SERVICE},
    tally::Calls,
};
use key_store::SecretCopy;
use signing::KeySet;
use std::{
    future,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::sleep;

/// GetSecretValue and DescribeSecret together, for an account and Region (quotas of AWS Secrets Manager, late 2026).
pub const QUOTA: u32 = 10_000;

/// TCP and TLS need two round trips before the request is sent. A frozen function has lost its connections.
const TRIPS_BEFORE: u32 = 2;
/// One answer of this many is later, but not so late that a patient read is given up in any of the Regions.
const SLOW_ONE_OF: usize = 2000;
const SLOW: Range<Duration> = Duration::from_millis(200)..Duration::from_millis(550);
/// A faster answer is never late, because the smallest share of the patience of a read is 150 ms. So its time is not waited for.
const SURELY_IN_TIME: Duration = Duration::from_millis(140);

/// A time in which the copy in one Region does not answer as it should.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// An index of the copies; `None` for every copy.
    pub copy: Option<usize>,
    /// From when until when.
    pub time: Range<Moment>,
    /// What happens to a read.
    pub kind: TroubleKind,
}

/// What happens to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// It fails at once.
    Fails,
    /// It is never answered.
    Hangs,
    /// Only this many reads in a second are answered, because others use the quota. All others fail.
    Throttles(u32),
}

/// A version of the secret. Its set was parsed once.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: usize,
    pub(crate) keys: KeySet,
    pub(crate) promoted: Moment,
}

/// The version that a read returned.
#[derive(Debug)]
pub(crate) struct Reading(pub(crate) Arc<Version>);

impl AsRef<KeySet> for Reading {
    fn as_ref(&self) -> &KeySet {
        &self.0.keys
    }
}

/// All copies of the secret.
#[derive(Debug)]
pub(crate) struct SecretsManager(Mutex<State>);

#[derive(Debug)]
struct State {
    now: Moment,
    random: Random,
    versions: Vec<Arc<Version>>,
    copies: Vec<CopyState>,
    troubles: Vec<Trouble>,
    calls: Calls,
}

#[derive(Debug)]
struct CopyState {
    /// The versions that this copy has got, each with the time from which it is read. The last one counts.
    shown: Vec<(Moment, usize)>,
}

impl SecretsManager {
    pub(crate) fn new(first: KeySet, copies: usize, random: Random) -> Self {
        let first = Arc::new(Version { number: 0, keys: first, promoted: Moment::START });
        let copy = || CopyState { shown: vec![(Moment::START, 0)] };
        Self(Mutex::new(State {
            now: Moment::START,
            random,
            versions: vec![first],
            copies: (0..copies).map(|_| copy()).collect(),
            troubles: Vec::new(),
            calls: Calls::new(copies),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics under the lock")
    }

    /// Every read until the next call is at `now`.
    pub(crate) fn set_time(&self, now: Moment) {
        self.state().now = now;
    }

    pub(crate) fn add_trouble(&self, trouble: Trouble) {
        self.state().troubles.push(trouble);
    }

    /// The version that is current.
    pub(crate) fn current(&self) -> Arc<Version> {
        Arc::clone(self.state().versions.last().expect("the first version is never removed"))
    }

    pub(crate) fn version(&self, number: usize) -> Arc<Version> {
        Arc::clone(&self.state().versions[number])
    }

    /// Makes a set current at the primary. Each replica shows it after the lag; in an outage of its Region, that long after its
    /// end.
    pub(crate) fn promote(&self, keys: KeySet, now: Moment, mut lag: impl FnMut() -> Duration) {
        let state = &mut *self.state();
        let number = state.versions.len();
        state.versions.push(Arc::new(Version { number, keys, promoted: now }));
        for index in 0..state.copies.len() {
            let from = match index {
                0 => now,
                _ => state.outage(index, now).map_or(now, |time| time.end).after(lag()),
            };
            state.copies[index].shown.push((from, number));
        }
    }

    /// Whether every copy shows the current version, and answers.
    pub(crate) fn is_in_sync(&self, now: Moment) -> bool {
        let state = self.state();
        let current = state.versions.len() - 1;
        (0..state.copies.len()).all(|copy| state.shown(copy, now) == current && state.outage(copy, now).is_none())
    }

    /// Whether a copy answers.
    pub(crate) fn answers(&self, copy: usize, now: Moment) -> bool {
        self.state().outage(copy, now).is_none()
    }

    /// Whether anything goes wrong in that time.
    pub(crate) fn has_trouble(&self, time: Range<Moment>) -> bool {
        self.state().troubles.iter().any(|trouble| trouble.time.start < time.end && time.start < trouble.time.end)
    }

    /// When it began that none of these copies can be relied on, if that is so at `now`. A process whose read has failed makes a
    /// pause, so a trouble counts for two seconds longer.
    pub(crate) fn unreliable_since(&self, copies: &[usize], now: Moment) -> Option<Moment> {
        let state = self.state();
        let since = |copy: usize| {
            let of_copy = state.troubles.iter().filter(|trouble| trouble.copy.is_none_or(|other| other == copy));
            let now = of_copy
                .filter(|trouble| trouble.time.start <= now && now < trouble.time.end.after(Duration::from_secs(2)));
            now.map(|trouble| trouble.time.start).min()
        };
        copies.iter().map(|copy| since(*copy)).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The reads that were counted until now.
    pub(crate) fn calls(&self) -> Calls {
        self.state().calls.clone()
    }
}

impl State {
    fn shown(&self, copy: usize, now: Moment) -> usize {
        let mut shown = self.copies[copy].shown.iter().rev();
        shown.find(|(from, _)| *from <= now).map_or(0, |(_, version)| *version)
    }

    fn outage(&self, copy: usize, now: Moment) -> Option<&Range<Moment>> {
        let mut troubles = self.troubles.iter();
        let found = troubles.find(|trouble| {
            trouble.copy.is_none_or(|other| other == copy)
                && trouble.time.contains(&now)
                && !matches!(trouble.kind, TroubleKind::Throttles(_))
        });
        found.map(|trouble| &trouble.time)
    }

    /// A request for the present value arrives at a copy.
    fn answer(&mut self, copy: usize) -> Answer {
        let now = self.now;
        let in_second = self.calls.count(copy, now);
        let of_copy = self.troubles.iter().filter(|trouble| trouble.copy.is_none_or(|other| other == copy));
        let kinds = of_copy.filter(|trouble| trouble.time.contains(&now)).map(|trouble| trouble.kind);
        let mut quota = QUOTA;
        for kind in kinds {
            match kind {
                TroubleKind::Hangs => return Answer::Never,
                TroubleKind::Fails => return Answer::Fails,
                TroubleKind::Throttles(rest) => quota = quota.min(rest),
            }
        }
        if in_second > quota {
            self.calls.throttled(copy);
            return Answer::Throttled;
        }
        Answer::Is(Reading(Arc::clone(&self.versions[self.shown(copy, now)])))
    }
}

enum Answer {
    Is(Reading),
    Fails,
    Throttled,
    Never,
}

/// One copy, as a process in one Region reaches it.
#[derive(Debug)]
pub(crate) struct Copy {
    manager: Arc<SecretsManager>,
    index: usize,
    region: &'static str,
    round_trip: Duration,
}

impl Copy {
    /// The copy with this index, in `region`, as it is read from Region `from`.
    pub(crate) fn new(manager: &Arc<SecretsManager>, index: usize, region: &Region, from: &Region) -> Self {
        let manager = Arc::clone(manager);
        Self { manager, index, region: region.name, round_trip: from.round_trip(region) }
    }
}

impl SecretCopy for Copy {
    type Value = Reading;

    fn region(&self) -> &str {
        self.region
    }

    async fn read(&self) -> Result<Reading, String> {
        let connect = self.round_trip * TRIPS_BEFORE + self.round_trip / 2;
        let mut rest = self.round_trip / 2 + SERVICE;
        {
            let random = &mut self.manager.state().random;
            if random.below(SLOW_ONE_OF) == 0 {
                rest += random.between(&SLOW);
            }
        }
        let waits = connect + rest > SURELY_IN_TIME;
        // A read that is given up before the request is sent reaches nobody.
        if waits {
            sleep(connect).await;
        }
        let answer = self.manager.state().answer(self.index);
        if waits {
            sleep(rest).await;
        }
        match answer {
            Answer::Is(reading) => Ok(reading),
            Answer::Fails => Err(format!("{} does not answer as it should", self.region)),
            Answer::Throttled => Err(format!("{} answers ThrottlingException", self.region)),
            Answer::Never => future::pending().await,
        }
    }
}
