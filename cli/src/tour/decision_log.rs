//! What the log says of each decision, kept for the tour in the place of standard error.

use anyhow::Result;
use local::FunctionLog;
use serde_json::Value;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _};

/// The lines of the log about decisions, in the place of standard error.
#[derive(Clone, Default)]
pub(crate) struct DecisionLog(Arc<Mutex<Vec<LoggedDecision>>>);

#[derive(Default)]
pub(crate) struct LoggedDecision {
    decision: String,
    reason: String,
}

/// What decides by the rules names the reason in one word.
impl fmt::Display for LoggedDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decision.as_str() {
            "refused" | "would-refuse" => write!(f, "{}: {}", self.decision, self.reason),
            decision => f.write_str(decision),
        }
    }
}

impl DecisionLog {
    /// Takes the whole process's log.
    pub(crate) fn capture() -> Result<Self> {
        let log = Self::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone()))?;
        Ok(log)
    }

    /// Takes the lines of functions in processes of their own.
    pub(crate) fn of_functions(&self) -> FunctionLog {
        let log = self.clone();
        Arc::new(move |line: &str| log.push(LoggedDecision::read(line)))
    }

    /// Other lines than those about decisions are nothing to the tour.
    fn push(&self, logged: LoggedDecision) {
        if !logged.decision.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(logged);
        }
    }

    /// What was logged since it was last asked.
    pub(crate) fn take(&self) -> Vec<LoggedDecision> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for DecisionLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut logged = LoggedDecision::default();
        event.record(&mut logged);
        self.push(logged);
    }
}

impl LoggedDecision {
    fn read(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { decision: text("decision"), reason: text("reason") }
    }
}

impl Visit for LoggedDecision {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "decision" => value.clone_into(&mut self.decision),
            "reason" => value.clone_into(&mut self.reason),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
