//! What the commands print.

use std::{
    fmt::{self, Display},
    io::{self, Write as _},
};

/// Prints a line. Whoever reads it may have gone; that is no reason to end halfway.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
    let _ = io::stdout().flush();
}

/// Prints a line on standard error, where there is anybody to read it.
pub(crate) fn error(text: impl Display) {
    let _ = writeln!(io::stderr(), "error: {text}");
}

/// The context of an error with what to do about it, which is printed on a line of its own.
#[derive(Debug)]
pub(crate) struct WithHint {
    /// What failed.
    pub(crate) failed: &'static str,
    pub(crate) hint: String,
}

impl Display for WithHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.failed)
    }
}

/// Prints what to do about an error.
pub(crate) fn hint(text: impl Display) {
    let _ = writeln!(io::stderr(), "hint: {text}");
}
