//! The time as `signing` counts it, in whole seconds.

use signing::UnixSeconds;
use std::time::SystemTime;

/// The second in which `time` lies, by which a key is chosen; 0 if the clock is before 1970.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let epoch = SystemTime::UNIX_EPOCH;
/// assert_eq!(key_store::unix_seconds(epoch + Duration::from_millis(1_795_341_845_999)).get(), 1_795_341_845);
/// assert_eq!(key_store::unix_seconds(epoch - Duration::from_secs(1)).get(), 0);
/// ```
pub fn unix_seconds(time: SystemTime) -> UnixSeconds {
    UnixSeconds::new(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
