use core::{fmt, ops::Add, time::Duration};

/// A moment in whole seconds since 1970-01-01T00:00:00Z, as RFC 9421 and RFC 7519 count time.
///
/// Nothing in this crate asks what time it is: every function that depends on it takes `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// The moment `seconds` after the epoch.
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The second in which the given millisecond lies.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis / 1000)
    }

    /// Seconds since the epoch.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero where it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// Adds the whole seconds of `rhs`; stops at the end of time instead of overflowing.
impl Add<Duration> for UnixSeconds {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.as_secs()))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment before the epoch is no `UnixSeconds`.
impl TryFrom<i64> for UnixSeconds {
    type Error = core::num::TryFromIntError;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        u64::try_from(seconds).map(Self)
    }
}
