//! AWS Secrets Manager on loopback, which knows one answer.

use anyhow::{Context as _, Result};
use serde_json::json;
use speed_common::Connection;
use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
};

/// Answers every GetSecretValue with this text, until the process ends. Returns the endpoint.
pub(crate) fn serve(secret: &str) -> Result<String> {
    let body = json!({
        "ARN": crate::fixtures::ARN,
        "Name": "keys",
        "VersionId": "12345678-90ab-cdef-1234-567890123456",
        "SecretString": secret,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1.7636e9,
    })
    .to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for Secrets Manager")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                if let Err(error) = converse(stream, &answer) {
                    // The process that asked fails too.
                    let _ = writeln!(io::stderr(), "Secrets Manager on loopback: {error:#}");
                }
            });
        }
    });
    Ok(endpoint)
}

fn converse(stream: TcpStream, answer: &str) -> Result<()> {
    let mut connection = Connection::new(stream)?;
    while let Some(request) = connection.receive()? {
        let asks = request.header("x-amz-target") == Some("secretsmanager.GetSecretValue");
        let signs = request.header("authorization").is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256"));
        anyhow::ensure!(asks && signs, "not a signed GetSecretValue: {}", request.head);
        connection.send(answer.as_bytes())?;
    }
    Ok(())
}
