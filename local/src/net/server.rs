//! The server half of both hops: accept, read one request for each connection, answer, close without losing the answer.

use crate::net::{
    body::Body,
    raw_head::{HEAD_BYTES, HEADERS, RawHead, Record, Recorder},
};
use bytes::Bytes;
use hyper::{
    Request, Response,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    http::Extensions,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout, timeout_at},
};

/// One of the two hops.
pub(crate) trait Hop: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: Inbound) -> impl Future<Output = Answered> + Send;
    /// Answers a request whose head hyper accepted and [`RawHead`] refused, and logs it.
    fn bad_request(&self, reason: &'static str) -> Response<Body>;
    /// Logs a request whose head hyper has refused with this status.
    fn unreadable(&self, status: u16);
}

/// The answer to a request.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    /// What goes on with the connection after an answer 101.
    pub(crate) upgrade: Option<Upgrade>,
}

impl From<Response<Body>> for Answered {
    fn from(response: Response<Body>) -> Self {
        Self { response, upgrade: None }
    }
}

/// Takes over a connection that does not speak HTTP any more, with the bytes that were already read of it. It runs to its end
/// also if the answer could not be written.
pub(crate) type Upgrade =
    Box<dyn FnOnce(TcpStream, Bytes, watch::Receiver<bool>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A request as received.
pub(crate) struct Inbound {
    pub(crate) head: RawHead,
    pub(crate) peer: SocketAddr,
    pub(crate) body: Incoming,
    /// hyper keeps the sender's header case here for a client that forwards the request.
    pub(crate) extensions: Extensions,
}

/// All limits of the two servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections with a request that are served at one time; more wait in the listen queue. An open WebSocket is none of them.
    pub(crate) connections: usize,
    /// A viewer's time to send its request head.
    pub(crate) head: Duration,
    /// A viewer's time to send the part of the body that the edge function sees.
    pub(crate) body: Duration,
    /// The time of either function: Lambda@Edge's limit at origin events.
    pub(crate) function: Duration,
    /// CloudFront's default origin response timeout.
    pub(crate) origin: Duration,
    /// API Gateway's default integration timeout; shorter, so that the gateway answers before CloudFront gives up.
    pub(crate) backend: Duration,
    /// One request from its first byte to its last, in every case.
    pub(crate) request: Duration,
    /// How long the unread bytes of a closed connection are read.
    pub(crate) linger: Duration,
    /// A WebSocket without a frame in either direction for this time is closed: API Gateway's quota (documented).
    pub(crate) idle: Duration,
    /// A WebSocket is closed at this age: API Gateway's quota (documented).
    pub(crate) age: Duration,
    /// How long the end of a WebSocket may take, and the writing of one message to a viewer.
    pub(crate) close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            function: Duration::from_secs(30),
            origin: Duration::from_secs(30),
            backend: Duration::from_secs(29),
            request: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            idle: Duration::from_secs(10 * 60),
            age: Duration::from_secs(2 * 60 * 60),
            close: Duration::from_secs(1),
        }
    }
}

/// A running server. Dropping it ends it at once.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    end_upgraded: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start<H: Hop>(listener: TcpListener, hop: H, limits: Limits) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let (end_upgraded, ended) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::new(hop), limits, (stopped, ended)));
        Ok(Self { address, stop, end_upgraded, task })
    }

    /// Tells the connections that do not speak HTTP any more to end.
    pub(crate) fn end_upgraded(&self) {
        self.end_upgraded.send_replace(true);
    }

    /// Accepts no more connections, and lets those with a request finish until the deadline.
    pub(crate) async fn stop(mut self, deadline: Instant) {
        self.end_upgraded();
        self.stop.send_replace(true);
        let _ = timeout_at(deadline, &mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<H: Hop>(
    listener: TcpListener,
    hop: Arc<H>,
    limits: Limits,
    (stop, end_upgraded): (watch::Receiver<bool>, watch::Receiver<bool>),
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let mut stopped = stop.clone();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stopping(&mut stopped) => break,
            Some(_) = connections.join_next() => continue,
            next = next => next,
        };
        let Ok((stream, peer)) = accepted else {
            // For example without free file descriptors: only a busy loop must be avoided.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (hop, stop, end_upgraded) = (Arc::clone(&hop), stop.clone(), end_upgraded.clone());
        connections.spawn(async move {
            let served = timeout(limits.request, serve(stream, peer, hop, limits, stop)).await;
            // Many open WebSockets must not keep out the calls of `@connections` that answer them.
            drop(place);
            if let Ok(Some((upgrade, stream, read))) = served {
                upgrade(stream, read, end_upgraded).await;
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve<H: Hop>(
    stream: TcpStream,
    peer: SocketAddr,
    hop: Arc<H>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) -> Option<(Upgrade, TcpStream, Bytes)> {
    stream.set_nodelay(true).ok()?;
    let upgrade: Arc<Mutex<Option<Upgrade>>> = Arc::default();
    let record = Record::new();
    let io = TokioIo::new(Recorder::new(stream, record.clone()));
    let service = service_fn(|request: Request<Incoming>| {
        let (hop, record, slot) = (Arc::clone(&hop), record.clone(), Arc::clone(&upgrade));
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let answered = match RawHead::parse(&record.take()) {
                Ok(head) => hop.answer(Inbound { head, peer, body, extensions: parts.extensions }).await,
                Err(reason) => hop.bad_request(reason).into(),
            };
            let Answered { mut response, upgrade } = answered;
            if upgrade.is_none() {
                // One request for each connection. hyper's own switch for this would also change the header of a 101.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = upgrade;
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = http1::Builder::new()
        .preserve_header_case(true)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES)
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(io, service);

    let served = tokio::select! {
        served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => served,
        () = stopping(&mut stop) => {
            if !record.is_taken() {
                return None; // there was no request yet
            }
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    if let Err(error) = &served
        && error.is_parse()
    {
        hop.unreadable(if error.is_parse_too_large() { 431 } else { 400 });
    }
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().into_inner();
    if let Some(upgrade) = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Some((upgrade, stream, parts.read_buf));
    }
    linger(&mut stream, limits.linger).await;
    None
}

/// Announces the end of this side, and reads the rest of the sender's bytes for a while: closing with unread bytes makes the
/// kernel send a reset, which can destroy an answer on its way.
pub(crate) async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), limit: Duration) {
    let lingering = async {
        if stream.shutdown().await.is_ok() {
            let mut unread = [0; 16 * 1024];
            while matches!(stream.read(&mut unread).await, Ok(read) if read > 0) {}
        }
    };
    let _ = timeout(limit, lingering).await;
}

/// Ends when the server must stop, or is dropped.
pub(crate) async fn stopping(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::body::full;

    /// Why [`RawHead`] checks the framing again: hyper accepts these.
    #[tokio::test]
    async fn hyper_takes_one_of_two_framings() {
        for framing in [
            "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let (mut client, server) = tokio::io::duplex(4_096);
            let service = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(full(""))));
            let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(server), service);
            let mut answer = Vec::new();
            let (_, exchange) = tokio::join!(connection, async {
                client.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}").as_bytes()).await?;
                client.read_to_end(&mut answer).await
            });
            exchange.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&answer));
        }
    }
}
