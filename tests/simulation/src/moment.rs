//! The time of the simulation.

use std::time::{Duration, SystemTime};

/// A moment: milliseconds since the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// How many milliseconds a clock is ahead of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skew(pub(crate) i64);

/// The start of a run: 2026-11-22T00:00:00Z.
const EPOCH: Duration = Duration::from_secs(1_795_305_600);

impl Moment {
    /// The start of the run.
    pub const START: Self = Self(0);

    /// This long after the start.
    pub const fn at(since: Duration) -> Self {
        Self::START.after(since)
    }

    /// This much later.
    pub const fn after(self, pause: Duration) -> Self {
        // A run has at most 90 days.
        #[expect(clippy::as_conversions, reason = "milliseconds of a run need 33 bits")]
        Self(self.0.saturating_add(pause.as_millis() as u64))
    }

    /// The time since `earlier`; zero if it is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The time since the start.
    pub const fn since_start(self) -> Duration {
        self.since(Self::START)
    }

    /// What a clock shows.
    pub(crate) fn by_clock(self, Skew(ahead): Skew) -> SystemTime {
        let shown = Duration::from_millis(self.0.saturating_add_signed(ahead));
        SystemTime::UNIX_EPOCH + EPOCH + shown
    }
}
