//! One open connection, from the answer 101 to `$disconnect`.

use crate::{
    backend::upstream::BackendFailure,
    gateway::websocket::{
        calls::{Calls, Connected, Incoming},
        connections::{About, Command},
    },
    net::server::{Limits, linger, stopping},
    random,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::{
    collections::VecDeque,
    future::pending,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};
use telemetry::{Detail, Event, Log};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

/// The most bytes of a frame, and of a message: the documented quotas. They are documented to close with 1009, in both directions.
pub(crate) const FRAME_BYTES: usize = 32 * 1024;
pub(crate) const MESSAGE_BYTES: usize = 128 * 1024;

/// How many messages may wait while the backend answers an earlier one. Then no more is read. It is not known whether the real
/// gateway calls the backend for one message after the other; here it does.
const WAITING: usize = 16;

/// A connection that opens.
pub(crate) struct Session {
    pub(crate) connected: Connected,
    pub(crate) about: About,
    pub(crate) calls: Arc<Calls>,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

type Socket = WebSocketStream<TcpStream>;

/// A call for a message, with its request id.
type Call<'a> = Pin<Box<dyn Future<Output = (String, Result<(), BackendFailure>)> + Send + 'a>>;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The viewer sent a close frame.
    Closed(Option<CloseFrame>),
    /// The viewer's side ended without one.
    Vanished,
    /// The viewer broke the protocol or a quota.
    Broken {
        code: CloseCode,
        reason: &'static str,
        detail: &'static str,
    },
    /// A backend closed it by `@connections`.
    Deleted,
    Idle,
    TooOld,
    /// The viewer did not take a message in time.
    Stuck,
    /// The servers stop.
    Stopped,
}

impl Session {
    pub(crate) async fn run(self, stream: TcpStream, read: Bytes, mut ended: watch::Receiver<bool>) {
        let Self { connected, about, calls, limits, log } = &self;
        let mut commands = calls.connections.open(&connected.id, about.clone());
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(FRAME_BYTES))
            .read_buffer_size(FRAME_BYTES);
        let mut socket = WebSocketStream::from_partially_read(stream, read.to_vec(), Role::Server, Some(config)).await;
        let mut waiting = VecDeque::new();
        let mut call = None;
        let end = self.serve(&mut socket, &mut commands, (&mut waiting, &mut call), &mut ended).await;
        calls.connections.close(&connected.id);
        drop(commands);
        if let Some((reason, detail)) = end.reason() {
            let (status, method) = (end.code(), "$disconnect");
            let detail = Detail(&detail);
            log.write(
                &Event::RequestRefusedByGateway { reason, detail, status, method, accepted_host: None },
                SystemTime::now(),
            );
        }
        // At the same time: a viewer who does not close its side delays nobody.
        tokio::join!(close(&mut socket, &end, limits.close), self.tell_backend(&end, call, waiting));
    }

    /// Calls the backend for what is left, and for the end.
    async fn tell_backend(&self, end: &End, call: Option<Call<'_>>, waiting: VecDeque<Incoming>) {
        if !matches!(end, End::Stopped) {
            // The viewer sent them, so the backend gets them.
            let mut calls: VecDeque<Call<'_>> = call.into_iter().collect();
            calls.extend(waiting.into_iter().map(|message| -> Call<'_> { Box::pin(self.call(message)) }));
            for call in calls {
                if let (_, Err(failure)) = call.await {
                    self.log_failure(failure, "$default");
                }
            }
        }
        let (request_id, now) = (random::extended_request_id(), SystemTime::now());
        let event = self.connected.disconnect(end.code(), end.text(), &request_id, now);
        if let Err(failure) = self.calls.disconnect(&event).await {
            self.log_failure(failure, "$disconnect");
        }
    }

    /// Until the end.
    async fn serve<'a>(
        &'a self,
        socket: &mut Socket,
        commands: &mut mpsc::Receiver<Command>,
        (waiting, call): (&mut VecDeque<Incoming>, &mut Option<Call<'a>>),
        ended: &mut watch::Receiver<bool>,
    ) -> End {
        let Self { connected, calls, limits, .. } = self;
        let oldest = Instant::now() + limits.age;
        let mut idle = Instant::now() + limits.idle;
        loop {
            if call.is_none()
                && let Some(message) = waiting.pop_front()
            {
                *call = Some(Box::pin(self.call(message)));
            }
            let outgoing = tokio::select! {
                () = stopping(ended) => return End::Stopped,
                () = sleep_until(oldest) => return End::TooOld,
                () = sleep_until(idle) => return End::Idle,
                (request_id, answer) = next(call) => {
                    *call = None;
                    match answer {
                        Ok(()) => continue,
                        Err(failure) => {
                            self.log_failure(failure, "$default");
                            // Documented.
                            let message = "Internal server error";
                            let id = &connected.id;
                            Bytes::from(json!({ "message": message, "connectionId": id, "requestId": request_id }).to_string())
                        }
                    }
                }
                Some(command) = commands.recv() => match command {
                    Command::Send(bytes) => bytes,
                    Command::Close => return End::Deleted,
                },
                received = socket.next(), if waiting.len() < WAITING => {
                    match incoming(received) {
                        Ok(message) => waiting.extend(message),
                        Err(end) => return end,
                    }
                    // Not known: whether a ping alone keeps a connection. Here every frame does.
                    idle = Instant::now() + limits.idle;
                    calls.connections.touch(&connected.id, SystemTime::now());
                    continue;
                }
            };
            let sent = tokio::select! {
                () = stopping(ended) => return End::Stopped,
                sent = timeout(limits.close, send(socket, outgoing)) => sent,
            };
            match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return End::Vanished,
                Err(_) => return End::Stuck,
            }
            idle = Instant::now() + limits.idle;
            calls.connections.touch(&connected.id, SystemTime::now());
        }
    }

    async fn call(&self, message: Incoming) -> (String, Result<(), BackendFailure>) {
        let request_id = random::extended_request_id();
        let event = self.connected.message(&message, &request_id, SystemTime::now());
        let answer = self.calls.message(&event).await;
        (request_id, answer)
    }

    fn log_failure(&self, failure: BackendFailure, route: &str) {
        let (reason, detail) = match failure {
            BackendFailure::Timeout => ("backend-timeout", "the backend did not answer in time"),
            BackendFailure::Network => {
                ("backend-unreachable", "the backend cannot be reached, or broke the exchange off")
            }
        };
        let detail = Detail(&detail);
        let event = Event::RequestRefusedByGateway { reason, detail, status: 500, method: route, accepted_host: None };
        self.log.write(&event, SystemTime::now());
    }
}

impl End {
    /// The code of the close frame, or of the end that the viewer gave.
    fn code(&self) -> u16 {
        match self {
            Self::Closed(Some(frame)) => frame.code.into(),
            Self::Closed(None) => 1005, // RFC 6455, section 7.1.5: no code
            Self::Vanished | Self::Stuck => 1006,
            Self::Broken { code, .. } => (*code).into(),
            Self::Deleted => 1000,
            Self::Idle | Self::TooOld | Self::Stopped => 1001,
        }
    }

    /// The reason in the close frame and in `$disconnect`. The texts for the idle time and for the age are those of AWS:
    /// believed.
    fn text(&self) -> &str {
        match self {
            Self::Closed(Some(frame)) => frame.reason.as_str(),
            Self::Closed(None) | Self::Deleted => "",
            Self::Vanished => "Connection closed without a close frame",
            Self::Broken { detail, .. } => detail,
            Self::Idle => "Idle connection timeout",
            Self::TooOld => "Connection duration limit",
            Self::Stuck => "The viewer does not read",
            Self::Stopped => "Going away",
        }
    }

    /// The reason in the log, if the gateway ended the connection by itself.
    fn reason(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Broken { reason, detail, .. } => Some((reason, detail)),
            Self::Idle => Some(("connection-idle", "the connection had no frame for the time that the gateway waits")),
            Self::TooOld => {
                Some(("connection-too-old", "the connection has reached the age at which the gateway closes it"))
            }
            Self::Stuck => {
                Some(("viewer-not-reading", "the viewer did not take a message in the time that the gateway waits"))
            }
            Self::Closed(_) | Self::Vanished | Self::Deleted | Self::Stopped => None,
        }
    }
}

/// The next answer, if a call runs.
async fn next(call: &mut Option<Call<'_>>) -> (String, Result<(), BackendFailure>) {
    match call {
        Some(call) => call.await,
        None => pending().await,
    }
}

/// What a frame of the viewer means: a message, nothing, or the end.
fn incoming(received: Option<Result<Message, Error>>) -> Result<Option<Incoming>, End> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(Some(Incoming::Text(text.to_string()))),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(Incoming::Binary(bytes.to_vec()))),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Ok(Message::Close(frame))) => Err(End::Closed(frame)),
        Some(Err(Error::Capacity(_))) => Err(End::Broken {
            code: CloseCode::Size,
            reason: "message-too-large",
            detail: "a frame is over 32,768 bytes, or a message over 131,072",
        }),
        Some(Err(Error::Utf8(_))) => {
            Err(End::Broken { code: CloseCode::Invalid, reason: "message-malformed", detail: "a text is not UTF-8" })
        }
        Some(Err(Error::Protocol(error))) if !is_end(&error) => Err(End::Broken {
            code: CloseCode::Protocol,
            reason: "message-malformed",
            detail: "a frame breaks the WebSocket protocol",
        }),
        Some(Err(_)) | None => Err(End::Vanished),
    }
}

fn is_end(error: &tokio_tungstenite::tungstenite::error::ProtocolError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(error, ProtocolError::ResetWithoutClosingHandshake)
}

/// Sends a message of a backend, in frames that keep the quota: as text, if it is one.
async fn send(socket: &mut Socket, bytes: Bytes) -> Result<(), Error> {
    let first = if str::from_utf8(&bytes).is_ok() { Data::Text } else { Data::Binary };
    let mut opcode = OpCode::Data(first);
    let mut rest = bytes;
    loop {
        let frame = rest.split_to(rest.len().min(FRAME_BYTES));
        socket.feed(Message::Frame(Frame::message(frame, opcode, rest.is_empty()))).await?;
        if rest.is_empty() {
            return socket.flush().await;
        }
        opcode = OpCode::Data(Data::Continue);
    }
}

/// Ends the socket: with a close frame, unless the viewer has ended it, and without losing the frame.
async fn close(socket: &mut Socket, end: &End, limit: Duration) {
    let closing = async {
        match end {
            // The answer to a close frame is sent by reading on. A viewer that does not read gets no frame.
            End::Closed(_) | End::Vanished | End::Stuck => {}
            _ => {
                let frame = CloseFrame { code: end.code().into(), reason: end.text().into() };
                if socket.close(Some(frame)).await.is_err() {
                    return;
                }
            }
        }
        if !matches!(end, End::Broken { .. }) {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A viewer that does not answer has had its time.
    if timeout(limit, closing).await.is_ok() {
        linger(socket.get_mut(), limit).await;
    }
}
