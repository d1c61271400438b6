//! Two kinds under one id: the report is what was done, for every order, every interruption, and every way of the
//! requests.
//!
//! Real programs; a call is stopped in the fake AWS, and what has ended is asked of moto too.

use crate::{
    cli::support::{countersign::countersign, on_aws::run},
    fake_aws::{
        faults::{Fault, Happening},
        secrets_manager::Replication,
    },
    rotation::support::rotator::{
        FIRST, FakeWorld, REPLICA, SECRET_NAME, TIME, World, failure, id, is_end, moment, queued, report, scheduled,
        step,
    },
    support::{
        aws_clients::aws_variables,
        bootstrap::{Bootstrap, Invocation},
    },
};
use serde_json::{Value, json};

/// How far the first one came.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Done,
    /// Put, and not promoted.
    Put,
    /// Broken off before the put.
    Before,
}

/// How the planned one is asked for. SQS brings no emergency: that comes to the function then.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    CommandLine,
    Function,
    Sqs,
}

const PLANNED: &str = "planned";
const EMERGENCY: &str = "emergency";

/// What one call says that it has done.
#[derive(Debug, PartialEq)]
struct Told {
    outcome: String,
    /// Each version that became current: its id, its kind, and the keys that it dropped.
    versions: Vec<(String, String, String)>,
    warnings: Vec<String>,
}

impl Told {
    /// What the report says, and the line of the log that counts.
    #[track_caller]
    fn of_report(report: &Value) -> Self {
        let report = &report[0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
        let version = |version: &Value| {
            assert!([id(1), version["version"].as_str().unwrap().to_owned()].contains(&text(&version["id"])));
            let dropped = list(&version["dropped"]);
            let dropped = if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") };
            let bounds = version["bounds"].as_object().unwrap();
            assert_eq!(bounds.contains_key("authorizers_drop_the_old_by"), version["kind"] == EMERGENCY, "{version}");
            (text(&version["version"]), text(&version["kind"]), dropped)
        };
        Self {
            outcome: text(&report["keys"]["outcome"]),
            versions: report["versions"].as_array().unwrap().iter().map(version).collect(),
            warnings: report.get("warnings").map(list).unwrap_or_default(),
        }
    }

    /// What the command line prints. An emergency's text stands there where every key was dropped, and only there.
    #[track_caller]
    fn of_print(out: &str) -> Self {
        let mut dropped: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("keys dropped: ")).collect();
        let mut versions: Vec<(String, String, String)> = Vec::new();
        for line in out.lines().filter(|line| line.starts_with("rotated ")) {
            let (_, version) = line.split_once(": version ").unwrap();
            let (version, kind) = version.split_once(" (").unwrap();
            let kind = kind.trim_end_matches(')').split(',').next().unwrap();
            versions.push((version.to_owned(), kind.to_owned(), String::new()));
        }
        // The worst comes first there.
        let mut by_weight: Vec<_> = versions.iter_mut().collect();
        by_weight.sort_by_key(|(_, kind, _)| kind != EMERGENCY);
        assert_eq!(by_weight.len(), dropped.len(), "{out}");
        by_weight.into_iter().zip(dropped.drain(..)).for_each(|(version, dropped)| version.2 = dropped.to_owned());
        let has = |text: &str| out.contains(text);
        let outcome = match (has("superseded, and nothing is changed"), has("is done already, and nothing is changed"))
        {
            (true, false) => "superseded",
            (false, true) => "already",
            _ => "rotated",
        };
        let emergency = versions.iter().any(|(_, kind, _)| kind == EMERGENCY);
        let of_old = outcome == "already" && has("(emergency) is done already");
        assert_eq!(has("emergency: every old key is dropped"), emergency || of_old, "{out}");
        assert_eq!(
            has("planned: no valid request is refused"),
            versions.iter().any(|(_, kind, _)| kind == PLANNED),
            "{out}"
        );
        let warnings = out.lines().filter_map(|line| line.strip_prefix("warning: ")).map(str::to_owned);
        Self { outcome: outcome.to_owned(), versions, warnings: warnings.collect() }
    }
}

/// Requests a rotation under the id of the first event, and returns the report.
async fn ask(world: &FakeWorld, rotator: &Bootstrap, way: Way, kind: &str) -> Told {
    match (way, kind) {
        (Way::CommandLine, _) => {
            let (status, out, error) =
                run(world.aws.endpoint(), &arguments(world, kind).each_ref().map(String::as_str)).await;
            assert_eq!((status, error.as_str()), (Some(0), ""), "{out}");
            Told::of_print(&out)
        }
        (Way::Sqs, PLANNED) => {
            Told::of_report(&report(rotator.invoke(queued(&[&scheduled(1, TIME)]).to_string()).await))
        }
        _ => Told::of_report(&report(rotator.invoke(json!({"rotate": kind, "id": id(1)}).to_string()).await)),
    }
}

fn arguments(world: &FakeWorld, kind: &str) -> [String; 7] {
    let more = if kind == EMERGENCY { "--emergency" } else { "--lead=2h" };
    ["keys", "rotate", "--secret", &world.secret, "--id", &id(1), more].map(str::to_owned)
}

/// Has a rotation broken off: its program is killed.
async fn break_off(world: &FakeWorld, way: Way, kind: &str, state: State) {
    let operation = if state == State::Put { "UpdateSecretVersionStage" } else { "PutSecretValue" };
    world.aws.fail(Fault::at(1, Happening::HeldBefore).of(operation));
    if way == Way::CommandLine {
        let arguments = arguments(world, kind);
        let mut command = countersign(&arguments.each_ref().map(String::as_str));
        let mut child = command.envs(aws_variables(world.aws.endpoint(), "sa-east-1")).spawn().unwrap();
        world.aws.reached().await;
        child.kill().await.unwrap();
    } else {
        let rotator = world.rotator(&[]).await;
        tokio::select! {
            told = ask(world, &rotator, way, kind) => panic!("{told:?}"),
            _ = world.aws.reached() => {}
        }
        rotator.log().await;
    }
}

#[tokio::test]
async fn two_kinds_under_one_id_are_reported_as_what_they_did() {
    let again = format!("{}-2", id(1));
    for (first, second) in [(PLANNED, EMERGENCY), (EMERGENCY, PLANNED)] {
        for state in [State::Done, State::Put, State::Before] {
            for way in [Way::CommandLine, Way::Function, Way::Sqs] {
                let case = format!("{first}, {state:?}, then {second}, by {way:?}");
                let world = FakeWorld::new().await;
                if state == State::Done {
                    let rotator = world.rotator(&[]).await;
                    ask(&world, &rotator, way, first).await;
                } else {
                    break_off(&world, way, first, state).await;
                }
                let rotator = world.rotator(&[]).await;
                let (before, effects) = (world.aws.labels(SECRET_NAME), world.effects());
                let told = ask(&world, &rotator, way, second).await;
                let (middle, middle_effects) = (world.aws.labels(SECRET_NAME), world.effects());
                let third = ask(&world, &rotator, way, first).await;

                let version = |version: &str, kind: &str, dropped: &str| {
                    (version.to_owned(), kind.to_owned(), dropped.to_owned())
                };
                let one = |outcome: &str, versions: Vec<_>, warnings: Vec<String>| Told {
                    outcome: outcome.to_owned(),
                    versions,
                    warnings,
                };
                let superseded = || {
                    let why = "belongs to an emergency: a planned rotation with this id changes nothing";
                    one("superseded", vec![], vec![format!("the id {} {why}", id(1))])
                };
                let goes_on = vec![format!(
                    "the id {0} belongs to a planned rotation (version {0}): the emergency goes on as version {again}",
                    id(1)
                )];
                let (expected, expected_third, current) = match (first, state) {
                    (PLANNED, State::Done) => {
                        let dropped = format!("k1, {}", id(1));
                        (one("rotated", vec![version(&again, EMERGENCY, &dropped)], goes_on), superseded(), &again)
                    }
                    (PLANNED, State::Put) => {
                        (one("rotated", vec![version(&again, EMERGENCY, "k1")], goes_on), superseded(), &again)
                    }
                    (PLANNED, State::Before) => {
                        (one("rotated", vec![version(&id(1), EMERGENCY, "k1")], vec![]), superseded(), &id(1))
                    }
                    (_, State::Done) => (superseded(), one("already", vec![], vec![]), &id(1)),
                    (_, State::Put) => {
                        let mut told = superseded();
                        told.warnings[0] += &format!(
                            ". The emergency is pending as version {}: a request for an emergency with the same id completes it, \
                            and so does the next planned rotation",
                            id(1)
                        );
                        (told, one("rotated", vec![version(&id(1), EMERGENCY, "k1")], vec![]), &id(1))
                    }
                    (_, State::Before) => {
                        let dropped = format!("k1, {}", id(1));
                        let emergency = one("rotated", vec![version(&again, EMERGENCY, &dropped)], goes_on);
                        (one("rotated", vec![version(&id(1), PLANNED, "none")], vec![]), emergency, &again)
                    }
                };
                assert_eq!((&told, &third), (&expected, &expected_third), "{case}");
                if told.outcome == "superseded" {
                    assert_eq!((&before, effects), (&middle, middle_effects), "{case}: nothing is changed");
                }
                if third.outcome != "rotated" {
                    assert_eq!((&world.aws.labels(SECRET_NAME), world.effects()), (&middle, middle_effects), "{case}");
                }
                assert_eq!(world.holder("AWSCURRENT").as_ref(), Some(current), "{case}");
                assert_eq!(world.holder("AWSPENDING"), None, "{case}");
                let kids = current_kids(&world).await;
                assert_eq!(kids, [current.as_str()], "{case}: an emergency has dropped every other key");
                check_log(&rotator.log().await, &[told, third], way);
            }
        }
    }
}

/// The line that counts has the worst kind of what became current, and each version is counted by its own.
#[track_caller]
fn check_log(log: &[Value], told: &[Told], way: Way) {
    if way == Way::CommandLine {
        return;
    }
    let ends: Vec<_> = log.iter().filter(|line| is_end(line)).collect();
    assert_eq!(ends.len(), told.len());
    for (line, told) in ends.into_iter().zip(told) {
        let kinds: Vec<_> = told.versions.iter().map(|(_, kind, _)| kind.as_str()).collect();
        let worst = kinds.iter().find(|kind| **kind == EMERGENCY).or(kinds.first());
        assert_eq!(
            (line["event"].as_str(), line.get("kind").and_then(Value::as_str)),
            (Some("rotation-done"), worst.copied())
        );
        assert_eq!(Told::of_report(&line["report"]), *told);
    }
    let counted = log.iter().filter_map(|line| Some((line["Kind"].as_str()?, line["KeysRotated"].as_u64()?)));
    let versions = told.iter().flat_map(|told| &told.versions).map(|(_, kind, _)| (kind.as_str(), 1));
    assert_eq!(counted.collect::<Vec<_>>(), versions.collect::<Vec<_>>());
}

async fn current_kids(world: &FakeWorld) -> Vec<String> {
    let current = world.holder("AWSCURRENT").unwrap();
    let stored = world.aws.stored(SECRET_NAME).into_iter().find(|stored| stored.version == current).unwrap();
    let set: Value = serde_json::from_str(&stored.value.unwrap()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// In moto, for all cases without an interruption.
#[tokio::test]
async fn two_kinds_under_one_id_have_the_same_reports_with_moto() {
    for (first, second) in [(PLANNED, EMERGENCY), (EMERGENCY, PLANNED)] {
        let world = World::new(&format!("kinds-{first}")).await;
        let rotator = world.rotator(&[]).await;
        let ask = async |kind: &str| {
            let event = match kind {
                PLANNED => queued(&[&scheduled(1, TIME)]),
                _ => json!({"rotate": kind, "id": id(1)}),
            };
            Told::of_report(&report(rotator.invoke(event.to_string()).await))
        };
        ask(first).await;
        let second = ask(second).await;
        let found = world.found().await;
        let third = ask(first).await;
        let (told, superseded, current) = match first {
            PLANNED => (&second, &third, format!("{}-2", id(1))),
            _ => (&third, &second, id(1)),
        };
        assert_eq!(superseded.outcome, "superseded");
        match first {
            PLANNED => assert_eq!(told.versions, [(current.clone(), EMERGENCY.to_owned(), format!("k1, {}", id(1)))]),
            _ => assert_eq!((told.outcome.as_str(), told.versions.len()), ("already", 0)),
        }
        assert_eq!(world.found().await, found);
        assert_eq!(found.keys().iter().map(|(kid, ..)| *kid).collect::<Vec<_>>(), [current.as_str()]);
        assert_eq!(found.labels["AWSCURRENT"], current);
    }
}

/// By each way, with the emergency told first and each version by its own bounds.
#[tokio::test]
async fn a_planned_rotation_reports_the_pending_emergency_that_it_completes() {
    for by_hand in [false, true] {
        let world = FakeWorld::new().await;
        break_off(&world, Way::Function, EMERGENCY, State::Put).await;
        let versions = if by_hand {
            let planned = ["keys", "rotate", "--secret", &world.secret, "--id", &id(2)];
            let (_, foreseen, _) = run(world.aws.endpoint(), &[&planned[..], &["--dry-run"]].concat()).await;
            let lines: Vec<_> = foreseen.lines().filter(|line| line.contains("becomes current")).collect();
            let pending = format!("the pending version {} becomes current (emergency)", id(1));
            assert_eq!(lines, [pending, format!("a new version {} becomes current (planned)", id(2))]);
            let (status, out, error) = run(world.aws.endpoint(), &planned).await;
            assert_eq!((status, error.as_str()), (Some(0), ""));
            let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text} is not in {out}"));
            assert!(at("emergency: every old key is dropped") < at("planned: no valid request is refused"));
            Told::of_print(&out).versions
        } else {
            let rotator = world.rotator(&[]).await;
            let told = report(rotator.invoke(scheduled(2, TIME).to_string()).await);
            let outcomes: Vec<_> = told[0]["versions"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
            assert_eq!(outcomes, ["resumed", "rotated"]);
            let last = rotator.log().await.pop().unwrap();
            assert_eq!((&last["kind"], &last["report"]), (&json!(EMERGENCY), &told));
            Told::of_report(&told).versions
        };
        let expected = [(id(1), EMERGENCY, "k1"), (id(2), PLANNED, "none")];
        let expected = expected.map(|(version, kind, dropped)| (version, kind.to_owned(), dropped.to_owned()));
        assert_eq!(versions, expected);
        let history: Vec<_> = world.aws.history(SECRET_NAME).into_iter().map(|promotion| promotion.version).collect();
        assert_eq!(history, [FIRST.to_owned(), id(1), id(2)]);
    }
}

/// The report of a version that was planned with other timings has those timings, and not the timings of the call that
/// completes it.
#[tokio::test]
async fn a_resumed_version_is_reported_with_its_own_times() {
    let world = FakeWorld::new().await;
    let rotator = world.rotator(&[("COUNTERSIGN_GRACE", "7200"), ("COUNTERSIGN_LEAD", "5400")]).await;
    world.aws.fail(Fault::at(1, Happening::HeldBefore).of("UpdateSecretVersionStage"));
    tokio::select! {
        told = rotator.invoke(scheduled(1, TIME).to_string()) => panic!("{told:?}"),
        _ = world.aws.reached() => {}
    }
    rotator.log().await;
    let stored = world.aws.stored(SECRET_NAME).into_iter().find(|stored| stored.version == id(1)).unwrap();
    let set: Value = serde_json::from_str(&stored.value.unwrap()).unwrap();
    let (end, signs) = (set["keys"][0]["exp"].as_u64().unwrap(), set["keys"][1]["nbf"].as_u64().unwrap());
    assert_eq!(end - signs, 7200);
    let (status, out, _) =
        run(world.aws.endpoint(), &["keys", "rotate", "--secret", &world.secret, "--id", &id(1)]).await;
    assert_eq!(status, Some(0));
    let lines = [
        format!(
            "the edges sign with it from {} (in 1 h 30 min); an edge that has not read it by then signs with the old key\n",
            moment(signs)
        ),
        format!("the old keys are accepted until {} (in 3 h 30 min)\n", moment(end)),
    ];
    assert!(lines.iter().all(|line| out.contains(line.as_str())), "{out}");
}

/// If the call then fails, the error says what was done, and so does the report in the log.
#[tokio::test]
async fn a_failure_is_reported_with_what_was_done_before_it() {
    let world = FakeWorld::new().await;
    break_off(&world, Way::Function, EMERGENCY, State::Put).await;
    world.aws.set_replication(SECRET_NAME, REPLICA, Replication::Failed);
    let rotator = world.rotator(&[]).await;
    let told = failure(rotator.invoke(scheduled(2, TIME).to_string()).await);
    let done = format!("; before that, version {} (emergency) became current, dropped keys: k1", id(1));
    assert!(
        told.starts_with(&format!("the replica in {REPLICA} is not in sync: Failed")) && told.ends_with(&done),
        "{told}"
    );
    assert_eq!(world.holder("AWSCURRENT"), Some(id(1)));
    let last = rotator.log().await.pop().unwrap();
    assert_eq!(
        (&last["event"], &last["kind"], &last["detail"]),
        (&json!("rotation-failed"), &json!(EMERGENCY), &json!(told))
    );
    let report = &last["report"][0];
    assert_eq!((&report["error"], &report["versions"][0]["version"]), (&json!(told), &json!(id(1))));

    // The same by hand: the bounds of the emergency come before the error, and nothing is said of going on.
    let world = FakeWorld::new().await;
    break_off(&world, Way::Function, EMERGENCY, State::Put).await;
    world.aws.set_replication(SECRET_NAME, REPLICA, Replication::Failed);
    let (status, out, error) = run(world.aws.endpoint(), &["keys", "rotate", "--secret", &world.secret]).await;
    assert_eq!(
        (status, Told::of_print(&out).versions),
        (Some(1), vec![(id(1), EMERGENCY.to_owned(), "k1".to_owned())])
    );
    assert!(
        error.starts_with("error: the replica in us-east-1 is not in sync: Failed") && !error.contains("hint"),
        "{error}"
    );
}

/// In Secrets Manager's steps too the kind is what the version says: one that labels an emergency's version ends an emergency.
#[tokio::test]
async fn a_step_reports_the_kind_that_its_version_stores() {
    let world = FakeWorld::new().await;
    break_off(&world, Way::Function, EMERGENCY, State::Put).await;
    let rotator = world.rotator(&[]).await;
    for name in ["createSecret", "setSecret", "testSecret"] {
        let told = report(rotator.invoke(step(name, &world.secret, &id(1)).to_string()).await);
        assert_eq!(told, json!([{"trigger": "secrets-manager", "id": id(1), "versions": []}]));
    }
    let finish = step("finishSecret", &world.secret, &id(1)).to_string();
    let told = report(rotator.invoke(finish.clone()).await);
    let dropped = [(id(1), EMERGENCY.to_owned(), "k1".to_owned())];
    assert_eq!((&told[0]["keys"]["kind"], Told::of_report(&told).versions), (&json!(EMERGENCY), dropped.into()));
    let again = report(rotator.invoke(finish).await);
    assert_eq!((&again[0]["keys"]["kind"], &again[0]["keys"]["outcome"]), (&json!(EMERGENCY), &json!("already")));
    let log = rotator.log().await;
    assert!(log.iter().any(|line| line["event"] == "rotation-done" && line["kind"] == EMERGENCY));
}

/// A version that does not say its kind may be anything: an emergency goes on beside it.
#[tokio::test]
async fn an_emergency_under_the_id_of_an_unknown_version_is_carried_out() {
    for value in ["<<{ garbage", "{\"keys\":[]}", "no-kind"] {
        let world = FakeWorld::new().await;
        let keys = crate::support::keys::key_set().to_json().replace("k1", "other");
        let value = if value == "no-kind" { keys.as_str() } else { value };
        let client = crate::support::aws_clients::secrets_manager(world.aws.endpoint(), "eu-west-1");
        let put = client.put_secret_value().secret_id(SECRET_NAME).client_request_token(id(1)).secret_string(value);
        put.version_stages("AWSPENDING").send().await.unwrap();
        let rotator = world.rotator(&[]).await;
        let Invocation::Response(told) = rotator.invoke(json!({"rotate": EMERGENCY, "id": id(1)}).to_string()).await
        else {
            panic!("{value}")
        };
        let told = Told::of_report(&told);
        let again = format!("{}-2", id(1));
        assert_eq!(told.versions, [(again.clone(), EMERGENCY.to_owned(), "k1".to_owned())]);
        let expected = format!(
            "the id {0} belongs to a version without a kind (version {0}): the emergency goes on as version {again}",
            id(1)
        );
        assert_eq!(told.warnings, [expected]);
        assert_eq!((world.holder("AWSCURRENT"), world.holder("AWSPENDING")), (Some(again), None));
    }
}
