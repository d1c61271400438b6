//! Forwards a request to the next hop: one connection for each request, every step bounded in time.

use crate::net::{
    body::{Body, BoxError},
    headers::{is_hop_by_hop, named_by_connection},
    raw_head::{HEAD_BYTES, HEADERS},
};
use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    client::conn::http1,
    header::TRANSFER_ENCODING,
};
use hyper_util::rt::TokioIo;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

/// How long connecting may take. CloudFront's own default is 10 s for each of three attempts; on loopback one is
/// enough.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the connection failed")]
    Connect(#[source] io::Error),
    #[error("there was no answer in time")]
    Timeout,
    #[error("the connection closed before the answer")]
    Broken(#[source] hyper::Error),
}

/// The case of header names on the wire.
#[derive(Clone, Copy)]
pub(crate) enum NameCase {
    /// `signature-input` becomes `Signature-Input`.
    Title,
    /// As in the request's extensions, where hyper keeps the sender's case; else lower.
    Kept,
}

/// Sends one request to `authority` (`host:port`) and returns the answer as soon as its head is there, without
/// hop-by-hop headers.
///
/// # Errors
/// If the connection fails, there is no answer within `limit`, or the exchange ends before the head of the answer.
pub(crate) async fn send(
    authority: &str,
    request: Request<Body>,
    names: NameCase,
    limit: Duration,
) -> Result<Response<Body>, SendError> {
    let exchange = async {
        let stream = timeout(CONNECT, TcpStream::connect(authority))
            .await
            .map_err(|_| SendError::Timeout)?
            .map_err(SendError::Connect)?;
        // Heads and bodies are written apart: without this the second would wait for the first one's acknowledgement.
        stream.set_nodelay(true).map_err(SendError::Connect)?;
        let (mut sender, connection) = http1::Builder::new()
            .title_case_headers(matches!(names, NameCase::Title))
            .max_headers(HEADERS)
            .max_buf_size(8 * HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(SendError::Broken)?;
        let driver = AbortOnDrop(tokio::spawn(async move {
            // An error here is also an error of the request or of the body of its answer.
            let _ = connection.with_upgrades().await;
        }));
        let response = sender.send_request(request).await.map_err(SendError::Broken)?;
        Ok((response, driver))
    };
    let (response, driver) = timeout(limit, exchange).await.map_err(|_| SendError::Timeout)??;
    let (mut parts, body) = response.into_parts();
    // An answer 101 needs its two headers.
    let upgrades = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let dropped: Vec<_> = {
        let named = named_by_connection(parts.headers.get_all("connection").iter().map(|value| value.as_bytes()));
        parts
            .headers
            .keys()
            .filter(|name| {
                !(upgrades && matches!(name.as_str(), "connection" | "upgrade")) && is_hop_by_hop(name.as_str(), &named)
            })
            .cloned()
            .collect()
    };
    for name in dropped {
        parts.headers.remove(name);
    }
    parts.headers.remove(TRANSFER_ENCODING); // the server half frames the answer anew
    Ok(Response::from_parts(parts, Body::new(Driven { inner: body, _driver: driver })))
}

/// The body of an answer. Its drop closes its connection.
struct Driven {
    inner: Incoming,
    _driver: AbortOnDrop,
}

impl HttpBody for Driven {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.inner).poll_frame(cx).map_err(BoxError::from)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
