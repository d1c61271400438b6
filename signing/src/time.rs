use core::{fmt, ops::Add, time::Duration};

/// A moment in whole seconds since 1970-01-01T00:00:00Z, as RFC 9421 and RFC 7519 count time.
///
/// Nothing in this crate reads a clock: every function that depends on the time takes `now`.
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

    /// How long after `earlier` this is; zero if it is not after.
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

/// Fails for a moment before the epoch.
impl TryFrom<i64> for UnixSeconds {
    type Error = core::num::TryFromIntError;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        u64::try_from(seconds).map(Self)
    }
}

/// A moment as RFC 3339 writes it.
pub(crate) struct Rfc3339(pub(crate) UnixSeconds);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Howard Hinnant's "civil from days": years begin in March, so that the day that a leap year has more is their last.
        let (days, seconds) = (self.0.get() / 86_400, self.0.get() % 86_400);
        let days = days.saturating_add(719_468);
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year + era * 400, month + 3) } else { (year + era * 400 + 1, month - 9) };
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    /// By `date --utc`.
    #[test]
    fn a_moment_is_written_as_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_341_845, "2026-11-22T10:04:05Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Rfc3339(UnixSeconds::new(seconds)).to_string(), expected);
        }
        // The latest moment can be written too.
        assert!(!Rfc3339(UnixSeconds::new(u64::MAX)).to_string().is_empty());
    }
}
