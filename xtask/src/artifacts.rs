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
    /// For tests.
    Dev,
    /// As functions are deployed.
    Lambda,
}

/// Builds them and returns the folder that holds each function as Lambda unpacks it, `edge-signer/`, `authorizer/` and
/// `rotator/`, and beside them `countersign`.
pub(crate) fn build(shell: &Shell, profile: Profile) -> Result<PathBuf> {
    let (profile, built) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Lambda => ("lambda", "lambda"),
    };
    cmd!(shell, "cargo build --locked --profile {profile} -p edge-signer-addon -p authorizer -p rotator -p cli")
        .run()?;

    let metadata = MetadataCommand::new().no_deps().exec()?;
    let target = metadata.target_directory.into_std_path_buf();
    let built = target.join(built);
    let artifacts = target.join("artifacts").join(profile);
    let function = |name: &str| artifacts.join(name);
    let library = built.join(format!("{DLL_PREFIX}edge_signer_addon{DLL_SUFFIX}"));
    let copies = [
        (library, function("edge-signer").join("edge-signer.node")),
        (shell.current_dir().join("edge-signer/addon/index.mjs"), function("edge-signer").join("index.mjs")),
        (built.join("authorizer"), function("authorizer").join("bootstrap")),
        (built.join("rotator"), function("rotator").join("bootstrap")),
        (built.join("countersign"), artifacts.join("countersign")),
    ];
    for (from, to) in copies {
        shell.create_dir(to.parent().unwrap_or(&artifacts))?;
        // Removed first: a file that is being run cannot be written over.
        shell.remove_path(&to)?;
        shell.copy_file(&from, &to).with_context(|| format!("{} was not built", from.display()))?;
    }
    Ok(artifacts)
}
