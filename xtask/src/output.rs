//! What `cargo xtask` itself prints. The programs that it runs print for themselves.

use anyhow::{Context as _, Error, Result};
use std::{
    fmt::Display,
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

/// Prints a line.
pub(crate) fn line(text: impl Display) -> Result<()> {
    written(writeln!(io::stdout(), "{text}"))
}

/// Whether all that was printed until now could be written.
pub(crate) fn written(printed: io::Result<()>) -> Result<()> {
    printed.and_then(|()| io::stdout().flush()).context("standard output cannot be written")
}

/// Prints the error, and returns the exit status. If a reader has closed a pipe, nothing is printed, and the status is that of a program
/// which SIGPIPE has ended.
pub(crate) fn failure(error: &Error) -> ExitCode {
    let closed = error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == ErrorKind::BrokenPipe);
    if closed {
        return ExitCode::from(128 + 13);
    }
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}
