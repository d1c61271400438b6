//! The tools of the machine: Node and Python, which `cargo xtask` cannot install, and cargo itself.

use anyhow::{Context as _, Result, anyhow, bail};
use cargo_metadata::{Metadata, MetadataCommand};
use xshell::{Shell, cmd};

/// Checks that they are installed and new enough.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    let node = cmd!(shell, "node --version").quiet().read().context("Node is needed: install Node 20 or newer")?;
    at_least(&node, "v", [20, 0])?;
    let python = cmd!(shell, "python3 --version").quiet().read().context("Python is needed: install 3.11 or newer")?;
    at_least(&python, "Python ", [3, 11])
}

/// What cargo knows of this workspace.
pub(crate) fn metadata(command: &MetadataCommand) -> Result<Metadata> {
    // Only the text of the error: it repeats its source.
    command.exec().map_err(|error| anyhow!("{error}"))
}

fn at_least(version: &str, prefix: &str, least: [u32; 2]) -> Result<()> {
    let mut parts = version.trim().strip_prefix(prefix).unwrap_or_default().split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if [major, minor] >= least => Ok(()),
        _ => bail!("{version:?} is too old: install {prefix}{}.{} or newer", least[0], least[1]),
    }
}
