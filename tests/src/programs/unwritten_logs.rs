//! A function whose log cannot be written decides and rotates as ever, and tells it once on standard error.

use crate::{
    request::support::{
        authorizer_events::{TARGET, signed, signed_with},
        edge_events::{custom, event_of, verify},
    },
    rotation::support::rotator::{FakeWorld, REGION, STACK, TIME, report, scheduled},
    support::{
        artifacts::artifact,
        aws_clients::aws_variables,
        bootstrap::{Bootstrap, Invocation},
        edge_process::EdgeProcess,
        keys::Keys,
    },
};
use local::rest_event;
use serde_json::Value;
use signing::{Key, KeySet, UnixSeconds};
use std::{fs, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;

/// What the system says of a full disk.
const FULL: &str = "No space left on device (os error 28)";

/// A function whose standard output is a full disk, in a folder with its name.
fn without_log(function: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join(function);
    fs::create_dir(&inside).unwrap();
    let bootstrap = inside.join("bootstrap");
    let program = artifact(function).join("bootstrap");
    fs::write(&bootstrap, format!("#!/bin/sh\nexec '{}' > /dev/full\n", program.display())).unwrap();
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

/// The only line that can be read.
#[track_caller]
fn assert_told_once(log: &[Value], why: &str) {
    let [line] = log else { panic!("one line, not {log:?}") };
    let words = ["level", "event", "detail"].map(|name| line[name].as_str().unwrap());
    assert_eq!(words, ["ERROR", "log-not-written", why]);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_authorizer_without_a_log_allows_and_denies_the_same() {
    let keys = Keys::new();
    let folder = without_log("authorizer");
    let forged = {
        let key = Key::new("k1".try_into().unwrap(), &[9; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX));
        signed_with(&KeySet::new(vec![key.unwrap()]).unwrap(), TARGET, rest_event)
    };
    let variables = [("COUNTERSIGN_SECRET", keys.source())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let authorizer = Bootstrap::start_in(&folder.path().join("authorizer"), &variables).await;
    for (event, effect) in [(&signed(), "Allow"), (&forged, "Deny"), (&signed(), "Allow"), (&forged, "Deny")] {
        match authorizer.invoke(event.to_string()).await {
            Invocation::Response(answer) => assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], effect),
            Invocation::Error(kind, message) => panic!("{kind}: {message}"),
        }
    }
    let error = authorizer.invoke("{}").await;
    assert!(matches!(&error, Invocation::Error(kind, _) if kind == "Event"), "{error:?}");
    assert_told_once(&authorizer.whole_log().await, FULL);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_rotator_without_a_log_rotates_and_reports() {
    let world = FakeWorld::new().await;
    let folder = without_log("rotator");
    let settings = [("COUNTERSIGN_SECRET", world.secret.as_str()), ("StackName", STACK)];
    let variables = [&aws_variables(world.aws.endpoint(), REGION)[..], &settings].concat();
    let rotator = Bootstrap::start_in(&folder.path().join("rotator"), &variables).await;
    let done = report(rotator.invoke(scheduled(1, TIME).to_string()).await);
    assert_eq!(done[0]["keys"]["outcome"], "rotated", "{done}");
    assert_eq!(world.timestamp(), TIME.1);
    assert_told_once(&rotator.whole_log().await, FULL);
}

/// The log says why it does not start; without one, the status and the line on standard error are left.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_function_that_does_not_start_fails_without_a_log_too() {
    for function in ["authorizer", "rotator"] {
        let folder = without_log(function);
        let mut command = tokio::process::Command::new(folder.path().join(function).join("bootstrap"));
        let output = command.env_clear().kill_on_drop(true).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{function}");
        assert_told_once(&[serde_json::from_slice(&output.stderr).unwrap()], FULL);
    }
}

/// The standard output of Node is a full disk.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_edge_without_a_log_signs_and_answers_the_same() {
    let keys = Keys::new();
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("node");
    let path = std::env::var("PATH").unwrap();
    let lines = format!("#!/bin/sh\nPATH='{path}'\nexec node \"$@\" > /dev/full\n");
    fs::write(&node, lines).unwrap();
    fs::set_permissions(&node, fs::Permissions::from_mode(0o700)).unwrap();
    let edge = EdgeProcess::start_with(&[("PATH", folder.path().to_str().unwrap())]).await;
    let good = event_of(&keys.source());
    let mut wrong = good.clone();
    custom(&mut wrong, "countersign-mode", "nonsense");
    let mut log = Vec::new();
    for _ in 0..3 {
        let signed = edge.call(&good).await;
        assert_eq!(verify(&signed.result), Ok(()), "{signed:?}");
        let answered = edge.call(&wrong).await;
        assert_eq!(answered.result["status"], "500");
        log.extend(signed.log.into_iter().chain(answered.log));
    }
    assert_told_once(&log, "ENOSPC: no space left on device, write");
}
