//! A WebSocket of the tour: its handshake, and then its messages.

use crate::tour::decision_log::LoggedDecision;
use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

/// No handshake and no answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes of the head of an answer.
const HEAD_BYTES: usize = 16_384;

/// What came of a handshake.
pub(crate) struct Handshake {
    status: u16,
    /// `None` if it was refused.
    socket: Option<WebSocketStream<TcpStream>>,
    logged: Vec<LoggedDecision>,
}

impl Handshake {
    /// Sends a handshake with these headers, byte for byte: REST and WebSocket APIs compare the case of an identity source.
    pub(crate) async fn send(
        address: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
        logged: impl FnOnce() -> Vec<LoggedDecision>,
    ) -> Result<Self> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)?;
        let mut head = format!(
            "GET {target} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n",
            STANDARD.encode(nonce)
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let (status, stream, rest) =
            timeout(PATIENCE, exchange(address, &head)).await.context("no answer in time")??;
        let socket = match status {
            101 => Some(WebSocketStream::from_partially_read(stream, rest, Role::Client, None).await),
            _ => None,
        };
        Ok(Self { status, socket, logged: logged() })
    }

    /// The status and what the log says was decided: `101 admitted`.
    pub(crate) fn verdict(&self) -> String {
        let decisions: Vec<_> = self.logged.iter().map(LoggedDecision::to_string).collect();
        format!("{} {}", self.status, decisions.join(", "))
    }

    /// Sends a message and returns the next one that comes back.
    pub(crate) async fn ask(&mut self, message: &str) -> Result<String> {
        let Some(socket) = &mut self.socket else { return Ok("no connection".to_owned()) };
        let exchange = async {
            socket.send(Message::text(message)).await?;
            loop {
                match socket.next().await.context("the connection has ended")?? {
                    Message::Ping(_) | Message::Pong(_) => {}
                    Message::Text(text) => return Ok(text.to_string()),
                    other => bail!("not a text: {other}"),
                }
            }
        };
        timeout(PATIENCE, exchange).await.context("no message in time")?
    }

    /// A member of what the authorizer handed on, as the API gets it with each message.
    pub(crate) async fn ask_whoami(&mut self, member: &str) -> Result<String> {
        let answer = self.ask("whoami").await?;
        let context: Value = serde_json::from_str(&answer).unwrap_or_default();
        let member = context.pointer(&format!("/authorizer/{member}")).and_then(Value::as_str);
        Ok(member.unwrap_or("nothing").to_owned())
    }

    /// Ends the connection, if there is one.
    pub(crate) async fn close(&mut self) -> Result<()> {
        if let Some(mut socket) = self.socket.take() {
            timeout(PATIENCE, socket.close(None)).await.context("the connection does not end")??;
        }
        Ok(())
    }
}

/// The status of the answer, the connection, and what was read of it behind the head.
async fn exchange(address: SocketAddr, head: &str) -> Result<(u16, TcpStream, Vec<u8>)> {
    const END: &[u8] = b"\r\n\r\n";
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if let Some(at) = answer.windows(END.len()).position(|bytes| bytes == END) {
            let rest = answer.split_off(at + END.len());
            let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
            return Ok((status.context("no status line")?, stream, rest));
        }
        if answer.len() > HEAD_BYTES || stream.read_buf(&mut answer).await? == 0 {
            bail!("the answer has no end of its head");
        }
    }
}
