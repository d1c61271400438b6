//! The real rotator while the fake AWS denies, throttles, fails or lags; and its messages, which never have a key.

use crate::{
    fake_aws::{
        faults::{Fault, Happening},
        secrets_manager::{Lag, Replication},
    },
    rotation::support::rotator::{
        FIRST, FakeWorld, REGION, REPLICA, SECRET_NAME, STACK, TIME, assert_has_no_key, fail, failure, id, is_end,
        report, rotate, rotated_before, scheduled, step,
    },
    support::bootstrap::Invocation,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Every call of the rotator, and the state after its refusal: whether the keys are rotated, and whether the stack is
/// updated.
const CALLS: [(&str, &str, bool, bool); 6] = [
    ("secretsmanager", "DescribeSecret", false, false),
    ("secretsmanager", "GetSecretValue", false, false),
    ("secretsmanager", "PutSecretValue", false, false),
    ("secretsmanager", "UpdateSecretVersionStage", false, false),
    ("cloudformation", "DescribeStacks", true, false),
    ("cloudformation", "UpdateStack", true, false),
];

#[tokio::test]
async fn a_denied_call_is_reported_with_the_permission_to_give() {
    for (service, operation, keys, stack) in CALLS {
        let world = FakeWorld::new().await;
        let rotator = world.rotator(&[]).await;
        let action = format!("{service}:{operation}");
        world.aws.deny(&action);
        let told = fail(&rotator, 1, TIME).await;
        let (resource, key) = match service {
            "secretsmanager" => (
                world.secret.clone(),
                match operation {
                    "GetSecretValue" => ", and kms:Decrypt on its KMS key if that key is your own",
                    "PutSecretValue" => ", and kms:GenerateDataKey on its KMS key if that key is your own",
                    _ => "",
                },
            ),
            _ => (format!("stack {STACK}"), ""),
        };
        let expected = format!("AWS denies the call: allow {action} on {resource} in {REGION}{key} (AccessDenied");
        assert!(told.starts_with(&expected), "{told}");
        assert_left(&world, keys, stack);
    }
}

#[tokio::test]
async fn expired_credentials_are_reported_as_expired() {
    for (word, code) in [("both", "ExpiredTokenException"), ("api-key", "ExpiredToken")] {
        let world = FakeWorld::new().await;
        let rotator = world.rotator(&[("COUNTERSIGN_ROTATE", word)]).await;
        world.aws.expire_credentials();
        let expected = format!(
            "the AWS credentials have expired: renew them ({code}: The security token included in the request is expired)"
        );
        assert_eq!(fail(&rotator, 1, TIME).await, expected);
        assert_left(&world, false, false);
    }
}

/// Each call fails once and is sent again at once. Where it had its effect nothing is done twice.
#[tokio::test]
async fn a_call_that_fails_once_is_tried_again_by_itself() {
    let mut rows = JoinSet::new();
    for (_, operation, ..) in CALLS {
        for happening in
            [Happening::Throttled, Happening::ServerError, Happening::DroppedBefore, Happening::DroppedAfter]
        {
            rows.spawn(async move {
                let case = format!("{happening:?} {operation}");
                let world = FakeWorld::with_slow_updates().await;
                let rotator = world.rotator(&[]).await;
                world.aws.fail(Fault::at(1, happening).of(operation));
                let told = rotate(&rotator, 1, TIME).await;
                assert_eq!(
                    (&told[0]["keys"]["version"], &told[0]["keys"]["planned_from"]),
                    (&json!(id(1)), &json!(FIRST)),
                    "{case}"
                );
                // Also where the answer was lost to the call that promoted it.
                let outcomes = [&told[0]["keys"]["outcome"], &told[0]["versions"][0]["outcome"]];
                assert_eq!(
                    (outcomes, told[0]["versions"].as_array().unwrap().len()),
                    ([&json!("rotated"); 2], 1),
                    "{case}"
                );
                assert_left(&world, true, true);
                let history = world.aws.history(SECRET_NAME);
                assert_eq!(history.len(), 2, "{case}: it has been current, and then the new one");
                assert_eq!(world.effects(), 4, "{case}: put, promoted, AWSPENDING taken off, updated");
            });
        }
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

/// It gives up after three tries, names the call, and the event's next try completes the rotation.
#[tokio::test]
async fn a_call_that_fails_for_long_fails_the_event_and_the_next_try_goes_on() {
    let mut rows = JoinSet::new();
    for (service, operation, ..) in CALLS {
        for happening in [Happening::Throttled, Happening::ServerError, Happening::Garbage] {
            rows.spawn(async move {
                let case = format!("{happening:?} {operation}");
                let world = FakeWorld::new().await;
                let rotator = world.rotator(&[("COUNTERSIGN_REPLICATION", "1")]).await;
                world.aws.fail(Fault::always(happening).of(operation));
                let told = fail(&rotator, 1, TIME).await;
                let (action, of) = (
                    format!("{service}:{operation}"),
                    if service == "secretsmanager" { world.secret.clone() } else { format!("stack {STACK}") },
                );
                let expected = match happening {
                    Happening::Throttled => format!("AWS throttles {action} in {REGION}: try again later"),
                    Happening::ServerError => format!("{action} on {of} in {REGION} failed ("),
                    _ => format!("the answer to {action} in {REGION} is not from {service}"),
                };
                assert!(told.starts_with(&expected), "{case}: {told}");
                world.aws.heal();
                rotate(&rotator, 1, TIME).await;
                assert_left(&world, true, true);
                assert_eq!(world.aws.history(SECRET_NAME).len(), 2, "{case}");
                let sets = world.sets().await;
                assert_eq!(sets.len(), 2, "{case}: no second key was made");
                assert_has_no_key(&format!("{told}\n{:?}", rotator.log().await), &sets);
            });
        }
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

/// A planned rotation assumes that every reader gets the new keys. An emergency does not wait for a reader.
#[tokio::test]
async fn a_replica_that_is_not_in_sync_stops_only_a_planned_rotation() {
    const MEND: &str = "Rotate again when it is in sync. Repair a failed replica with `aws secretsmanager \
        replicate-secret-to-regions`";
    const IN_AN_EMERGENCY: &str = "The emergency goes on without it: functions that read there may accept and use the dropped keys \
        until it is in sync. Repair a failed replica with `aws secretsmanager replicate-secret-to-regions`";
    let failed = format!(
        "the replica in {REPLICA} is not in sync: Failed (Secret with this name already exists in this region). {MEND}"
    );
    let progress = format!("the replica in {REPLICA} is not in sync: InProgress (Replication in progress). {MEND}");
    let missing = "ap-south-1 is listed in COUNTERSIGN_REGIONS or --regions, but has no replica of the secret: add a replica, or remove the \
        Region from the list";
    for (status, regions, expected) in [
        (Some(Replication::Failed), REPLICA, failed.as_str()),
        (Some(Replication::InProgress), REPLICA, &progress),
        (None, "us-east-1,ap-south-1", missing),
    ] {
        let world = FakeWorld::new().await;
        // Running replication is waited for, here for a second.
        let rotator = world.rotator(&[("COUNTERSIGN_REGIONS", regions), ("COUNTERSIGN_REPLICATION", "1")]).await;
        if let Some(status) = status {
            world.aws.set_replication(SECRET_NAME, REPLICA, status);
        }
        assert_eq!(fail(&rotator, 1, TIME).await, expected);
        let by_hand = rotator.invoke_as(&id(2), json!({"rotate": "planned"}).to_string()).await;
        assert_eq!(failure(by_hand), expected);
        assert_eq!(world.effects(), 0, "{expected}");
        world.aws.stage_pending(SECRET_NAME, &id(3));
        let by_secrets_manager = rotator.invoke(step("createSecret", &world.secret, &id(3)).to_string()).await;
        assert_eq!(failure(by_secrets_manager), expected);
        assert_eq!(world.effects(), 0, "{expected}");

        // An emergency says so, in words that are true of it: it has changed something.
        let expected = match status {
            Some(_) => expected.replace(MEND, IN_AN_EMERGENCY),
            None => "ap-south-1 is listed in COUNTERSIGN_REGIONS or --regions, but has no replica of the secret: its functions read \
                the primary. The emergency goes on without it; add a replica, or remove the Region from the list"
                .to_owned(),
        };
        let told = report(rotator.invoke_as(&id(4), json!({"rotate": "emergency"}).to_string()).await);
        assert_eq!((&told[0]["keys"]["kind"], world.holder("AWSCURRENT")), (&json!("emergency"), Some(id(4))));
        assert_eq!(told[0]["warnings"], json!([expected]));
        let log = rotator.log().await;
        let warned: Vec<_> = log.iter().filter(|line| line["step"] == "replicas").collect();
        assert_eq!(warned.len(), 1);
        assert_eq!((warned[0]["level"].as_str(), warned[0]["detail"].as_str()), (Some("WARN"), Some(&*expected)));
    }
}

#[tokio::test]
async fn a_replica_that_lags_for_a_moment_is_waited_for() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[("COUNTERSIGN_REGIONS", REPLICA)]).await;
    world.aws.hold_back(SECRET_NAME, REPLICA, Lag::Reads(2));
    let begun = Instant::now();
    let told = rotate(&rotator, 1, TIME).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "it asks once a second");
    let in_step = |region| json!({"region": region, "in_step": true, "version": id(1)});
    assert_eq!(told[0]["keys"]["regions"], json!([in_step(REGION), in_step(REPLICA)]));
    let there = world.aws.calls().into_iter().filter(|call| call.region == REPLICA);
    assert_eq!(there.count(), 3);
    assert_left(&world, true, true);
}

/// The API key does not wait for it; the rotation reports it as an error.
#[tokio::test]
async fn a_replica_that_lags_for_long_fails_the_event_after_all_else_is_done() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[("COUNTERSIGN_REPLICATION", "1")]).await;
    world.aws.hold_back(SECRET_NAME, REPLICA, Lag::UntilTold);
    let expected = format!(
        "the keys are rotated, but reads in {REPLICA} ({FIRST}) did not return the new keys in time: check the replica there, and send the same \
        event again"
    );
    assert_eq!(fail(&rotator, 1, TIME).await, format!("{expected}{}", rotated_before(1)));
    assert_left(&world, true, true);
    let effects = world.effects();
    assert_eq!(fail(&rotator, 1, TIME).await, expected);
    world.aws.catch_up(SECRET_NAME, REPLICA);
    let told = rotate(&rotator, 1, TIME).await;
    assert_eq!([&told[0]["keys"]["outcome"], &told[0]["stack"]["outcome"]], ["already", "already"]);
    assert_eq!((&told[0]["keys"]["regions"][1]["version"], world.effects()), (&json!(id(1)), effects));
    let ends: Vec<_> = rotator.log().await.into_iter().filter(is_end).map(|line| line["event"].clone()).collect();
    assert_eq!(ends, ["rotation-failed", "rotation-failed", "rotation-done"]);
}

/// A replica that cannot be read is one that lags.
#[tokio::test]
async fn a_replica_that_does_not_answer_is_named_with_why() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[("COUNTERSIGN_REPLICATION", "0")]).await;
    world.aws.fail(Fault::always(Happening::ServerError).of("GetSecretValue").within(REPLICA));
    let told = fail(&rotator, 1, TIME).await;
    let arn = world.secret.replace(REGION, REPLICA);
    let expected = format!(
        "the keys are rotated, but reads in {REPLICA} (secretsmanager:GetSecretValue on {arn} in {REPLICA} failed ("
    );
    assert!(told.starts_with(&expected), "{told}");
    assert_left(&world, true, true);
    world.aws.heal();
    rotate(&rotator, 1, TIME).await;
}

/// For every answer of AWS to every call, also with the request itself or with garbage: no key is in a report, an error
/// or a log line.
#[tokio::test]
async fn no_failure_reveals_a_key() {
    let mut rows = JoinSet::new();
    for happening in [Happening::Echo, Happening::Garbage, Happening::DroppedAfter] {
        for (_, operation, ..) in CALLS {
            rows.spawn(async move {
                let case = format!("{happening:?} {operation}");
                let world = FakeWorld::new().await;
                let rotator = world.rotator(&[("COUNTERSIGN_REPLICATION", "0")]).await;
                let mut told = String::new();
                let mut hear = |invocation: Invocation| match invocation {
                    Invocation::Response(report) => told += &format!("{report}\n"),
                    Invocation::Error(kind, message) => told += &format!("{kind}: {message}\n"),
                };
                world.aws.fail(Fault::always(happening).of(operation));
                let by_schedule = scheduled(1, TIME).to_string();
                hear(rotator.invoke(by_schedule.clone()).await);
                hear(rotator.invoke(step("finishSecret", &world.secret, &id(1)).to_string()).await);
                world.aws.heal();
                hear(rotator.invoke(by_schedule).await);
                hear(rotator.invoke_as(&id(2), json!({"rotate": "emergency", "comment": "leaked"}).to_string()).await);
                let log = rotator.log().await;
                let ends = log.iter().filter(|line| is_end(line)).count();
                let sets = world.sets().await;
                assert_eq!((ends, sets.len()), (4, 3), "{case}");
                assert_has_no_key(&told, &sets);
                assert_has_no_key(&Value::from(log).to_string(), &sets);
            });
        }
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

/// Asserts whether the event's keys are in force, and its Timestamp. AWSCURRENT is always with a version that can be read.
#[track_caller]
fn assert_left(world: &FakeWorld, keys: bool, stack: bool) {
    let current = if keys { id(1) } else { FIRST.to_owned() };
    assert_eq!(world.holder("AWSCURRENT"), Some(current));
    assert_eq!(world.timestamp(), if stack { TIME.1 } else { "2024-01-01" });
}
