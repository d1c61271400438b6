//! The real authorizer admits requests that other libraries sign with our key and our profile, and refuses signatures
//! that only the RFC allows.

use crate::{
    interop::judges::{
        python::{Parameters, PythonJudge},
        request::{COVERED, JudgedRequest},
        rust::{self, RustJudge},
    },
    support::{
        bootstrap::{Bootstrap, Invocation, decisions},
        keys::Keys,
    },
};
use local::{Api, ApiRequest, Routes, rest_event};
use serde_json::Value;
use std::time::SystemTime;

const NONCE: &str = "CQkJCQkJCQkJCQkJCQkJCQ";

fn request(method: &str, target: &str, body: Option<&[u8]>) -> JudgedRequest {
    let host = "abc123.execute-api.eu-west-1.amazonaws.com";
    let headers =
        [("Accept", "*/*"), ("Host", host), ("Countersign-Target", target), ("Countersign-Viewer-Ip", "203.0.113.7")];
    JudgedRequest {
        method: method.to_owned(),
        authority: host.to_owned(),
        target: target.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.map(<[u8]>::to_owned),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs()
}

fn profile(created: u64) -> Parameters<'static> {
    Parameters { covered: &COVERED, created, expires: Some(created + 60), nonce: Some(NONCE), tag: Some("countersign") }
}

/// The effect of the policy that the authorizer answers with.
async fn effect(bootstrap: &Bootstrap, request: &JudgedRequest) -> String {
    let api = Api {
        region: "eu-west-1",
        account_id: "123456789012",
        api_id: "abc123",
        stage: "prod",
        domain_name: &request.authority,
        base_path: None,
        routes: Routes::All,
        identity_sources: &[],
    };
    let received = ApiRequest {
        method: &request.method,
        target: &request.target,
        headers: &request.headers,
        source_ip: "198.51.100.1",
        request_id: "r",
        extended_request_id: "x",
    };
    let event = rest_event(&api, &received, SystemTime::now()).unwrap();
    match bootstrap.invoke(event.to_string()).await {
        Invocation::Response(answer) => {
            let effect = &answer["policyDocument"]["Statement"][0]["Effect"];
            effect.as_str().unwrap().to_owned()
        }
        Invocation::Error(kind, message) => panic!("{kind}: {message}"),
    }
}

/// Starts the authorizer and both judges with one key file.
async fn start(keys: &Keys) -> (Bootstrap, PythonJudge, RustJudge) {
    let text = std::fs::read_to_string(keys.file.path()).unwrap();
    (
        Bootstrap::start(&[("COUNTERSIGN_SECRET", &keys.source())]).await,
        PythonJudge::start(&text),
        RustJudge::new(&text),
    )
}

fn reasons(log: &[Value]) -> Vec<&str> {
    decisions(log).iter().map(|line| line["reason"].as_str().unwrap_or("admitted")).collect()
}

#[tokio::test]
async fn a_signature_by_another_library_is_admitted_and_refused_with_any_covered_byte_changed() {
    let keys = Keys::new();
    let (bootstrap, mut python, rust) = start(&keys).await;
    let mut reversed = COVERED;
    reversed.reverse();
    let mut expected = Vec::new();
    for (request, covered) in [
        (request("GET", "/prod/pets?type=dog&type=cat", None), COVERED),
        (request("GET", "/prod/a%2Fb//c", None), reversed),
        (request("POST", "/prod/pets?x=a+b;y", Some(b"{}")), COVERED),
        (request("DELETE", "/prod/pets/1", Some(b"")), reversed),
    ] {
        let parameters = Parameters { covered: &covered, ..profile(now()) };
        for signed in [python.sign(&request, &parameters).await, rust.sign(&request, &covered, NONCE, now()).await] {
            assert_eq!(signed.header("content-digest").is_some(), request.body.is_some());
            assert_eq!(effect(&bootstrap, &signed).await, "Allow", "{signed:?}");
            expected.push("admitted");
            for (thing, altered) in signed.altered() {
                assert_eq!(effect(&bootstrap, &altered).await, "Deny", "{thing} of {signed:?}");
                expected.push("signature");
            }
        }
    }
    assert_eq!(reasons(&bootstrap.log().await), expected);
}

/// The base ends with the parameters in the order of the signer, RFC 9421, sections 2.3 and 3.2. One judge writes another
/// order than we do, and the other judge knows no order but its own, which is ours: there it is wrong, and we are right.
#[tokio::test]
async fn parameters_in_another_order_are_admitted() {
    let keys = Keys::new();
    let (bootstrap, mut python, rust) = start(&keys).await;
    let signed = python.sign(&request("GET", "/prod/pets", None), &profile(now())).await;
    let input = signed.header("countersign-signature-input").unwrap();
    let at = |name: &str| input.find(name).unwrap();
    assert!(at(";created=") < at(";keyid=") && at(";keyid=") < at(";alg=") && at(";alg=") < at(";expires="));
    assert!(python.verify(&signed).await.is_ok());
    assert_eq!(rust.verify(&signed).await.unwrap_err(), rust::OTHER_SIGNATURE);
    assert_eq!(effect(&bootstrap, &signed).await, "Allow");
}

/// Signatures that are valid by the RFC, which lets each application set its requirements (section 1.4), but that the
/// profile refuses: one that never ends, one that covers nothing, and the like.
#[tokio::test]
async fn a_signature_that_only_the_rfc_allows_is_refused() {
    let keys = Keys::new();
    let (bootstrap, mut python, _) = start(&keys).await;
    let created = now();
    let few = ["@method", "@authority", "@path"];
    let more = [&COVERED[..], &["accept"]].concat();
    let table = [
        (Parameters { expires: None, ..profile(created) }, "parameter-missing"),
        (Parameters { nonce: None, ..profile(created) }, "parameter-missing"),
        (Parameters { tag: None, ..profile(created) }, "parameter-missing"),
        (Parameters { tag: Some("web-bot-auth"), ..profile(created) }, "tag"),
        (Parameters { expires: Some(created + 3600), ..profile(created) }, "lifetime-too-long"),
        (Parameters { covered: &[], ..profile(created) }, "component-missing"),
        (Parameters { covered: &few, ..profile(created) }, "component-missing"),
        (Parameters { covered: &more, ..profile(created) }, "component-unknown"),
    ];
    let mut expected = Vec::new();
    for (parameters, reason) in table {
        let signed = python.sign(&request("GET", "/prod/pets", None), &parameters).await;
        let covered = python.verify_as(&signed, None).await.unwrap();
        assert_eq!(covered, parameters.covered);
        assert_eq!(effect(&bootstrap, &signed).await, "Deny", "{reason}");
        expected.push(reason);
    }
    assert_eq!(reasons(&bootstrap.log().await), expected);
}
