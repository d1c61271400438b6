//! The real function of the edge: Node with the addon, asked as CloudFront asks it.

use crate::support::{
    artifacts::artifact,
    bootstrap::{Lines, lines},
    patience::PATIENCE,
    said_once::assert_said_once,
};
use edge_signer::{Decision, OriginRequest};
use local::{EdgeFunction, FunctionError, FunctionProcess};
use serde_json::{Value, json};
use std::{path::Path, time::SystemTime};

/// A Node process that has the function loaded. Killed when dropped.
pub(crate) struct EdgeProcess {
    function: FunctionProcess,
    lines: Lines,
}

/// The function's result, and its log lines.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) result: Value,
    pub(crate) log: Vec<Value>,
}

impl EdgeProcess {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with these environment variables beside the present ones.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_in(&artifact("edge-signer"), variables).await
    }

    /// Starts the function that was unpacked into this folder.
    pub(crate) async fn start_in(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let (lines, log) = lines();
        let module = folder.join("index.mjs");
        let function = FunctionProcess::node("edge-signer", &module, variables, PATIENCE, log).await.unwrap();
        Self { function, lines }
    }

    /// Calls the function with an event, and returns its log, with its start.
    pub(crate) async fn whole_log_of(&self, event: &Value) -> Vec<Value> {
        self.function.invoke("r", event.to_string()).await.unwrap();
        self.lines.take_all()
    }

    /// Calls the function with an event.
    pub(crate) async fn call(&self, event: &Value) -> Returned {
        let result = match self.function.invoke("r", event.to_string()).await {
            Ok(result) => result,
            Err(FunctionError::Threw { message, .. }) => {
                assert_said_once(&message);
                json!({ "threw": message })
            }
            Err(error) => panic!("{error}"),
        };
        Returned { result, log: self.lines.take() }
    }
}

impl EdgeFunction for EdgeProcess {
    async fn handle(&self, request: &OriginRequest<'_>, now: SystemTime) -> Result<Decision, String> {
        self.function.handle(request, now).await
    }
}
