//! Moments: the present one, and how a moment is printed.

use jiff::{SignedDuration, Timestamp};
use signing::{NEVER_EXPIRES, UnixSeconds};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The present second.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::new(u64::try_from(Timestamp::now().as_second()).unwrap_or(0))
}

/// A moment in the form of RFC 3339, and its distance: `2026-11-26T10:00:00Z (in 32 min)`. A key that never expires has `no end`.
pub(crate) fn show(moment: UnixSeconds, now: UnixSeconds) -> String {
    if moment >= NEVER_EXPIRES {
        return "no end".to_owned();
    }
    match (timestamp(moment), timestamp(now)) {
        (Some(moment), Some(now)) => format!("{moment} ({})", distance(moment.duration_since(now))),
        _ => rfc3339(moment),
    }
}

/// A moment in the form of RFC 3339 only: `2026-11-26T10:00:00Z`.
pub(crate) fn rfc3339(moment: UnixSeconds) -> String {
    timestamp(moment).map_or_else(|| moment.to_string(), |timestamp| timestamp.to_string())
}

/// The moment, if jiff can hold it: up to 9999-12-30T22:00:00Z.
fn timestamp(moment: UnixSeconds) -> Option<Timestamp> {
    i64::try_from(moment.get()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// `in 45 s`, `32 min ago`, `in 1 h 5 min`, `3 d 2 h ago` or `now`: the nearest, in seconds up to 2 minutes, in minutes up to a day,
/// and in hours from there.
fn distance(from_now: SignedDuration) -> String {
    let seconds = from_now.unsigned_abs().as_secs();
    let nearest = |unit: u64| seconds.saturating_add(unit / 2) / unit * unit;
    let two = |number: u64, large: u64, large_name: &str, small: u64, small_name: &str| match (
        number / large,
        number % large / small,
    ) {
        (0, small) => format!("{small} {small_name}"),
        (large, 0) => format!("{large} {large_name}"),
        (large, small) => format!("{large} {large_name} {small} {small_name}"),
    };
    let length = match seconds {
        0 => return "now".to_owned(),
        1..120 => format!("{seconds} s"),
        _ if nearest(MINUTE) < DAY => two(nearest(MINUTE), HOUR, "h", MINUTE, "min"),
        _ => two(nearest(HOUR), DAY, "d", HOUR, "h"),
    };
    if from_now.is_negative() { format!("{length} ago") } else { format!("in {length}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);

    #[test]
    fn a_distance_is_the_nearest_in_its_units() {
        for (seconds, expected) in [
            (0, "now"),
            (1, "in 1 s"),
            (119, "in 119 s"),
            (120, "in 2 min"),
            (149, "in 2 min"),
            (150, "in 3 min"),
            (32 * 60, "in 32 min"),
            (3569, "in 59 min"),
            (3570, "in 1 h"),
            (3600, "in 1 h"),
            (3660, "in 1 h 1 min"),
            (86_369, "in 23 h 59 min"),
            (86_370, "in 1 d"),
            (86_400, "in 1 d"),
            (90_000, "in 1 d 1 h"),
            (90 * 86_400, "in 90 d"),
            (-1, "1 s ago"),
            (-3 * 3600, "3 h ago"),
            (-3 * 3600 - 61, "3 h 1 min ago"),
            (-200 * 86_400 - 3600, "200 d 1 h ago"),
        ] {
            assert_eq!(distance(SignedDuration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_printed_with_its_distance() {
        for (moment, expected) in [
            (NOW.get(), "2026-11-26T10:00:00Z (now)"),
            (NOW.get() + 1920, "2026-11-26T10:32:00Z (in 32 min)"),
            (NOW.get() - 10_800, "2026-11-26T07:00:00Z (3 h ago)"),
            // jiff's last second, so that every time zone still has the year 9999.
            (253_402_207_200, "9999-12-30T22:00:00Z (in 2912112 d 12 h)"),
            (253_402_207_201, "253402207201"),
            (NEVER_EXPIRES.get(), "no end"),
            (u64::MAX, "no end"),
        ] {
            assert_eq!(show(UnixSeconds::new(moment), NOW), expected);
        }
        assert_eq!(show(NOW, UnixSeconds::new(u64::MAX)), "2026-11-26T10:00:00Z");
    }
}
