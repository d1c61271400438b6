//! Proof that `signing` does not need the standard library: `signing/no-std` signs and verifies without it.

use crate::tools::metadata;
use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use xshell::{Shell, cmd};

/// Builds and runs it.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    let metadata = metadata(MetadataCommand::new().no_deps())?;
    let target = metadata.target_directory.into_std_path_buf().join("no-std");
    // It is a separate workspace with our lock file: Cargo keeps its versions, and removes the crates that are not
    // needed. Offline, so that Cargo does not look for newer versions; so the crates are downloaded before.
    cmd!(shell, "cargo build --quiet --locked --package signing").run()?;
    shell.copy_file("Cargo.lock", "signing/no-std/Cargo.lock")?;
    cmd!(shell, "cargo build --quiet --offline --manifest-path signing/no-std/Cargo.toml --target-dir {target}")
        .run()
        .context(
            "signing does not build without the standard library: see the compiler's message for the crate that \
        uses it",
        )?;

    // Rust links with `cc` too.
    let built = target.join("debug");
    let (library, program) = (built.join("libno_std.a"), built.join("no-std"));
    cmd!(shell, "cc -o {program} {library}").run().context(
        "the crate `signing` does not link without the standard library: the linker's message names the missing symbol",
    )?;
    cmd!(shell, "{program}").run().context("the program without the standard library did not verify its signed request")
}
