//! Where the edge hop ends a request: what CloudFront refuses, what takes too long, what stops.

use crate::{
    backend::upstream::Backend,
    counts::Counter,
    edge::distribution,
    lambda::functions::EdgeFunction,
    net::server::{Limits, Server},
    options::Options,
    running::start_within,
    test_tools::{Authorizer, Edge, PATIENCE, allow, ask, forward, log, options, start_open, start_with},
};
use edge_signer::{Decision, Edits, OriginRequest};
use serde_json::{Value, json};
use std::{
    future::pending,
    io::ErrorKind,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, timeout},
};

#[tokio::test]
async fn a_request_that_cloudfront_refuses_reaches_neither_function() {
    let (running, edge_seen, gateway_seen) = start_open(options()).await;
    let long_target =
        |length: usize| format!("GET /echo/{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length - "/echo/".len()));
    let head_of = |bytes: usize| {
        let start = "POST /pets HTTP/1.1\r\nHost: a\r\nX-Long: ";
        format!("{start}{}\r\n\r\n", "a".repeat(bytes - start.len() - 4))
    };
    let refused: Vec<(Vec<u8>, u16)> = vec![
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 403),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 403),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 403),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx".into(), 403),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx".into(), 403),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 403),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /< HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /> HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /` HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /?< HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /?> HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /?\" HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (b"nonsense\r\n\r\n".into(), 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n".into(), 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n".into(), 400),
        (b"GET / HTTP/1.1\r\n\r\n".into(), 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".into(), 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".into(), 400),
        (long_target(8_193).into(), 414),
        (head_of(20_481).into(), 431),
        (head_of(40_000).into(), 431),
    ];
    for (request, status) in refused {
        let log = log();
        let reply = ask(running.edge, &request).await;
        assert_eq!(reply.status, status, "{:?}", String::from_utf8_lossy(&request));
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(
            (&lines[0]["event"], &lines[0]["status"]),
            (&json!("request-answered-by-cloudfront"), &json!(status))
        );
    }
    assert!(edge_seen.take().is_empty() && gateway_seen.take().is_empty());

    // At the limits; a head of that size is over the gateway's own.
    assert_eq!(ask(running.edge, long_target(8_192)).await.status, 414, "the method ARN is over 1,600 bytes");
    assert_eq!(ask(running.edge, head_of(20_480)).await.status, 431);
    assert_eq!(edge_seen.take().len(), 2);
    let many = format!("GET /echo HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Many: 1\r\n".repeat(500));
    let echo = ask(running.edge, many).await.json();
    assert_eq!(echo["headers"].as_array().unwrap().iter().filter(|header| header[0] == "X-Many").count(), 500);
}

/// Only an edge, in front of the server at `origin`.
async fn edge_before(origin: String, limits: Limits) -> Server {
    let edge = distribution::Edge {
        function: Edge(|_: &OriginRequest<'_>| forward(Edits::default())),
        origin: origin.clone(),
        origin_address: origin,
        origin_path: "/prod".to_owned(),
        api_keys: None,
        custom_headers: vec![],
        via: "0".to_owned(),
        limits,
        log: options().log,
        counter: Counter::default(),
    };
    Server::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), edge, limits).unwrap()
}

#[tokio::test]
async fn an_origin_that_is_down_silent_or_rude() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = origin.local_addr().unwrap().to_string();
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    let short = Limits { origin: Duration::from_millis(50), ..Limits::default() };
    let silent = edge_before(address.clone(), short).await;
    let reply = ask(silent.address, request).await;
    assert_eq!((reply.status, reply.text()), (504, "the origin did not answer in time\n"));

    let rude = edge_before(address.clone(), Limits::default()).await;
    let (reply, ()) = tokio::join!(ask(rude.address, request), async {
        drop(origin.accept().await.unwrap()); // the silent one's
        let (mut stream, _) = origin.accept().await.unwrap();
        stream.read_exact(&mut [0; 10]).await.unwrap();
    });
    assert_eq!((reply.status, reply.text()), (502, "the origin broke the exchange off\n"));

    drop(origin);
    let down = edge_before(address, Limits::default()).await;
    let reply = ask(down.address, request).await;
    assert_eq!((reply.status, reply.text()), (502, "the origin cannot be connected to\n"));
}

/// Starts and then waits until it is let go.
struct Waiting {
    started: Arc<Notify>,
    go: Arc<Notify>,
}

impl EdgeFunction for Waiting {
    async fn handle(&self, _: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
        self.started.notify_one();
        self.go.notified().await;
        Ok(forward(Edits::default()))
    }
}

#[tokio::test]
async fn functions_that_hang_or_fail() {
    struct Hanging;
    impl EdgeFunction for Hanging {
        async fn handle(&self, _: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
            pending().await
        }
    }
    struct Failing;
    impl EdgeFunction for Failing {
        async fn handle(&self, _: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
            Err("it crashed".to_owned())
        }
    }
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let short = Limits { function: Duration::from_millis(50), ..Limits::default() };
    let running = start_with(options(), Hanging, short).await;
    assert_eq!(ask(running.edge, request).await.status, 503);
    let running = start_with(options(), Failing, Limits::default()).await;
    assert_eq!(ask(running.edge, request).await.status, 502);
}

#[tokio::test]
async fn viewers_that_say_too_little() {
    let limits = Limits { head: Duration::from_millis(100), body: Duration::from_millis(100), ..Limits::default() };
    let running = start_with(options(), Edge(|_: &OriginRequest<'_>| forward(Edits::default())), limits).await;
    for address in [running.edge, running.gateway] {
        for said in ["", "GET / HTTP/1.1\r\nHo"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server hangs up").unwrap();
            assert_eq!(answer, b"");
        }
    }
    let reply = ask(running.edge, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nshort").await;
    assert_eq!((reply.status, reply.text()), (408, "the body did not come in time\n"));
}

#[tokio::test]
async fn a_whole_request_is_bounded() {
    let limits = Limits { request: Duration::from_millis(100), ..Limits::default() };
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let running = start_with(options(), Waiting { started, go }, limits).await;
    let mut stream = TcpStream::connect(running.edge).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server hangs up").unwrap();
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn one_connection_too_many_waits() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waiting = Waiting { started: Arc::clone(&started), go: Arc::clone(&go) };
    let running = start_with(options(), waiting, limits).await;
    let request = "GET /pets HTTP/1.1\r\nHost: a\r\n\r\n";
    let both = async { tokio::join!(ask(running.edge, request), ask(running.edge, request)) };
    let one_by_one = async {
        for _ in 0..2 {
            started.notified().await;
            // The other has not started: its permit would be here.
            assert!(timeout(Duration::from_millis(50), started.notified()).await.is_err());
            go.notify_one();
        }
    };
    let ((first, second), ()) = tokio::join!(both, one_by_one);
    assert_eq!((first.status, second.status), (200, 200));
}

#[tokio::test]
async fn stopping_lets_requests_finish_and_is_bounded() {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waiting = || Waiting { started: Arc::clone(&started), go: Arc::clone(&go) };
    let request = "GET /pets/1 HTTP/1.1\r\nHost: a\r\n\r\n";

    let running = start_with(options(), waiting(), Limits::default()).await;
    let (edge, gateway) = (running.edge, running.gateway);
    let mut silent = TcpStream::connect(edge).await.unwrap();
    silent.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let (reply, ()) = tokio::join!(ask(edge, request), async {
        started.notified().await;
        tokio::join!(running.stop(), async {
            assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "who has not said all is hung up on first");
            go.notify_one();
        });
    });
    assert_eq!(reply.status, 200);
    for address in [edge, gateway] {
        assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    let running = start_with(options(), waiting(), Limits::default()).await;
    let mut stream = TcpStream::connect(running.edge).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    started.notified().await;
    let begun = Instant::now();
    running.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn options_that_aws_would_refuse() {
    let refused = |options: Options| async {
        let function = Edge(|_: &OriginRequest<'_>| forward(Edits::default()));
        let started =
            start_within(options, function, Authorizer(|event: Value| allow(&event)), Limits::default()).await;
        started.expect_err("an error").to_string()
    };
    let custom = |headers: &[(&str, &str)]| Options {
        custom_headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..options()
    };
    let eleven: Vec<(String, String)> = (0..11).map(|index| (format!("x-{index}"), String::new())).collect();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
    let address = taken.local_addr().unwrap();
    let rule = "is not 1 to 128 characters of A–Z, a–z, 0–9, `_` and `-`";
    for (options, expected) in [
        (Options { stage: "a/b".to_owned(), ..options() }, format!("the stage \"a/b\" {rule}")),
        (Options { api_id: String::new(), ..options() }, format!("the API id \"\" {rule}")),
        (
            Options { custom_headers: eleven, ..options() },
            "the origin's custom header \"x-10\" is one too many: an origin can have at most 10".to_owned(),
        ),
        (
            custom(&[("a", &"x".repeat(1_784))]),
            "the origin's custom header \"a\" has a value of over 1,783 characters".to_owned(),
        ),
        (custom(&[("a b", "")]), "the origin's custom header \"a b\" cannot be sent over HTTP".to_owned()),
        (custom(&[("a", "1\n2")]), "the origin's custom header \"a\" cannot be sent over HTTP".to_owned()),
        (custom(&[("Via", "")]), "the origin's custom header \"Via\" is reserved by CloudFront".to_owned()),
        (custom(&[("a", ""), ("A", "")]), "the origin's custom header \"A\" appears twice".to_owned()),
        (Options { gateway: address, ..options() }, format!("cannot listen on {address}")),
        (
            Options { edge: "0.0.0.0:0".parse().unwrap(), ..options() },
            "0.0.0.0:0 is not an address of this machine's loopback, like 127.0.0.1:0".to_owned(),
        ),
        (
            Options { backend: Backend::Url("https://a".to_owned()), ..options() },
            "the backend \"https://a\" is not of the form http://host:port or http://host:port/base: the scheme must \
            be http"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(options).await, expected);
    }
}
