//! The program `countersign` with an AWS on loopback.

use crate::{
    cli::support::countersign::{assert_errors_said_once, countersign},
    support::{aws_clients::aws_variables, keys::SECRET, patience::PATIENCE},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::process::Output;
use tokio::time::timeout;

/// Runs it with AWS on loopback, from a Region that is not the secret's.
pub(crate) async fn run(endpoint: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = countersign(arguments);
    let output = command.envs(aws_variables(endpoint, "sa-east-1")).output();
    let Output { status, stdout, stderr } = timeout(PATIENCE * 2, output).await.expect("it ends").unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    for text in [&stdout, &stderr] {
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode(SECRET)), "{text}");
        assert!(!text.contains(std::str::from_utf8(&SECRET).unwrap()), "{text}");
    }
    assert_errors_said_once(&stdout, &stderr);
    (status.code(), stdout, stderr)
}
