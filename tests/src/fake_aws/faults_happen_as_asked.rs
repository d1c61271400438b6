//! The fake AWS does to each call what a test requested, and records it correctly.

use crate::{
    fake_aws::{
        FIRST_VERSION, FakeAws,
        call::Service,
        cloud_formation::Parameter,
        faults::{Fault, Happening},
        secrets_manager::{Labels, Lag, Replication},
    },
    support::aws_clients::{cloud_formation, secrets_manager, told},
};
use aws_sdk_secretsmanager::primitives::DateTimeFormat;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;

const REGION: &str = "eu-west-1";
const REPLICA: &str = "us-east-1";
const SECRET: &str = "countersign/keys";
const NEXT: &str = "00000000-0000-4000-8000-000000000002";
const ERROR: &str = "An error occurred on the server side.";

#[tokio::test]
async fn a_fault_comes_with_its_call_and_with_no_other() {
    // The fault, the answer to the client, whether the call had its effect, and the entry in the log.
    let rows = [
        (Happening::Throttled, "ThrottlingException: Rate exceeded", false, "ThrottlingException"),
        (Happening::ServerError, &format!("InternalServiceError: {ERROR}"), false, "InternalServiceError"),
        (Happening::DroppedBefore, "no answer", false, "dropped"),
        (Happening::DroppedAfter, "no answer", true, "dropped"),
        (Happening::Delayed(Duration::from_millis(5)), "ok", true, "ok"),
        (Happening::Garbage, "HTTP 200", true, "garbage"),
    ];
    for (happening, expected, effect, logged) in rows {
        let aws = aws().await;
        aws.fail(Fault::at(1, happening).of("PutSecretValue"));
        assert_eq!(get(&aws, REGION).await, "one", "{happening:?} is for another call");
        assert_eq!(put(&aws, "two").await, expected, "{happening:?}");
        assert_eq!(aws.labels(SECRET).contains_key(NEXT), effect, "{happening:?}");
        let call = aws.calls().pop().unwrap();
        assert_eq!((call.effect, call.answer.as_str()), (effect, logged), "{happening:?}");
        assert_eq!(put(&aws, "two").await, "ok", "{happening:?} comes once");
    }
}

#[tokio::test]
async fn a_delayed_answer_comes_after_the_effect() {
    let (aws, delay) = (aws().await, Duration::from_millis(300));
    aws.fail(Fault::at(1, Happening::Delayed(delay)));
    let start = Instant::now();
    let limited = timeout(delay / 3, put(&aws, "two")).await;
    assert!(limited.is_err() && aws.labels(SECRET).contains_key(NEXT), "the effect is there before the answer");
    aws.fail(Fault::at(1, Happening::Delayed(delay)));
    assert_eq!(put(&aws, "two").await, "ok");
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn an_echo_holds_the_whole_request() {
    let aws = aws().await;
    aws.fail(Fault::always(Happening::Echo));
    let told = put(&aws, "the very value").await;
    assert!(told.starts_with("InvalidRequestException: Cannot take {"), "{told}");
    assert!(told.contains("\"SecretString\":\"the very value\""), "{told}");
    let told = update(&aws, "a <new> & value").await;
    assert!(told.starts_with("ValidationError: Cannot take Action=UpdateStack&"), "{told}");
    assert!(told.contains("ParameterValue=a%20%3Cnew%3E%20%26%20value"), "{told}");
}

#[tokio::test]
async fn stack_calls_fail_in_the_form_of_their_protocol() {
    let rows = [
        (Happening::Throttled, "Throttling: Rate exceeded"),
        (Happening::ServerError, &format!("InternalFailure: {ERROR}")),
        (Happening::DroppedBefore, "no answer"),
        (Happening::Garbage, "HTTP 200"),
    ];
    for (happening, expected) in rows {
        let aws = aws().await;
        aws.fail(Fault::at(1, happening));
        assert_eq!(update(&aws, "2").await, expected);
    }
}

/// A test can end a client exactly there.
#[tokio::test]
async fn a_call_is_held_before_its_effect_or_after_it() {
    for (happening, effect) in [(Happening::HeldBefore, false), (Happening::HeldAfter, true)] {
        let aws = aws().await;
        aws.fail(Fault::at(1, happening).of("PutSecretValue"));
        let client = secrets_manager(aws.endpoint(), REGION);
        let request = client.put_secret_value().secret_id(SECRET).client_request_token(NEXT).secret_string("two");
        let held = tokio::spawn(request.version_stages("AWSPENDING").send());
        let call = aws.reached().await;
        assert_eq!((call.operation.as_str(), call.effect, call.answer.as_str()), ("PutSecretValue", effect, "held"));
        assert_eq!(aws.labels(SECRET).contains_key(NEXT), effect);
        assert!(!held.is_finished());
        held.abort();
        assert_eq!(put(&aws, "two").await, "ok", "other calls are served in the meantime");
    }
}

/// So two clients can be made to overlap.
#[tokio::test]
async fn a_held_call_goes_on_when_it_is_let_go() {
    for (happening, meanwhile, effects) in
        [(Happening::HeldBefore, false, &[false, true][..]), (Happening::HeldAfter, true, &[true])]
    {
        let aws = aws().await;
        aws.fail(Fault::at(1, happening).of("PutSecretValue"));
        let (put, ()) = tokio::join!(put(&aws, "two"), async {
            aws.reached().await;
            assert_eq!(aws.labels(SECRET).contains_key(NEXT), meanwhile);
            assert_eq!(get(&aws, REGION).await, "one", "other calls are served in the meantime");
            aws.release();
        });
        assert_eq!(put, "ok", "{happening:?}");
        let puts = aws.calls().into_iter().filter(|call| call.operation == "PutSecretValue");
        assert_eq!(puts.map(|call| call.effect).collect::<Vec<_>>(), effects, "{happening:?}");
        let stored = aws.stored(SECRET);
        let values: Vec<_> = stored.iter().map(|one| (one.version.as_str(), one.value.as_deref())).collect();
        assert_eq!(values, [(FIRST_VERSION, Some("one")), (NEXT, Some("two"))]);
        assert!(stored[0].created <= stored[1].created);
    }
}

#[tokio::test]
async fn a_fault_matches_by_number_operation_and_region() {
    let throttled = || Happening::Throttled;
    // Reads here, there, here, there.
    let rows = [
        (Fault::at(1, throttled()), [true, false, false, false]),
        (Fault::at(3, throttled()), [false, false, true, false]),
        (Fault::at(2, throttled()).within(REPLICA), [false, false, false, true]),
        (Fault::always(throttled()).within(REGION), [true, false, true, false]),
        (Fault::always(throttled()).of("GetSecretValue"), [true; 4]),
        (Fault::always(throttled()).of("PutSecretValue"), [false; 4]),
    ];
    for (fault, expected) in rows {
        let aws = aws().await;
        aws.fail(fault.clone());
        for (at, region) in [REGION, REPLICA, REGION, REPLICA].into_iter().enumerate() {
            assert_eq!(get(&aws, region).await != "one", expected[at], "{fault:?}, read {at}");
        }
        aws.heal();
        assert_eq!(get(&aws, REGION).await, "one");
        assert_eq!((aws.count("GetSecretValue"), aws.count("PutSecretValue")), (5, 0));
    }
}

/// A call counts for every fault that it matches, and the fault that was requested first happens.
#[tokio::test]
async fn faults_do_not_hide_each_other() {
    let aws = aws().await;
    aws.fail(Fault::at(2, Happening::Throttled));
    aws.fail(Fault::always(Happening::ServerError).within(REGION));
    aws.fail(Fault::at(3, Happening::DroppedBefore));
    let error = format!("InternalServiceError: {ERROR}");
    for expected in [&error, "ThrottlingException: Rate exceeded", &error, &error] {
        assert_eq!(get(&aws, REGION).await, expected);
    }
    assert_eq!(get(&aws, REPLICA).await, "one", "the third has had its call");
}

#[tokio::test]
async fn a_denied_caller_gets_the_message_of_iam() {
    let denial = |action: &str, resource: &str| {
        format!(
            "User: arn:aws:sts::123456789012:assumed-role/countersign/test is not authorized to perform: {action} on resource: \
             {resource} because no identity-based policy allows the {action} action"
        )
    };
    let aws = aws().await;
    aws.deny("secretsmanager:PutSecretValue");
    aws.deny("cloudformation:UpdateStack");
    let denied = denial("secretsmanager:PutSecretValue", SECRET);
    assert_eq!(put(&aws, "two").await, format!("AccessDeniedException: {denied}"));
    let denied = denial("cloudformation:UpdateStack", "arn:aws:cloudformation:eu-west-1:123456789012:stack/api/*");
    assert_eq!(update(&aws, "2").await, format!("AccessDenied: {denied}"));
    assert_eq!(get(&aws, REGION).await, "one");
    aws.expire_credentials();
    let expired = "The security token included in the request is expired";
    assert_eq!(get(&aws, REGION).await, format!("ExpiredTokenException: {expired}"));
    assert_eq!(update(&aws, "2").await, format!("ExpiredToken: {expired}"));
    assert!(aws.calls().iter().all(|call| !call.effect));
}

#[tokio::test]
async fn a_replica_lags_as_long_as_the_test_says() {
    let aws = aws().await;
    aws.hold_back(SECRET, REPLICA, Lag::Reads(2));
    assert_eq!(promote(&aws, "two").await, "ok");
    assert_eq!(get(&aws, REGION).await, "two");
    assert_eq!([get(&aws, REPLICA).await, get(&aws, REPLICA).await, get(&aws, REPLICA).await], ["one", "one", "two"]);

    aws.hold_back(SECRET, REPLICA, Lag::UntilTold);
    let third = "00000000-0000-4000-8000-000000000003";
    aws.stage_pending(SECRET, third);
    let client = secrets_manager(aws.endpoint(), REPLICA);
    for versions in [2, 2, 2] {
        let described = client.describe_secret().secret_id(SECRET).send().await.unwrap();
        assert_eq!(described.version_ids_to_stages.unwrap().len(), versions);
    }
    aws.catch_up(SECRET, REPLICA);
    let described = client.describe_secret().secret_id(SECRET).send().await.unwrap();
    assert_eq!(described.version_ids_to_stages.unwrap()[third], ["AWSPENDING"]);
}

#[tokio::test]
async fn a_replica_reports_the_status_that_the_test_sets() {
    let aws = aws().await;
    let rows =
        [(Replication::Failed, "Failed"), (Replication::InProgress, "InProgress"), (Replication::InSync, "InSync")];
    for (status, expected) in rows {
        aws.set_replication(SECRET, REPLICA, status);
        let client = secrets_manager(aws.endpoint(), REGION);
        let described = client.describe_secret().secret_id(SECRET).send().await.unwrap();
        assert_eq!(described.replication_status()[0].status().unwrap().as_str(), expected);
    }
}

/// A recording of AWS shows it: the version that a put takes AWSCURRENT from loses AWSPENDING too. UpdateSecretVersionStage
/// leaves AWSPENDING where it is.
#[tokio::test]
async fn a_put_of_the_current_version_takes_pending_along() {
    let aws = aws().await;
    assert_eq!(put(&aws, "two").await, "ok");
    let client = secrets_manager(aws.endpoint(), REGION);
    let stage = client.update_secret_version_stage().secret_id(SECRET).version_stage("AWSCURRENT");
    stage.move_to_version_id(NEXT).remove_from_version_id(FIRST_VERSION).send().await.unwrap();
    assert_eq!(aws.labels(SECRET), labels(&[(FIRST_VERSION, &["AWSPREVIOUS"]), (NEXT, &["AWSCURRENT", "AWSPENDING"])]));
    let third = "00000000-0000-4000-8000-000000000003";
    client
        .put_secret_value()
        .secret_id(SECRET)
        .client_request_token(third)
        .secret_string("three")
        .send()
        .await
        .unwrap();
    assert_eq!(aws.labels(SECRET), labels(&[(NEXT, &["AWSPREVIOUS"]), (third, &["AWSCURRENT"])]));
}

#[tokio::test]
async fn every_call_and_every_moment_is_remembered() {
    let aws = aws().await;
    let start = SystemTime::now();
    aws.let_pass(Duration::from_secs(3600));
    assert_eq!(put(&aws, "two").await, "ok");
    assert_eq!(promote(&aws, "two").await, "ok");
    assert_eq!(get(&aws, REGION).await, "two");

    let calls = aws.calls();
    let rows: Vec<_> = calls
        .iter()
        .map(|call| {
            assert_eq!((call.service, call.region.as_str()), (Service::SecretsManager, REGION));
            (
                call.operation.as_str(),
                call.concerns.as_str(),
                call.version.as_deref(),
                call.stages.join(" "),
                call.effect,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("PutSecretValue", SECRET, Some(NEXT), "AWSPENDING".to_owned(), true),
            ("PutSecretValue", SECRET, Some(NEXT), "AWSPENDING".to_owned(), false),
            ("UpdateSecretVersionStage", SECRET, Some(NEXT), "AWSCURRENT".to_owned(), true),
            ("GetSecretValue", SECRET, None, String::new(), false),
        ]
    );
    assert!(!format!("{calls:?}").contains("two"), "the log has no values");

    let pending = labels(&[(FIRST_VERSION, &["AWSCURRENT"]), (NEXT, &["AWSPENDING"])]);
    let promoted = labels(&[(FIRST_VERSION, &["AWSPREVIOUS"]), (NEXT, &["AWSCURRENT", "AWSPENDING"])]);
    let made = labels(&[(FIRST_VERSION, &["AWSCURRENT"])]);
    assert_eq!(aws.moments(SECRET), [made, pending.clone(), pending, promoted.clone(), promoted]);
    let history = aws.history(SECRET);
    let promotions: Vec<_> = history.iter().map(|one| (one.version.as_str(), one.value.as_deref())).collect();
    assert_eq!(promotions, [(FIRST_VERSION, Some("one")), (NEXT, Some("two"))]);
    assert!(history[0].at <= start && history[1].at >= start + Duration::from_secs(3600), "by its own clock");

    let client = secrets_manager(aws.endpoint(), REGION);
    let created = client.get_secret_value().secret_id(SECRET).send().await.unwrap().created_date.unwrap();
    assert!(
        SystemTime::try_from(created).unwrap() >= start + Duration::from_secs(3599),
        "{}",
        created.fmt(DateTimeFormat::DateTime).unwrap()
    );
}

/// One secret with a replica, and one stack.
async fn aws() -> FakeAws {
    let aws = FakeAws::start().await;
    aws.create_secret(REGION, SECRET, "one", &[REPLICA]);
    aws.create_stack(REGION, "api", &[Parameter::new("Timestamp", "1")], &[]);
    aws
}

async fn get(aws: &FakeAws, region: &'static str) -> String {
    let call = secrets_manager(aws.endpoint(), region).get_secret_value().secret_id(SECRET);
    call.send().await.map_or_else(|error| told(&error), |got| got.secret_string.unwrap())
}

/// Puts a value as the pending version.
async fn put(aws: &FakeAws, value: &str) -> String {
    let call = secrets_manager(aws.endpoint(), REGION).put_secret_value().secret_id(SECRET).client_request_token(NEXT);
    let call = call.secret_string(value).version_stages("AWSPENDING");
    call.send().await.map_or_else(|error| told(&error), |_| "ok".to_owned())
}

/// Puts a value and makes it the current one.
async fn promote(aws: &FakeAws, value: &str) -> String {
    assert_eq!(put(aws, value).await, "ok");
    let call = secrets_manager(aws.endpoint(), REGION).update_secret_version_stage().secret_id(SECRET);
    let call = call.version_stage("AWSCURRENT").move_to_version_id(NEXT).remove_from_version_id(FIRST_VERSION);
    call.send().await.map_or_else(|error| told(&error), |_| "ok".to_owned())
}

async fn update(aws: &FakeAws, timestamp: &str) -> String {
    let parameter =
        aws_sdk_cloudformation::types::Parameter::builder().parameter_key("Timestamp").parameter_value(timestamp);
    let call = cloud_formation(aws.endpoint(), REGION).update_stack().stack_name("api").use_previous_template(true);
    call.parameters(parameter.build()).send().await.map_or_else(|error| told(&error), |_| "ok".to_owned())
}

fn labels(versions: &[(&str, &[&str])]) -> Labels {
    let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    versions.iter().map(|(version, labels)| ((*version).to_owned(), owned(labels))).collect()
}
