//! A command whose output cannot be written fails, and still does all that it was asked to do.

use crate::{
    cli::support::countersign::countersign,
    fake_aws::FakeAws,
    support::{
        aws_clients::aws_variables,
        keys::{Keys, key_set},
        patience::PATIENCE,
    },
};
use std::{
    collections::BTreeSet,
    env,
    fs::{self, OpenOptions},
    io::pipe,
    iter,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Output, Stdio},
};
use tokio::time::timeout;

const REGION: &str = "eu-west-1";

/// Every command that does something, and its variants: `{new}` and `{keys}` are key files, `{empty}` and `{secret}` secrets. The
/// last column says whether it changes keys.
const COMMANDS: [(&str, &[&str], bool); 10] = [
    (
        "local",
        &[
            "--edge 127.0.0.1:0 --gateway 127.0.0.1:0",
            "--edge 127.0.0.1:0 --gateway 127.0.0.1:0 --api http --mode monitor --keys {keys}",
        ],
        false,
    ),
    ("tour", &["--only rest-doors", "--only rest-doors --format json"], false),
    (
        "sign",
        &["GET http://127.0.0.1:8081/prod/pets --keys {keys}", "GET http://127.0.0.1:8081/ --keys {keys} --curl"],
        false,
    ),
    ("keys init", &["--keys {new}", "--secret {empty}"], true),
    (
        "keys show",
        &["--keys {keys}", "--keys {keys} --format json", "--secret {secret}", "--secret {secret} --format json"],
        false,
    ),
    (
        "keys rotate",
        &[
            "--keys {keys}",
            "--keys {keys} --format json",
            "--keys {keys} --emergency",
            "--secret {secret}",
            "--secret {secret} --format json",
            "--secret {secret} --emergency",
        ],
        true,
    ),
    ("explain", &["query", "query --format json"], false),
    (
        "doctor",
        &[
            "--api-url http://127.0.0.1:1 --distribution http://127.0.0.1:1",
            "--api-url http://127.0.0.1:1 --distribution http://127.0.0.1:1 --format json",
        ],
        false,
    ),
    ("status", &["--stack pets", "--stack pets --format json"], false),
    ("completions", &["bash", "elvish", "fish", "powershell", "zsh"], false),
];

/// The command line of AWS, for the command that calls it. It shows one stack, and all other calls fail.
const AWS: &str = r#"#!/bin/sh
case "$*" in
*describe-stacks*)
    echo '{"Stacks": [{
        "StackName": "pets", "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/1",
        "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-11-26T07:00:00Z",
        "Outputs": [
            {"OutputKey": "AuthorizerFunctionName", "OutputValue": "pets-authorizer"},
            {"OutputKey": "SigningSecretArn", "OutputValue": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf"}
        ]
    }]}' ;;
*) exit 254 ;;
esac
"#;

/// What only looks ahead.
const DRY_RUNS: [&str; 4] = [
    "keys rotate --dry-run --keys {keys}",
    "keys rotate --dry-run --keys {keys} --format json",
    "keys rotate --dry-run --secret {secret}",
    "keys rotate --dry-run --secret {secret} --format json",
];

/// Every command below this one, by its whole name, as the help lists them.
async fn commands_below(name: &str) -> BTreeSet<String> {
    let words: Vec<_> = name.split_whitespace().chain(["--help"]).collect();
    let help = String::from_utf8(countersign(&words).output().await.unwrap().stdout).unwrap();
    let mut all = BTreeSet::new();
    let listed = help.split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap());
    for line in listed.into_iter().flat_map(str::lines) {
        let below = line.strip_prefix("  ").and_then(|line| line.split(' ').next()).filter(|word| !word.is_empty());
        if let Some(below) = below.filter(|below| *below != "help") {
            let name = format!("{name} {below}").trim_start().to_owned();
            all.extend(Box::pin(commands_below(&name)).await);
            all.insert(name);
        }
    }
    all
}

#[tokio::test]
async fn each_command_has_its_row() {
    let all = commands_below("").await;
    let does_nothing = |name: &String| all.iter().any(|other| other.starts_with(&format!("{name} ")));
    let leaves: Vec<_> = all.iter().filter(|name| !does_nothing(name)).map(String::as_str).collect();
    let mut rows: Vec<_> = COMMANDS.iter().map(|(name, ..)| *name).collect();
    rows.sort_unstable();
    assert_eq!(rows, leaves);
}

/// Runs a command whose output goes there, with key files and secrets of its own. Returns also whether the keys changed.
async fn run(command: &str, stdout: impl Into<Stdio>) -> (Option<i32>, String, bool) {
    let aws = FakeAws::start().await;
    let secret = aws.create_secret(REGION, "keys", &key_set().to_json(), &[]);
    let empty = aws.create_empty_secret(REGION, "empty");
    let (keys, new) = (Keys::new(), Keys::none());
    let command = command.replace("{keys}", keys.file.path().to_str().unwrap());
    let command = command.replace("{new}", new.file.path().to_str().unwrap());
    let command = command.replace("{secret}", &secret).replace("{empty}", &empty);
    let read = |path: &Path| fs::read(path).ok();
    let state = || {
        let secrets = ["keys", "empty"].map(|name| aws.labels(name));
        format!("{:?} {:?} {secrets:?}", read(keys.file.path()), read(new.file.path()))
    };
    let folder = tempfile::tempdir().unwrap();
    if command.starts_with("status --stack ") {
        let program = folder.path().join("aws");
        fs::write(&program, AWS).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths(iter::once(folder.path().to_owned()).chain(env::split_paths(&path))).unwrap();
    let before = state();
    let words: Vec<_> = command.split_whitespace().collect();
    let child = countersign(&words)
        .env("PATH", path)
        .envs(aws_variables(aws.endpoint(), REGION))
        .stdout(stdout)
        .spawn()
        .unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends");
    let Output { status, stderr, .. } = output.unwrap();
    (status.code(), String::from_utf8(stderr).unwrap(), state() != before)
}

/// A disk that is full, and a reader that reads nothing.
async fn check(command: &str, changes: bool) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (status, error, changed) = run(command, full).await;
    let done = if changes { "all that was asked is done, but " } else { "" };
    let expected = format!("error: {done}standard output cannot be written: No space left on device (os error 28)");
    // The log of `local` is before it.
    assert_eq!((status, error.lines().last()), (Some(1), Some(expected.as_str())), "{command}: {error}");
    assert!(!error.contains("panicked"), "{command}: {error}");
    assert_eq!(changed, changes, "{command}");

    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let (status, error, changed) = run(command, writer).await;
    // A status that says what was found is kept: here that not all could be read.
    let is_report = command.starts_with("status --stack ") || command.starts_with("doctor --api-url ");
    let expected = if is_report { 1 } else { 141 };
    assert_eq!((status, error.as_str(), changed), (Some(expected), "", changes), "{command}");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_command_whose_output_cannot_be_written_fails_and_has_done_its_work() {
    for (name, variants, changes) in COMMANDS {
        for variant in variants {
            check(&format!("{name} {variant}"), changes).await;
        }
    }
    for dry_run in DRY_RUNS {
        check(dry_run, false).await;
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn help_and_version_that_cannot_be_written_fail() {
    for command in ["--help", "-h", "--version", "help", "help keys rotate"] {
        check(command, false).await;
    }
    for name in commands_below("").await {
        check(&format!("{name} --help"), false).await;
    }
}

/// An error has its own status, and says nothing about the output that it does not have.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_error_keeps_its_status_and_is_told_alone() {
    for (command, status) in
        [("keys show --keys /nowhere/keys.json", 1), ("keys show", 2), ("keys", 2), ("nonsense", 2)]
    {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (found, error, _) = run(command, full).await;
        assert_eq!(found, Some(status), "{command}: {error}");
        assert!(!error.contains("standard output"), "{command}: {error}");
    }
}
