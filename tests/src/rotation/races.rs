//! Two rotators at once: one is held at any of its calls while the other runs to its end, and then goes on, or dies.
//!
//! Real programs and the fake AWS, as in `killed_at_every_call.rs`.

use crate::{
    fake_aws::faults::{Fault, Happening},
    rotation::support::{
        demand::{Demand, EMERGENCY, FIRST, NEXT, OTHER, Setting},
        trigger::{
            HELD,
            Trigger::{self, Emergency, Scheduled, Steps},
            calls,
        },
        world::{World, now, past, with_each},
    },
    support::bootstrap::Bootstrap,
};
use std::pin::pin;

/// What the other one is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Other {
    /// The very event, delivered twice.
    Same,
    Scheduled,
    Emergency,
}

/// What happens to the held call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    LetGo,
    Killed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rotators_at_once_do_not_undo_each_other() {
    let others = [
        (Scheduled, &[Other::Same, Other::Scheduled, Other::Emergency][..]),
        (Emergency, &[Other::Same, Other::Scheduled, Other::Emergency]),
        // Secrets Manager has one rotation of a secret under way, and does not repeat a step that has not ended.
        (Steps, &[Other::Scheduled, Other::Emergency]),
    ];
    let mut rows = Vec::new();
    for (trigger, others) in others {
        for call in calls(trigger, Setting::BOTH).await {
            for (happening, other) in HELD.into_iter().flat_map(|held| others.iter().map(move |other| (held, *other))) {
                rows.extend([End::LetGo, End::Killed].map(|end| (trigger, call, happening, other, end)));
            }
        }
    }
    let runs =
        with_each(rows, |(trigger, call, happening, other, end)| raced(trigger, call, happening, other, end)).await;
    println!("two at once: {runs} interleavings");
    assert_eq!(runs, 416, "each call of each");
}

async fn raced(trigger: Trigger, call: usize, happening: Happening, other: Other, end: End) {
    let mut world = World::new(Setting::BOTH).await;
    let demand = trigger.demand(&world);
    world.expect(&demand);
    let second = match other {
        Other::Same => demand.clone(),
        Other::Scheduled => Demand::scheduled(OTHER, world.began - 300),
        Other::Emergency => Demand::manual(EMERGENCY, "emergency"),
    };
    world.aws.fail(Fault::at(call, happening));
    let (held, free) = tokio::join!(world.rotator(), world.rotator());
    let mut step = 0;
    loop {
        let mut invocation = pin!(held.invoke_as(&demand.request, demand.payloads[step].as_str()));
        tokio::select! {
            invocation = &mut invocation => {
                world.keep(invocation).unwrap();
                step += 1;
                continue;
            }
            _ = world.aws.reached() => {}
        }
        world.remember_timestamp();
        world.complete(&free, &second, 0).await;
        if end == End::LetGo {
            world.aws.release();
            let told = world.keep(invocation.await);
            goes_on(&mut world, &held, trigger, &demand, step, told.err()).await;
        }
        break;
    }
    world.end(held).await;
    if end == End::LetGo && trigger != Steps {
        let kids = world.kids();
        let of = |demand: &Demand| kids.iter().filter(|kid| demand.has_made(kid)).count();
        let (own, others) = (of(&demand), of(&second));
        match (demand.emergency, second.emergency) {
            (false, false) => assert_eq!((own, others), (1, 1), "{kids:?}"),
            // It drops the keys from before it, and a later key is beside it.
            (true, false) => assert_eq!(own, 1, "{kids:?}"),
            (false, true) => assert_eq!(others, 1, "{kids:?}"),
            (true, true) => assert_eq!(kids.len(), 1, "{kids:?}"),
        }
    }
    world.complete(&free, &Demand::scheduled(NEXT, world.began + 60), 0).await;
    world.end(free).await;
    world.check().await;
    let dropped = world.history().iter().any(|set| set.emergency);
    assert!(dropped || !second.emergency && (!demand.emergency || end == End::Killed), "an emergency has its effect");
}

/// What is told is an error that a retry mends; or Secrets Manager's rotation is over, and has to begin anew.
async fn goes_on(
    world: &mut World,
    held: &Bootstrap,
    trigger: Trigger,
    demand: &Demand,
    step: usize,
    error: Option<String>,
) {
    if trigger != Steps {
        if error.is_some() {
            world.run(held, demand, 0).await.unwrap();
        }
        return;
    }
    // A step that has failed is repeated.
    let first = if error.is_some() { step } else { step + 1 };
    let mut error = None;
    for step in first..demand.payloads.len() {
        if error.is_none() {
            error = world.step(held, demand, step).await.err();
        }
    }
    let told = error.unwrap_or_default();
    assert!(told.is_empty() || told.contains("rotate the secret again") || told.contains("try again"), "{told}");
}

/// A rehearsed version is promoted in time, or it is not promoted and planned again, although the call hangs and the
/// lead is short.
#[tokio::test]
async fn a_promotion_that_hangs_is_in_time_still() {
    const SLACK: u64 = 5;
    let mut world = World::new(Setting { lead: 1925 + SLACK, ..Setting::SECRET }).await;
    let demand = Demand::scheduled(FIRST, world.began - 600);
    world.aws.fail(Fault::at(1, Happening::HeldBefore).of("UpdateSecretVersionStage"));
    world.expect(&demand);
    let rotator = world.rotator().await;
    let (told, ()) = tokio::join!(rotator.invoke_as(&demand.request, demand.payloads[0].as_str()), async {
        world.aws.reached().await;
        past(now() + SLACK.cast_signed() + 1).await;
        world.aws.release();
    });
    // Where it is an error, a retry mends it.
    let _ = world.keep(told);
    world.complete(&rotator, &demand, 0).await;
    world.end(rotator).await;
    world.check().await;
}
