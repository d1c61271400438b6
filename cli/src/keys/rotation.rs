//! What the operator says of a rotation before it, and is told of it after it.

use crate::{
    durations::{seconds, show},
    times,
    timings::TimingOptions,
};
use anyhow::Result;
use clap::Args;
use settings::Seconds;
use signing::{Key, RotationKind, RotationPlan, RotationSchedule, RotationTimings, UnixSeconds};
use std::time::Duration;

/// The timings that a rotation rests on.
#[derive(Args, Clone)]
pub(crate) struct ScheduleOptions {
    #[command(flatten)]
    timings: TimingOptions,
    /// How old keys may grow at the authorizers
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = seconds(Seconds::VERIFIER_TTL))]
    verifier_ttl: Duration,
    /// How old keys may grow at the edges
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = seconds(Seconds::SIGNER_TTL))]
    signer_ttl: Duration,
    /// How long keys are used that cannot be read again
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = seconds(Seconds::OUTAGE))]
    outage: Duration,
}

impl ScheduleOptions {
    /// The timings, if no good request can be refused under them.
    pub(crate) fn schedule(&self) -> Result<RotationSchedule> {
        let &Self { ref timings, verifier_ttl, signer_ttl, outage } = self;
        let &TimingOptions { lead, grace, replication, skew, lifetime } = timings;
        let timings = RotationTimings { lead, grace, verifier_ttl, signer_ttl, replication, skew, lifetime, outage };
        Ok(timings.try_into()?)
    }
}

/// What a rotation has made, or would.
pub(crate) struct RotationSummary<'a> {
    pub(crate) rotation: RotationKind,
    /// The new key.
    pub(crate) new_key: &'a str,
    /// From when it signs.
    pub(crate) signs_from: UnixSeconds,
    /// The latest end of an old key.
    pub(crate) old_keys_until: Option<UnixSeconds>,
}

impl<'a> RotationSummary<'a> {
    /// What a plan says.
    pub(crate) fn of_plan<V>(plan: &'a RotationPlan<V>, now: UnixSeconds) -> Self {
        let (new_key, keys) = (&plan.new_key, &plan.keys);
        let old = keys.keys().iter().filter(|key| key.id() != new_key);
        Self {
            rotation: plan.rotation,
            new_key: new_key.as_str(),
            signs_from: keys.get(new_key).map_or(now, Key::not_before),
            old_keys_until: old.map(Key::expires).max(),
        }
    }
}

/// What each side does, and until when.
pub(crate) fn describe(summary: &RotationSummary<'_>, schedule: &RotationSchedule, now: UnixSeconds) -> String {
    let &RotationTimings { verifier_ttl, signer_ttl, replication, outage, .. } = schedule.timings();
    let &RotationSummary { rotation, new_key, signs_from, old_keys_until } = summary;
    match rotation {
        RotationKind::Planned => {
            let end = old_keys_until.map(|end| format!("\nthe old keys are accepted until {}", times::show(end)));
            format!(
                "planned: no good request is refused\n\
                the authorizers read the new key {new_key} by {verifiers}, or by {latest} where they cannot read for a while\n\
                the edges sign with it from {signs_from}; those that have not read it yet, with the old one{end}",
                verifiers = times::show(now + verifier_ttl + replication),
                latest = times::show(now + verifier_ttl + replication + outage),
                signs_from = times::show(signs_from),
                end = end.unwrap_or_default(),
            )
        }
        RotationKind::Emergency => format!(
            "emergency: every key there was is dropped, and good requests are refused until the edges have followed\n\
            an edge signs with the new key {new_key} once it has read it: at latest in {edges}, \
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
