//! The real rotator and a stack that is busy, broken or not there, in the fake AWS: moto's stacks are updated at once and never
//! break.

use crate::{
    cli::support::on_aws::run,
    fake_aws::{
        cloud_formation::{Parameter, UpdateEnd},
        faults::{Fault, Happening},
    },
    rotation::support::rotator::{
        FIRST, FakeWorld, LATER, REGION, SECRET_NAME, STACK, TIME, fail, failure, id, moment, now, report, rotate,
        rotated_before, scheduled, timestamp, until,
    },
};
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};

/// The fake refuses what lacks a capability, and falls back to the default of what is left out; `timestamp` looks.
#[tokio::test]
async fn an_update_changes_the_timestamp_and_nothing_else() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[]).await;
    let told = rotate(&rotator, 1, TIME).await;
    let expected = json!({"name": STACK, "outcome": "updating", "timestamp": TIME.1, "status": "CREATE_COMPLETE"});
    assert_eq!((&told[0]["stack"], world.timestamp()), (&expected, TIME.1.to_owned()));
    rotate(&rotator, 2, LATER).await;
    assert_eq!(world.timestamp(), LATER.1);
}

/// All of it is compared: a role that is given once is used for ever, so none is sent.
#[tokio::test]
async fn an_update_asks_for_this_and_no_more() {
    let world = FakeWorld::new().await;
    let small = [Parameter::new("Url", "a").default("b"), Parameter::new("Timestamp", "2024-01-01")];
    world.aws.create_stack(REGION, "small", &small, &["CAPABILITY_IAM"]);
    let rotator = world.rotator(&[("StackName", "small"), ("COUNTERSIGN_ROTATE", "api-key")]).await;
    // The refusal contains the request.
    world.aws.fail(Fault::always(Happening::Echo).of("UpdateStack"));
    let told = fail(&rotator, 1, TIME).await;
    let sent = told.split_once("Cannot take ").unwrap().1.trim_end_matches(')');
    let mut fields: Vec<_> = sent.split('&').map(|field| field.split_once('=').unwrap()).collect();
    let token = fields.iter().position(|(name, _)| *name == "ClientRequestToken").unwrap();
    let token = fields.remove(token).1.strip_prefix("countersign-2024-11-22T06-04-05Z-at-20").unwrap();
    assert_eq!(token.len(), "26-11-22T06-04-05Z".len());
    let expected = [
        ("Action", "UpdateStack"),
        ("Version", "2010-05-15"),
        ("StackName", "small"),
        ("UsePreviousTemplate", "true"),
        ("Parameters.member.1.ParameterKey", "Url"),
        ("Parameters.member.1.UsePreviousValue", "true"),
        ("Parameters.member.2.ParameterKey", "Timestamp"),
        ("Parameters.member.2.ParameterValue", TIME.1),
        ("Capabilities.member.1", "CAPABILITY_IAM"),
    ];
    assert_eq!(fields, expected);
}

/// Neither stops it: the stack is updated all the same, and report and log say what follows.
#[tokio::test]
async fn a_service_role_and_a_parent_cause_warnings_in_report_and_log() {
    let role = "stack api has the service role arn:aws:iam::123456789012:role/deployer. CloudFormation uses this role for every update, so \
        everybody who may update the stack can do what the role may do. The role cannot be removed: create the stack again \
        without one";
    let nested = "stack api is nested in arn:aws:cloudformation:eu-west-1:123456789012:stack/root/1: the next update of that stack \
        resets its Timestamp, and with it the API key. Set StackName to the root stack, and give that stack a parameter \
        Timestamp that it passes on";
    let owners = [
        ("RoleARN", "arn:aws:iam::123456789012:role/deployer"),
        ("RootId", "arn:aws:cloudformation:eu-west-1:123456789012:stack/root/1"),
        ("ParentId", "arn:aws:cloudformation:eu-west-1:123456789012:stack/parent/1"),
    ];
    for (which, expected) in
        [(&owners[..1], vec![role]), (&owners[1..], vec![nested]), (&owners[..], vec![role, nested]), (&[], vec![])]
    {
        let world = FakeWorld::new().await;
        for (element, value) in which {
            world.aws.set_stack_owner(STACK, element, value);
        }
        let rotator = world.rotator(&[]).await;
        let told = rotate(&rotator, 1, TIME).await;
        assert_eq!((&told[0]["stack"]["outcome"], world.timestamp().as_str()), (&json!("updating"), TIME.1));
        let warnings = if expected.is_empty() { None } else { Some(json!(expected)) };
        assert_eq!(told[0].get("warnings"), warnings.as_ref());
        let log = rotator.log().await;
        let warned: Vec<_> =
            log.iter().filter(|line| line["level"] == "WARN").map(|line| line["detail"].clone()).collect();
        assert_eq!(warned, expected);
        // And by hand.
        let (status, out, _) =
            run(world.aws.endpoint(), &["keys", "rotate", "--secret", &world.secret, "--stack", STACK]).await;
        let warned: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
        assert_eq!((status, warned), (Some(0), expected));
    }
}

/// A `Timestamp` is a second: the API key turns over once in it, and the second rotation says so.
#[tokio::test]
async fn the_second_rotation_of_one_second_is_reported_as_such() {
    for word in ["both", "api-key"] {
        let mut tries = 0;
        let told = loop {
            let world = FakeWorld::new().await;
            let rotator = world.rotator(&[("COUNTERSIGN_ROTATE", word)]).await;
            let begun = now();
            until("a second begins", || now() > begun).await;
            let manual = json!({"rotate": "planned"}).to_string();
            let first = report(rotator.invoke_as(&id(1), manual.clone()).await);
            let second = report(rotator.invoke_as(&id(2), manual.clone()).await);
            if first[0]["stack"]["timestamp"] == second[0]["stack"]["timestamp"] {
                assert_eq!(world.aws.count("UpdateStack"), 1);
                // The same event again has done nothing of that: it is not told so.
                if word == "both" {
                    let again = report(rotator.invoke_as(&id(2), manual).await);
                    assert_eq!([&again[0]["keys"]["outcome"], &again[0]["stack"]["outcome"]], ["already", "already"]);
                }
                break [first, second];
            }
            tries += 1;
            assert!(tries < 20, "two rotations do not fit into a second");
        };
        assert_eq!(told.map(|told| told[0]["stack"]["outcome"].clone()), ["updating", "same-second"]);
    }
}

/// Two processes have the same event in one second: one looks, then the other updates, then the first one sends the same update.
#[tokio::test]
async fn the_same_update_sent_twice_in_one_second_is_reported_as_such() {
    for tries in 0.. {
        let world = FakeWorld::new().await;
        let variables = [("COUNTERSIGN_ROTATE", "api-key")];
        let (slow, quick) = (world.rotator(&variables).await, world.rotator(&variables).await);
        world.aws.fail(Fault::at(1, Happening::Delayed(Duration::from_secs(1))).of("DescribeStacks"));
        let begun = now();
        until("a second begins", || now() > begun).await;
        let event = scheduled(1, TIME).to_string();
        let (slow, ()) = tokio::join!(slow.invoke(event), async {
            until("the first one looks", || world.aws.count("DescribeStacks") == 1).await;
            assert_eq!(rotate(&quick, 1, TIME).await[0]["stack"]["outcome"], "updating");
        });
        assert_eq!(world.timestamp(), TIME.1);
        let tokens: Vec<_> = world.aws.calls().into_iter().filter(|call| call.operation == "UpdateStack").collect();
        if tokens[0].version == tokens[1].version {
            let expected = "another call has updated stack api in the same second, for another rotation or for the same event: send \
                the same event again to see the result";
            assert_eq!(failure(slow), expected);
            assert_eq!(rotate(&quick, 1, TIME).await[0]["stack"]["outcome"], "already");
            return;
        }
        assert!(tries < 20, "two calls do not fit into a second");
    }
}

/// The event comes again until the stack is free. The keys turn over once.
#[tokio::test]
async fn a_stack_that_is_being_updated_is_tried_again() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[]).await;
    let other = |status: &str| world.aws.set_stack_status(STACK, status);
    // The first one rotates the keys, and says so.
    let mut done = rotated_before(1);
    for status in [
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
    ] {
        other(status);
        let expected = format!(
            "stack {STACK} is {status}, so its API key is not rotated yet: send the same event again when this has \
            ended"
        );
        assert_eq!(fail(&rotator, 1, TIME).await, expected + &std::mem::take(&mut done));
        assert_eq!((world.holder("AWSCURRENT"), world.timestamp()), (Some(id(1)), "2024-01-01".to_owned()));
    }
    other("UPDATE_COMPLETE");
    let told = rotate(&rotator, 1, TIME).await;
    assert_eq!([&told[0]["keys"]["outcome"], &told[0]["stack"]["outcome"]], ["already", "updating"]);
    assert_eq!((world.timestamp().as_str(), world.aws.count("PutSecretValue")), (TIME.1, 1));
}

/// Of the rotator's own updates: one that is under way is this event's, or that of the one before.
#[tokio::test]
async fn an_update_of_the_rotator_itself_is_waited_for() {
    let world = FakeWorld::with_slow_updates().await;
    let rotator = world.rotator(&[]).await;
    let (aws, present) = (&world.aws, || world.timestamp());
    assert_eq!(rotate(&rotator, 1, TIME).await[0]["stack"]["outcome"], "updating");
    let again = rotate(&rotator, 1, TIME).await;
    let expected = json!({"name": STACK, "outcome": "already", "timestamp": TIME.1, "status": "UPDATE_IN_PROGRESS"});
    assert_eq!(again[0]["stack"], expected);
    let busy = format!(
        "stack {STACK} is UPDATE_IN_PROGRESS, so its API key is not rotated yet: send the same event again when this \
        has ended"
    );
    assert_eq!(fail(&rotator, 2, LATER).await, busy + &rotated_before(2));
    aws.finish_update(STACK, UpdateEnd::Complete);
    assert_eq!(rotate(&rotator, 2, LATER).await[0]["stack"]["outcome"], "updating");
    assert_eq!((present().as_str(), aws.count("PutSecretValue")), (LATER.1, 2));

    // It is rolled back: CloudFormation takes no token twice, and the event's next try begins it anew.
    aws.finish_update(STACK, UpdateEnd::RolledBack);
    assert_eq!(present(), TIME.1);
    let begun = now();
    until("a second passes, which names the try", || now() > begun).await;
    assert_eq!(rotate(&rotator, 2, LATER).await[0]["stack"]["outcome"], "updating");
    assert_eq!((present().as_str(), aws.count("PutSecretValue")), (LATER.1, 2));
}

#[tokio::test]
async fn a_stack_in_creation_has_a_new_key_anyway() {
    let world = FakeWorld::new().await;
    world.aws.set_stack_status(STACK, "CREATE_IN_PROGRESS");
    let told = rotate(&world.rotator(&[]).await, 1, TIME).await;
    let expected =
        json!({"name": STACK, "outcome": "being-created", "timestamp": TIME.1, "status": "CREATE_IN_PROGRESS"});
    assert_eq!((&told[0]["stack"], world.aws.count("UpdateStack")), (&expected, 0));
    assert_eq!(world.holder("AWSCURRENT"), Some(id(1)));
}

/// The keys are rotated in every state of the stack, and only once, even if the event comes again.
#[tokio::test]
async fn a_stack_that_is_stuck_says_what_a_person_must_do() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[]).await;
    const RECREATE: &str = "its creation failed: find the cause in its events, delete it, and create it again";
    let mut done = rotated_before(1);
    const DELETED: &str = "it is deleted, or its deletion has begun: turn the schedule off, or create the stack again";
    for (status, advice) in [
        ("CREATE_FAILED", RECREATE),
        ("ROLLBACK_COMPLETE", RECREATE),
        ("ROLLBACK_FAILED", RECREATE),
        ("DELETE_IN_PROGRESS", DELETED),
        ("DELETE_FAILED", DELETED),
        ("DELETE_COMPLETE", DELETED),
        (
            "UPDATE_ROLLBACK_FAILED",
            "an update and its rollback failed: repair the cause that its events show, then run `aws cloudformation \
            continue-update-rollback`",
        ),
        (
            "UPDATE_FAILED",
            "a change failed and was not rolled back: repair the cause that its events show, then update the stack or \
            roll it back",
        ),
        ("REVIEW_IN_PROGRESS", "its first change set was never executed: execute it, or delete the stack"),
    ] {
        world.aws.set_stack_status(STACK, status);
        let told = format!("stack {STACK} is {status}: {advice}{}", std::mem::take(&mut done));
        assert_eq!(fail(&rotator, 1, TIME).await, told);
    }
    assert_eq!((world.aws.count("UpdateStack"), world.aws.count("PutSecretValue")), (0, 1));
    for (status, number) in [("UPDATE_ROLLBACK_COMPLETE", 1), ("CREATE_COMPLETE", 2)] {
        world.aws.set_stack_status(STACK, status);
        let time = if number == 1 { TIME } else { LATER };
        assert_eq!(rotate(&rotator, number, time).await[0]["stack"]["outcome"], "updating", "{status}");
    }
    let log = rotator.log().await;
    let failed: Vec<_> = log.iter().filter(|line| line["event"] == "rotation-failed").collect();
    assert_eq!(failed.len(), 9);
    assert!(failed.iter().all(|line| line["level"] == "ERROR" && line["Result"] == "failed" && line["Rotation"] == 1));
}

#[tokio::test]
async fn a_stack_that_is_not_ours_and_a_missing_stack_have_different_errors() {
    for (name, expected) in [
        (
            "nobody",
            "cloudformation:DescribeStacks on stack nobody in eu-west-1 failed (ValidationError: Stack with id nobody does not exist)",
        ),
        ("plain", "stack plain has no parameter Timestamp: set StackName to the name of the stack of the API"),
    ] {
        let world = FakeWorld::new().await;
        world.aws.create_stack(REGION, "plain", &[Parameter::new("ApiURL", "x")], &[]);
        let rotator = world.rotator(&[("StackName", name)]).await;
        assert_eq!(fail(&rotator, 1, TIME).await, format!("{expected}{}", rotated_before(1)));
        assert_eq!((world.holder("AWSCURRENT"), world.aws.count("UpdateStack")), (Some(id(1)), 0));
    }
}

/// Two processes have the same event: one looks, then the other updates, then the first one does.
#[tokio::test]
async fn an_update_that_another_call_has_made_is_not_repeated() {
    let world = FakeWorld::new().await;
    let variables = [("COUNTERSIGN_ROTATE", "api-key")];
    let (slow, quick) = (world.rotator(&variables).await, world.rotator(&variables).await);
    rotate(&quick, 1, TIME).await;
    world.aws.fail(Fault::at(1, Happening::Delayed(Duration::from_secs(4))).of("DescribeStacks"));
    let slow = tokio::spawn(async move { rotate(&slow, 2, LATER).await });
    until("the first one looks", || world.aws.count("DescribeStacks") == 2).await;
    let begun = now();
    until("a second passes, which names the try", || now() > begun).await;
    assert_eq!(rotate(&quick, 2, LATER).await[0]["stack"]["outcome"], "updating");
    assert_eq!(slow.await.unwrap()[0]["stack"]["outcome"], "no-updates");
    assert_eq!(world.timestamp(), LATER.1);
}

/// A try of an older event, of any kind, that comes after a later rotation.
#[tokio::test]
async fn a_late_retry_leaves_the_stack_as_it_is() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[]).await;
    let manual = json!({"rotate": "planned"}).to_string();
    rotate(&rotator, 1, TIME).await;
    report(rotator.invoke_as(&id(2), manual.clone()).await);
    let history = world.aws.history(SECRET_NAME);
    assert_eq!(
        history.iter().map(|promotion| promotion.version.clone()).collect::<Vec<_>>(),
        [FIRST.to_owned(), id(1), id(2)]
    );
    let by_hand = world.timestamp();
    // The next one was due in the same second, and is put minutes later.
    let second = history[2].at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    world.aws.let_pass(Duration::from_secs(300));
    let time = (moment(second + 1), timestamp(second + 1));
    let due = (time.0.as_str(), time.1.as_str());
    until("it is due", || now() > second).await;
    rotate(&rotator, 3, due).await;
    assert!(world.timestamp() == due.1 && *by_hand < *due.1);

    let updates = world.aws.count("UpdateStack");
    let late = [rotate(&rotator, 1, TIME).await, report(rotator.invoke_as(&id(2), manual).await)];
    for told in late {
        assert_eq!([&told[0]["keys"]["outcome"], &told[0]["stack"]["outcome"]], ["already", "already"], "{told}");
    }
    assert_eq!((world.timestamp().as_str(), world.aws.count("UpdateStack")), (due.1, updates));
}

/// Two emergencies, each tried again and again because the stack is busy: the second drops the key of the first, and no try of
/// either drops anything more.
#[tokio::test]
async fn emergencies_that_are_tried_again_drop_nothing_twice() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[]).await;
    let emergency = json!({"rotate": "emergency"}).to_string();
    world.aws.set_stack_status(STACK, "UPDATE_IN_PROGRESS");
    for number in [1, 2, 1, 2, 2, 1] {
        failure(rotator.invoke_as(&id(number), emergency.clone()).await);
    }
    world.aws.set_stack_status(STACK, "UPDATE_COMPLETE");
    let told = [1, 2].map(|number| (id(number), emergency.clone()));
    for (request, event) in told {
        let report = report(rotator.invoke_as(&request, event).await);
        assert_eq!([&report[0]["keys"]["outcome"], &report[0]["keys"]["new_key"]], ["already", &*id(2)], "{report}");
    }
    let history = world.aws.history(SECRET_NAME);
    let versions: Vec<_> = history.iter().map(|promotion| promotion.version.clone()).collect();
    assert_eq!(versions, [FIRST.to_owned(), id(1), id(2)]);
}
