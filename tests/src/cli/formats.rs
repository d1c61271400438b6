//! What `countersign` prints for programs: `--format json`, the version, and completions; and which chapters `tour --only` runs.

use crate::{
    cli::support::{
        countersign::{countersign, run},
        on_aws,
    },
    fake_aws::{FakeAws, cloud_formation::Parameter},
    support::{keys::key_set, patience::PATIENCE},
};
use regex::Regex;
use serde_json::{Value, json};
use std::{fs, process::Command};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

#[track_caller]
fn parsed((status, out, error): (Option<i32>, String, String)) -> Value {
    assert_eq!((status, error.as_str()), (Some(0), ""), "{out}");
    serde_json::from_str(&out).unwrap()
}

/// The value without its times, which are all RFC 3339.
fn timeless(mut value: Value) -> Value {
    let time = Regex::new("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$").unwrap();
    fn each(value: &mut Value, time: &Regex) {
        match value {
            Value::Object(members) => members.values_mut().for_each(|value| each(value, time)),
            Value::Array(members) => members.iter_mut().for_each(|value| each(value, time)),
            Value::String(text) if time.is_match(text) => *text = "TIME".to_owned(),
            _ => {}
        }
    }
    each(&mut value, &time);
    value
}

fn sorted(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_key_file_is_shown_and_rotated_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let path = path.to_str().unwrap();
    run(&["keys", "init", "--keys", path]).await;
    let shown = parsed(run(&["keys", "show", "--format", "json", "--keys", path]).await);
    let first = shown["keys"][0]["kid"].as_str().unwrap().to_owned();
    let signs = json!({"kid": first, "signs_from": "TIME", "state": "signs"});
    assert_eq!(timeless(shown), json!({"file": path, "keys": [signs], "api_keys": 1}));

    let before = fs::read(path).unwrap();
    let dry = parsed(run(&["keys", "rotate", "--dry-run", "--format", "json", "--keys", path]).await);
    assert_eq!((&dry["dry_run"], fs::read(path).unwrap()), (&true.into(), before));

    let rotated = parsed(run(&["keys", "rotate", "--format", "json", "--keys", path]).await);
    let new = rotated["new_key"].as_str().unwrap().to_owned();
    let expected = json!({
        "dry_run": false,
        "kind": "planned",
        "new_key": new,
        "dropped": [],
        "bounds": {"new_key_signs_from": "TIME", "old_keys_accepted_until": "TIME"},
        "file": path,
        "keys": [
            {"kid": first, "signs_from": "TIME", "accepted_until": "TIME", "state": "signs"},
            {"kid": new, "signs_from": "TIME", "state": "not-yet-in-force"},
        ],
        "api_keys": 2,
    });
    assert_eq!(timeless(rotated), expected);

    let emergency = parsed(run(&["keys", "rotate", "--emergency", "--format", "json", "--keys", path]).await);
    assert_eq!((&emergency["kind"], &emergency["dropped"]), (&"emergency".into(), &json!([first, new])));
    assert_eq!(
        sorted(&emergency["bounds"]),
        ["authorizers_drop_the_old_by", "edges_sign_with_it_by", "or_in_an_outage_by", "or_those_in_an_outage_by"]
    );
}

#[tokio::test]
async fn a_secret_is_shown_and_rotated_as_json() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret("eu-west-1", "keys", &key_set().to_json(), &["us-east-1"]);
    aws.create_stack("eu-west-1", "api", &[Parameter::new("Timestamp", "2026-01-01")], &[]);
    let keys = async |arguments: &[&str]| {
        let arguments = [&["keys", arguments[0], "--format", "json", "--secret", &arn], &arguments[1..]].concat();
        parsed(on_aws::run(aws.endpoint(), &arguments).await)
    };
    let shown = keys(&["show"]).await;
    let version = shown["version"].as_str().unwrap().to_owned();
    let expected = json!({
        "secret": arn,
        "version": version,
        "created": "TIME",
        "keys": [{"kid": "k1", "signs_from": "TIME", "state": "signs"}],
        "replicas": [{"region": "us-east-1", "in_sync": true, "status": shown["replicas"][0]["status"]}],
    });
    assert_eq!(timeless(shown.clone()), expected);

    let dry = keys(&["rotate", "--stack", "api", "--dry-run"]).await;
    assert_eq!(sorted(&dry), ["dry_run", "id", "keys", "notes", "outcome", "stack", "versions"]);
    assert_eq!((&dry["dry_run"], &dry["outcome"], aws.history("keys").len()), (&true.into(), &"rotated".into(), 1));

    // The report of the function, member by member.
    let rotated = keys(&["rotate", "--stack", "api"]).await;
    assert_eq!(sorted(&rotated), ["id", "keys", "stack", "trigger", "versions"]);
    assert_eq!((&rotated["trigger"], &rotated["id"]), (&"manual".into(), &rotated["versions"][0]["id"]));
    assert_eq!((&rotated["keys"]["planned_from"], &rotated["keys"]["kind"]), (&version.into(), &"planned".into()));
    assert_eq!((&rotated["stack"]["name"], &rotated["stack"]["outcome"]), (&"api".into(), &"updating".into()));
    let members: Vec<_> = dry["versions"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, rotated["versions"][0].as_object().unwrap().keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_tour_runs_only_the_chapters_that_are_named() {
    let (status, out, _) = run(&["tour", "--only", "http-time", "--only", "rest-doors"]).await;
    let titles: Vec<_> = out.lines().filter(|line| line.starts_with("rest-") || line.starts_with("http-")).collect();
    assert_eq!(status, Some(0), "{out}");
    // In the order of the tour.
    let expected = [
        "rest-doors  REST API: the back door is closed, the front door is open",
        "http-time  HTTP API: time, with signatures that are valid for 2 s and clocks that agree",
    ];
    assert_eq!(titles, expected, "{out}");
    assert!(out.ends_with("\n\n9 of 9 as expected\n"), "{out}");

    let told = parsed(run(&["tour", "--only", "rest-monitor", "--format", "json"]).await);
    let row = |tried: &str, seen: &str| json!({"tried": tried, "expected": seen, "seen": seen, "ok": true});
    let expected = json!({
        "chapters": [{
            "slug": "rest-monitor",
            "title": "REST API: monitor mode, the first step on a live API",
            "ok": true,
            "rows": [
                row("through CloudFront", "200 admitted"),
                row("the API's own URL, with only the API key", "200 would-be-refused: header-missing"),
                row("signed headers on another path", "200 would-be-refused: path"),
            ],
        }],
        "rows": 3,
        "rows_ok": 3,
        "ok": true,
    });
    assert_eq!(told, expected);
}

/// The second chapter takes ten seconds; the first is there before it ends.
#[tokio::test]
async fn a_chapter_is_printed_when_it_ends() {
    let mut tour = countersign(&["tour", "--only", "rest-doors", "--only", "keys-rotation"]).spawn().unwrap();
    let mut lines = BufReader::new(tour.stdout.take().unwrap()).lines();
    loop {
        let line = timeout(PATIENCE, lines.next_line()).await.expect("it is printed in time").unwrap();
        assert!(tour.try_wait().unwrap().is_none(), "the tour goes on");
        if line.unwrap().is_empty() {
            break;
        }
    }
    tour.kill().await.unwrap();
}

#[tokio::test]
async fn the_version_has_a_commit_if_it_was_built_in_a_checkout() {
    let (status, out, _) = run(&["--version"]).await;
    let form = format!("^countersign {}( \\([0-9a-f]{{12,40}}\\))?\n$", env!("CARGO_PKG_VERSION").replace('.', "\\."));
    assert!(status == Some(0) && Regex::new(&form).unwrap().is_match(&out), "{out}");
}

#[tokio::test]
async fn a_shell_understands_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (status, script, error) = run(&["completions", shell]).await;
        assert_eq!((status, error.as_str()), (Some(0), ""), "{shell}");
        for word in ["countersign", "rotate", "emergency"] {
            assert!(script.contains(word), "{shell}: {word} is not in it");
        }
    }
    let (_, script, _) = run(&["completions", "bash"]).await;
    let ask =
        "COMP_WORDS=(countersign keys rot); COMP_CWORD=2; _countersign countersign rot keys; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", &format!("{script}\n{ask}")]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "rotate\n");
}
