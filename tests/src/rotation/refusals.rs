//! The log of the real rotator, and its refusals: of wrong events, of secrets without keys, of wrong environments.

use crate::{
    rotation::support::rotator::{
        FIRST, REGION, TIME, World, fail, failure, id, queued, rotate, rotator, scheduled, step,
    },
    support::{
        aws_clients::secrets_manager,
        bootstrap::{Invocation, run_to_its_end},
        keys::key_set,
        moto::Moto,
    },
};
use aws_sdk_secretsmanager::primitives::Blob;
use serde_json::{Value, json};

/// In moto. Each step is one line, and the last one counts.
#[tokio::test]
async fn every_step_is_a_line_and_the_last_one_has_the_metrics() {
    let world = World::new("log").await;
    let bootstrap = world.rotator(&[]).await;
    let told = rotate(&bootstrap, 1, TIME).await;
    failure(bootstrap.invoke_as(&id(7), "{}").await);
    let log = bootstrap.log().await;

    let signs_from = world.found().await.keys()[1].1;
    let begun =
        json!({"event": "rotation-begun", "trigger": "scheduled", "kind": "planned", "id": id(1), "time": TIME.0});
    let expected = [
        begun,
        json!({"event": "rotation-step", "step": "read", "current": FIRST}),
        json!({"event": "rotation-step", "step": "plan", "kind": "planned", "planned_from": FIRST, "new_key": id(1), "signs_from": signs_from}),
        json!({"event": "rotation-step", "step": "put", "version": id(1), "outcome": "pending"}),
        json!({"event": "rotation-step", "step": "rehearse", "version": id(1), "keys": 2}),
        json!({
            "event": "keys-rotated", "kind": "planned", "version": id(1), "id": id(1), "planned_from": FIRST, "dropped": "none", "FunctionName": "rotator", "Kind": "planned", "KeysRotated": 1,
        }),
        json!({"event": "rotation-step", "step": "read-back", "regions": 2, "in_step": true}),
        json!({"event": "rotation-step", "step": "describe-stack", "stack": "log", "status": "CREATE_COMPLETE"}),
        json!({"event": "rotation-step", "step": "update-stack", "stack": "log", "stack_timestamp": TIME.1, "outcome": "updating"}),
    ];
    let bare = |line: &Value| {
        let mut line = line.clone();
        let object = line.as_object_mut().unwrap();
        let time = object.remove("timestamp").unwrap();
        assert!(time.as_str().unwrap().contains(':'), "{line} has no time of its own");
        let level = object.remove("level").unwrap();
        if object["event"] == "keys-rotated" {
            object.remove("_aws");
        }
        (level, line)
    };
    let (steps, ends) = log.split_at(log.len() - 2);
    let promoted = steps.iter().find(|line| line["event"] == "keys-rotated").unwrap();
    let counted = &promoted["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(counted["Dimensions"], json!([["FunctionName"], ["FunctionName", "Kind"]]));
    let steps: Vec<_> = steps.iter().map(bare).collect();
    assert_eq!(steps, expected.map(|line| (json!("INFO"), line)));

    let of = "00000000-0000-4000-8000-000000000001";
    let none = "the event is of an unknown kind: accepted are a scheduled event of EventBridge, directly or through SQS, a \
        rotation of Secrets Manager, and {\"rotate\": \"planned\" or \"emergency\", \"comment\": \"…\"}";
    for (line, level, result, reason, request) in
        [(&ends[0], "INFO", "done", None, of), (&ends[1], "ERROR", "failed", Some(none), id(7).as_str())]
    {
        let (duration, at) = (&line["duration_ms"], &line["_aws"]["Timestamp"]);
        assert!(duration.is_u64() && at.is_u64(), "{line}");
        let metric = |names: &[&str], name, unit| {
            json!({"Namespace": "Countersign", "Dimensions": if names.len() == 2 { json!([["FunctionName"], names]) } else { json!([names]) },
                "Metrics": [{"Name": name, "Unit": unit}]})
        };
        let mut whole = json!({
            "event": format!("rotation-{result}"),
            "duration_ms": duration,
            "request_id": request,
            "FunctionName": "rotator",
            "Result": result,
            "Rotation": 1,
            "RotationDuration": duration,
            "_aws": {"Timestamp": at, "CloudWatchMetrics": [
                metric(&["FunctionName", "Result"], "Rotation", "Count"),
                metric(&["FunctionName"], "RotationDuration", "Milliseconds"),
            ]},
        });
        match reason {
            Some(reason) => whole["detail"] = json!(reason),
            // All of it, since `--invocation-type Event` shows its answer to nobody.
            None => {
                whole["report"] = told.clone();
                whole["kind"] = json!("planned");
            }
        }
        assert_eq!(bare(line), (json!(level), whole));
    }
}

/// In moto.
#[tokio::test]
async fn a_wrong_event_changes_nothing_and_the_error_says_what_is_accepted() {
    let world = World::new("no-events").await;
    let before = world.found().await;
    let bootstrap = world.rotator(&[]).await;
    let filler = "x".repeat(1_000_000);
    let changed = |name: &str, value: Value| {
        let mut event = scheduled(1, TIME);
        event[name] = value;
        event
    };
    let s3 = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": "k"}}}]});
    let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": scheduled(1, TIME).to_string()}}]});
    let stack = changed("detail-type", json!("CloudFormation Stack Status Change"));
    let request = json!({"version": "2.0", "routeKey": "$default", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}});
    let rows = [
        (json!(null), "of an unknown kind"),
        (json!({}), "of an unknown kind"),
        (json!([scheduled(1, TIME)]), "of an unknown kind"),
        (json!(scheduled(1, TIME).to_string()), "of an unknown kind"),
        (json!({"filler": filler}), "of an unknown kind"),
        (json!({"rotate": "planned", "comment": filler}), "a manual event with a comment of over 500 bytes"),
        (json!({"rotate": "planned", "dry-run": true}), "a manual event with more than `rotate`, `comment` and `id`"),
        (json!({"rotate": "Planned"}), "a manual event whose `rotate` is neither planned nor emergency"),
        (s3, "not a batch of SQS messages"),
        (sns, "not a batch of SQS messages"),
        (stack, "from EventBridge, but not from a schedule"),
        (request, "of an unknown kind"),
        (changed("source", json!("aws.cloudformation")), "from EventBridge, but not from a schedule"),
        (changed("id", json!("1")), "a scheduled event without a valid id or time"),
        (changed("time", json!("soon")), "a scheduled event without a valid id or time"),
        (step("rollbackSecret", &world.secret, &id(1)), "an unknown step of Secrets Manager"),
        (step("createSecret", &world.secret, "ä"), "a step whose ClientRequestToken cannot be a kid"),
        (queued(&[]), "not a batch of SQS messages"),
        (queued(&[&json!("text")]), "of an unknown kind"),
        (
            queued(&[&json!({"rotate": "emergency", "id": id(1)})]),
            "an emergency through SQS, which may start only planned rotations (invoke the function directly, or run \
            `countersign keys rotate --emergency`)",
        ),
        (
            queued(&[&step("createSecret", &world.secret, &id(1))]),
            "a rotation of Secrets Manager through SQS, which Secrets Manager does not use",
        ),
    ];
    let count = rows.len();
    for (event, what) in rows {
        let expected = format!(
            "the event is {what}: accepted are a scheduled event of EventBridge, directly or through SQS, a rotation of \
            Secrets Manager, and {{\"rotate\": \"planned\" or \"emergency\", \"comment\": \"…\"}}"
        );
        assert_eq!(failure(bootstrap.invoke(event.to_string()).await), expected);
    }
    // What lambda_runtime itself cannot read never reaches us, and AWS invokes nothing with it; the process lives on.
    for event in [b"".to_vec(), b"{".to_vec(), b"\xff\xfe".to_vec(), b"{\"rotate\":\"\xff\"}".to_vec()] {
        assert!(matches!(bootstrap.invoke(event).await, Invocation::Error(..)));
    }
    assert_eq!(world.found().await, before);
    rotate(&bootstrap, 1, TIME).await;
    let log = bootstrap.log().await;
    assert_eq!(log.iter().filter(|line| line["event"] == "rotation-failed" && line["level"] == "ERROR").count(), count);
}

/// In moto: the fake does not have such secrets. The errors never have a part of a value.
#[tokio::test]
async fn a_secret_without_keys_is_reported_with_its_problem() {
    let moto = Moto::shared();
    let client = secrets_manager(moto.endpoint(), REGION);
    let text =
        |name: &'static str, value: String| async move { moto.create_secret(REGION, name, FIRST, &value, &[]).await };
    let deleted = text("no-keys-deleted", key_set().to_json().to_string()).await;
    client.delete_secret().secret_id(&deleted).recovery_window_in_days(7).send().await.unwrap();
    let binary = client.create_secret().name("no-keys-binary").client_request_token(FIRST);
    let binary = binary.secret_binary(Blob::new(*b"binary hunter2")).send().await.unwrap().arn.unwrap();
    let empty = client.create_secret().name("no-keys-empty").send().await.unwrap().arn.unwrap();
    let gone = deleted.replace("no-keys-deleted", "no-keys-gone");
    let version = |problem: &str| format!("version {FIRST} of {{arn}} cannot be used: {problem}");
    for (arn, expected) in [
        (deleted, "{arn} is scheduled for deletion: restore it first".to_owned()),
        (binary, version("it is binary, and must be a JWK Set as text")),
        (
            text("no-keys-text", "hunter2".to_owned()).await,
            version(
                "the key set is not valid JSON at line 1, column 1",
            ),
        ),
        (
            text("no-keys-json", "{\"password\":\"hunter2\"}".to_owned()).await,
            version("the key at index 0 cannot be used: `kty` is missing"),
        ),
        (
            text("no-keys-none", "{\"keys\":[]}".to_owned()).await,
            version(
                "the key set has no key, and must have 1 to 8",
            ),
        ),
        (
            text("no-keys-type", key_set().to_json().replace("\"nbf\":0", "\"nbf\":\"0\"")).await,
            version("the key at index 0 cannot be used: `nbf` must be a whole number of seconds since 1970"),
        ),
        (
            empty,
            "{arn} has no version AWSCURRENT: make the first key with `countersign keys init --secret {arn}`".to_owned(),
        ),
        (
            gone,
            "secretsmanager:DescribeSecret did not find {arn} in eu-west-1: check the name, the account and the Region \
            ("
                .to_owned(),
        ),
    ] {
        let variables = [("COUNTERSIGN_SECRET", arn.as_str()), ("COUNTERSIGN_ROTATE", "secret")];
        let told = fail(&rotator(moto.endpoint(), &variables).await, 1, TIME).await;
        let expected = expected.replace("{arn}", &arn);
        assert!(told.starts_with(&expected) && !told.contains("hunter2"), "{told} is not {expected}");
    }
}

/// The value of COUNTERSIGN_SECRET is never repeated: it may be the secret itself.
#[tokio::test]
async fn a_wrong_environment_stops_the_function_at_its_start() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
    const NO_ARN: &str = "COUNTERSIGN_SECRET is not the ARN of a secret: set it to the whole ARN of a secret";
    let set = key_set().to_json();
    let rows: [(&[(&str, &str)], &str); 20] = [
        (&[("COUNTERSIGN_SECRET", "")], NO_ARN),
        (&[("COUNTERSIGN_SECRET", &set)], NO_ARN),
        (&[("COUNTERSIGN_SECRET", "hunter2")], NO_ARN),
        (&[("COUNTERSIGN_SECRET", "countersign/keys")], NO_ARN),
        (
            &[("COUNTERSIGN_SECRET", "file:/hunter2")],
            "COUNTERSIGN_SECRET is a file: set it to the whole ARN of a secret",
        ),
        (&[("COUNTERSIGN_REGIONS", "us-east-1,us-east-1")], "COUNTERSIGN_REGIONS is not a list of different Regions"),
        (&[("COUNTERSIGN_ROTATE", "keys")], "COUNTERSIGN_ROTATE is \"keys\": set it to both, secret or api-key"),
        (&[("StackName", "")], "StackName is missing: set it to the name of the stack that holds the API key, or"),
        (&[("COUNTERSIGN_LEAD", "60")], "COUNTERSIGN_LEAD is too short: the lead is 60 s"),
        (&[("COUNTERSIGN_GRACE", "60")], "COUNTERSIGN_GRACE is too short: the grace is 60 s"),
        (
            &[("COUNTERSIGN_LEAD", "-1")],
            "COUNTERSIGN_LEAD is \"-1\": set it to a whole number of seconds from 0 to 604800",
        ),
        (
            &[("COUNTERSIGN_GRACE", "604801")],
            "COUNTERSIGN_GRACE is \"604801\": set it to a whole number of seconds from 0 to 604800",
        ),
        (&[("COUNTERSIGN_TTL", "0")], "COUNTERSIGN_TTL is \"0\": set it to a whole number of seconds from 1 to 60"),
        (&[("COUNTERSIGN_REPLICATION", "601")], "COUNTERSIGN_REPLICATION is \"601\": set it to"),
        (&[("COUNTERSIGN_SKEW", "61")], "COUNTERSIGN_SKEW is \"61\": set it to"),
        (&[("COUNTERSIGN_MAX_LIFETIME", "301")], "COUNTERSIGN_MAX_LIFETIME is \"301\": set it to"),
        (&[("COUNTERSIGN_OUTAGE", "1.5")], "COUNTERSIGN_OUTAGE is \"1.5\": set it to"),
        (&[("COUNTERSIGN_MAX_STALE", "1801")], "COUNTERSIGN_MAX_STALE is \"1801\": set it to"),
        (
            &[("COUNTERSIGN_OUTAGE", "600"), ("COUNTERSIGN_MAX_STALE", "601")],
            "COUNTERSIGN_MAX_STALE is 601, longer than COUNTERSIGN_OUTAGE",
        ),
        (&[("COUNTERSIGN_MODE", "monitor")], "COUNTERSIGN_MODE is not a setting: the settings are"),
    ];
    for (wrong, expected) in rows {
        let good = [("COUNTERSIGN_SECRET", ARN), ("StackName", "api")];
        let variables: Vec<_> = good.iter().filter(|(name, _)| *name != wrong[0].0).chain(wrong).copied().collect();
        let (status, log) = run_to_its_end("rotator", &variables).await;
        let [line] = &log[..] else { panic!("one line: {log:?}") };
        assert_eq!(
            (status, &line["event"], &line["level"]),
            (Some(1), &json!("function-not-started"), &json!("ERROR"))
        );
        let reason = line["detail"].as_str().unwrap();
        assert!(reason.starts_with(&format!("environment variable {expected}")), "{reason}");
        assert!(!line.to_string().contains("hunter2") && !line.to_string().contains("\\\"k\\\""), "{line}");
    }
    for (variables, expected) in [
        (vec![("StackName", "api")], "environment variable COUNTERSIGN_SECRET is missing: set it to the whole ARN"),
        (vec![("COUNTERSIGN_SECRET", ARN)], "environment variable StackName is missing: set it to the name"),
    ] {
        let (status, log) = run_to_its_end("rotator", &variables).await;
        assert!(status == Some(1) && log[0]["detail"].as_str().unwrap().starts_with(expected), "{log:?}");
    }
}
