//! Bodies on their way through: as a stream, and whole in memory only if necessary.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

/// Why a body ended too early.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Any body, in either direction.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is complete.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Reads at least `wanted` bytes, or to the end, and returns the body as if it had not been read. The first value holds
/// the bytes that were read: more than `wanted` bytes exactly if there is more.
///
/// # Errors
/// The sender closed the connection or broke the framing.
pub(crate) async fn peek(mut body: Incoming, wanted: usize) -> Result<(Bytes, Body), hyper::Error> {
    let mut read = BytesMut::new();
    while read.len() <= wanted {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    let read = read.freeze();
    Ok((read.clone(), Body::new(Prefixed { prefix: Some(read), rest: body })))
}

/// The bytes that were already read, then the rest.
struct Prefixed {
    prefix: Option<Bytes>,
    rest: Incoming,
}

impl HttpBody for Prefixed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.prefix.take() {
            Some(prefix) if !prefix.is_empty() => Poll::Ready(Some(Ok(Frame::data(prefix)))),
            _ => Pin::new(&mut self.rest).poll_frame(cx).map_err(BoxError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.prefix.as_ref().is_none_or(Bytes::is_empty) && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Unknown if the sender's framing was chunked; if it was a length, the header has it.
        if self.is_end_stream() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

/// A body that ends after this number of bytes, and the mark that it did.
pub(crate) struct Counted {
    inner: Incoming,
    left: u64,
    exceeded: Arc<AtomicBool>,
}

impl Counted {
    pub(crate) fn new(inner: Incoming, limit: u64) -> (Self, Exceeded) {
        let exceeded = Arc::new(AtomicBool::new(false));
        (Self { inner, left: limit, exceeded: Arc::clone(&exceeded) }, Exceeded(exceeded))
    }
}

/// Whether the body was over its limit.
pub(crate) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx).map_err(BoxError::from);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            match u64::try_from(data.len()).ok().and_then(|length| self.left.checked_sub(length)) {
                Some(left) => self.left = left,
                None => {
                    self.exceeded.store(true, Ordering::Release);
                    return Poll::Ready(Some(Err("the body is over the limit".into())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
