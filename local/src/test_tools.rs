//! What the end-to-end tests share: a client that sends bytes, functions made of closures, and a reader of the log.

use crate::{
    backend::upstream::Backend,
    lambda::functions::{AuthorizerFunction, EdgeFunction},
    net::server::Limits,
    options::{Answer, ApiKind, IdentitySources, Options},
    running::{Running, start_within},
};
use edge_signer::{Action, Decision, Edits, Header, OriginRequest};
use serde_json::{Value, json};
use std::{
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use telemetry::{Log, MemoryLog};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The end of every wait in the tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} appears twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

/// Sends the bytes, reads to the end, and reads the answer out of it.
pub(crate) async fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    let answer = timeout(PATIENCE, exchange(address, request.as_ref())).await.expect("the exchange ends");
    let mut table = [httparse::EMPTY_HEADER; 256];
    let mut response = httparse::Response::new(&mut table);
    let parsed = response.parse(&answer).unwrap();
    let httparse::Status::Complete(head) = parsed else { panic!("no answer: {:?}", String::from_utf8_lossy(&answer)) };
    let headers: Vec<_> = response
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8(header.value.to_vec()).unwrap()))
        .collect();
    let mut reply = Reply { status: response.code.unwrap(), headers, body: answer[head..].to_vec() };
    if reply.header("transfer-encoding").is_some() {
        reply.body = dechunked(&reply.body);
    } else if let Some(length) = reply.header("content-length")
        && !request.as_ref().starts_with(b"HEAD ")
    {
        assert_eq!(reply.body.len().to_string(), length, "the body is whole");
    }
    reply
}

/// Compares an answer of a REST API's own.
#[track_caller]
pub(crate) fn check_rest_answer(reply: &Reply, status: u16, error_type: &str, body: &str) {
    assert_eq!((reply.status, reply.text()), (status, body));
    assert_eq!(reply.header("x-amzn-errortype"), Some(error_type));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-amzn-requestid").map(str::len), Some(36));
}

/// Sends a request to the gateway under its own name, which replaces the first `Host: a`, if there is one.
pub(crate) async fn ask_gateway(running: &Running, request: impl AsRef<[u8]>) -> Reply {
    const HOST: &[u8] = b"host: a\r\n";
    let request = request.as_ref();
    let Some(start) = request.windows(HOST.len()).position(|bytes| bytes.eq_ignore_ascii_case(HOST)) else {
        return ask(running.gateway, request).await;
    };
    let value = start + "host: ".len();
    let (before, behind) = (&request[..value], &request[value + 1..]);
    let host = running.gateway.to_string();
    ask(running.gateway, [before, host.as_bytes(), behind].concat()).await
}

async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let mut answer = Vec::new();
    // Both at once: a server may answer before it has read everything, and then writing may fail.
    let (_, read) = tokio::join!(writer.write_all(request), reader.read_to_end(&mut answer));
    read.unwrap();
    answer
}

fn dechunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n").expect("a chunk size");
        let size = usize::from_str_radix(str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 2 + size + 2..];
    }
}

/// A body in chunks of 60,000 bytes.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(60_000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

/// An edge function that is a closure.
pub(crate) struct Edge<F>(pub(crate) F);

impl<F: Fn(&OriginRequest<'_>) -> Decision + Send + Sync + 'static> EdgeFunction for Edge<F> {
    async fn handle(&self, request: &OriginRequest<'_>, now: SystemTime) -> Result<Decision, String> {
        assert!(now.elapsed().is_ok_and(|age| age < PATIENCE), "now is now");
        Ok((self.0)(request))
    }
}

/// An authorizer that is a closure.
pub(crate) struct Authorizer<F>(pub(crate) F);

impl<F: Fn(Value) -> Result<Value, String> + Send + Sync + 'static> AuthorizerFunction for Authorizer<F> {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        assert!(now.elapsed().is_ok_and(|age| age < PATIENCE), "now is now");
        (self.0)(serde_json::from_str(event).unwrap())
    }
}

/// An authorizer that never answers.
pub(crate) struct Hanging;

impl AuthorizerFunction for Hanging {
    async fn authorize(&self, _: &str, _: SystemTime) -> Result<Value, String> {
        pending().await
    }
}

/// What functions were called with.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<Value>>>);

impl Seen {
    pub(crate) fn push(&self, event: Value) {
        self.0.lock().unwrap().push(event);
    }

    /// All events so far, and forgets them.
    pub(crate) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The only event since the last time.
    #[track_caller]
    pub(crate) fn one(&self) -> Value {
        let events = self.take();
        assert_eq!(events.len(), 1, "one call: {events:?}");
        events.into_iter().next().unwrap()
    }
}

pub(crate) fn edge_event(request: &OriginRequest<'_>) -> Value {
    let list =
        |headers: &[Header<'_>]| headers.iter().map(|header| json!([header.name, header.value])).collect::<Vec<_>>();
    json!({
        "request_id": request.request_id,
        "method": request.method,
        "uri": request.uri,
        "querystring": request.querystring,
        "client_ip": request.client_ip,
        "headers": list(&request.headers),
        "protocol": request.origin.protocol,
        "path": request.origin.path,
        "custom_headers": list(&request.origin.custom_headers),
        "body": request.body.as_ref().map(|body| json!([body.encoding, String::from_utf8_lossy(body.data), body.input_truncated])),
    })
}

pub(crate) fn forward(edits: Edits) -> Decision {
    Decision { action: Action::Forward(edits), log: vec![] }
}

pub(crate) fn iam_policy(effect: &str, resource: &str) -> Value {
    json!({
        "principalId": "test",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": resource }],
        },
    })
}

/// Allows the one method that is asked, in the form that this kind of API takes.
pub(crate) fn allow(event: &Value) -> Result<Value, String> {
    Ok(match event["methodArn"].as_str() {
        Some(arn) => iam_policy("Allow", arn),
        None => json!({ "isAuthorized": true }),
    })
}

/// A REST API, stage `prod`, no API key, no identity sources, the built-in backend.
pub(crate) fn options() -> Options {
    Options {
        edge: "127.0.0.1:0".parse().unwrap(),
        gateway: "127.0.0.1:0".parse().unwrap(),
        api: ApiKind::Rest,
        stage: "prod".to_owned(),
        api_id: "local12345".to_owned(),
        custom_headers: vec![],
        log: Log::new(None, LOG.with(MemoryLog::clone)),
        api_keys: None,
        identity_sources: IdentitySources::None,
        backend: Backend::BuiltIn,
        domain: None,
        overwrite_path: None,
        answer: Answer::Simple,
        keeps_base_path: false,
        routing_rule: None,
    }
}

/// Both servers, an edge function that changes nothing and an authorizer that allows; returns the events of both.
pub(crate) async fn start_open(options: Options) -> (Running, Seen, Seen) {
    let (edge_seen, gateway_seen) = (Seen::default(), Seen::default());
    let (edge, gateway) = (edge_seen.clone(), gateway_seen.clone());
    let edge = Edge(move |request: &OriginRequest<'_>| {
        edge.push(edge_event(request));
        forward(Edits::default())
    });
    let authorizer = Authorizer(move |event: Value| {
        let answer = allow(&event);
        gateway.push(event);
        answer
    });
    let running = start_within(options, edge, authorizer, Limits::default()).await.unwrap();
    (running, edge_seen, gateway_seen)
}

/// Both servers with an edge function of the test's own.
pub(crate) async fn start_with(options: Options, edge: impl EdgeFunction, limits: Limits) -> Running {
    start_within(options, edge, Authorizer(|event: Value| allow(&event)), limits).await.unwrap()
}

/// The gateway with an authorizer of the test's own. The edge beside it is not used.
pub(crate) async fn start_gateway(options: Options, authorizer: impl AuthorizerFunction, limits: Limits) -> Running {
    let edge = Edge(|_: &OriginRequest<'_>| forward(Edits::default()));
    start_within(options, edge, authorizer, limits).await.unwrap()
}

thread_local! {
    static LOG: MemoryLog = MemoryLog::default();
}

/// The log of what this thread starts with [`options`], from now on.
pub(crate) fn log() -> TestLog {
    let log = LOG.with(MemoryLog::clone);
    log.take();
    TestLog(log)
}

pub(crate) struct TestLog(MemoryLog);

impl TestLog {
    /// The lines so far, without the time, and forgets them.
    pub(crate) fn take(&self) -> Vec<Value> {
        let timeless = |mut line: Value| {
            line.as_object_mut().unwrap().remove("timestamp");
            line
        };
        self.0.take().into_iter().map(timeless).collect()
    }
}
