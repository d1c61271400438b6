//! `countersign keys rotate --secret --dry-run` shows exactly what the same command then does, in every state that
//! other rotations have left.
//!
//! Real programs and the fake AWS.

use crate::{
    cli::support::on_aws::run,
    fake_aws::{
        faults::{Fault, Happening},
        secrets_manager::Replication,
    },
    rotation::support::rotator::{
        FIRST, FakeWorld, LATER, REGION, REPLICA, SECRET_NAME, STACK, TIME, id, rotate, scheduled,
    },
    support::{aws_clients::secrets_manager, bootstrap::Bootstrap},
};
use regex::Regex;
use serde_json::json;
use std::{collections::BTreeSet, time::SystemTime};

/// The state before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    /// A planned rotation of another id, put and not promoted.
    Planned,
    /// An emergency, put and not promoted.
    Emergency,
    /// The same, so long ago that it can no longer be promoted.
    EmergencyTooLate,
    /// An emergency under the requested id, put, and then without its label: it never took place.
    OwnEmergencyLost,
    /// Two such emergencies: the keys of the base of the first are no longer current, those of the second are.
    OwnEmergencyOpen,
    /// A version without keys.
    Garbage,
    /// A rotation was promoted, but AWSPENDING was not removed.
    OnCurrent,
    /// The same, and then a person has restored the version before.
    PutAside,
    /// The requested rotation is done.
    Done,
    /// The requested rotation was an emergency, and is done.
    DoneEmergency,
    /// A replica has failed.
    NoReplica,
    /// An emergency is pending, and a replica has failed: the emergency is completed, and then the rotation stops.
    EmergencyNoReplica,
}
use Before::{
    Done, DoneEmergency, Emergency, EmergencyNoReplica, EmergencyTooLate, Garbage, NoReplica, Nothing, OnCurrent,
    OwnEmergencyLost, OwnEmergencyOpen, Planned, PutAside,
};

/// Kills a rotator at the n-th move of a label.
async fn broken_off(world: &FakeWorld, event: serde_json::Value, at: usize) {
    let rotator: Bootstrap = world.rotator(&[("COUNTERSIGN_ROTATE", "secret")]).await;
    world.aws.fail(Fault::at(at, Happening::HeldBefore).of("UpdateSecretVersionStage"));
    tokio::select! {
        told = rotator.invoke(event.to_string()) => panic!("{told:?}"),
        _ = world.aws.reached() => {}
    }
    rotator.log().await;
}

/// Puts a set of one key that has been valid for this number of seconds: an emergency if there is a base.
async fn put(world: &FakeWorld, version: &str, label: &str, base: Option<&str>, seconds: i64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let k = "dGhlIHNlY3JldCBvZiBhIGtleSB0aGF0IHdhcyBsZWZ0IHBlbmRpbmcuLi4u";
    let key = json!({"kty": "oct", "alg": "HS256", "kid": version, "k": k, "nbf": now - 5 - seconds, "exp": 253_402_300_799_i64});
    let mut set = json!({"keys": [key]});
    if let Some(base) = base {
        set["countersign_planned_from"] = json!(base);
        set["countersign_kind"] = json!("emergency");
    }
    let put = secrets_manager(world.aws.endpoint(), REGION).put_secret_value().secret_id(SECRET_NAME);
    let put = put.client_request_token(version).secret_string(set.to_string()).version_stages(label);
    put.send().await.unwrap();
}

async fn take_label_off(world: &FakeWorld, version: &str) {
    let update = secrets_manager(world.aws.endpoint(), REGION).update_secret_version_stage().secret_id(SECRET_NAME);
    update.version_stage("AWSPENDING").remove_from_version_id(version).send().await.unwrap();
}

impl Before {
    /// The message about it, by the requested kind.
    fn told(self, emergency: bool) -> &'static str {
        match (self, emergency) {
            (EmergencyTooLate, false) => {
                "the keys that it should drop are still accepted: request it again with its id"
            }
            (OwnEmergencyLost | OwnEmergencyOpen, false) => "The emergency did not take place",
            (OwnEmergencyOpen, true) => "dropped",
            _ => "",
        }
    }

    async fn arrange(self, world: &FakeWorld) {
        let emergency = |number: u32| json!({"rotate": "emergency", "id": id(number)});
        let client = secrets_manager(world.aws.endpoint(), REGION);
        match self {
            Nothing => {}
            Planned => broken_off(world, scheduled(1, TIME), 1).await,
            Emergency => broken_off(world, emergency(1), 1).await,
            EmergencyTooLate => put(world, &id(1), "AWSPENDING", Some(FIRST), 7200).await,
            OwnEmergencyLost => {
                put(world, &id(2), "AWSPENDING", Some(FIRST), 0).await;
                take_label_off(world, &id(2)).await;
            }
            OwnEmergencyOpen => {
                put(world, &id(2), "AWSPENDING", Some(FIRST), 0).await;
                take_label_off(world, &id(2)).await;
                put(world, &id(3), "AWSCURRENT", None, 60).await;
                let second = format!("{}-2", id(2));
                put(world, &second, "AWSPENDING", Some(&id(3)), 0).await;
                take_label_off(world, &second).await;
            }
            Garbage => {
                let put = client.put_secret_value().secret_id(SECRET_NAME).client_request_token(id(1));
                put.secret_string("garbage").version_stages("AWSPENDING").send().await.unwrap();
            }
            OnCurrent => broken_off(world, scheduled(1, TIME), 2).await,
            PutAside => {
                broken_off(world, scheduled(1, TIME), 2).await;
                let back = client.update_secret_version_stage().secret_id(SECRET_NAME).version_stage("AWSCURRENT");
                back.move_to_version_id(FIRST).remove_from_version_id(id(1)).send().await.unwrap();
            }
            Done => drop(rotate(&world.rotator(&[]).await, 2, LATER).await),
            DoneEmergency => {
                let rotator = world.rotator(&[]).await;
                crate::rotation::support::rotator::report(rotator.invoke(emergency(2).to_string()).await);
            }
            NoReplica => world.aws.set_replication(SECRET_NAME, REPLICA, Replication::Failed),
            EmergencyNoReplica => {
                broken_off(world, emergency(1), 1).await;
                world.aws.set_replication(SECRET_NAME, REPLICA, Replication::Failed);
            }
        }
    }
}

/// The versions that become current, from the output: version and kind.
fn versions(out: &str, dry_run: bool) -> Vec<(String, String)> {
    let each = out.lines().filter_map(|line| {
        let (version, rest) = if dry_run {
            let line = line.strip_prefix("a new version ").or_else(|| line.strip_prefix("the pending version "))?;
            line.split_once(" becomes current (")?
        } else {
            line.strip_prefix("rotated ")?.split_once(": version ")?.1.split_once(" (")?
        };
        Some((version.to_owned(), rest.trim_end_matches(')').split(',').next()?.to_owned()))
    });
    each.collect()
}

#[tokio::test]
async fn a_dry_run_shows_what_the_next_run_does() {
    let all = [
        Nothing,
        Planned,
        Emergency,
        EmergencyTooLate,
        OwnEmergencyLost,
        OwnEmergencyOpen,
        Garbage,
        OnCurrent,
        PutAside,
        Done,
        DoneEmergency,
        NoReplica,
        EmergencyNoReplica,
    ];
    for (before, emergency) in all.into_iter().flat_map(|before| [(before, false), (before, true)]) {
        let case = format!("{before:?}, then {}", if emergency { "emergency" } else { "planned" });
        let world = FakeWorld::new().await;
        before.arrange(&world).await;
        let own = id(2);
        let mut arguments = vec!["keys", "rotate", "--secret", &world.secret, "--stack", STACK, "--id", &own];
        arguments.extend(emergency.then_some("--emergency"));

        let (effects, parameters) = (world.effects(), world.aws.parameters(STACK));
        let (labels, stored) = (world.aws.labels(SECRET_NAME), world.aws.stored(SECRET_NAME));
        let (dry, shown, dry_error) = run(world.aws.endpoint(), &[&arguments[..], &["--dry-run"]].concat()).await;
        assert_eq!((world.effects(), world.aws.parameters(STACK)), (effects, parameters), "{case}: nothing is changed");
        assert_eq!((&world.aws.labels(SECRET_NAME), world.aws.stored(SECRET_NAME)), (&labels, stored), "{case}");

        let history = world.aws.history(SECRET_NAME).len();
        let calls = world.aws.calls().len();
        let (status, out, error) = run(world.aws.endpoint(), &arguments).await;
        assert_eq!(dry, status, "{case}: {dry_error} {error}");
        let reason = |error: &str| error.split(": ").skip(1).map(str::to_owned).collect::<Vec<_>>().join(": ");
        let (foreseen, happened) = (reason(&dry_error), reason(&error));
        assert!(without_times(&foreseen).ends_with(&without_times(&happened)), "{case}: {dry_error} is not {error}");
        let promoted: Vec<_> =
            world.aws.history(SECRET_NAME).split_off(history).into_iter().map(|one| one.version).collect();
        let told = versions(&shown, true);
        assert_eq!(told, versions(&out, false), "{case}:\n{shown}\n{out}");
        assert_eq!(told.into_iter().map(|(version, _)| version).collect::<Vec<_>>(), promoted, "{case}");

        let said = before.told(emergency);
        assert!(shown.contains(said) && out.contains(said), "{case}: {said}\n{shown}\n{out}");
        let is_open = before == OwnEmergencyOpen && emergency;
        assert!(!is_open || promoted == [format!("{own}-3")], "{case}: {promoted:?}");
        // The run reports the same notes about a version that is put aside.
        let reported = without_times(&out);
        for note in shown.lines().filter_map(|line| line.strip_prefix("note: ")) {
            let is_reported = reported.contains(&without_times(note));
            assert!(note.contains(" is current, and loses") || is_reported, "{case}: {note}\n{out}{error}");
        }

        // The versions that lose AWSPENDING and do not become current by this run.
        let foreseen: BTreeSet<_> = shown
            .lines()
            .filter(|line| line.contains("loses AWSPENDING"))
            .map(|line| {
                let rest = line.strip_prefix("note: version ").unwrap();
                rest.split(' ').next().unwrap().to_owned()
            })
            .collect();
        let removed = world.aws.calls().split_off(calls).into_iter();
        let removed =
            removed.filter(|call| call.effect && call.stages == ["AWSPENDING"] && call.operation.starts_with("Update"));
        let removed: BTreeSet<_> =
            removed.filter_map(|call| call.version).filter(|id| !promoted.contains(id)).collect();
        assert_eq!(foreseen, removed, "{case}:\n{shown}");
        assert!(dry == Some(1) || shown.ends_with("nothing is changed: this was a dry run\n"), "{case}: {shown}");

        // And the stack.
        let of_stack = |out: &str| {
            let line = out.lines().find_map(|line| line.strip_prefix("stack api, Timestamp "))?;
            Some(line.split_once(": ")?.1.replace("would update it", "updates it now"))
        };
        assert_eq!(of_stack(&out), of_stack(&shown), "{case}");
    }
}

/// A second may pass between the dry run and the run: the present moment, and how far others are from it, are left out.
fn without_times(text: &str) -> String {
    let time =
        Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z( \((in [^)]*|[^)]* ago|now)\))?").unwrap();
    time.replace_all(text, "TIME").into_owned()
}

#[test]
fn only_times_are_left_out() {
    let text = "expires at 2026-11-26T10:00:00Z (in 1 h 2 min), and it is 2026-11-26T08:58:00Z: rotate (again)";
    assert_eq!(without_times(text), "expires at TIME, and it is TIME: rotate (again)");
}
