//! The programs that tests and benchmarks run, built and put in place under `target/artifacts`.

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    path::PathBuf,
};
use xshell::{Shell, cmd};

#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// Builds them and returns the folder that holds `countersign`, `bootstrap` and `edge-signer/`, as Lambda@Edge unpacks it.
pub(crate) fn build(shell: &Shell, profile: Profile) -> Result<PathBuf> {
    let (profile, built) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Release => ("release", "release"),
    };
    cmd!(shell, "cargo build --locked --profile {profile} -p edge-signer-addon -p authorizer -p cli").run()?;

    let metadata = MetadataCommand::new().no_deps().exec()?;
    let target = metadata.target_directory.into_std_path_buf();
    let built = target.join(built);
    let artifacts = target.join("artifacts").join(profile);
    let addon = artifacts.join("edge-signer");
    shell.create_dir(&addon)?;
    let library = built.join(format!("{DLL_PREFIX}edge_signer_addon{DLL_SUFFIX}"));
    let copies = [
        (library, addon.join("edge-signer.node")),
        (shell.current_dir().join("edge-signer/addon/index.mjs"), addon.join("index.mjs")),
        (built.join("bootstrap"), artifacts.join("bootstrap")),
        (built.join("countersign"), artifacts.join("countersign")),
    ];
    for (from, to) in copies {
        // Removed first: a file that is being run cannot be written over.
        shell.remove_path(&to)?;
        shell.copy_file(&from, &to).with_context(|| format!("{} was not built", from.display()))?;
    }
    Ok(artifacts)
}
