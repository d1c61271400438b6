//! What is read of secrets is said before it is read.

use crate::progress;
use std::{
    fmt,
    io::{self, Write as _},
};

/// Says it on standard error.
pub(crate) fn notice(text: fmt::Arguments<'_>) {
    let _ = progress::beside(|| writeln!(io::stderr(), "{text}"));
}
