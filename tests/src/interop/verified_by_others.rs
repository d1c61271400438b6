//! Requests from our edge are RFC 9421 for other libraries too: two of them verify a request as it arrives at the
//! gateway.
//!
//! A judge that refuses what our edge has signed does so because of a limit that is named at its row, with who is right by the
//! RFC. Section numbers without another name are those of RFC 9421.

use crate::{
    interop::judges::{
        python::{self, PythonJudge},
        request::{JudgedRequest, Verdict},
        rows::{HELLO, HELLO_256, NO_URL, ROWS, Says},
        rust::{self, RustJudge},
    },
    support::{bootstrap::Bootstrap, client::ask, edge_process::EdgeProcess, keys::Keys, whole_path::options},
};
use edge_signer::{Action, EdgeSigner, Header, Origin, OriginRequest};
use hyper::Method;
use key_store::aws::{CallLimits, of_lambda};
use local::{ApiKind, AuthorizerFunction, Running};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use Says::{Refused, Verified};

/// The real authorizer, of whose answers note is taken. A refusal is turned into an allow, so that it too is to be seen behind it.
struct Noted {
    bootstrap: Bootstrap,
    effects: Arc<Mutex<Vec<String>>>,
}

impl AuthorizerFunction for Noted {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        let mut answer = self.bootstrap.authorize(event, now).await?;
        let effect = &mut answer["policyDocument"]["Statement"][0]["Effect"];
        self.effects.lock().unwrap().push(effect.as_str().unwrap().to_owned());
        *effect = json!("Allow");
        Ok(answer)
    }
}

async fn start(keys: &Keys) -> (Running, Arc<Mutex<Vec<String>>>) {
    let source = keys.source();
    let effects = Arc::default();
    let options = options(&source, ApiKind::Rest);
    let noted =
        Noted { bootstrap: Bootstrap::start(&[("COUNTERSIGN_SECRET", &source)]).await, effects: Arc::clone(&effects) };
    (local::start(options, EdgeProcess::start().await, noted).await.unwrap(), effects)
}

/// Both judges, with the key file that the edge has.
struct Judges {
    python: PythonJudge,
    rust: RustJudge,
}

impl Judges {
    fn new(keys: &Keys) -> Self {
        let text = std::fs::read_to_string(keys.file.path()).unwrap();
        Self { python: PythonJudge::start(&text), rust: RustJudge::new(&text) }
    }

    /// Each judge gives its expected verdict; and a judge that verifies a request refuses it with any covered byte
    /// changed.
    async fn judge(&mut self, request: &JudgedRequest, python: Says, rust: Says) {
        agrees("Python", self.python.verify(request).await, python, request);
        agrees("Rust", self.rust.verify(request).await, rust, request);
        for (thing, altered) in request.altered() {
            if matches!(python, Verified) {
                let verdict = self.python.verify(&altered).await;
                assert_eq!(verdict.unwrap_err(), python::OTHER_SIGNATURE, "{thing} of {request:?}");
            }
            if matches!(rust, Verified) {
                let verdict = self.rust.verify(&altered).await;
                assert_eq!(verdict.unwrap_err(), rust::OTHER_SIGNATURE, "{thing} of {request:?}");
            }
        }
    }
}

#[track_caller]
fn agrees(judge: &str, verdict: Verdict, expected: Says, request: &JudgedRequest) {
    match (verdict, expected) {
        (Ok(covered), Verified) => assert_eq!(covered, request.covered(), "{judge}: {request:?}"),
        (Err(reason), Refused(start)) if reason.starts_with(start) => {}
        (verdict, _) => panic!("{judge} says {verdict:?} and not {expected:?} of {request:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_the_edge_verifies_for_other_libraries_and_no_covered_byte_may_change() {
    let keys = Keys::new();
    let (running, effects) = start(&keys).await;
    let mut judges = Judges::new(&keys);
    for row in ROWS {
        let (status, echo) = ask(running.edge, row.method, row.target, row.headers, row.body).await;
        assert_eq!(status, 200, "{}", row.target);
        let mut request = JudgedRequest::at_the_gateway(&echo, "prod");
        assert_eq!(request.header("countersign-target"), Some(&*request.target));
        assert_eq!(effects.lock().unwrap().pop().as_deref(), Some(row.ours), "{}", row.target);
        for (name, value) in row.headers.iter().filter(|(name, _)| name.starts_with("Signature")) {
            assert_eq!(request.header(name), Some(*value), "a viewer's own arrives as it was sent");
        }
        if request.header("content-digest").is_some() {
            request.body = Some(row.body.to_owned());
        }
        judges.judge(&request, row.python, row.rust).await;

        if request.body.take().is_some() {
            // Both judges accept the signature over the digest, with any verdict about the digest itself.
            judges.judge(&request, Verified, Verified).await;
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_digest_that_leaves_the_edge_is_that_of_the_body() {
    let keys = Keys::new();
    let (running, _) = start(&keys).await;
    let mut judges = Judges::new(&keys);
    let (_, echo) = ask(running.edge, Method::POST, "/echo", &[], HELLO).await;
    let mut request = JudgedRequest::at_the_gateway(&echo, "prod");
    assert_eq!(request.header("content-digest"), Some(HELLO_256));
    request.body = Some(b"{\"hello\": \"World\"}".to_vec());
    assert_eq!(
        judges.python.verify(&request).await.unwrap_err(),
        "InvalidSignature Content-Digest does not match the message body"
    );
    assert_eq!(
        judges.rust.verify(&request).await.unwrap_err(),
        "Invalid content-digest: Content-Digest verification failed"
    );
    running.stop().await;
}

/// A request with a byte outside of ASCII is not signed, so libraries cannot disagree about it.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_ascii_does_not_leave_the_edge() {
    let keys = Keys::new();
    let (running, effects) = start(&keys).await;
    for target in ["/echo/caf\u{e9}", "/echo?q=\u{20ac}"] {
        assert_eq!(ask(running.edge, Method::GET, target, &[], b"").await.0, 400, "{target}");
    }
    assert!(effects.lock().unwrap().is_empty());
    running.stop().await;
}

/// On loopback hosts and viewers are numbers of IPv4: others as CloudFront hands them to the signer.
#[tokio::test]
async fn any_host_and_any_viewer_verify_for_other_libraries() {
    let keys = Keys::new();
    let mut judges = Judges::new(&keys);
    for (host, viewer, rust) in [
        ("abc123.execute-api.eu-west-1.amazonaws.com", "203.0.113.7", Verified),
        ("ABC123.Execute-Api.EU-West-1.amazonaws.com", "2001:db8::1", Verified),
        ("api.example:8443", "::ffff:203.0.113.7", Verified),
        ("[2001:DB8::2]:8443", "2001:DB8:0:0::1", Verified),
        // The standard port is left out, section 2.2.3: we and the Python judge are right, the Rust judge does not look.
        ("api.example:443", "203.0.113.7", Refused(rust::OTHER_SIGNATURE)),
    ] {
        let request = signed_at_the_edge(&keys, host, viewer, "/pets", "type=dog").await;
        judges.judge(&request, Verified, rust).await;
    }
}

/// An escape that is none (RFC 3986, section 2.1): a REST API is reported to answer 400 by itself, so no gateway is asked here.
#[tokio::test]
async fn a_bare_percent_sign_verifies_for_other_libraries_that_accept_it() {
    let keys = Keys::new();
    let mut judges = Judges::new(&keys);
    for (uri, query) in [("/%zz", ""), ("/pets", "a=%zz&b=1"), ("/a%x", "q=%")] {
        let request = signed_at_the_edge(&keys, "api.example", "203.0.113.7", uri, query).await;
        judges.judge(&request, NO_URL, Verified).await;
    }
}

/// A request below `/prod` as the signer sends it on.
async fn signed_at_the_edge(keys: &Keys, host: &str, viewer: &str, uri: &str, querystring: &str) -> JudgedRequest {
    let source = keys.source();
    let header = |name, value| Header { name, value };
    let event = OriginRequest {
        method: "GET",
        uri,
        querystring,
        client_ip: viewer,
        request_id: "",
        headers: vec![header("host", host)],
        origin: Origin {
            protocol: "https",
            path: "/prod",
            custom_headers: vec![header("countersign-secret", &source)],
        },
        body: None,
    };
    let signer = EdgeSigner::new(0, of_lambda(CallLimits::BRIEF));
    let decision = local::EdgeFunction::handle(&signer, &event, SystemTime::now()).await.unwrap();
    let Action::Forward(edits) = decision.action else { panic!("{decision:?}") };
    let set = edits.set.into_iter().map(|(name, value)| (name.into_owned(), value));
    let query = if querystring.is_empty() { String::new() } else { format!("?{querystring}") };
    JudgedRequest {
        method: "GET".to_owned(),
        authority: host.to_owned(),
        target: format!("/prod{uri}{query}"),
        headers: set.chain([("Host".to_owned(), host.to_owned())]).collect(),
        body: None,
    }
}
