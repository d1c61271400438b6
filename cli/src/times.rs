//! Moments: the present one, and how one is printed.

use jiff::Timestamp;
use signing::{NEVER_EXPIRES, UnixSeconds};

/// The present second.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::new(u64::try_from(Timestamp::now().as_second()).unwrap_or(0))
}

/// In the words of RFC 3339; a key without an end says so.
pub(crate) fn show(moment: UnixSeconds) -> String {
    if moment >= NEVER_EXPIRES {
        return "no end".to_owned();
    }
    let timestamp = i64::try_from(moment.get()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| moment.to_string(), |timestamp| timestamp.to_string())
}
