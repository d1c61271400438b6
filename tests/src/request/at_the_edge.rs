//! The real function of the edge, Node with the addon, and the events that CloudFront hands it.

use crate::{
    request::support::edge_events::{custom, event_of, request, verify},
    support::{
        edge_process::{EdgeProcess, Returned},
        keys::Keys,
    },
};
use serde_json::{Value, json};
use signing::METHOD_OVERRIDES;

/// The event of the file, with the keys to use.
fn event(keys: &Keys) -> Value {
    event_of(&keys.source())
}

fn with(keys: &Keys, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = event(keys);
    change(request(&mut event));
    event
}

/// The event at another trigger.
fn at(keys: &Keys, trigger: Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = event(keys);
    let cf = &mut event["Records"][0]["cf"];
    cf["config"]["eventType"] = trigger;
    change(cf);
    event
}

/// The `requestId` of the file's event.
const ID: &str = "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==";

const ADVICE: &str = "ssociate the function with the origin-request trigger of";

#[track_caller]
fn answered(returned: &Returned, status: &str, log: &str) {
    assert_eq!(returned.result["status"], status, "{returned:?}");
    let line = returned.log.last().and_then(|line| line["detail"].as_str()).unwrap_or_default();
    assert!(line.contains(log), "{returned:?}");
}

#[tokio::test]
async fn an_event_is_signed_and_otherwise_unchanged() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let before = event(&keys)["Records"][0]["cf"]["request"].clone();
    let Returned { mut result, log } = edge.call(&event(&keys)).await;
    assert_eq!(verify(&result), Ok(()));
    assert_eq!(log, Vec::<Value>::new());

    let headers = result["headers"].as_object_mut().unwrap();
    for key in [
        "Countersign-Signature-Input",
        "Countersign-Signature",
        "Countersign-Target",
        "Countersign-Viewer-Ip",
        "Content-Digest",
    ] {
        let values = headers.remove(&key.to_lowercase()).unwrap();
        assert_eq!(values[0]["key"], key);
        assert_eq!(values.as_array().unwrap().len(), 1);
    }
    let mut before = before;
    before["origin"]["custom"]["customHeaders"].as_object_mut().unwrap().remove("countersign-secret");
    assert_eq!(result, before);
}

#[tokio::test]
async fn the_keys_are_read_once_and_two_signatures_differ() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let first = edge.call(&event(&keys)).await;
    std::fs::remove_file(keys.file.path()).unwrap();
    let second = edge.call(&event(&keys)).await;
    assert_eq!((verify(&first.result), verify(&second.result)), (Ok(()), Ok(())));
    let signature = |of: &Returned| of.result["headers"]["countersign-signature"].clone();
    assert_ne!(signature(&first), signature(&second));
    let named = [("AWS_LAMBDA_FUNCTION_NAME", "us-east-1.edge")];
    let fresh = EdgeProcess::start_with(&named).await.call(&event(&keys)).await;
    answered(&fresh, "503", "no key of the set may be used now");
    assert_eq!(fresh.result["statusDescription"], "Service Unavailable");
    assert_eq!(fresh.result["headers"]["retry-after"], json!([{ "key": "Retry-After", "value": "5" }]));
    let metrics = |line: usize| &fresh.log[line]["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    assert_eq!(*metrics(0), json!([{ "Name": "RefreshFailed", "Unit": "Count" }]));
    assert_eq!(*metrics(1), json!([{ "Name": "EdgeAnswered", "Unit": "Count" }]));
    assert_eq!(fresh.log[0]["FunctionName"], "edge");
    assert_eq!((&fresh.log[1]["status"], &fresh.log[1]["Status"]), (&json!(503), &json!("503")));
    assert_eq!(fresh.log[0]["event"], "refresh-failed");
    assert!(fresh.log.iter().all(|line| line["x_amz_cf_id"] == ID), "{fresh:?}");
    assert!(fresh.log[0]["detail"].as_str().unwrap().contains("No such file"), "{fresh:?}");
}

#[tokio::test]
async fn headers_that_a_viewer_forged_are_removed() {
    let keys = Keys::new();
    let forged = with(&keys, |request| {
        request["origin"]["custom"]["customHeaders"]["x-origin-verify"] = json!([{ "value": "fixed.secret" }]);
        for name in [
            "countersign-target",
            "countersign-viewer-ip",
            "countersign-signature",
            "countersign_signature_input",
            "content_digest",
            "x-api-key",
            "x-origin-verify",
        ] {
            request["headers"][name] = json!([{ "key": name, "value": "forged" }, { "key": name, "value": "twice" }]);
        }
    });
    let Returned { result, log } = EdgeProcess::start().await.call(&forged).await;
    assert_eq!(verify(&result), Ok(()));
    assert!(!result.to_string().contains("forged") && !result.to_string().contains("twice"));
    assert_eq!(log, Vec::<Value>::new());
}

#[tokio::test]
async fn a_method_override_is_removed_and_counted() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    for name in METHOD_OVERRIDES {
        let spelled = name.replace('-', "_").to_uppercase();
        let event = with(&keys, |request| {
            request["headers"][name] = json!([{ "key": name, "value": "DELETE" }]);
            request["headers"][&spelled] = json!([{ "key": spelled, "value": "DELETE" }]);
        });
        let Returned { result, log } = edge.call(&event).await;
        assert_eq!(verify(&result), Ok(()));
        assert!(!result.to_string().contains("DELETE"));
        let [line] = &*log else { panic!("one line: {log:?}") };
        assert_eq!(line["event"], "method-override-removed");
        assert!(line["detail"].as_str().unwrap().starts_with(&format!("the viewer's header {name} was removed")));
        assert_eq!((&line["MethodOverrideRemoved"], &line["x_amz_cf_id"]), (&json!(1), &json!(ID)));
    }
}

/// Web Bot Auth, a web hook and the fediverse: signed, in monitor mode, and on the way to another origin.
#[tokio::test]
async fn a_viewers_own_signatures_arrive_byte_for_byte() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    for sent in [
        json!({
            "signature-agent": [{ "key": "Signature-Agent", "value": "\"https://bot.example\"" }],
            "signature-input": [{
                "key": "Signature-Input",
                "value": "sig1=(\"@authority\");created=1735689600;keyid=\"poqkLGiymh\";tag=\"web-bot-auth\"",
            }],
            "signature": [{ "key": "Signature", "value": "sig1=:jdq0SqOwHdyHr9+r5jw3iYZH6aNGKijYp/EstF4RQTQ=:" }],
        }),
        json!({ "signature": [{ "key": "Signature", "value": "d2a8f4e10ce8b1c9d1a6a5ed3e0f6ee1" }] }),
        json!({ "signature": [{
            "key": "signature",
            "value": "keyId=\"https://social.example/users/a#main-key\",headers=\"(request-target) host\",signature=\"Zm9v\"",
        }] }),
        json!({ "signature": [{ "key": "Signature", "value": "countersign=:YQ==:" }, { "key": "Signature", "value": ",," }] }),
    ] {
        for (name, value) in
            [("countersign-api", "rest"), ("countersign-mode", "monitor"), ("countersign-secret", "none")]
        {
            let mut event = with(&keys, |request| {
                for (name, values) in sent.as_object().unwrap() {
                    request["headers"][name] = values.clone();
                }
            });
            custom(&mut event, name, value);
            let Returned { result, log } = edge.call(&event).await;
            for (name, values) in sent.as_object().unwrap() {
                assert_eq!(result["headers"][name], *values);
            }
            assert_eq!(log, Vec::<Value>::new());
            assert_eq!(verify(&result).is_ok(), value != "none");
        }
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_signed_is_answered_with_a_reason_in_the_log() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let mut wrong = event(&keys);
    custom(&mut wrong, "countersign-body", "maybe");
    answered(
        &edge.call(&wrong).await,
        "500",
        "countersign-body has a wrong value: set it to digest, ignore or require",
    );
    let mut unset = event(&keys);
    request(&mut unset)["origin"]["custom"]["customHeaders"] = json!({});
    answered(&edge.call(&unset).await, "500", "countersign-secret is missing");
    let plain = with(&keys, |request| request["origin"]["custom"]["protocol"] = json!("http"));
    answered(&edge.call(&plain).await, "500", "set its protocol policy to https-only");
    let bucket = with(&keys, |request| request["origin"] = json!({ "s3": { "path": "", "customHeaders": {} } }));
    answered(&edge.call(&bucket).await, "500", "countersign-secret is missing");
    let nowhere = with(&keys, |request| drop(request.as_object_mut().unwrap().remove("origin")));
    answered(&edge.call(&nowhere).await, "500", "countersign-secret is missing");
    let latin = with(&keys, |request| request["uri"] = json!("/caf\u{e9}"));
    answered(&edge.call(&latin).await, "400", "outside of 0x21 to 0x7E");
    let beyond_latin = with(&keys, |request| request["uri"] = json!("/\u{141}"));
    answered(&edge.call(&beyond_latin).await, "400", "outside of 0x21 to 0x7E");
    let lone = with(&keys, |request| request["headers"]["x"] = json!([{ "value": "a\nb" }]));
    answered(&edge.call(&lone).await, "500", "a text in it has a line feed");
    let announced = with(&keys, |request| {
        request["method"] = json!("GET");
        request["headers"]["content-length"] = json!([{ "key": "Content-Length", "value": "0" }]);
        request["headers"]["content_length"] = json!([{ "key": "Content_Length", "value": "5" }]);
    });
    answered(&edge.call(&announced).await, "400", "a GET or HEAD request announces a body");
    let large = with(&keys, |request| request["headers"]["x"] = json!([{ "value": "v".repeat(10_000) }]));
    answered(&edge.call(&large).await, "431", "the gateway accepts at most 10240");
    let broken = with(&keys, |request| request["body"]["data"] = json!("%"));
    answered(&edge.call(&broken).await, "500", "its body is not base64");
    // After all this it still signs.
    assert_eq!(verify(&edge.call(&event(&keys)).await.result), Ok(()));
}

/// Nothing throws: CloudFront gets a response that it takes, and the log says what to do.
#[tokio::test]
async fn an_event_that_is_not_cloudfronts_is_answered_500() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let mut events = vec![
        json!(null),
        json!([]),
        json!(5),
        json!("event"),
        json!({}),
        json!({ "key1": "value1", "key2": "value2", "key3": "value3" }),
        json!({ "Records": null }),
        json!({ "Records": "cf" }),
        json!({ "Records": [] }),
        json!({ "Records": [null] }),
        json!({ "Records": [{ "eventSource": "aws:s3", "s3": { "bucket": { "name": "b" }, "object": { "key": "k" } } }] }),
        json!({ "Records": [{ "cf": {} }] }),
        json!({ "Records": [{ "cf": { "config": { "eventType": "origin-request" } } }] }),
        json!({ "Records": { "0": event(&keys)["Records"][0] } }),
        json!({ "Records": [event(&keys)["Records"][0], event(&keys)["Records"][0]] }),
        at(&keys, json!(5), |_| {}),
    ];
    let nowhere_to_find_an_id = events.len();
    let mut changed = |change: &dyn Fn(&mut Value)| events.push(with(&keys, change));
    for value in [json!(null), json!(5), json!([]), json!("x"), json!({})] {
        changed(&|request| *request = value.clone());
        changed(&|request| request["headers"] = value.clone());
        if value != json!([]) {
            changed(&|request| request["headers"]["x"] = value.clone());
            changed(&|request| request["origin"]["custom"]["customHeaders"]["x"] = value.clone());
        }
        changed(&|request| request["headers"]["x"] = json!([value]));
        if !value.is_null() {
            changed(&|request| request["body"] = value.clone());
        }
        if !value.is_string() {
            changed(&|request| request["headers"]["x"] = json!([{ "key": "x", "value": value }]));
            changed(&|request| request["method"] = value.clone());
            changed(&|request| request["uri"] = value.clone());
            changed(&|request| request["clientIp"] = value.clone());
            changed(&|request| request["body"]["data"] = value.clone());
        }
    }
    for member in ["headers", "method", "uri", "clientIp"] {
        changed(&|request| drop(request.as_object_mut().unwrap().remove(member)));
    }
    changed(&|request| request["headers"]["__proto__"] = json!(5));
    changed(&|request| request["headers"]["x"] = json!([{ "key": "x" }]));
    changed(&|request| request["headers"]["host"] = json!([{ "value": "a.example" }, { "value": "b.example" }]));
    changed(&|request| request["uri"] = json!({ "toString": 1 }));
    changed(&|request| request["querystring"] = json!(5));
    changed(&|request| request["origin"]["custom"]["protocol"] = json!(5));
    changed(&|request| request["body"]["inputTruncated"] = json!(""));
    for event in &events {
        let returned = edge.call(event).await;
        answered(&returned, "500", ADVICE);
        let result = &returned.result;
        assert_eq!(result["statusDescription"], "Internal Server Error");
        assert_eq!(result["headers"]["content-type"], json!([{ "key": "Content-Type", "value": "application/json" }]));
        assert_eq!(result["body"], "{\"message\":\"Internal server error\"}");
        let line = returned.log.last().unwrap();
        assert_eq!((&line["event"], &line["status"]), (&json!("request-answered-at-edge"), &json!(500)), "{event}");
        assert!(line.get("x_amz_cf_id").is_none_or(|id| id == ID), "{line}");
    }
    for event in &events[nowhere_to_find_an_id..] {
        assert_eq!(edge.call(event).await.log.last().unwrap()["x_amz_cf_id"], ID);
    }
    // After all this it still signs.
    assert_eq!(verify(&edge.call(&event(&keys)).await.result), Ok(()));
}

#[tokio::test]
async fn a_header_may_be_called_as_a_prototypes_member_is() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    for (viewers, origins) in [("__proto__", "constructor"), ("constructor", "__proto__"), ("tostring", "valueof")] {
        let two = json!([{ "key": viewers, "value": "v" }, { "key": viewers, "value": "w" }]);
        let mut event = with(&keys, |request| request["headers"][viewers] = two.clone());
        custom(&mut event, origins, "v");
        let Returned { result, log } = edge.call(&event).await;
        assert_eq!((verify(&result), log), (Ok(()), vec![]));
        assert_eq!(result["headers"][viewers], two);
        assert_eq!(result["origin"]["custom"]["customHeaders"][origins], json!([{ "key": origins, "value": "v" }]));
    }
}

/// CloudFront accepts a response before the origin, and after the origin the existing response.
#[tokio::test]
async fn at_another_trigger_nothing_is_signed_and_the_log_says_so() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let viewer_request = at(&keys, json!("viewer-request"), |cf| {
        cf["request"].as_object_mut().unwrap().remove("origin");
    });
    let returned = edge.call(&viewer_request).await;
    answered(&returned, "500", "the function runs at the viewer-request trigger, where nothing can be signed");
    answered(&returned, "500", ADVICE);
    assert_eq!(
        (&returned.log[0]["event"], &returned.log[0]["EdgeAnswered"]),
        (&json!("request-answered-at-edge"), &json!(1))
    );
    assert_eq!(returned.log[0]["x_amz_cf_id"], ID);

    let response = json!({
        "status": "404",
        "statusDescription": "Not Found",
        "headers": { "server": [{ "key": "Server", "value": "x" }], "set-cookie": [{ "value": "a" }, { "value": "b" }] },
    });
    for trigger in ["origin-response", "viewer-response"] {
        let come_back = |change: &dyn Fn(&mut Value)| {
            at(&keys, json!(trigger), |cf| {
                cf["response"] = response.clone();
                change(cf);
            })
        };
        for event in [
            come_back(&|_| {}),
            come_back(&|cf| drop(cf["request"].as_object_mut().unwrap().remove("origin"))),
            come_back(&|cf| drop(cf.as_object_mut().unwrap().remove("request"))),
            come_back(&|cf| cf["request"]["headers"]["x"] = json!([{ "value": "a\nb" }])),
        ] {
            let Returned { result, log } = edge.call(&event).await;
            assert_eq!(result, response);
            let [line] = &*log else { panic!("one line: {log:?}") };
            assert_eq!((&line["event"], line.get("status")), (&json!("wrong-trigger"), None));
            let message = line["detail"].as_str().unwrap();
            assert!(message.contains(&format!("the function runs at the {trigger} trigger")), "{message}");
            assert!(message.contains(ADVICE), "{message}");
            assert_eq!(line["x_amz_cf_id"], ID);
        }
    }

    for trigger in [json!("origin-request"), json!("origin-something"), json!(null)] {
        let Returned { result, log } = edge.call(&at(&keys, trigger, |_| {})).await;
        assert_eq!((verify(&result), log), (Ok(()), vec![]));
    }
    let unconfigured = at(&keys, json!(null), |cf| drop(cf.as_object_mut().unwrap().remove("config")));
    assert_eq!(verify(&edge.call(&unconfigured).await.result), Ok(()));
}

#[tokio::test]
async fn an_id_without_the_form_of_cloudfronts_is_not_logged() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let with_id = |id: Value| {
        at(&keys, json!("origin-request"), |cf| {
            cf["config"]["requestId"] = id;
            cf["request"]["uri"] = json!("/a b");
        })
    };
    let longest = "a".repeat(128);
    for id in [ID, "aZ09_-=+/", &longest] {
        let returned = edge.call(&with_id(json!(id))).await;
        answered(&returned, "400", "outside of 0x21 to 0x7E");
        assert_eq!(returned.log[0]["x_amz_cf_id"], id);
    }
    let too_long = format!("{longest}a");
    for id in [
        json!(""),
        json!("a b"),
        json!("a\nb"),
        json!("\""),
        json!(too_long),
        json!(5),
        json!(null),
        json!({ "toJSON": 1 }),
    ] {
        let returned = edge.call(&with_id(id)).await;
        answered(&returned, "400", "outside of 0x21 to 0x7E");
        assert_eq!(returned.log[0].get("x_amz_cf_id"), None);
    }
}

/// A bucket beside the API, behind the same function. CloudFront signs for it by itself, if at all.
#[tokio::test]
async fn a_bucket_gets_its_requests_as_they_came() {
    let keys = Keys::new();
    let edge = EdgeProcess::start().await;
    let bucket = |secret: &str| {
        let header = |key: &str, value: &str| json!([{ "key": key, "value": value }]);
        with(&keys, |request| {
            request["origin"] = json!({ "s3": {
                "authMethod": "origin-access-identity",
                "customHeaders": {
                    "countersign-secret": header("Countersign-Secret", secret),
                    "x-own": header("X-Own", "kept"),
                },
                "domainName": "bucket.s3.eu-west-1.amazonaws.com",
                "path": "/assets",
                "region": "eu-west-1",
            } });
        })
    };
    let event = bucket("none");
    let Returned { result, log } = edge.call(&event).await;
    let mut expected = event["Records"][0]["cf"]["request"].clone();
    expected["origin"]["s3"]["customHeaders"].as_object_mut().unwrap().remove("countersign-secret");
    assert_eq!((result, log), (expected, vec![]));
    answered(&edge.call(&bucket(&keys.source())).await, "500", "set its protocol policy to https-only");
}
