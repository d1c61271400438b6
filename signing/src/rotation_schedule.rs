//! The timings of a rotation. They must leave the edges and the authorizers enough time to read the new keys.

use core::{fmt, time::Duration};

/// The timings of a rotation, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationTimings {
    /// From the promotion of a new set until its new key signs.
    pub lead: Duration,
    /// From then until the old keys are no longer accepted.
    pub grace: Duration,
    /// How old a verifier's keys may grow before it reads them again.
    pub verifier_ttl: Duration,
    /// How old a signer's keys may grow before it reads them again.
    pub signer_ttl: Duration,
    /// How long after a promotion a read may still return the set before it.
    pub replication: Duration,
    /// The greatest difference between any two clocks.
    pub skew: Duration,
    /// How long a signature is valid.
    pub lifetime: Duration,
    /// How long a set is used past its TTL while it cannot be read again.
    pub outage: Duration,
}

/// Timings under which every verifier accepts, at every moment, every key that a signer may use.
///
/// ```
/// use signing::{RotationTimings, RotationSchedule};
///
/// assert!(RotationSchedule::try_from(RotationTimings::DEFAULT).is_ok());
/// let hasty = RotationTimings { lead: std::time::Duration::from_secs(60), ..RotationTimings::DEFAULT };
/// assert_eq!(
///     RotationSchedule::try_from(hasty).unwrap_err().to_string(),
///     "the lead is 60 s and must be at least 1925 s: verifier TTL 60 s + replication 60 s + skew 5 s + outage 1800 s",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationSchedule(RotationTimings);

/// The inequality does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are those of RotationTimings")]
pub enum RotationTimingsError {
    /// A timing has a fraction of a second, which the times of keys cannot have.
    #[error("every timing of a rotation must be a whole number of seconds, and one is {}", InSeconds(*.0))]
    Fraction(Duration),
    /// A verifier might not know the new key when the first signer uses it.
    #[error(
        "the lead is {} and must be at least {}: verifier TTL {} + replication {} + skew {} + outage {}",
        InSeconds(*lead),
        InSeconds(*least),
        InSeconds(*verifier_ttl),
        InSeconds(*replication),
        InSeconds(*skew),
        InSeconds(*outage)
    )]
    Lead {
        lead: Duration,
        least: Duration,
        verifier_ttl: Duration,
        replication: Duration,
        skew: Duration,
        outage: Duration,
    },
    /// An old key might expire while the last signer still uses it.
    #[error(
        "the grace is {} and must be at least {}: signer TTL {} + replication {} + lifetime {} + skew {} + outage {}",
        InSeconds(*grace),
        InSeconds(*least),
        InSeconds(*signer_ttl),
        InSeconds(*replication),
        InSeconds(*lifetime),
        InSeconds(*skew),
        InSeconds(*outage)
    )]
    Grace {
        grace: Duration,
        least: Duration,
        signer_ttl: Duration,
        replication: Duration,
        lifetime: Duration,
        skew: Duration,
        outage: Duration,
    },
}

/// A duration as messages have it, like `1925 s`.
struct InSeconds(Duration);

impl fmt::Display for InSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanos() {
            0 => write!(f, "{} s", self.0.as_secs()),
            _ => write!(f, "{} s", self.0.as_secs_f64()),
        }
    }
}

impl RotationTimings {
    /// The timings of the functions if nothing else is configured. Lead and grace are an hour each.
    pub const DEFAULT: Self = Self {
        lead: Duration::from_secs(3600),
        grace: Duration::from_secs(3600),
        verifier_ttl: Duration::from_secs(60),
        signer_ttl: Duration::from_secs(300),
        replication: Duration::from_secs(60),
        skew: Duration::from_secs(5),
        lifetime: Duration::from_secs(60),
        outage: Duration::from_secs(1800),
    };

    /// The longest time until every verifier has a set that was promoted.
    pub(crate) const fn least_lead(&self) -> Duration {
        self.verifier_ttl.saturating_add(self.replication).saturating_add(self.skew).saturating_add(self.outage)
    }

    /// The longest time until a signature by a signer that has not yet read the new keys is no longer valid.
    pub(crate) const fn least_grace(&self) -> Duration {
        let signer = self.signer_ttl.saturating_add(self.replication).saturating_add(self.outage);
        signer.saturating_add(self.lifetime).saturating_add(self.skew)
    }
}

impl TryFrom<RotationTimings> for RotationSchedule {
    type Error = RotationTimingsError;

    fn try_from(timings: RotationTimings) -> Result<Self, RotationTimingsError> {
        let RotationTimings { lead, grace, verifier_ttl, signer_ttl, replication, skew, lifetime, outage } = timings;
        let all = [lead, grace, verifier_ttl, signer_ttl, replication, skew, lifetime, outage];
        if let Some(fraction) = all.into_iter().find(|number| number.subsec_nanos() != 0) {
            return Err(RotationTimingsError::Fraction(fraction));
        }
        let least = timings.least_lead();
        if lead < least {
            return Err(RotationTimingsError::Lead { lead, least, verifier_ttl, replication, skew, outage });
        }
        let least = timings.least_grace();
        if grace < least {
            return Err(RotationTimingsError::Grace { grace, least, signer_ttl, replication, lifetime, skew, outage });
        }
        Ok(Self(timings))
    }
}

impl RotationSchedule {
    /// The timings.
    pub fn timings(&self) -> &RotationTimings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn a_timing_that_is_too_short_is_reported_with_all_numbers() {
        let check = |timings: RotationTimings| RotationSchedule::try_from(timings).map_err(|error| error.to_string());
        let seconds = Duration::from_secs;
        let default = RotationTimings::DEFAULT;
        assert!(check(RotationTimings { lead: seconds(1925), grace: seconds(2225), ..default }).is_ok());
        assert_eq!(
            check(RotationTimings { lead: seconds(1924), ..default }).unwrap_err(),
            "the lead is 1924 s and must be at least 1925 s: verifier TTL 60 s + replication 60 s + skew 5 s + outage \
            1800 s"
        );
        assert_eq!(
            check(RotationTimings { grace: seconds(2224), ..default }).unwrap_err(),
            "the grace is 2224 s and must be at least 2225 s: \
            signer TTL 300 s + replication 60 s + lifetime 60 s + skew 5 s + outage 1800 s"
        );
        let fraction = check(RotationTimings { skew: Duration::from_millis(500), ..default }).unwrap_err();
        assert_eq!(fraction, "every timing of a rotation must be a whole number of seconds, and one is 0.5 s");
        let endless = check(RotationTimings { outage: seconds(u64::MAX), ..default }).unwrap_err();
        assert!(endless.starts_with("the lead is 3600 s and must be at least "), "{endless}");
    }
}
