//! The spelling of everything that is written here, by `typos.toml`.

use crate::environments;
use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

/// Checks the spelling.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    let python = environments::python(shell, &["tests/typos/requirements.txt"])?;
    let program = python.with_file_name("typos");
    cmd!(shell, "{program} --format brief").run().context("correct the spelling, or add what is right to typos.toml")
}
