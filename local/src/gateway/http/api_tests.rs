//! An HTTP API over real sockets, with requests through the edge and requests that bypass it.

use crate::{
    backend::upstream::Backend,
    net::server::Limits,
    options::{ApiKind, IdentitySources, Options},
    test_tools::{
        Authorizer, Hanging, Reply, ask, ask_gateway, chunked, iam_policy, log, options, start_gateway, start_open,
    },
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

const BODY_LIMIT: usize = 10_485_760;

const FORBIDDEN: (u16, &str) = (403, r#"{"message":"Forbidden"}"#);
const INTERNAL: (u16, &str) = (500, r#"{"message":"Internal Server Error"}"#);
const NOT_FOUND: (u16, &str) = (404, r#"{"message":"Not Found"}"#);
const TOO_LARGE: (u16, &str) = (413, r#"{"message":"Request Entity Too Large"}"#);
const UNAUTHORIZED: (u16, &str) = (401, r#"{"message":"Unauthorized"}"#);
const UNAVAILABLE: (u16, &str) = (503, r#"{"message":"Service Unavailable"}"#);

fn http() -> Options {
    Options { api: ApiKind::Http, ..options() }
}

#[track_caller]
fn check(reply: &Reply, expected: (u16, &str)) {
    assert_eq!((reply.status, reply.text()), expected);
    assert_eq!(reply.header("x-amzn-errortype"), None);
    assert_eq!(reply.header("x-amzn-requestid"), None);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("apigw-requestid").map(str::len), Some(16));
}

#[tokio::test]
async fn the_event_and_the_backends_request() {
    let (running, _, seen) = start_open(http()).await;
    let before = SystemTime::now();
    for (target, raw_path, raw_query, arrives) in [
        ("/prod/echo", "/prod/echo", "", "/echo"),
        ("/prod/echo?", "/prod/echo", "", "/echo?"),
        ("/prod/echo/a%2Fb//%25", "/prod/echo/a/b//%", "", "/echo/a%2Fb//%25"),
        (
            "/prod/echo/%zz;%3Fa/%2e/../?a=1;b=2&x=%zz?",
            "/prod/echo/%zz;",
            "a=1;b=2&x=%zz?",
            "/echo/%zz;%3Fa/%2e/../?a=1;b=2&x=%zz?",
        ),
    ] {
        let request = format!(
            "PUT {target} HTTP/1.1\r\nHost: a\r\nUSER-agent: test\r\nX-MiXed: 1\r\nx-mixed: 2\r\n\
             Cookie: a=b; c\r\nx-forwarded-for: 192.0.2.1\r\nContent-Length: 2\r\n\r\nhi"
        );
        let reply = ask_gateway(&running, request).await;
        let event = seen.one();
        assert_eq!((&event["version"], &event["type"]), (&json!("2.0"), &json!("REQUEST")));
        assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!(raw_path), &json!(raw_query)));
        assert_eq!(event["cookies"], json!(["a=b", "c"]));
        let expected = json!({
            "host": running.gateway.to_string(),
            "user-agent": "test",
            "x-mixed": "1,2",
            "content-length": "2",
            "x-amzn-trace-id": event["headers"]["x-amzn-trace-id"],
            "x-forwarded-for": "192.0.2.1, 127.0.0.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        });
        assert_eq!(event["headers"], expected);
        let context = &event["requestContext"];
        assert_eq!(context["domainName"], running.gateway.to_string());
        assert_eq!((&context["apiId"], &context["stage"]), (&json!("local12345"), &json!("prod")));
        assert_eq!(context["requestId"].as_str(), reply.header("apigw-requestid"));
        let http = json!({
            "method": "PUT",
            "path": raw_path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "test",
        });
        assert_eq!(context["http"], http);
        let epoch = SystemTime::UNIX_EPOCH + Duration::from_millis(context["timeEpoch"].as_u64().unwrap() + 1);
        assert!(epoch > before && epoch < SystemTime::now() + Duration::from_millis(1));

        let echo = reply.json();
        assert_eq!((&echo["target"], &echo["method"]), (&json!(arrives), &json!("PUT")));
        assert_eq!((&echo["body"], &echo["body_length"]), (&json!("aGk="), &json!(2)));
        assert_eq!(echo["headers"][2], json!(["X-MiXed", "1"]));
        assert_eq!(echo["headers"][4], json!(["Cookie", "a=b; c"]));
    }
}

#[tokio::test]
async fn through_the_edge() {
    let (running, _, seen) = start_open(http()).await;
    let reply = ask(running.edge, "GET /echo/a%2Fb%20c?a=1;b=2&x=%zz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(reply.json()["target"], "/echo/a%2Fb%20c?a=1;b=2&x=%zz");
    let event = seen.one();
    assert_eq!(event["rawPath"], "/prod/echo/a/b c");
    assert_eq!(event["rawQueryString"], "a=1;b=2&x=%zz");
    assert_eq!(event["headers"]["host"], running.gateway.to_string());
}

#[tokio::test]
async fn answers_of_the_authorizer() {
    let get = "GET /prod/echo HTTP/1.1\r\nHost: a\r\n\r\n";
    let arn = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/GET/echo";
    for (answer, expected, logged) in [
        (Ok(json!({ "isAuthorized": false })), FORBIDDEN, 0),
        (Ok(json!({ "isAuthorized": false, "context": { "a": [] } })), FORBIDDEN, 0),
        (Ok(json!({ "isAuthorized": true, "context": 1 })), INTERNAL, 1),
        (Ok(json!({ "isAuthorized": "true" })), INTERNAL, 1),
        (Ok(json!({})), INTERNAL, 1),
        (Ok(Value::Null), INTERNAL, 1),
        (Ok(iam_policy("Allow", arn)), INTERNAL, 1),
        (Ok(iam_policy("Deny", arn)), INTERNAL, 1),
        (Err("out of order".to_owned()), INTERNAL, 0),
        (Err("Unauthorized".to_owned()), INTERNAL, 0),
    ] {
        let log = log();
        let answer: Result<Value, String> = answer;
        let running = start_gateway(http(), Authorizer(move |_| answer.clone()), Limits::default()).await;
        check(&ask_gateway(&running, get).await, expected);
        assert_eq!(log.take().len(), logged);
    }
    for answer in
        [json!({ "isAuthorized": true }), json!({ "isAuthorized": true, "context": { "a": ["x"], "b": { "c": 1 } } })]
    {
        let running = start_gateway(http(), Authorizer(move |_| Ok(answer.clone())), Limits::default()).await;
        let reply = ask_gateway(&running, get).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("apigw-requestid").map(str::len), Some(16));
    }

    let short = Limits { function: Duration::from_millis(50), ..Limits::default() };
    let running = start_gateway(http(), Hanging, short).await;
    let log = log();
    check(&ask_gateway(&running, get).await, INTERNAL);
    assert_eq!(log.take()[0]["detail"], "the authorizer did not answer in time");
}

#[tokio::test]
async fn identity_sources_are_matched_in_any_case() {
    let (running, _, seen) = start_open(Options { identity_sources: IdentitySources::Signature, ..http() }).await;
    for (headers, identities) in [
        ("Countersign-Signature: a\r\n", Some(["a"])),
        ("COUNTERSIGN-signature: a\r\n", Some(["a"])),
        ("countersign-signature: b\r\nCountersign-Signature: c\r\n", Some(["b,c"])),
        ("", None),
        ("Signature-Input: a\r\nSignature: b\r\n", None),
        ("countersign-signature-input: a\r\n", None),
        ("countersign_signature: a\r\n", None),
        ("countersign-signature:\r\n", None),
        ("countersign-signature: \r\n", None),
    ] {
        let log = log();
        let request = format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        let reply = ask_gateway(&running, request).await;
        if let Some(identities) = identities {
            assert_eq!((reply.status, &seen.one()["identitySource"]), (200, &json!(identities)));
            assert_eq!(log.take(), Vec::<Value>::new());
        } else {
            check(&reply, UNAUTHORIZED);
            assert!(seen.take().is_empty(), "{headers:?}");
            let reason = "an identity source is missing or empty";
            let line = json!({
                "level": "INFO",
                "event": "request-refused-by-gateway",
                "status": 401,
                "reason": "identity-source-missing",
                "detail": reason,
                "method": "GET",
            });
            assert_eq!(log.take(), [line]);
        }
    }
}

#[tokio::test]
async fn what_the_gateway_refuses_before_the_authorizer() {
    let (running, _, seen) = start_open(http()).await;
    // Request line, header names and header values of that many bytes.
    let host = running.gateway.to_string().len();
    let of_size = |bytes: usize| {
        let counted = "GET /prod/echo HTTP/1.1".len() + "Host".len() + host + "X-Long".len();
        format!("GET /prod/echo HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes - counted))
    };
    let bad = (400, r#"{"message":"Bad Request"}"#);
    let headers = (431, r#"{"message":"Request Header Fields Too Large"}"#);
    let over = BODY_LIMIT + 1;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), FORBIDDEN),
        ("GET /pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), FORBIDDEN),
        ("GET /production HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), FORBIDDEN),
        ("GET //prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), FORBIDDEN),
        ("GET /%70rod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), FORBIDDEN),
        ("GET /prod HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NOT_FOUND),
        ("GET /prod/cats HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NOT_FOUND),
        ("GET /prod/pets/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NOT_FOUND),
        ("TRACE /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NOT_FOUND),
        ("get /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), NOT_FOUND),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), bad),
        ("GET /prod HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), bad),
        (format!("POST /prod HTTP/1.1\r\nHost: a\r\nContent-Length: {over}\r\n\r\n"), TOO_LARGE),
        (of_size(10_241), headers),
    ] {
        let log = log();
        check(&ask_gateway(&running, &request).await, expected);
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{request}: {lines:?}");
        assert_eq!(
            (&lines[0]["event"], &lines[0]["status"]),
            (&json!("request-refused-by-gateway"), &json!(expected.0))
        );
    }
    assert!(seen.take().is_empty());
    // An HTTP API accepts a route ARN of over 1,600 bytes.
    let long = format!("GET /prod/echo/{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(2_000));
    for request in [of_size(10_240), long] {
        assert_eq!(ask_gateway(&running, request).await.status, 200);
    }
    assert_eq!(seen.take().len(), 2);

    let head = "POST /prod/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let request = [head.as_bytes(), &chunked(&vec![b'x'; over])].concat();
    check(&ask_gateway(&running, request).await, TOO_LARGE);
}

#[tokio::test]
async fn the_method_override_does_nothing() {
    let (running, _, seen) = start_open(http()).await;
    let request = "GET /prod/echo HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: DELETE\r\n\r\n";
    let reply = ask_gateway(&running, request).await;
    let event = seen.one();
    assert_eq!(event["requestContext"]["http"]["method"], "GET");
    assert_eq!(event["headers"]["x-http-method-override"], "DELETE");
    assert_eq!(reply.json()["method"], "GET");
}

#[tokio::test]
async fn a_backend_that_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let short = Limits { backend: Duration::from_millis(100), ..Limits::default() };
    let options = Options { backend: Backend::Url(url), ..http() };
    let allow = Authorizer(|_| Ok(json!({ "isAuthorized": true })));
    let running = start_gateway(options, allow, short).await;
    let get = "GET /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n";
    check(&ask_gateway(&running, get).await, UNAVAILABLE);
    drop(listener);
    check(&ask_gateway(&running, get).await, UNAVAILABLE);
}
