//! `cargo xtask`: what a developer asks of the repository.

mod artifacts;
mod deny;
mod environments;
mod tools;

use anyhow::{Result, ensure};
use artifacts::Profile;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use xshell::{Shell, cmd};

/// A function loads all of its program before its first answer: no program is larger, stripped.
const LARGEST: u64 = 4_000_000;

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
    /// Measure the programs' sizes, a signature in Node, a decision, and an edge's first request
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
    let judge = environments::python(shell, "tests/judges/requirements.txt")?;
    let moto = environments::python(shell, "tests/moto/requirements.txt")?;
    let peer = environments::node(shell, "tests/peer")?;
    let _artifacts = shell.push_env("COUNTERSIGN_ARTIFACTS", artifacts);
    let _judge = shell.push_env("COUNTERSIGN_JUDGE_PYTHON", judge);
    let _moto = shell.push_env("COUNTERSIGN_MOTO_PYTHON", moto);
    let _peer = shell.push_env("COUNTERSIGN_PEER", peer);
    cmd!(shell, "cargo test --workspace --locked").run()?;
    Ok(())
}

fn bench(shell: &Shell) -> Result<()> {
    let artifacts = artifacts::build(shell, Profile::Lambda)?;
    for program in ["edge-signer/edge-signer.node", "authorizer/bootstrap", "rotator/bootstrap"] {
        let bytes = std::fs::metadata(artifacts.join(program))?.len();
        println!("{program}: {bytes} bytes");
        ensure!(bytes <= LARGEST, "{program} has {bytes} bytes, and may have {LARGEST}");
    }
    let addon = artifacts.join("edge-signer");
    cmd!(shell, "node tests/benches/sign.mjs {addon}").run()?;
    cmd!(shell, "cargo bench --quiet --locked --package tests --profile lambda --bench decision").run()?;
    let _artifacts = shell.push_env("COUNTERSIGN_ARTIFACTS", artifacts);
    let _peer = shell.push_env("COUNTERSIGN_PEER", environments::node(shell, "tests/peer")?);
    cmd!(shell, "cargo test --quiet --locked --package tests first_request -- --nocapture").run()?;
    Ok(())
}
