//! What the functions report to their operators: one log, and the metrics in it.
//!
//! An [`Event`] is a line of the log. It knows its fields and its metrics, and [`Log`] writes it once, as one JSON object, with
//! the metrics in CloudWatch's embedded metric format. Nothing calls CloudWatch, and nothing reads a line again.

mod causes;
mod event;
mod function_name;
mod line;
mod log;
mod memory;
mod metric;
mod version;

pub use causes::Causes;
pub use event::{
    Detail, EdgeRemark, Event, Level, RefusedRequest, RotationEnd, SecondCheckRefusal, Step, UnsignedRequest,
};
pub use function_name::function_name;
pub use line::line;
pub use log::Log;
pub use memory::MemoryLog;
pub use metric::{Dimension, METRICS, Metric, NAMESPACE, Unit};
pub use version::VERSION;
