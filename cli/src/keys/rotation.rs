//! The timings of a rotation, as the operator gives them, and what the operator reads about its bounds.

use crate::{
    durations::seconds,
    explain::{self, TtlFlags},
    times,
    timings::TimingOptions,
};
use anyhow::Result;
use clap::Args;
use rotator::{Bounds, Moment};
use settings::Seconds;
use signing::{Key, NEVER_EXPIRES, RotationKind, RotationPlan, RotationSchedule, RotationTimings, UnixSeconds};
use std::time::Duration;

/// The timings that a rotation rests on.
#[derive(Args, Clone)]
#[command(next_help_heading = "Timings")]
pub(crate) struct ScheduleOptions {
    #[command(flatten)]
    timings: TimingOptions,
    /// The TTL of the keys at the authorizers
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = seconds(Seconds::VERIFIER_TTL))]
    verifier_ttl: Duration,
    /// The TTL of the keys at the edges
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = seconds(Seconds::SIGNER_TTL))]
    signer_ttl: Duration,
    /// How long past their TTL keys are used if they cannot be read again
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = seconds(Seconds::OUTAGE))]
    outage: Duration,
}

impl ScheduleOptions {
    /// The timings, if no valid request can be refused under them.
    pub(crate) fn schedule(&self) -> Result<RotationSchedule> {
        let &Self { ref timings, verifier_ttl, signer_ttl, outage } = self;
        let &TimingOptions { lead, grace, replication, skew, lifetime } = timings;
        let timings = RotationTimings { lead, grace, verifier_ttl, signer_ttl, replication, skew, lifetime, outage };
        let flags = TtlFlags { verifier: "--verifier-ttl", signer: "--signer-ttl" };
        RotationSchedule::try_from(timings).map_err(|error| explain::of_timings(error, &flags))
    }
}

/// What a rotation has made, or would make.
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
    /// Of a plan.
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

/// Until when each side follows, as the rotator reports it.
pub(crate) fn bounds(summary: &RotationSummary<'_>, schedule: &RotationSchedule, now: UnixSeconds) -> Bounds {
    let &RotationTimings { verifier_ttl, signer_ttl, replication, outage, .. } = schedule.timings();
    match summary.rotation {
        RotationKind::Planned => Bounds::Planned {
            new_key_signs_from: Moment(summary.signs_from),
            old_keys_accepted_until: summary.old_keys_until.filter(|end| *end < NEVER_EXPIRES).map(Moment),
        },
        RotationKind::Emergency => Bounds::Emergency {
            edges_sign_with_it_by: Moment(now + signer_ttl + replication),
            or_in_an_outage_by: Moment(now + signer_ttl + replication + outage),
            authorizers_drop_the_old_by: Moment(now + verifier_ttl + replication),
            or_those_in_an_outage_by: Moment(now + verifier_ttl + replication + outage),
        },
    }
}

/// What each side does, and until when.
pub(crate) fn describe(summary: &RotationSummary<'_>, schedule: &RotationSchedule, now: UnixSeconds) -> String {
    let &RotationTimings { verifier_ttl, signer_ttl, replication, outage, .. } = schedule.timings();
    let &RotationSummary { rotation, new_key, signs_from, old_keys_until } = summary;
    let show = |moment| times::show(moment, now);
    let (verifiers, edges) = (now + verifier_ttl + replication, now + signer_ttl + replication);
    match rotation {
        RotationKind::Planned => {
            let end = old_keys_until.map(|end| format!("\nthe old keys are accepted until {}", show(end)));
            format!(
                "planned: no valid request is refused\n\
                the authorizers have read the new key {new_key} by {}, or in an outage by {}\n\
                the edges sign with it from {}; an edge that has not read it by then signs with the old key{}",
                show(verifiers),
                show(verifiers + outage),
                show(signs_from),
                end.unwrap_or_default(),
            )
        }
        RotationKind::Emergency => format!(
            "emergency: every old key is dropped, and valid requests are refused until the edges have read the new key\n\
            an edge signs with the new key {new_key} after it has read it: by {}, or in an outage by {}\n\
            an authorizer reads the new key at the first request that is signed with it, and then drops the old keys: \
            by {}, or in an outage by {}\n\
            until then anyone who has an old key can sign requests that this authorizer admits",
            show(edges),
            show(edges + outage),
            show(verifiers),
            show(verifiers + outage),
        ),
    }
}
