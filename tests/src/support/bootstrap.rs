//! The real programs `bootstrap`, which ask the Lambda Runtime API for work.

use crate::support::{
    artifacts::artifact,
    patience::PATIENCE,
    said_once::{assert_json_said_once, assert_said_once},
};
use local::{AuthorizerFunction, FunctionError, FunctionProcess};
use serde_json::Value;
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};
use telemetry::{Log, MemoryLog};
use tokio::time::timeout;

/// `bootstrap` as Lambda runs it. Killed when dropped.
pub(crate) struct Bootstrap {
    function: FunctionProcess,
    lines: Lines,
    ids: AtomicU64,
}

/// The result of the function for an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Invocation {
    /// It answered.
    Response(Value),
    /// It failed, with this type and message.
    Error(String, String),
}

impl Bootstrap {
    /// Starts the authorizer, with this environment and no other.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        Self::of("authorizer", variables).await
    }

    /// Starts this function.
    pub(crate) async fn of(function: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_in(&artifact(function), variables).await
    }

    /// Starts the function that was unpacked into this folder, which has its name.
    pub(crate) async fn start_in(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let (lines, log) = lines();
        Self { function: start(folder, variables, log).await.unwrap(), lines, ids: AtomicU64::new(1) }
    }

    /// Passes the program one event, of any bytes.
    pub(crate) async fn invoke(&self, event: impl Into<Vec<u8>>) -> Invocation {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.invoke_as(&format!("00000000-0000-4000-8000-{id:012}"), event).await
    }

    /// Passes an event under this request id: Lambda gives a retry the id of the first try. If the caller stops
    /// waiting, the process is killed at that point.
    pub(crate) async fn invoke_as(&self, id: &str, event: impl Into<Vec<u8>>) -> Invocation {
        match self.function.invoke(id, event.into()).await {
            Ok(answer) => Invocation::Response(answer),
            Err(FunctionError::Threw { kind, message }) => {
                assert_said_once(&message);
                Invocation::Error(kind, message)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Kills the program and returns its log, with its start.
    pub(crate) async fn whole_log(self) -> Vec<Value> {
        timeout(PATIENCE, self.function.stop()).await.expect("its log ends");
        self.lines.take_all()
    }

    /// Kills the program and returns its log, one JSON object a line.
    pub(crate) async fn log(self) -> Vec<Value> {
        timeout(PATIENCE, self.function.stop()).await.expect("its log ends");
        self.lines.take()
    }
}

/// The lines about requests, one for each.
pub(crate) fn decisions(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|line| line["event"].as_str().is_some_and(is_about_a_request)).collect()
}

fn is_about_a_request(event: &str) -> bool {
    event.starts_with("request-") || event == "event-unreadable"
}

impl AuthorizerFunction for Bootstrap {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        self.function.authorize(event, now).await
    }
}

/// Runs a function where it is expected to end by itself.
pub(crate) async fn run_to_its_end(function: &str, variables: &[(&str, &str)]) -> (Option<i32>, Vec<Value>) {
    let (lines, log) = lines();
    match start(&artifact(function), variables, log).await {
        Err(FunctionError::Ended { status, .. }) => (status.code(), lines.take()),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{function} starts"),
    }
}

async fn start(folder: &Path, variables: &[(&str, &str)], log: Log) -> Result<FunctionProcess, FunctionError> {
    let name = folder.file_name().unwrap().to_str().unwrap();
    FunctionProcess::program(name, &folder.join("bootstrap"), variables, PATIENCE, log).await
}

/// What a function has written: nothing but its log.
#[derive(Clone, Default)]
pub(crate) struct Lines(MemoryLog);

impl Lines {
    /// The lines so far, and forgets them. That a function has started is not among them.
    pub(crate) fn take(&self) -> Vec<Value> {
        let mut lines = self.take_all();
        lines.retain(|line| line["event"] != "function-started");
        lines
    }

    /// The lines so far, with the start of the function, and forgets them. Each says its causes once.
    pub(crate) fn take_all(&self) -> Vec<Value> {
        let parsed = |line: &String| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let lines: Vec<Value> = self.0.take_lines().iter().map(parsed).collect();
        lines.iter().for_each(assert_json_said_once);
        lines
    }
}

/// Lines, and the log that they are of.
pub(crate) fn lines() -> (Lines, Log) {
    let lines = Lines::default();
    let log = Log::new(None, lines.0.clone());
    (lines, log)
}
