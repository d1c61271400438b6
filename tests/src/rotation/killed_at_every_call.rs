//! A rotation that is interrupted at any call to AWS, before its effect or after it, is completed by the next event of
//! any kind.
//!
//! The rotator is the real program, and is killed. AWS is the fake one, because an emulator cannot stop at a call. The
//! fake is compared with moto in puts, labels, reads and updates, and in the texts of refusals;
//! `fake_aws/faults_happen_as_asked.rs` shows that it stops at the right call. The conditions that must hold at every
//! moment are in `support/invariant.rs`.

use crate::{
    fake_aws::faults::{Fault, Happening},
    rotation::support::{
        demand::{Demand, EMERGENCY, NEXT, Setting},
        trigger::{
            HELD,
            Trigger::{self, Emergency, Planned, Scheduled, Sqs, Steps},
            calls, undisturbed,
        },
        world::{World, with_each},
    },
    support::bootstrap::Bootstrap,
};

/// What comes afterwards, in a fresh process.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Aftermath {
    /// The same event again, or the same step and those after it; then the next scheduled event.
    Retry,
    /// Only the next scheduled event: the retry is lost, or Secrets Manager gives up.
    Lost,
    /// An emergency, the same event again, the next scheduled event.
    Emergency,
    /// The next scheduled event, and only then the same event again.
    Late,
}

/// Each trigger, where its calls differ by what is rotated.
const TRIGGERS: [(Trigger, Setting); 10] = [
    (Scheduled, Setting::BOTH),
    (Sqs, Setting::BOTH),
    (Steps, Setting::BOTH),
    (Planned, Setting::BOTH),
    (Emergency, Setting::BOTH),
    (Scheduled, Setting::SECRET),
    (Steps, Setting::SECRET),
    (Emergency, Setting::SECRET),
    (Scheduled, Setting::API_KEY),
    (Planned, Setting::API_KEY),
];

#[tokio::test]
async fn undisturbed_each_trigger_makes_these_calls() {
    const READ: [&str; 2] = ["DescribeSecret", "GetSecretValue"];
    // Whether there is a version under the event's id, which says its kind.
    const KIND: [&str; 1] = ["GetSecretValue"];
    const PUT: [&str; 2] = ["PutSecretValue", "GetSecretValue"];
    // Then AWSPENDING is taken off, and each Region read.
    const PROMOTE: [&str; 4] =
        ["UpdateSecretVersionStage", "UpdateSecretVersionStage", "GetSecretValue", "GetSecretValue"];
    const STACK: [&str; 2] = ["DescribeStacks", "UpdateStack"];
    const READ_BOTH: [&str; 3] = ["DescribeSecret", "GetSecretValue", "GetSecretValue"];
    for (trigger, setting) in TRIGGERS {
        let keys = match trigger {
            // The pending version is read before the current one; before `createSecret` it cannot be read.
            Steps => [&READ_BOTH[..], &PUT[..1], &READ_BOTH, &READ_BOTH, &READ_BOTH, &PROMOTE].concat(),
            _ => [&READ[..], &KIND, &PUT, &PROMOTE].concat(),
        };
        let expected = match setting.rotate {
            "both" => [&keys[..], &STACK].concat(),
            "secret" => keys,
            _ => STACK.into(),
        };
        let calls = undisturbed(trigger, setting).await;
        let operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(operations, expected, "{trigger:?} {setting:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_call_a_rotation_is_finished_by_what_comes_next() {
    let (mut points, mut rows) = (0, Vec::new());
    for (trigger, setting) in TRIGGERS {
        for call in calls(trigger, setting).await {
            for happening in HELD {
                points += 1;
                let aftermaths = [Aftermath::Retry, Aftermath::Lost, Aftermath::Emergency, Aftermath::Late];
                rows.extend(aftermaths.map(|aftermath| (trigger, setting, call, happening, aftermath)));
            }
        }
    }
    let runs = with_each(rows, |(trigger, setting, call, happening, aftermath)| {
        killed(trigger, setting, call, happening, aftermath)
    });
    let runs = runs.await;
    println!("killed: {points} crash points, {runs} runs");
    assert_eq!((points, runs), (204, 816), "each call of each trigger");
}

async fn killed(trigger: Trigger, setting: Setting, call: usize, happening: Happening, aftermath: Aftermath) {
    let mut world = World::new(setting).await;
    let demand = trigger.demand(&world);
    world.aws.fail(Fault::at(call, happening));
    let rotator = world.rotator().await;
    let step = world.run_until_held(&rotator, &demand).await;
    world.end(rotator).await;
    let left = world.left_pending();

    let rotator = world.rotator().await;
    let earlier = Demand::scheduled(NEXT, world.began - 300);
    let next = Demand::scheduled(NEXT, world.began + 60);
    match aftermath {
        Aftermath::Retry => {
            world.complete(&rotator, &demand, step).await;
            world.complete(&rotator, &next, 0).await;
        }
        Aftermath::Lost => world.complete(&rotator, &next, 0).await,
        Aftermath::Emergency => {
            world.complete(&rotator, &Demand::manual(EMERGENCY, "emergency"), 0).await;
            again(&mut world, &rotator, trigger, &demand, step).await;
            world.complete(&rotator, &next, 0).await;
        }
        Aftermath::Late => {
            world.complete(&rotator, &earlier, 0).await;
            again(&mut world, &rotator, trigger, &demand, step).await;
        }
    }
    world.end(rotator).await;
    world.check().await;
    // A version that is still valid is not thrown away; an emergency drops it.
    if let Some(version) = left {
        let promoted = world.history().iter().any(|set| set.version == version);
        assert_eq!(promoted, aftermath != Aftermath::Emergency, "{version}");
    }
}

/// The same event after others have rotated: then Secrets Manager's version is no longer pending, and it has to begin anew.
async fn again(world: &mut World, rotator: &Bootstrap, trigger: Trigger, demand: &Demand, step: usize) {
    if trigger == Steps {
        let error = world.run(rotator, demand, step).await.unwrap_err();
        assert_eq!(error, "the version of this step is not pending: rotate the secret again");
    } else {
        world.complete(rotator, demand, step).await;
    }
}

/// The process lives: the SDK tries once more where it can, and Lambda where the SDK cannot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_call_fails_the_rotation_is_finished_by_a_retry() {
    const HAPPENINGS: [Happening; 6] = [
        Happening::DroppedBefore,
        Happening::DroppedAfter,
        Happening::ServerError,
        Happening::Throttled,
        Happening::Garbage,
        // AWS's message contains the request.
        Happening::Echo,
    ];
    let (mut points, mut rows) = (0, Vec::new());
    for trigger in [Scheduled, Steps, Emergency] {
        for call in calls(trigger, Setting::BOTH).await {
            points += 1;
            for happening in HAPPENINGS {
                rows.extend([1, 3].map(|times| (trigger, call, happening, times)));
            }
        }
    }
    let runs = with_each(rows, |(trigger, call, happening, times)| failed(trigger, call, happening, times)).await;
    println!("failed: {points} calls, {runs} runs");
    assert_eq!((points, runs), (41, 492), "each call of each trigger");
}

async fn failed(trigger: Trigger, call: usize, happening: Happening, times: usize) {
    let mut world = World::new(Setting::BOTH).await;
    let demand = trigger.demand(&world);
    for call in call..call + times {
        world.aws.fail(Fault::at(call, happening));
    }
    let rotator = world.rotator().await;
    world.expect(&demand);
    for step in 0..demand.payloads.len() {
        if world.step(&rotator, &demand, step).await.is_err() {
            world.aws.heal();
            world.step(&rotator, &demand, step).await.unwrap();
        }
    }
    world.complete(&rotator, &demand, demand.payloads.len() - 1).await;
    let next = Demand::scheduled(NEXT, world.began + 60);
    world.complete(&rotator, &next, 0).await;
    world.end(rotator).await;
    world.check().await;
}
