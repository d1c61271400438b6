//! What a run counts.

use crate::moment::Moment;
use std::time::Duration;

/// The reads of the copies of the secret.
#[derive(Clone, Debug)]
pub struct Calls {
    second: u64,
    /// Of each copy.
    pub copies: Vec<Counter>,
    /// Of all copies together.
    pub all: Counter,
}

/// The reads of one copy, or of all.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    in_second: u32,
    /// All that reached Secrets Manager, answered or not.
    pub total: u64,
    /// In the second with the most.
    pub peak: u32,
    /// Refused because of the quota.
    pub throttled: u64,
    /// For each minute of the run all reads, and those of its second with the most.
    pub minutes: Vec<(u32, u32)>,
}

impl Calls {
    pub(crate) fn new(copies: usize) -> Self {
        Self { second: 0, copies: vec![Counter::default(); copies], all: Counter::default() }
    }

    /// Counts a read, and returns how many this copy has had in this second.
    pub(crate) fn count(&mut self, copy: usize, now: Moment) -> u32 {
        let second = now.since_start().as_secs();
        if second != self.second {
            self.second = second;
            for counter in self.copies.iter_mut().chain([&mut self.all]) {
                counter.in_second = 0;
            }
        }
        self.all.count(second);
        self.copies[copy].count(second)
    }

    pub(crate) fn throttled(&mut self, copy: usize) {
        self.copies[copy].throttled += 1;
        self.all.throttled += 1;
    }
}

impl Counter {
    fn count(&mut self, second: u64) -> u32 {
        self.in_second += 1;
        self.total += 1;
        self.peak = self.peak.max(self.in_second);
        let minute = usize::try_from(second / 60).expect("a run has less than 2^32 minutes");
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, (0, 0));
        }
        let (reads, peak) = &mut self.minutes[minute];
        *reads += 1;
        *peak = self.in_second.max(*peak);
        self.in_second
    }
}

/// Why a good request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It should have been admitted.
    Fault,
    /// The process had no usable keys and no copy could be relied on, and when that began the process was not started yet, or its
    /// keys were older than their TTL.
    NoKeys,
    /// The edge had not yet read the keys of the emergency with this index.
    Emergency(usize),
}

/// The requests of viewers, each signed by an edge.
#[derive(Clone, Debug, Default)]
pub struct GoodRequests {
    /// All that were simulated.
    pub simulated: u64,
    /// Admitted by an authorizer.
    pub admitted: u64,
    /// Refused although they should be admitted: within the limits there is none.
    pub faults: u64,
    /// The first of these, and the reason.
    pub first_fault: Option<(Moment, String)>,
    /// Refused because the process had no keys in memory when the copies became unreliable.
    pub without_keys: u64,
    /// Refused because of an emergency.
    pub in_emergencies: u64,
    /// Signed and verified with real signatures too.
    pub verified_for_real: u64,
    /// Those with another verdict for the real signature.
    pub other_verdicts: u64,
}

/// The requests after planned rotations.
#[derive(Clone, Debug)]
pub struct AfterRotation {
    /// By the minute after the promotion: requests that are signed with the old key, and with the new key.
    pub minutes: Vec<(u64, u64)>,
    /// The shortest time from an admitted request until its key ended.
    pub least_left: Option<Duration>,
}

impl Default for AfterRotation {
    fn default() -> Self {
        Self { minutes: vec![(0, 0); Self::MINUTES], least_left: None }
    }
}

impl AfterRotation {
    const MINUTES: usize = 150;

    pub(crate) fn signed(&mut self, after: Duration, with_new: bool) {
        let minute = usize::try_from(after.as_secs() / 60).expect("a run has less than 2^32 minutes");
        if let Some((old, new)) = self.minutes.get_mut(minute) {
            *(if with_new { new } else { old }) += 1;
        }
    }
}

/// An emergency rotation, and the attack with the key that it drops.
#[derive(Clone, Debug)]
pub struct Emergency {
    /// Its promotion.
    pub at: Moment,
    /// Whether a copy was not reliable during it, so that the bounds of an outage count.
    pub in_outage: bool,
    /// The requests with the dropped key.
    pub stolen: Side,
    /// The good requests that were refused for it.
    pub refused: Side,
}

/// The requests on which an emergency has a bound.
#[derive(Clone, Debug)]
pub struct Side {
    /// After this time they must be over.
    pub bound: Duration,
    /// And if a copy cannot be read for a while, after this time.
    pub bound_in_outage: Duration,
    /// All that were simulated.
    pub all: u64,
    /// Those that should be over soon: admitted with the dropped key, or refused with a good one.
    pub wrong: u64,
    /// The last of these, after the promotion.
    pub last: Option<Duration>,
    /// How many of these were after `bound`, and after `bound_in_outage`.
    pub after: (u64, u64),
    /// How many of these for each ten seconds after the promotion.
    pub every_ten_seconds: Vec<u64>,
}

impl Side {
    pub(crate) fn new(bound: Duration, outage: Duration) -> Self {
        let (all, wrong, last, after) = (0, 0, None, (0, 0));
        let every_ten_seconds = Vec::new();
        Self { bound, bound_in_outage: bound + outage, all, wrong, last, after, every_ten_seconds }
    }

    pub(crate) fn count_wrong(&mut self, after: Duration) {
        self.wrong += 1;
        self.last = self.last.max(Some(after));
        self.after.0 += u64::from(after > self.bound);
        self.after.1 += u64::from(after > self.bound_in_outage);
        let slot = usize::try_from(after.as_secs() / 10).expect("a run has less than 2^32 seconds");
        if self.every_ten_seconds.len() <= slot {
            self.every_ten_seconds.resize(slot + 1, 0);
        }
        self.every_ten_seconds[slot] += 1;
    }
}
