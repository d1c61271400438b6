//! Handshakes over real sockets, most of them refused.

use crate::{
    gateway::{
        api_keys::ApiKeys,
        websocket::test_client::{Client, Server, UPGRADE, handshake, websocket},
    },
    net::server::Limits,
    options::{IdentitySources, Options},
    running::Running,
    test_tools::{Authorizer, Hanging, Reply, allow, ask, ask_gateway, iam_policy, log, start_gateway, start_open},
};
use serde_json::{Value, json};
use std::time::Duration;

const FORBIDDEN: (u16, &str, &str) = (403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
const BAD_REQUEST: (u16, &str, &str) = (400, "BadRequestException", r#"{"message":"Bad Request"}"#);
const UPGRADE_REQUIRED: (u16, &str, &str) = (426, "UpgradeRequiredException", r#"{"message":"Upgrade Required"}"#);
const UNAUTHORIZED: (u16, &str, &str) = (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#);

#[track_caller]
fn check(reply: &Reply, (status, error_type, body): (u16, &str, &str)) {
    assert_eq!((reply.status, reply.text()), (status, body));
    assert_eq!(reply.header("x-amzn-errortype"), Some(error_type));
    assert_eq!(reply.header("x-amzn-requestid").map(str::len), Some(16));
    assert_eq!(reply.header("upgrade"), (status == 426).then_some("websocket"));
}

/// Sends a head to the gateway, which must refuse it with this answer and, without any call of the authorizer, for this reason.
async fn refused(head: &str, expected: (u16, &str, &str), reason: &str) {
    let (running, _, seen) = start_open(websocket()).await;
    let log = log();
    let reply = ask_gateway(&running, head).await;
    check(&reply, expected);
    let reasons: Vec<_> = log.take().iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons, [json!(reason)], "{head:?}");
    assert!(seen.take().is_empty(), "{head:?}");
}

#[tokio::test]
async fn what_is_not_a_handshake_is_refused() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for headers in [
        String::new(),
        format!("{version}{key}"),
        format!("Upgrade: websocket\r\n{version}{key}"),
        format!("Connection: Upgrade\r\n{version}{key}"),
        format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{version}{key}"),
        format!("{upgrade}Upgrade: websocket\r\n{version}{key}"),
        format!("{upgrade}Upgrade: h2c\r\n{version}{key}"),
    ] {
        let head = format!("GET /prod HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        refused(&head, UPGRADE_REQUIRED, "not-a-websocket").await;
    }
    for line in ["POST /prod HTTP/1.1", "GET /prod HTTP/1.0", "OPTIONS /prod HTTP/1.1", "TRACE /prod HTTP/1.1"] {
        let head = format!("{line}\r\nHost: a\r\n{UPGRADE}\r\n");
        refused(&head, UPGRADE_REQUIRED, "not-a-websocket").await;
    }
    for headers in [
        version.to_owned(),
        key.to_owned(),
        format!("{version}{version}{key}"),
        format!("Sec-WebSocket-Version: 12\r\n{key}"),
        format!("Sec-WebSocket-Version: 13, 12\r\n{key}"),
        format!("Sec-WebSocket-Version:\r\n{key}"),
        format!("{version}{key}{key}"),
        format!("{version}Sec-WebSocket-Key:\r\n"),
        format!("{version}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"),
        format!("{version}Sec-WebSocket-Key: c2hvcnQ=\r\n"),
        format!("{version}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSB0b28gbG9uZw==\r\n"),
        format!("{version}{key}Content-Length: 2\r\n"),
        format!("{version}{key}Transfer-Encoding: chunked\r\n"),
    ] {
        let head = format!("GET /prod HTTP/1.1\r\nHost: a\r\n{upgrade}{headers}\r\n");
        refused(&head, BAD_REQUEST, "bad-request").await;
    }
    // What could be framed in two ways never comes that far.
    for headers in ["Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 0\r\nContent-Length: 0\r\n"]
    {
        refused(&format!("GET /prod HTTP/1.1\r\nHost: a\r\n{UPGRADE}{headers}\r\n"), BAD_REQUEST, "bad-request").await;
    }
}

#[tokio::test]
async fn through_the_edge_a_broken_handshake_is_refused_too() {
    let (running, _, seen) = start_open(websocket()).await;
    for (headers, status) in [
        ("", 426),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n", 426),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n", 403),
        (&format!("{UPGRADE}Content-Length: 2\r\n"), 403),
        (&format!("Connection: x-amzn\r\n{}", UPGRADE.replace("Connection: Upgrade\r\n", "")), 426),
    ] {
        let reply = ask(running.edge, format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\nhi")).await;
        assert_eq!(reply.status, status, "{headers}");
    }
    assert!(seen.take().is_empty());
}

#[tokio::test]
async fn only_the_stage_or_the_key_under_the_apis_name_is_the_api() {
    for target in ["/prod", "/prod/", "/prod?x=1", "/prod/?x=1"] {
        let (running, _, seen) = start_open(websocket()).await;
        Client::open(running.gateway, handshake(target, running.gateway, "")).await;
        assert_eq!(seen.take().len(), 1);
    }
    for (target, reason) in [
        ("/", "outside-stage"),
        ("/production", "outside-stage"),
        ("/prod/x", "no-such-route"),
        ("/prod//", "no-such-route"),
        ("/prod/%2e", "no-such-route"),
        ("/prod/$default", "no-such-route"),
    ] {
        refused(&handshake(target, "a", ""), FORBIDDEN, reason).await;
    }
    let (running, _, seen) = start_open(websocket()).await;
    let reply = ask(running.gateway, handshake("/prod", "another.example", "")).await;
    check(&reply, FORBIDDEN);
    assert_eq!(ask(running.edge, handshake("/x", "viewer", "")).await.status, 403);

    for (domain, key) in [("api.example.com", ""), ("api.example.com/a/b", "/a/b")] {
        let domain = Some(domain.parse().unwrap());
        let (running, _, on_domain) = start_open(Options { domain, ..websocket() }).await;
        for target in [format!("{key}/"), format!("{key}/?x")] {
            Client::open(running.gateway, handshake(&target, "api.example.com", "")).await;
            let event = on_domain.one();
            assert_eq!(event["requestContext"]["domainName"], "api.example.com");
            assert_eq!(event["requestContext"]["stage"], "prod");
        }
        Client::open(running.edge, handshake("/", "viewer", "")).await;
        for target in [format!("{key}/prod"), "/prod".to_owned(), format!("{key}/x")] {
            assert_eq!(ask(running.gateway, handshake(&target, "api.example.com", "")).await.status, 403);
        }
        assert_eq!(ask(running.gateway, handshake(&format!("{key}/"), running.gateway, "")).await.status, 403);
        assert_eq!(on_domain.take().len(), 1);
    }
    assert!(seen.take().is_empty());
}

#[tokio::test]
async fn an_url_over_its_quota_is_refused() {
    let longest = format!("/prod?{}", "x".repeat(4_096 - "/prod?".len()));
    let (running, _, seen) = start_open(websocket()).await;
    Client::open(running.gateway, handshake(&longest, running.gateway, "")).await;
    assert_eq!(seen.take().len(), 1);
    let too_long = (414, "RequestUriTooLongException", r#"{"message":"Request-URI Too Long"}"#);
    refused(&handshake(&format!("{longest}x"), "a", ""), too_long, "url-too-long").await;
}

#[tokio::test]
async fn an_unsigned_handshake_is_401_without_any_call() {
    let options = Options { identity_sources: IdentitySources::Signature, ..websocket() };
    let (running, _, seen) = start_open(options).await;
    for headers in ["", "Countersign-Signature:\r\n", "countersign-signature: a\r\n", "Signature: a\r\n"] {
        let log = log();
        let reply = ask(running.gateway, handshake("/prod", running.gateway, headers)).await;
        check(&reply, UNAUTHORIZED);
        assert_eq!(log.take()[0]["reason"], "identity-source-missing");
    }
    assert!(seen.take().is_empty());
    Client::open(running.gateway, handshake("/prod", running.gateway, "Countersign-Signature: a\r\n")).await;
    // Through the edge the name has the case that the gateway needs.
    Client::open(running.edge, handshake("/", "viewer", "countersign-signature: a\r\n")).await;
    assert_eq!(seen.take().len(), 2);
}

#[tokio::test]
async fn answers_of_the_authorizer() {
    const DENIED: &str = r#"{"Message":"User is not authorized to access this resource with an explicit deny in an identity-based policy"}"#;
    let arn = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/$connect";
    let denied = (403, "AccessDeniedException", DENIED);
    let not_covered = (403, "AccessDeniedException", r#"{"Message":"User is not authorized to access this resource"}"#);
    let broken = (500, "AuthorizerConfigurationException", r#"{"message":null}"#);
    for (answer, expected) in [
        (Ok(iam_policy("Allow", arn)), None),
        (Ok(iam_policy("Deny", arn)), Some(denied)),
        (Ok(iam_policy("Allow", &format!("{arn}/x"))), Some(not_covered)),
        (Ok(json!({ "isAuthorized": true })), Some(broken)),
        (Ok(Value::Null), Some(broken)),
        (Err("out of order".to_owned()), Some(broken)),
        (Err("Unauthorized".to_owned()), Some(UNAUTHORIZED)),
    ] {
        let answer: Result<Value, String> = answer;
        let running = start_gateway(websocket(), Authorizer(move |_| answer.clone()), Limits::default()).await;
        let head = handshake("/prod", running.gateway, "");
        match expected {
            None => drop(Client::open(running.gateway, head).await),
            Some(expected) => check(&ask(running.gateway, head).await, expected),
        }
    }
    let short = Limits { function: Duration::from_millis(50), ..Limits::default() };
    let running = start_gateway(websocket(), Hanging, short).await;
    check(&ask(running.gateway, handshake("/prod", running.gateway, "")).await, broken);
}

/// A captured handshake opens only what its authorizer admits: another query or another header is another event.
#[tokio::test]
async fn a_handshake_with_another_query_is_another_event() {
    let authorizer = Authorizer(|event: Value| {
        let same = event["multiValueQueryStringParameters"] == json!({ "room": ["1"] });
        Ok(iam_policy(if same { "Allow" } else { "Deny" }, "*"))
    });
    let running = start_gateway(websocket(), authorizer, Limits::default()).await;
    Client::open(running.gateway, handshake("/prod?room=1", running.gateway, "")).await;
    for target in ["/prod", "/prod?room=2", "/prod?room=1&room=2", "/prod?room=1;a", "/prod?Room=1"] {
        assert_eq!(ask(running.gateway, handshake(target, running.gateway, "")).await.status, 403, "{target}");
    }
}

#[tokio::test]
async fn an_api_key_is_asked_for_after_the_authorizer() {
    let keys = ApiKeys::new(vec!["first".to_owned()]);
    let (running, _, seen) = start_open(Options { api_keys: Some(keys), ..websocket() }).await;
    for headers in ["", "x-api-key: other\r\n", "x-api-key: first\r\nx-api-key: first\r\n"] {
        let log = log();
        check(&ask(running.gateway, handshake("/prod", running.gateway, headers)).await, FORBIDDEN);
        assert_eq!(log.take()[0]["reason"], "api-key");
    }
    Client::open(running.gateway, handshake("/prod", running.gateway, "x-api-key: first\r\n")).await;
    Client::open(running.edge, handshake("/", "viewer", "")).await; // CloudFront sends it
    assert_eq!(seen.take().len(), 5);
}

async fn with_answer(answer: &'static str) -> (Running, Server) {
    let server = Server::start().await;
    server.answer(answer);
    let options = Options { backend: server.backend.clone(), ..websocket() };
    let limits = Limits { backend: Duration::from_millis(200), ..Limits::default() };
    (start_gateway(options, Authorizer(|event: Value| allow(&event)), limits).await, server)
}

#[tokio::test]
async fn a_backend_that_refuses_connect_refuses_the_connection() {
    for (answer, status) in [
        ("HTTP/1.1 403 Forbidden\r\n", 403),
        ("HTTP/1.1 418 Teapot\r\nX-Inner: 1\r\n", 418),
        ("HTTP/1.1 500 Internal Server Error\r\n", 500),
        ("HTTP/1.1 302 Found\r\nLocation: /\r\n", 403),
    ] {
        let (running, mut server) = with_answer(answer).await;
        let reply = ask(running.gateway, handshake("/prod", running.gateway, "")).await;
        assert_eq!((reply.status, reply.text(), reply.header("x-inner")), (status, "", None));
        assert_eq!(server.call().await.0, "/base/connect");
        // A handshake that was refused does not cause `$disconnect`.
        Client::open(running.gateway, handshake("/prod", running.gateway, "")).await;
        assert_eq!(server.call().await.0, "/base/connect");
    }
    let internal = r#"{"message": "Internal server error"}"#;
    for (answer, status) in [("nonsense\r\n", 502), ("", 504)] {
        let (running, _server) = with_answer(answer).await;
        let reply = ask(running.gateway, handshake("/prod", running.gateway, "")).await;
        check(&reply, (status, "InternalServerErrorException", internal));
    }
    let (running, server) = with_answer("HTTP/1.1 200 OK\r\n").await;
    server.stop().await;
    let reply = ask(running.gateway, handshake("/prod", running.gateway, "")).await;
    check(&reply, (502, "InternalServerErrorException", internal));
}

#[tokio::test]
async fn connect_chooses_a_subprotocol_that_was_offered() {
    for (offered, chosen, is_sent) in [
        (
            "Sec-WebSocket-Protocol: chat, superchat\r\n",
            "HTTP/1.1 200 OK\r\nSec-WebSocket-Protocol: superchat\r\n",
            true,
        ),
        ("Sec-WebSocket-Protocol: chat\r\n", "HTTP/1.1 200 OK\r\nSec-WebSocket-Protocol: superchat\r\n", false),
        ("", "HTTP/1.1 200 OK\r\nSec-WebSocket-Protocol: superchat\r\n", false),
        ("Sec-WebSocket-Protocol: superchat\r\n", "HTTP/1.1 200 OK\r\n", false),
    ] {
        let (running, _server) = with_answer(chosen).await;
        let client = Client::open(running.gateway, handshake("/prod", running.gateway, offered)).await;
        assert_eq!(client.head.contains("sec-websocket-protocol: superchat\r\n"), is_sent, "{}", client.head);
    }
}

#[tokio::test]
async fn a_head_over_its_quota_is_refused() {
    let (running, ..) = start_open(websocket()).await;
    let headers = format!("X-A: {}\r\n", "x".repeat(10_240));
    let reply = ask(running.gateway, handshake("/prod", running.gateway, &headers)).await;
    assert_eq!(reply.status, 431);
    let body = r#"{"message":"Request Header Fields Too Large"}"#;
    assert_eq!(reply.text(), body);
}
