//! The functions as they are deployed: linked against Lambda's glibc, with the same bytes from every folder.

use crate::{
    artifacts::{self, Built},
    environments,
    lambda::{Architecture, LIMITS},
    tools::metadata,
};
use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use xshell::{Shell, cmd};

/// Builds the functions and returns the folder under `target/artifacts` with each function as Lambda unpacks it.
///
/// `architecture` is that of the authorizer and the rotator: Lambda@Edge has only x86-64.
pub(crate) fn build(shell: &Shell, architecture: Architecture) -> Result<PathBuf> {
    check_installed(shell, Architecture::X86_64)?;
    check_installed(shell, architecture)?;
    let metadata = metadata(MetadataCommand::new().other_options(vec!["--locked".to_owned()]))?;
    let target = metadata.target_directory.as_std_path();

    let python = environments::python(shell, &["xtask/zigbuild/requirements.txt"])?;
    let zigbuild = python.with_file_name("cargo-zigbuild");
    let _flags = shell.push_env("CARGO_ENCODED_RUSTFLAGS", remapped(shell, &metadata)?.join("\u{1f}"));
    let _python = shell.push_env("CARGO_ZIGBUILD_PYTHON_PATH", python);
    let _wrappers = shell.push_env("CARGO_ZIGBUILD_CACHE_DIR", target.join("zigbuild"));
    let _objects = shell.push_env("ZIG_GLOBAL_CACHE_DIR", target.join("zigbuild").join("zig"));

    let [major, minor] = LIMITS.glibc;
    let run = |architecture: Architecture, packages: &[&str]| {
        let target_of = architecture.target();
        let linked = format!("{target_of}.{major}.{minor}");
        let packages = packages.iter().flat_map(|package| ["-p", package]);
        cmd!(shell, "{zigbuild} zigbuild --locked --profile lambda --target {linked} {packages...}").run()?;
        anyhow::Ok(target.join(target_of).join("lambda"))
    };
    // All packages in every case: a shared crate is built with the features that any of them needs, so the bytes of the
    // edge stay the same.
    let edge = run(Architecture::X86_64, &["edge-signer-addon", "authorizer", "rotator"])?;
    let functions = match architecture {
        Architecture::X86_64 => edge.clone(),
        Architecture::Arm64 => run(architecture, &["authorizer", "rotator"])?,
    };
    let built = Built {
        addon: edge.join("libedge_signer_addon.so"),
        authorizer: functions.join("authorizer"),
        rotator: functions.join("rotator"),
    };
    let artifacts = target.join("artifacts").join(architecture.name());
    artifacts::put_in_place(shell, &built, &artifacts)?;
    Ok(artifacts)
}

fn check_installed(shell: &Shell, architecture: Architecture) -> Result<()> {
    let target = architecture.target();
    let libraries = cmd!(shell, "rustc --print target-libdir --target {target}").quiet().read()?;
    ensure!(
        Path::new(&libraries).exists(),
        "Rust's library for {target} is not installed: run `rustup target add {target}` in this repository"
    );
    Ok(())
}

/// Replaces every folder of this machine in the messages of programs by a fixed name. Cargo's `trim-paths` does the
/// same, but is not stable.
///
/// Cargo does not use these flags for the names of symbols.
fn remapped(shell: &Shell, metadata: &Metadata) -> Result<Vec<String>> {
    let crates = metadata.packages.iter().filter(|package| package.source.is_some());
    let registries: BTreeSet<_> = crates.filter_map(|package| package.manifest_path.parent()?.parent()).collect();
    let sysroot = cmd!(shell, "rustc --print sysroot").quiet().read()?;
    let version = cmd!(shell, "rustc --version --verbose").quiet().read()?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
    let commit = commit.context("rustc does not say from which commit it was built")?;

    // The last of several matching flags counts, so a folder inside of another comes after it.
    let mut names = vec![(metadata.workspace_root.to_string(), "/countersign".to_owned())];
    names.extend(registries.iter().map(|folder| (folder.to_string(), "/crates".to_owned())));
    names.push((metadata.target_directory.to_string(), "/target".to_owned()));
    names.push((format!("{sysroot}/lib/rustlib/src/rust"), format!("/rustc/{commit}")));
    Ok(names.into_iter().map(|(folder, name)| format!("--remap-path-prefix={folder}={name}")).collect())
}
