//! cargo-deny, built once for each version under `target/`, and its check of the crates by `deny.toml`.

use crate::tools::metadata;
use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use xshell::{Shell, cmd};

/// One version for everybody, so that the same commit gets the same answer.
const VERSION: &str = "0.20.2";

/// Checks licences, bans and sources. Advisories change without a change here, so they are not checked: see
/// `deny.toml`.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    let metadata = metadata(MetadataCommand::new().no_deps())?;
    let tools = metadata.target_directory.into_std_path_buf().join("cargo-deny");
    let root = tools.join(VERSION);
    let program = root.join("bin").join("cargo-deny");
    if !program.exists() {
        shell.create_dir(&tools)?;
        // It runs for a second, optimised or not, and without optimisation the whole check is faster.
        let building = tempfile::Builder::new().prefix("building-").tempdir_in(&tools)?;
        let target = building.path();
        let _debug = shell.push_env("CARGO_PROFILE_DEV_DEBUG", "none");
        cmd!(shell, "cargo install --quiet --locked --debug --root {root} --target-dir {target} cargo-deny@{VERSION}")
            .run()
            .context("cargo-deny cannot be built")?;
    }
    cmd!(shell, "{program} --workspace --locked check --deny warnings licenses bans sources")
        .run()
        .context("a crate is not allowed: deny.toml has the rules")
}
