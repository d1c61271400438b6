//! The hint of an interrupted `countersign keys rotate --secret`: the whole command if the rotation can go on, and no
//! hint if it cannot.
//!
//! Real programs and the fake AWS.

use crate::{
    cli::support::on_aws::run,
    fake_aws::{
        FakeAws,
        cloud_formation::Parameter,
        faults::{Fault, Happening},
        secrets_manager::Replication,
    },
    support::{aws_clients::aws_variables, keys::key_set, patience::PATIENCE},
};
use std::process::Output;
use tokio::{process::Command, time::timeout};

const REGION: &str = "eu-west-1";
const HINT: &str = "hint: to continue it, run: ";

async fn aws() -> (FakeAws, String) {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
    // A name that a shell would take for two.
    aws.create_stack(REGION, "an api", &[Parameter::new("Timestamp", "2026-01-01")], &[]);
    (aws, arn)
}

/// Runs a line of shell.
async fn run_line(aws: &FakeAws, line: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new("sh");
    command.args(["-c", line]).envs(aws_variables(aws.endpoint(), "sa-east-1")).kill_on_drop(true);
    let Output { status, stdout, stderr } = timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The hint is on a line of its own, and there is only one.
#[track_caller]
fn hint(error: &str) -> &str {
    let hints: Vec<_> = error.lines().filter_map(|line| line.strip_prefix(HINT)).collect();
    let [hint] = hints[..] else { panic!("one hint: {error}") };
    hint
}

/// Put, and not promoted: the command of the hint completes the emergency, with all flags.
#[tokio::test]
async fn the_hint_repeats_the_whole_command() {
    let (aws, arn) = aws().await;
    aws.fail(Fault::always(Happening::ServerError).of("UpdateSecretVersionStage"));
    let flags = ["--stack", "an api", "--regions", "us-east-1", "--lead", "2h", "--replication=1s", "--emergency"];
    let arguments = [&["keys", "rotate", "--secret", &arn][..], &flags].concat();
    let (status, out, error) = run(aws.endpoint(), &arguments).await;
    assert_eq!((status, out.as_str()), (Some(1), ""), "{error}");
    let line = hint(&error);
    let words = shell_words(line).await;
    assert_eq!(words[1..words.len() - 2], arguments, "{line}");
    let id = words.last().unwrap().clone();
    assert_eq!(words[words.len() - 2], "--id");

    // It is interrupted again, and the hint is the same: no flag appears twice.
    let (status, _, error) = run_line(&aws, line).await;
    assert_eq!((status, hint(&error)), (Some(1), line));

    aws.heal();
    let (status, out, error) = run_line(&aws, line).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    for part in ["emergency: every old key is dropped", "keys dropped: k1", "CloudFormation updates it now", &id] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    assert!(!out.contains("planned"), "{out}");
    assert!(out.contains(&format!("rotated {arn}: version {id} (emergency, which was pending)")), "{out}");
    assert_eq!(aws.count("PutSecretValue"), 1);
}

/// As a shell reads them.
async fn shell_words(line: &str) -> Vec<String> {
    let output = Command::new("sh").args(["-c", &format!("printf '%s\\n' {line}")]).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A given id appears only once in the hint.
#[tokio::test]
async fn an_id_that_was_given_is_repeated_once() {
    let id = "the-id-that-somebody-has-given-it";
    for given in [&["--id", id][..], &["--id=the-id-that-somebody-has-given-it"]] {
        let (aws, arn) = aws().await;
        aws.fail(Fault::always(Happening::ServerError).of("UpdateSecretVersionStage"));
        let arguments = [&["keys", "rotate"][..], given, &["--secret", &arn]].concat();
        let (_, _, error) = run(aws.endpoint(), &arguments).await;
        let words = shell_words(hint(&error)).await;
        assert_eq!(words[1..], ["keys", "rotate", "--secret", &arn, "--id", id], "{error}");
    }
}

type Break = fn(&FakeAws);

#[tokio::test]
async fn without_a_begun_rotation_there_is_no_hint() {
    let table: [(Break, bool, &str); 14] = [
        (|aws| aws.deny("secretsmanager:DescribeSecret"), false, "AWS denies the call"),
        (|aws| aws.deny("secretsmanager:GetSecretValue"), false, "AWS denies the call"),
        (|aws| aws.deny("secretsmanager:PutSecretValue"), false, "AWS denies the call"),
        (|aws| aws.expire_credentials(), false, "the AWS credentials have expired"),
        (
            |aws| aws.fail(Fault::always(Happening::ServerError).of("DescribeSecret")),
            false,
            "failed (InternalServiceError",
        ),
        (|aws| aws.fail(Fault::always(Happening::Throttled).of("GetSecretValue")), false, "AWS throttles"),
        (|aws| aws.fail(Fault::always(Happening::Garbage).of("GetSecretValue")), false, "is not from secretsmanager"),
        (|aws| aws.fail(Fault::always(Happening::Echo).of("PutSecretValue")), false, "InvalidRequestException"),
        (|aws| aws.set_replication("keys", "us-east-1", Replication::Failed), false, "is not in sync"),
        // The version may have been put.
        (|aws| aws.fail(Fault::always(Happening::ServerError).of("PutSecretValue")), true, "InternalServiceError"),
        (|aws| aws.fail(Fault::always(Happening::DroppedAfter).of("PutSecretValue")), true, "secretsmanager"),
        (|aws| aws.fail(Fault::always(Happening::Garbage).of("PutSecretValue")), true, "is not from secretsmanager"),
        // The version has been put.
        (|aws| aws.deny("secretsmanager:UpdateSecretVersionStage"), true, "AWS denies the call"),
        (|aws| aws.set_stack_status("an api", "UPDATE_IN_PROGRESS"), true, "the stack is not updated"),
    ];
    for (break_it, begun, expected) in table {
        let (aws, arn) = aws().await;
        break_it(&aws);
        let (status, _, error) = run(aws.endpoint(), &["keys", "rotate", "--secret", &arn, "--stack", "an api"]).await;
        assert_eq!(status, Some(1), "{error}");
        assert!(error.starts_with("error: ") && error.contains(expected), "{error}");
        assert_eq!((error.contains("hint"), error.contains("to continue it")), (begun, begun), "{error}");
        assert_eq!(error.contains("the rotation stopped before its end"), begun, "{error}");
    }
    // There is no hint if the plan is refused.
    let (aws, arn) = aws().await;
    for _ in 0..7 {
        assert_eq!(run(aws.endpoint(), &["keys", "rotate", "--secret", &arn]).await.0, Some(0));
    }
    let (status, _, error) = run(aws.endpoint(), &["keys", "rotate", "--secret", &arn]).await;
    assert_eq!(status, Some(1));
    let full = "error: the new key set would have 9 keys, and may have at most 8: key k1 expires first, at 20";
    assert!(error.starts_with(full) && error.contains("(in 2 h ") && !error.contains("hint"), "{error}");
}
