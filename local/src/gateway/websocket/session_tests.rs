//! Open connections over real sockets: messages, answers, and all the ways in which a connection ends.

use crate::{
    backend::upstream::Backend,
    gateway::websocket::test_client::{Client, Server, binary, handshake, websocket},
    net::server::Limits,
    options::Options,
    running::Running,
    test_tools::{Authorizer, PATIENCE, allow, ask, iam_policy, log, options, start_gateway, start_open},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

const FRAME: usize = 32 * 1024;
const MESSAGE: usize = 128 * 1024;

async fn start_within(limits: Limits) -> Running {
    start_gateway(websocket(), Authorizer(|event: Value| allow(&event)), limits).await
}

/// A connection past the edge.
async fn open(running: &Running) -> Client {
    Client::open(running.gateway, handshake("/prod", running.gateway, "")).await
}

/// Both servers with a backend of the test's own, and an open connection through both.
async fn with_server() -> (Running, Server, Client) {
    let mut server = Server::start().await;
    let (running, ..) = start_open(Options { backend: server.backend.clone(), ..websocket() }).await;
    let client = Client::open(running.edge, handshake("/", "viewer", "")).await;
    assert_eq!(server.call().await.0, "/base/connect");
    (running, server, client)
}

#[tokio::test]
async fn through_the_edge_to_the_built_in_backend_and_back() {
    let (running, edge_events, events) = start_open(websocket()).await;
    let headers = "Sec-WebSocket-Extensions: permessage-deflate\r\nUser-Agent: test\r\nX-MiXed: 1\r\n";
    let mut client = Client::open(running.edge, handshake("/?x=1&x=2", "viewer.example", headers)).await;
    // The example of RFC 6455, section 1.3.
    assert!(client.head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{}", client.head);
    assert!(client.head.contains("connection: upgrade\r\n") && client.head.contains("upgrade: websocket\r\n"));
    assert!(!client.head.contains("sec-websocket-extensions"), "{}", client.head);

    let seen = edge_events.one();
    assert_eq!((&seen["method"], &seen["uri"], &seen["querystring"]), (&json!("GET"), &json!("/"), &json!("x=1&x=2")));
    assert_eq!((&seen["path"], &seen["body"]), (&json!("/prod"), &Value::Null));
    let names: Vec<_> = seen["headers"].as_array().unwrap().iter().map(|header| header[0].as_str().unwrap()).collect();
    let forwarded = ["sec-websocket-version", "sec-websocket-key", "sec-websocket-extensions", "user-agent", "x-mixed"];
    assert_eq!(names, [&forwarded[..], &["host", "x-forwarded-for", "via"]].concat(), "neither Connection nor Upgrade");

    let event = events.one();
    let arn = "arn:aws:execute-api:us-east-1:123456789012:local12345/prod/$connect";
    assert_eq!((&event["type"], &event["methodArn"]), (&json!("REQUEST"), &json!(arn)));
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "x": ["1", "2"] }));
    assert_eq!(event["headers"]["Upgrade"], "websocket");
    assert_eq!(event["headers"]["Connection"], "upgrade");
    assert_eq!(event["headers"]["Sec-Websocket-Key"], "dGhlIHNhbXBsZSBub25jZQ==");
    let id = event["requestContext"]["connectionId"].as_str().unwrap().to_owned();

    client.send("hello").await;
    assert_eq!(client.text().await, "hello");
    client.send("").await;
    assert_eq!(client.text().await, "");
    client.send(binary(b"\x00\xff")).await;
    assert_eq!(client.next().await, binary(b"\x00\xff"));
    client.send("whoami").await;
    let context: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!((&context["connectionId"], &context["authorizer"]), (&json!(id), &json!({})));
    assert_eq!((&context["routeKey"], &context["eventType"]), (&json!("$default"), &json!("MESSAGE")));
    assert!(edge_events.take().is_empty() && events.take().is_empty(), "messages reach no function");

    let counts = running.counts();
    assert_eq!((counts.distribution.total, counts.gateway.total, counts.authorizer_invocations), (1, 1, 1));
}

#[tokio::test]
async fn the_authorizers_context_is_in_every_event() {
    let mut server = Server::start().await;
    let mut answer = iam_policy("Allow", "*");
    answer["context"] = json!({ "countersignTarget": "/prod?x", "n": 1 });
    let options = Options { backend: server.backend.clone(), ..websocket() };
    let running = start_gateway(options, Authorizer(move |_| Ok(answer.clone())), Limits::default()).await;
    let headers = "X-A: 1\r\ncountersignTarget: /other\r\n";
    let mut client = Client::open(running.gateway, handshake("/prod?x", running.gateway, headers)).await;
    client.send("hi").await;
    client.send(binary(b"\xff")).await;
    let close = CloseFrame { code: CloseCode::Library(4_001), reason: "enough".into() };
    client.socket.close(Some(close)).await.unwrap();

    let (path, connect) = server.call().await;
    assert_eq!(path, "/base/connect");
    assert_eq!((connect.get("type"), connect.get("methodArn")), (None, None), "for the authorizer only");
    assert_eq!((&connect["headers"]["X-A"], &connect["isBase64Encoded"]), (&json!("1"), &json!(false)));
    assert_eq!(connect["queryStringParameters"], json!({ "x": "" }));
    let id = connect["requestContext"]["connectionId"].as_str().unwrap().to_owned();
    let callback = format!(
        "http://{}/prod/@connections/{}",
        running.gateway,
        id.replace('=', "%3D").replace('+', "%2B").replace('/', "%2F")
    );
    let mut request_ids = vec![connect["requestContext"]["requestId"].clone()];
    for (path, route, event_type, body, is_binary) in [
        ("/base/default", "$default", "MESSAGE", json!("hi"), false),
        ("/base/default", "$default", "MESSAGE", json!("/w=="), true),
        ("/base/disconnect", "$disconnect", "DISCONNECT", Value::Null, false),
    ] {
        let (called, event) = server.call().await;
        assert_eq!((called.as_str(), &event["body"], &event["isBase64Encoded"]), (path, &body, &json!(is_binary)));
        assert_eq!(event.get("headers"), None);
        let context = &event["requestContext"];
        for (name, value) in
            [("routeKey", route), ("eventType", event_type), ("connectionId", &id), ("callbackUrl", &callback)]
        {
            assert_eq!(context[name], value);
        }
        assert_eq!(context["authorizer"], json!({ "countersignTarget": "/prod?x", "n": 1 }));
        for name in ["stage", "apiId", "domainName", "connectedAt", "identity"] {
            assert_eq!(context[name], connect["requestContext"][name], "{name}");
        }
        request_ids.push(context["requestId"].clone());
        if route == "$disconnect" {
            assert_eq!(
                (&context["disconnectStatusCode"], &context["disconnectReason"]),
                (&json!(4_001), &json!("enough"))
            );
        }
    }
    request_ids.sort_by_key(Value::to_string);
    request_ids.dedup();
    assert_eq!(request_ids.len(), 4, "each event has its own id");
}

#[tokio::test]
async fn a_message_may_have_128_kilobytes_in_frames_of_32() {
    let running = start_within(Limits::default()).await;
    let mut client = open(&running).await;
    let message: Vec<u8> = (0..MESSAGE).map(|index| b'a' + u8::try_from(index % 26).unwrap()).collect();
    let mut frames = message.chunks(FRAME).enumerate().peekable();
    while let Some((index, chunk)) = frames.next() {
        let opcode = OpCode::Data(if index == 0 { Data::Text } else { Data::Continue });
        let frame = Frame::message(chunk.to_vec(), opcode, frames.peek().is_none());
        client.send(Message::Frame(frame)).await;
    }
    assert_eq!(client.next().await, Message::text(String::from_utf8(message.clone()).unwrap()));
    client.send(Message::text("x".repeat(FRAME))).await;
    assert_eq!(client.text().await.len(), FRAME);
}

#[tokio::test]
async fn a_frame_or_a_message_over_its_quota_closes_with_1009() {
    let reason = "a frame is over 32,768 bytes, or a message over 131,072";
    let chunk = |opcode, last| Frame::message(vec![b'x'; FRAME], OpCode::Data(opcode), last);
    let one = vec![Frame::message(vec![b'x'; FRAME + 1], OpCode::Data(Data::Text), true)];
    let mut many = vec![chunk(Data::Text, false)];
    many.extend((0..4).map(|_| chunk(Data::Continue, false)));
    for frames in [one, many] {
        let log = log();
        let (running, mut server, mut client) = with_server().await;
        for frame in frames {
            client.send(Message::Frame(frame)).await;
        }
        assert_eq!(client.closed().await, (1009, reason.to_owned()));
        let (path, event) = server.call().await;
        assert_eq!(
            (path.as_str(), &event["requestContext"]["disconnectStatusCode"]),
            ("/base/disconnect", &json!(1009))
        );
        let line = json!({
            "level": "INFO",
            "event": "request-refused-by-gateway",
            "status": 1009,
            "reason": "message-too-large",
            "detail": reason,
            "method": "$disconnect",
        });
        assert_eq!(log.take(), [line]);
        drop(running);
    }
}

/// Bytes that break the protocol: each is a clear end, and never a message for the backend.
#[tokio::test]
async fn broken_frames_end_the_connection() {
    let protocol = (1002, "a frame breaks the WebSocket protocol");
    let large = (1009, "a frame is over 32,768 bytes, or a message over 131,072");
    for (bytes, expected) in [
        (&b"\x81\x02hi"[..], protocol),                               // not masked
        (b"\xc1\x82\0\0\0\0hi", protocol),                            // a reserved bit
        (b"\x83\x82\0\0\0\0hi", protocol),                            // a reserved opcode
        (b"\x80\x82\0\0\0\0hi", protocol),                            // a continuation of nothing
        (b"\x09\x80\0\0\0\0", protocol),                              // a ping in pieces
        (b"\x89\xfe\0\x7e\0\0\0\0", protocol),                        // a ping that is too long
        (b"\x88\x81\0\0\0\0\x03", protocol),                          // half a close code
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", large), // 2^63 - 1 bytes
        (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", large), // 2^64 - 1 bytes
        (b"\x81\x82\0\0\0\0\xc3\x28", (1007, "a text is not UTF-8")),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", protocol),
    ] {
        let log = log();
        let (running, mut server, mut client) = with_server().await;
        // tungstenite judges a frame when it has all of it.
        client.raw(&[bytes, &[0; 200]].concat()).await;
        let (code, reason) = client.closed().await;
        assert_eq!((code, reason.as_str()), expected, "{bytes:?}");
        let (path, event) = server.call().await;
        assert_eq!(
            (path.as_str(), &event["requestContext"]["disconnectStatusCode"]),
            ("/base/disconnect", &json!(code))
        );
        assert_eq!(log.take().len(), 1);
        drop(running);
    }
}

#[tokio::test]
async fn bytes_behind_the_handshake_are_messages() {
    let running = start_within(Limits::default()).await;
    let (edge, _, _) = start_open(websocket()).await;
    let frame = b"\x81\x82\0\0\0\0hi";
    for (address, head) in
        [(running.gateway, handshake("/prod", running.gateway, "")), (edge.edge, handshake("/", "viewer", ""))]
    {
        let mut client = Client::open(address, [head.as_bytes(), frame, frame].concat()).await;
        assert_eq!((client.text().await, client.text().await), ("hi".to_owned(), "hi".to_owned()));
        // More than a request head may have.
        let large = [&b"\x81\xfe\x75\x30\0\0\0\0"[..], &[b'x'; 30_000]].concat();
        let mut client = Client::open(address, [head.as_bytes(), &large, &large, &large, frame].concat()).await;
        for _ in 0..3 {
            assert_eq!(client.text().await.len(), 30_000);
        }
        assert_eq!(client.text().await, "hi");
    }
}

#[tokio::test]
async fn an_idle_connection_and_an_old_one_are_closed_with_1001() {
    let short = Duration::from_millis(300);
    for (limits, reason, code) in [
        (Limits { idle: short, ..Limits::default() }, "Idle connection timeout", "connection-idle"),
        (Limits { age: short, ..Limits::default() }, "Connection duration limit", "connection-too-old"),
    ] {
        let log = log();
        let running = start_within(limits).await;
        let mut client = open(&running).await;
        client.send("hello").await;
        assert_eq!(client.text().await, "hello");
        assert_eq!(client.closed().await, (1001, reason.to_owned()));
        assert_eq!((&log.take()[0]["reason"], running.counts().gateway.total), (&json!(code), 1));
    }
}

/// A message in either direction, and a ping, begin the idle time anew.
#[tokio::test]
async fn a_connection_that_is_used_is_not_idle() {
    let running = start_within(Limits { idle: Duration::from_millis(600), ..Limits::default() }).await;
    let mut client = open(&running).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(900) {
        client.send(Message::Ping(bytes::Bytes::new())).await;
        let pong = timeout(PATIENCE, client.socket.next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(pong, Message::Pong(_)), "{pong:?}");
    }
    client.send("still here").await;
    assert_eq!(client.text().await, "still here");
}

#[tokio::test]
async fn a_viewer_who_ends_or_vanishes_becomes_a_disconnect() {
    for (vanishes, code) in [(true, 1006), (false, 1000)] {
        let (running, mut server, mut client) = with_server().await;
        if vanishes {
            drop(client);
        } else {
            client.socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).await.unwrap();
            assert_eq!(client.closed().await, (1000, String::new()), "the close frame comes back");
        }
        let (path, event) = server.call().await;
        assert_eq!(
            (path.as_str(), &event["requestContext"]["disconnectStatusCode"]),
            ("/base/disconnect", &json!(code))
        );
        drop(running);
    }
    // A close frame without a code, and one side of the connection only.
    let (_running, mut server, mut client) = with_server().await;
    client.raw(b"\x88\x80\0\0\0\0").await;
    client.socket.get_mut().shutdown().await.unwrap();
    assert_eq!(server.call().await.1["requestContext"]["disconnectStatusCode"], 1005);
}

#[tokio::test]
async fn a_backend_that_is_down_does_not_end_the_connection() {
    let (running, server, mut client) = with_server().await;
    server.stop().await;
    for _ in 0..2 {
        let log = log();
        client.send("hello").await;
        let answer: Value = serde_json::from_str(&client.text().await).unwrap();
        assert_eq!(answer["message"], "Internal server error");
        assert_eq!(answer["connectionId"].as_str().unwrap().len(), 16);
        assert_eq!(answer["requestId"].as_str().unwrap().len(), 16);
        let line = json!({
            "level": "INFO",
            "event": "request-refused-by-gateway",
            "status": 500,
            "reason": "backend-unreachable",
            "detail": "the backend cannot be reached, or broke the exchange off",
            "method": "$default",
        });
        assert_eq!(log.take(), [line]);
    }
    drop(running);
}

#[tokio::test]
async fn a_slow_backend_does_not_end_the_connection() {
    let mut server = Server::start().await;
    let options = Options { backend: server.backend.clone(), ..websocket() };
    let limits = Limits { backend: Duration::from_millis(200), ..Limits::default() };
    let running = start_gateway(options, Authorizer(|event: Value| allow(&event)), limits).await;
    let mut client = open(&running).await;
    server.call().await;
    server.answer("");
    client.send("first").await;
    client.send("second").await;
    assert_eq!(server.call().await.1["body"], "first");
    let answer: Value = serde_json::from_str(&client.text().await).unwrap();
    assert_eq!(answer["message"], "Internal server error");
    assert_eq!(server.call().await.1["body"], "second", "one after the other");
    // A status of the backend is not used.
    server.answer("HTTP/1.1 500 Internal Server Error\r\n");
    client.send("third").await;
    assert_eq!(server.call().await.1["body"], "third");
    client.socket.close(None).await.unwrap();
    assert_eq!(server.call().await.0, "/base/disconnect");
    assert!(!matches!(client.socket.next().await, Some(Ok(Message::Text(_)))));
}

#[tokio::test]
async fn a_stop_closes_every_connection_with_1001() {
    let (running, mut server, mut through) = with_server().await;
    let mut direct = open(&running).await;
    server.call().await;
    // This one never answers the close frame.
    let silent = open(&running).await;
    server.call().await;
    let begun = Instant::now();
    let (through_end, direct_end, ()) = tokio::join!(through.closed(), direct.closed(), running.stop());
    assert_eq!(through_end, (1001, "Going away".to_owned()));
    assert_eq!(direct_end, (1001, "Going away".to_owned()));
    assert!(begun.elapsed() < Duration::from_millis(3_000), "{:?}", begun.elapsed());
    for _ in 0..3 {
        let (path, event) = server.call().await;
        assert_eq!(
            (path.as_str(), &event["requestContext"]["disconnectStatusCode"]),
            ("/base/disconnect", &json!(1001))
        );
    }
    drop(silent);
}

/// What a viewer sent before it ended still reaches the backend, before `$disconnect`.
#[tokio::test]
async fn messages_before_the_end_are_delivered() {
    let (_running, mut server, mut client) = with_server().await;
    for number in 0..40 {
        client.send(format!("{number}")).await;
    }
    drop(client);
    for number in 0..40 {
        assert_eq!(server.call().await.1["body"], json!(number.to_string()));
    }
    assert_eq!(server.call().await.0, "/base/disconnect");
}

#[tokio::test]
async fn a_viewer_that_does_not_read_is_given_up() {
    let log = log();
    let (running, mut server, _other) = with_server().await;
    let _second = open(&running).await;
    let event = server.call().await.1;
    let callback = event["requestContext"]["callbackUrl"].as_str().unwrap().to_owned();
    let path = callback.split_once("/prod/").unwrap().1.to_owned();
    let body = "x".repeat(MESSAGE);
    let mut last = 200;
    for _ in 0..500 {
        let request = format!(
            "POST /prod/{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {MESSAGE}\r\n\r\n{body}",
            running.gateway
        );
        last = ask(running.gateway, request).await.status;
        if last == 410 {
            break;
        }
    }
    assert_eq!(last, 410);
    let (path, event) = server.call().await;
    let context = &event["requestContext"];
    assert_eq!(
        (path.as_str(), &context["disconnectStatusCode"], &context["disconnectReason"]),
        ("/base/disconnect", &json!(1006), &json!("The viewer does not read"))
    );
    let line = json!({
        "level": "INFO",
        "event": "request-refused-by-gateway",
        "status": 1006,
        "reason": "viewer-not-reading",
        "detail": "the viewer did not take a message in the time that the gateway waits",
        "method": "$disconnect",
    });
    assert_eq!(log.take(), [line]);
}

#[tokio::test]
async fn an_open_connection_takes_no_place_from_a_request() {
    let running = start_within(Limits { connections: 1, ..Limits::default() }).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(open(&running).await);
    }
    for client in &mut clients {
        client.send("hello").await;
        assert_eq!(client.text().await, "hello");
    }
    let reply = ask(running.gateway, format!("GET /prod/@connections/x HTTP/1.1\r\nHost: {}\r\n\r\n", running.gateway));
    assert_eq!(reply.await.status, 410);
}

/// The client's own handshake: a real client, not one of ours.
#[tokio::test]
async fn tungstenite_connects() {
    let (running, ..) = start_open(websocket()).await;
    let stream = tokio::net::TcpStream::connect(running.edge).await.unwrap();
    let url = format!("ws://{}/?x=1", running.edge);
    let (mut socket, response) =
        timeout(PATIENCE, tokio_tungstenite::client_async(url, stream)).await.unwrap().unwrap();
    assert_eq!(response.status().as_u16(), 101);
    futures_util::SinkExt::send(&mut socket, Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}

/// A REST API takes no WebSocket: the edge passes the handshake on, and the request is an ordinary one.
#[tokio::test]
async fn another_kind_of_api_answers_a_handshake_as_a_request() {
    let (running, ..) = start_open(options()).await;
    let reply = ask(running.edge, handshake("/echo", "viewer", "")).await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert!(!reply.text().to_lowercase().contains("upgrade"), "{}", reply.text());
}

#[tokio::test]
async fn a_backend_is_never_reached_by_a_connection_that_was_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::Url(format!("http://{}", listener.local_addr().unwrap()));
    let options = Options { backend, ..websocket() };
    let running = start_gateway(options, Authorizer(|_| Ok(iam_policy("Deny", "*"))), Limits::default()).await;
    let reply = ask(running.gateway, handshake("/prod", running.gateway, "")).await;
    assert_eq!(reply.status, 403);
    assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err());
}
