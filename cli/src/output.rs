//! What the commands print: lines, JSON, errors and hints.

use anyhow::Error;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{
    fmt::{self, Display},
    io::{self, Write as _},
};

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

/// An error and its causes in one line. A cause that the text before it already ends with is not repeated.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What to do next about an error. It is printed in a line of its own, and is not a part of the error's text.
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
    fn a_cause_is_printed_once_and_a_hint_is_not_a_cause() {
        let once =
            anyhow!("busy").context("the port 1 is busy").context(Hint("try port 0".to_owned())).context("--edge");
        assert_eq!(chain(&once), "--edge: the port 1 is busy");
        let all = anyhow!("c").context("b").context("a");
        assert_eq!(chain(&all), "a: b: c");
        assert_eq!(once.downcast_ref(), Some(&Hint("try port 0".to_owned())));
    }

    #[test]
    fn a_command_is_quoted_for_a_shell() {
        assert_eq!(command(["countersign", "--keys", "my keys.json"]), "countersign --keys 'my keys.json'");
    }
}
