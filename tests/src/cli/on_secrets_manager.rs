//! The program `countersign` on keys in Secrets Manager, as a person runs it.
//!
//! On moto it shows and rotates. The fake AWS is for refusals and failures, which moto cannot do.

use crate::{
    cli::support::{countersign::countersign, on_aws::run},
    fake_aws::{
        FakeAws,
        cloud_formation::Parameter,
        faults::{Fault, Happening},
        secrets_manager::{Lag, Replication},
    },
    support::{
        aws_clients::{aws_variables, cloud_formation, secrets_manager},
        keys::key_set,
        moto::Moto,
        patience::PATIENCE,
    },
};
use signing::KeySet;
use std::time::Duration;
use tokio::time::timeout;

const REGION: &str = "eu-west-1";

#[track_caller]
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

async fn current(endpoint: &str, arn: &str, region: &'static str) -> (String, KeySet) {
    let client = secrets_manager(endpoint, region);
    let answer = client.get_secret_value().secret_id(arn).version_stage("AWSCURRENT").send().await.unwrap();
    (answer.version_id.unwrap(), KeySet::from_json(&answer.secret_string.unwrap()).unwrap())
}

fn ids(keys: &KeySet) -> Vec<&str> {
    keys.keys().iter().map(|key| key.id().as_str()).collect()
}

/// moto updates stacks at once, and does not create the resources of our stacks: here a topic replaces them.
const TEMPLATE: &str = r#"{"Parameters": {"Timestamp": {"Type": "String"}, "ApiURL": {"Type": "String"}}, "Resources": {"T": {
    "Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::Sub": "cli-${Timestamp}"}}}}}"#;

#[tokio::test]
async fn keys_are_shown_and_rotated_with_the_stack_beside_them() {
    let moto = Moto::shared();
    let first = "00000000-0000-4000-8000-0000000000c1";
    let arn = moto.create_secret(REGION, "cli/keys", first, &key_set().to_json(), &["us-east-1"]).await;
    let parameters = [("Timestamp", "2026-01-01"), ("ApiURL", "api.example/prod")];
    moto.create_stack(REGION, "cli-stack", TEMPLATE, &parameters).await;
    let keys = async |more: &[&str]| run(moto.endpoint(), &[&["keys"], more].concat()).await;

    let (status, shown, error) = keys(&["show", "--secret", &arn]).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(&shown, &["k1", "signs and is accepted", first, "replica in us-east-1: InSync"]);

    let rotate = ["rotate", "--secret", &arn, "--stack", "cli-stack"];
    let (status, planned, error) = keys(&[&rotate[..], &["--dry-run"]].concat()).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(&planned, &["then there are", "not yet in force", "no valid request is refused", "nothing is changed"]);
    assert_eq!(current(moto.endpoint(), &arn, REGION).await.0, first);

    let (status, rotated, error) = keys(&rotate).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(&rotated, &["no valid request is refused", &format!("rotated {arn}"), "CloudFormation updates it now"]);
    let (version, set) = current(moto.endpoint(), &arn, REGION).await;
    assert_eq!(ids(&set), ["k1", version.as_str()]);
    holds(&rotated, &[&version]);
    let replica = arn.replace(REGION, "us-east-1");
    assert_eq!(current(moto.endpoint(), &replica, "us-east-1").await.0, version);

    let stack =
        cloud_formation(moto.endpoint(), REGION).describe_stacks().stack_name("cli-stack").send().await.unwrap();
    let stack = &stack.stacks()[0];
    let parameter = |name: &str| {
        let found = stack.parameters().iter().find(|parameter| parameter.parameter_key() == Some(name));
        found.unwrap().parameter_value().unwrap().to_owned()
    };
    assert_eq!(parameter("ApiURL"), "api.example/prod");
    holds(&rotated, &[&format!("stack cli-stack, Timestamp {}", parameter("Timestamp"))]);

    let (status, dropped, error) = keys(&["rotate", "--secret", &arn, "--emergency"]).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(
        &dropped,
        &["every old key is dropped", "Z (in 6 min), or in an outage by ", "Z (in 2 min), or in an outage by "],
    );
    let (version, set) = current(moto.endpoint(), &arn, REGION).await;
    assert_eq!(ids(&set), [version.as_str()]);
}

#[tokio::test]
async fn a_failure_says_what_to_do() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
    aws.create_stack(REGION, "api", &[Parameter::new("Timestamp", "2026-01-01")], &[]);
    let show = ["keys", "show", "--secret", &arn];
    let rotate = ["keys", "rotate", "--secret", &arn];
    let with_stack = [&rotate[..], &["--stack", "api"]].concat();
    let other = arn.replace("keys", "other");
    type Row<'a> = (&'a dyn Fn(&FakeAws), &'a [&'a str], String);
    let table: [Row<'_>; 7] = [
        (
            &|_| {},
            &["keys", "show", "--secret", &other],
            format!("did not find {other} in eu-west-1: check the name, the account and the Region (ResourceNotFound"),
        ),
        (&|aws| aws.fail(Fault::always(Happening::ServerError)), &show, "failed (InternalServiceError".to_owned()),
        (
            &|aws| aws.fail(Fault::always(Happening::Throttled)),
            &show,
            "throttles secretsmanager:DescribeSecret".to_owned(),
        ),
        (&|aws| aws.fail(Fault::always(Happening::Garbage)), &show, "is not from secretsmanager".to_owned()),
        (
            &|aws| aws.fail(Fault::always(Happening::Echo).of("PutSecretValue")),
            &rotate,
            "(InvalidRequestException)".to_owned(),
        ),
        (
            &|aws| aws.set_replication("keys", "us-east-1", Replication::Failed),
            &rotate,
            "the replica in us-east-1 is not in sync: Failed".to_owned(),
        ),
        (
            &|aws| aws.set_stack_status("api", "UPDATE_ROLLBACK_FAILED"),
            &with_stack,
            "stack api is UPDATE_ROLLBACK_FAILED: an update and its rollback failed".to_owned(),
        ),
    ];
    for (break_it, arguments, expected) in table {
        break_it(&aws);
        let (status, _, error) = run(aws.endpoint(), arguments).await;
        assert_eq!(status, Some(1), "{error}");
        assert!(error.starts_with("error: "), "{error}");
        holds(&error, &[&expected]);
        aws.heal();
        aws.set_replication("keys", "us-east-1", Replication::InSync);
    }
    for (action, arguments) in [
        ("secretsmanager:DescribeSecret", &show[..]),
        ("secretsmanager:GetSecretValue", &show),
        ("secretsmanager:PutSecretValue", &rotate),
        ("secretsmanager:UpdateSecretVersionStage", &rotate),
        ("cloudformation:DescribeStacks", &with_stack),
        ("cloudformation:UpdateStack", &with_stack),
    ] {
        let aws = FakeAws::start().await;
        let arn = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
        aws.create_stack(REGION, "api", &[Parameter::new("Timestamp", "2026-01-01")], &[]);
        assert!(arguments.contains(&arn.as_str()), "ARNs of the fake are the same each time");
        aws.deny(action);
        let (status, _, error) = run(aws.endpoint(), arguments).await;
        assert_eq!(status, Some(1), "{error}");
        holds(&error, &[&format!("AWS denies the call: allow {action} on ")]);
    }
}

#[tokio::test]
async fn a_problem_of_the_caller_is_reported_before_a_call_to_aws() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(REGION, "keys", &key_set().to_json(), &[]);
    let show = ["keys", "show", "--secret", &arn];
    let empty = tempfile::tempdir().unwrap();
    let mut anonymous = countersign(&show);
    anonymous.env_clear().envs(aws_variables(aws.endpoint(), REGION)).env("HOME", empty.path());
    anonymous
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = timeout(PATIENCE, anonymous.output()).await.expect("it ends").unwrap();
    assert_eq!(output.status.code(), Some(1));
    holds(std::str::from_utf8(&output.stderr).unwrap(), &["because AWS credentials are missing: set AWS_PROFILE, or"]);

    for (arguments, expected) in [
        (&["keys", "show"][..], "required arguments were not provided"),
        (&["keys", "show", "--secret", "keys"], "is not the whole ARN of a secret, like arn:aws:"),
        (
            &["keys", "show", "--secret", arn.rsplit_once('-').unwrap().0],
            "is not the whole ARN of a secret, like arn:aws:",
        ),
        (&["keys", "show", "--secret", &arn, "--keys", "k.json"], "cannot be used with"),
        (&["keys", "rotate", "--keys", "k.json", "--stack", "api"], "cannot be used with"),
        (&["keys", "rotate", "--secret", &arn, "--lead", "1m"], "--lead is 1m, and must be at least 32m 5s"),
    ] {
        let (status, _, error) = run(aws.endpoint(), arguments).await;
        assert!(status == Some(1) || status == Some(2), "{error}");
        holds(&error, &[expected]);
    }
    assert_eq!(aws.calls(), []);

    aws.expire_credentials();
    let (_, _, error) = run(aws.endpoint(), &show).await;
    holds(&error, &["the AWS credentials have expired: renew them"]);
    let nowhere = run("http://127.0.0.1:9", &show).await;
    holds(&nowhere.2, &["secretsmanager in eu-west-1 cannot be reached"]);
}

/// The output says what is done, and what is left to do.
#[tokio::test]
async fn a_replica_that_lags_does_not_hide_that_the_keys_are_rotated() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
    aws.hold_back("keys", "us-east-1", Lag::UntilTold);
    let timings = ["--replication", "1s"];
    let (status, out, error) =
        run(aws.endpoint(), &[&["keys", "rotate", "--secret", &arn][..], &timings].concat()).await;
    assert_eq!(status, Some(1));
    holds(&out, &[&format!("rotated {arn}")]);
    holds(&error, &["the keys are rotated, and us-east-1 (", "does not return them yet: look at the replica"]);
}

/// The keys are rotated once, although the stack is updated only by the second run; and the output says what is done.
#[tokio::test]
async fn an_interrupted_rotation_goes_on_with_its_id() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
    aws.create_stack(REGION, "api", &[Parameter::new("Timestamp", "2026-01-01")], &[]);
    aws.set_stack_status("api", "UPDATE_IN_PROGRESS");
    let rotate = ["keys", "rotate", "--secret", &arn, "--stack", "api", "--emergency"];
    let (status, out, error) = run(aws.endpoint(), &rotate).await;
    assert_eq!(status, Some(1), "{error}");
    holds(&out, &[&format!("rotated {arn}"), "every old key is dropped"]);
    holds(
        &error,
        &[
            "the keys are rotated, and the stack is not updated: stack api is UPDATE_IN_PROGRESS",
            "\nhint: to continue it",
        ],
    );
    let id = error.split("--id ").nth(1).unwrap().trim_end();

    aws.set_stack_status("api", "UPDATE_COMPLETE");
    let (status, out, error) = run(aws.endpoint(), &[&rotate[..], &["--id", id]].concat()).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(&out, &["CloudFormation updates it now", id]);
    assert_eq!((aws.count("PutSecretValue"), aws.history("keys").len()), (1, 2));

    // Again, after another rotation that did not update the stack: the API key is already rotated.
    let timestamp = aws.parameters("api")["Timestamp"].clone();
    aws.set_stack_status("api", "UPDATE_COMPLETE");
    aws.let_pass(Duration::from_secs(60));
    assert_eq!(run(aws.endpoint(), &["keys", "rotate", "--secret", &arn]).await.0, Some(0));
    let (status, out, error) = run(aws.endpoint(), &[&rotate[..], &["--id", id]].concat()).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(&out, &["it has been updated by this rotation or a later one"]);
    assert_eq!(aws.parameters("api")["Timestamp"], timestamp);

    let regions = ["keys", "rotate", "--secret", &arn, "--regions"];
    let (_, _, error) = run(aws.endpoint(), &[&regions[..], &["us-east-1,ap-south-1"]].concat()).await;
    holds(&error, &["ap-south-1 is listed", "has no replica of the secret"]);
    // An emergency does not wait for a Region, and names the Region.
    let emergency = [&regions[..], &["us-east-1,ap-south-1", "--emergency"]].concat();
    let (status, out, error) = run(aws.endpoint(), &emergency).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    holds(
        &out,
        &["warning: ap-south-1 is listed in COUNTERSIGN_REGIONS or --regions, but has no replica of the secret"],
    );
    let (_, _, error) = run(aws.endpoint(), &[&regions[..], &["here"]].concat()).await;
    holds(&error, &["--regions \"here\" is not a list of different Regions"]);
}
