//! A server on this machine that answers as an issuer, or as the test says.

use super::signer::Signer;
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    mem,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

/// The server. It ends when it is dropped.
pub(super) struct TestIssuer {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    discovery: Answer,
    keys: Answer,
    /// The paths that were asked for.
    asked: Vec<String>,
    /// Connections that are open and get no answer.
    silent: Vec<TcpStream>,
    ends: bool,
}

/// What is answered to a request.
#[derive(Clone)]
pub(super) enum Answer {
    /// 200 with this body.
    Body(String),
    /// The same, but only after this time.
    Slow(Duration, String),
    /// These bytes.
    Raw(String),
    /// Nothing: the connection stays open.
    Silence,
}

impl Answer {
    pub(super) fn json(value: &Value) -> Self {
        Self::Body(value.to_string())
    }
}

impl TestIssuer {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let discovery = Answer::json(&json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }));
        let keys = Answer::json(&json!({ "keys": [] }));
        let state = State { discovery, keys, asked: Vec::new(), silent: Vec::new(), ends: false };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for connection in listener.incoming().map(Result::unwrap) {
                if shared.lock().unwrap().ends {
                    break;
                }
                serve(connection, &mut shared.lock().unwrap());
            }
        });
        Self { url, state, thread: Some(thread) }
    }

    /// Publishes the public parts of these keys.
    pub(super) fn publish(&self, keys: &[&Signer]) {
        self.publish_jwks(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>());
    }

    pub(super) fn publish_jwks(&self, keys: &[Value]) {
        self.answer_keys(Answer::json(&json!({ "keys": keys })));
    }

    pub(super) fn answer_keys(&self, answer: Answer) {
        self.state.lock().unwrap().keys = answer;
    }

    pub(super) fn answer_discovery(&self, answer: Answer) {
        self.state.lock().unwrap().discovery = answer;
    }

    /// The paths that were asked for since the last call.
    pub(super) fn take_asked(&self) -> Vec<String> {
        mem::take(&mut self.state.lock().unwrap().asked)
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.state.lock().unwrap().ends = true;
        // Wakes the thread.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(mut connection: TcpStream, state: &mut State) {
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match connection.read(&mut buffer) {
            Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let answer = if path.ends_with("/.well-known/openid-configuration") { &state.discovery } else { &state.keys };
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = match answer {
        Answer::Body(body) => ok(body),
        Answer::Slow(time, body) => {
            thread::sleep(*time);
            ok(body)
        }
        Answer::Raw(bytes) => bytes.clone(),
        Answer::Silence => String::new(),
    };
    state.asked.push(path);
    if answer.is_empty() {
        state.silent.push(connection);
    } else {
        let _ = connection.write_all(answer.as_bytes());
    }
}
