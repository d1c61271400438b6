//! The timings of a rotation, and what they have to leave each side: time to follow.

use core::time::Duration;

/// The timings that a rotation rests on, in whole seconds.
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
    /// How long a signature is good.
    pub lifetime: Duration,
    /// How long past its time to live a set is used while it cannot be read again.
    pub outage: Duration,
}

/// Numbers under which every key that a signer may use is accepted by every verifier, at every moment.
///
/// ```
/// use signing::{RotationTimings, RotationSchedule};
///
/// assert!(RotationSchedule::try_from(RotationTimings::DEFAULT).is_ok());
/// let hasty = RotationTimings { lead: std::time::Duration::from_secs(60), ..RotationTimings::DEFAULT };
/// assert_eq!(
///     RotationSchedule::try_from(hasty).unwrap_err().to_string(),
///     "lead is 60s and has to be at least 1925s: verifier ttl 60s + replication 60s + skew 5s + outage 1800s",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationSchedule(RotationTimings);

/// The inequality does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are those of RotationTimings")]
pub enum RotationTimingsError {
    /// A number with a fraction of a second, which the times of keys cannot have.
    #[error("every number of a rotation is in whole seconds, and one is {0:?}")]
    Fraction(Duration),
    /// A verifier might not know the new key when the first signer uses it.
    #[error(
        "lead is {lead:?} and has to be at least {least:?}: verifier ttl {verifier_ttl:?} + replication {replication:?} \
        + skew {skew:?} + outage {outage:?}"
    )]
    Lead {
        lead: Duration,
        least: Duration,
        verifier_ttl: Duration,
        replication: Duration,
        skew: Duration,
        outage: Duration,
    },
    /// An old key might end while the last signer still uses it.
    #[error(
        "grace is {grace:?} and has to be at least {least:?}: signer ttl {signer_ttl:?} + replication {replication:?} \
        + lifetime {lifetime:?} + skew {skew:?} + outage {outage:?}"
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

impl RotationTimings {
    /// What the functions do where nothing else is configured, with an hour for each side to follow.
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

    /// How long it takes at most until every verifier has a set that was promoted.
    pub(crate) const fn least_lead(&self) -> Duration {
        self.verifier_ttl.saturating_add(self.replication).saturating_add(self.skew).saturating_add(self.outage)
    }

    /// How long it takes at most until no signature of a signer that has not followed is good any more.
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
    fn the_inequality_is_told_with_its_numbers() {
        let check = |timings: RotationTimings| RotationSchedule::try_from(timings).map_err(|error| error.to_string());
        let seconds = Duration::from_secs;
        let default = RotationTimings::DEFAULT;
        assert!(check(RotationTimings { lead: seconds(1925), grace: seconds(2225), ..default }).is_ok());
        assert_eq!(
            check(RotationTimings { lead: seconds(1924), ..default }).unwrap_err(),
            "lead is 1924s and has to be at least 1925s: verifier ttl 60s + replication 60s + skew 5s + outage 1800s"
        );
        assert_eq!(
            check(RotationTimings { grace: seconds(2224), ..default }).unwrap_err(),
            "grace is 2224s and has to be at least 2225s: \
            signer ttl 300s + replication 60s + lifetime 60s + skew 5s + outage 1800s"
        );
        let fraction = check(RotationTimings { skew: Duration::from_millis(500), ..default }).unwrap_err();
        assert_eq!(fraction, "every number of a rotation is in whole seconds, and one is 500ms");
        let endless = check(RotationTimings { outage: seconds(u64::MAX), ..default }).unwrap_err();
        assert!(endless.starts_with("lead is 3600s and has to be at least"), "{endless}");
    }
}
