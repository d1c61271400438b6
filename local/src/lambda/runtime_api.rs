//! The Lambda Runtime API on loopback, for one process that does one invocation at a time.

use crate::{
    lambda::{error::FunctionError, output::Output},
    random,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// Lambda's limit for the answer of a function.
const ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// The name that our own runtime for Node uses.
const OLD_NODE: &str = "OldNode";

/// The name that our own runtime for Python uses.
const OLD_PYTHON: &str = "OldPython";

/// The result of a function for an event.
#[derive(Debug)]
pub(crate) enum InvocationResult {
    /// The answer, and its text.
    Response(Value, Bytes),
    Error {
        kind: String,
        message: String,
    },
    /// The answer is not JSON, or is too large.
    Unreadable,
}

/// The server. On drop its connections close, and then a runtime ends too.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Event>,
    start: watch::Receiver<Start>,
    task: JoinHandle<()>,
}

/// The state of the process.
enum Start {
    Loading,
    Ready,
    Failed { kind: String, message: String },
}

struct Event {
    request_id: String,
    deadline: SystemTime,
    body: Bytes,
}

struct Shared {
    function_arn: String,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    /// The running invocation.
    waiting: Mutex<Option<(String, oneshot::Sender<InvocationResult>)>>,
    start: watch::Sender<Start>,
    output: Arc<Output>,
}

impl RuntimeApi {
    pub(crate) async fn start(function: &str, output: Arc<Output>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, next) = mpsc::unbounded_channel();
        let (start, started) = watch::channel(Start::Loading);
        let shared = Arc::new(Shared {
            function_arn: format!("arn:aws:lambda:us-east-1:123456789012:function:{function}"),
            next: tokio::sync::Mutex::new(next),
            waiting: Mutex::default(),
            start,
            output,
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, events, start: started, task })
    }

    /// Ends when the process asks for its first event.
    ///
    /// # Errors
    /// The process reported why it will not ask.
    pub(crate) async fn ready(&mut self) -> Result<(), FunctionError> {
        match self.start.wait_for(|start| !matches!(start, Start::Loading)).await.as_deref() {
            Ok(Start::Failed { kind, message }) if kind == OLD_NODE => Err(FunctionError::NoNode(message.clone())),
            Ok(Start::Failed { kind, message }) if kind == OLD_PYTHON => Err(FunctionError::NoPython(message.clone())),
            Ok(Start::Failed { message, .. }) => Err(FunctionError::Init(message.clone())),
            _ => Ok(()),
        }
    }

    /// Passes an event, which must be answered within the limit, and waits for the answer.
    pub(crate) fn hand_over(
        &self,
        request_id: &str,
        body: Bytes,
        limit: Duration,
    ) -> impl Future<Output = InvocationResult> + use<> {
        let (tell, told) = oneshot::channel();
        *self.shared.waiting() = Some((request_id.to_owned(), tell));
        let event = Event { request_id: request_id.to_owned(), deadline: SystemTime::now() + limit, body };
        let _ = self.events.send(event);
        async { told.await.unwrap_or(InvocationResult::Unreadable) }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // For example without free file descriptors: only a busy loop must be avoided.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small answers must not wait for more data.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default().to_owned();
        match path.split('/').collect::<Vec<_>>()[..] {
            ["invocation", "next"] if request.method() == Method::GET => self.next().await,
            ["invocation", id, kind @ ("response" | "error")] => {
                let answer = read(request).await;
                // Before the answer is passed on, so that its receiver finds all earlier lines in the log.
                self.output.drain();
                let mut waiting = self.waiting();
                let Some((_, tell)) = waiting.take_if(|(request_id, _)| request_id == id) else {
                    return status(StatusCode::BAD_REQUEST);
                };
                let _ = tell.send(match answer {
                    None => InvocationResult::Unreadable,
                    Some((value, text)) if kind == "response" => InvocationResult::Response(value, text),
                    Some((value, _)) => InvocationResult::Error {
                        kind: text(&value, "errorType"),
                        message: text(&value, "errorMessage"),
                    },
                });
                status(StatusCode::ACCEPTED)
            }
            ["init", "error"] => {
                let (error, _) = read(request).await.unwrap_or_default();
                let (kind, message) = (text(&error, "errorType"), text(&error, "errorMessage"));
                self.start.send_replace(Start::Failed { kind, message });
                status(StatusCode::ACCEPTED)
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    /// Waits for an event: a runtime that asks is idle.
    async fn next(&self) -> Response<Full<Bytes>> {
        self.start.send_replace(Start::Ready);
        let Some(Event { request_id, deadline, body }) = self.next.lock().await.recv().await else {
            return status(StatusCode::GONE);
        };
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = [
            ("lambda-runtime-aws-request-id", request_id),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", self.function_arn.clone()),
            ("lambda-runtime-trace-id", random::trace_id(deadline.as_secs())),
        ];
        let response =
            headers.into_iter().fold(Response::builder(), |response, (name, value)| response.header(name, value));
        response.body(Full::from(body)).unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn waiting(&self) -> MutexGuard<'_, Option<(String, oneshot::Sender<InvocationResult>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(request: Request<Incoming>) -> Option<(Value, Bytes)> {
    let body = Limited::new(request.into_body(), ANSWER_BYTES).collect().await.ok()?.to_bytes();
    Some((serde_json::from_slice(&body).ok()?, body))
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
