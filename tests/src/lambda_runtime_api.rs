//! The Lambda Runtime API on loopback, and the real programs `bootstrap` that ask it for work.

use crate::{artifacts::artifact, stage::PATIENCE};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use local::AuthorizerFunction;
use serde_json::Value;
use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// `bootstrap` as Lambda runs it. Killed when dropped.
pub(crate) struct Bootstrap {
    child: Child,
    /// Read all the while: a pipe that is full would hold the program up.
    output: JoinHandle<(Vec<u8>, Vec<u8>)>,
    server: JoinHandle<()>,
    state: Arc<State>,
    ids: AtomicU64,
}

/// What the function made of an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Invocation {
    /// It answered.
    Response(Value),
    /// It failed, with this type and message.
    Error(String, String),
}

struct State {
    send: mpsc::UnboundedSender<(String, Vec<u8>)>,
    next: Mutex<mpsc::UnboundedReceiver<(String, Vec<u8>)>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Invocation>>>,
}

impl Bootstrap {
    /// Starts the Runtime API and the authorizer, with this environment and no other.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        Self::of("authorizer", variables).await
    }

    /// Starts the Runtime API and this function.
    pub(crate) async fn of(function: &str, variables: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (send, next) = mpsc::unbounded_channel();
        let state = Arc::new(State { send, next: Mutex::new(next), waiting: Mutex::default() });
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        let mut child = command(function, address, variables).spawn().expect("bootstrap starts");
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let output = tokio::spawn(async move {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let _ = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
            (out, err)
        });
        Self { child, output, server, state, ids: AtomicU64::new(1) }
    }

    /// Hands the program one event, whatever bytes those are.
    pub(crate) async fn invoke(&self, event: impl Into<Vec<u8>>) -> Invocation {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.invoke_as(&format!("00000000-0000-4000-8000-{id:012}"), event).await
    }

    /// Hands it over under this request id: Lambda gives a retry that of the first try.
    pub(crate) async fn invoke_as(&self, id: &str, event: impl Into<Vec<u8>>) -> Invocation {
        let (tell, told) = oneshot::channel();
        self.state.waiting.lock().await.insert(id.to_owned(), tell);
        self.state.send.send((id.to_owned(), event.into())).unwrap();
        timeout(PATIENCE, told).await.expect("an answer in time").expect("the server lives")
    }

    /// Kills the program where it is.
    pub(crate) fn kill(&mut self) {
        self.child.start_kill().unwrap();
    }

    /// Ends the program and returns its log, one JSON object a line.
    pub(crate) async fn log(mut self) -> Vec<Value> {
        // It may have been killed before.
        let _ = self.child.start_kill();
        self.server.abort();
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        let (stdout, stderr) = timeout(PATIENCE, self.output).await.expect("its log ends").unwrap();
        log_lines(&stdout, &stderr)
    }
}

/// The lines about requests, one for each.
pub(crate) fn decisions(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|line| line["decision"].is_string()).collect()
}

impl AuthorizerFunction for Bootstrap {
    async fn authorize(&self, event: &str, _: SystemTime) -> Result<Value, String> {
        match self.invoke(event).await {
            Invocation::Response(response) => Ok(response),
            Invocation::Error(_, message) => Err(message),
        }
    }
}

/// Runs a function where it is expected to end by itself.
pub(crate) async fn run_to_its_end(function: &str, variables: &[(&str, &str)]) -> (Option<i32>, Vec<Value>) {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let output = timeout(PATIENCE, command(function, nowhere, variables).output()).await.expect("it ends").unwrap();
    (output.status.code(), log_lines(&output.stdout, &output.stderr))
}

fn command(function: &str, runtime_api: SocketAddr, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(artifact(&format!("{function}/bootstrap")));
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn log_lines(stdout: &[u8], stderr: &[u8]) -> Vec<Value> {
    assert_eq!(String::from_utf8_lossy(stderr), "", "nothing but the log is written");
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(answer(&state, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().trim_start_matches("/2018-06-01/runtime/invocation/").to_owned();
    let empty = |status| Response::builder().status(status).body(Full::default()).unwrap();
    if path == "next" {
        let Some((id, event)) = state.next.lock().await.recv().await else {
            return empty(500);
        };
        return Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", "9999999999999")
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:123456789012:function:authorizer")
            .header("lambda-runtime-trace-id", "Root=1-0-0")
            .body(Full::from(event))
            .unwrap();
    }
    let Some((id, kind)) = path.split_once('/') else {
        return empty(404);
    };
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let invocation = match kind {
        "response" => Invocation::Response(body),
        "error" => Invocation::Error(text("errorType"), text("errorMessage")),
        _ => return empty(404),
    };
    if let Some(tell) = state.waiting.lock().await.remove(id) {
        let _ = tell.send(invocation);
    }
    empty(202)
}
