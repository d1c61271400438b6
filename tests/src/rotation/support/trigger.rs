//! What starts a rotation that is to be broken off, and the calls that it makes.

use crate::{
    fake_aws::{call::Call, faults::Happening},
    rotation::support::{
        demand::{Demand, FIRST, Setting},
        world::{SECRET, World},
    },
};
use std::ops::RangeInclusive;

/// What starts the rotation that is broken off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trigger {
    Scheduled,
    Sqs,
    /// Secrets Manager's four.
    Steps,
    Planned,
    Emergency,
}
use Trigger::{Emergency, Planned, Scheduled, Sqs, Steps};

/// Where a call is stopped: before its effect, and after it.
pub(crate) const HELD: [Happening; 2] = [Happening::HeldBefore, Happening::HeldAfter];

impl Trigger {
    pub(crate) fn demand(self, world: &World) -> Demand {
        match self {
            Scheduled => Demand::scheduled(FIRST, world.began - 600),
            Sqs => Demand::through_sqs(FIRST, world.began - 600),
            Steps => {
                world.aws.stage_pending(SECRET, FIRST);
                Demand::steps(FIRST, &world.arn)
            }
            Planned => Demand::manual(FIRST, "planned"),
            Emergency => Demand::manual(FIRST, "emergency"),
        }
    }
}

/// The timings of the calls of a rotation that nothing disturbs.
pub(crate) async fn calls(trigger: Trigger, setting: Setting) -> RangeInclusive<usize> {
    1..=undisturbed(trigger, setting).await.len()
}

/// The calls of a rotation that nothing disturbs.
pub(crate) async fn undisturbed(trigger: Trigger, setting: Setting) -> Vec<Call> {
    let mut world = World::new(setting).await;
    let demand = trigger.demand(&world);
    let rotator = world.rotator().await;
    world.complete(&rotator, &demand, 0).await;
    let calls = world.calls();
    world.end(rotator).await;
    world.check().await;
    calls
}
