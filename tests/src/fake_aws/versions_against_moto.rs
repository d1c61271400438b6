//! The fake AWS against moto: the same calls of the official clients, the same answers, and where moto differs from AWS by name.

use crate::{
    fake_aws::{FIRST_VERSION, FakeAws},
    support::{
        aws_clients::{secrets_manager, told},
        moto::Moto,
    },
};
use aws_sdk_secretsmanager::{Client, types::ReplicationStatusType};
use std::collections::BTreeMap;

const REGION: &str = "eu-west-1";
const REPLICA: &str = "us-east-1";

/// One call about a secret whose first version is `a` and has the value `one`. A version is named by one letter here.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// RotateSecret as far as the version without a value.
    Pending(&'static str),
    /// PutSecretValue: version, value, labels.
    Put(&'static str, &'static str, &'static [&'static str]),
    /// UpdateSecretVersionStage: label, from which version, to which.
    Stage(&'static str, Option<&'static str>, Option<&'static str>),
    /// GetSecretValue: version, label.
    Get(Option<&'static str>, Option<&'static str>),
    /// DescribeSecret: versions and labels.
    Describe,
    /// DescribeSecret: the primary Region, and the status of each replica.
    Replicas,
    /// In the Region of the replica.
    There(&'static Step),
}
use Step::{Describe, Get, Pending, Put, Replicas, Stage, There};

/// One call that moto answers differently from AWS, after calls that both answer in the same way or that do not matter.
struct Difference {
    what: &'static str,
    after: &'static [Step],
    step: Step,
    aws: &'static str,
    moto: &'static str,
}

/// Calls, in order, and what both answer.
const ALIKE: &[(&str, &[(Step, &str)])] = &[
    (
        "a whole rotation",
        &[
            (Describe, "a: AWSCURRENT"),
            (Get(None, None), "a=one AWSCURRENT"),
            (Pending("b"), "staged"),
            (Describe, "a: AWSCURRENT, b: AWSPENDING"),
            (Get(None, Some("AWSPENDING")), NO_PENDING),
            (Put("b", "two", &["AWSPENDING"]), "b AWSPENDING"),
            (Get(Some("b"), Some("AWSPENDING")), "b=two AWSPENDING"),
            (Get(None, Some("AWSCURRENT")), "a=one AWSCURRENT"),
            (Stage("AWSCURRENT", Some("a"), Some("b")), "ok"),
            (Describe, "a: AWSPREVIOUS, b: AWSCURRENT AWSPENDING"),
            (Get(None, Some("AWSCURRENT")), "b=two AWSCURRENT AWSPENDING"),
            (Get(None, Some("AWSPREVIOUS")), "a=one AWSPREVIOUS"),
            (Stage("AWSPENDING", Some("b"), None), "ok"),
            (Describe, "a: AWSPREVIOUS, b: AWSCURRENT"),
        ],
    ),
    (
        "puts",
        &[
            (Put("b", "two", &[]), "b AWSCURRENT"),
            (Describe, "a: AWSPREVIOUS, b: AWSCURRENT"),
            (Put("b", "two", &[]), "b AWSCURRENT"),
            (Put("b", "other", &[]), IN_USE),
            (Put("c", "three", &["AWSPENDING"]), "c AWSPENDING"),
            (Describe, "a: AWSPREVIOUS, b: AWSCURRENT, c: AWSPENDING"),
        ],
    ),
    (
        "a label is held by one version only",
        &[
            (Put("b", "two", &["AWSPENDING", "MINE"]), "b AWSPENDING MINE"),
            (Put("c", "three", &["AWSPENDING"]), "c AWSPENDING"),
            (Describe, "a: AWSCURRENT, b: MINE, c: AWSPENDING"),
        ],
    ),
    (
        "a version without labels can be read",
        &[
            (Put("b", "two", &["AWSPENDING"]), "b AWSPENDING"),
            (Stage("AWSPENDING", Some("b"), None), "ok"),
            (Get(Some("b"), None), "b=two "),
        ],
    ),
    (
        "back to the version before",
        &[
            (Put("b", "two", &[]), "b AWSCURRENT"),
            (Stage("AWSCURRENT", Some("b"), Some("a")), "ok"),
            (Describe, "a: AWSCURRENT, b: AWSPREVIOUS"),
        ],
    ),
    (
        "refusals",
        &[
            (Put("b", "two", &["AWSPENDING"]), "b AWSPENDING"),
            (Stage("AWSCURRENT", None, Some("b")), FROM_NEEDED),
            (
                Stage("AWSCURRENT", Some("b"), Some("a")),
                "InvalidParameterException: Version stage AWSCURRENT not found in version b",
            ),
            (Stage("AWSCURRENT", Some("x"), Some("b")), "InvalidParameterException: Not a valid version: x"),
            (Get(Some("b"), Some("AWSCURRENT")), MISMATCH),
            (
                Get(Some("x"), None),
                "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: x",
            ),
            (Put("short", "two", &[]), "InvalidParameterException: ClientRequestToken must be 32-64 characters long."),
            (Describe, "a: AWSCURRENT, b: AWSPENDING"),
        ],
    ),
    (
        "a replica",
        &[
            (There(&Replicas), "eu-west-1; us-east-1 InSync: Replication succeeded"),
            (There(&Get(None, None)), "a=one AWSCURRENT"),
            (There(&Put("b", "two", &[])), ON_REPLICA),
            (Put("b", "two", &[]), "b AWSCURRENT"),
            (There(&Get(None, Some("AWSCURRENT"))), "b=two AWSCURRENT"),
            (There(&Describe), "a: AWSPREVIOUS, b: AWSCURRENT"),
        ],
    ),
];

const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "a put of another value under the token of a pending version",
        after: &[Put("b", "two", &["AWSPENDING"])],
        step: Put("b", "other", &["AWSPENDING"]),
        aws: IN_USE,
        moto: "b AWSPENDING",
    },
    Difference {
        what: "a put of the same value with other labels",
        after: &[Put("b", "two", &["AWSPENDING"])],
        step: Put("b", "two", &["MINE"]),
        aws: "b AWSPENDING",
        moto: "b MINE",
    },
    Difference {
        what: "a version that has lost its last label",
        after: &[Put("b", "two", &["AWSPENDING"]), Put("c", "three", &["AWSPENDING"])],
        step: Describe,
        aws: "a: AWSCURRENT, c: AWSPENDING",
        moto: "a: AWSCURRENT, b: , c: AWSPENDING",
    },
    Difference {
        what: "a read without a label after UpdateSecretVersionStage has moved AWSCURRENT",
        after: &[Put("b", "two", &["AWSPENDING"]), Stage("AWSCURRENT", Some("a"), Some("b"))],
        step: Get(None, None),
        aws: "b=two AWSCURRENT AWSPENDING",
        moto: "a=one AWSPREVIOUS",
    },
    Difference {
        what: "a put after UpdateSecretVersionStage has moved AWSCURRENT",
        after: &[Put("b", "two", &["AWSPENDING"]), Stage("AWSCURRENT", Some("a"), Some("b")), Put("c", "three", &[])],
        step: Describe,
        aws: "b: AWSPREVIOUS, c: AWSCURRENT",
        moto: "a: AWSPREVIOUS, b: AWSCURRENT AWSPENDING, c: AWSCURRENT",
    },
    Difference {
        what: "a label but AWSCURRENT that is moved without its holder's name",
        after: &[Put("b", "two", &["AWSPENDING"])],
        step: Stage("AWSPENDING", None, Some("a")),
        aws: PENDING_FROM_NEEDED,
        moto: "ok",
    },
    Difference {
        what: "AWSCURRENT taken off and given to no other",
        after: &[],
        step: Stage("AWSCURRENT", Some("a"), None),
        aws: "InvalidParameterException: You can only move staging label AWSCURRENT to a different secret version. It can\u{2019}t \
            be completely removed.",
        moto: "ok",
    },
    Difference {
        what: "a label that no version has",
        after: &[],
        step: Get(None, Some("NONE")),
        aws: "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: NONE",
        moto: "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
    },
    Difference {
        what: "the primary Region, asked there",
        after: &[],
        step: Replicas,
        aws: "eu-west-1; us-east-1 InSync: Replication succeeded",
        moto: "none; us-east-1 InSync: Replication succeeded",
    },
    Difference {
        what: "a label moved in the Region of a replica",
        after: &[Put("b", "two", &["AWSPENDING"])],
        step: There(&Stage("AWSCURRENT", Some("a"), Some("b"))),
        aws: ON_REPLICA,
        moto: "ok",
    },
];

const MISMATCH: &str =
    "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId.";
const ON_REPLICA: &str = "InvalidParameterException: Operation not permitted on a replica secret. Call must be made in primary secret's region.";
const PENDING_FROM_NEEDED: &str = "InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label \
    AWSPENDING is currently attached to version b, so you must explicitly reference that version in RemoveFromVersionId.";

const NO_PENDING: &str =
    "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING";
const IN_USE: &str = "ResourceExistsException: You can't use ClientRequestToken b because that value is already in use for a \
    version of secret ARN.";
const FROM_NEEDED: &str = "InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT \
    is currently attached to version a, so you must explicitly reference that version in RemoveFromVersionId.";

#[tokio::test]
async fn moto_and_the_fake_answer_alike() {
    for (name, steps) in ALIKE {
        for rig in [Rig::moto(name).await, Rig::fake(name).await] {
            for (at, (step, expected)) in steps.iter().enumerate() {
                assert_eq!(rig.answer(*step).await, *expected, "{}, {name}, {at}: {step:?}", rig.server());
            }
        }
    }
}

/// Where moto differs, the fake follows AWS. When moto comes to do so too, its line fails here and belongs in the other table.
#[tokio::test]
async fn moto_differs_from_aws_in_these_and_the_fake_does_not() {
    for Difference { what, after, step, aws, moto } in DIFFERENCES {
        assert_ne!(aws, moto, "{what}");
        for (rig, expected) in [(Rig::moto(what).await, moto), (Rig::fake(what).await, aws)] {
            for step in *after {
                rig.answer(*step).await;
            }
            assert_eq!(rig.answer(*step).await, *expected, "{}: {what}", rig.server());
        }
    }
}

/// One secret of one server.
struct Rig {
    name: String,
    arn: String,
    fake: Option<FakeAws>,
}

impl Rig {
    async fn moto(what: &str) -> Self {
        let name = what.replace([' ', ','], "-");
        let arn = Moto::shared().create_secret(REGION, &name, &version("a"), "one", &[REPLICA]).await;
        Self { name, arn, fake: None }
    }

    async fn fake(what: &str) -> Self {
        let (name, fake) = (what.replace([' ', ','], "-"), FakeAws::start().await);
        let arn = fake.create_secret(REGION, &name, "one", &[REPLICA]);
        Self { name, arn, fake: Some(fake) }
    }

    fn server(&self) -> &'static str {
        if self.fake.is_some() { "fake" } else { "moto" }
    }

    fn client(&self, region: &'static str) -> Client {
        secrets_manager(self.fake.as_ref().map_or_else(|| Moto::shared().endpoint(), FakeAws::endpoint), region)
    }

    async fn answer(&self, step: Step) -> String {
        let (region, step) = if let There(step) = step { (REPLICA, *step) } else { (REGION, step) };
        let (client, name) = (self.client(region), &self.name);
        let answer = match step {
            Pending(token) => {
                match &self.fake {
                    Some(fake) => fake.stage_pending(name, &version(token)),
                    None => Moto::shared().stage_pending(REGION, name, &version(token)).await,
                }
                "staged".to_owned()
            }
            Put(token, value, labels) => {
                let mut call =
                    client.put_secret_value().secret_id(name).client_request_token(version(token)).secret_string(value);
                for label in labels {
                    call = call.version_stages(*label);
                }
                match call.send().await {
                    Ok(put) => format!("{} {}", put.version_id.unwrap(), sorted(put.version_stages)),
                    Err(error) => told(&error),
                }
            }
            Stage(label, from, to) => {
                let call = client.update_secret_version_stage().secret_id(name).version_stage(label);
                let call = call.set_remove_from_version_id(from.map(version)).set_move_to_version_id(to.map(version));
                call.send().await.map_or_else(|error| told(&error), |_| "ok".to_owned())
            }
            Get(id, label) => {
                let call = client.get_secret_value().secret_id(name);
                let call = call.set_version_id(id.map(version)).set_version_stage(label.map(str::to_owned));
                match call.send().await {
                    Ok(got) => {
                        let (id, value) = (got.version_id.unwrap(), got.secret_string.unwrap());
                        format!("{id}={value} {}", sorted(got.version_stages))
                    }
                    Err(error) => told(&error),
                }
            }
            Describe => match client.describe_secret().secret_id(name).send().await {
                Ok(described) => {
                    let versions: BTreeMap<_, _> = described.version_ids_to_stages.unwrap().into_iter().collect();
                    let lines = versions.into_iter().map(|(id, labels)| format!("{id}: {}", sorted(Some(labels))));
                    lines.collect::<Vec<_>>().join(", ")
                }
                Err(error) => told(&error),
            },
            Replicas => {
                let described = client.describe_secret().secret_id(name).send().await.unwrap();
                let replicas = described.replication_status.unwrap_or_default();
                let line = |replica: &ReplicationStatusType| {
                    let (region, status) = (replica.region().unwrap(), replica.status().unwrap().as_str());
                    format!("; {region} {status}: {}", replica.status_message().unwrap())
                };
                let primary = described.primary_region.unwrap_or_else(|| "none".to_owned());
                primary + &replicas.iter().map(line).collect::<String>()
            }
            There(step) => unreachable!("{step:?} is one call"),
        };
        self.readable(&answer)
    }

    /// With versions by their letters, and without what no two servers have in common.
    fn readable(&self, answer: &str) -> String {
        let letters = ["a", "b", "c", "d", "x"];
        let answer = letters.iter().fold(answer.to_owned(), |answer, letter| answer.replace(&version(letter), letter));
        answer.replace(&self.arn, "ARN")
    }
}

/// A version's id, which has at least 32 characters; a longer name is one already.
fn version(letter: &str) -> String {
    match letter {
        "a" => FIRST_VERSION.to_owned(),
        letter if letter.len() == 1 => letter.repeat(32),
        whole => whole.to_owned(),
    }
}

fn sorted(labels: Option<Vec<String>>) -> String {
    let mut labels = labels.unwrap_or_default();
    labels.sort();
    labels.join(" ")
}
