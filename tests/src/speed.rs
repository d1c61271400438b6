//! The verifiers and the edge function by hand, with which `cargo xtask bench` compares ours, do the same job.

use crate::support::{
    artifacts::{artifact, fixture},
    keys::Keys,
};
use serde::Deserialize;
use std::{fs, path::Path, process::Command};
use tempfile::tempdir;

/// The vectors of REST APIs.
const VECTORS: usize = 380;
/// The requests of `check-edge.mjs`.
const REQUESTS: usize = 39;

#[derive(Debug, Deserialize, PartialEq)]
struct Checked {
    right: usize,
    wrong: Vec<String>,
}

/// Runs a script of `tests/speed`, whose last line is what it checked.
#[track_caller]
fn check(program: &str, script: &str, arguments: &[&Path], expected: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("speed").join(script);
    let mut command = Command::new(program);
    command.arg(script).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let checked: Checked = serde_json::from_str(printed.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {printed}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(checked, Checked { right: expected, wrong: vec![] });
}

#[test]
fn the_verifiers_by_hand_give_the_verdict_of_every_vector() {
    let vectors = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../signing/vectors"));
    check("node", "node/check-vectors.mjs", &[vectors], VECTORS);
    check("python3", "python/check_vectors.py", &[vectors], VECTORS);
}

#[test]
fn the_edge_function_by_hand_does_what_ours_does() {
    let keys = Keys::new();
    let folder = tempdir().unwrap();
    let event = folder.path().join("event.json");
    fs::write(&event, fixture("cloudfront-origin-request.json").replace("file:KEYS", &keys.source())).unwrap();
    check("node", "node/check-edge.mjs", &[&artifact("edge-signer/index.mjs"), &event], REQUESTS);
}
