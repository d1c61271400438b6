//! A function as Lambda runs it: a process that asks the Runtime API for its work.

use crate::{
    lambda::{
        error::FunctionError,
        functions::AuthorizerFunction,
        output::Output,
        runtime_api::{InvocationResult, RuntimeApi},
    },
    random,
};
use bytes::Bytes;
use serde_json::Value;
use std::{
    collections::VecDeque,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use telemetry::{Detail, Event, Log};
use tokio::{
    process::{Child, ChildStdin, Command},
    task::JoinSet,
    time::sleep,
};

/// Lambda's limit for the start of a function.
const INIT: Duration = Duration::from_secs(10);

/// How many of the last lines of a process the error about its end has.
const LAST_LINES: usize = 5;

/// Runs a function of Node, whose module is the argument.
const NODE_RUNTIME: &str = include_str!("node_runtime.mjs");

/// A function in a process of its own, which handles one invocation at a time. The process is killed on drop. If the
/// process that started it is killed, it does not reach the Runtime API any more, and ends.
///
/// If a process has ended, the next invocation starts a new one. A process is killed if it takes too long, if its
/// answer is not JSON, or if its caller no longer waits: its answer could go to another caller.
pub struct FunctionProcess {
    launch: Launch,
    limit: Duration,
    log: Log,
    running: tokio::sync::Mutex<Option<Running>>,
    /// The output of processes that have ended too: it is read to its end.
    readers: Mutex<JoinSet<()>>,
}

impl FunctionProcess {
    /// Starts a program, such as the `bootstrap` of a function on `provided.al2023`, with this environment and no other; and
    /// waits until it asks for work. An invocation may take so long.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub async fn program(
        name: &str,
        program: &Path,
        environment: &[(&str, &str)],
        limit: Duration,
        log: Log,
    ) -> Result<Self, FunctionError> {
        let launch = Launch {
            environment: owned(environment),
            keeps_environment: false,
            ..Launch::new(name, program.as_os_str().to_owned())
        };
        Self::start(launch, limit, log).await
    }

    /// Starts the `handler` of a module in Node, with this environment beside that of this process; and waits until it asks for
    /// work. An invocation may take so long. Each line that it writes goes to `log`, when it is written.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub async fn node(
        name: &str,
        module: &Path,
        environment: &[(&str, &str)],
        limit: Duration,
        log: Log,
    ) -> Result<Self, FunctionError> {
        let launch = Launch {
            interpreter: Some(Interpreter::Node),
            arguments: vec![
                "--input-type=module".into(),
                "--eval".into(),
                NODE_RUNTIME.into(),
                module.as_os_str().to_owned(),
            ],
            environment: owned(environment),
            ..Launch::new(name, "node".into())
        };
        Self::start(launch, limit, log).await
    }

    /// Starts a process, and waits until it asks for work.
    pub(crate) async fn start(launch: Launch, limit: Duration, log: Log) -> Result<Self, FunctionError> {
        let function = Self { launch, limit, log, running: tokio::sync::Mutex::default(), readers: Mutex::default() };
        *function.running.lock().await = Some(function.spawn().await?);
        Ok(function)
    }

    /// Passes an event to the function, and returns its answer. All lines that it wrote until then are in the log.
    ///
    /// # Errors
    /// The function threw, or its process failed.
    pub async fn invoke(&self, request_id: &str, event: impl Into<Bytes>) -> Result<Value, FunctionError> {
        self.invoke_both(request_id, event.into()).await.map(|(value, _)| value)
    }

    /// As [`invoke`](Self::invoke), with the answer as the function wrote it.
    pub(crate) async fn invoke_for_text(&self, request_id: &str, event: Bytes) -> Result<Bytes, FunctionError> {
        self.invoke_both(request_id, event).await.map(|(_, text)| text)
    }

    async fn invoke_both(&self, request_id: &str, event: Bytes) -> Result<(Value, Bytes), FunctionError> {
        let mut place = self.running.lock().await;
        // Taken out, so that only a process that can handle more invocations is put back.
        let living = place.take().and_then(Running::living);
        let mut running = match living {
            Some(running) => running,
            None => self.spawn().await?,
        };
        let answer = running.invoke(request_id, event, self.limit).await;
        if matches!(answer, Ok(_) | Err(FunctionError::Threw { .. })) {
            *place = Some(running);
        }
        answer
    }

    /// Ends the process. After that, all lines that it wrote are in the log.
    pub async fn stop(self) {
        drop(self.running.lock().await.take());
        let mut readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        while readers.join_next().await.is_some() {}
    }

    /// Starts the process, and waits until it asks for work.
    async fn spawn(&self) -> Result<Running, FunctionError> {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let lines = {
            let (log, last) = (self.log.clone(), Arc::clone(&last));
            move |line: &str| {
                log.pass_on(line);
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                last.push_back(line.to_owned());
                if last.len() > LAST_LINES {
                    last.pop_front();
                }
            }
        };
        let (output, writer) = Output::new(lines)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).spawn(Arc::clone(&output).read());
        let api = RuntimeApi::start(&self.launch.name, Arc::clone(&output)).await?;
        let mut command = self.launch.command();
        command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        // One for both, so that lines stay in their order.
        command.stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => match self.launch.interpreter {
                Some(Interpreter::Node) => FunctionError::NoNode("`node` is not on the PATH".to_owned()),
                Some(Interpreter::Python) => FunctionError::NoPython("`python3` is not on the PATH".to_owned()),
                None => FunctionError::Start(error),
            },
            _ => FunctionError::Start(error),
        })?;
        // Kept separately, because waiting for a child closes its standard input.
        let stdin = child.stdin.take();
        let mut running = Running { child, _stdin: stdin, api, output, last };
        let ready = tokio::select! {
            biased;
            ready = running.api.ready() => ready,
            status = running.child.wait() => Err(running.ended(status)),
            () = sleep(INIT) => Err(FunctionError::Timeout(INIT)),
        };
        ready.map(|()| running)
    }
}

impl AuthorizerFunction for FunctionProcess {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        self.invoke(&random::request_id(), event.to_owned()).await.map_err(|error| {
            // The function itself has logged what it threw.
            if !matches!(error, FunctionError::Threw { .. }) {
                let detail = format_args!("the authorizer failed: {error}");
                self.log.write(&Event::FunctionFailed { detail: Detail(&detail) }, now);
            }
            error.to_string()
        })
    }
}

/// A process, and its Runtime API. Killed on drop.
struct Running {
    child: Child,
    /// Open as long as this process lives. When it closes, Node ends, also in an endless loop.
    _stdin: Option<ChildStdin>,
    api: RuntimeApi,
    output: Arc<Output>,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Running {
    /// The process, if it has not ended since.
    fn living(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }

    async fn invoke(
        &mut self,
        request_id: &str,
        event: Bytes,
        limit: Duration,
    ) -> Result<(Value, Bytes), FunctionError> {
        let answer = self.api.hand_over(request_id, event, limit);
        let answer = tokio::select! {
            // An answer counts, even if the process ends directly after it.
            biased;
            answer = answer => answer,
            status = self.child.wait() => return Err(self.ended(status)),
            () = sleep(limit) => return Err(FunctionError::Timeout(limit)),
        };
        match answer {
            InvocationResult::Response(value, text) => Ok((value, text)),
            InvocationResult::Error { kind, message } => Err(FunctionError::Threw { kind, message }),
            InvocationResult::Unreadable => Err(FunctionError::Answer),
        }
    }

    fn ended(&self, status: io::Result<ExitStatus>) -> FunctionError {
        self.output.drain();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect::<Vec<_>>();
        match status {
            Ok(status) => FunctionError::Ended { status, last: last.join("\n") },
            Err(error) => FunctionError::Start(error),
        }
    }
}

/// How a process is started.
#[derive(Clone)]
pub(crate) struct Launch {
    pub(crate) name: String,
    pub(crate) program: OsString,
    /// What the program is, if it is not the function itself.
    pub(crate) interpreter: Option<Interpreter>,
    pub(crate) arguments: Vec<OsString>,
    /// The folder in which it runs, if not in that of this process.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) environment: Vec<(String, String)>,
    /// Whether it also has the environment of this process.
    pub(crate) keeps_environment: bool,
}

/// A program that runs functions.
#[derive(Clone, Copy)]
pub(crate) enum Interpreter {
    Node,
    Python,
}

impl Launch {
    /// A program without arguments, which has the environment of this process.
    pub(crate) fn new(name: &str, program: OsString) -> Self {
        Self {
            name: name.to_owned(),
            program,
            interpreter: None,
            arguments: Vec::new(),
            folder: None,
            environment: Vec::new(),
            keeps_environment: true,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if !self.keeps_environment {
            command.env_clear();
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder).env("LAMBDA_TASK_ROOT", folder);
        }
        command
            .args(&self.arguments)
            .env("AWS_LAMBDA_FUNCTION_NAME", &self.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn owned(environment: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
