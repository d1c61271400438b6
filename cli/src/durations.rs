//! Durations on the command line.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use std::time::Duration;

/// Reads `90`, `90s`, `5m` or `1h 30m`: whole seconds, from `MIN` to `MAX`.
pub(crate) fn whole_seconds<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration> {
    let accepted = || format!("accepted are whole seconds from {MIN}s to {MAX}s");
    let duration = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::try_from(text.parse::<SignedDuration>().with_context(accepted)?).with_context(accepted)?,
    };
    let fits = duration.subsec_nanos() == 0 && (MIN..=MAX).contains(&duration.as_secs());
    ensure!(fits, accepted());
    Ok(duration)
}

/// Writes `1h`, `32m 5s` or `0s`.
pub(crate) fn show(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}
