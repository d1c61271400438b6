//! The edge hop over real sockets, with the real gateway and its echo behind it.

use crate::{
    net::server::Limits,
    options::{ApiKind, Options},
    running::Running,
    test_tools::{Edge, ask, chunked, forward, log, options, start_open, start_with},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use edge_signer::{Action, Decision, Edits, LogEvent, OriginRequest, Response, SigningError};
use key_store::ReadError;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const BODY_SEEN: usize = 1_048_576;

async fn answering(decision: impl Fn() -> Decision + Send + Sync + 'static) -> Running {
    let custom_headers = vec![("X-Api-Key".to_owned(), "ours".to_owned())];
    start_with(
        Options { custom_headers, ..options() },
        Edge(move |_: &OriginRequest<'_>| decision()),
        Limits::default(),
    )
    .await
}

#[tokio::test]
async fn what_the_function_sees_and_what_the_origin_gets() {
    let custom_headers = vec![("Countersign-Mode".to_owned(), "monitor".to_owned())];
    let (running, seen, _) = start_open(Options { custom_headers, ..options() }).await;
    let request = "GET /echo/a%2fb//c%7a;d?x=1;y=%7a&x=2&flag HTTP/1.1\r\nhOST: viewer.example\r\nX-MiXed: 1\r\nx-mixed: 2\r\n\
        Connection: x-hop, close\r\nX-Hop: dropped\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: dropped\r\n\
        X-Edge-Anything: dropped\r\nX-Forwarded-Proto: http\r\nx-forwarded-for: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\
        Via: 1.0 viewer\r\nCountersign-Mode: the viewer's\r\nX-Latin: caf\u{e9}\r\n\r\n";
    let request: Vec<u8> = request.chars().map(|character| u8::try_from(character).unwrap()).collect();
    let reply = ask(running.edge, &request).await;

    let event = seen.one();
    let via = event["headers"].as_array().unwrap().last().unwrap()[1].as_str().unwrap();
    let via_host = via.strip_prefix("1.1 ").and_then(|via| via.strip_suffix(".cloudfront.net (CloudFront)")).unwrap();
    assert!(via_host.len() == 32 && via_host.bytes().all(|byte| byte.is_ascii_hexdigit()), "{via}");
    let request_id = event["request_id"].as_str().unwrap();
    let expected = json!({
        "request_id": request_id,
        "method": "GET",
        "uri": "/echo/a%2fb//c%7a;d",
        "querystring": "x=1;y=%7a&x=2&flag",
        "client_ip": "127.0.0.1",
        "headers": [
            ["x-mixed", "1"],
            ["x-mixed", "2"],
            ["via", "1.0 viewer"],
            ["countersign-mode", "the viewer's"],
            ["x-latin", "caf\u{e9}"],
            ["host", running.gateway.to_string()],
            ["x-forwarded-for", "192.0.2.1, 192.0.2.2, 127.0.0.1"],
            ["via", via],
        ],
        "protocol": "https",
        "path": "/prod",
        "custom_headers": [["countersign-mode", "monitor"]],
        "body": null,
    });
    assert_eq!(event, expected);

    assert_eq!(reply.status, 200);
    let echo = reply.json();
    assert_eq!(echo["target"], "/echo/a%2fb//c%7a;d?x=1;y=%7a&x=2&flag");
    let mut headers: Vec<(String, String)> = serde_json::from_value(echo["headers"].clone()).unwrap();
    let made = |name: &str| {
        let found: Vec<_> = headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].to_owned()
    };
    assert_eq!((made("X-Amz-Cf-Id").as_str(), request_id.len()), (request_id, 56));
    assert!(made("X-Amzn-Trace-Id").starts_with("Root=1-"));
    headers.retain(|(name, _)| name != "X-Amz-Cf-Id" && name != "X-Amzn-Trace-Id");
    let address = running.gateway.to_string();
    let expected = [
        ("X-Mixed", "1"),
        ("X-Mixed", "2"),
        ("Via", "1.0 viewer"),
        ("Via", via),
        ("X-Latin", "caf\u{e9}"),
        ("Host", &address),
        ("Countersign-Mode", "monitor"),
        ("X-Forwarded-For", "192.0.2.1, 192.0.2.2, 127.0.0.1, 127.0.0.1"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    running.stop().await;
}

#[tokio::test]
async fn targets_are_forwarded_byte_for_byte() {
    // A REST API answers a bare `%` by itself.
    let (running, seen, _) = start_open(Options { api: ApiKind::Http, ..options() }).await;
    for (target, uri, query, arrives) in [
        ("/echo", "/echo", "", "/echo"),
        ("/echo/%zz?%zz", "/echo/%zz", "%zz", "/echo/%zz?%zz"),
        ("/echo/a?b?c", "/echo/a", "b?c", "/echo/a?b?c"),
        ("/echo//x/../y/./z", "/echo//x/../y/./z", "", "/echo//x/../y/./z"),
        ("/echo/{a}|\\^[b]\"?'`", "/echo/{a}|\\^[b]\"", "'`", "/echo/{a}|\\^[b]\"?'`"),
        // An event cannot say that there was a bare question mark.
        ("/echo?", "/echo", "", "/echo"),
        // Bytes above 0x7F are characters of ISO-8859-1 in an event.
        ("/echo/\u{e9}", "/echo/\u{c3}\u{a9}", "", "/echo/\u{e9}"),
    ] {
        let reply = ask(running.edge, format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert_eq!(reply.json()["target"], arrives);
        let event = seen.one();
        assert_eq!((&event["uri"], &event["querystring"]), (&json!(uri), &json!(query)), "{target}");
    }
    // The slashes are counted by the backend, not by the gateway's routing.
    let reply = ask(running.edge, "GET //pets HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((reply.status, &seen.one()["uri"]), (404, &json!("//pets")));
}

#[tokio::test]
async fn bodies_are_shown_up_to_a_limit_and_forwarded_whole() {
    let (running, seen, _) = start_open(options()).await;
    let big: Vec<u8> = (0..2 * BODY_SEEN).map(|index| u8::try_from(index % 251).unwrap()).collect();
    for (length, truncated) in
        [(0, false), (3, false), (BODY_SEEN - 1, false), (BODY_SEEN, false), (BODY_SEEN + 1, true), (big.len(), true)]
    {
        let body = &big[..length];
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\n";
        let with_length = [format!("{head}Content-Length: {length}\r\n\r\n").as_bytes(), body].concat();
        let in_chunks =
            [format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), chunked(body).as_slice()].concat();
        for (request, framing) in [
            (with_length, json!(["Content-Length", length.to_string()])),
            (in_chunks, json!(["Transfer-Encoding", "chunked"])),
        ] {
            let echo = ask(running.edge, request).await.json();
            assert_eq!(echo["body_length"], length);
            assert_eq!(echo["body_sha256"], hex::encode(Sha256::digest(body)));
            assert!(echo["headers"].as_array().unwrap().contains(&framing), "{framing} of {length} bytes");
            let shown = STANDARD.encode(&body[..length.min(BODY_SEEN)]);
            assert!(seen.one()["body"] == json!(["base64", shown, truncated]), "{framing} of {length} bytes");
        }
    }
    for method in ["POST", "DELETE", "OPTIONS", "PUT", "PATCH"] {
        let echo = ask(running.edge, format!("{method} /echo HTTP/1.1\r\nHost: a\r\n\r\n")).await.json();
        assert_eq!((&echo["method"], &echo["body_length"]), (&json!(method), &json!(0)));
        assert_eq!(seen.one()["body"], json!(["base64", "", false]));
    }
    for request in
        ["GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"]
    {
        assert_eq!(ask(running.edge, request).await.status, 200);
        assert_eq!(seen.one()["body"], Value::Null);
    }
    let head = ask(running.edge, "HEAD /pets/1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_slice()), (200, &b""[..]));
    assert_eq!(
        head.header("content-length"),
        Some(r#"{"id":1,"price":249.99,"type":"dog"}"#.len().to_string().as_str())
    );
}

#[tokio::test]
async fn edits_are_applied() {
    let running = answering(|| {
        forward(Edits {
            remove: vec!["x-gone".to_owned(), "x-changed".to_owned()],
            set: vec![("Signature-Input".into(), "countersign=()".to_owned()), ("X-Changed".into(), "new".to_owned())],
            remove_custom: vec![],
        })
    })
    .await;
    let request = "GET /echo HTTP/1.1\r\nHost: a\r\nx-gone: 1\r\nX-Gone: 2\r\nx-changed: old\r\nsignature-input: forged\r\nx-api-key: theirs\r\n\r\n";
    let echo = ask(running.edge, request).await.json();
    let headers: Vec<(String, String)> = serde_json::from_value(echo["headers"].clone()).unwrap();
    let of = |name: &str| -> Vec<(&str, &str)> {
        let found = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    };
    assert_eq!(of("x-gone"), []);
    assert_eq!(of("x-changed"), [("X-Changed", "new")]);
    assert_eq!(of("signature-input"), [("Signature-Input", "countersign=()")]);
    assert_eq!(of("x-api-key"), [("X-Api-Key", "ours")]);

    let running =
        answering(|| forward(Edits { remove_custom: vec!["x-api-key".to_owned()], ..Edits::default() })).await;
    let echo = ask(running.edge, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.json();
    assert!(!echo["headers"].to_string().to_lowercase().contains("x-api-key"));
}

#[tokio::test]
async fn forbidden_edits_are_502_and_nothing_is_sent_on() {
    for (name, text) in [
        (
            "X-Amz-Cf-Id",
            "the function added, changed or removed a header that CloudFront keeps for itself: x-amz-cf-id\n",
        ),
        (
            "X-Forwarded-Proto",
            "the function added, changed or removed a header that CloudFront keeps for itself: x-forwarded-proto\n",
        ),
        ("Content-Length", "the function added, changed or removed the read-only header content-length\n"),
        ("X-Api-Key", "both the function and the origin's custom headers set the header X-Api-Key\n"),
    ] {
        let running =
            answering(move || forward(Edits { set: vec![(name.into(), "secret".to_owned())], ..Edits::default() }))
                .await;
        let log = log();
        let reply = ask(running.edge, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").await;
        assert_eq!((reply.status, reply.text()), (502, text));
        let expected = json!({
            "level": "INFO",
            "event": "request-answered-by-cloudfront",
            "reason": "function-result",
            "detail": text.trim_end(),
            "status": 502,
            "method": "POST",
        });
        assert_eq!(log.take(), [expected]);
    }
}

#[tokio::test]
async fn the_function_may_answer_by_itself() {
    let log = log();
    let answer = || Decision {
        action: Action::Respond(Response {
            status: 503,
            headers: vec![("Retry-After".into(), "5".to_owned()), ("Content-Type".into(), "text/plain".to_owned())],
            body: "no key".to_owned(),
        }),
        log: vec![
            LogEvent::RefreshFailed { error: ReadError("down".to_owned()), key_set_age: None },
            LogEvent::Answered(SigningError::NoKey),
        ],
    };
    let running = answering(answer).await;
    let reply = ask(
        running.edge,
        "PUT /secret?token=secret HTTP/1.1\r\nHost: secret\r\nX-Secret: secret\r\nContent-Length: 6\r\n\r\nsecret",
    )
    .await;
    assert_eq!((reply.status, reply.text(), reply.header("retry-after")), (503, "no key", Some("5")));
    let mut lines = log.take();
    let ids: Vec<_> = lines.iter_mut().map(|line| line.as_object_mut().unwrap().remove("x_amz_cf_id")).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    let expected = [
        json!({ "level": "WARN", "event": "refresh-failed", "reason": "keys", "detail": "down" }),
        json!({
            "level": "WARN",
            "event": "request-answered-at-edge",
            "reason": "no-key",
            "detail": SigningError::NoKey.to_string(),
            "status": 503,
        }),
    ];
    assert_eq!(lines, expected);

    for (status, headers) in
        [(99, vec![]), (200, vec![("Via".into(), "x".to_owned())]), (200, vec![("X-Edge-A".into(), "x".to_owned())])]
    {
        let (status, headers) = (status, Arc::new(headers));
        let running = answering(move || Decision {
            action: Action::Respond(Response { status, headers: headers.to_vec(), body: String::new() }),
            log: vec![],
        })
        .await;
        assert_eq!(ask(running.edge, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 502);
    }
}

#[tokio::test]
async fn the_function_s_events_of_a_forwarded_request_are_logged() {
    let log = log();
    let decision = || Decision {
        action: Action::Forward(Edits::default()),
        log: vec![LogEvent::BodyTruncated, LogEvent::ViewerDigestRemoved],
    };
    let running = answering(decision).await;
    assert_eq!(ask(running.edge, "GET /pets HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
    let events: Vec<_> = log.take().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["body-truncated", "viewer-digest-removed"]);
}
