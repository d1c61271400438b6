//! `countersign doctor --learn`: on this machine, and in an account that is a program in the place of the AWS command line.
//!
//! That program says what CloudFormation would, and its stack is four gateways of `local` with the observing function of
//! `infra/learn.yaml`. So the whole run is shown but for three things: that CloudFormation makes the template, that AWS's own servers
//! answer, and TLS.

pub(crate) mod account;

use crate::cli::{learn::account::Account, support::countersign::run};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// What `local` shows, which is what is assumed.
const LOCAL: &str = include_str!("../../../cli/src/doctor/learn/observed/local.json");

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// A file of AWS that is as that of `local`, but for one answer.
fn from_aws(kind: &str, probe: &str, change: impl Fn(&mut Value)) -> String {
    let mut file: Value = serde_json::from_str(LOCAL).unwrap();
    file["observed_on"] = json!("aws");
    file["region"] = json!("eu-west-1");
    file["on"] = json!("2026-11-27");
    let observations = file["observations"].as_array_mut().unwrap().iter_mut();
    let of_probe: Vec<_> = observations.filter(|one| one["kind"] == kind && one["probe"] == probe).collect();
    assert_eq!(of_probe.len(), 2, "directly and through CloudFront");
    of_probe.into_iter().for_each(change);
    file.to_string()
}

#[tokio::test]
async fn a_run_on_this_machine_writes_what_is_assumed() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "learned.json");
    let arguments = ["doctor", "--learn", "--on", "local", "--output", &file];
    let (status, out, error) = run(&arguments).await;
    assert_eq!((status, error), (Some(0), format!("written: {file}\n")));
    assert_eq!(fs::read_to_string(&file).unwrap(), LOCAL, "update observed/local.json: local shows something else");
    assert!(
        out.starts_with("Observed on local\nThis is what Countersign assumes. It says nothing about AWS.\n"),
        "{out}"
    );
    assert!(out.ends_with("\n25 as assumed, 0 otherwise, 0 not observed, 6 that a run cannot settle\n"), "{out}");

    // A second run does not touch the file.
    let (status, out, error) = run(&arguments).await;
    let expected = format!("error: {file} exists, and is not overwritten\nhint: give a new file with --output\n");
    assert_eq!((status, out.as_str(), error), (Some(1), "", expected));
}

#[tokio::test]
async fn a_file_of_aws_says_what_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "aws.json");
    fs::write(
        &file,
        from_aws("rest", "escaped-slash", |one| one["event"]["requestContext"]["path"] = json!("/rest/echo/a/b")),
    )
    .unwrap();
    let arguments = ["doctor", "--learn", "--from", &file];
    let (status, out, error) = run(&arguments).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    let expected = "\
rest-path: Does a REST API show its authorizer the path with its escapes?
  settled: AWS does otherwise
    GET /rest/echo/a%2Fb, directly: requestContext.path is \"/rest/echo/a/b\" (assumed: \"/rest/echo/a%2Fb\"); then the signed request is refused: the path at the gateway differs from the signed path
    GET /rest/echo/a%2Fb, through CloudFront: requestContext.path is \"/rest/echo/a/b\" (assumed: \"/rest/echo/a%2Fb\"); then the signed request is refused: the path at the gateway differs from the signed path
  assumed: yes: AWS documents it for integrations
  so: `/a%2Fb` is refused, and a captured `/a/b` can be sent again as `/a%2Fb`
";
    assert!(out.contains(expected), "{out}");
    assert!(out.ends_with("\n24 as assumed, 1 otherwise, 0 not observed, 6 that a run cannot settle\n"), "{out}");

    let (status, out, _) = run(&[&arguments[..], &["--format", "json"]].concat()).await;
    let rows: Vec<Value> = serde_json::from_str(&out).unwrap();
    let verdicts = |verdict: &str| rows.iter().filter(|row| row["verdict"] == verdict).count();
    assert_eq!((status, rows.len()), (Some(0), 31));
    assert_eq!((verdicts("as-assumed"), verdicts("otherwise"), verdicts("needs")), (24, 1, 6));
    assert_eq!((&rows[0]["unknown"], rows[0]["details"].as_array().unwrap().len()), (&json!("rest-path"), 2));
}

#[tokio::test]
async fn answers_of_a_door_that_fails_settle_nothing() {
    let mut file: Value = serde_json::from_str(&from_aws("rest", "plain", |_| {})).unwrap();
    for one in file["observations"].as_array_mut().unwrap() {
        if one["way"] == "cloudfront" {
            (one["answered_by"], one["status"]) = (json!("gateway"), json!(503));
            (one["message"], one["event"]) = (Value::Null, Value::Null);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path(), "aws.json");
    fs::write(&path, file.to_string()).unwrap();
    let (status, out, error) = run(&["doctor", "--learn", "--from", &path]).await;
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains(" as assumed, 0 otherwise, "), "{out}");
    let expected: String = ["/rest/echo", "/http/echo", "/http-v1/echo", "/websocket"]
        .map(|target| {
            format!("not ready, so that its answers are not taken: GET {target}, through CloudFront: status 503\n")
        })
        .concat();
    assert_eq!(error, expected);
}

#[tokio::test]
async fn another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "aws.json");
    let secret = from_aws("rest", "plain", |one| one["event"]["headers"] = json!({ "cookie": "a" }));
    for (text, expected) in [
        ("{}".to_owned(), "it is not a file of `countersign doctor --learn`"),
        (secret, "the event of plain: there is no member \"cookie\""),
        (" ".repeat(1_048_577), "it is longer than 1048576 bytes"),
    ] {
        fs::write(&file, text).unwrap();
        let (status, out, error) = run(&["doctor", "--learn", "--from", &file]).await;
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(error.starts_with(&format!("error: {file} cannot be read: {expected}")), "{error}");
    }
    let missing = path(folder.path(), "missing.json");
    let (status, _, error) = run(&["doctor", "--learn", "--from", &missing]).await;
    assert_eq!(status, Some(1));
    assert!(error.starts_with(&format!("error: {missing} cannot be read: No such file")), "{error}");
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    for arguments in [
        &["--learn", "--stack", "pets"][..],
        &["--learn", "--api-url", "https://a1.execute-api.eu-west-1.amazonaws.com/prod"],
        &["--learn", "--path", "/pets"],
        &["--learn", "--from", "a.json", "--on", "local"],
        &["--learn", "--from", "a.json", "--output", "b.json"],
        &["--learn", "--clean", "--from", "a.json"],
        &["--on", "local", "--stack", "pets"],
        &["--learn", "--on", "moon"],
    ] {
        let (status, out, error) = run(&[&["doctor"], arguments].concat()).await;
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_run_in_an_account_makes_asks_and_deletes() {
    let account = Account::new().await;
    let (status, out, error) = account.learn(&[]).await;
    assert_eq!(status, Some(0), "{error}");
    assert!(out.starts_with("Observed on AWS (eu-west-1, 20"), "{out}");
    assert!(out.contains("\n  settled: AWS does as assumed\n"), "{out}");
    // CloudFront is another host there, so that no answer is missing.
    assert!(out.ends_with("\n25 as assumed, 0 otherwise, 0 not observed, 6 that a run cannot settle\n"), "{out}");
    let said: Vec<_> = error.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(said, ["makes", "deletes", "deleted:", "written:"], "{error}");

    let calls = account.calls();
    let [create, describe, delete, described] = &calls[..] else { panic!("{calls:#?}") };
    assert!(create.starts_with("cloudformation create-stack --stack-name countersign-learn-"), "{create}");
    assert!(create.contains(" --capabilities CAPABILITY_IAM --tags Key=countersign-learn,Value=true "), "{create}");
    assert!(create.ends_with(" --output json --region eu-west-1"), "{create}");
    let id = account.stack_id();
    assert!(describe.starts_with(&format!("cloudformation describe-stacks --stack-name {id} ")), "{describe}");
    assert!(delete.starts_with(&format!("cloudformation delete-stack --stack-name {id} ")), "{delete}");
    assert!(described.starts_with("cloudformation describe-stacks"), "{described}");
    assert_eq!(account.template(), include_str!("../../../infra/learn.yaml"));

    // The file is as that of `local`, but for its head: it can be added to the folder.
    let learned = account.learned();
    let (head, observations) = learned.split_once('\n').unwrap();
    assert_eq!(observations, LOCAL.split_once('\n').unwrap().1);
    let head: Value = serde_json::from_str(&format!("{head}]}}")).unwrap();
    assert_eq!((&head["observed_on"], &head["region"]), (&json!("aws"), &json!("eu-west-1")));
    assert!(!learned.contains("123456789012") && !learned.contains("127.0.0.1"), "{learned}");
}

#[tokio::test]
async fn a_stack_that_cannot_be_made_is_deleted() {
    let account = Account::new().await;
    account.set_stack("CREATE_FAILED");
    let (status, out, error) = account.learn(&[]).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let expected = "error: the stack could not be made, it is CREATE_FAILED: Observer: not authorized\n";
    assert!(error.ends_with(expected), "{error}");
    assert!(account.is_deleted());
    assert!(!account.has_learned());
}

#[tokio::test]
async fn what_aws_has_refused_to_make_is_not_deleted() {
    for (code, hint) in [
        ("AccessDenied", ""),
        (
            "AlreadyExistsException",
            "hint: if this run has made the stack, this deletes it: countersign doctor --learn --clean --region eu-west-1\n",
        ),
    ] {
        let account = Account::new().await;
        account.refuse("create-stack", code);
        let (status, out, error) = account.learn(&[]).await;
        assert_eq!((status, out.as_str()), (Some(1), ""));
        let expected = format!(
            "error: aws cloudformation create-stack: it ended with status 254: An error occurred ({code}) when calling the \
             operation: refused\n{hint}"
        );
        assert!(error.ends_with(&expected), "{error}");
        assert!(!account.is_deleted());
    }
}

/// Nobody knows whether there is a stack: Ctrl-C ends the call too.
#[tokio::test]
async fn a_stack_whose_creation_was_interrupted_is_deleted_by_its_name() {
    for signal in ["INT", "HUP"] {
        let account = Account::new().await;
        account.let_creation_wait();
        let (status, out, error) = account.interrupted(signal, "create-stack").await;
        assert_eq!((status, out.as_str()), (Some(1), ""), "{signal}: {error}");
        let expected = "aws cloudformation create-stack: it ended by a signal\ndeletes the stack countersign-learn-";
        assert!(error.contains(expected), "{error}");
        let expected = "\ndeleted: nothing is left\nerror: it was interrupted\nhint: if AWS makes the stack after that, this \
                        deletes it: countersign doctor --learn --clean --region eu-west-1\n";
        assert!(error.ends_with(expected), "{error}");
        account.assert_deleted_by_name();
    }
}

#[tokio::test]
async fn a_stack_whose_creation_has_failed_in_another_way_is_deleted_by_its_name() {
    for prepare in [
        |account: &Account| account.set_created("{"),
        |account: &Account| account.refuse("create-stack", "InternalFailure"),
    ] {
        let account = Account::new().await;
        prepare(&account);
        let (status, out, error) = account.learn(&["--profile", "my own"]).await;
        assert_eq!((status, out.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains("\ndeleted: nothing is left\nerror: aws cloudformation create-stack: "), "{error}");
        let expected = "hint: if AWS makes the stack after that, this deletes it: countersign doctor --learn --clean --region \
                        eu-west-1 --profile 'my own'\n";
        assert!(error.ends_with(expected), "{error}");
        account.assert_deleted_by_name();
    }
}

#[tokio::test]
async fn an_interrupted_run_deletes_its_stack() {
    for signal in ["INT", "TERM", "HUP"] {
        let account = Account::new().await;
        account.set_stack("CREATE_IN_PROGRESS");
        let (status, out, error) = account.interrupted(signal, "describe-stacks").await;
        assert_eq!((status, out.as_str()), (Some(1), ""), "{signal}: {error}");
        assert!(error.ends_with("deleted: nothing is left\nerror: it was interrupted\n"), "{error}");
        assert!(account.is_deleted());
    }
}

/// The answers of ten minutes are kept.
#[tokio::test]
async fn a_deletion_that_fails_says_how_to_end_it_and_the_answers_are_there() {
    let account = Account::new().await;
    account.set_deleted("DELETE_FAILED");
    let (status, out, error) = account.learn(&["--profile", "my own"]).await;
    assert_eq!(status, Some(1));
    assert!(out.ends_with("\n25 as assumed, 0 otherwise, 0 not observed, 6 that a run cannot settle\n"), "{out}");
    assert!(account.has_learned());
    let id = account.stack_id();
    let expected = format!(
        "error: the stack is not deleted, it is DELETE_FAILED: Observer: not authorized\nhint: delete what is left: \
         aws cloudformation delete-stack --stack-name {id} --region eu-west-1 --profile 'my own'\n"
    );
    assert!(error.ends_with(&expected), "{error}");
}

#[tokio::test]
async fn what_is_left_is_the_last_that_is_said() {
    let account = Account::new().await;
    account.set_deleted("DELETE_FAILED");
    account.be_in_the_way();
    let (status, out, error) = account.learn(&[]).await;
    assert_eq!(status, Some(1));
    assert!(out.ends_with("\n25 as assumed, 0 otherwise, 0 not observed, 6 that a run cannot settle\n"), "{out}");
    assert_eq!(account.learned(), "other");
    assert!(error.contains("learned.json cannot be written: "), "{error}");
    let expected = format!(
        "\nhint: delete what is left: aws cloudformation delete-stack --stack-name {} --region eu-west-1\n",
        account.stack_id()
    );
    assert!(error.ends_with(&expected), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_before_anything_is_made() {
    let account = Account::new().await;
    let (status, out, error) = account.run(&["--output", "missing/learned.json"]).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(error.starts_with("error: missing/learned.json cannot be written: "), "{error}");
    assert!(error.ends_with("\nhint: give a file in another folder with --output\n"), "{error}");
    assert!(account.calls().is_empty());
}

#[tokio::test]
async fn leftovers_are_deleted_and_nothing_else() {
    let account = Account::new().await;
    account.set_list(&json!([
        { "name": "countersign-learn-0a1b2c3d", "id": account.stack_id(), "tags": ["true"] },
        { "name": "countersign-learn-00000001", "id": "arn:of:a:stack/without-the-tag", "tags": [] },
        { "name": "countersign-learn-00000002", "id": "arn:of:a:stack/with-another-value", "tags": ["false"] },
        { "name": "countersign-learn-00000003", "id": "arn:of:a:stack/with-no-tags", "tags": null },
        { "name": "countersign-learn-page", "id": "arn:of:a:stack/without-a-number", "tags": ["true"] },
        { "name": "countersign-learn-0A1B2C3D", "id": "arn:of:a:stack/with-another-number", "tags": ["true"] },
        { "name": "countersign-learn-0a1b2c3d4", "id": "arn:of:a:stack/with-a-longer-number", "tags": ["true"] },
        { "name": "pets", "id": "arn:of:a:stack/of-another-name", "tags": ["true"] },
    ]));
    let (status, out, error) = account.clean().await;
    assert_eq!((status, out.as_str()), (Some(0), ""), "{error}");
    let deleted: Vec<_> = account.calls().into_iter().filter(|call| call.contains("delete-stack")).collect();
    assert_eq!(deleted.len(), 1, "{deleted:?}");
    assert!(deleted[0].contains(&account.stack_id()), "{deleted:?}");

    account.set_list(&json!([]));
    let (status, _, error) = account.clean().await;
    assert_eq!((status, error.as_str()), (Some(0), "there is nothing to delete in this Region\n"));
}

#[tokio::test]
async fn a_leftover_that_cannot_be_deleted_keeps_none_of_the_others() {
    let account = Account::new().await;
    let ids = ["arn:kept:1", "arn:kept:2", "arn:left:3"];
    let listed = (1..).zip(ids).map(
        |(number, id)| json!({ "name": format!("countersign-learn-0000000{number}"), "id": id, "tags": ["true"] }),
    );
    account.set_list(&listed.collect());
    account.keep("arn:kept");
    let (status, out, error) = account.clean().await;
    assert_eq!((status, out.as_str()), (Some(1), ""), "{error}");
    let failed = |id: &str| {
        format!(
            "error: the stack is not deleted: aws cloudformation delete-stack: it ended with status 254: kept\nhint: delete what is \
             left: aws cloudformation delete-stack --stack-name {id} --region eu-west-1\n"
        )
    };
    let [first, second] = ["arn:kept:1", "arn:kept:2"].map(failed);
    let expected = format!(
        "deletes the stack arn:kept:1\ndeletes the stack arn:kept:2\n{first}deletes the stack arn:left:3\ndeleted: nothing is \
         left\n{second}"
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn the_real_command_line_makes_and_deletes_the_stack() {
    let account = Account::with_moto(1).await;
    let (status, out, error) = account.learn(&[]).await;
    assert_eq!(status, Some(0), "{error}");
    assert!(out.ends_with("\n25 as assumed, 0 otherwise, 0 not observed, 6 that a run cannot settle\n"), "{out}");
    let deleted = account.calls().into_iter().find(|call| call.contains("delete-stack")).unwrap();
    let id = deleted.split(' ').nth(3).unwrap();
    let stacks = account.aws(&["cloudformation", "describe-stacks", "--stack-name", id]).await;
    assert_eq!(stacks["Stacks"][0]["StackStatus"], "DELETE_COMPLETE");
    assert_eq!(stacks["Stacks"][0]["Tags"], json!([{ "Key": "countersign-learn", "Value": "true" }]));
}

#[tokio::test]
async fn the_real_command_line_finds_and_deletes_what_is_left() {
    let account = Account::with_moto(2).await;
    let topic = r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"#;
    let mut ids = Vec::new();
    for (name, tag) in [("countersign-learn-0a1b2c3d", "countersign-learn"), ("countersign-learn-4e5f6a7b", "other")] {
        let tags = format!("Key={tag},Value=true");
        let call = ["cloudformation", "create-stack", "--stack-name", name, "--template-body", topic, "--tags", &tags];
        ids.push(account.aws(&call).await["StackId"].as_str().unwrap().to_owned());
    }
    let (status, _, error) = account.clean().await;
    assert_eq!((status, error), (Some(0), format!("deletes the stack {}\ndeleted: nothing is left\n", ids[0])));
    for (id, expected) in ids.iter().zip(["DELETE_COMPLETE", "CREATE_COMPLETE"]) {
        let stacks = account.aws(&["cloudformation", "describe-stacks", "--stack-name", id]).await;
        assert_eq!(stacks["Stacks"][0]["StackStatus"], expected, "{id}");
    }
}
