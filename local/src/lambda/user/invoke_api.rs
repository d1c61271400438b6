//! The operation Invoke of Lambda's API on loopback, for one function.
//!
//! The documented limits and errors are those of AWS: a function that ends with an error is a status 200 with the header
//! `X-Amz-Function-Error`; a caller that may not call is 403; a function that runs as often as it may is 429.
//! Known differences: a signature is only looked at for its Region and service, its value is not checked; a function has no versions
//! and aliases; a process is ended if its caller no longer waits.

use crate::{
    lambda::{error::FunctionError, process::FunctionProcess, user::function::UserFunction},
    random,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::ExitStatusExt as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use telemetry::Log;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, TryAcquireError},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// Lambda's limit for the payload of a synchronous invocation.
const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";

/// How the function is run.
#[derive(Clone, Debug)]
pub struct InvokeOptions {
    /// How long an invocation may take: the function's timeout.
    pub timeout: Duration,
    /// How many invocations run at the same time: the function's reserved concurrency. Each has a process of its own.
    pub concurrency: usize,
    /// Variables beside those of this process.
    pub environment: Vec<(String, String)>,
}

impl Default for InvokeOptions {
    /// Ten at a time, for at most 30 s: the callers in this workspace have shorter limits of their own.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), concurrency: 10, environment: Vec::new() }
    }
}

/// A server with Lambda's API for one function. On drop its connections close and its processes end.
pub struct InvokeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    function: UserFunction,
    arn: String,
    options: InvokeOptions,
    places: Semaphore,
    /// Processes that wait for work.
    idle: Mutex<Vec<FunctionProcess>>,
    log: Log,
}

impl InvokeApi {
    /// Starts the server on a free port, and a first process of the function. What the function writes goes to `log`.
    ///
    /// # Errors
    /// If the function cannot be started.
    pub async fn start(function: UserFunction, options: InvokeOptions, log: Log) -> Result<Self, FunctionError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", function.name()),
            places: Semaphore::new(options.concurrency),
            idle: Mutex::default(),
            function,
            options,
            log,
        });
        let first = shared.new_process().await?;
        shared.idle().push(first);
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Its URL, for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The ARN of the function.
    pub fn function_arn(&self) -> &str {
        &self.shared.arn
    }
}

impl Drop for InvokeApi {
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
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// An error of Lambda's API, as its clients read it.
struct ApiError {
    status: StatusCode,
    code: &'static str,
    body: Value,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, body: json!({ "Type": "User", "message": message.into(), "Message": null }) }
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let request_id = random::request_id();
        let answer = match self.check(&request) {
            Ok(()) => self.invoke(&request_id, request).await,
            Err(error) => Err(error),
        };
        let response = Response::builder().header("Content-Type", "application/json");
        let response = response.header("x-amzn-RequestId", &request_id);
        let (response, body) = match answer {
            Ok((None, answer)) => (response.header("X-Amz-Executed-Version", "$LATEST"), answer),
            Ok((Some(kind), answer)) => {
                let response = response.header("X-Amz-Executed-Version", "$LATEST");
                (response.header("X-Amz-Function-Error", kind), answer)
            }
            Err(ApiError { status, code, body }) => {
                (response.status(status).header("x-amzn-ErrorType", code), Bytes::from(body.to_string()))
            }
        };
        response.body(Full::from(body)).unwrap_or_default()
    }

    /// Who asks, and for what.
    fn check(&self, request: &Request<Incoming>) -> Result<(), ApiError> {
        let name = request.uri().path().strip_prefix("/2015-03-31/functions/");
        let name = name.and_then(|rest| rest.strip_suffix("/invocations"));
        let (Some(name), &Method::POST) = (name, request.method()) else {
            // As for each path that Lambda does not know.
            let (status, code) = (StatusCode::NOT_FOUND, "UnknownOperationException");
            return Err(ApiError::new(status, code, "only the operation Invoke is here"));
        };
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let authorization = header("authorization");
        if !authorization.starts_with("AWS4-HMAC-SHA256 ") {
            let (status, code) = (StatusCode::FORBIDDEN, "MissingAuthenticationTokenException");
            return Err(ApiError::new(status, code, "Missing Authentication Token"));
        }
        if !authorization.contains(&format!("/{REGION}/lambda/aws4_request")) {
            let (status, code) = (StatusCode::FORBIDDEN, "InvalidSignatureException");
            return Err(ApiError::new(status, code, "Credential should be scoped to a valid region."));
        }
        let name = percent_decode_str(name).decode_utf8_lossy();
        let own_name = self.function.name();
        let unqualified = [self.arn.as_str(), own_name, &format!("{ACCOUNT}:function:{own_name}")]
            .into_iter()
            .find_map(|accepted| name.strip_prefix(accepted));
        match unqualified {
            Some("" | ":$LATEST") => {}
            Some(qualifier) if qualifier.starts_with(':') => {
                let (status, code) = (StatusCode::NOT_FOUND, "ResourceNotFoundException");
                return Err(ApiError::new(status, code, format!("Function not found: {}{qualifier}", self.arn)));
            }
            // A role that may call this one function only.
            _ => {
                let message = "the caller is not authorized to perform: lambda:InvokeFunction on this resource because no \
                    identity-based policy allows the lambda:InvokeFunction action";
                return Err(ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message));
            }
        }
        match header("x-amz-invocation-type") {
            "" | "RequestResponse" => Ok(()),
            _ => {
                let (status, code) = (StatusCode::BAD_REQUEST, "InvalidParameterValueException");
                Err(ApiError::new(status, code, "only the invocation type RequestResponse is here"))
            }
        }
    }

    /// The answer of the function, and the kind of its error if it ended with one.
    async fn invoke(
        &self,
        request_id: &str,
        request: Request<Incoming>,
    ) -> Result<(Option<&'static str>, Bytes), ApiError> {
        let Ok(payload) = Limited::new(request.into_body(), PAYLOAD_BYTES).collect().await else {
            let message =
                format!("Request must be smaller than {PAYLOAD_BYTES} bytes for the InvokeFunction operation");
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message));
        };
        let payload = payload.to_bytes();
        if serde_json::from_slice::<Value>(&payload).is_err() {
            let (status, code) = (StatusCode::BAD_REQUEST, "InvalidRequestContentException");
            return Err(ApiError::new(status, code, "Could not parse request body into json"));
        }
        let _place = self.places.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits | TryAcquireError::Closed => ApiError {
                status: StatusCode::TOO_MANY_REQUESTS,
                code: "TooManyRequestsException",
                body: json!({
                    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                    "Type": "User",
                    "message": "Rate Exceeded.",
                }),
            },
        })?;
        let idle = self.idle().pop();
        let process = match idle {
            Some(process) => process,
            None => self.new_process().await.map_err(|error| {
                ApiError::new(StatusCode::BAD_GATEWAY, "InvalidRuntimeException", error.to_string())
            })?,
        };
        let lent = Lent { process: Some(process), idle: &self.idle };
        let answer = lent.invoke(request_id, payload).await;
        Ok(match answer {
            Ok(answer) => (None, answer),
            Err(error) => (Some("Unhandled"), Bytes::from(document(&error, request_id).to_string())),
        })
    }

    async fn new_process(&self) -> Result<FunctionProcess, FunctionError> {
        let launch = self.function.launch(&self.options.environment);
        FunctionProcess::start(launch, self.options.timeout, self.log.clone()).await
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<FunctionProcess>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process that goes back, also if its caller no longer waits.
struct Lent<'a> {
    process: Option<FunctionProcess>,
    idle: &'a Mutex<Vec<FunctionProcess>>,
}

impl Lent<'_> {
    async fn invoke(&self, request_id: &str, payload: Bytes) -> Result<Bytes, FunctionError> {
        match &self.process {
            Some(process) => process.invoke_for_text(request_id, payload).await,
            None => Err(io::Error::other("the process was given back").into()),
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.process.take());
    }
}

/// What Lambda answers about a function that ended with an error. The words about a timeout and about an ended process are those that
/// users report.
fn document(error: &FunctionError, request_id: &str) -> Value {
    let (kind, message) = match error {
        FunctionError::Threw { kind, message } => {
            return json!({ "errorType": kind, "errorMessage": message, "trace": [] });
        }
        FunctionError::Timeout(limit) => {
            ("Sandbox.Timedout", format!("Error: Task timed out after {:.2} seconds", limit.as_secs_f32()))
        }
        FunctionError::Ended { status, .. } => {
            let end = match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(9)) => "signal: killed".to_owned(),
                (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
            };
            ("Runtime.ExitError", format!("Error: Runtime exited with error: {end}"))
        }
        other => ("Runtime.Unknown", format!("Error: {other}")),
    };
    json!({ "errorType": kind, "errorMessage": format!("RequestId: {request_id} {message}") })
}
