//! LocalStack, an emulator of AWS that others have written, as a process of its own, and the AWS command line to ask it with.
//!
//! `tests/localstack/mended.py` says what is mended in it.

use crate::support::{artifacts::localstack_python, patience::PATIENCE};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
};

/// The server. All tests of a program share one: each has a Region of its own.
pub(crate) struct LocalStack {
    endpoint: String,
    /// Holds its standard input open. That ends with this process, and the server with it.
    _child: Child,
}

impl LocalStack {
    /// Starts it where no other test has.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<LocalStack> = LazyLock::new(LocalStack::start);
        &SHARED
    }

    /// The value of `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What `aws` prints, in JSON, or what it says is wrong. What it prints of its progress is null.
    pub(crate) fn aws(&self, region: &str, arguments: &[&str]) -> Result<Value, String> {
        let nowhere = env!("CARGO_MANIFEST_DIR");
        let output = Command::new(localstack_python())
            .args(["-I", "-m", "awscli", "--output", "json", "--cli-connect-timeout", "10", "--cli-read-timeout", "30"])
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", region)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
            .env("AWS_MAX_ATTEMPTS", "1")
            // Whoever runs the tests may have a profile.
            .env("AWS_CONFIG_FILE", format!("{nowhere}/none"))
            .env("AWS_SHARED_CREDENTIALS_FILE", format!("{nowhere}/none"))
            .output()
            .expect("aws starts");
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap_or_default()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    fn start() -> Self {
        let mut child = Command::new(localstack_python())
            .arg("-I")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/serve.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("LocalStack starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(lines.next()));
        let port = told.recv_timeout(PATIENCE).expect("LocalStack is ready in time");
        let port = port.expect("LocalStack lives: above is what it said").unwrap();
        Self { endpoint: format!("http://127.0.0.1:{port}"), _child: child }
    }
}
