//! What the Lambda functions share: their settings, their log, and the metrics in it.
//!
//! [`Environment`] reads the settings of a program. Metrics are no calls of their own: [`embed`] reads them off the line that a
//! function logs anyway, by the one table [`METRICS`], in which every name stands once. [`log`] is the log of a program, with the
//! metrics in it; the edge writes its own lines and embeds by itself.

mod environment;
#[cfg(feature = "log")]
pub mod log;
mod metrics;

pub use environment::{Environment, EnvironmentError, function_name};
pub use metrics::{Dimension, METRICS, Metric, NAMESPACE, Unit, embed};
