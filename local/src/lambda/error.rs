//! Why a function does not answer.

use std::{io, process::ExitStatus, time::Duration};

/// Why a function cannot be started, or an invocation of it failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Node is missing, or too old.
    #[error("Node 20 or newer is needed, but {0}")]
    NoNode(String),
    /// Python is missing, or too old.
    #[error("Python 3.9 or newer is needed, but {0}")]
    NoPython(String),
    /// The system cannot run the program.
    #[error("it cannot be run on this machine: {0}")]
    Start(io::Error),
    /// The function itself reported, at its start, that it cannot run.
    #[error("it cannot start: {0}")]
    Init(String),
    /// The process has ended.
    #[error("its process has ended ({status}){}{last}", if .last.is_empty() { "" } else { ". Its last lines: " })]
    Ended {
        /// Its exit status.
        status: ExitStatus,
        /// The last lines that it wrote.
        last: String,
    },
    /// The process took too long, and was killed.
    #[error("it did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The answer is not an answer of a function.
    #[error("its answer is not JSON, or is larger than 6 MB")]
    Answer,
    /// The function threw.
    #[error("{message}")]
    Threw {
        /// The type of the error.
        kind: String,
        /// The message of the error.
        message: String,
    },
}

impl From<io::Error> for FunctionError {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}
