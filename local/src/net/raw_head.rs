//! The request head as the sender wrote it.
//!
//! A REST API shows its authorizer header names in the sender's case and finds identity sources by it, but hyper
//! returns names in lower case. So [`Recorder`] keeps the first bytes of a connection while hyper reads them, and
//! [`RawHead`] reads them again. It also refuses a head that two parsers could frame in two ways: that is how requests
//! are smuggled past a hop.

use crate::net::headers::{named_by_connection, values};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes of a request head that are read at all. Both hops have smaller limits of their own (20,480 and
/// 10,240); this limit lets them give their own answers.
pub(crate) const HEAD_BYTES: usize = 32 * 1024;

/// As many headers as fit into [`HEAD_BYTES`] (`a:\r\n` is the shortest), so that a request that is small enough is
/// never refused for their number.
pub(crate) const HEADERS: usize = HEAD_BYTES / 4;

/// A request head: names in the sender's case, in order, with every duplicate.
#[derive(Debug)]
pub(crate) struct RawHead {
    pub(crate) method: String,
    /// The request target, byte for byte; in origin form, without a fragment.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Framing,
    /// Whether the version is HTTP/1.1, and not 1.0.
    pub(crate) is_http_1_1: bool,
    /// Length of the request line without its line end.
    pub(crate) request_line_bytes: usize,
    /// Length of the whole head, the empty line included.
    pub(crate) bytes: usize,
}

/// How the sender marks the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
}

impl Framing {
    /// Whether a body of at least one byte is announced. A chunked one may turn out empty.
    pub(crate) fn announces_body(self) -> bool {
        !matches!(self, Self::None | Self::Length(0))
    }
}

impl RawHead {
    /// Reads the bytes that [`Recorder`] kept.
    ///
    /// # Errors
    /// The problem of the head, as a text without any part of it.
    pub(crate) fn parse(recorded: &[u8]) -> Result<Self, &'static str> {
        // Most requests have few headers, and the table is written before it is used.
        Self::parse_up_to(recorded, 128)
            .or_else(|error| if error == TOO_MANY { Self::parse_up_to(recorded, HEADERS) } else { Err(error) })
    }

    fn parse_up_to(recorded: &[u8], most_headers: usize) -> Result<Self, &'static str> {
        let mut table = vec![httparse::EMPTY_HEADER; most_headers];
        let mut request = httparse::Request::new(&mut table);
        let bytes = match request.parse(recorded) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) => return Err("the request head is not complete"),
            Err(httparse::Error::TooManyHeaders) => return Err(TOO_MANY),
            Err(_) => return Err("the request head cannot be read"),
        };
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
            return Err("the request line is not complete");
        };
        let headers: Vec<(String, Vec<u8>)> =
            request.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect();
        let body = framing(&headers)?;
        let hosts = values(&headers, "host").count();
        if hosts > 1 || (hosts == 0 && version > 0) {
            return Err("the request does not have exactly one Host"); // RFC 9112, section 3.2
        }
        Ok(Self {
            // "METHOD target HTTP/1.1"
            request_line_bytes: method.len() + target.len() + 10,
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body,
            is_http_1_1: version == 1,
            bytes,
        })
    }

    /// Whether the target is a path, optionally with a query, and without a fragment: `*`, `http://…` and `host:port`
    /// are not.
    pub(crate) fn is_origin_form(&self) -> bool {
        self.target.starts_with('/') && !self.target.contains('#')
    }

    /// Whether the request asks to go on as a WebSocket (RFC 6455, section 4.2.1), and as nothing else.
    pub(crate) fn asks_for_websocket(&self) -> bool {
        let mut protocols = values(&self.headers, "upgrade");
        let is_websocket = matches!((protocols.next(), protocols.next()),
            (Some(protocol), None) if protocol.eq_ignore_ascii_case(b"websocket"));
        let named = named_by_connection(values(&self.headers, "connection"));
        self.method == "GET" && self.is_http_1_1 && is_websocket && named.iter().any(|name| name == "upgrade")
    }

    /// The method for a log line, if it is a well-known method.
    pub(crate) fn method_for_log(&self) -> &'static str {
        let known = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE", "CONNECT", "TRACE"];
        known.into_iter().find(|known| *known == self.method).unwrap_or("other")
    }
}

const TOO_MANY: &str = "the request has too many headers";

/// hyper prefers `Transfer-Encoding` to `Content-Length`, and accepts equal lengths as one; another hop may not. So
/// both are refused here.
fn framing(headers: &[(String, Vec<u8>)]) -> Result<Framing, &'static str> {
    let mut lengths = values(headers, "content-length");
    let mut codings = values(headers, "transfer-encoding");
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, _, None, _) => Ok(Framing::None),
        (Some(length), None, None, _) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = str::from_utf8(length).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            length.map(Framing::Length).ok_or("the Content-Length is not a number")
        }
        (None, _, Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (None, _, Some(_), _) => Err("the Transfer-Encoding is not only chunked"),
        (Some(_), _, Some(_), _) => Err("the request has both Content-Length and Transfer-Encoding"),
        (Some(_), Some(_), None, _) => Err("the request has more than one Content-Length"),
    }
}

/// The bytes that a [`Recorder`] has kept; `None` after they were taken, and then no more bytes are kept.
#[derive(Clone)]
pub(crate) struct Record(Arc<Mutex<Option<Vec<u8>>>>);

impl Record {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    /// The bytes until now. This call ends the recording.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Whether the head was read to its end and passed on.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn keep(&self, bytes: &[u8]) {
        if let Some(kept) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
            && kept.len() < HEAD_BYTES
        {
            kept.extend_from_slice(bytes);
        }
    }
}

/// A stream that keeps the bytes that are read from it until [`Record::take`].
pub(crate) struct Recorder<T> {
    inner: T,
    record: Record,
}

impl<T> Recorder<T> {
    pub(crate) fn new(inner: T, record: Record) -> Self {
        Self { inner, record }
    }

    pub(crate) fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Recorder<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if let Some(read) = buffer.filled().get(before..) {
            self.record.keep(read);
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Recorder<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Result<Framing, &str>) {
        assert_eq!(RawHead::parse(head.as_bytes()).map(|head| head.body), expected, "{head:?}");
    }

    #[test]
    fn framing_is_unambiguous_or_refused() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Framing::None));
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", Ok(Framing::Length(12)));
        check("POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: Chunked\r\n\r\n", Ok(Framing::Chunked));
        let not_a_number = Err("the Content-Length is not a number");
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", not_a_number);
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", not_a_number);
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", not_a_number);
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", not_a_number);
        check(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
            Err("the request has more than one Content-Length"),
        );
        check(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Err("the request has both Content-Length and Transfer-Encoding"),
        );
        let not_chunked = Err("the Transfer-Encoding is not only chunked");
        check("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", not_chunked);
        check(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            not_chunked,
        );
    }

    #[test]
    fn host_stands_once() {
        let refused = Err("the request does not have exactly one Host");
        check("GET / HTTP/1.1\r\n\r\n", refused);
        check("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", refused);
        check("GET / HTTP/1.0\r\n\r\n", Ok(Framing::None));
    }

    #[test]
    fn what_asks_for_a_websocket() {
        #[track_caller]
        fn asks(line: &str, headers: &str) -> bool {
            let head = format!("{line}\r\nHost: a\r\n{headers}\r\n");
            RawHead::parse(head.as_bytes()).unwrap().asks_for_websocket()
        }
        let get = "GET / HTTP/1.1";
        for headers in [
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            "connection: keep-alive , UPGRADE\r\nupgrade: WebSocket\r\n",
            "Connection: close\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
        ] {
            assert!(asks(get, headers), "{headers}");
            assert!(!asks("GET / HTTP/1.0", headers));
            assert!(!asks("POST / HTTP/1.1", headers));
        }
        for headers in [
            "",
            "Connection: Upgrade\r\n",
            "Upgrade: websocket\r\n",
            "Connection: Upgrade\r\nUpgrade: h2c\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
            "Connection: x-upgrade\r\nUpgrade: websocket\r\n",
        ] {
            assert!(!asks(get, headers), "{headers}");
        }
    }

    #[test]
    fn names_keep_case_order_and_duplicates() {
        let bytes = b"GET /a//b?x=%zz&y;z HTTP/1.1\r\nhOsT: a\r\nX-A: 1\r\nx-a:  2 \r\nX-A: \xff\r\n\r\nbody";
        let head = RawHead::parse(bytes).unwrap();
        let expected: [(&str, &[u8]); 4] = [("hOsT", b"a"), ("X-A", b"1"), ("x-a", b"2"), ("X-A", b"\xff")];
        assert_eq!(head.headers, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
        assert_eq!(head.target, "/a//b?x=%zz&y;z");
        assert_eq!(head.request_line_bytes, "GET /a//b?x=%zz&y;z HTTP/1.1".len());
        assert_eq!(head.bytes, bytes.len() - "body".len());
    }

    #[test]
    fn the_size_and_not_the_number_of_headers_is_limited() {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a:\r\n".repeat(5_000));
        assert_eq!(RawHead::parse(head.as_bytes()).unwrap().headers.len(), 5_001);
    }
}
