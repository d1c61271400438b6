//! What the operator says of a rotation before it, and is told of it after it.

use crate::{
    durations::{show, whole_seconds},
    times,
};
use anyhow::Result;
use clap::Args;
use signing::{Key, Rotation, RotationNumbers, RotationPlan, RotationSchedule, UnixSeconds};
use std::time::Duration;

/// A week: no number of a rotation is larger.
const WEEK: u64 = 604_800;

/// The numbers that a rotation rests on.
#[derive(Args, Clone)]
pub(crate) struct Numbers {
    /// From the rotation until the new key signs
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = whole_seconds::<0, WEEK>)]
    lead: Duration,
    /// From then until the old keys are no longer accepted
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = whole_seconds::<0, WEEK>)]
    grace: Duration,
    /// How old keys may grow at the authorizers
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = whole_seconds::<1, 3600>)]
    verifier_ttl: Duration,
    /// How old keys may grow at the edges
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = whole_seconds::<1, 3600>)]
    signer_ttl: Duration,
    /// How long a read may still return the keys from before
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = whole_seconds::<0, 3600>)]
    replication: Duration,
    /// How far any two clocks may differ
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = whole_seconds::<0, 60>)]
    skew: Duration,
    /// How long a signature is good
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = whole_seconds::<1, 300>)]
    lifetime: Duration,
    /// How long keys are used that cannot be read again
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = whole_seconds::<0, 86_400>)]
    outage: Duration,
}

impl Numbers {
    /// The numbers, if no good request can be refused under them.
    pub(crate) fn schedule(&self) -> Result<RotationSchedule> {
        let &Self { lead, grace, verifier_ttl, signer_ttl, replication, skew, lifetime, outage } = self;
        let numbers = RotationNumbers { lead, grace, verifier_ttl, signer_ttl, replication, skew, lifetime, outage };
        Ok(numbers.try_into()?)
    }
}

/// What a rotation has made, or would.
pub(crate) struct Made<'a> {
    pub(crate) rotation: Rotation,
    /// The new key.
    pub(crate) id: &'a str,
    /// From when it signs.
    pub(crate) signs: UnixSeconds,
    /// The latest end of an old key.
    pub(crate) old_end: Option<UnixSeconds>,
}

impl<'a> Made<'a> {
    /// What a plan says.
    pub(crate) fn of_plan<V>(plan: &'a RotationPlan<V>, now: UnixSeconds) -> Self {
        let (new, keys) = (&plan.new_key, &plan.keys);
        let old = keys.keys().iter().filter(|key| key.id() != new);
        Self {
            rotation: plan.rotation,
            id: new.as_str(),
            signs: keys.get(new).map_or(now, Key::not_before),
            old_end: old.map(Key::expires).max(),
        }
    }
}

/// What each side does, and until when.
pub(crate) fn describe(made: &Made<'_>, schedule: &RotationSchedule, now: UnixSeconds) -> String {
    let &RotationNumbers { verifier_ttl, signer_ttl, replication, outage, .. } = schedule.numbers();
    let &Made { rotation, id, signs, old_end } = made;
    match rotation {
        Rotation::Planned => {
            let end = old_end.map(|end| format!("\nthe old keys are accepted until {}", times::show(end)));
            format!(
                "planned: no good request is refused\n\
                the authorizers read the new key {id} by {verifiers}, or by {latest} where they cannot read for a while\n\
                the edges sign with it from {signs}; those that have not read it yet, with the old one{end}",
                verifiers = times::show(now + verifier_ttl + replication),
                latest = times::show(now + verifier_ttl + replication + outage),
                signs = times::show(signs),
                end = end.unwrap_or_default(),
            )
        }
        Rotation::Compromised => format!(
            "compromised: every key there was is dropped, and good requests are refused until the edges have followed\n\
            an edge signs with the new key {id} once it has read it: at latest in {edges}, \
            or in {edges_latest} where it cannot read for a while\n\
            an authorizer takes it up at the first request signed with it, and drops the old ones then: at latest in \
            {verifiers}, or in {verifiers_latest} where it cannot read for a while\n\
            until then whoever holds an old key can still sign for that authorizer",
            edges = show(signer_ttl + replication),
            edges_latest = show(signer_ttl + replication + outage),
            verifiers = show(verifier_ttl + replication),
            verifiers_latest = show(verifier_ttl + replication + outage),
        ),
    }
}
