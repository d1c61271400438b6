//! The programs that tests and benchmarks run, put in place under `target/artifacts`.

use crate::tools::metadata;
use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};

/// The files of a build from which the functions are made.
pub(crate) struct Built {
    pub(crate) addon: PathBuf,
    pub(crate) authorizer: PathBuf,
    pub(crate) rotator: PathBuf,
}

/// Builds the programs for tests, and returns the folder with each function as Lambda unpacks it, and with
/// `countersign`.
pub(crate) fn build(shell: &Shell) -> Result<PathBuf> {
    cmd!(shell, "cargo build --locked -p edge-signer-addon -p authorizer -p rotator -p cli").run()?;

    let metadata = metadata(MetadataCommand::new().no_deps())?;
    let target = metadata.target_directory.into_std_path_buf();
    let built = target.join("debug");
    let functions = Built {
        addon: built.join(format!("{DLL_PREFIX}edge_signer_addon{DLL_SUFFIX}")),
        authorizer: built.join("authorizer"),
        rotator: built.join("rotator"),
    };
    let artifacts = target.join("artifacts").join("dev");
    put_in_place(shell, &functions, &artifacts)?;
    put(shell, &built.join("countersign"), &artifacts.join("countersign"))?;
    Ok(artifacts)
}

/// Puts each function as Lambda unpacks it into `edge-signer/`, `authorizer/` and `rotator/` of this folder.
pub(crate) fn put_in_place(shell: &Shell, built: &Built, artifacts: &Path) -> Result<()> {
    let edge = artifacts.join("edge-signer");
    put(shell, &built.addon, &edge.join("edge-signer.node"))?;
    put(shell, &shell.current_dir().join("edge-signer/addon/index.mjs"), &edge.join("index.mjs"))?;
    put(shell, &built.authorizer, &artifacts.join("authorizer").join("bootstrap"))?;
    put(shell, &built.rotator, &artifacts.join("rotator").join("bootstrap"))
}

fn put(shell: &Shell, from: &Path, to: &Path) -> Result<()> {
    shell.create_dir(to.parent().unwrap_or(to))?;
    // Removed first: a running program cannot be overwritten.
    shell.remove_path(to)?;
    shell.copy_file(from, to).with_context(|| format!("{} was not built", from.display()))
}
