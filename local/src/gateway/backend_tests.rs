//! What lies behind the gateway hop: bodies on their way, and backends. It is the same for both kinds of API.

use crate::{
    backend::upstream::Backend,
    net::server::Limits,
    options::Options,
    test_tools::{
        Authorizer, allow, ask, ask_gateway, check_rest_answer, chunked, log, options, start_gateway, start_open,
    },
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const BODY_LIMIT: usize = 10_485_760;

#[tokio::test]
async fn bodies_up_to_ten_megabytes() {
    let (running, _, seen) = start_open(options()).await;
    let big: Vec<u8> = (0..=BODY_LIMIT).map(|index| u8::try_from(index % 251).unwrap()).collect();
    let fits = &big[..BODY_LIMIT];
    let head = "POST /prod/echo HTTP/1.1\r\nHost: a\r\n";
    let with_length = |body: &[u8]| [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    let in_chunks = |body: &[u8]| {
        [format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), chunked(body).as_slice()].concat()
    };
    for request in [with_length(fits), in_chunks(fits)] {
        let echo = ask_gateway(&running, request).await.json();
        assert_eq!(
            (&echo["body_length"], &echo["body_sha256"]),
            (&json!(BODY_LIMIT), &json!(hex::encode(Sha256::digest(fits))))
        );
    }
    assert_eq!(seen.take().len(), 2);
    for (request, calls) in [(with_length(&big), 0), (in_chunks(&big), 1)] {
        let log = log();
        check_rest_answer(
            &ask_gateway(&running, request).await,
            413,
            "RequestTooLargeException",
            r#"{"message":"Request Too Long"}"#,
        );
        assert_eq!(seen.take().len(), calls);
        assert_eq!(log.take().len(), 1);
    }
    // The answer also comes through the edge, which is still sending when it is given.
    let through_edge =
        [format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", big.len()).as_bytes(), &big].concat();
    let reply = ask(running.edge, through_edge).await;
    assert_eq!((reply.status, reply.text()), (413, r#"{"message":"Request Too Long"}"#));
}

/// Takes one request whole (a head and `body` bytes), answers, and returns it.
async fn serve_once(listener: &TcpListener, body: &str, answer: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "{:?}", String::from_utf8_lossy(&request));
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

#[tokio::test]
async fn any_http_server_can_be_the_backend() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    let short = Limits { backend: Duration::from_millis(300), ..Limits::default() };
    let open = Options { backend: Backend::Url(url), ..options() };
    let running = start_gateway(open, Authorizer(|event: Value| allow(&event)), short).await;

    let request = "PATCH /prod//a%2f?b;%7a HTTP/1.1\r\nHost: a\r\nX-MiXed: 1\r\nKeep-Alive: 1\r\nx-mixed: 2\r\nTE: trailers\r\n\
        X-Amzn-Trace-Id: mine\r\nContent-Length: 2\r\n\r\nhi";
    let answer = "HTTP/1.1 418 Teapot\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nX-Kept: 1\r\nX-Kept: 2\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\ntea\r\n0\r\n\r\n";
    let (reply, received) = tokio::join!(ask_gateway(&running, request), serve_once(&listener, "hi", answer));
    // An integration's server is asked by its own name.
    let host = listener.local_addr().unwrap();
    let expected = format!(
        "PATCH /base/a%2f?b;%7a HTTP/1.1\r\nHost: {host}\r\nX-MiXed: 1\r\nx-mixed: 2\r\nX-Amzn-Trace-Id: mine\r\n\
         Content-Length: 2\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-port: 443\r\nx-forwarded-proto: https\r\n\r\nhi"
    );
    assert_eq!(received, expected);
    assert_eq!((reply.status, reply.text()), (418, "tea"));
    assert_eq!(reply.headers.iter().filter(|(name, _)| name == "x-kept").count(), 2);
    assert_eq!(reply.header("x-hop"), None);
    assert_eq!(reply.header("x-amzn-errortype"), None);

    let get = "GET /prod/pets HTTP/1.1\r\nHost: a\r\n\r\n";
    let error_type = "InternalServerErrorException";
    let log = log();
    check_rest_answer(
        &ask_gateway(&running, get).await,
        504,
        error_type,
        r#"{"message":"Endpoint request timed out"}"#,
    );
    let _silent = listener.accept().await.unwrap();
    let (reply, _) = tokio::join!(ask_gateway(&running, get), serve_once(&listener, "", "nonsense\r\n\r\n"));
    let network = r#"{"message":"Network error communicating with endpoint"}"#;
    check_rest_answer(&reply, 504, error_type, network);
    drop(listener);
    check_rest_answer(&ask_gateway(&running, get).await, 504, error_type, network);
    assert_eq!(log.take().len(), 3);
}

#[tokio::test]
async fn a_backend_that_answers_before_it_has_read_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (running, _, _) = start_open(Options { backend: Backend::Url(url), ..options() }).await;
    let body = vec![b'x'; 4_000_000];
    let request =
        [format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat();
    let early = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 100]).await.unwrap();
        stream.write_all(b"HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\nearly").await.unwrap();
        stream
    };
    let (reply, _stream) = tokio::join!(ask(running.edge, request), early);
    assert_eq!((reply.status, reply.text()), (409, "early"));
}
