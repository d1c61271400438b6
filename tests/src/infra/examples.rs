//! The code in `infra/attach.md` that uses the verified values, run with events in API Gateway's form.

use crate::{infra::support::template::blocks, support::artifacts::localstack_python};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

/// A function behind a REST API accepts the signed request, and refuses every other.
#[test]
fn a_function_behind_a_rest_api_compares_the_verified_values() {
    // `more` is what the caller has made of it; the context is what the authorizer has verified.
    let event = |path: &str, context: Value, more: Value| {
        let context = with(&[context, json!({"principalId": "countersign", "integrationLatency": 4})]);
        let event = json!({"resource": "/{proxy+}", "path": path, "httpMethod": "POST", "body": null, "isBase64Encoded": false,
            "queryStringParameters": {"id": "7"}, "requestContext": {"stage": "prod", "authorizer": context}});
        with(&[event, more])
    };
    let plain = json!({});
    let pets = verified("/pets", "/prod/pets?id=7;view=full");
    let signed = |digest: &str| with(&[pets.clone(), json!({"countersignBodyDigest": digest})]);
    let omitted = |names: &str| with(&[pets.clone(), json!({"countersignOmitted": names})]);
    let no_target =
        json!({"countersign": "verified", "countersignPath": "/pets", "countersignOmitted": "countersignTarget"});
    let odd = verified("/p'ets", "/prod/p'ets?x=\"\\&y=?a");
    check(
        "",
        &[
            (
                "a query as it was signed",
                event("/pets", pets.clone(), plain.clone()),
                json!(["/pets", "id=7;view=full", ""]),
            ),
            ("no query", event("/pets", verified("/pets", "/prod/pets"), plain.clone()), json!(["/pets", "", ""])),
            ("quotes", event("/p'ets", odd, plain.clone()), json!(["/p'ets", "x=\"\\&y=?a", ""])),
            ("an escape", event("/a%2Fb", verified("/a%2Fb", "/prod/a%2Fb"), plain.clone()), json!(["/a%2Fb", "", ""])),
            ("another path", event("/admin", pets.clone(), plain.clone()), json!("another path")),
            ("a slash more", event("/pets/", pets.clone(), plain.clone()), json!("another path")),
            (
                "its body",
                event("/pets", signed(DIGEST), json!({"body": "{}"})),
                json!(["/pets", "id=7;view=full", "e30="]),
            ),
            ("another body", event("/pets", signed(DIGEST), json!({"body": "[]"})), json!("another body")),
            ("its body is missing", event("/pets", signed(DIGEST), plain.clone()), json!("another body")),
            ("a body that is not signed", event("/pets", pets.clone(), json!({"body": "{}"})), json!("another body")),
            ("a long target", event("/pets", no_target, plain.clone()), json!("too long: countersignTarget")),
            (
                "a long target and digest",
                event("/pets", omitted("countersignTarget,countersignBodyDigest"), plain.clone()),
                json!("too long: countersignTarget,countersignBodyDigest"),
            ),
            (
                "monitor mode",
                event("/pets", json!({"countersign": "would-refuse"}), plain.clone()),
                json!("not verified"),
            ),
            ("no context", event("/pets", plain.clone(), plain.clone()), json!("not verified")),
            ("no authorizer", json!({"path": "/pets", "requestContext": {"stage": "prod"}}), json!("not verified")),
        ],
    );
    check(
        "/v1",
        &[
            ("a base path", event("/v1/pets", pets.clone(), plain.clone()), json!(["/pets", "id=7;view=full", ""])),
            ("another base path", event("/v2/pets", pets.clone(), plain.clone()), json!("another path")),
            ("none", event("/pets", pets.clone(), plain.clone()), json!("another path")),
        ],
    );
}

/// A function behind an HTTP API likewise: its path is decoded, and begins with a named stage.
#[test]
fn a_function_behind_an_http_api_compares_the_verified_values() {
    let event = |stage: &str, path: &str, context: Value, more: Value| {
        let event = json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "id=7",
            "isBase64Encoded": false, "requestContext": {"stage": stage, "authorizer": {"lambda": context}}});
        with(&[event, more])
    };
    let plain = json!({});
    let pets = verified("/pets", "/pets?id=7");
    let signed = |digest: &str| with(&[pets.clone(), json!({"countersignBodyDigest": digest})]);
    let omitted =
        |names: &str| json!({"countersign": "verified", "countersignPath": "/pets", "countersignOmitted": names});
    let all = json!(["/pets", "id=7", ""]);
    let bytes = "sha-256=:qBAK5qoZQNC2Y7sxzUZhQuu9vVGHExuS2TgYmHgy64k=:";
    check(
        "",
        &[
            ("the stage $default", event("$default", "/pets", pets.clone(), plain.clone()), all.clone()),
            ("a named stage", event("prod", "/prod/pets", pets.clone(), plain.clone()), all.clone()),
            (
                "a named stage that is missing",
                event("prod", "/pets", pets.clone(), plain.clone()),
                json!("another path"),
            ),
            (
                "escapes",
                event("$default", "/a b/é", verified("/a%20b/%C3%A9", "/a"), plain.clone()),
                json!(["/a%20b/%C3%A9", "id=7", ""]),
            ),
            ("a plus", event("$default", "/a+b", verified("/a+b", "/a+b"), plain.clone()), json!(["/a+b", "id=7", ""])),
            ("not UTF-8", event("$default", "/\u{fffd}", verified("/%E9", "/%E9"), plain.clone()), json!("URIError")),
            ("another path", event("$default", "/pets/../admin", pets.clone(), plain.clone()), json!("another path")),
            (
                "its body",
                event("$default", "/pets", signed(DIGEST), json!({"body": "{}"})),
                json!(["/pets", "id=7", "e30="]),
            ),
            (
                "a body of bytes",
                event("$default", "/pets", signed(bytes), json!({"body": "/w==", "isBase64Encoded": true})),
                json!(["/pets", "id=7", "/w=="]),
            ),
            ("another body", event("$default", "/pets", signed(bytes), json!({"body": "{}"})), json!("another body")),
            ("its body is missing", event("$default", "/pets", signed(DIGEST), plain.clone()), json!("another body")),
            (
                "a body that is not signed",
                event("$default", "/pets", pets.clone(), json!({"body": "{}"})),
                json!("another body"),
            ),
            ("a long target", event("$default", "/pets", omitted("countersignTarget"), plain.clone()), all),
            (
                "a long digest",
                event("$default", "/pets", omitted("countersignTarget,countersignBodyDigest"), plain.clone()),
                json!("too long: countersignBodyDigest"),
            ),
            (
                "monitor mode",
                event("$default", "/pets", json!({"countersign": "would-refuse"}), plain.clone()),
                json!("not verified"),
            ),
            (
                "another authorizer",
                json!({"version": "2.0", "rawPath": "/pets", "requestContext": {"stage": "$default", "authorizer": {"jwt": {}}}}),
                json!("not verified"),
            ),
        ],
    );
}

/// A function of a WebSocket API has a query to use when a client connects. Messages are not signed.
#[test]
fn a_function_behind_a_websocket_api_gets_the_signed_query() {
    let event = |kind: &str, context: Value, more: Value| {
        let route = if kind == "CONNECT" { "$connect" } else { "$default" };
        let event = json!({"isBase64Encoded": false, "requestContext": {"routeKey": route, "eventType": kind, "stage": "prod",
            "connectionId": "L0SM9cOFvHcCIhw=", "authorizer": context}});
        with(&[event, more])
    };
    let plain = json!({});
    let chat = verified("/", "/prod?room=7;view=full");
    let omitted = json!({"countersign": "verified", "countersignPath": "/", "countersignOmitted": "countersignTarget"});
    check(
        "",
        &[
            (
                "a query as it was signed",
                event("CONNECT", chat.clone(), json!({"queryStringParameters": {"room": "7", "view": "full"}})),
                json!(["/", "room=7;view=full", ""]),
            ),
            ("no query", event("CONNECT", verified("/", "/prod/"), plain.clone()), json!(["/", "", ""])),
            ("a long query", event("CONNECT", omitted, plain.clone()), json!("too long: countersignTarget")),
            ("a message", event("MESSAGE", chat.clone(), json!({"body": "{}"})), json!("not signed: a message")),
            ("a message without a body", event("MESSAGE", chat, plain.clone()), json!("not signed: a message")),
            (
                "monitor mode",
                event("CONNECT", json!({"countersign": "would-refuse"}), plain.clone()),
                json!("not verified"),
            ),
            ("no authorizer", event("CONNECT", Value::Null, plain), json!("not verified")),
        ],
    );
}

/// The edge signs a client's own Content-Digest where that has one, which may hold more and other digests than ours.
#[test]
fn every_digest_that_was_signed_is_compared() {
    let (same, other) = (json!(["/pets", "", "e30="]), json!("another body"));
    let rows = [
        (DIGEST.to_owned(), &same),
        (LONG_DIGEST.to_owned(), &same),
        (format!("{LONG_DIGEST},\t{DIGEST}"), &same),
        (format!("md5=:AA==:, {DIGEST}, id-sha-256=:AA==:"), &same),
        (format!("{DIGEST}, sha-512=:AA==:"), &other),
        (format!("sha-256=:AA==:, {LONG_DIGEST}"), &other),
        ("md5=:mZFLkyvTelC5g8XnyQrpOw==:".to_owned(), &other),
        (DIGEST.replace("sha-256", "sha-512"), &other),
        (String::new(), &other),
    ];
    let event = |field: &str| {
        let context = with(&[verified("/pets", "/pets"), json!({"countersignBodyDigest": field})]);
        json!({"version": "2.0", "rawPath": "/pets", "rawQueryString": "", "body": "{}",
            "requestContext": {"stage": "$default", "authorizer": {"lambda": context}}})
    };
    let rows: Vec<_> =
        rows.iter().map(|(field, expected)| (field.as_str(), event(field), (*expected).clone())).collect();
    check("", &rows);
}

/// A target is what a stranger has written. In a template that does not escape it, a quote ends the text that it is in.
#[test]
fn a_mapping_template_makes_json_of_any_target() {
    let [template] = <[String; 1]>::try_from(blocks("attach.md", "vtl")).expect("there is one template");
    let no_target =
        json!({"countersign": "verified", "countersignPath": "/pets", "countersignOmitted": "countersignTarget"});
    let rows = [
        (verified("/pets", "/pets?id=7"), json!({"path": "/pets", "target": "/pets?id=7"})),
        (
            verified("/p'\"ets", "/p'\"ets?x=\",\"target\":\"/\\'\\"),
            json!({"path": "/p'\"ets", "target": "/p'\"ets?x=\",\"target\":\"/\\'\\"}),
        ),
        (no_target, json!({"path": "/pets", "target": ""})),
        (json!({"countersign": "would-refuse"}), json!({})),
        (json!({}), json!({})),
    ];
    let contexts: Value = rows.iter().map(|(context, _)| context.clone()).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/mapping_template.py");
    let question = json!({"template": template.trim(), "contexts": contexts});
    let answers = answers(Command::new(localstack_python()).arg(script), &question);
    assert_eq!(answers.len(), rows.len());
    for (answer, (context, expected)) in answers.iter().zip(&rows) {
        let made: Value =
            serde_json::from_str(answer.as_str().unwrap()).unwrap_or_else(|error| panic!("{answer}: {error}"));
        assert_eq!(made, *expected, "{context}");
    }
}

/// Both programs of the document, with the base path that the API has, over events as API Gateway sends them to a function.
#[track_caller]
fn check(base_path: &str, rows: &[(&str, Value, Value)]) {
    const JAVASCRIPT: &str = "
        import { readFileSync } from 'node:fs';
        import { verified } from './verified.mjs';
        const answers = JSON.parse(readFileSync(0, 'utf8')).map((event) => {
          try {
            const { path, query, body } = verified(event);
            return [path, query, body.toString('base64')];
          } catch (error) {
            return error.constructor === Error ? error.message : error.name;
          }
        });
        console.log(JSON.stringify(answers));
    ";
    const PYTHON: &str = r#"
import base64, json, sys
from verified import verified

def answer(event):
    try:
        made = verified(event)
        return [made["path"], made["query"], base64.b64encode(made["body"]).decode()]
    except ValueError as error:
        return "URIError" if isinstance(error, UnicodeDecodeError) else str(error)

print(json.dumps([answer(event) for event in json.load(sys.stdin)]))
"#;
    let events: Value = rows.iter().map(|(_, event, _)| event.clone()).collect();
    for (language, end, program, main) in [("js", "mjs", "node", JAVASCRIPT), ("python", "py", "python3", PYTHON)] {
        let [code] = <[String; 1]>::try_from(blocks("attach.md", language)).expect("there is one block");
        let set = |quote: char| format!("BASE_PATH = {quote}{base_path}{quote}");
        assert_eq!(code.matches("BASE_PATH = ''").count() + code.matches("BASE_PATH = \"\"").count(), 1);
        let code = code.replace("BASE_PATH = ''", &set('\'')).replace("BASE_PATH = \"\"", &set('"'));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("verified.{end}")), code).unwrap();
        fs::write(folder.path().join(format!("main.{end}")), main).unwrap();
        let answers = answers(Command::new(program).arg(folder.path().join(format!("main.{end}"))), &events);
        assert_eq!(answers.len(), rows.len());
        for (answer, (name, _, expected)) in answers.iter().zip(rows) {
            assert_eq!(answer, expected, "{language}: {name}");
        }
    }
}

/// A list that a program makes of its input.
#[track_caller]
fn answers(program: &mut Command, question: &Value) -> Vec<Value> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `{}` by SHA-512.
const LONG_DIGEST: &str =
    "sha-512=:J8dGcK23UHX60FjVzq97IMTneGyDuuijL2Jvl4KvNMmjPCBG72D9Knh403jin+yFGAa72aZ4ePOp8c2kgwdj/Q==:";

/// `{}` as it is signed.
const DIGEST: &str = "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";

/// One object with the members of all.
fn with(all: &[Value]) -> Value {
    let members = all.iter().flat_map(|object| object.as_object().unwrap().clone());
    Value::Object(members.collect())
}

fn verified(path: &str, target: &str) -> Value {
    json!({"countersign": "verified", "countersignPath": path, "countersignTarget": target, "countersignKeyId": "k1",
        "countersignViewerIp": "203.0.113.7", "viewerIp": "203.0.113.7"})
}
