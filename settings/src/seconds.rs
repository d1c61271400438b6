//! The settings that are durations: the default and the range of each, in one place.

use signing::RotationTimings;
use std::{fmt, ops::RangeInclusive, time::Duration};

/// A week: the upper limit of the timings of a rotation.
const WEEK: u64 = 604_800;
const DEFAULT: RotationTimings = RotationTimings::DEFAULT;

/// A setting in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seconds {
    /// The value if nothing is set.
    pub default: Duration,
    /// The accepted values, including both ends.
    pub accepted: RangeInclusive<u64>,
}

impl Seconds {
    /// How long a signature is valid, and the longest time that a verifier accepts.
    pub const LIFETIME: Self = Self::new(DEFAULT.lifetime, 1..=300);
    /// The greatest difference between two clocks.
    pub const SKEW: Self = Self::new(DEFAULT.skew, 0..=60);
    /// The greatest difference between the clock of an issuer of tokens and that of the verifier. The default is that of Envoy's
    /// JWT filter and of Spring Security; RFC 7519, section 4.1.4 asks for "no more than a few minutes".
    pub const TOKEN_SKEW: Self = Self::new(Duration::from_secs(60), 0..=300);
    /// How long the next authorizer may take. An HTTP API waits 10 s for the authorizer. Before the call there may be two reads of 2 s
    /// each, of the keys and of the origin's secret header. A REST API waits longer, and CloudFront 30 s.
    pub const NEXT_TIMEOUT: Self = Self::new(Duration::from_secs(3), 1..=20);
    /// The TTL of keys at the edge.
    pub const SIGNER_TTL: Self = Self::up_to_default(1, DEFAULT.signer_ttl);
    /// How long the edge uses keys past their TTL during an outage.
    pub const SIGNER_MAX_STALE: Self = Self::up_to_default(0, DEFAULT.outage);
    /// The TTL of keys at the authorizer.
    pub const VERIFIER_TTL: Self = Self::up_to_default(1, DEFAULT.verifier_ttl);
    /// How long the authorizer uses keys past their TTL during an outage.
    pub const VERIFIER_MAX_STALE: Self = Self::up_to_default(0, DEFAULT.outage);
    /// The longest outage of a key store that a rotation assumes.
    pub const OUTAGE: Self = Self::new(DEFAULT.outage, 0..=86_400);
    /// From the promotion of new keys until the new key signs.
    pub const LEAD: Self = Self::new(DEFAULT.lead, 0..=WEEK);
    /// From the time at which the new key signs until the old keys are no longer accepted.
    pub const GRACE: Self = Self::new(DEFAULT.grace, 0..=WEEK);
    /// How long after a promotion a read may still return the keys before it.
    pub const REPLICATION: Self = Self::new(DEFAULT.replication, 0..=600);

    /// A setting with this default and this range.
    pub const fn new(default: Duration, accepted: RangeInclusive<u64>) -> Self {
        Self { default, accepted }
    }

    /// A setting that can only be shortened, because every rotation assumes the default: longer values would break the times that
    /// a rotation promises.
    const fn up_to_default(least: u64, default: Duration) -> Self {
        Self::new(default, least..=default.as_secs())
    }

    /// The duration of so many seconds, if they are in the range.
    pub fn accept(&self, seconds: u64) -> Option<Duration> {
        self.accepted.contains(&seconds).then(|| Duration::from_secs(seconds))
    }
}

/// The range, as `1 to 300`.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.accepted.start(), self.accepted.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_default_is_in_its_range() {
        let all = [
            Seconds::LIFETIME,
            Seconds::SKEW,
            Seconds::TOKEN_SKEW,
            Seconds::SIGNER_TTL,
            Seconds::SIGNER_MAX_STALE,
            Seconds::VERIFIER_TTL,
            Seconds::VERIFIER_MAX_STALE,
            Seconds::OUTAGE,
            Seconds::LEAD,
            Seconds::GRACE,
            Seconds::REPLICATION,
        ];
        for setting in all {
            assert_eq!(setting.accept(setting.default.as_secs()), Some(setting.default), "{setting:?}");
        }
    }
}
