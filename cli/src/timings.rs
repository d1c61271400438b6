//! The timings that `countersign local` and `countersign keys rotate` both take.

use crate::durations::seconds;
use clap::Args;
use settings::Seconds;
use std::time::Duration;

#[derive(Args, Clone)]
#[command(next_help_heading = "Timings")]
pub(crate) struct TimingOptions {
    /// Time from a rotation until the new key signs
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = seconds(Seconds::LEAD))]
    pub(crate) lead: Duration,
    /// Time from then until the old keys expire
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = seconds(Seconds::GRACE))]
    pub(crate) grace: Duration,
    /// The longest time after a rotation in which a read may still return the old keys
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = seconds(Seconds::REPLICATION))]
    pub(crate) replication: Duration,
    /// The largest difference between any two clocks
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = seconds(Seconds::SKEW))]
    pub(crate) skew: Duration,
    /// How long a signature is valid
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = seconds(Seconds::LIFETIME))]
    pub(crate) lifetime: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        timings: TimingOptions,
    }

    #[test]
    fn the_defaults_are_those_of_the_functions() {
        let TimingOptions { lead, grace, replication, skew, lifetime } = Program::parse_from(["program"]).timings;
        let default = signing::RotationTimings::DEFAULT;
        assert_eq!(
            (lead, grace, replication, skew, lifetime),
            (default.lead, default.grace, default.replication, default.skew, default.lifetime)
        );
    }
}
