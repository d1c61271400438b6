//! What the commands print: lines, JSON, errors and hints; and what becomes of a command whose output cannot be written.

use crate::progress::beside;
use anyhow::Error;
use clap::{Args, ValueEnum, builder::styling::Style};
use serde::Serialize;
use std::{
    fmt::{self, Display},
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    sync::OnceLock,
};
use telemetry::Causes;

/// `--format`.
#[derive(Args)]
pub(crate) struct FormatOption {
    /// The form of the output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Output")]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    #[default]
    Text,
    /// One JSON object for programs
    Json,
}

/// Why a line could not be printed: the first one.
static NOT_WRITTEN: OnceLock<io::Error> = OnceLock::new();

/// The exit status of a command whose reader has closed the pipe: that of a program which SIGPIPE has ended, as a shell reports it.
const SIGPIPE: u8 = 128 + 13;

/// Prints a line. If it cannot be written, the command still does all that it was asked to do, and then fails: [`end`]. Nothing is
/// printed after a line that is missing.
pub(crate) fn line(text: impl Display) {
    if is_written() {
        beside(|| {
            let mut stdout = io::stdout().lock();
            note(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
        });
    }
}

/// Whether all lines could be printed until now.
pub(crate) fn is_written() -> bool {
    NOT_WRITTEN.get().is_none()
}

fn note(written: io::Result<()>) {
    if let Err(error) = written {
        // Only the first error is kept.
        let _ = NOT_WRITTEN.set(error);
    }
}

/// Prints what the reader of the command line answers by itself: help, the version, or an error about the command line.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    let printed = answer.print();
    if answer.use_stderr() {
        return ExitCode::from(2);
    }
    note(printed.and_then(|()| io::stdout().flush()));
    end(ExitCode::SUCCESS, false)
}

/// The exit status of the command, with what it is if its output could be written. `changed` says that the command has changed
/// something, which a person must know before running it again.
pub(crate) fn end(status: ExitCode, changed: bool) -> ExitCode {
    match NOT_WRITTEN.get() {
        None => status,
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => match status {
            ExitCode::SUCCESS => ExitCode::from(SIGPIPE),
            failure => failure,
        },
        Some(error) => {
            let done = if changed { "all that was asked is done, but " } else { "" };
            let _ = writeln!(io::stderr(), "error: {done}standard output cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a value as JSON, with line feeds.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints an error on standard error, and then its hint.
pub(crate) fn error(error: &Error) {
    let _ = writeln!(io::stderr(), "error: {}", chain(error));
    if let Some(Hint(hint)) = error.downcast_ref() {
        let _ = writeln!(io::stderr(), "hint: {hint}");
    }
}

/// An error and its causes in one line, without the hint.
pub(crate) fn chain(error: &Error) -> String {
    Causes(&**error).to_string()
}

/// What to do next about an error. It is printed in a line of its own: as one of the causes it has no text.
#[derive(Debug)]
pub(crate) struct Hint(pub(crate) String);

impl Display for Hint {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// With colours if standard output is a terminal that shows them, and nobody has asked for none (no-color.org).
pub(crate) fn styled(style: Style, text: &str) -> String {
    let is_asked_for_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    if is_asked_for_none || is_dumb || !io::stdout().is_terminal() || style.is_plain() {
        return text.to_owned();
    }
    format!("{style}{text}{style:#}")
}

/// The words as a POSIX shell reads them.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = words.into_iter().map(|word| shlex::try_quote(word).unwrap_or(word.into()));
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    impl PartialEq for Hint {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    #[test]
    fn a_hint_is_not_printed_as_a_cause() {
        let error = anyhow!("the port 1 is busy").context(Hint("try port 0".to_owned())).context("--edge");
        assert_eq!(chain(&error), "--edge: the port 1 is busy");
        assert_eq!(error.downcast_ref(), Some(&Hint("try port 0".to_owned())));
    }

    #[test]
    fn a_command_is_quoted_for_a_shell() {
        assert_eq!(command(["countersign", "--keys", "my keys.json"]), "countersign --keys 'my keys.json'");
    }
}
