//! The thin shell: sends one request over one connection, and keeps what the verdict needs of the answer.

use crate::{
    doctor::{
        doors::{
            answer::{Answer, KEPT},
            probe::Probe,
        },
        targets::ApiUrl,
    },
    output, progress,
};
use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request,
    body::Incoming,
    client::conn::http1,
    header::{HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

/// The longest wait for the head of an answer, the connection included.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest wait for the body. Only its beginning is read.
const BODY_PATIENCE: Duration = Duration::from_secs(2);

/// The bytes of a body that are kept: the answers of API Gateway and of CloudFront are shorter.
const BODY_BYTES: usize = 8192;

/// If a head has not ended after so many bytes, hyper refuses the answer. Its last read may add about as many, so a head of 100 KB may
/// still be accepted. Its own limit is 400 KB.
const HEAD_BYTES: usize = 64 * 1024;

/// By this name the log of the API and a rule of a firewall know the requests.
const USER_AGENT: &str = concat!("countersign-doctor/", env!("CARGO_PKG_VERSION"));

/// A request, and its answer or why there is none.
pub(crate) struct Sent {
    pub(crate) probe: Probe,
    pub(crate) answer: Result<Answer, String>,
}

/// Follows no redirect and uses no proxy.
pub(crate) struct Client {
    /// The authorities are read if there is a `https://` URL.
    tls: LazyLock<Result<TlsConnector, String>>,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self { tls: LazyLock::new(|| connector().map_err(|error| output::chain(&error))) }
    }

    pub(crate) async fn send(&self, url: &ApiUrl, probe: Probe) -> Sent {
        let _part = progress::part(probe.what());
        let answer = timeout(PATIENCE + BODY_PATIENCE, self.exchange(url, &probe)).await;
        let answer = answer.unwrap_or_else(|_| Err(late()));
        Sent { probe, answer: answer.map_err(|error| output::chain(&error)) }
    }

    async fn exchange(&self, url: &ApiUrl, probe: &Probe) -> Result<Answer> {
        let connecting = async {
            let (host, port) = url.host_and_port();
            let stream =
                TcpStream::connect((host, port)).await.with_context(|| format!("no connection to {host}:{port}"))?;
            stream.set_nodelay(true)?;
            if url.scheme() == "http" {
                return Ok::<Box<dyn Stream>, anyhow::Error>(Box::new(stream));
            }
            let name = ServerName::try_from(host.to_owned())?;
            let connector = self.tls.as_ref().map_err(|error| anyhow!("{error}"))?;
            Ok(Box::new(connector.connect(name, stream).await.with_context(|| format!("no TLS connection to {host}"))?))
        };
        let head = async {
            let stream = connecting.await?;
            send(stream, url, probe).await
        };
        // The body may be endless, and its beginning is enough.
        let (mut answer, mut body, _connection) = timeout(PATIENCE, head).await.map_err(|_| late())??;
        let mut read = BytesMut::new();
        let reading = async {
            while read.len() < BODY_BYTES {
                let Some(Ok(frame)) = body.frame().await else { break };
                read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
        };
        let _ = timeout(BODY_PATIENCE, reading).await;
        read.truncate(BODY_BYTES);
        answer.body = read.freeze();
        Ok(answer)
    }
}

fn late() -> anyhow::Error {
    anyhow!("it does not answer within {} s", PATIENCE.as_secs())
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The answer without its body, the body, and the task without which the body does not arrive.
async fn send(stream: Box<dyn Stream>, url: &ApiUrl, probe: &Probe) -> Result<(Answer, Incoming, JoinSet<()>)> {
    // REST APIs match the names of identity sources by case.
    let builder = http1::Builder::new().title_case_headers(true).max_buf_size(HEAD_BYTES).clone();
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let mut task = JoinSet::new();
    task.spawn(async {
        // An error here is an error of the answer too.
        let _ = connection.await;
    });
    let request = request(url, probe)?;
    let (sent, began) = (SystemTime::now(), Instant::now());
    let answer = sender.send_request(request).await.context("the connection ended without an answer")?;
    let round_trip = began.elapsed();
    let (parts, body) = answer.into_parts();
    let headers = KEPT.iter().filter_map(|name| {
        let value = parts.headers.get(*name)?;
        Some((*name, String::from_utf8_lossy(value.as_bytes()).into_owned()))
    });
    let answer =
        Answer { status: parts.status.as_u16(), headers: headers.collect(), body: Bytes::new(), sent, round_trip };
    Ok((answer, body, task))
}

/// hyper writes the target as it is here: it is in origin form, and its bytes are not changed.
fn request(url: &ApiUrl, probe: &Probe) -> Result<Request<Empty<Bytes>>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = probe.method.parse()?;
    *request.uri_mut() =
        probe.target.parse().with_context(|| format!("the target {:?} cannot be sent", probe.target))?;
    ensure!(request.uri().to_string() == probe.target, "the target {:?} cannot be sent as it is", probe.target);
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_str(url.authority())?);
    headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    headers.insert("connection", HeaderValue::from_static("close"));
    for (name, value) in &probe.headers {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
    }
    Ok(request)
}

/// Trusts the authorities of the system, or those of SSL_CERT_FILE and SSL_CERT_DIR.
fn connector() -> Result<TlsConnector> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (valid, _) = roots.add_parsable_certificates(found.certs);
    ensure!(valid > 0, "this machine has no certificate of an authority that can be read");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
