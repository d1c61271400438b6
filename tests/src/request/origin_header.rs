//! The secret header of the origin, a second lock behind the signature, at the real authorizer.
//!
//! That secrets come and go is shown in moto; the fake AWS fails, and counts its calls. If time matters, the authorizer
//! runs in the test, which passes it the time.

use crate::{
    fake_aws::{
        FIRST_VERSION, FakeAws,
        faults::{Fault, Happening},
    },
    request::support::authorizer_events::{TARGET, signed, signed_with},
    support::{
        aws_clients::{aws_variables, in_region, secrets_manager},
        bootstrap::{Bootstrap, Invocation, decisions},
        client::ask,
        echo::{CAUGHT, arrived},
        edge_process::EdgeProcess,
        keys::{Keys, key_set},
        leaks::Secrets,
        moto::Moto,
        patience::PATIENCE,
        whole_path::options,
    },
};
use authorizer::{Authorizer, AuthorizerConfig};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::Method;
use local::{ApiKind, http_event};
use serde_json::{Value, json};
use signing::{Key, KeySet, UnixSeconds};
use std::{
    ffi::OsString,
    time::{Duration, Instant, SystemTime},
};

const REGION: &str = "eu-west-1";
const OLD: &str = "2026-11-15T06-04-05Z";
const NEW: &str = "2026-11-22T06-04-05Z";
const OLD_VALUE: &str = "OldOldOldOldOldOldOldOldOldOldOldOldOldOldOld1";
const NEW_VALUE: &str = "NewNewNewNewNewNewNewNewNewNewNewNewNewNewNew2";

/// The event of a signed request with these values of the header.
fn with(values: &[&str]) -> Value {
    with_header(signed(), values)
}

fn with_header(mut event: Value, values: &[&str]) -> Value {
    if let Some(last) = values.last() {
        event["headers"]["X-Origin-Verify"] = json!(last);
        event["multiValueHeaders"]["X-Origin-Verify"] = json!(values);
    }
    event
}

fn header(name: &str, value: &str) -> String {
    format!("{name}.{value}")
}

/// The bootstrap with its keys in a file and the header's values there, where `PREFIX/NAME/value` are their names.
async fn authorizer(endpoint: &str, keys: &Keys, prefix: &str, more: &[(&str, &str)]) -> Bootstrap {
    let source = keys.source();
    let settings = [("COUNTERSIGN_SECRET", source.as_str()), ("COUNTERSIGN_ORIGIN_HEADER", prefix)];
    Bootstrap::start(&[&aws_variables(endpoint, REGION)[..], &settings, more].concat()).await
}

async fn aws() -> FakeAws {
    let aws = FakeAws::start().await;
    for (name, value) in [(OLD, OLD_VALUE), (NEW, NEW_VALUE)] {
        aws.create_secret(REGION, &format!("api/origin-header/{name}/value"), value, &[]);
    }
    aws
}

async fn effect(bootstrap: &Bootstrap, event: &Value) -> String {
    match bootstrap.invoke(event.to_string()).await {
        Invocation::Response(answer) => match answer["isAuthorized"].as_bool() {
            Some(allowed) => if allowed { "Allow" } else { "Deny" }.to_owned(),
            None => answer["policyDocument"]["Statement"][0]["Effect"].as_str().unwrap().to_owned(),
        },
        Invocation::Error(kind, _) => kind,
    }
}

/// Each decision and its reason. No value is in the log, nor the credentials.
async fn told(bootstrap: Bootstrap) -> Vec<String> {
    let log = bootstrap.log().await;
    holds_no_value(&Value::from(log.clone()).to_string());
    let word = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let told = decisions(&log).into_iter().map(|line| word(line, "event") + " " + &word(line, "reason"));
    told.map(|words| words.trim_end().to_owned()).collect()
}

#[track_caller]
fn holds_no_value(log: &str) {
    let mut secrets = Secrets::of_aws();
    secrets.extend([OLD_VALUE, NEW_VALUE].map(|value| URL_SAFE_NO_PAD.encode(value)));
    assert_eq!(secrets.found_in(log), None, "{log}");
}

/// The headers of a request, and the verdict about them.
fn table() -> Vec<(Vec<String>, &'static str)> {
    let good = header(NEW, NEW_VALUE);
    let other = NEW_VALUE.replace('2', "3");
    vec![
        (vec![good.clone()], "admitted"),
        (vec![header(OLD, OLD_VALUE)], "admitted"),
        (vec![], "origin-header-missing"),
        (vec![good.clone(), good.clone()], "origin-header-repeated"),
        (vec![String::new()], "origin-header-malformed"),
        (vec![NEW_VALUE.to_owned()], "origin-header-malformed"),
        (vec![format!("{good},{good}")], "origin-header-malformed"),
        (vec![header("../other", NEW_VALUE)], "origin-header-malformed"),
        (vec![header("2026-11-23", NEW_VALUE)], "origin-header-unknown"),
        (vec![header(NEW, &other)], "origin-header-mismatch"),
        (vec![header(NEW, OLD_VALUE)], "origin-header-mismatch"),
        (vec![header(NEW, NEW_VALUE.split_at(32).0)], "origin-header-mismatch"),
        (vec![good], "admitted"),
    ]
}

#[tokio::test]
async fn a_signed_request_is_admitted_with_the_header_of_a_secret_and_refused_without() {
    let (aws, keys) = (aws().await, Keys::new());
    let bootstrap = authorizer(aws.endpoint(), &keys, "api/origin-header", &[]).await;
    let monitor = authorizer(aws.endpoint(), &keys, "api/origin-header", &[("COUNTERSIGN_MODE", "monitor")]).await;
    let (mut refused, mut would_refuse) = (Vec::new(), Vec::new());
    for (values, verdict) in table() {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        let event = with(&values);
        assert_eq!(
            effect(&bootstrap, &event).await,
            if verdict == "admitted" { "Allow" } else { "Deny" },
            "{values:?}"
        );
        assert_eq!(effect(&monitor, &event).await, "Allow", "{values:?}");
        let words = |decision: &str| {
            if verdict == "admitted" { "request-admitted".to_owned() } else { format!("{decision} {verdict}") }
        };
        refused.push(words("request-refused"));
        would_refuse.push(words("request-would-be-refused"));
    }
    assert_eq!(told(bootstrap).await, refused);
    assert_eq!(told(monitor).await, would_refuse);
    let names: Vec<_> = aws.calls().into_iter().map(|call| call.concerns).collect();
    let read = [NEW, OLD, "2026-11-23"].map(|name| format!("api/origin-header/{name}/value"));
    assert_eq!(names.len(), 2 * read.len(), "each name is read once: {names:?}");
    assert!(read.iter().all(|name| names.contains(name)), "{names:?}");
}

/// It is the last rule: a request that is refused for its signature does not cause a read. HTTP APIs show one text.
#[tokio::test]
async fn only_a_valid_signature_makes_a_name_be_looked_up() {
    let (aws, keys) = (aws().await, Keys::new());
    let bootstrap = authorizer(aws.endpoint(), &keys, "api/origin-header", &[]).await;
    let key = Key::new("k1".try_into().unwrap(), &[9; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    let strangers = KeySet::new(vec![key]).unwrap();
    let forged = || with_header(signed_with(&strangers, TARGET, local::rest_event), &[&header(NEW, NEW_VALUE)]);
    let mut unsigned = with(&[&header(NEW, NEW_VALUE)]);
    unsigned["multiValueHeaders"].as_object_mut().unwrap().remove("Countersign-Signature");
    for event in [forged(), unsigned] {
        assert_eq!(effect(&bootstrap, &event).await, "Deny");
    }
    assert_eq!(aws.calls(), []);
    let of_http = |text: &str| {
        let mut event = signed_with(&key_set(), TARGET, http_event);
        event["headers"]["x-origin-verify"] = json!(text);
        event
    };
    let good = header(NEW, NEW_VALUE);
    assert_eq!(effect(&bootstrap, &of_http(&format!("{good},{good}"))).await, "Deny");
    assert_eq!(effect(&bootstrap, &of_http(&good)).await, "Allow");
    assert_eq!(aws.count("GetSecretValue"), 1);
    let expected = [
        "request-refused signature",
        "request-refused header-missing",
        "request-refused origin-header-malformed",
        "request-admitted",
    ];
    assert_eq!(told(bootstrap).await, expected);
}

/// In moto, whose secrets go as those of AWS do: at once, or marked for deletion.
#[tokio::test]
async fn in_a_rollout_both_values_are_accepted_until_the_old_secret_is_deleted() {
    let (moto, keys) = (Moto::shared(), Keys::new());
    for (prefix, recoverable) in [("rollout/at-once", false), ("rollout/marked", true)] {
        let secret = |name: &str| format!("{prefix}/{name}/value");
        moto.create_secret(REGION, &secret(OLD), FIRST_VERSION, OLD_VALUE, &[]).await;
        let bootstrap = authorizer(moto.endpoint(), &keys, prefix, &[("COUNTERSIGN_TTL", "1")]).await;
        let (old, new) = (header(OLD, OLD_VALUE), header(NEW, NEW_VALUE));
        assert_eq!(effect(&bootstrap, &with(&[&old])).await, "Allow");

        moto.create_secret(REGION, &secret(NEW), FIRST_VERSION, NEW_VALUE, &[]).await;
        for value in [&old, &new, &old, &new] {
            assert_eq!(effect(&bootstrap, &with(&[value])).await, "Allow");
        }

        let delete = secrets_manager(moto.endpoint(), REGION).delete_secret().secret_id(secret(OLD));
        let delete = if recoverable { delete } else { delete.force_delete_without_recovery(true) };
        delete.send().await.unwrap();
        let begun = Instant::now();
        while effect(&bootstrap, &with(&[&old])).await == "Allow" {
            assert_eq!(effect(&bootstrap, &with(&[&new])).await, "Allow");
            assert!(begun.elapsed() < PATIENCE, "a deleted value is still admitted");
        }
        assert_eq!(effect(&bootstrap, &with(&[&new])).await, "Allow");
        let mut told = told(bootstrap).await;
        told.retain(|words| words != "request-admitted");
        assert_eq!(told, ["request-refused origin-header-unknown"]);
    }
}

/// An authorizer in this process, to which the test passes the time.
struct Timed {
    authorizer: Authorizer,
    begun: SystemTime,
}

impl Timed {
    fn new(endpoint: &str, keys: &Keys, prefix: &str) -> Self {
        let source = keys.source();
        let settings = [("COUNTERSIGN_SECRET", source.as_str()), ("COUNTERSIGN_ORIGIN_HEADER", prefix)];
        let config =
            AuthorizerConfig::read(settings.map(|(name, value)| (OsString::from(name), value.into()))).unwrap();
        let authorizer = Authorizer::new(config, &in_region(endpoint, REGION), telemetry::Log::none());
        Self { authorizer, begun: SystemTime::now() }
    }

    /// What becomes of a signed request with this header, so many seconds after the beginning.
    async fn at(&self, seconds: u64, value: &str) -> String {
        let now = self.begun + Duration::from_secs(seconds);
        match self.authorizer.authorize(&with(&[value]).to_string(), now).await {
            Ok(answer) => {
                let answer = serde_json::to_value(answer).unwrap();
                answer["policyDocument"]["Statement"][0]["Effect"].as_str().unwrap().to_owned()
            }
            Err(error) => error.to_string(),
        }
    }
}

const UNAVAILABLE: &str =
    "the authorizer does not have a usable value of the origin's header: see the failed reads in this log";

/// In moto. A deleted secret is not a failed read, during which its value would be kept.
#[tokio::test]
async fn a_deleted_value_is_refused_after_the_ttl() {
    let (moto, keys) = (Moto::shared(), Keys::new());
    let secret = format!("deleted/{NEW}/value");
    let created = || moto.create_secret(REGION, &secret, FIRST_VERSION, NEW_VALUE, &[]);
    created().await;
    let timed = Timed::new(moto.endpoint(), &keys, "deleted");
    let new = header(NEW, NEW_VALUE);
    assert_eq!(timed.at(0, &new).await, "Allow");
    let delete = secrets_manager(moto.endpoint(), REGION).delete_secret().secret_id(&secret);
    delete.force_delete_without_recovery(true).send().await.unwrap();
    assert_eq!(timed.at(59, &new).await, "Allow");
    assert_eq!(timed.at(60, &new).await, "Deny");
    // That it is unknown is known for ten seconds.
    created().await;
    assert_eq!(timed.at(69, &new).await, "Deny");
    assert_eq!(timed.at(70, &new).await, "Allow");
}

#[tokio::test]
async fn a_value_that_cannot_be_read_again_is_used_for_half_an_hour() {
    let (aws, keys) = (aws().await, Keys::new());
    let timed = Timed::new(aws.endpoint(), &keys, "api/origin-header");
    let (old, new) = (header(OLD, OLD_VALUE), header(NEW, NEW_VALUE));
    assert_eq!(timed.at(0, &new).await, "Allow");
    for happening in [Happening::Throttled, Happening::ServerError, Happening::DroppedBefore, Happening::Garbage] {
        aws.heal();
        aws.fail(Fault::always(happening));
        assert_eq!(timed.at(100, &new).await, "Allow", "{happening:?}");
        assert_eq!(timed.at(100, &header(NEW, OLD_VALUE)).await, "Deny", "{happening:?}");
    }
    aws.deny("secretsmanager:GetSecretValue");
    assert_eq!(timed.at(1859, &new).await, "Allow");
    assert_eq!(timed.at(1860, &new).await, UNAVAILABLE);
    assert_eq!(timed.at(1860, &old).await, UNAVAILABLE, "which was never read");
    let reads = |name: &str| aws.calls().iter().filter(|call| call.concerns.contains(name)).count();
    let before = reads(NEW);
    assert_eq!(timed.at(1860, &new).await, UNAVAILABLE);
    assert_eq!(reads(NEW), before, "a store that is down is not read again at once");
    assert_eq!(reads(OLD), 1);
}

#[tokio::test]
async fn without_a_readable_value_the_answer_is_an_error_and_the_log_says_what_to_do() {
    let denied = "AWS denies the call: allow secretsmanager:GetSecretValue on secret:api/origin-header/* in eu-west-1";
    let short = "the value of secret api/origin-header/short/value in eu-west-1 is not 32 to 128 letters and digits";
    for (name, expected) in [(NEW, denied), ("short", short)] {
        let (aws, keys) = (aws().await, Keys::new());
        aws.create_secret(REGION, "api/origin-header/short/value", NEW_VALUE.split_at(31).0, &[]);
        if name == NEW {
            aws.deny("secretsmanager:GetSecretValue");
        }
        let event = with(&[&header(name, NEW_VALUE)]);
        let bootstrap = authorizer(aws.endpoint(), &keys, "api/origin-header", &[]).await;
        assert_eq!(effect(&bootstrap, &event).await, "NoOriginHeader");
        let log = bootstrap.log().await;
        holds_no_value(&Value::from(log.clone()).to_string());
        let failed = log.iter().find(|line| line["event"] == "refresh-failed").unwrap();
        assert!(failed["detail"].as_str().unwrap().starts_with(expected), "{failed}");
        let last = log.last().unwrap();
        let words = ["event", "reason", "detail"].map(|field| last[field].as_str().unwrap());
        assert_eq!((words, &last["Unavailable"]), (["request-undecided", "no-origin-header", UNAVAILABLE], &json!(1)));

        let monitor = authorizer(aws.endpoint(), &keys, "api/origin-header", &[("COUNTERSIGN_MODE", "monitor")]).await;
        assert_eq!(effect(&monitor, &event).await, "Allow");
        assert_eq!(told(monitor).await, ["request-would-be-refused no-origin-header"]);
    }
}

/// Captured signed headers can be replayed with invented names.
#[tokio::test]
async fn invented_names_cost_few_reads_and_do_not_push_out_valid_names() {
    let (aws, keys) = (aws().await, Keys::new());
    let bootstrap = authorizer(aws.endpoint(), &keys, "api/origin-header", &[("COUNTERSIGN_TTL", "60")]).await;
    let reads = |name: &str| aws.calls().iter().filter(|call| call.concerns.contains(name)).count();
    let good = [with(&[&header(OLD, OLD_VALUE)]), with(&[&header(NEW, NEW_VALUE)])];
    let begun = Instant::now();
    for event in &good {
        assert_eq!(effect(&bootstrap, event).await, "Allow");
    }
    let invented = with(&[&header("invented", NEW_VALUE)]);
    for _ in 0..2000 {
        assert_eq!(effect(&bootstrap, &invented).await, "Deny");
    }
    let tens = usize::try_from(begun.elapsed().as_secs() / 10).unwrap();
    assert!((1..=tens + 1).contains(&reads("invented")), "{} reads in {:?}", reads("invented"), begun.elapsed());
    for n in 0..50 {
        assert_eq!(effect(&bootstrap, &with(&[&header(&format!("other-{n}"), NEW_VALUE)])).await, "Deny");
    }
    for event in &good {
        assert_eq!(effect(&bootstrap, event).await, "Allow");
    }
    assert_eq!([OLD, NEW].map(reads), [1, 1]);
}

#[tokio::test]
async fn of_five_valid_names_the_least_recently_used_is_dropped() {
    let (aws, keys) = (FakeAws::start().await, Keys::new());
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        aws.create_secret(REGION, &format!("five/{name}/value"), NEW_VALUE, &[]);
    }
    let timed = Timed::new(aws.endpoint(), &keys, "five");
    for name in ["a", "b", "c", "d", "a", "e", "a", "c", "d", "e", "b"] {
        assert_eq!(timed.at(0, &header(name, NEW_VALUE)).await, "Allow", "{name}");
    }
    let reads = |name: &str| aws.calls().iter().filter(|call| call.concerns == format!("five/{name}/value")).count();
    assert_eq!(names.map(reads), [1, 2, 1, 1, 1]);
}

/// The whole path: CloudFront adds the header, a viewer's own is removed, and captured signed headers lack it.
#[tokio::test(flavor = "multi_thread")]
async fn only_cloudfront_can_send_the_header() {
    let (aws, keys) = (aws().await, Keys::new());
    for api in [ApiKind::Rest, ApiKind::Http] {
        let bootstrap = authorizer(aws.endpoint(), &keys, "api/origin-header", &[]).await;
        let mut options = options(&keys.source(), api);
        options.custom_headers.push(("x-origin-verify".to_owned(), header(NEW, NEW_VALUE)));
        let running = local::start(options, EdgeProcess::start().await, bootstrap).await.unwrap();
        for viewers in [&[][..], &[("X-Origin-Verify", "a.b")], &[("x_origin_verify", "a"), ("X-ORIGIN-VERIFY", "b")]] {
            let (status, echo) = ask(running.edge, Method::GET, "/echo/a", viewers, b"").await;
            assert_eq!((status, arrived(&echo, "x-origin-verify")), (200, Some(&*header(NEW, NEW_VALUE))));
            let caught: Vec<_> = CAUGHT.iter().map(|name| (*name, arrived(&echo, name).unwrap())).collect();
            let again = ask(running.gateway, Method::GET, "/prod/echo/a", &caught, b"").await;
            assert_eq!(again.0, 403);
        }
        running.stop().await;
    }
}
