//! What the Lambda functions tell their operators: the log, and the metrics in it.
//!
//! Metrics are no calls of their own: [`embed`] reads them off the line that a function logs anyway, by the one table
//! [`METRICS`], in which every name stands once. [`log`] is the log of a program, with the metrics in it; the edge writes its
//! own lines and embeds by itself.

mod function_name;
#[cfg(feature = "log")]
pub mod log;
mod metrics;

pub use function_name::function_name;
pub use metrics::{Dimension, METRICS, Metric, NAMESPACE, Unit, embed};
