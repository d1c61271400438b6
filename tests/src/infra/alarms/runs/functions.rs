//! The real functions, and those that stand in their places in an outage.

use crate::{
    infra::alarms::runs::servers::{AUTHORIZER, SIGNER},
    support::{artifacts::artifact, keys::Keys, patience::PATIENCE},
};
use authorizer::{Authorizer, AuthorizerConfig};
use edge_signer::{Action, Decision, Edits, OriginRequest};
use key_store::aws::{CallLimits, of_lambda};
use local::{AuthorizerFunction, EdgeFunction, FunctionProcess};
use serde_json::Value;
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use telemetry::{Log, MemoryLog};
use tempfile::TempDir;

/// The signer in Node.
pub(crate) async fn signer(log: &MemoryLog) -> FunctionProcess {
    let module = artifact("edge-signer").join("index.mjs");
    FunctionProcess::node(SIGNER, &module, &[], PATIENCE, Log::new(None, log.clone())).await.unwrap()
}

/// The authorizer as its program.
pub(crate) async fn authorizer(source: &str, mode: &str, log: &MemoryLog) -> FunctionProcess {
    let program = artifact("authorizer").join("bootstrap");
    let variables = [("COUNTERSIGN_SECRET", source), ("COUNTERSIGN_MODE", mode)];
    FunctionProcess::program(AUTHORIZER, &program, &variables, PATIENCE, Log::new(None, log.clone())).await.unwrap()
}

/// CloudFront without an association: no function is there, and the request goes to the origin as it is.
pub(crate) struct NoAssociation;

impl EdgeFunction for NoAssociation {
    async fn handle(&self, _: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
        Ok(Decision { action: Action::Forward(Edits::default()), log: Vec::new() })
    }
}

/// A function in Node with this handler in the place of ours. The folder has to stay.
pub(crate) async fn with_handler(
    name: &str,
    body: &str,
    limit: Duration,
    log: &MemoryLog,
) -> (FunctionProcess, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("index.mjs");
    fs::write(&module, format!("export const handler = async (event) => {{ {body} }};\n")).unwrap();
    let function = FunctionProcess::node(name, &module, &[], limit, Log::new(None, log.clone())).await.unwrap();
    (function, folder)
}

/// The authorizer in this process, at a time that the test says: its caches ask no other clock.
pub(crate) struct AuthorizerAtATime {
    authorizer: Authorizer,
    start: SystemTime,
    later: Clock,
}

/// The seconds since the start of an authorizer.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl AuthorizerAtATime {
    pub(crate) fn new(keys: &Keys, log: &MemoryLog, later: &Clock) -> Self {
        let variables = [("COUNTERSIGN_SECRET", keys.source())];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let config = AuthorizerConfig::read(variables).unwrap();
        let log = Log::new(Some(AUTHORIZER.to_owned()), log.clone());
        // The keys are in a file: AWS is not asked for any.
        let authorizer = Authorizer::new(config, &of_lambda(CallLimits::BRIEF), log);
        Self { authorizer, start: SystemTime::now(), later: later.clone() }
    }
}

impl AuthorizerFunction for AuthorizerAtATime {
    async fn authorize(&self, event: &str, _: SystemTime) -> Result<Value, String> {
        let now = self.start + Duration::from_secs(self.later.0.load(Ordering::SeqCst));
        AuthorizerFunction::authorize(&self.authorizer, event, now).await
    }
}
