//! What the commands print: lines, JSON, errors and hints.

use anyhow::Error;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{
    fmt::{self, Display},
    io::{self, Write as _},
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

/// Prints a line. If nobody reads it, the command still does all that it was asked to do.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
    let _ = io::stdout().flush();
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
