//! What the tests of the rotator share: its program, the events, what there is in AWS before and after, and the search for keys
//! where none may be.

use crate::{
    fake_aws::{FakeAws, cloud_formation::Parameter},
    support::{
        aws_clients::{aws_variables, cloud_formation, secrets_manager},
        bootstrap::{Bootstrap, Invocation},
        keys::key_set,
        leaks::Secrets,
        moto::Moto,
        patience::PATIENCE,
    },
};
use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{sleep, timeout};

pub(crate) use crate::fake_aws::FIRST_VERSION as FIRST;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const REPLICA: &str = "us-east-1";

/// The times of two schedules, as events have them and as stacks do. They are past: of a time to come the rotator takes no notice.
pub(crate) const TIME: (&str, &str) = ("2024-11-22T06:04:05Z", "2024-11-22T06-04-05Z");
pub(crate) const LATER: (&str, &str) = ("2025-02-20T18:00:00Z", "2025-02-20T18-00-00Z");

/// The end of a key that has none yet: 9999-12-31T23:59:59Z.
pub(crate) const NEVER_EXPIRES: u64 = 253_402_300_799;

/// The id of the n-th event, and of no invocation.
pub(crate) fn id(number: u32) -> String {
    format!("53dc4d37-cffa-4f76-80c9-{number:012}")
}

/// What EventBridge sends when it is time.
pub(crate) fn scheduled(number: u32, time: (&str, &str)) -> Value {
    json!({
        "version": "0",
        "id": id(number),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": time.0,
        "region": REGION,
        "resources": ["arn:aws:events:eu-west-1:123456789012:rule/countersign"],
        "detail": {}
    })
}

/// What SQS delivers.
pub(crate) fn queued(bodies: &[&Value]) -> Value {
    let record = |(index, body): (usize, &&Value)| {
        json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-{index:012}"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body.to_string(),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:rotations",
            "awsRegion": REGION
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// What Secrets Manager sends.
pub(crate) fn step(name: &str, secret: &str, token: &str) -> Value {
    json!({"Step": name, "SecretId": secret, "ClientRequestToken": token, "RotationToken": id(999)})
}

/// Starts the rotator before this AWS.
pub(crate) async fn rotator(endpoint: &str, variables: &[(&str, &str)]) -> Bootstrap {
    let mut all = aws_variables(endpoint, REGION).to_vec();
    all.extend(variables);
    Bootstrap::of("rotator", &all).await
}

/// What the rotator reports.
#[track_caller]
pub(crate) fn report(invocation: Invocation) -> Value {
    match invocation {
        Invocation::Response(report) => report,
        Invocation::Error(_, message) => panic!("{message}"),
    }
}

/// Why the rotator failed.
#[track_caller]
pub(crate) fn failure(invocation: Invocation) -> String {
    match invocation {
        Invocation::Error(kind, message) => {
            assert_eq!(kind, "Rotation", "{message}");
            message
        }
        Invocation::Response(report) => panic!("{report}"),
    }
}

/// Has it rotate for a schedule's event, and reads the report.
pub(crate) async fn rotate(rotator: &Bootstrap, number: u32, time: (&str, &str)) -> Value {
    report(rotator.invoke(scheduled(number, time).to_string()).await)
}

/// The same where it is to fail.
pub(crate) async fn fail(rotator: &Bootstrap, number: u32, time: (&str, &str)) -> String {
    failure(rotator.invoke(scheduled(number, time).to_string()).await)
}

/// The end of the error of a call that rotated the keys, for a schedule's event, before it failed.
pub(crate) fn rotated_before(number: u32) -> String {
    format!("; before that, version {} (planned) became current, dropped keys: none", id(number))
}

/// Waits for a condition that no call reports.
pub(crate) async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// The present second.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// As reports write it.
pub(crate) fn moment(seconds: u64) -> String {
    DateTime::from_secs(seconds.try_into().unwrap()).fmt(DateTimeFormat::DateTime).unwrap()
}

/// As a stack's `Timestamp` writes it.
pub(crate) fn timestamp(seconds: u64) -> String {
    moment(seconds).replace(':', "-")
}

/// A secret with a replica, and a stack, in moto.
pub(crate) struct World {
    pub(crate) secret: String,
    pub(crate) stack: String,
}

/// All that a rotation could change.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    /// Who has each label.
    pub(crate) labels: BTreeMap<String, String>,
    /// Every version, labelled or not.
    pub(crate) versions: BTreeSet<String>,
    /// What edges and authorizers read.
    pub(crate) set: Value,
    /// When that was put there.
    pub(crate) created: u64,
    /// Which version the replica returns.
    pub(crate) replica: String,
    pub(crate) status: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

const TEMPLATE: &str = "
Parameters:
  ApiURL: {Type: String, Default: nowhere}
  Domain: {Type: String, Default: nowhere}
  Timestamp: {Type: String, Default: never}
Resources:
  Role: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {Statement: []}}}
";

impl World {
    /// With the first key, `k1`. moto gives the stack nothing but its parameters, which is all that the rotator looks at.
    pub(crate) async fn new(name: &str) -> Self {
        let moto = Moto::shared();
        let secret = moto.create_secret(REGION, name, FIRST, &key_set().to_json(), &[REPLICA]).await;
        // All are given here: moto cannot keep the previous value of what only has a default.
        let parameters = [("ApiURL", "abc.example/prod"), ("Domain", "www.example"), ("Timestamp", "2024-01-01")];
        moto.create_stack(REGION, name, TEMPLATE, &parameters).await;
        Self { secret, stack: name.to_owned() }
    }

    /// Starts a rotator of it.
    pub(crate) async fn rotator(&self, more: &[(&str, &str)]) -> Bootstrap {
        let mut variables = vec![("COUNTERSIGN_SECRET", self.secret.as_str()), ("StackName", &self.stack)];
        variables.extend(more);
        rotator(Moto::shared().endpoint(), &variables).await
    }

    pub(crate) async fn found(&self) -> Found {
        let endpoint = Moto::shared().endpoint();
        let client = secrets_manager(endpoint, REGION);
        let described = client.describe_secret().secret_id(&self.secret).send().await.unwrap();
        let stages = described.version_ids_to_stages.unwrap();
        let labels = stages.iter().flat_map(|(id, labels)| labels.iter().map(|label| (label.clone(), id.clone())));
        let listed = client.list_secret_version_ids().secret_id(&self.secret).include_deprecated(true).send();
        let versions = listed.await.unwrap().versions.unwrap().into_iter().map(|version| version.version_id.unwrap());
        let current =
            client.get_secret_value().secret_id(&self.secret).version_stage("AWSCURRENT").send().await.unwrap();
        let there = secrets_manager(endpoint, REPLICA);
        let arn = self.secret.replace(REGION, REPLICA);
        let replica = there.get_secret_value().secret_id(arn).version_stage("AWSCURRENT").send().await.unwrap();
        let stacks = cloud_formation(endpoint, REGION).describe_stacks().stack_name(&self.stack).send().await.unwrap();
        let stack = stacks.stacks.unwrap().remove(0);
        let parameters = stack.parameters.unwrap().into_iter();
        Found {
            labels: labels.collect(),
            versions: versions.collect(),
            set: serde_json::from_str(&current.secret_string.unwrap()).unwrap(),
            created: current.created_date.unwrap().secs().try_into().unwrap(),
            replica: replica.version_id.unwrap(),
            status: stack.stack_status.unwrap().as_str().to_owned(),
            parameters: parameters.map(|p| (p.parameter_key.unwrap(), p.parameter_value.unwrap())).collect(),
        }
    }
}

impl Found {
    /// The labels as one line.
    pub(crate) fn labelled(&self) -> String {
        let each: Vec<_> = self.labels.iter().map(|(label, id)| format!("{label}={id}")).collect();
        each.join(" ")
    }

    /// Each key of the current set: its id, from when it signs, until when it is accepted.
    pub(crate) fn keys(&self) -> Vec<(&str, u64, u64)> {
        let time = |key: &Value, name: &str| key[name].as_u64().unwrap();
        let keys = self.set["keys"].as_array().unwrap().iter();
        keys.map(|key| (key["kid"].as_str().unwrap(), time(key, "nbf"), time(key, "exp"))).collect()
    }

    /// The expected report about the keys, from the set: all but the outcome and the bounds.
    pub(crate) fn reported(&self) -> Value {
        let keys = self.keys().into_iter().map(|(kid, nbf, exp)| {
            let mut key = json!({"kid": kid, "signs_from": moment(nbf)});
            if exp != NEVER_EXPIRES {
                key["accepted_until"] = json!(moment(exp));
            }
            key
        });
        let version = &self.labels["AWSCURRENT"];
        json!({
            "kind": self.set["countersign_kind"],
            "version": version,
            "planned_from": self.set["countersign_planned_from"],
            "created": moment(self.created),
            "new_key": version,
            "keys": keys.collect::<Vec<_>>(),
            "regions": [
                {"region": REGION, "in_step": true, "version": version},
                {"region": REPLICA, "in_step": true, "version": version},
            ],
        })
    }
}

/// Whether a line of the log is the end of an invocation.
pub(crate) fn is_end(line: &Value) -> bool {
    line["event"] == "rotation-done" || line["event"] == "rotation-failed"
}

/// The expected report about a version that became current by the call that made it.
pub(crate) fn became_current(version: &str, kind: &str, planned_from: &str, dropped: &[&str], bounds: &Value) -> Value {
    json!({
        "version": version,
        "id": version,
        "kind": kind,
        "outcome": "rotated",
        "planned_from": planned_from,
        "new_key": version,
        "dropped": dropped,
        "bounds": bounds,
    })
}

/// A secret with a replica, and a stack, in the fake AWS.
pub(crate) struct FakeWorld {
    pub(crate) aws: FakeAws,
    pub(crate) secret: String,
}

/// Their names.
pub(crate) const SECRET_NAME: &str = "countersign/keys";
pub(crate) const STACK: &str = "api";

impl FakeWorld {
    /// With the first key, `k1`. The stack shows the damage if an update omits a parameter, or returns the values that
    /// it is shown.
    pub(crate) async fn new() -> Self {
        let world = Self::with_slow_updates().await;
        world.aws.finish_updates_at_once();
        world
    }

    /// An update is under way until the test ends it.
    pub(crate) async fn with_slow_updates() -> Self {
        let aws = FakeAws::start().await;
        let secret = aws.create_secret(REGION, SECRET_NAME, &key_set().to_json(), &[REPLICA]);
        let parameters = [
            Parameter::new("ApiURL", "abc.example/prod").default("nowhere"),
            Parameter::new("Password", "strong").default("weak").no_echo(),
            Parameter::new("Owner", "ops"),
            Parameter::new("Timestamp", "2024-01-01").default("never"),
        ];
        aws.create_stack(REGION, STACK, &parameters, &["CAPABILITY_NAMED_IAM"]);
        Self { aws, secret }
    }

    /// Starts a rotator of it. The given variables replace its default variables.
    pub(crate) async fn rotator(&self, more: &[(&str, &str)]) -> Bootstrap {
        let mut variables = vec![("COUNTERSIGN_SECRET", self.secret.as_str()), ("StackName", STACK)];
        variables.extend(more);
        rotator(self.aws.endpoint(), &variables).await
    }

    /// Whose the label is.
    pub(crate) fn holder(&self, label: &str) -> Option<String> {
        let labels = self.aws.labels(SECRET_NAME);
        labels.into_iter().find(|(_, labels)| labels.contains(label)).map(|(id, _)| id)
    }

    /// The stack's `Timestamp`, once nothing else has changed.
    #[track_caller]
    pub(crate) fn timestamp(&self) -> String {
        let mut parameters = self.aws.parameters(STACK);
        let timestamp = parameters.remove("Timestamp").unwrap();
        let rest: Vec<_> = parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(rest, [("ApiURL", "abc.example/prod"), ("Owner", "ops"), ("Password", "strong")]);
        timestamp
    }

    /// How many calls have changed something.
    pub(crate) fn effects(&self) -> usize {
        self.aws.calls().iter().filter(|call| call.effect).count()
    }

    /// Every set that was ever put, promoted or not.
    pub(crate) async fn sets(&self) -> Vec<String> {
        self.aws.heal();
        let client = secrets_manager(self.aws.endpoint(), REGION);
        let puts = self.aws.calls().into_iter().filter(|call| call.operation == "PutSecretValue");
        let put: BTreeSet<_> = puts.filter_map(|call| call.version).chain([FIRST.to_owned()]).collect();
        let mut sets = Vec::new();
        for id in put {
            let answer = client.get_secret_value().secret_id(&self.secret).version_id(id).send().await;
            // What was refused is not there.
            sets.extend(answer.ok().map(|answer| answer.secret_string.unwrap()));
        }
        sets
    }
}

/// Asserts that a text does not hold a key of these sets, in any form.
#[track_caller]
pub(crate) fn assert_has_no_key(text: &str, sets: &[String]) {
    assert!(!sets.is_empty(), "there is something to look for");
    let parsed = sets.iter().map(|set| serde_json::from_str::<Value>(set).unwrap());
    let keys = parsed.flat_map(|set| set["keys"].as_array().unwrap().clone());
    let mut secrets = Secrets::of_aws();
    secrets.extend(keys.map(|key| key["k"].as_str().unwrap().to_owned()));
    assert_eq!(secrets.found_in(text), None, "{text}");
}
