//! The promises hold in small runs; planted faults are found; a seed prints the same bytes.

#![expect(clippy::unwrap_used, reason = "a test")]

use simulation::{Moment, RunReport, Scenario, Trouble, TroubleKind, run};
use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

const SEED: u64 = 1;
const MINUTE: Duration = Duration::from_secs(60);

/// The promises that a run finds broken.
fn broken(scenario: &Scenario) -> Vec<String> {
    RunReport::new(scenario, SEED, &run(scenario, SEED)).broken_promises()
}

#[test]
fn small_runs_keep_every_promise_and_show_what_they_are_about() {
    for (scenario, rotated, emergencies) in [(Scenario::quarter().quick(), 2, 0), (Scenario::day().quick(), 1, 2)] {
        let name = scenario.name;
        let outcome = run(&scenario, SEED);
        assert_eq!(RunReport::new(&scenario, SEED, &outcome).broken_promises(), [""; 0], "{name}");
        assert_eq!((outcome.rotated, outcome.emergencies.len()), (rotated, emergencies), "{name}");
        assert!(outcome.requests.admitted > 10_000 && outcome.requests.verified_for_real > 50, "{name}");
        for emergency in &outcome.emergencies {
            assert!(emergency.stolen.wrong > 0 && emergency.refused.wrong > 0, "{name}: {emergency:?}");
        }
        let (old, new) = outcome.after_rotation.minutes[90];
        assert!(new > 0 && old < new, "{name}: {old} requests with the old key, {new} with the new one");
    }
}

/// Each world is worse than what is promised for, so a run must find it.
#[test]
fn a_planted_fault_is_found() {
    // As long as it takes until the fault shows.
    let around = |length| Scenario { length, edges: 20, authorizers: 20, ..Scenario::around_a_rotation() };
    let long = MINUTE * 300..MINUTE * 300;
    let mut lagging_emergency = Scenario::day().quick();
    lagging_emergency.lag = MINUTE * 10..MINUTE * 20;
    let outage = |length| {
        let from = Moment::at(MINUTE * 20);
        vec![Trouble { copy: None, time: from..from.after(length), kind: TroubleKind::Fails }]
    };
    let mut late_readers = around(MINUTE * 135);
    late_readers.signer.ttl = MINUTE * 200;
    for (fault, scenario, expected) in [
        ("edges that keep their keys too long", late_readers, "valid requests were refused within the limits"),
        (
            "a replica that lags too far",
            Scenario { lag: long, ..around(MINUTE * 75) },
            "valid requests were refused within",
        ),
        (
            "too long an outage",
            Scenario { troubles: outage(MINUTE * 35), ..around(MINUTE * 60) },
            "valid requests were refused",
        ),
        (
            "clocks that differ too much",
            Scenario { skew: Duration::from_secs(8), verify_one_of: 10, ..around(MINUTE * 5) },
            "valid requests were refused within the limits",
        ),
        (
            "a dropped key that a replica keeps",
            lagging_emergency,
            "requests with the dropped key were admitted after the bound",
        ),
    ] {
        let broken = broken(&scenario);
        assert!(broken.iter().any(|promise| promise.contains(expected)), "{fault}: {broken:?}");
    }
}

#[track_caller]
fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulation")).args(arguments).output().unwrap()
}

#[test]
fn the_same_seed_prints_and_draws_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let day = |seed: &str, format: &str| {
        let charts = folder.path().to_str().unwrap();
        let output = simulate(&["day", "--quick", "--seed", seed, "--format", format, "--charts", charts]);
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
        (output.stdout, fs::read(folder.path().join("day.svg")).unwrap())
    };
    for format in ["text", "json"] {
        let first = day("1", format);
        assert!(day("1", format) == first, "{format}: a run is not repeated");
        assert!(day("2", format) != first, "{format}: the seed changes nothing");
    }
}

#[test]
fn quick_runs_of_the_search_and_of_the_costs_say_what_they_did() {
    let limits = "4 hours around a rotation; quick: each first refusal may come up to 30m earlier";
    let copies = "copies: 100 edge processes in 13 Regions and 10 authorizer processes, 1 day";
    for (part, expected) in [("limits", limits), ("copies", copies)] {
        let output = simulate(&[part, "--quick"]);
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{part}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected), "{part}");
    }
}

#[test]
fn a_wrong_command_line_is_an_error_that_says_what_is_accepted() {
    for (arguments, expected) in [
        (&["week"][..], "[possible values: quarter, day, limits, copies, all]"),
        (&["--seed", "x"], "invalid value 'x' for '--seed <NUMBER>'"),
        (&["--format", "xml"], "[possible values: text, json]"),
        (&["--fast"], "unexpected argument '--fast'"),
    ] {
        let output = simulate(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}
