//! The real `bootstrap` over the Lambda Runtime API, with its events and its environment.

use crate::{
    request::support::authorizer_events::{API, TARGET, event_of, signed, signed_with},
    support::{
        bootstrap::{Bootstrap, Invocation, decisions, run_to_its_end},
        keys::{Keys, SECRET, key_set},
    },
};
use local::{http_event, rest_event};
use serde_json::{Value, json};
use signing::{Key, KeySet, UnixSeconds};

fn event(headers: &[(&str, &str)]) -> Value {
    event_of(headers, TARGET, rest_event)
}

fn policy(effect: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Action": ["execute-api:Invoke"],
            "Effect": effect,
            "Resource": ["arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets"],
        }],
    })
}

/// What an admitted GET of [`TARGET`] hands on.
fn handed_on() -> Value {
    json!({
        "countersign": "verified",
        "countersignPath": "/pets",
        "countersignTarget": TARGET,
        "countersignKeyId": "k1",
        "countersignViewerIp": "203.0.113.7",
        "viewerIp": "203.0.113.7",
    })
}

#[track_caller]
fn response(invocation: Invocation) -> Value {
    match invocation {
        Invocation::Response(response) => response,
        Invocation::Error(kind, message) => panic!("{kind}: {message}"),
    }
}

#[tokio::test]
async fn a_signed_request_is_allowed_and_an_altered_one_denied() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let allowed = response(bootstrap.invoke(signed().to_string()).await);
    assert_eq!(allowed["policyDocument"], policy("Allow"));
    assert_eq!(allowed["context"], handed_on());

    let mut altered = signed();
    altered["requestContext"]["path"] = json!("/prod/dogs");
    let denied = response(bootstrap.invoke(altered.to_string()).await);
    assert_eq!((&denied["policyDocument"], &denied["context"]), (&policy("Deny"), &json!({})));
    let unsigned = response(bootstrap.invoke(event(&[("Host", API.domain_name)]).to_string()).await);
    assert_eq!((&unsigned["policyDocument"], &unsigned["context"]), (&policy("Deny"), &json!({})));

    let log = bootstrap.log().await;
    let log = decisions(&log);
    let told: Vec<_> = log.iter().map(|line| (line["event"].as_str(), line["reason"].as_str())).collect();
    assert_eq!(
        told,
        [
            (Some("request-admitted"), None),
            (Some("request-refused"), Some("path")),
            (Some("request-refused"), Some("header-missing")),
        ]
    );
    let ages: Vec<_> = log.iter().map(|line| line["key_set_age"].as_u64().is_some()).collect();
    assert_eq!(ages, [true, false, false], "a request that is refused before a key is looked up did not need keys");
    assert_eq!(log[1]["request_id"], "the-request");
    assert_eq!(log[1]["gateway_source_ip"], "198.51.100.1");
    assert_eq!(log[1]["method"], "GET");
}

#[tokio::test]
async fn a_line_of_the_log_is_a_metric() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    bootstrap.invoke(signed().to_string()).await;
    bootstrap.invoke(event(&[]).to_string()).await;
    let log = bootstrap.log().await;
    let metrics = |dimensions: Value, metrics: Value| json!({ "Namespace": "Countersign", "Dimensions": dimensions, "Metrics": metrics });
    let count = |name| json!({ "Name": name, "Unit": "Count" });
    let age = json!({ "Name": "KeySetAge", "Unit": "Seconds" });
    let directives = |line: &Value| line["_aws"]["CloudWatchMetrics"].clone();
    let secret_age = json!({ "Name": "SecretAge", "Unit": "Seconds" });
    let by_name = |these| json!([metrics(json!([["FunctionName"]]), these)]);
    let monitor_mode = json!({ "Name": "MonitorMode", "Unit": "None" });
    assert_eq!(directives(&log[0]), by_name(json!([secret_age, &monitor_mode])));
    assert_eq!(log[0]["MonitorMode"], 0);
    assert_eq!((&log[0]["event"], &log[0]["secret_age"]), (&json!("keys-read"), &log[0]["SecretAge"]));
    assert_eq!(directives(&log[1]), by_name(json!([count("Allowed"), age])));
    assert_eq!((&log[1]["FunctionName"], &log[1]["Allowed"]), (&json!("authorizer"), &json!(1)));
    let by_reason = json!([["FunctionName"], ["FunctionName", "Reason"]]);
    let refused = metrics(by_reason, json!([count("Refused")]));
    let mode = metrics(json!([["FunctionName"]]), json!([monitor_mode]));
    assert_eq!(directives(&log[2]), json!([refused, mode]));
    assert_eq!((&log[2]["Refused"], &log[2]["Reason"]), (&json!(1), &json!("header-missing")));
}

/// Every member of an event counts: a member that appears twice, in any case, counts twice.
#[tokio::test]
async fn headers_are_counted_over_all_spellings_and_over_the_multi_value_map() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let value = signed()["headers"]["Countersign-Target"].clone();
    let mut twice = signed();
    twice["multiValueHeaders"]["Countersign-Target"] = json!([value, value]);
    let mut spelled = signed();
    spelled["multiValueHeaders"]["countersign-target"] = json!([value]);
    let repeated_member = signed().to_string().replacen(
        "\"multiValueHeaders\":{",
        &format!("\"multiValueHeaders\":{{\"Countersign-Target\":[{value}],"),
        1,
    );
    for event in [twice.to_string(), spelled.to_string(), repeated_member] {
        assert_eq!(response(bootstrap.invoke(event).await)["policyDocument"], policy("Deny"));
    }
    // Without the multi-value maps the plain ones count.
    let mut plain = signed_with(&key_set(), "/prod/pets?type=dog&page=2", rest_event);
    plain["multiValueHeaders"] = Value::Null;
    plain["multiValueQueryStringParameters"] = Value::Null;
    assert_eq!(response(bootstrap.invoke(plain.to_string()).await)["policyDocument"], policy("Allow"));
    let reasons: Vec<_> = decisions(&bootstrap.log().await).iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons, [json!("header-repeated"), json!("header-repeated"), json!("header-repeated"), Value::Null]);
}

#[tokio::test]
async fn a_wrong_event_is_an_error_that_says_what_to_do() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let changed = |path: &str, value: Value| {
        let mut event = signed();
        *event.pointer_mut(path).unwrap() = value;
        event.to_string()
    };
    let table = [
        (
            json!({ "type": "TOKEN", "methodArn": "arn:x", "authorizationToken": "x" }).to_string(),
            "configure the authorizer as type REQUEST",
        ),
        ("null".to_owned(), "not an API Gateway authorizer event"),
        ("[]".to_owned(), "not an API Gateway authorizer event"),
        ("{}".to_owned(), "the event is not of type REQUEST"),
        (signed().to_string().replacen('{', "{\"version\":\"3.0\",", 1), "the event has an unknown payload format"),
        (
            signed().to_string().replacen("\"requestContext\":{", "\"requestContext\":{\"eventType\":\"CONNECT\",", 1),
            "the event is from a route of a WebSocket API other than $connect",
        ),
        (changed("/methodArn", Value::Null), "methodArn (routeArn in payload format 2.0) is missing"),
        (
            changed("/methodArn", json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/*/GET/pets")),
            "methodArn (routeArn in payload format 2.0) is missing or",
        ),
        (changed("/multiValueHeaders/Host", json!("not a list")), "not an API Gateway authorizer event"),
        (changed("/requestContext", json!("x")), "not an API Gateway authorizer event"),
        (signed().to_string().replacen('{', "{\"type\":\"REQUEST\",", 1), "not an API Gateway authorizer event"),
    ];
    for (event, expected) in table {
        match bootstrap.invoke(event.clone()).await {
            Invocation::Error(kind, message) => {
                assert!(kind == "Event" && message.contains(expected), "{kind}: {message}")
            }
            Invocation::Response(response) => panic!("{response} to {event}"),
        }
    }
    // What lambda_runtime itself cannot read never reaches us; the process lives on.
    for event in [b"".to_vec(), b"{".to_vec(), b"\xff\xfe".to_vec()] {
        assert!(matches!(bootstrap.invoke(event).await, Invocation::Error(..)));
    }
    let mut large = signed();
    large["headers"]["X"] = json!("x".repeat(6 * 1024 * 1024));
    assert_eq!(response(bootstrap.invoke(large.to_string()).await)["policyDocument"], policy("Allow"));
}

/// What the rules need and the event does not have is a refusal, not an error.
#[tokio::test]
async fn an_event_with_a_missing_part_is_refused() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let missing = [
        "/requestContext/requestTimeEpoch",
        "/requestContext/domainName",
        "/requestContext/path",
        "/requestContext/httpMethod",
        "/requestContext",
        "/multiValueQueryStringParameters",
        "/multiValueHeaders",
    ];
    for path in missing {
        let mut event = signed();
        *event.pointer_mut(path).unwrap() = Value::Null;
        if path == "/multiValueHeaders" {
            event["headers"] = Value::Null;
        }
        assert_eq!(response(bootstrap.invoke(event.to_string()).await)["policyDocument"], policy("Deny"), "{path}");
    }
    let reasons: Vec<_> =
        bootstrap.log().await.iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reasons, ["request-time", "host", "path", "method", "request-time", "query", "header-missing"]);
}

/// Nothing that an event shows is passed over because it shows it in an odd way.
#[tokio::test]
async fn unusual_members_of_an_event_count() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let changed = |path: &str, value: Value| {
        let mut event = signed();
        *event.pointer_mut(path).unwrap() = value;
        event.to_string()
    };
    let values = "\"type\":[\"dog\",\"cat\"]";
    let twice = signed().to_string().replacen(values, &format!("\"type\":[\"evil\"],{values}"), 1);
    let table = [
        (twice, "query"),
        (changed("/multiValueQueryStringParameters", Value::Null), "query"),
        (changed("/httpMethod", json!("POST")), "method"),
        (changed("/requestContext/requestTimeEpoch", json!(-1)), "request-time"),
        (changed("/requestContext/requestTimeEpoch", json!(1.5)), "request-time"),
        (changed("/requestContext/requestTimeEpoch", json!("now")), "request-time"),
        (changed("/requestContext/requestTimeEpoch", json!(u64::MAX)), "expired"),
    ];
    for (event, _) in &table {
        let response = response(bootstrap.invoke(event.clone()).await);
        assert_eq!(response["policyDocument"], policy("Deny"), "{event}");
    }
    let log = bootstrap.log().await;
    let reasons: Vec<_> = log.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, table.map(|(_, reason)| reason));
}

#[tokio::test]
async fn http_apis_are_answered_in_their_own_form() {
    let keys = Keys::new();
    let source = keys.source();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &source)]).await;
    let signed = |target| signed_with(&key_set(), target, http_event);
    let allowed = response(bootstrap.invoke(signed(TARGET).to_string()).await);
    let context = handed_on();
    assert_eq!(allowed, json!({ "isAuthorized": true, "context": context }));
    let refused = json!({ "isAuthorized": false, "context": {} });
    for (path, value) in [
        ("/rawPath", json!("/prod/dogs")),
        ("/rawQueryString", json!("type=cat&type=dog")),
        ("/requestContext/http/method", json!("DELETE")),
        ("/requestContext/domainName", json!("other.example")),
        ("/requestContext/timeEpoch", Value::Null),
        ("/rawPath", Value::Null),
        ("/requestContext", Value::Null),
    ] {
        let mut event = signed(TARGET);
        *event.pointer_mut(path).unwrap() = value;
        assert_eq!(response(bootstrap.invoke(event.to_string()).await), refused, "{path}");
    }
    assert_eq!(response(bootstrap.invoke(signed("/prod/a%2Fb").to_string()).await), refused);
    let log = bootstrap.log().await;
    let log = decisions(&log);
    assert_eq!(log[1]["request_id"], "the-request");
    assert_eq!(log[1]["gateway_source_ip"], "198.51.100.1");
    assert_eq!(log[1]["method"], "GET");
    let reasons: Vec<_> = log.iter().filter_map(|line| line["reason"].as_str()).collect();
    let expected = ["path", "query", "signature", "host", "request-time", "path", "request-time", "path-ambiguous"];
    assert_eq!(reasons, expected);

    let variables = [("COUNTERSIGN_SECRET", source.as_str()), ("COUNTERSIGN_ALLOW_AMBIGUOUS_PATH", "true")];
    let lenient = Bootstrap::start(&variables).await;
    let allowed = response(lenient.invoke(signed("/prod/a%2Fb").to_string()).await);
    assert_eq!(allowed["isAuthorized"], true);
}

/// An emergency rotation is taken up at the first key id that is not known, long before the time to live is over.
#[tokio::test]
async fn keys_are_read_again_for_an_unknown_key_id() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source()), ("COUNTERSIGN_TTL", "60")]).await;
    let effect = |invocation| response(invocation)["policyDocument"]["Statement"][0]["Effect"].clone();
    assert_eq!(effect(bootstrap.invoke(signed().to_string()).await), "Allow");

    let (_, version) = keys.file.load_version().unwrap();
    let key = Key::new("k2".try_into().unwrap(), &[9; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    let other = KeySet::new(vec![key]).unwrap();
    keys.file.replace(&version, &other, &[]).unwrap();
    assert_eq!(effect(bootstrap.invoke(signed().to_string()).await), "Allow");
    let anew = signed_with(&other, TARGET, rest_event);
    assert_eq!(effect(bootstrap.invoke(anew.to_string()).await), "Allow");
    assert_eq!(effect(bootstrap.invoke(signed().to_string()).await), "Deny");
    let log = bootstrap.log().await;
    assert_eq!(decisions(&log)[3]["reason"], "key-unknown");
    assert_eq!(log.iter().filter(|line| line["event"] == "keys-read").count(), 2);
}

#[tokio::test]
async fn monitor_mode_allows_and_logs() {
    let keys = Keys::none();
    let variables = [("COUNTERSIGN_SECRET", &*keys.source()), ("COUNTERSIGN_MODE", "monitor")];
    let bootstrap = Bootstrap::start(&variables).await;
    for event in [event(&[]), signed()] {
        let allowed = response(bootstrap.invoke(event.to_string()).await);
        assert_eq!(allowed["policyDocument"], policy("Allow"));
        assert_eq!(allowed["context"], json!({ "countersign": "would-refuse" }));
    }
    let log = bootstrap.log().await;
    let told: Vec<_> = log.iter().filter_map(|line| line["reason"].as_str()).collect();
    assert_eq!(told, ["header-missing", "keys", "no-keys"]);
    assert!(log.iter().all(|line| line["event"] != "request-admitted"));
}

#[tokio::test]
async fn without_a_usable_key_set_the_answer_is_an_error_and_never_an_allow() {
    let keys = Keys::none();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    let error = bootstrap.invoke(signed().to_string()).await;
    let message = "the authorizer does not have a usable key set: see the failed reads in this log".to_owned();
    assert_eq!(error, Invocation::Error("NoKeys".to_owned(), message));
    let log = bootstrap.log().await;
    assert_eq!(log[0]["event"], "refresh-failed");
    assert!(log[0]["detail"].as_str().unwrap().contains("No such file"));
    let told = ["event", "reason", "request_id", "gateway_source_ip"].map(|name| log[1][name].as_str().unwrap());
    assert_eq!(told, ["request-undecided", "no-keys", "the-request", "198.51.100.1"]);
    assert!(log[1].get("key_set_age").is_none());
}

#[tokio::test]
async fn a_wrong_environment_stops_the_function_at_its_start() {
    let table = [
        (
            vec![],
            "environment variable COUNTERSIGN_SECRET is missing: set it to the whole ARN of a secret, or to file:PATH",
        ),
        (
            vec![("COUNTERSIGN_SECRET", "file:/k"), ("COUNTERSIGN_MODE", "off")],
            "environment variable COUNTERSIGN_MODE is \"off\": set it to enforce or monitor",
        ),
        (
            vec![("COUNTERSIGN_SECRET", "file:/k"), ("COUNTERSIGN_TTLL", "5")],
            "environment variable COUNTERSIGN_TTLL is not a setting: the settings are",
        ),
    ];
    for (variables, expected) in table {
        let (status, log) = run_to_its_end("authorizer", &variables).await;
        assert_eq!(status, Some(1));
        assert_eq!(log[0]["event"], "function-not-started");
        assert!(log[0]["detail"].as_str().unwrap().starts_with(expected), "{log:?}");
    }
}

/// No log has the secret, in any form.
#[tokio::test]
async fn the_secret_is_in_no_log() {
    let keys = Keys::new();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await;
    bootstrap.invoke(signed().to_string()).await;
    bootstrap.invoke(event(&[]).to_string()).await;
    let log = bootstrap.log().await;
    assert_eq!(decisions(&log).len(), 2);
    let text = format!("{log:?}");
    let jwk: Value = serde_json::from_str(&key_set().to_json()).unwrap();
    let raw = std::str::from_utf8(&SECRET).unwrap();
    let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [raw, jwk["keys"][0]["k"].as_str().unwrap(), &hex] {
        assert!(!text.contains(form));
    }
}
