//! A WebSocket client and a backend for the tests.

use crate::{
    backend::upstream::Backend,
    options::{ApiKind, Options},
    test_tools::{PATIENCE, options},
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

/// The headers of a handshake, with the example key of RFC 6455.
pub(crate) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A WebSocket API, stage `prod`, otherwise as [`options`].
pub(crate) fn websocket() -> Options {
    Options { api: ApiKind::WebSocket, ..options() }
}

/// A head of a handshake: target, value of `Host`, further headers.
pub(crate) fn handshake(target: &str, host: impl ToString, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{UPGRADE}{headers}\r\n", host.to_string())
}

/// An open connection.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// The head of the answer 101.
    pub(crate) head: String,
}

impl Client {
    /// Sends a head, and perhaps more, and expects the answer 101.
    pub(crate) async fn open(address: SocketAddr, sent: impl AsRef<[u8]>) -> Self {
        timeout(PATIENCE, Self::exchange(address, sent.as_ref())).await.expect("the handshake ends")
    }

    async fn exchange(address: SocketAddr, sent: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut read = Vec::new();
        let end = loop {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{:?}", String::from_utf8_lossy(&read));
            if let Some(start) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break start + 4;
            }
        };
        let rest = read.split_off(end);
        let head = String::from_utf8(read).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { socket: WebSocketStream::from_partially_read(stream, rest, Role::Client, None).await, head }
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        self.socket.send(message.into()).await.unwrap();
    }

    /// The next message that is not a ping or a pong.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            let next = timeout(PATIENCE, self.socket.next()).await.expect("a message comes");
            match next.expect("the connection is open").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        self.next().await.into_text().unwrap().to_string()
    }

    /// Code and reason of the close frame that comes next; then the connection ends.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let Message::Close(Some(frame)) = self.next().await else { panic!("not a close frame with a code") };
        let rest = timeout(PATIENCE, self.socket.next()).await.expect("the connection ends");
        assert!(!matches!(rest, Some(Ok(_))), "{rest:?}");
        (frame.code.into(), frame.reason.to_string())
    }

    /// Sends bytes that tungstenite would not.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }
}

/// A message.
pub(crate) fn binary(bytes: &[u8]) -> Message {
    Message::Binary(Bytes::copy_from_slice(bytes))
}

/// A backend: an HTTP server that keeps the events it gets.
pub(crate) struct Server {
    pub(crate) backend: Backend,
    calls: mpsc::UnboundedReceiver<(String, Value)>,
    /// The next answers, whole; `HTTP/1.1 200 OK` when there are none left.
    answers: Arc<Mutex<Vec<&'static str>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Backend::Url(format!("http://{}/base", listener.local_addr().unwrap()));
        let (sender, calls) = mpsc::unbounded_channel();
        let answers: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let next = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (path, body) = read(&mut stream).await;
                sender.send((path, body)).unwrap();
                let answer = next.lock().unwrap().pop();
                match answer {
                    // Never.
                    Some("") => drop(tokio::spawn(async move { stream.read_u8().await })),
                    answer => {
                        let head = answer.unwrap_or("HTTP/1.1 200 OK\r\n");
                        stream.write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
                    }
                }
            }
        });
        Self { backend, calls, answers, task }
    }

    /// The next answer: status line and headers, or nothing for none at all.
    pub(crate) fn answer(&self, answer: &'static str) {
        self.answers.lock().unwrap().push(answer);
    }

    /// The next call: its path, and the event.
    pub(crate) async fn call(&mut self) -> (String, Value) {
        timeout(PATIENCE, self.calls.recv()).await.expect("a call comes").unwrap()
    }

    /// Does not listen any more.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn read(stream: &mut TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len().to_string() == length {
            assert!(
                head.contains("\r\ncontent-type: application/json") || head.contains("\r\nContent-Type: "),
                "{head}"
            );
            let mut line = head.split(' ');
            assert_eq!(line.next(), Some("POST"));
            return (line.next().unwrap().to_owned(), serde_json::from_str(body).unwrap());
        }
    }
}
