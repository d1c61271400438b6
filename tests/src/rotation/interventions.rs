//! Interventions between an interrupted rotation and the next one: the other kind under the same id, a single
//! `testSecret`, and a person who restores the version before.
//!
//! Real programs and the fake AWS, as in `killed_at_every_call.rs`.

use crate::{
    fake_aws::faults::{Fault, Happening},
    rotation::support::{
        demand::{Demand, FIRST, NEXT, OTHER, REGION, Setting},
        trigger::{
            HELD,
            Trigger::{self, Emergency, Planned, Scheduled, Sqs, Steps},
            calls,
        },
        world::{SECRET, World, now, past, with_each},
    },
    support::{
        aws_clients::secrets_manager,
        bootstrap::{Bootstrap, Invocation},
    },
};
use serde_json::{Value, json};

/// The other kind under the id of a trigger, by a person.
fn other_kind(demand: &Demand) -> Demand {
    let kind = if demand.emergency { "planned" } else { "emergency" };
    let mut other = Demand::manual(&demand.id, kind);
    other.request = demand.id.clone();
    other
}

/// The first kind is killed at each of its calls, and the other one comes; or it is done, and the other one is killed at each of its
/// own. Then both come again, and the next event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_call_the_two_kinds_under_one_id_do_as_they_say() {
    let mut rows = Vec::new();
    for trigger in [Scheduled, Sqs, Steps, Planned, Emergency] {
        for call in calls(trigger, Setting::BOTH).await {
            rows.extend(HELD.map(|happening| (trigger, false, call, happening)));
        }
        for call in 1..=calls_of_the_other(trigger).await {
            rows.extend(HELD.map(|happening| (trigger, true, call, happening)));
        }
    }
    let points = rows.len();
    let runs = with_each(rows, |(trigger, done, call, happening)| two_kinds(trigger, done, call, happening)).await;
    println!("two kinds: {points} crash points, {runs} runs");
    assert_eq!((points, runs), (220, 220), "each call of each");
}

/// How many calls the other kind makes after a rotation that is done.
async fn calls_of_the_other(trigger: Trigger) -> usize {
    let mut world = World::new(Setting::BOTH).await;
    let demand = trigger.demand(&world);
    let rotator = world.rotator().await;
    world.run(&rotator, &demand, 0).await.unwrap();
    // Two rotations of one second update the stack once.
    past(now()).await;
    let before = world.calls().len();
    world.run(&rotator, &other_kind(&demand), 0).await.unwrap();
    world.end(rotator).await;
    world.calls().len() - before
}

async fn two_kinds(trigger: Trigger, done: bool, call: usize, happening: Happening) {
    let mut world = World::new(Setting::BOTH).await;
    let first = trigger.demand(&world);
    let second = other_kind(&first);
    let rotator = world.rotator().await;
    let mut step = 0;
    if done {
        world.run(&rotator, &first, 0).await.unwrap();
        past(now()).await;
        world.aws.fail(Fault::at(call, happening));
        world.run_until_held(&rotator, &second).await;
    } else {
        world.aws.fail(Fault::at(call, happening));
        step = world.run_until_held(&rotator, &first).await;
    }
    world.end(rotator).await;
    let left = kind_under(&world, FIRST);

    let rotator = world.rotator().await;
    let told = told(&mut world, &rotator, &second).await;
    let before = world.history().len();
    if first.emergency {
        // Of an id that nothing was put under the kind is not known yet.
        let superseded = left.is_some();
        assert_eq!(told == "superseded", superseded, "{told}");
    } else {
        assert!(["rotated", "already"].contains(&told.as_str()), "{told}");
        assert!(world.history().last().unwrap().emergency, "the emergency has its effect");
    }
    // The first one again.
    if trigger == Steps {
        match world.run(&rotator, &first, step).await {
            // Secrets Manager's version held nothing: it is the emergency's now, and told as that.
            Ok(report) => {
                let keys = &report[0]["keys"];
                assert_eq!((left, &keys["kind"], &keys["outcome"]), (None, &json!("emergency"), &json!("already")));
            }
            Err(error) => {
                assert_eq!(error, "the version of this step is not pending: rotate the secret again");
                assert!(left.is_some());
            }
        }
    } else {
        let again = self::told(&mut world, &rotator, &first).await;
        if first.emergency {
            assert!(["rotated", "already"].contains(&again.as_str()), "{again}");
            assert!(world.history().iter().any(|set| set.emergency), "the emergency has its effect");
        } else {
            assert_eq!((again.as_str(), world.history().len()), ("superseded", before), "nothing is changed");
        }
    }
    assert!(!world.kids().iter().any(|kid| kid == "first"), "every key that there was is dropped: {:?}", world.kids());
    world.complete(&rotator, &Demand::scheduled(NEXT, world.began + 60), 0).await;
    world.end(rotator).await;
    world.check().await;
}

/// What became of a demand, in the report's word; each version that became current by it is in the report, and no other.
async fn told(world: &mut World, rotator: &Bootstrap, demand: &Demand) -> String {
    let before = world.history().len();
    let report = world.run(rotator, demand, 0).await.unwrap();
    world.remember_timestamp();
    let made = world.history().split_off(before);
    let made: Vec<_> = made.iter().map(|set| (set.version.clone(), set.emergency)).collect();
    let version = |version: &Value| {
        let emergency = version["kind"] == "emergency";
        assert!(emergency || version["kind"] == "planned", "{version}");
        (version["version"].as_str().unwrap().to_owned(), emergency)
    };
    let versions: Vec<_> = report[0]["versions"].as_array().unwrap().iter().map(version).collect();
    assert_eq!(versions, made, "the report is what was done");
    report[0]["keys"]["outcome"].as_str().unwrap().to_owned()
}

/// What a version says that it is.
fn kind_under(world: &World, version: &str) -> Option<String> {
    let stored = world.aws.stored(SECRET).into_iter().find(|stored| stored.version == version)?;
    let document: Value = serde_json::from_str(&stored.value?).unwrap();
    Some(document["countersign_kind"].as_str().unwrap().to_owned())
}

/// Secrets Manager tests a rotation that is set up, on a pending version with the present value. It is killed at each of its calls,
/// and comes to each rotation that broke off at any call. No label moves, and the next event rotates.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_test_secret_moves_no_label() {
    let mut rows = Vec::new();
    for trigger in [Scheduled, Steps, Emergency] {
        for call in calls(trigger, Setting::BOTH).await {
            rows.extend(HELD.map(|happening| (Some(trigger), call, happening)));
        }
    }
    // Its own: what it reads.
    for call in 1..=3 {
        rows.extend(HELD.map(|happening| (None, call, happening)));
    }
    let points = rows.len();
    let runs = with_each(rows, |(trigger, call, happening)| tested(trigger, call, happening)).await;
    println!("a single testSecret: {points} crash points, {runs} runs");
    assert_eq!((points, runs), (88, 88), "each call of each");
}

async fn tested(trigger: Option<Trigger>, call: usize, happening: Happening) {
    let mut world = World::new(Setting::BOTH).await;
    let mut demand = None;
    if let Some(trigger) = trigger {
        let first = demand.insert(trigger.demand(&world));
        world.aws.fail(Fault::at(call, happening));
        let rotator = world.rotator().await;
        world.run_until_held(&rotator, first).await;
        world.end(rotator).await;
    }
    // What AWSPENDING is on now, and what Secrets Manager then tests: the present value, under a version of its own.
    let pending = world.aws.labels(SECRET).into_iter().find(|(_, labels)| labels.contains("AWSPENDING"));
    let arn = world.arn.clone();
    let test = |token: &str| json!({"Step": "testSecret", "SecretId": arn, "ClientRequestToken": token}).to_string();
    let before = world.aws.labels(SECRET);
    let rotator = world.rotator().await;
    if let Some((token, _)) = pending {
        // It may pass, or say why not: the version may hold nothing yet.
        let _ = rotator.invoke(test(&token)).await;
        assert_eq!(world.aws.labels(SECRET), before, "testSecret moves no label");
    }
    let current = world.aws.history(SECRET).pop().unwrap().value.unwrap();
    let put = secrets_manager(world.aws.endpoint(), REGION).put_secret_value().secret_id(SECRET);
    put.client_request_token(OTHER).secret_string(current).version_stages("AWSPENDING").send().await.unwrap();
    let before = world.aws.labels(SECRET);
    if trigger.is_none() {
        world.aws.fail(Fault::at(call, happening));
        tokio::select! {
            told = rotator.invoke(test(OTHER)) => panic!("{told:?}"),
            _ = world.aws.reached() => {}
        }
        assert_eq!(world.aws.labels(SECRET), before, "testSecret moves no label");
        world.end(rotator).await;
        let rotator = world.rotator().await;
        passes(&world, &rotator, &test(OTHER)).await;
        world.end(rotator).await;
    } else {
        passes(&world, &rotator, &test(OTHER)).await;
        world.end(rotator).await;
    }
    // Secrets Manager takes its label off again.
    let stage = secrets_manager(world.aws.endpoint(), REGION).update_secret_version_stage().secret_id(SECRET);
    stage.version_stage("AWSPENDING").remove_from_version_id(OTHER).send().await.unwrap();
    let rotator = world.rotator().await;
    if let Some(demand) = demand.filter(|demand| demand.payloads.len() == 1) {
        world.complete(&rotator, &demand, 0).await;
    }
    world.complete(&rotator, &Demand::scheduled(NEXT, world.began + 60), 0).await;
    world.end(rotator).await;
    world.check().await;
}

async fn passes(world: &World, rotator: &Bootstrap, test: &str) {
    let before = world.aws.labels(SECRET);
    let told = rotator.invoke(test).await;
    assert!(matches!(&told, Invocation::Response(_)), "{told:?}");
    assert_eq!(world.aws.labels(SECRET), before, "testSecret moves no label");
}

/// A person restores the version before, after a rotation that was killed at or after its promotion; and the next run
/// is killed at each of its calls. The version that was put aside never becomes current again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_a_person_has_put_aside_stays_aside() {
    let mut rows = Vec::new();
    for trigger in [Scheduled, Sqs, Steps, Planned, Emergency] {
        for call in calls(trigger, Setting::BOTH).await {
            rows.extend(HELD.map(|happening| (trigger, Some(call), None, happening)));
        }
        for next in [Scheduled, Emergency] {
            for call in 1..=calls_after_a_rollback(trigger, next).await {
                rows.extend(HELD.map(|happening| (trigger, None, Some((next, call)), happening)));
            }
        }
    }
    let points = rows.len();
    let runs = with_each(rows, |(trigger, first, next, happening)| rolled_back(trigger, first, next, happening)).await;
    println!("rolled back by a person: {points} crash points, {runs} runs");
    assert_eq!((points, runs), (386, 386), "each call of each");
}

/// What follows a person's rollback.
fn next_demand(world: &World, next: Trigger) -> Demand {
    if next == Emergency { Demand::manual(OTHER, "emergency") } else { Demand::scheduled(OTHER, world.began - 300) }
}

/// A rotation is promoted, and AWSPENDING is on it still; then a person goes back.
async fn promoted_and_rolled_back(world: &mut World, trigger: Trigger) -> Demand {
    let demand = trigger.demand(world);
    world.aws.fail(Fault::at(2, Happening::HeldBefore).of("UpdateSecretVersionStage"));
    let rotator = world.rotator().await;
    world.run_until_held(&rotator, &demand).await;
    world.end(rotator).await;
    world.roll_back().await.expect("it is promoted");
    demand
}

async fn calls_after_a_rollback(trigger: Trigger, next: Trigger) -> usize {
    let mut world = World::new(Setting::BOTH).await;
    promoted_and_rolled_back(&mut world, trigger).await;
    let before = world.calls().len();
    let rotator = world.rotator().await;
    let next = next_demand(&world, next);
    world.complete(&rotator, &next, 0).await;
    world.end(rotator).await;
    world.calls().len() - before
}

async fn rolled_back(trigger: Trigger, first: Option<usize>, next: Option<(Trigger, usize)>, happening: Happening) {
    let mut world = World::new(Setting::BOTH).await;
    let (demand, aside) = match first {
        Some(call) => {
            let demand = trigger.demand(&world);
            world.aws.fail(Fault::at(call, happening));
            let rotator = world.rotator().await;
            world.run_until_held(&rotator, &demand).await;
            world.end(rotator).await;
            // Where it was not promoted there is nothing to go back from.
            let aside = world.roll_back().await;
            (demand, aside)
        }
        None => (promoted_and_rolled_back(&mut world, trigger).await, Some(FIRST.to_owned())),
    };
    if let Some((next, call)) = next {
        let next = next_demand(&world, next);
        world.aws.fail(Fault::at(call, happening));
        let rotator = world.rotator().await;
        world.run_until_held(&rotator, &next).await;
        world.end(rotator).await;
        let rotator = world.rotator().await;
        world.complete(&rotator, &next, 0).await;
        world.end(rotator).await;
    }
    let rotator = world.rotator().await;
    if trigger != Steps {
        world.complete(&rotator, &demand, 0).await;
    } else if aside.is_some() && next.is_none() {
        // Secrets Manager repeats the step that has not ended.
        let error = world.step(&rotator, &demand, 3).await.unwrap_err();
        assert!(error.contains("rotate the secret again"), "{error}");
    }
    world.complete(&rotator, &Demand::scheduled(NEXT, world.began + 60), 0).await;
    world.end(rotator).await;
    if let Some(aside) = aside {
        let promoted = world.history().iter().filter(|set| set.version == aside).count();
        assert_eq!(promoted, 1, "{aside} is put aside");
    }
    world.check().await;
}
