//! `cargo xtask`: what a developer asks of the repository.

mod artifacts;
mod deny;
mod judges;
mod tools;

use anyhow::Result;
use artifacts::Profile;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use xshell::{Shell, cmd};

#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up what the tests need, under target/, and run them all
    Test,
    /// Check the licences, versions and sources of all crates by deny.toml
    Deny,
    /// Measure one signature in Node and one decision, in release
    Bench,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    tools::check(&shell)?;
    match arguments.command {
        Command::Test => test(&shell),
        Command::Deny => deny::check(&shell),
        Command::Bench => bench(&shell),
    }
}

fn test(shell: &Shell) -> Result<()> {
    cmd!(shell, "python3 signing/vectors/make.py --check").run()?;
    let artifacts = artifacts::build(shell, Profile::Dev)?;
    let judge = judges::python(shell)?;
    let _artifacts = shell.push_env("COUNTERSIGN_ARTIFACTS", artifacts);
    let _judge = shell.push_env("COUNTERSIGN_JUDGE_PYTHON", judge);
    cmd!(shell, "cargo test --workspace --locked").run()?;
    Ok(())
}

fn bench(shell: &Shell) -> Result<()> {
    let artifacts = artifacts::build(shell, Profile::Release)?;
    let addon = artifacts.join("edge-signer");
    let bytes = std::fs::metadata(addon.join("edge-signer.node"))?.len();
    println!("addon: {bytes} bytes");
    cmd!(shell, "node tests/benches/sign.mjs {addon}").run()?;
    cmd!(shell, "cargo bench --quiet --locked --package tests --bench decision").run()?;
    Ok(())
}
