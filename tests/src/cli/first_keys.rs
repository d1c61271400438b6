//! `countersign keys init --secret`: the first key of an empty secret, and only of an empty secret.
//!
//! On moto and on the fake AWS, which must agree about a first version.

use crate::{
    cli::support::on_aws::run,
    fake_aws::{
        FakeAws,
        faults::{Fault, Happening},
    },
    rotation::support::{
        invariant::Jwk,
        rotator::{FIRST, fail, rotate, rotator},
    },
    support::{aws_clients::secrets_manager, keys::key_set, leaks::Secrets, moto::Moto},
};
use signing::KeySet;

const REGION: &str = "eu-west-1";
const TIME: (&str, &str) = ("2024-11-22T06:04:05Z", "2024-11-22T06-04-05Z");

async fn moto_secret(name: &str) -> String {
    let client = secrets_manager(Moto::shared().endpoint(), REGION);
    client.create_secret().name(name).send().await.unwrap().arn.unwrap()
}

/// The labels of each version, and the keys of AWSCURRENT.
async fn found(endpoint: &str, arn: &str) -> (Vec<(String, Vec<String>)>, Option<KeySet>) {
    let client = secrets_manager(endpoint, REGION);
    let described = client.describe_secret().secret_id(arn).send().await.unwrap();
    let mut labels: Vec<_> = described.version_ids_to_stages.unwrap_or_default().into_iter().collect();
    labels.sort();
    let current = client.get_secret_value().secret_id(arn).version_stage("AWSCURRENT").send().await;
    (labels, current.ok().map(|current| KeySet::from_json(&current.secret_string.unwrap()).unwrap()))
}

#[tokio::test]
async fn an_empty_secret_gets_its_first_key() {
    let aws = FakeAws::start().await;
    let of_fake = aws.create_empty_secret(REGION, "empty");
    let of_moto = moto_secret("first-key").await;
    for (endpoint, arn) in [(aws.endpoint(), of_fake), (Moto::shared().endpoint(), of_moto)] {
        // A rotation says what to do.
        let (status, _, error) = run(endpoint, &["keys", "rotate", "--secret", &arn]).await;
        let expected = format!(
            "error: {arn} has no version AWSCURRENT: make the first key with `countersign keys init --secret {arn}`"
        );
        assert_eq!((status, error.trim_end()), (Some(1), expected.as_str()));

        let (status, out, error) = run(endpoint, &["keys", "init", "--secret", &arn]).await;
        assert_eq!((status, error.as_str()), (Some(0), ""));
        let (labels, keys) = found(endpoint, &arn).await;
        let [(version, stages)] = &labels[..] else { panic!("{labels:?}") };
        assert_eq!(stages, &["AWSCURRENT"]);
        let keys = keys.unwrap();
        let [key] = keys.keys() else { panic!("one key") };
        assert_eq!((key.id().as_str(), key.expires()), (version.as_str(), signing::NEVER_EXPIRES));
        for part in [&format!("made the first key of {arn}"), version, "signs and is accepted"] {
            assert!(out.contains(part), "{part} is not in {out}");
        }
        let mut secrets = Secrets::of_aws();
        secrets.extend(Jwk::all(&keys.to_json()).into_iter().map(|key| key.k));
        assert_eq!(secrets.found_in(&out), None, "no key is printed");

        // Only once, and then the secret can be rotated.
        let (status, _, error) = run(endpoint, &["keys", "init", "--secret", &arn]).await;
        let expected = format!(
            "error: {arn} already holds keys, in version {version}, and they stay: see them with `countersign keys \
            show --secret {arn}`"
        );
        assert_eq!((status, error.trim_end()), (Some(1), expected.as_str()));
        assert_eq!(found(endpoint, &arn).await.0, labels);
        let variables = [("COUNTERSIGN_SECRET", arn.as_str()), ("COUNTERSIGN_ROTATE", "secret")];
        let told = rotate(&rotator(endpoint, &variables).await, 1, TIME).await;
        assert_eq!(
            (&told[0]["keys"]["planned_from"], &told[0]["keys"]["outcome"]),
            (&version.as_str().into(), &"rotated".into())
        );
    }
}

/// Each call is held before its put until all have read the secret: one makes the key, and the others report it.
#[tokio::test]
async fn of_many_calls_that_make_the_first_key_one_succeeds() {
    const MANY: usize = 5;
    let aws = FakeAws::start().await;
    let arn = aws.create_empty_secret(REGION, "empty");
    for _ in 0..MANY {
        aws.fail(Fault::at(1, Happening::HeldBefore).of("PutSecretValue"));
    }
    let arguments = ["keys", "init", "--secret", &arn];
    let all = async {
        tokio::join!(
            run(aws.endpoint(), &arguments),
            run(aws.endpoint(), &arguments),
            run(aws.endpoint(), &arguments),
            run(aws.endpoint(), &arguments),
            run(aws.endpoint(), &arguments)
        )
    };
    let held = async {
        // One fault applies to each call: they come one after the other.
        aws.reached().await;
        while aws.count("DescribeSecret") < MANY {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        aws.release();
    };
    let ((one, two, three, four, five), ()) = tokio::join!(all, held);
    let (labels, keys) = found(aws.endpoint(), &arn).await;
    let current = keys.unwrap().keys()[0].id().to_string();
    let mut made = 0;
    for (status, out, error) in [one, two, three, four, five] {
        if status == Some(0) {
            made += 1;
            assert!(out.contains(&current), "{out}");
        } else {
            let stays =
                format!("in version {current}, and this key stays: see it with `countersign keys show --secret {arn}`");
            let late = format!("already holds keys, in version {current}, and they stay");
            assert!(error.contains(&stays) || error.contains(&late), "{error}");
        }
    }
    assert_eq!(made, 1);
    assert_eq!(aws.history("empty").len(), 1, "the current version stays current");
    assert_eq!(labels, [(current, vec!["AWSCURRENT".to_owned()])]);
}

/// A secret from which somebody has removed AWSCURRENT is not empty.
#[tokio::test]
async fn a_secret_that_is_not_empty_is_left_alone() {
    let moto = Moto::shared();
    let arn = moto_secret("first-key-labelled").await;
    let client = secrets_manager(moto.endpoint(), REGION);
    let put = client.put_secret_value().secret_id(&arn).client_request_token(FIRST).version_stages("MINE");
    put.secret_string(key_set().to_json().as_str()).send().await.unwrap();
    // Which AWS refuses, and moto does not.
    let take = client.update_secret_version_stage().secret_id(&arn).version_stage("AWSCURRENT");
    take.remove_from_version_id(FIRST).send().await.unwrap();
    let (labels, current) = found(moto.endpoint(), &arn).await;
    assert!(current.is_none());
    let expected = format!(
        "{arn} has no version AWSCURRENT: make a version current with `aws secretsmanager update-secret-version-stage \
        --region {REGION} --secret-id {arn} --version-stage AWSCURRENT --move-to-version-id VERSION`. The labelled versions \
        are {FIRST} (MINE, AWSPREVIOUS)"
    );
    for command in [&["keys", "init", "--secret", &arn][..], &["keys", "rotate", "--secret", &arn]] {
        let (status, _, error) = run(moto.endpoint(), command).await;
        assert_eq!((status, error.trim_end()), (Some(1), format!("error: {expected}").as_str()));
    }
    assert_eq!(found(moto.endpoint(), &arn).await.0, labels);
    let variables = [("COUNTERSIGN_SECRET", arn.as_str()), ("COUNTERSIGN_ROTATE", "secret")];
    assert_eq!(fail(&rotator(moto.endpoint(), &variables).await, 1, TIME).await, expected);
}
