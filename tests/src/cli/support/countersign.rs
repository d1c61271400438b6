//! The program `countersign`, and `countersign local` while it runs.

use crate::support::{
    artifacts::artifact,
    patience::PATIENCE,
    said_once::{assert_json_said_once, assert_said_once},
};
use serde_json::Value;
use std::{
    net::SocketAddr,
    process::{Output, Stdio},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

pub(crate) fn countersign(arguments: &[&str]) -> Command {
    let mut command = Command::new(artifact("countersign"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

pub(crate) async fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        timeout(PATIENCE * 2, countersign(arguments).output()).await.expect("it ends").unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_errors_said_once(&stdout, &stderr);
    (status.code(), stdout, stderr)
}

/// Asserts that each error that the program printed, as text or as JSON, says its causes once.
#[track_caller]
pub(crate) fn assert_errors_said_once(out: &str, error: &str) {
    error.lines().filter_map(|line| line.strip_prefix("error: ")).for_each(assert_said_once);
    if let Ok(value) = serde_json::from_str(out) {
        assert_json_said_once(&value);
    }
}

/// `countersign local`, ready.
pub(crate) struct Local {
    pub(crate) child: Child,
    /// Read continuously: a full pipe would block the program.
    log: JoinHandle<String>,
    pub(crate) edge: SocketAddr,
    pub(crate) gateway: SocketAddr,
    pub(crate) keys: String,
}

impl Local {
    pub(crate) async fn start(more: &[&str]) -> Self {
        let arguments = [&["local", "--edge", "127.0.0.1:0", "--gateway", "127.0.0.1:0"], more].concat();
        let mut child = countersign(&arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = timeout(PATIENCE, lines.next_line()).await.expect("it is ready in time").unwrap();
        let ready = ready.expect("it says that it is ready");
        let ["ready", edge, gateway, "api=rest" | "api=http", keys] = ready.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{ready}")
        };
        let address = |text: &str, start: &str, end: &str| {
            text.strip_prefix(start).and_then(|text| text.strip_suffix(end)).unwrap().parse().unwrap()
        };
        let mut stderr = child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            stderr.read_to_string(&mut log).await.unwrap();
            log
        });
        Self {
            child,
            log,
            edge: address(edge, "edge=http://", ""),
            gateway: address(gateway, "gateway=http://", "/prod"),
            keys: keys.strip_prefix("keys=").unwrap().to_owned(),
        }
    }

    /// Sends a signal and returns the status and the log.
    pub(crate) async fn end(mut self, signal: &str) -> (Option<i32>, Vec<Value>) {
        let id = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-s", signal, &id]).status().await.unwrap();
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        let log = timeout(PATIENCE, self.log).await.expect("its log ends").unwrap();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(assert_json_said_once);
        (status.code(), lines)
    }
}
