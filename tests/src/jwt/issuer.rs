//! The OpenID Connect provider of `tests/issuer`, in a process of its own.

use crate::support::{artifacts::lambda_node, patience::PATIENCE};
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// The provider. It is killed when it is dropped.
pub(crate) struct Issuer {
    /// Its `iss`.
    pub(crate) url: String,
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let packages = std::env::var_os("COUNTERSIGN_ISSUER")
            .expect("COUNTERSIGN_ISSUER is not set: run `cargo xtask test`, which installs the provider");
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("issuer/issuer.mjs");
        let mut process = Command::new(lambda_node().join("node"))
            .arg(program)
            .env("COUNTERSIGN_ISSUER", packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut issuer = Self { url: String::new(), process, commands, answers };
        issuer.url = issuer.answer().await;
        issuer
    }

    /// The answer to a command of `tests/issuer/issuer.mjs`.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> String {
        let line = timeout(PATIENCE, self.answers.next_line()).await.expect("the issuer answers in time");
        line.unwrap().expect("the issuer runs")
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }
}
