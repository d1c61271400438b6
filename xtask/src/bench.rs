//! `cargo xtask bench`: builds what is compared, installs the rest from lock files, and starts the harness of `tests/speed`.

use crate::{environments, lambda::Architecture, package, tools::metadata};
use anyhow::{Result, ensure};
use cargo_metadata::MetadataCommand;
use clap::Args;
use std::path::{self, PathBuf};
use xshell::{Shell, cmd};

/// What `cargo xtask bench` takes. The harness knows what the values mean.
#[derive(Args)]
pub(crate) struct Options {
    /// The rows of the table, with commas between them [default: all]
    #[arg(long, value_name = "ROWS", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=16))]
    rows: Vec<u8>,
    /// Try everything for a moment: the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Write every measured value into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table into this document, between its lines `bench: begin` and `bench: end`
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Files are named from the folder in which the command was started, not from that of the repository.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "the comparison needs Linux on x86-64, on which the packaged functions run\n\
        hint: run it in a container for linux/amd64, or on such a machine"
    );
    let target = metadata(MetadataCommand::new().no_deps())?.target_directory.into_std_path_buf();
    let dist = target.join("speed").join("dist");
    package::package(shell, &dist, Architecture::X86_64)?;
    // As the functions are built.
    cmd!(shell, "cargo build --locked --quiet --profile lambda -p speed-ours").run()?;
    cmd!(shell, "cargo build --locked --quiet --profile peers -p speed-peers -p speed").run()?;
    let node = environments::node(shell, "tests/speed/node")?;
    let python = environments::python(shell, &["tests/speed/python/requirements.txt"])?;

    let functions = target.join("artifacts").join(Architecture::X86_64.name());
    let (ours, peers) = (target.join("lambda"), target.join("peers"));
    let harness = peers.join("speed");
    let mut command = cmd!(
        shell,
        "{harness} --functions {functions} --dist {dist} --ours {ours} --peers {peers} --node {node} --python {python}"
    );
    for row in &options.rows {
        command = command.arg("--rows").arg(row.to_string());
    }
    if options.quick {
        command = command.arg("--quick");
    }
    for (name, file) in [("--json", &options.json), ("--markdown", &options.markdown)] {
        if let Some(file) = file {
            command = command.arg(name).arg(path::absolute(file)?);
        }
    }
    command.quiet().run()?;
    Ok(())
}
