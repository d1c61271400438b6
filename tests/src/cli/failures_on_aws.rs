//! Each failure of `countersign keys` on a secret in AWS, to the letter: `failures/on_aws.txt`.
//!
//! Real programs and the fake AWS. `SNAPSHOTS=overwrite` writes the file anew.

use crate::{
    cli::support::{golden::Golden, on_aws::run},
    fake_aws::{
        FakeAws,
        cloud_formation::Parameter,
        faults::{Fault, Happening},
        secrets_manager::{Lag, Replication},
    },
    support::{artifacts::artifact, keys::key_set, tls::Tls},
};

const REGION: &str = "eu-west-1";

/// What is wrong, how it comes about, and what is run: `{keys}`, `{empty}` and `{other}` are ARNs, the last
/// of no secret.
type Row = (&'static str, fn(&FakeAws), &'static str);

const SHOW: &str = "keys show --secret {keys}";
const ROTATE: &str = "keys rotate --secret {keys}";
const WITH_STACK: &str = "keys rotate --secret {keys} --stack api";

const ROWS: [Row; 31] = [
    ("no such secret", |_| {}, "keys show --secret {other}"),
    ("an empty secret", |_| {}, "keys show --secret {empty}"),
    ("an empty secret", |_| {}, "keys rotate --secret {empty}"),
    ("a secret that holds keys", |_| {}, "keys init --secret {keys}"),
    ("DescribeSecret is not allowed", |aws| aws.deny("secretsmanager:DescribeSecret"), SHOW),
    ("GetSecretValue is not allowed", |aws| aws.deny("secretsmanager:GetSecretValue"), SHOW),
    ("PutSecretValue is not allowed", |aws| aws.deny("secretsmanager:PutSecretValue"), ROTATE),
    ("UpdateSecretVersionStage is not allowed", |aws| aws.deny("secretsmanager:UpdateSecretVersionStage"), ROTATE),
    ("DescribeStacks is not allowed", |aws| aws.deny("cloudformation:DescribeStacks"), WITH_STACK),
    ("UpdateStack is not allowed", |aws| aws.deny("cloudformation:UpdateStack"), WITH_STACK),
    ("the credentials have expired", FakeAws::expire_credentials, SHOW),
    ("the credentials have expired", FakeAws::expire_credentials, "keys show --format json --secret {keys}"),
    ("an error of the server", |aws| aws.fail(Fault::always(Happening::ServerError)), SHOW),
    ("AWS throttles", |aws| aws.fail(Fault::always(Happening::Throttled)), SHOW),
    ("an answer that is not JSON", |aws| aws.fail(Fault::always(Happening::Garbage)), SHOW),
    ("PutSecretValue is refused", |aws| aws.fail(Fault::always(Happening::Echo).of("PutSecretValue")), ROTATE),
    ("PutSecretValue fails", |aws| aws.fail(Fault::always(Happening::ServerError).of("PutSecretValue")), ROTATE),
    (
        "the promotion fails",
        |aws| aws.fail(Fault::always(Happening::ServerError).of("UpdateSecretVersionStage")),
        ROTATE,
    ),
    (
        "the promotion fails",
        |aws| aws.fail(Fault::always(Happening::ServerError).of("UpdateSecretVersionStage")),
        "keys rotate --secret {keys} --emergency --format json",
    ),
    ("a replica has failed", |aws| aws.set_replication("keys", "us-east-1", Replication::Failed), ROTATE),
    (
        "a replica has failed",
        |aws| aws.set_replication("keys", "us-east-1", Replication::Failed),
        "keys rotate --secret {keys} --dry-run --format json",
    ),
    (
        "a replica returns the old keys",
        |aws| aws.hold_back("keys", "us-east-1", Lag::UntilTold),
        "keys rotate --secret {keys} --replication 1s",
    ),
    ("a Region without a replica", |_| {}, "keys rotate --secret {keys} --regions us-east-1,ap-south-1"),
    ("no list of Regions", |_| {}, "keys rotate --secret {keys} --regions here"),
    ("no such stack", |_| {}, "keys rotate --secret {keys} --stack other"),
    ("no such stack", |_| {}, "keys rotate --secret {keys} --stack other --dry-run --format json"),
    ("the stack is busy", |aws| aws.set_stack_status("api", "UPDATE_IN_PROGRESS"), WITH_STACK),
    (
        "the stack is busy",
        |aws| aws.set_stack_status("api", "UPDATE_IN_PROGRESS"),
        "keys rotate --secret {keys} --stack api --format json",
    ),
    (
        "the stack is busy",
        |aws| aws.set_stack_status("api", "UPDATE_IN_PROGRESS"),
        "keys rotate --secret {keys} --stack api --dry-run --format json",
    ),
    ("the stack is broken", |aws| aws.set_stack_status("api", "UPDATE_ROLLBACK_FAILED"), WITH_STACK),
    ("the stack is being deleted", |aws| aws.set_stack_status("api", "DELETE_IN_PROGRESS"), WITH_STACK),
];

#[tokio::test]
async fn rotations_of_a_secret_that_fail() {
    let mut golden = Golden::new("on_aws.txt");
    golden.redact("[COUNTERSIGN]", artifact("countersign").to_str().unwrap().to_owned());
    for (what, break_it, command) in ROWS {
        let aws = FakeAws::start().await;
        let keys = aws.create_secret(REGION, "keys", &key_set().to_json(), &["us-east-1"]);
        let empty = aws.create_empty_secret(REGION, "empty");
        aws.create_stack(REGION, "api", &[Parameter::new("Timestamp", "2026-01-01")], &[]);
        break_it(&aws);
        let other = keys.replace(":keys-", ":other-");
        let command = command.replace("{keys}", &keys).replace("{empty}", &empty).replace("{other}", &other);
        let words: Vec<_> = command.split(' ').collect();
        let (status, out, error) = run(aws.endpoint(), &words).await;
        assert_eq!(status, Some(1), "{what}: {command}: {out}{error}");
        golden.note(what);
        golden.ran(&format!("countersign {command}"), status, &out, &error);
    }
    let aws = FakeAws::start().await;
    let keys = aws.create_secret(REGION, "keys", &key_set().to_json(), &[]);
    let command = SHOW.replace("{keys}", &keys);
    let tls = Tls::before(aws.endpoint()).await;
    for (what, endpoint) in [
        ("AWS cannot be reached", "http://127.0.0.1:9"),
        ("the certificate of AWS is not trusted", &tls.endpoint),
        ("AWS does not speak TLS", &aws.endpoint().replace("http:", "https:")),
    ] {
        let (status, out, error) = run(endpoint, &command.split(' ').collect::<Vec<_>>()).await;
        golden.note(what);
        golden.ran(&format!("countersign {command}"), status, &out, &error);
    }
    golden.compare();
}
