//! The edge and the authorizer with their keys in Secrets Manager: where they read, how long they wait, and what they say.
//!
//! Nearly all tests use the fake AWS, which can fail and counts its calls; moto is used for whole rotations in
//! `rotation/triggers.rs`.

use crate::{
    fake_aws::{
        FIRST_VERSION, FakeAws,
        faults::{Fault, Happening},
    },
    request::support::{
        authorizer_events::{TARGET, signed, signed_with},
        edge_events::{custom, event_of, verify},
    },
    support::{
        aws_clients::{aws_variables, in_region, secrets_manager},
        bootstrap::{Bootstrap, Invocation},
        edge_process::{EdgeProcess, Returned},
        keys::{SECRET, key_set},
        moto::Moto,
        patience::PATIENCE,
        tls::Tls,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use key_store::{Cache, CacheLimits, KeyStore as _, Source, Store};
use local::rest_event;
use serde_json::Value;
use signing::{Key, KeySet, UnixSeconds};
use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

const PRIMARY: &str = "eu-west-1";
const REPLICA: &str = "us-east-1";

/// What a reader finds slow: the limit, and what a busy machine needs to notice that it is over.
const SLACK: Duration = Duration::from_millis(250);

/// A secret with the key set of these tests, and a replica.
async fn aws() -> (FakeAws, String) {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(PRIMARY, "countersign/keys", &key_set().to_json(), &[REPLICA]);
    (aws, arn)
}

/// The Regions that were asked for the secret, in order.
fn asked(aws: &FakeAws) -> Vec<String> {
    aws.calls().into_iter().map(|call| call.region).collect()
}

async fn edge(aws: &FakeAws, region: &str) -> EdgeProcess {
    EdgeProcess::start_with(&aws_variables(aws.endpoint(), region)).await
}

/// One request at an edge whose Region may hold a replica.
async fn sign(edge: &EdgeProcess, arn: &str, regions: Option<&str>) -> Returned {
    let mut event = event_of(arn);
    if let Some(regions) = regions {
        custom(&mut event, "countersign-regions", regions);
    }
    edge.call(&event).await
}

async fn authorizer(aws: &FakeAws, region: &str, arn: &str, more: &[(&str, &str)]) -> Bootstrap {
    let variables = aws_variables(aws.endpoint(), region);
    let secret = [("COUNTERSIGN_SECRET", arn), ("COUNTERSIGN_REGIONS", REPLICA)];
    Bootstrap::start(&[&variables[..], &secret, more].concat()).await
}

fn effect(invocation: &Invocation) -> &str {
    match invocation {
        Invocation::Response(answer) => answer["policyDocument"]["Statement"][0]["Effect"].as_str().unwrap(),
        Invocation::Error(kind, _) => kind,
    }
}

#[tokio::test]
async fn an_edge_reads_where_it_runs_if_there_is_a_replica_and_once() {
    for (own, regions, expected) in [
        (REPLICA, Some("us-east-1,ap-south-1"), REPLICA),
        (PRIMARY, Some(REPLICA), PRIMARY),
        (REPLICA, None, PRIMARY),
        ("sa-east-1", Some(REPLICA), PRIMARY),
    ] {
        let (aws, arn) = aws().await;
        let edge = edge(&aws, own).await;
        for _ in 0..100 {
            let signed = sign(&edge, &arn, regions).await;
            assert_eq!((verify(&signed.result), &signed.log[..]), (Ok(()), &[][..]));
            let left = &signed.result["origin"]["custom"]["customHeaders"];
            assert!(left.as_object().unwrap().keys().all(|name| !name.starts_with("countersign")), "{left}");
        }
        assert_eq!(asked(&aws), [expected], "in {own} with {regions:?}");
    }
}

#[tokio::test]
async fn an_authorizer_reads_where_it_runs_if_there_is_a_replica_and_once() {
    for (own, expected) in [(REPLICA, REPLICA), (PRIMARY, PRIMARY), ("sa-east-1", PRIMARY)] {
        let (aws, arn) = aws().await;
        let bootstrap = authorizer(&aws, own, &arn, &[]).await;
        for _ in 0..100 {
            assert_eq!(effect(&bootstrap.invoke(signed().to_string()).await), "Allow");
        }
        assert_eq!(asked(&aws), [expected]);
    }
}

#[tokio::test]
async fn where_the_replica_fails_the_primary_is_asked() {
    for happening in [
        Happening::Throttled,
        Happening::ServerError,
        Happening::DroppedBefore,
        Happening::DroppedAfter,
        Happening::HeldBefore,
        Happening::Garbage,
    ] {
        let (aws, arn) = aws().await;
        aws.fail(Fault::always(happening).within(REPLICA));
        let edge = edge(&aws, REPLICA).await;
        assert_eq!(verify(&sign(&edge, &arn, Some(REPLICA)).await.result), Ok(()), "{happening:?}");
        let bootstrap = authorizer(&aws, REPLICA, &arn, &[]).await;
        assert_eq!(effect(&bootstrap.invoke(signed().to_string()).await), "Allow", "{happening:?}");
        assert_eq!(asked(&aws), [REPLICA, PRIMARY, REPLICA, PRIMARY], "{happening:?}");
    }
    // A replica that is not made yet.
    let (aws, arn) = aws().await;
    let edge = edge(&aws, "ap-south-1").await;
    assert_eq!(verify(&sign(&edge, &arn, Some("ap-south-1")).await.result), Ok(()));
    assert_eq!(asked(&aws), ["ap-south-1", PRIMARY]);
}

/// The age of a secret is that of its current version: only a rotation makes it young.
#[tokio::test]
async fn an_authorizer_logs_the_age_of_the_current_version() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    let told = async |endpoint: &str, arn: &str| {
        let variables = [&aws_variables(endpoint, PRIMARY)[..], &[("COUNTERSIGN_SECRET", arn)]].concat();
        let bootstrap = Bootstrap::start(&variables).await;
        for _ in 0..2 {
            assert_eq!(effect(&bootstrap.invoke(signed().to_string()).await), "Allow");
        }
        let log = bootstrap.log().await;
        let ages: Vec<_> = log.iter().filter_map(|line| line["SecretAge"].as_u64()).collect();
        let [age] = ages[..] else { panic!("one line about one read: {log:?}") };
        age
    };
    let moto = Moto::shared();
    let arn = moto.create_secret(PRIMARY, "secret-age", FIRST_VERSION, &key_set().to_json(), &[]).await;
    assert!(told(moto.endpoint(), &arn).await <= PATIENCE.as_secs());

    let (aws, arn) = aws().await;
    let store = source(&arn).open(&in_region(aws.endpoint(), PRIMARY));
    let created = async || store.read(PATIENCE).await.unwrap().created.unwrap();
    let first = created().await;
    aws.let_pass(WEEK);
    assert_eq!(created().await, first, "only a new version is younger");
    let put = secrets_manager(aws.endpoint(), PRIMARY).put_secret_value().secret_id(&arn);
    let put =
        put.secret_string(key_set().to_json().as_str()).client_request_token("00000000-0000-4000-8000-000000000002");
    put.send().await.unwrap();
    assert!(created().await.duration_since(first).unwrap() >= WEEK);
    assert_eq!(told(aws.endpoint(), &arn).await, 0, "made by a clock that is a week ahead");
}

/// No request waits longer than its limit if one of the two Regions hangs, or both.
#[tokio::test]
async fn a_request_waits_two_seconds_without_keys_and_a_third_of_one_with_old_ones() {
    let (aws, arn) = aws().await;
    let limits = CacheLimits { ttl: Duration::from_secs(60), max_stale: Duration::from_secs(1800) };
    let cache: Cache<Store> = Cache::new(source(&arn).open(&in_region(aws.endpoint(), REPLICA)), limits);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_341_845);
    // How long a read takes that finds the keys due, and what becomes of it.
    let read = async |seconds| {
        let begun = Instant::now();
        let result = cache.refresh(now + Duration::from_secs(seconds)).await;
        (result.map(drop).map_err(|error| error.to_string()), begun.elapsed())
    };
    let waits = |took: Duration, patience: u64| {
        let patience = Duration::from_millis(patience);
        assert!(took > patience / 2 && took < patience + SLACK.max(patience / 2), "{took:?}");
    };

    aws.fail(Fault::always(Happening::HeldBefore));
    let (result, took) = read(0).await;
    assert!(result.unwrap_err().starts_with("secretsmanager in "));
    waits(took, 2000);

    aws.heal();
    aws.fail(Fault::always(Happening::HeldBefore).within(REPLICA));
    let (result, took) = read(10).await;
    assert_eq!(result, Ok(()), "the primary answers in the other half");
    waits(took, 2000);

    aws.fail(Fault::always(Happening::HeldBefore));
    let mut fastest = Duration::MAX;
    // A busy machine is late now and then, and not each time.
    for seconds in [100, 120, 140, 160, 180] {
        let (result, took) = read(seconds).await;
        assert!(result.unwrap_err().starts_with("secretsmanager in "));
        assert!(cache.get(now + Duration::from_secs(seconds)).value.is_some());
        fastest = fastest.min(took);
    }
    waits(fastest, 300);
}

fn source(arn: &str) -> Source {
    Source::parse(arn, Some(REPLICA)).unwrap()
}

/// As in AWS, the authorities are those of the system; here a file replaces them.
#[tokio::test]
async fn keys_are_read_only_over_trusted_tls() {
    let (aws, arn) = aws().await;
    let tls = Tls::before(aws.endpoint()).await;
    let other = Tls::before(aws.endpoint()).await;
    // A system may have a certificate that nobody can read: the others count all the same.
    let folder = tempfile::tempdir().unwrap();
    let with_broken = folder.path().join("authorities.pem");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&with_broken, broken.to_owned() + &fs::read_to_string(tls.authority()).unwrap()).unwrap();
    let with_broken = with_broken.to_str().unwrap();
    for (authority, good) in [(tls.authority(), true), (with_broken, true), (other.authority(), false)] {
        let trust = [("SSL_CERT_FILE", authority)];
        let variables = [&aws_variables(&tls.endpoint, PRIMARY)[..], &trust].concat();
        let edge = EdgeProcess::start_with(&variables).await;
        let status = sign(&edge, &arn, None).await.result["status"].clone();
        assert_eq!(status, if good { Value::Null } else { "503".into() });
        let variables = [&variables[..], &[("COUNTERSIGN_SECRET", &arn)]].concat();
        let bootstrap = Bootstrap::start(&variables).await;
        let decided = bootstrap.invoke(signed().to_string()).await;
        assert_eq!(effect(&decided), if good { "Allow" } else { "NoKeys" });
    }
    assert_eq!(asked(&aws), [PRIMARY; 4], "nothing is sent to a stranger");
}

/// A flood of invented key ids, each in a request that could be admitted except for its key.
#[tokio::test]
async fn ten_thousand_invented_key_ids_cost_a_read_in_ten_seconds() {
    let (aws, arn) = aws().await;
    let bootstrap = authorizer(&aws, PRIMARY, &arn, &[("COUNTERSIGN_TTL", "60")]).await;
    assert_eq!(effect(&bootstrap.invoke(signed().to_string()).await), "Allow");
    let begun = Instant::now();
    for n in 0..10_000 {
        let id = format!("invented-{n}");
        let key = Key::new(id.as_str().try_into().unwrap(), &[9; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX));
        let keys = KeySet::new(vec![key.unwrap()]).unwrap();
        assert_eq!(effect(&bootstrap.invoke(signed_with(&keys, TARGET, rest_event).to_string()).await), "Deny");
    }
    let tens = usize::try_from(begun.elapsed().as_secs() / 10).unwrap();
    let reads = aws.count("GetSecretValue") - 1;
    assert!((1..=tens + 1).contains(&reads), "{reads} reads in {:?}", begun.elapsed());
}

#[tokio::test]
async fn without_keys_the_log_says_what_to_do_and_nothing_is_let_through() {
    let region = |arn: &str| format!("did not find {arn} in eu-west-1: check the name");
    let denied = |arn: &str| format!("AWS denies the call: allow secretsmanager:GetSecretValue on {arn} in eu-west-1");
    let not_it =
        |_: &str| "the answer to secretsmanager:GetSecretValue in eu-west-1 is not from secretsmanager".to_owned();
    let no_echo = |_: &str| "failed (InvalidRequestException".to_owned();
    type Row<'a> = (&'a str, fn(&FakeAws), &'a dyn Fn(&str) -> String);
    let table: [Row<'_>; 7] = [
        ("denied", |aws| aws.deny("secretsmanager:GetSecretValue"), &denied),
        ("expired", FakeAws::expire_credentials, &|_| "the AWS credentials have expired: renew them".to_owned()),
        ("throttled", |aws| aws.fail(Fault::always(Happening::Throttled)), &|_| {
            "AWS throttles secretsmanager:GetSecretValue in eu-west-1: try again later".to_owned()
        }),
        ("broken", |aws| aws.fail(Fault::always(Happening::ServerError)), &|_| "failed (InternalService".to_owned()),
        ("dropped", |aws| aws.fail(Fault::always(Happening::DroppedBefore)), &|_| {
            "secretsmanager in eu-west-1 cannot be reached".to_owned()
        }),
        ("garbage", |aws| aws.fail(Fault::always(Happening::Garbage)), &not_it),
        ("echo", |aws| aws.fail(Fault::always(Happening::Echo)), &no_echo),
    ];
    for (name, break_it, expected) in table {
        let (aws, arn) = aws().await;
        break_it(&aws);
        tells(&aws, &arn, &expected(&arn), name).await;
    }
    let (aws, arn) = aws().await;
    let other = arn.replace("countersign/keys", "other");
    tells(&aws, &other, &region(&other), "missing").await;
    for (value, expected) in [
        ("{\"keys\":[]}", "the key set has no key"),
        ("", "the key set is not valid JSON"),
        (
            "{\"k\":\"dGhlIHNlY3JldCB0aGF0IG5vIGxvZyBtYXkgaG9sZC4\"}",
            "the key at index 0 cannot be used: `kty` is missing",
        ),
    ] {
        let aws = FakeAws::start().await;
        let arn = aws.create_secret(PRIMARY, "keys", if value.is_empty() { " " } else { value }, &[]);
        tells(&aws, &arn, expected, value).await;
    }
    let aws = FakeAws::start().await;
    let arn = aws.create_empty_secret(PRIMARY, "empty");
    let expected = format!(
        "the secret {arn} has no version AWSCURRENT in {PRIMARY}: if the secret is empty, make its first key with \
        `countersign keys init --secret ARN` and the ARN of the primary"
    );
    tells(&aws, &arn, &expected, "empty").await;
}

/// As Windows' editors write it.
#[tokio::test]
async fn keys_with_a_byte_order_mark_are_read() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret(PRIMARY, "keys", &format!("\u{feff}{}", *key_set().to_json()), &[]);
    let edge = edge(&aws, PRIMARY).await;
    assert_eq!(verify(&sign(&edge, &arn, None).await.result), Ok(()));
    let bootstrap = authorizer(&aws, PRIMARY, &arn, &[]).await;
    assert_eq!(effect(&bootstrap.invoke(signed().to_string()).await), "Allow");
}

/// The edge answers 503 and the authorizer fails; both logs say why, and hold no key.
async fn tells(aws: &FakeAws, arn: &str, expected: &str, name: &str) {
    let edge = edge(aws, PRIMARY).await;
    let answered = sign(&edge, arn, None).await;
    assert_eq!(answered.result["status"], "503", "{name}");
    let events: Vec<_> = answered.log.iter().map(|line| line["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(events, ["refresh-failed", "request-answered-at-edge"], "{name}");
    holds(&answered.log, "detail", expected, name);

    let bootstrap = authorizer(aws, PRIMARY, arn, &[]).await;
    assert_eq!(effect(&bootstrap.invoke(signed().to_string()).await), "NoKeys", "{name}");
    holds(&bootstrap.log().await, "detail", expected, name);
}

#[track_caller]
fn holds(log: &[Value], field: &str, expected: &str, name: &str) {
    let told = log[0][field].as_str().unwrap();
    assert!(told.contains(expected), "{name}: {told}");
    let text = format!("{log:?}");
    let secret = std::str::from_utf8(&SECRET).unwrap();
    assert!(!text.contains(secret) && !text.contains(&URL_SAFE_NO_PAD.encode(SECRET)), "{text}");
}
