//! What the log says of each request, kept for the tour in the place of standard error.

use serde_json::Value;
use std::fmt;
use telemetry::{Log, MemoryLog};

/// The log of the functions and of the servers, in the place of standard error.
#[derive(Clone, Default)]
pub(crate) struct DecisionLog(MemoryLog);

/// A line of the log about a request.
pub(crate) struct LoggedDecision {
    /// The event without `request-`.
    decision: String,
    reason: String,
}

/// Only the authorizer has a reason that a reader of the tour should see. Its beginning, `token-` or `next-`, says whether what follows
/// the signature has refused.
impl fmt::Display for LoggedDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.decision.trim_end_matches("-by-token").trim_end_matches("-by-next-authorizer");
        match decision {
            "refused" | "would-be-refused" | "undecided" => write!(f, "{decision}: {}", self.reason),
            decision => f.write_str(decision),
        }
    }
}

impl DecisionLog {
    /// Where the lines are written.
    pub(crate) fn log(&self) -> Log {
        Log::new(None, self.0.clone())
    }

    /// The decisions since it was last asked.
    pub(crate) fn take(&self) -> Vec<LoggedDecision> {
        self.0.take().iter().filter_map(LoggedDecision::read).collect()
    }
}

impl LoggedDecision {
    /// Other lines than those about requests are nothing to the tour.
    fn read(line: &Value) -> Option<Self> {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let decision = text("event").strip_prefix("request-")?.to_owned();
        Some(Self { decision, reason: text("reason") })
    }
}
