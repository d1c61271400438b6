//! The thin shell: sends one request over one connection, byte for byte, or one handshake and one message.

use crate::doctor::{
    learn::{learned::Answer, probes::Kind},
    targets::ApiUrl,
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use httparse::Status;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role, protocol::WebSocketConfig},
};

/// The longest wait for an answer, the connection included: the longest of a function that is started for it is about a second.
const PATIENCE: Duration = Duration::from_secs(15);

/// The most bytes of an answer, head and body. The observing function answers with about 2 KB.
const ANSWER_BYTES: usize = 64 * 1024;

const HEADERS: usize = 64;

/// By this name a log knows the requests.
const USER_AGENT: &str = concat!("countersign-learn/", env!("CARGO_PKG_VERSION"));

/// Follows no redirect and uses no proxy.
pub(crate) struct Client {
    /// The authorities of this machine, which are read if there is a `https://` URL.
    tls: LazyLock<Result<TlsConnector, String>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Client {
    pub(crate) fn new() -> Self {
        Self { tls: LazyLock::new(|| connector().map_err(|error| format!("{error:#}"))) }
    }

    /// Sends a request, at a WebSocket API a handshake.
    ///
    /// # Errors
    /// Why the answer is missing or cannot be used.
    pub(crate) async fn ask(
        &self,
        kind: Kind,
        url: &ApiUrl,
        target: &str,
        header: Option<(&str, &str)>,
    ) -> Result<Answer> {
        let exchange = async {
            let stream = self.connect(url).await?;
            let (status, body) = match kind {
                Kind::WebSocket => shake_hands(stream, url, target, header).await?,
                Kind::Rest | Kind::Http | Kind::HttpV1 => {
                    let request = head(url, target, "Connection: close\r\n", header);
                    let (answer, _) = exchange(stream, &request).await?;
                    (answer.status, answer.body)
                }
            };
            Answer::read(status, &body)
        };
        match timeout(PATIENCE, exchange).await {
            Ok(answer) => answer,
            Err(_) => bail!("it does not answer within {} s", PATIENCE.as_secs()),
        }
    }

    async fn connect(&self, url: &ApiUrl) -> Result<Box<dyn Stream>> {
        let is_plain = url.scheme() == "http";
        let authority: hyper::http::uri::Authority = url.authority().parse()?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let stream =
            TcpStream::connect((host, port)).await.with_context(|| format!("no connection to {host}:{port}"))?;
        stream.set_nodelay(true)?;
        if is_plain {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned())?;
        let connector = self.tls.as_ref().map_err(|error| anyhow!("{error}"))?;
        let stream = connector.connect(name, stream).await.with_context(|| format!("no TLS connection to {host}"))?;
        Ok(Box::new(stream))
    }
}

/// Trusts the authorities of the system, or those of SSL_CERT_FILE and SSL_CERT_DIR.
fn connector() -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let (valid, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ensure!(valid > 0, "this machine has no certificate of an authority that can be read");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The head of a request. Its target is not changed: no client library would send all of them.
fn head(url: &ApiUrl, target: &str, connection: &str, header: Option<(&str, &str)>) -> Vec<u8> {
    let header = header.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
    // The root of a URL without a path.
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let host = url.authority();
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n{connection}{header}\r\n"
    )
    .into_bytes()
}

/// The status, and the body or the answer to a message.
async fn shake_hands(
    stream: Box<dyn Stream>,
    url: &ApiUrl,
    target: &str,
    header: Option<(&str, &str)>,
) -> Result<(u16, Vec<u8>)> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)?;
    let upgrade = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
        STANDARD.encode(nonce)
    );
    let (answer, stream) = exchange(stream, &head(url, target, &upgrade, header)).await?;
    if answer.status != 101 {
        return Ok((answer.status, answer.body));
    }
    let limits = WebSocketConfig::default().max_message_size(Some(ANSWER_BYTES)).max_frame_size(Some(ANSWER_BYTES));
    let mut socket = WebSocketStream::from_partially_read(stream, answer.body, Role::Client, Some(limits)).await;
    socket.send(Message::text("whoami")).await?;
    let text = loop {
        match socket.next().await.context("the connection has ended without an answer to its message")?? {
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Text(text) => break text,
            _ => bail!("the answer to the message is not a text"),
        }
    };
    // The answer is there: how the connection ends does not matter.
    let _ = socket.close(None).await;
    Ok((101, text.as_bytes().to_vec()))
}

struct Raw {
    status: u16,
    body: Vec<u8>,
}

/// Sends a head, and reads the answer to its end; of 101 only the head, and what was read behind it.
async fn exchange(mut stream: Box<dyn Stream>, head: &[u8]) -> Result<(Raw, Box<dyn Stream>)> {
    stream.write_all(head).await?;
    let mut read = Vec::new();
    loop {
        if let Some(raw) = parsed(&read)? {
            return Ok((raw, stream));
        }
        ensure!(read.len() <= ANSWER_BYTES, "the answer is longer than {ANSWER_BYTES} bytes");
        // Some servers end a TLS connection without saying so.
        let ended = match stream.read_buf(&mut read).await {
            Ok(bytes) => bytes == 0,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => true,
            Err(error) => return Err(error.into()),
        };
        if ended {
            let raw = ended_answer(&read)?;
            return Ok((raw, stream));
        }
    }
}

/// The answer, if all of it is there.
fn parsed(read: &[u8]) -> Result<Option<Raw>> {
    let Some((status, framing, body)) = parts(read)? else { return Ok(None) };
    let body = match framing {
        _ if status == 101 => Some(body.to_vec()),
        Framing::Length(length) => body.get(..length).map(<[u8]>::to_vec),
        Framing::Chunked => unchunked(body)?,
        Framing::ToTheEnd => None,
    };
    Ok(body.map(|body| Raw { status, body }))
}

/// The answer of a connection that has ended.
fn ended_answer(read: &[u8]) -> Result<Raw> {
    match parts(read)? {
        Some((status, Framing::ToTheEnd, body)) => Ok(Raw { status, body: body.to_vec() }),
        _ => bail!("the connection has ended before the answer"),
    }
}

enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

/// The status and the framing, and what was read of the body, if the head is there.
fn parts(read: &[u8]) -> Result<Option<(u16, Framing, &[u8])>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Status::Complete(length) = response.parse(read).context("the answer is not HTTP")? else { return Ok(None) };
    let value = |name: &str| {
        let mut headers = response.headers.iter();
        headers.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let framing = match (value("transfer-encoding"), value("content-length")) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(length)) => {
            let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
            Framing::Length(length.context("the answer has a Content-Length that is not a number")?)
        }
        (None, None) => Framing::ToTheEnd,
    };
    let status = response.code.context("the answer has no status")?;
    Ok(Some((status, framing, read.get(length..).unwrap_or_default())))
}

/// The data of all chunks, if they are there.
fn unchunked(mut body: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut data = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(body).map_err(|_| anyhow!("the answer has a chunk without a size"))?;
        let Status::Complete((head, size)) = size else { return Ok(None) };
        if size == 0 {
            return Ok(Some(data));
        }
        let end = usize::try_from(size).ok().and_then(|size| head.checked_add(size)).context("a chunk is too long")?;
        let Some(chunk) = body.get(head..end) else { return Ok(None) };
        data.extend_from_slice(chunk);
        body = body.get(end..).and_then(|rest| rest.get(2..)).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_all_of_it_is_there() {
        for (read, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Some((200, "{}"))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", None),
            ("HTTP/1.1 200 OK\r\nContent-", None),
            (
                "HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
                Some((403, "{}")),
            ),
            ("HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n", None),
            ("HTTP/1.1 400 Bad\r\n\r\nx", None),
            ("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\nx", Some((101, "x"))),
        ] {
            let answer = parsed(read.as_bytes()).unwrap().map(|raw| (raw.status, String::from_utf8(raw.body).unwrap()));
            assert_eq!(answer, expected.map(|(status, body)| (status, body.to_owned())), "{read}");
        }
        let ended = ended_answer(b"HTTP/1.1 400 Bad\r\n\r\nx").unwrap();
        assert_eq!((ended.status, ended.body.as_slice()), (400, &b"x"[..]));
    }

    #[test]
    fn another_answer_is_an_error() {
        for read in [
            "SSH-2.0\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ] {
            assert!(parsed(read.as_bytes()).is_err(), "{read}");
        }
        assert!(ended_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{").is_err());
    }

    #[test]
    fn the_target_is_sent_byte_for_byte() {
        let url: ApiUrl = "http://127.0.0.1:8081/rest".parse().unwrap();
        let head = head(&url, "/rest/p%zz?a=é&b[]", "Connection: close\r\n", Some(("X-Learn", "hello")));
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("GET /rest/p%zz?a=é&b[] HTTP/1.1\r\nHost: 127.0.0.1:8081\r\n"), "{head}");
        assert!(head.ends_with("Connection: close\r\nX-Learn: hello\r\n\r\n"), "{head}");
    }
}
