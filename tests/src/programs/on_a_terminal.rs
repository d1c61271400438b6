//! What `countersign` shows on a terminal only: the line about what it waits for, and colours.

use crate::{
    cli::support::countersign::countersign,
    fake_aws::{FakeAws, secrets_manager::Lag},
    support::{
        aws_clients::aws_variables,
        keys::{Keys, key_set},
        patience::PATIENCE,
        terminal::{Ended, OnTerminal, Output, without_colours},
    },
};
use std::{env, fs, fs::OpenOptions, iter, os::unix::fs::PermissionsExt as _, process};
use tempfile::TempDir;
use tokio::{process::Command, task::spawn_blocking, time::timeout};

const REGION: &str = "eu-west-1";

/// The command line of AWS. It answers to one call when the test says so, and all other calls but that about the stack fail.
const AWS: &str = r#"#!/bin/sh
case "$*" in
*@SLOW@*) cat "$(dirname "$0")/go" ;;
esac
case "$*" in
*missing*) echo 'Stack with id missing does not exist' >&2; exit 254 ;;
*describe-stacks*)
    echo '{"Stacks": [{
        "StackName": "pets", "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/1",
        "StackStatus": "CREATE_COMPLETE", "CreationTime": "2020-11-26T07:00:00Z",
        "Outputs": [
            {"OutputKey": "AuthorizerFunctionName", "OutputValue": "pets-authorizer"},
            {"OutputKey": "SigningSecretArn", "OutputValue": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf"}
        ]
    }]}' ;;
*) exit 254 ;;
esac
"#;

/// A folder with a program `aws` that waits at one call.
struct SlowAws {
    folder: TempDir,
}

impl SlowAws {
    fn at(call: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("aws");
        fs::write(&program, AWS.replace("@SLOW@", call)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(process::Command::new("mkfifo").arg(folder.path().join("go")).status().unwrap().success());
        Self { folder }
    }

    fn status(&self, stack: &str) -> Command {
        let mut command = countersign(&["status", "--stack", stack]);
        let path = env::var_os("PATH").unwrap();
        let path = iter::once(self.folder.path().to_owned()).chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(path).unwrap()).env("TERM", "xterm").env_remove("NO_COLOR");
        command
    }

    /// Lets the call go on. A pipe of this kind opens when both sides open it.
    async fn go_on(&self) {
        let path = self.folder.path().join("go");
        let opened = spawn_blocking(|| OpenOptions::new().write(true).open(path).unwrap());
        timeout(PATIENCE, opened).await.expect("it is waiting").unwrap();
    }
}

/// Nothing is left of the line, the cursor was never hidden, and the line has no colour.
#[track_caller]
fn assert_clean(ended: &Ended, line: &str) {
    let Ended { printed, .. } = ended;
    assert!(printed.contains(line), "{printed:?}");
    assert!(!ended.seen().contains(line) && !printed.contains("\u{1b}[?25"), "{printed:?}");
    let drawn = printed.split("\r\u{1b}[2K").filter(|drawn| drawn.contains(line));
    drawn.for_each(|drawn| assert!(!drawn.contains('\u{1b}'), "{printed:?}"));
}

const LAST_CALL: &str = " s  reading stack pets, 7 of 8 done: cloudwatch get-metric-data";

#[tokio::test]
async fn status_shows_what_it_waits_for_and_prints_the_same_as_to_a_pipe() {
    let mut printed = Vec::new();
    for output in [Output::Pipe, Output::Terminal] {
        let aws = SlowAws::at("get-metric-data");
        let mut running = OnTerminal::start(aws.status("pets"), output);
        running.prints(LAST_CALL).await;
        aws.go_on().await;
        let ended = running.end().await;
        assert_clean(&ended, LAST_CALL);
        assert_eq!(ended.status, Some(1));
        match output {
            Output::Pipe => assert_eq!(ended.seen(), ""),
            Output::Terminal => assert!(ended.seen().contains("\u{1b}["), "{}", ended.seen()),
        }
        printed.push(if ended.out.is_empty() { ended.text() } else { ended.out });
    }
    // It takes longer than the half second after which a line would appear.
    let aws = SlowAws::at("get-metric-data");
    let script = fs::read_to_string(aws.folder.path().join("aws")).unwrap();
    fs::write(aws.folder.path().join("aws"), script.replace("cat \"$(dirname \"$0\")/go\"", "sleep 1")).unwrap();
    let piped = timeout(PATIENCE, aws.status("pets").output()).await.expect("it ends").unwrap();
    assert_eq!((piped.status.code(), String::from_utf8(piped.stderr).unwrap().as_str()), (Some(1), ""));
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.contains("stack          pets CREATE_COMPLETE"), "{piped}");
    assert_eq!(printed, [piped.as_str(); 2]);
    // A terminal that cannot move its cursor.
    let mut command = aws.status("pets");
    command.env("TERM", "dumb");
    let dumb = OnTerminal::start(command, Output::Terminal).end().await;
    assert_eq!(dumb.printed, piped.replace('\n', "\r\n"));
}

#[tokio::test]
async fn an_error_is_printed_without_the_line() {
    let aws = SlowAws::at("describe-stacks");
    let mut running = OnTerminal::start(aws.status("missing"), Output::Terminal);
    let line = " s  reading stack missing: cloudformation describe-stacks";
    running.prints(line).await;
    aws.go_on().await;
    let ended = running.end().await;
    assert_clean(&ended, line);
    let expected =
        "error: aws cloudformation describe-stacks: it ended with status 254: Stack with id missing does not exist\n";
    assert_eq!((ended.status, ended.text().as_str()), (Some(1), expected));
}

#[tokio::test]
async fn ctrl_c_removes_the_line_and_ends_the_command_by_the_signal() {
    let aws = SlowAws::at("get-metric-data");
    let mut running = OnTerminal::start(aws.status("pets"), Output::Terminal);
    running.prints(LAST_CALL).await;
    running.interrupt();
    let ended = running.end().await;
    assert_clean(&ended, LAST_CALL);
    // A shell ends its loop only if the signal ended the command.
    assert_eq!((ended.status, ended.signal, ended.seen().as_str()), (None, Some(2), ""));
    assert!(ended.printed.ends_with("\r\u{1b}[2K"), "{:?}", ended.printed);
}

/// A script has started it in the background, for which its shell ignores Ctrl-C.
#[tokio::test]
async fn ctrl_c_that_is_ignored_does_not_end_the_command() {
    let aws = SlowAws::at("get-metric-data");
    let status = aws.status("pets");
    let status = status.as_std();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$@\"", "sh"]).arg(status.get_program()).args(status.get_args());
    for (name, value) in status.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut running = OnTerminal::start(command, Output::Pipe);
    running.prints(LAST_CALL).await;
    running.interrupt();
    aws.go_on().await;
    let ended = running.end().await;
    assert_clean(&ended, LAST_CALL);
    assert_eq!((ended.status, ended.signal, ended.seen().as_str()), (Some(1), None, ""));
    assert!(ended.out.contains("stack          pets CREATE_COMPLETE"), "{}", ended.out);
}

#[tokio::test]
async fn the_tour_prints_its_chapters_above_the_line() {
    let arguments = ["tour", "--only", "rest-doors", "--only", "rest-time"];
    let mut command = countersign(&arguments);
    command.env("TERM", "xterm");
    let mut running = OnTerminal::start(command, Output::Terminal);
    let line = " s  running the tour, 1 of 2 done: rest-time";
    running.prints(line).await;
    let ended = running.end().await;
    assert_clean(&ended, line);
    let piped = timeout(PATIENCE, countersign(&arguments).output()).await.expect("it ends").unwrap();
    assert_eq!(String::from_utf8(piped.stderr).unwrap(), "");
    assert_eq!((ended.status, ended.text()), (Some(0), String::from_utf8(piped.stdout).unwrap()));
}

#[tokio::test]
async fn a_rotation_shows_that_it_waits_for_a_replica() {
    let aws = FakeAws::start().await;
    let secret = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
    aws.hold_back("keys", "us-east-1", Lag::UntilTold);
    let mut command = countersign(&["keys", "rotate", "--replication", "1m", "--secret", &secret]);
    command.envs(aws_variables(aws.endpoint(), REGION)).env("TERM", "xterm");
    let mut running = OnTerminal::start(command, Output::Pipe);
    let line = " s  the keys are rotated; reading them in each Region, for up to 1m";
    running.prints(line).await;
    aws.catch_up("keys", "us-east-1");
    let ended = running.end().await;
    assert_clean(&ended, line);
    assert_eq!((ended.status, ended.seen().as_str()), (Some(0), ""));
    assert!(ended.out.contains("replica in us-east-1: InSync"), "{}", ended.out);
}

/// Another process holds the lock of the file.
#[tokio::test]
async fn a_rotation_of_a_file_shows_that_it_waits_for_another() {
    let keys = Keys::new();
    let path = keys.file.path().to_str().unwrap();
    let other = fs::File::open(path).unwrap();
    other.lock().unwrap();
    let mut command = countersign(&["keys", "rotate", "--keys", path]);
    command.env("TERM", "xterm");
    let mut running = OnTerminal::start(command, Output::Pipe);
    let line = " s  waiting for another process that rotates ";
    running.prints(line).await;
    drop(other);
    let ended = running.end().await;
    assert_clean(&ended, line);
    assert_eq!((ended.status, ended.seen().as_str()), (Some(0), ""));
    assert!(ended.out.ends_with(&format!("rotated {path}\n")), "{}", ended.out);
}

#[tokio::test]
async fn explain_has_colours_on_a_terminal_that_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, r#"{"event":"request-refused","reason":"query","detail":"the query differs"}"#).unwrap();
    let command = || {
        let mut command = countersign(&["explain", log.to_str().unwrap()]);
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        command
    };
    let piped = String::from_utf8(command().output().await.unwrap().stdout).unwrap();
    assert!(piped.contains("query") && !piped.contains('\u{1b}'), "{piped:?}");
    for (name, value, coloured) in [
        ("TERM", "xterm", true),
        // Only a value that is not empty counts (no-color.org).
        ("NO_COLOR", "", true),
        ("NO_COLOR", "1", false),
        ("TERM", "dumb", false),
    ] {
        let mut command = command();
        command.env(name, value);
        let ended = OnTerminal::start(command, Output::Terminal).end().await;
        assert_eq!(ended.printed.contains('\u{1b}'), coloured, "{name}={value}: {:?}", ended.printed);
        assert_eq!(without_colours(&ended.printed).replace("\r\n", "\n"), piped, "{name}={value}");
    }
    // Standard error is a terminal, and standard output is not.
    let ended = OnTerminal::start(command(), Output::Pipe).end().await;
    assert_eq!((ended.out, ended.printed.as_str()), (piped, ""));
}
