//! The real rotator, from every trigger to its end, against moto, an emulator of AWS that others have written.
//!
//! What moto does not show: it takes a Put with the token of another value, which AWS answers with ResourceExistsException; its
//! stacks have none of our resources, and their updates are complete before they are answered; its replicas never lag.
//! `stack_updates.rs` and `aws_failures.rs` have an AWS for that.

use crate::{
    rotation::support::rotator::{
        FIRST, Found, LATER, NEVER_EXPIRES, REGION, TIME, World, became_current, failure, id, moment, now, queued,
        report, scheduled, step, timestamp,
    },
    support::{keys::SECRET, moto::Moto},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The defaults, in seconds.
const LEAD: u64 = 3600;
const GRACE: u64 = 3600;

/// In moto. The event comes directly and through SQS; then again to the same process and to a fresh one; then another comes.
#[tokio::test]
async fn a_schedule_rotates_keys_and_stack_once_for_each_event() {
    for name in ["direct", "queued"] {
        let sent = |event: Value| if name == "queued" { queued(&[&event]) } else { event };
        let world = World::new(&format!("scheduled-{name}")).await;
        let before = world.found().await;
        let rotator = world.rotator(&[]).await;
        let (first, second) = (sent(scheduled(1, TIME)).to_string(), sent(scheduled(2, LATER)).to_string());

        let begun = now();
        let told = report(rotator.invoke(first.clone()).await);
        let found = world.found().await;
        let signs_from = assert_planned(&found, &[("k1", 0)], &id(1), begun);
        assert_eq!(found.labelled(), format!("AWSCURRENT={0} AWSPREVIOUS={FIRST}", id(1)));
        assert_eq!((found.set["countersign_planned_from"].as_str(), &found.replica), (Some(FIRST), &id(1)));
        assert_eq!(found.parameters, with_timestamp(&before, TIME.1));
        let stack = |outcome, time: (&str, &str), status| json!({"name": world.stack, "outcome": outcome, "timestamp": time.1, "status": status});
        let bounds = bounds(signs_from);
        let expected = json!([{
            "trigger": "scheduled",
            "id": id(1),
            "versions": [became_current(&id(1), "planned", FIRST, &[], &bounds)],
            "keys": with(&found, "rotated", &bounds),
            "stack": stack("updating", TIME, "CREATE_COMPLETE"),
        }]);
        assert_eq!(told, expected);

        let again = report(rotator.invoke(first.clone()).await);
        let fresh = world.rotator(&[]).await;
        let from_fresh = report(fresh.invoke(first.clone()).await);
        let expected = json!([{
            "trigger": "scheduled",
            "id": id(1),
            "versions": [],
            "keys": with(&found, "already", &bounds),
            "stack": stack("already", TIME, "UPDATE_COMPLETE"),
        }]);
        assert_eq!((&again, &from_fresh), (&expected, &expected));
        assert_eq!(world.found().await, found, "the same event changes nothing");

        let begun = now();
        let told = report(fresh.invoke(second).await);
        let next = world.found().await;
        assert_planned(&next, &[("k1", 0), (&id(1), signs_from)], &id(2), begun);
        assert_eq!(next.labelled(), format!("AWSCURRENT={0} AWSPREVIOUS={1}", id(2), id(1)));
        assert_eq!(next.keys()[0], ("k1", 0, signs_from + GRACE), "its end was set before, and comes no later now");
        assert_eq!(next.set["keys"][1]["k"], found.set["keys"][1]["k"]);
        assert_eq!(next.parameters, with_timestamp(&before, LATER.1));
        assert_eq!(told[0]["stack"], stack("updating", LATER, "UPDATE_COMPLETE"));

        // The first one once more, late: its key is there, and what came after it stays.
        let late = report(rotator.invoke(first).await);
        assert_eq!((&late[0]["keys"]["outcome"], &late[0]["keys"]["new_key"]), (&json!("already"), &json!(id(1))));
        assert_eq!(late[0]["stack"], stack("already", TIME, "UPDATE_COMPLETE"));
        assert_eq!(world.found().await, next);
    }
}

/// In moto.
#[tokio::test]
async fn a_batch_rotates_for_each_of_its_events() {
    let world = World::new("batch").await;
    let rotator = world.rotator(&[]).await;
    let batch = queued(&[&scheduled(1, TIME), &scheduled(2, LATER), &scheduled(1, TIME)]).to_string();
    let told = report(rotator.invoke(batch.clone()).await);
    let outcomes = |told: &Value| {
        let each = told.as_array().unwrap().iter();
        each.map(|one| json!([one["keys"]["new_key"], one["keys"]["outcome"], one["stack"]["outcome"]]))
            .collect::<Vec<_>>()
    };
    let rotated = [
        json!([id(1), "rotated", "updating"]),
        json!([id(2), "rotated", "updating"]),
        json!([id(1), "already", "already"]),
    ];
    assert_eq!(outcomes(&told), rotated);
    let found = world.found().await;
    assert_eq!(found.labelled(), format!("AWSCURRENT={0} AWSPREVIOUS={1}", id(2), id(1)));
    assert_eq!(found.parameters["Timestamp"], LATER.1);

    let already = |number| json!([id(number), "already", "already"]);
    assert_eq!(outcomes(&report(rotator.invoke(batch).await)), [already(1), already(2), already(1)]);
    assert_eq!(world.found().await, found);

    // One wrong event: no rotation begins.
    let mixed = queued(&[&scheduled(3, LATER), &json!({})]).to_string();
    assert!(failure(rotator.invoke(mixed).await).starts_with("the event is of an unknown kind: "));
    assert_eq!(world.found().await, found);
}

/// In moto, which labels the new version as Secrets Manager does.
#[tokio::test]
async fn secrets_manager_may_repeat_any_step() {
    const CREATE: &str = "createSecret";
    const SET: &str = "setSecret";
    const TEST: &str = "testSecret";
    const FINISH: &str = "finishSecret";
    let orders: [&[&str]; 3] = [
        &[CREATE, SET, TEST, FINISH],
        &[CREATE, CREATE, CREATE, SET, SET, SET, TEST, TEST, TEST, FINISH, FINISH, FINISH],
        &[CREATE, SET, CREATE, TEST, SET, CREATE, SET, TEST, FINISH, TEST, CREATE, FINISH, SET, FINISH],
    ];
    for (index, order) in orders.into_iter().enumerate() {
        let world = World::new(&format!("steps-{index}")).await;
        let before = world.found().await;
        let rotator = world.rotator(&[]).await;
        Moto::shared().stage_pending(REGION, &world.secret, &id(1)).await;
        let begun = now();
        let mut finished: Option<Found> = None;
        let mut pending = None;
        for name in order {
            let told = report(rotator.invoke(step(name, &world.secret, &id(1)).to_string()).await);
            let found = world.found().await;
            let place = format!("{name} of {order:?}");
            let bare = json!([{"trigger": "secrets-manager", "id": id(1), "versions": []}]);
            match (*name == FINISH, &finished) {
                (false, None) => {
                    let put = value(&world, &id(1)).await;
                    assert_eq!(*pending.get_or_insert_with(|| put.clone()), put, "{place}: what is put stays");
                    assert_eq!(found.labelled(), format!("AWSCURRENT={FIRST} AWSPENDING={}", id(1)), "{place}");
                    assert_eq!((told, &found.parameters), (bare, &before.parameters), "{place}");
                }
                (true, None) => {
                    let signs_from = assert_planned(&found, &[("k1", 0)], &id(1), begun);
                    assert_eq!(Some(&found.set.to_string()), pending.as_ref(), "{place}");
                    assert_eq!(found.labelled(), format!("AWSCURRENT={0} AWSPREVIOUS={FIRST}", id(1)));
                    let time = timestamp(found.created);
                    assert_eq!(found.parameters, with_timestamp(&before, &time), "{place}");
                    let stack = json!({"name": world.stack, "outcome": "updating", "timestamp": time, "status": "CREATE_COMPLETE"});
                    let bounds = bounds(signs_from);
                    let keys = with(&found, "rotated", &bounds);
                    let versions = [became_current(&id(1), "planned", FIRST, &[], &bounds)];
                    let expected = json!([{
                        "trigger": "secrets-manager", "id": id(1), "versions": versions, "keys": keys, "stack": stack,
                    }]);
                    assert_eq!(told, expected, "{place}");
                    finished = Some(found);
                }
                (again, Some(finished)) => {
                    let outcomes = [&told[0]["keys"]["outcome"], &told[0]["stack"]["outcome"]];
                    let expected = if again { "already" } else { "" };
                    assert!(outcomes.iter().all(|outcome| outcome.as_str().unwrap_or_default() == expected), "{told}");
                    assert_eq!(found, *finished, "{place}");
                }
            }
        }
    }
}

/// In moto. `RotateImmediately=false`: Secrets Manager puts the present value under a version of its own, and requests
/// only this step. It never moves a label.
#[tokio::test]
async fn a_test_of_the_present_value_passes_and_moves_no_label() {
    let world = World::new("tested").await;
    let rotator = world.rotator(&[]).await;
    let client = crate::support::aws_clients::secrets_manager(Moto::shared().endpoint(), REGION);
    let put = async |version: &str, value: &str| {
        let put = client.put_secret_value().secret_id(&world.secret).client_request_token(version);
        put.secret_string(value).version_stages("AWSPENDING").send().await.unwrap();
    };
    let test = async |token: &str| rotator.invoke(step("testSecret", &world.secret, token).to_string()).await;
    let present = crate::support::keys::key_set().to_json();
    put(&id(1), &present).await;
    let before = world.found().await;
    assert_eq!(report(test(&id(1)).await), json!([{"trigger": "secrets-manager", "id": id(1), "versions": []}]));
    assert_eq!(world.found().await, before);

    // Of what could not be promoted it says why.
    let one_second_more = present.replace("\"nbf\":0", "\"nbf\":1");
    for (number, value, expected) in [
        (
            2,
            &*one_second_more,
            "the pending version is not promoted: it does not say from which version it was planned",
        ),
        (3, "garbage", "the pending version is not promoted: the key set is not valid JSON at line 1, column 1"),
    ] {
        put(&id(number), value).await;
        let before = world.found().await;
        assert_eq!(failure(test(&id(number)).await), expected);
        assert_eq!(world.found().await, before, "{expected}");
    }
    // What does that is the first step, so that a rotation can begin anew.
    let refused = failure(rotator.invoke(step("createSecret", &world.secret, &id(3)).to_string()).await);
    assert!(
        refused.starts_with("this rotation can no longer be completed, so its label AWSPENDING is removed"),
        "{refused}"
    );
    assert_eq!(world.found().await.labelled(), format!("AWSCURRENT={FIRST}"));

    // AWSPENDING on what is current stays too, until anything else runs.
    report(rotator.invoke(scheduled(4, TIME).to_string()).await);
    let on = client.update_secret_version_stage().secret_id(&world.secret).version_stage("AWSPENDING");
    on.move_to_version_id(id(4)).send().await.unwrap();
    let before = world.found().await;
    report(test(&id(4)).await);
    assert_eq!(world.found().await, before);
    for (event, again) in [(step("setSecret", &world.secret, &id(4)), true), (scheduled(4, TIME), false)] {
        report(rotator.invoke(event.to_string()).await);
        assert_eq!(world.found().await.labelled(), format!("AWSCURRENT={} AWSPREVIOUS={FIRST}", id(4)));
        if again {
            let on = client.update_secret_version_stage().secret_id(&world.secret).version_stage("AWSPENDING");
            on.move_to_version_id(id(4)).send().await.unwrap();
        }
    }
}

/// In moto. A person restores the version before, while AWSPENDING is on the version that was current: no step and no
/// event promotes it again.
#[tokio::test]
async fn what_a_person_has_put_aside_is_not_promoted() {
    for by_step in [true, false] {
        let world = World::new(&format!("put-aside-{by_step}")).await;
        let rotator = world.rotator(&[]).await;
        report(rotator.invoke(scheduled(1, TIME).to_string()).await);
        let client = crate::support::aws_clients::secrets_manager(Moto::shared().endpoint(), REGION);
        let stage = |label: &str| client.update_secret_version_stage().secret_id(&world.secret).version_stage(label);
        stage("AWSPENDING").move_to_version_id(id(1)).send().await.unwrap();
        stage("AWSCURRENT").move_to_version_id(FIRST).remove_from_version_id(id(1)).send().await.unwrap();
        let aside = world.found().await;
        assert_eq!(aside.labelled(), format!("AWSCURRENT={FIRST} AWSPENDING={0} AWSPREVIOUS={0}", id(1)));
        let why = "it has the label AWSPREVIOUS: it was current, and somebody has restored the version before it";
        if by_step {
            let tested = failure(rotator.invoke(step("testSecret", &world.secret, &id(1)).to_string()).await);
            assert_eq!(tested, format!("the pending version is not promoted: {why}"));
            assert_eq!(world.found().await, aside, "testSecret moves no label");
            let told = failure(rotator.invoke(step("finishSecret", &world.secret, &id(1)).to_string()).await);
            let expected = "this rotation can no longer be completed, so its label AWSPENDING is removed: rotate the \
            secret again";
            assert_eq!(told, format!("{expected} ({why})"));
            assert_eq!(world.found().await.labelled(), format!("AWSCURRENT={FIRST} AWSPREVIOUS={}", id(1)));
        } else {
            let told = report(rotator.invoke(scheduled(2, LATER).to_string()).await);
            let expected = format!("version {} is not promoted, and loses AWSPENDING: {why}", id(1));
            assert_eq!((&told[0]["warnings"], &told[0]["keys"]["planned_from"]), (&json!([expected]), &json!(FIRST)));
            let found = world.found().await;
            assert_eq!(found.labelled(), format!("AWSCURRENT={} AWSPREVIOUS={FIRST}", id(2)));
            assert!(found.keys().iter().all(|(kid, ..)| *kid != id(1)), "its key is not there");
        }
    }
}

/// In moto. As Windows' editors write it.
#[tokio::test]
async fn a_secret_with_a_byte_order_mark_is_rotated() {
    let moto = Moto::shared();
    let marked = format!("\u{feff}{}", *crate::support::keys::key_set().to_json());
    let arn = moto.create_secret(REGION, "marked", FIRST, &marked, &[]).await;
    let variables = [("COUNTERSIGN_SECRET", arn.as_str()), ("COUNTERSIGN_ROTATE", "secret")];
    let rotator = crate::rotation::support::rotator::rotator(moto.endpoint(), &variables).await;
    let told = report(rotator.invoke(scheduled(1, TIME).to_string()).await);
    assert_eq!((&told[0]["keys"]["outcome"], &told[0]["keys"]["keys"][0]["kid"]), (&json!("rotated"), &json!("k1")));
}

/// In moto.
#[tokio::test]
async fn a_step_that_is_not_due_changes_nothing() {
    let (world, other) = (World::new("steps-undue").await, World::new("steps-other").await);
    let rotator = world.rotator(&[]).await;
    Moto::shared().stage_pending(REGION, &other.secret, &id(1)).await;
    report(rotator.invoke(scheduled(8, TIME).to_string()).await);
    report(rotator.invoke(scheduled(9, LATER).to_string()).await);
    let (before, before_other) = (world.found().await, other.found().await);
    for name in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        for (secret, token, expected) in [
            (
                &other.secret,
                id(1),
                format!("Secrets Manager asks to rotate {}, which COUNTERSIGN_SECRET does not name", other.secret),
            ),
            // Never staged, and finished long ago.
            (&world.secret, id(7), "the version of this step is not pending: rotate the secret again".to_owned()),
            (&world.secret, id(8), "the version of this step is not pending: rotate the secret again".to_owned()),
        ] {
            assert_eq!(
                failure(rotator.invoke(step(name, secret, &token).to_string()).await),
                expected,
                "{name} {token}"
            );
        }
    }
    assert_eq!((world.found().await, other.found().await), (before, before_other));
}

/// In moto. Lambda gives a retry the request id of the first try.
#[tokio::test]
async fn a_person_rotates_as_planned_or_at_once() {
    let world = World::new("manual").await;
    let before = world.found().await;
    let rotator = world.rotator(&[]).await;

    let begun = now();
    let event = json!({"rotate": "planned", "comment": "the yearly audit"}).to_string();
    let told = report(rotator.invoke_as(&id(1), event.clone()).await);
    let planned = world.found().await;
    let signs_from = assert_planned(&planned, &[("k1", 0)], &id(1), begun);
    let time = timestamp(planned.created);
    assert_eq!(planned.parameters, with_timestamp(&before, &time));
    let stack = |outcome, time: &str, status| json!({"name": world.stack, "outcome": outcome, "timestamp": time, "status": status});
    let expected = json!([{
        "trigger": "manual",
        "id": id(1),
        "comment": "the yearly audit",
        "versions": [became_current(&id(1), "planned", FIRST, &[], &bounds(signs_from))],
        "keys": with(&planned, "rotated", &bounds(signs_from)),
        "stack": stack("updating", &time, "CREATE_COMPLETE"),
    }]);
    assert_eq!(told, expected);
    let again = report(rotator.invoke_as(&id(1), event).await);
    assert_eq!(again[0]["keys"], with(&planned, "already", &bounds(signs_from)));
    assert_eq!(again[0]["stack"], stack("already", &time, "UPDATE_COMPLETE"));
    assert_eq!(world.found().await, planned);

    let begun = now();
    let event = json!({"rotate": "emergency"}).to_string();
    let told = report(rotator.invoke_as(&id(2), event.clone()).await);
    let found = world.found().await;
    let [(kid, not_before, end)] = found.keys()[..] else { panic!("every other key goes: {:?}", found.keys()) };
    assert_eq!((kid, end), (id(2).as_str(), NEVER_EXPIRES));
    assert!((begun..=now()).contains(&(not_before + 5)), "every clock may use it at once");
    assert_eq!(found.set["countersign_kind"], "emergency");
    assert_eq!(found.labelled(), format!("AWSCURRENT={0} AWSPREVIOUS={1}", id(2), id(1)));
    let emergency = |told_at| {
        json!({
            "edges_sign_with_it_by": moment(told_at + 360),
            "or_in_an_outage_by": moment(told_at + 2160),
            "authorizers_drop_the_old_by": moment(told_at + 120),
            "or_those_in_an_outage_by": moment(told_at + 1920),
        })
    };
    // From above: counted from when it is told.
    let emergency_of = |told: &Value| {
        let bounds = &told[0]["keys"]["bounds"];
        let told_at = (begun..=now()).find(|told_at| emergency(*told_at) == *bounds);
        emergency(told_at.unwrap_or_else(|| panic!("{bounds}")))
    };
    let bounds = emergency_of(&told);
    assert_eq!(told[0]["keys"], with(&found, "rotated", &bounds));
    assert_eq!(told[0]["versions"][0]["bounds"], bounds);
    let dropped = became_current(&id(2), "emergency", &id(1), &["k1", &id(1)], &bounds);
    assert_eq!(told[0]["versions"], json!([dropped]));
    assert_eq!(told[0].get("reason"), None);
    assert_eq!((found.replica.as_str(), &found.parameters["Timestamp"]), (id(2).as_str(), &timestamp(found.created)));

    let again = report(world.rotator(&[]).await.invoke_as(&id(2), event).await);
    assert_eq!(again[0]["keys"], with(&found, "already", &emergency_of(&again)));
    assert_eq!(again[0]["stack"]["outcome"], "already");
    assert_eq!(world.found().await, found);
}

/// In moto.
#[tokio::test]
async fn keys_or_a_stack_that_must_not_be_rotated_are_not_changed() {
    for (word, keys, stack) in [("both", true, true), ("secret", true, false), ("api-key", false, true)] {
        let world = World::new(&format!("only-{word}")).await;
        let before = world.found().await;
        let rotator = world.rotator(&[("COUNTERSIGN_ROTATE", word)]).await;
        let told = report(rotator.invoke(scheduled(1, TIME).to_string()).await);
        let parts = |told: &Value| (told[0].get("keys").is_some(), told[0].get("stack").is_some());
        assert_eq!(parts(&told), (keys, stack), "{told}");
        let found = world.found().await;
        let current = if keys { id(1) } else { FIRST.to_owned() };
        assert_eq!((&found.labels["AWSCURRENT"], &found.replica), (&current, &current), "{word}");
        let time = if stack { TIME.1 } else { "2024-01-01" };
        assert_eq!(found.parameters, with_timestamp(&before, time), "{word}");
        if !keys {
            assert_eq!((&found.versions, &found.set), (&before.versions, &before.set));
            // Secrets Manager may be configured to rotate it: the error says why it is not rotated.
            let refused = failure(rotator.invoke(step("createSecret", &world.secret, &id(2)).to_string()).await);
            assert_eq!(
                refused,
                format!("Secrets Manager asks to rotate {}, and COUNTERSIGN_ROTATE is api-key", world.secret)
            );
            // And by hand, at once.
            let begun = now();
            let told = report(rotator.invoke(json!({"rotate": "emergency"}).to_string()).await);
            assert_eq!(parts(&told), (false, true), "{told}");
            let at = world.found().await.parameters["Timestamp"].clone();
            assert!((begun..=now()).any(|second| timestamp(second) == at), "{at}");
        }
    }
}

/// What a version holds, as text of JSON in one order.
async fn value(world: &World, version: &str) -> String {
    let client = crate::support::aws_clients::secrets_manager(Moto::shared().endpoint(), REGION);
    let answer = client.get_secret_value().secret_id(&world.secret).version_id(version).send().await.unwrap();
    serde_json::from_str::<Value>(&answer.secret_string.unwrap()).unwrap().to_string()
}

/// Asserts that the set is that of a planned rotation since `begun`: the old keys, each with its time and an end, and a new one
/// that signs after the lead. Returns from when.
#[track_caller]
fn assert_planned(found: &Found, old: &[(&str, u64)], new: &str, begun: u64) -> u64 {
    let keys = found.keys();
    let (last, before) = keys.split_last().unwrap();
    let (kid, signs_from, end) = *last;
    assert_eq!((kid, end), (new, NEVER_EXPIRES));
    // A second more, since moments are cut to whole ones; and each key signs after the one that was planned before it.
    let least = |second: u64| (second + 1 + LEAD).max(old.last().unwrap().1 + 1);
    assert!((least(begun)..=least(now())).contains(&signs_from), "{signs_from} is not one lead after {begun}");
    let ids: Vec<_> = before.iter().map(|(kid, nbf, _)| (*kid, *nbf)).collect();
    assert_eq!(ids, old);
    assert!(before.iter().all(|(_, _, end)| *end <= signs_from + GRACE), "{keys:?}");
    assert_eq!(before.last().unwrap().2, signs_from + GRACE, "{keys:?}");
    let secret = |index: usize| URL_SAFE_NO_PAD.decode(found.set["keys"][index]["k"].as_str().unwrap()).unwrap();
    assert_eq!((secret(0), secret(before.len()).len()), (SECRET.to_vec(), 48));
    assert_eq!(found.set["countersign_kind"], "planned");
    signs_from
}

/// The bounds that the first planned rotation reports.
fn bounds(signs_from: u64) -> Value {
    json!({"new_key_signs_from": moment(signs_from), "old_keys_accepted_until": moment(signs_from + GRACE)})
}

/// What is to be reported of the keys that were found.
fn with(found: &Found, outcome: &str, bounds: &Value) -> Value {
    let mut keys = found.reported();
    keys["outcome"] = json!(outcome);
    keys["bounds"] = bounds.clone();
    keys
}

/// The parameters from before with another `Timestamp`.
fn with_timestamp(before: &Found, timestamp: &str) -> BTreeMap<String, String> {
    let mut parameters = before.parameters.clone();
    parameters.insert("Timestamp".to_owned(), timestamp.to_owned());
    parameters
}
