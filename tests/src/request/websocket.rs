//! A WebSocket all the way: the real addon in Node signs its handshake, the real `bootstrap` admits it, over real sockets.

use crate::support::{
    bootstrap::Bootstrap,
    edge_process::EdgeProcess,
    keys::{Keys, key_set},
    patience::PATIENCE,
    whole_path::options,
};
use local::{ApiKind, Options, Running};
use signing::{Nonce, Request, UnixSeconds, sign};
use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A WebSocket API at its own address or, with its key, on a custom domain, which the authorizer then knows.
async fn start(keys: &Keys, domain: Option<&str>) -> Running {
    let source = keys.source();
    let base_paths = domain.map(|domain| format!("{domain}=local12345/prod")).unwrap_or_default();
    let mut settings = vec![("COUNTERSIGN_SECRET", source.as_str())];
    settings.extend(domain.map(|_| ("COUNTERSIGN_BASE_PATHS", base_paths.as_str())));
    let bootstrap = Bootstrap::start(&settings).await;
    let options =
        Options { domain: domain.map(|domain| domain.parse().unwrap()), ..options(&source, ApiKind::WebSocket) };
    local::start(options, EdgeProcess::start().await, bootstrap).await.unwrap()
}

/// Sends a handshake, and returns its status and the connection.
async fn handshake(address: SocketAddr, target: &str, host: &str, headers: &[(&str, &str)]) -> (u16, TcpStream) {
    let mut head = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
            // One byte after the other: what comes behind the head belongs to the connection.
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), stream)
    };
    timeout(PATIENCE, exchange).await.expect("the handshake ends")
}

/// The status of a handshake for one target that was signed for another.
async fn signed(running: &Running, host: &str, signed: &str, sent: &str) -> u16 {
    let request = Request {
        method: "GET".try_into().unwrap(),
        authority: host.try_into().unwrap(),
        target: signed.try_into().unwrap(),
        viewer_ip: "203.0.113.7".try_into().unwrap(),
        content_digest: None,
    };
    let now = UnixSeconds::new(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    let signature = sign(&request, &key_set().keys()[0], Nonce::new([1; 16]), Duration::from_secs(60), now);
    let headers = [
        ("Countersign-Signature-Input", signature.input.as_str()),
        ("Countersign-Signature", &signature.signature),
        ("Countersign-Target", signed),
        ("Countersign-Viewer-Ip", "203.0.113.7"),
    ];
    handshake(running.gateway, sent, host, &headers).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_handshake_opens_a_connection_and_an_unsigned_or_altered_one_does_not() {
    let keys = Keys::new();
    for (domain, base) in [(None, "/prod"), (Some("api.example.com/v1"), "/v1")] {
        let running = start(&keys, domain).await;
        let own = running.gateway.to_string();
        let host = domain.map_or(own.as_str(), |_| "api.example.com");

        for target in ["/", "/?room=1&room=2"] {
            let (status, mut stream) = handshake(running.edge, target, "viewer.example", &[]).await;
            assert_eq!(status, 101, "{target}");
            stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
            let mut echo = [0; 4];
            timeout(PATIENCE, stream.read_exact(&mut echo)).await.expect("the echo comes").unwrap();
            assert_eq!(&echo, b"\x81\x02hi");
        }
        assert_eq!(handshake(running.edge, "/pets", "viewer.example", &[]).await.0, 403, "no path below the stage");
        assert_eq!(handshake(running.gateway, base, host, &[]).await.0, 401, "the back door");

        let [room, other] = ["?room=1", "?room=2"].map(|query| format!("{base}{query}"));
        for (signed_target, sent, status) in [
            (room.as_str(), room.as_str(), 101),
            (&room, &other, 403),
            (&room, base, 403),
            (base, &room, 403),
            // The event does not show which path was asked for, so that only one can be signed.
            (&format!("{base}/pets"), base, 403),
            ("/other", base, 403),
        ] {
            assert_eq!(signed(&running, host, signed_target, sent).await, status, "{signed_target} sent as {sent}");
        }
        running.stop().await;
    }
}
