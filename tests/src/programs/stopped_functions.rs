//! A function that stops says why, with every cause, each once.

use crate::support::{artifacts::artifact, patience::PATIENCE, said_once::assert_json_said_once};
use serde_json::Value;
use std::{net::SocketAddr, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

/// Each function, with the settings that it needs.
const FUNCTIONS: [(&str, &[(&str, &str)]); 2] =
    [("authorizer", &[("COUNTERSIGN_SECRET", ARN)]), ("rotator", &[("COUNTERSIGN_SECRET", ARN), ("StackName", "api")])];

/// Runs each function with a Runtime API at this address, until it stops.
async fn check(runtime_api: SocketAddr, expected: &str) {
    for (function, settings) in FUNCTIONS {
        let mut command = Command::new(artifact(function).join("bootstrap"));
        let address = runtime_api.to_string();
        let of_lambda = [
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ];
        command.env_clear().envs(of_lambda).envs(settings.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.expect("it stops").unwrap();
        let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!((output.status.code(), error.as_str()), (Some(1), ""), "{function}: {out}");
        let line: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        assert_eq!((&line["event"], &line["detail"]), (&"function-stopped".into(), &expected.into()), "{function}");
        assert_json_said_once(&line);
    }
}

#[tokio::test]
async fn a_runtime_api_that_does_not_listen_is_told_with_the_cause() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = TcpStream::connect(address).await.unwrap_err();
    check(address, &format!("client error (Connect): tcp connect error: {refused}")).await;
}

#[tokio::test]
async fn a_runtime_api_that_does_not_speak_http_is_told_with_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            // To the end of the head: a connection that is closed over unread bytes is reset.
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
            }
            stream.write_all(b"not HTTP\r\n\r\n").await.unwrap();
        }
    });
    check(address, "client error (SendRequest): invalid HTTP version parsed").await;
    answering.abort();
}
