//! Why a function gives no answer.

use std::{io, process::ExitStatus, time::Duration};

/// Why a function cannot be started, or an invocation of it failed.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Node is not there, or too old.
    #[error("Node 20 or newer is needed, and {0}")]
    NoNode(String),
    /// The system refuses to run it.
    #[error("it cannot be run on this machine: {0}")]
    Start(#[from] io::Error),
    /// It has found out itself, while it started, that it cannot run.
    #[error("it cannot start: {0}")]
    Init(String),
    /// The process has ended.
    #[error("its process has ended ({status}){}{last}", if .last.is_empty() { "" } else { ", and last said: " })]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it wrote last.
        last: String,
    },
    /// The process was ended, because it took too long.
    #[error("it did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The answer is not what a function answers.
    #[error("its answer is no JSON of at most 6 MB")]
    Answer,
    /// The function threw.
    #[error("{message}")]
    Threw {
        /// The type of what it threw.
        kind: String,
        /// Its text.
        message: String,
    },
}
