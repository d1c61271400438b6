//! Durations on the command line.

use anyhow::{Context as _, Result};
use clap::builder::TypedValueParser;
use jiff::SignedDuration;
use settings::Seconds;
use std::time::Duration;

/// Reads `90`, `90s`, `5m` or `1h 30m`: whole seconds in the range of that setting.
pub(crate) fn seconds(setting: Seconds) -> impl TypedValueParser<Value = Duration> {
    move |text: &str| -> Result<Duration> {
        let accepted = || {
            let (least, most) = (*setting.accepted.start(), *setting.accepted.end());
            format!("accepted are whole seconds from {least}s to {most}s")
        };
        let duration = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                Duration::try_from(text.parse::<SignedDuration>().with_context(accepted)?).with_context(accepted)?
            }
        };
        let whole = (duration.subsec_nanos() == 0).then_some(duration.as_secs());
        whole.and_then(|seconds| setting.accept(seconds)).with_context(accepted)
    }
}

/// Writes `1h`, `32m 5s` or `0s`.
pub(crate) fn show(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}
