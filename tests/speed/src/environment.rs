//! Where the programs are, and how they are started: with a small environment, on the processor that measures.

use crate::processors::Processors;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use std::{
    env,
    ffi::OsStr,
    fs,
    io::Read as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What `cargo xtask bench` has made.
#[derive(Args, Debug)]
pub(crate) struct Places {
    /// The functions as Lambda unpacks them
    #[arg(long, value_name = "DIR", help_heading = "Set by cargo xtask bench")]
    functions: PathBuf,
    /// The packages
    #[arg(long, value_name = "DIR", help_heading = "Set by cargo xtask bench")]
    dist: PathBuf,
    /// The workers that measure our code
    #[arg(long, value_name = "DIR", help_heading = "Set by cargo xtask bench")]
    ours: PathBuf,
    /// The workers that measure other code in Rust
    #[arg(long, value_name = "DIR", help_heading = "Set by cargo xtask bench")]
    peers: PathBuf,
    /// The packages of npm
    #[arg(long, value_name = "DIR", help_heading = "Set by cargo xtask bench")]
    node: PathBuf,
    /// A Python with its packages
    #[arg(long, value_name = "FILE", help_heading = "Set by cargo xtask bench")]
    python: PathBuf,
}

const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

/// No program that is started once takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// As Lambda has them; the credentials are AWS's own example.
const VARIABLES: [(&str, &str); 11] = [
    ("AWS_REGION", "eu-west-1"),
    ("AWS_DEFAULT_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "a-token"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_LAMBDA_FUNCTION_NAME", "authorizer"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/authorizer"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "a-stream"),
];

pub(crate) struct Environment {
    places: Places,
    pub(crate) processors: Processors,
    /// The scripts of Node beside their packages: a module is found from the folder of the script that imports it.
    scripts: TempDir,
}

impl Environment {
    pub(crate) fn new(places: Places, processors: Processors) -> Result<Self> {
        let scripts = tempfile::tempdir().context("a folder for the scripts of Node")?;
        for entry in fs::read_dir(NODE).with_context(|| format!("{NODE} cannot be read"))? {
            let script = entry?.path();
            if let Some(name) = script.file_name().filter(|_| script.extension() == Some(OsStr::new("mjs"))) {
                fs::copy(&script, scripts.path().join(name)).with_context(|| script.display().to_string())?;
            }
        }
        symlink(places.node.join("node_modules"), scripts.path().join("node_modules"))?;
        Ok(Self { places, processors, scripts })
    }

    /// A worker of ours, or another program in Rust.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let folder = if matches!(name, "ours" | "allocations") { &self.places.ours } else { &self.places.peers };
        folder.join(name)
    }

    /// A file of a packaged function, like `authorizer/bootstrap`.
    pub(crate) fn function(&self, file: &str) -> PathBuf {
        self.places.functions.join(file)
    }

    pub(crate) fn edge_function(&self) -> PathBuf {
        self.function("edge-signer/index.mjs")
    }

    pub(crate) fn package(&self, file: &str) -> PathBuf {
        self.places.dist.join(file)
    }

    /// A command without this process's own environment. A variable like SSL_CERT_FILE changes the start of one side only.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null());
        command.envs(["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name, env::var_os(name)?))));
        command.envs(VARIABLES);
        command
    }

    /// Node with a script of ours.
    pub(crate) fn node(&self, script: &str) -> Command {
        let mut command = self.command(Path::new("node"));
        command.arg("--no-warnings").arg(self.scripts.path().join(script)).current_dir(self.scripts.path());
        command
    }

    /// Python without a script. It keeps what it compiles, which favours it: in Lambda a cold start compiles.
    pub(crate) fn bare_python(&self) -> Command {
        let mut command = self.command(&self.places.python);
        command.env("PYTHONPATH", PYTHON).env("PYTHONPYCACHEPREFIX", self.scripts.path().join("pycache"));
        command.env("LAMBDA_TASK_ROOT", PYTHON);
        command
    }

    /// Python with a script of ours.
    pub(crate) fn python(&self, script: &str) -> Command {
        let mut command = self.bare_python();
        command.arg(Path::new(PYTHON).join(script));
        command
    }

    /// Starts a command on the processor that measures.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Child> {
        let started = self.processors.on_measured(|| command.spawn())?;
        started.map_err(|error| anyhow!("{} cannot be started: {error}", command.get_program().display()))
    }

    /// Runs a command to its end, and returns what it printed.
    pub(crate) fn output(&self, mut command: Command) -> Result<String> {
        let mut words = vec![command.get_program().display().to_string()];
        words.extend(command.get_args().map(|word| word.display().to_string()));
        let words = words.join(" ");
        command.stdout(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let begun = Instant::now();
        // It prints a line or two, which a pipe takes before anybody reads.
        let status = loop {
            match child.try_wait()? {
                Some(status) => break status,
                None if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(2)),
                None => {
                    child.kill()?;
                    child.wait()?;
                    bail!("{words} did not end within {} s", PATIENCE.as_secs());
                }
            }
        };
        let mut text = String::new();
        child.stdout.take().context("its output is a pipe")?.read_to_string(&mut text)?;
        ensure!(status.success(), "{words} failed ({status})\nhint: its own message is above");
        Ok(text)
    }

    /// The version that a program prints.
    pub(crate) fn version_of(&self, program: &str) -> Result<String> {
        let mut command = match program {
            "python" => self.bare_python(),
            other => self.command(Path::new(other)),
        };
        command.arg("--version");
        Ok(self.output(command)?.trim().to_owned())
    }
}
