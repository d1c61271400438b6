//! `@connections` over real sockets.

use crate::{
    gateway::websocket::test_client::{Client, handshake, websocket},
    options::Options,
    running::Running,
    test_tools::{Reply, Seen, ask, log, start_open},
};
use serde_json::json;
use std::net::SocketAddr;

const MESSAGE: usize = 128 * 1024;

async fn call(address: SocketAddr, method: &str, path: &str, host: impl ToString, body: &str) -> Reply {
    let length = body.len();
    let host = host.to_string();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
    ask(address, head).await
}

/// An open connection, and the path of its id.
async fn open(options: Options, target: &str) -> (Running, Client, String) {
    let host = options.domain.as_ref().map(|domain| domain.host().to_owned());
    let (running, _, seen): (_, Seen, Seen) = start_open(options).await;
    let host = host.unwrap_or_else(|| running.gateway.to_string());
    let client = Client::open(running.gateway, handshake(target, host, "User-Agent: test\r\n")).await;
    let id = seen.one()["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    let id: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    (running, client, format!("/prod/@connections/{id}"))
}

#[tokio::test]
async fn a_backend_sends_looks_and_closes() {
    let (running, mut client, path) = open(websocket(), "/prod").await;
    let gateway = running.gateway;
    for body in ["hello", "", &"x".repeat(MESSAGE)] {
        let reply = call(gateway, "POST", &path, gateway, body).await;
        assert_eq!((reply.status, reply.text()), (200, ""));
        assert_eq!(client.text().await, body);
    }
    let reply = call(gateway, "GET", &path, gateway, "").await;
    let about = reply.json();
    assert_eq!((reply.status, &about["identity"]), (200, &json!({ "sourceIp": "127.0.0.1", "userAgent": "test" })));
    let times = ["connectedAt", "lastActiveAt"].map(|name| about[name].as_str().unwrap().to_owned());
    assert!(times[0] <= times[1] && times[0].ends_with('Z'), "{times:?}");

    let reply = call(gateway, "DELETE", &path, gateway, "").await;
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_eq!(client.closed().await, (1000, String::new()));
    for method in ["POST", "GET", "DELETE"] {
        let reply = call(gateway, method, &path, gateway, "").await;
        assert_eq!((reply.status, reply.header("x-amzn-errortype")), (410, Some("GoneException")));
    }
    assert_eq!(running.counts().gateway.total, 1, "only the handshake");
}

#[tokio::test]
async fn calls_that_are_not_answered() {
    let (running, mut client, path) = open(websocket(), "/prod").await;
    let gateway = running.gateway;
    let missing = Some("MissingAuthenticationTokenException");
    for method in ["PUT", "PATCH", "post"] {
        let reply = call(gateway, method, &path, gateway, "").await;
        assert_eq!((reply.status, reply.header("x-amzn-errortype")), (403, missing));
    }
    for id in ["x", "%00", "%ff", "a%2Fb", "%zz"] {
        let unknown = format!("/prod/@connections/{id}");
        assert_eq!(call(gateway, "POST", &unknown, gateway, "hi").await.status, 410, "{id}");
    }
    let too_large = "x".repeat(MESSAGE + 1);
    let reply = call(gateway, "POST", &path, gateway, &too_large).await;
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (413, Some("PayloadTooLargeException")));
    let in_chunks = [
        format!("POST {path} HTTP/1.1\r\nHost: {gateway}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes(),
        crate::test_tools::chunked(too_large.as_bytes()),
    ];
    assert_eq!(ask(gateway, in_chunks.concat()).await.status, 413);
    // Not one of these calls: a handshake that is not one.
    for path in ["/prod/@connections", "/prod/@connections/", "/prod/@connections/a/b", "/other/@connections/a"] {
        assert!(matches!(call(gateway, "POST", path, gateway, "").await.status, 403), "{path}");
    }
    assert_eq!(call(gateway, "POST", &path, "another.example", "hi").await.status, 403);
    client.send("still open").await;
    assert_eq!(client.text().await, "still open");
}

/// AWS asks for SigV4. Here nothing is signed, so that a viewer must never reach it.
#[tokio::test]
async fn a_viewer_cannot_call_it_through_the_edge() {
    let (running, mut client, path) = open(websocket(), "/prod").await;
    let path = path.strip_prefix("/prod").unwrap();
    for (method, body) in [("POST", "forged"), ("GET", ""), ("DELETE", "")] {
        let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        for headers in ["", "Connection: x-amz-cf-id\r\n", "Connection: Upgrade, x-amz-cf-id\r\nUpgrade: websocket\r\n"]
        {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}{length}\r\n{body}");
            let log = log();
            let reply = ask(running.edge, request).await;
            assert_eq!(log.take()[0]["reason"], "call-from-viewer");
            let missing = r#"{"message":"Missing Authentication Token"}"#;
            assert_eq!((reply.status, reply.text()), (403, missing), "{method} {headers}");
        }
    }
    client.send("still open").await;
    assert_eq!(client.text().await, "still open");
}

/// At the gateway's own address, as at the `execute-api` name of a real API, and below the key of the domain.
#[tokio::test]
async fn an_api_with_a_custom_domain_has_it_too() {
    let domain = Some("api.example.com/v1".parse().unwrap());
    let (running, mut client, path) = open(Options { domain, ..websocket() }, "/v1").await;
    let below_key = path.replace("/prod/", "/v1/");
    let own = running.gateway.to_string();
    for (path, host) in [(&path, own.as_str()), (&below_key, "API.example.com")] {
        assert_eq!(call(running.gateway, "POST", path, host, "hello").await.status, 200, "{host}");
        assert_eq!(client.text().await, "hello");
    }
    for (path, host) in [(&path, "api.example.com"), (&below_key, own.as_str())] {
        assert_eq!(call(running.gateway, "POST", path, host, "hello").await.status, 403, "{host}");
    }
}
