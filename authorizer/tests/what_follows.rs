//! What follows the signature: each check at each kind of API, both checks, none, by route, and in each mode.
//!
//! The tokens are signed by a key of this test, and the next authorizer is a server that answers as Lambda does. The checks by
//! themselves: `src/jwt` and `src/delegate`.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod events;
mod support;

use authorizer::AuthorizerError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use events::{HANDSHAKE, TARGET, kinds, policy, simple, verified};
use key_store::aws::{CallLimits, SdkConfig, of_lambda};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};
use support::{NOW, Subject};

const NEXT: &str = "arn:aws:lambda:eu-west-1:123456789012:function:next";
const REST: &str = "REST";
const HTTP: &str = "HTTP, payload 2.0";

/// A server that answers each request to a path with the same text, and counts.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, asked: Arc::default(), answers: Arc::default() };
        let own = server.clone();
        // It ends with the test's process.
        thread::spawn(move || listener.incoming().for_each(|connection| own.answer(connection.unwrap())));
        server
    }

    fn answer(&self, mut connection: TcpStream) {
        let (mut read, mut part) = (Vec::new(), [0; 4096]);
        let head = loop {
            let length = connection.read(&mut part).unwrap();
            read.extend_from_slice(&part[..length]);
            let text = String::from_utf8_lossy(&read).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_ascii_lowercase();
            let expected = head.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
            if body.len() >= expected.parse().unwrap() {
                break head;
            }
        };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let answer =
            self.answers.lock().unwrap().iter().find(|(of, _)| path.ends_with(of)).map(|(_, text)| text.clone());
        self.asked.lock().unwrap().push(path);
        let text =
            answer.unwrap_or_else(|| "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned());
        // The client may have gone.
        let _ = connection.write_all(text.as_bytes());
    }

    fn answers(&self, path: &str, headers: &str, body: &Value) {
        let body = body.to_string();
        let text = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        let mut answers = self.answers.lock().unwrap();
        answers.retain(|(of, _)| of != path);
        answers.push((path.to_owned(), text));
    }

    /// The next authorizer answers that, from now on.
    fn next_answers(&self, body: &Value) {
        self.answers("/invocations", "", body);
    }

    /// The next authorizer ends with that error.
    fn next_fails(&self, message: &str) {
        let error = json!({ "errorType": "Error", "errorMessage": message });
        self.answers("/invocations", "X-Amz-Function-Error: Unhandled\r\n", &error);
    }

    /// How often a path with this end was asked for since the last call.
    fn asked(&self, end: &str) -> usize {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.len();
        asked.retain(|path| !path.ends_with(end));
        before - asked.len()
    }

    fn aws(&self) -> SdkConfig {
        let credentials = aws_sdk_lambda::config::Credentials::new("AKIDEXAMPLE", "example", None, None, "test");
        let provider = aws_sdk_lambda::config::SharedCredentialsProvider::new(credentials);
        let aws = of_lambda(CallLimits::BRIEF).into_builder().credentials_provider(provider);
        aws.endpoint_url(format!("http://{}", self.address)).build()
    }
}

/// An issuer of tokens with one key, at the server.
struct Issuer {
    url: String,
    key: Ed25519KeyPair,
}

impl Issuer {
    fn at(server: &Server) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let url = format!("http://{}", server.address);
        let public = URL_SAFE_NO_PAD.encode(key.public_key());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "t1", "use": "sig", "x": public });
        server.answers("/jwks", "", &json!({ "keys": [jwk] }));
        Self { url, key }
    }

    fn setting(&self) -> String {
        format!("{0};audience=api;jwks={0}/jwks", self.url)
    }

    /// A bearer token of a user with these scopes.
    fn bearer(&self, scope: &str) -> String {
        let header = json!({ "alg": "EdDSA", "kid": "t1", "typ": "at+jwt" });
        let claims = json!({
            "iss": self.url, "aud": "api", "sub": "user-7", "scope": scope, "exp": NOW + 300, "iat": NOW - 10,
            "countersign": "verified", "tenant": "acme",
        });
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let input = parts.join(".");
        format!("Bearer {input}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(input.as_bytes())))
    }
}

/// The event with one header more.
fn with_header(mut event: Value, name: &str, value: &str) -> Value {
    for (map, value) in [("headers", json!(value)), ("multiValueHeaders", json!([value]))] {
        if let Some(map) = event[map].as_object_mut() {
            map.insert(name.to_owned(), value);
        }
    }
    event
}

fn unsigned(mut event: Value) -> Value {
    for map in ["headers", "multiValueHeaders"] {
        if let Some(map) = event[map].as_object_mut() {
            map.remove("countersign-signature");
        }
    }
    event
}

/// The decision, and the event and reason of each line of the log about the request.
async fn decide(subject: &Subject, event: &Value) -> (Result<Value, AuthorizerError>, Vec<(String, String)>) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let answer = subject.authorizer.authorize(&event.to_string(), now).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = subject.log.take().into_iter();
    let lines = lines.filter(|line| text(&line["event"]).starts_with("request-"));
    let lines = lines.map(|line| (text(&line["event"]), text(&line["reason"]))).collect();
    (answer.map(|answer| serde_json::to_value(answer).unwrap()), lines)
}

fn lines(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(event, reason)| (event.to_owned(), reason.to_owned())).collect()
}

/// Our answer about a signed request of that kind.
fn ours(kind: &str, arn: &str, allow: bool, more: Value) -> Value {
    let (path, target) = if kind == "WebSocket" { ("/", HANDSHAKE) } else { ("/pets", TARGET) };
    let mut context = if allow { verified(path, target) } else { json!({}) };
    context.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    match (kind, allow) {
        (HTTP, _) => simple(allow, context),
        (_, true) => policy("Allow", arn, context),
        (_, false) => policy("Deny", arn, context),
    }
}

/// The answer for "who are you?": a REST API and a WebSocket API take the error, an HTTP API takes a deny.
fn unauthorized(kind: &str, arn: &str) -> Result<Value, AuthorizerError> {
    match kind {
        "REST" | "WebSocket" => Err(AuthorizerError::Unauthorized),
        _ => Ok(ours(kind, arn, false, json!({}))),
    }
}

#[tokio::test]
async fn a_token_is_asked_for_after_the_signature() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = issuer.setting();
    let subject = Subject::new(&[
        ("COUNTERSIGN_JWT", &setting),
        ("COUNTERSIGN_JWT_CLAIMS", "tenant countersign"),
        ("COUNTERSIGN_THEN", "jwt(read)"),
    ]);
    for (kind, event, arn) in kinds() {
        let good = with_header(event.clone(), "authorization", &issuer.bearer("read write"));
        let (answer, log) = decide(&subject, &good).await;
        let context = &answer.as_ref().unwrap()["context"];
        assert_eq!(context["countersign"], "verified", "{kind}");
        assert_eq!(
            [&context["jwt_sub"], &context["jwt_scope"], &context["jwt_tenant"]],
            ["user-7", "read write", "acme"]
        );
        // A claim cannot be one of our members.
        assert_eq!(context["jwt_countersign"], "verified", "{kind}");
        let mut rest = answer.unwrap();
        rest["context"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("jwt_"));
        assert_eq!(rest, ours(kind, &arn, true, json!({})), "{kind}");
        assert_eq!(log, lines(&[("request-admitted", "")]), "{kind}");

        let (answer, log) = decide(&subject, &event).await;
        assert_eq!(answer, unauthorized(kind, &arn), "{kind}");
        assert_eq!(log, lines(&[("request-refused-by-token", "token-missing")]), "{kind}");

        let (answer, log) =
            decide(&subject, &with_header(event.clone(), "authorization", &issuer.bearer("write"))).await;
        assert_eq!(answer, Ok(ours(kind, &arn, false, json!({}))), "{kind}");
        assert_eq!(log, lines(&[("request-refused-by-token", "token-scope")]), "{kind}");

        let (answer, log) = decide(&subject, &unsigned(good)).await;
        assert_eq!(answer, Ok(ours(kind, &arn, false, json!({}))), "{kind}");
        assert_eq!(log, lines(&[("request-refused", "header-missing")]), "{kind}");
    }
}

#[tokio::test]
async fn without_the_keys_of_the_issuer_nothing_is_allowed() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = format!("{0};audience=api;jwks={0}/missing", issuer.url);
    for mode in ["enforce", "monitor"] {
        let subject = Subject::new(&[("COUNTERSIGN_JWT", &setting), ("COUNTERSIGN_MODE", mode)]);
        for (kind, event, _) in kinds() {
            let (answer, log) = decide(&subject, &with_header(event, "authorization", &issuer.bearer(""))).await;
            let error = answer.unwrap_err();
            assert!(matches!(error, AuthorizerError::Undecided(_)), "{kind}: {error}");
            assert_eq!(log, lines(&[("request-undecided", "token-no-keys")]), "{kind}");
        }
    }
}

#[tokio::test]
async fn the_next_authorizer_is_asked_after_the_signature() {
    let server = Server::start();
    let subject = Subject::with_aws(&[("COUNTERSIGN_NEXT_AUTHORIZER", NEXT)], &server.aws());
    for (kind, event, arn) in kinds() {
        let theirs = |allow: bool, context: Value| match kind {
            HTTP => json!({ "isAuthorized": allow, "context": context }),
            _ => {
                let statement = json!([{
                    "Effect": if allow { "Allow" } else { "Deny" }, "Action": "execute-api:Invoke", "Resource": [arn],
                }]);
                let document = json!({ "Version": "2012-10-17", "Statement": statement });
                json!({
                    "principalId": "them", "policyDocument": document, "usageIdentifierKey": "plan-key", "context": context,
                })
            }
        };
        let forged = json!({ "tenant": "acme", "countersign": "forged", "CountersignPath": "/x", "viewerIp": "x", "jwt_sub": "x" });
        server.next_answers(&theirs(true, forged));
        let (answer, log) = decide(&subject, &event).await;
        let mut expected = ours(kind, &arn, true, json!({ "tenant": "acme" }))["context"].take();
        assert_eq!(answer, Ok(theirs(true, expected.take())), "{kind}");
        assert_eq!(log, lines(&[("request-admitted", "")]), "{kind}");

        server.next_answers(&theirs(false, json!({ "why": "suspended" })));
        let (answer, log) = decide(&subject, &event).await;
        assert_eq!(answer, Ok(theirs(false, json!({ "why": "suspended" }))), "{kind}");
        assert_eq!(log, lines(&[("request-refused-by-next-authorizer", "next-denied")]), "{kind}");

        server.next_fails("Unauthorized");
        let (answer, log) = decide(&subject, &event).await;
        assert_eq!(answer, unauthorized(kind, &arn), "{kind}");
        assert_eq!(log, lines(&[("request-refused-by-next-authorizer", "next-unauthorized")]), "{kind}");

        server.next_fails("Unauthorized: the token has expired");
        let (answer, log) = decide(&subject, &event).await;
        assert!(matches!(answer, Err(AuthorizerError::Undecided(_))), "{kind}");
        assert_eq!(log, lines(&[("request-undecided", "next-failed")]), "{kind}");

        server.next_answers(&json!("yes"));
        let (answer, log) = decide(&subject, &event).await;
        assert!(matches!(answer, Err(AuthorizerError::Undecided(_))), "{kind}");
        assert_eq!(log, lines(&[("request-undecided", "next-answer")]), "{kind}");

        assert_eq!(server.asked("/invocations"), 5, "{kind}");
        let (answer, _) = decide(&subject, &unsigned(event)).await;
        assert_eq!(answer, Ok(ours(kind, &arn, false, json!({}))), "{kind}");
        assert_eq!(server.asked("/invocations"), 0, "{kind}: a request without a signature is not handed on");
    }
}

/// Monitor mode of the signature is the first step on a live API. The second check must go on as it did before.
#[tokio::test]
async fn monitor_mode_of_the_signature_does_not_switch_the_second_check_off() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = issuer.setting();
    let monitor = ("COUNTERSIGN_MODE", "monitor");
    let token = Subject::new(&[monitor, ("COUNTERSIGN_JWT", &setting)]);
    let next = Subject::with_aws(&[monitor, ("COUNTERSIGN_NEXT_AUTHORIZER", NEXT)], &server.aws());
    // The keys cannot be read: unusable keys are no reason to skip the second check either.
    let missing = ("COUNTERSIGN_SECRET", "file:/there/is/no/such/file");
    let keyless = Subject::new(&[monitor, missing, ("COUNTERSIGN_JWT", &setting)]);
    for (kind, event, arn) in kinds() {
        for (subject, event, reason) in
            [(&token, unsigned(event.clone()), "header-missing"), (&keyless, event.clone(), "no-keys")]
        {
            let would_refuse = ("request-would-be-refused", reason);
            let (answer, log) = decide(subject, &event).await;
            assert_eq!(answer, unauthorized(kind, &arn), "{kind}, {reason}");
            assert_eq!(log, lines(&[would_refuse, ("request-refused-by-token", "token-missing")]), "{kind}, {reason}");

            let (answer, log) = decide(subject, &with_header(event, "authorization", &issuer.bearer(""))).await;
            let context = answer.unwrap()["context"].take();
            assert_eq!([&context["countersign"], &context["jwt_sub"]], ["would-refuse", "user-7"], "{kind}, {reason}");
            assert_eq!(context["countersignPath"], Value::Null, "{kind}, {reason}");
            assert_eq!(log, lines(&[would_refuse]), "{kind}, {reason}");
        }

        let would_refuse = ("request-would-be-refused", "header-missing");
        server.next_fails("Unauthorized");
        let (answer, log) = decide(&next, &unsigned(event.clone())).await;
        assert_eq!(answer, unauthorized(kind, &arn), "{kind}");
        assert_eq!(log, lines(&[would_refuse, ("request-refused-by-next-authorizer", "next-unauthorized")]), "{kind}");

        server.next_fails("Error");
        let (answer, log) = decide(&next, &unsigned(event.clone())).await;
        assert!(matches!(answer, Err(AuthorizerError::Undecided(_))), "{kind}");
        assert_eq!(log, lines(&[would_refuse, ("request-undecided", "next-failed")]), "{kind}");

        let context = json!({ "tenant": "acme", "countersign": "verified" });
        server.next_answers(&if kind == HTTP { simple(true, context) } else { policy("Allow", &arn, context) });
        let (answer, log) = decide(&next, &unsigned(event)).await;
        assert_eq!(answer.unwrap()["context"], json!({ "tenant": "acme", "countersign": "would-refuse" }), "{kind}");
        assert_eq!(log, lines(&[would_refuse]), "{kind}");
    }
}

#[tokio::test]
async fn monitor_mode_of_the_second_check_lets_the_signature_decide() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = issuer.setting();
    let token = Subject::new(&[("COUNTERSIGN_JWT", &setting), ("COUNTERSIGN_JWT_MODE", "monitor")]);
    let next = Subject::with_aws(
        &[("COUNTERSIGN_NEXT_AUTHORIZER", NEXT), ("COUNTERSIGN_NEXT_MODE", "monitor")],
        &server.aws(),
    );
    server.next_fails("Error");
    for (kind, event, arn) in kinds() {
        for (subject, would_refuse) in [
            (&token, ("request-would-be-refused-by-token", "token-missing")),
            (&next, ("request-would-be-refused-by-next-authorizer", "next-failed")),
        ] {
            let (answer, log) = decide(subject, &event).await;
            assert_eq!(answer, Ok(ours(kind, &arn, true, json!({}))), "{kind}");
            assert_eq!(log, lines(&[would_refuse, ("request-admitted", "")]), "{kind}");
            let (answer, log) = decide(subject, &unsigned(event.clone())).await;
            assert_eq!(answer, Ok(ours(kind, &arn, false, json!({}))), "{kind}");
            assert_eq!(log, lines(&[("request-refused", "header-missing")]), "{kind}");
        }
        server.next_answers(&if kind == HTTP { simple(false, json!({})) } else { policy("Deny", &arn, json!({})) });
        let (answer, log) = decide(&next, &event).await;
        assert_eq!(answer, Ok(ours(kind, &arn, true, json!({}))), "{kind}");
        let would_refuse = ("request-would-be-refused-by-next-authorizer", "next-denied");
        assert_eq!(log, lines(&[would_refuse, ("request-admitted", "")]), "{kind}");
        // API Gateway could refuse the request because of a condition.
        if kind != HTTP {
            let mut conditional = policy("Allow", &arn, json!({ "tenant": "acme" }));
            conditional["policyDocument"]["Statement"][0]["Condition"] =
                json!({ "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
            server.next_answers(&conditional);
            assert_eq!(decide(&next, &event).await.0, Ok(ours(kind, &arn, true, json!({}))), "{kind}");
        }
        server.next_fails("Error");
    }
}

/// The rows by themselves: `src/then/rows.rs`.
#[tokio::test]
async fn the_route_of_the_event_chooses_the_check() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = issuer.setting();
    let jwt = ("COUNTERSIGN_JWT", setting.as_str());
    for (rows, kinds_with_none) in [
        ("GET /pets=none,*=jwt", &["REST", HTTP, "HTTP, payload 1.0"][..]),
        ("ANY /pets=none,*=jwt", &["REST", HTTP, "HTTP, payload 1.0"]),
        ("$connect=none,*=jwt", &["WebSocket"]),
        ("POST /pets=none,*=jwt", &[]),
        ("GET /pets/{id}=none,*=jwt", &[]),
        ("$default=none,*=jwt", &[]),
        ("GET /pets=jwt,*=none", &["WebSocket"]),
        // What no row names must pass all of them.
        ("GET /pets=none,GET /cats=jwt", &["REST", HTTP, "HTTP, payload 1.0"]),
    ] {
        for mode in ["enforce", "monitor"] {
            let subject = Subject::new(&[jwt, ("COUNTERSIGN_THEN", rows), ("COUNTERSIGN_MODE", mode)]);
            for (kind, event, arn) in kinds() {
                let (answer, _) = decide(&subject, &event).await;
                let expected = match kinds_with_none.contains(&kind) {
                    true => Ok(ours(kind, &arn, true, json!({}))),
                    false => unauthorized(kind, &arn),
                };
                assert_eq!(answer, expected, "{rows}, {kind}, {mode}");
            }
        }
    }
}

/// Some frameworks take the path from such a header, and no signature covers it.
#[tokio::test]
async fn a_header_that_may_change_the_path_makes_a_request_pass_what_all_rows_require() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let settings = [("COUNTERSIGN_JWT", issuer.setting()), ("COUNTERSIGN_THEN", "GET /pets=none,*=jwt".to_owned())];
    for mode in ["enforce", "monitor"] {
        let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
        let subject = Subject::new(&[settings[0], settings[1], ("COUNTERSIGN_MODE", mode)]);
        for (kind, event, arn) in kinds().into_iter().filter(|(kind, ..)| *kind != "WebSocket") {
            for name in ["X-Original-URL", "x_rewrite_url"] {
                let changed = with_header(event.clone(), name, "/admin");
                let (answer, log) = decide(&subject, &changed).await;
                assert_eq!(answer, unauthorized(kind, &arn), "{name}, {kind}, {mode}");
                assert_eq!(log, lines(&[("request-refused-by-token", "token-missing")]), "{name}, {kind}, {mode}");
                let with_token = with_header(changed, "authorization", &issuer.bearer(""));
                assert!(decide(&subject, &with_token).await.0.is_ok(), "{name}, {kind}, {mode}");
            }
            assert_eq!(decide(&subject, &event).await.0, Ok(ours(kind, &arn, true, json!({}))), "{kind}, {mode}");
        }
    }
}

/// Behind a greedy route the path decides: what the gateway shows, also of a request without a signature in monitor mode.
#[tokio::test]
async fn a_path_below_a_greedy_route_chooses_the_check() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = issuer.setting();
    let rows = "$default /public/*=none,ANY /{proxy+} /public/*=none,*=jwt";
    let settings = [("COUNTERSIGN_JWT", setting.as_str()), ("COUNTERSIGN_THEN", rows), ("COUNTERSIGN_MODE", "monitor")];
    let subject = Subject::new(&settings);
    let own = support::DOMAIN;
    for (domain, path, is_public) in [
        (own, "/prod/public", true),
        (own, "/prod/public/x/y", true),
        (own, "/prod/publications", false),
        (own, "/prod/pets/public/x", false),
        (own, "/prod/Public/x", false),
        (own, "/prod/public/../pets", false),
        (own, "/prod/public//pets", false),
        (own, "/prod/public/..;/pets", false),
        (own, "/prod/public/%2e%2e/pets", false),
        (own, "/prod/public\\..\\pets", false),
        // Without the stage it is not known what the route sees.
        (own, "/public/x", false),
        // The first segment may be the key of the domain, which is not listed.
        ("api.example.com", "/public/x", false),
        ("api.example.com", "/prod/public/x", false),
    ] {
        for (kind, mut event, arn) in kinds() {
            match kind {
                REST => {
                    event["resource"] = json!("/{proxy+}");
                    event["requestContext"]["path"] = json!(path);
                }
                HTTP => {
                    event["routeKey"] = json!("$default");
                    event["rawPath"] = json!(path);
                }
                _ => continue,
            }
            event["requestContext"]["domainName"] = json!(domain);
            let (answer, log) = decide(&subject, &event).await;
            assert_eq!(log[0].0, "request-would-be-refused", "{kind} {path}");
            let is_allowed = answer == Ok(ours_unverified(kind, &arn));
            assert_eq!(is_allowed, is_public, "{kind} {domain} {path}: {answer:?}");
            if !is_public {
                assert_eq!(answer, unauthorized(kind, &arn), "{kind} {domain} {path}");
            }
            let changed = with_header(event, "X-HTTP-Method-Override", "DELETE");
            assert_eq!(decide(&subject, &changed).await.0, unauthorized(kind, &arn), "{kind} {path}");
        }
    }
}

fn ours_unverified(kind: &str, arn: &str) -> Value {
    let context = json!({ "countersign": "would-refuse" });
    if kind == HTTP { simple(true, context) } else { policy("Allow", arn, context) }
}

/// Where no row holds, all that any row asks for must hold: the token first, and then the next authorizer.
#[tokio::test]
async fn both_checks_must_let_a_request_pass_that_no_row_names() {
    let server = Server::start();
    let issuer = Issuer::at(&server);
    let setting = issuer.setting();
    let settings = [
        ("COUNTERSIGN_JWT", setting.as_str()),
        ("COUNTERSIGN_NEXT_AUTHORIZER", NEXT),
        ("COUNTERSIGN_THEN", "GET /a=jwt(read),GET /b=lambda"),
    ];
    let subject = Subject::with_aws(&settings, &server.aws());
    for (kind, event, arn) in kinds() {
        let context = json!({ "tenant": "acme" });
        server.next_answers(&if kind == HTTP { simple(true, context) } else { policy("Allow", &arn, context) });
        assert_eq!(decide(&subject, &event).await.0, unauthorized(kind, &arn), "{kind}");
        assert_eq!(server.asked("/invocations"), 0, "{kind}: a request without a token is not handed on");
        let good = with_header(event, "authorization", &issuer.bearer("read"));
        let context = subject.ask(&good).await.0["context"].take();
        assert_eq!(
            [&context["countersign"], &context["tenant"], &context["jwt_sub"]],
            ["verified", "acme", "user-7"],
            "{kind}"
        );
        assert_eq!(server.asked("/invocations"), 1, "{kind}");
        server.next_fails("Unauthorized");
        assert_eq!(decide(&subject, &good).await.0, unauthorized(kind, &arn), "{kind}");
        server.asked("/invocations");
    }
}
