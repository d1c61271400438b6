//! The authorizer as a bare loop over Lambda's Runtime API: one connection, and only the work. It is the floor of a process.

use anyhow::{Context as _, Result};
use signing::KeySet;
use speed_common::Connection;
use speed_peers::{decide, fetch};
use std::{
    env,
    io::{self, Write as _},
    net::TcpStream,
    time::{Duration, SystemTime},
};

const TTL: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API")?;
    let arn = env::var("COUNTERSIGN_SECRET")?;
    let mut connection = Connection::new(TcpStream::connect(&api)?)?;
    let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {api}\r\n\r\n");
    let mut held: Option<(KeySet, SystemTime)> = None;
    loop {
        connection.send(next.as_bytes())?;
        let Some(invocation) = connection.receive()? else { return Ok(()) };
        let id = invocation.header("lambda-runtime-aws-request-id").context("the invocation has no id")?;
        let now = SystemTime::now();
        let fresh = held.take().filter(|(_, read)| now.duration_since(*read).unwrap_or_default() < TTL);
        let (keys, _) = match fresh {
            Some(fresh) => held.insert(fresh),
            None => held.insert((KeySet::from_json(&fetch(&arn))?, now)),
        };
        let (answer, line) = decide(str::from_utf8(&invocation.body)?, keys);
        io::stdout().write_all(line.as_bytes())?;
        let response = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {api}\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        connection.send(response.as_bytes())?;
        connection.receive()?;
    }
}
