//! The tour's client: it sends requests and reads the reply, and what the log says of each.

use crate::{
    local::emulation::{Api, RunningEmulation},
    tour::{
        decision_log::{DecisionLog, LoggedDecision},
        handshake::Handshake,
    },
};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request, Uri, header::HeaderName};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use signing::Field;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// No request of the tour takes longer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends requests to both endpoints of a running emulation: through CloudFront, and past it.
pub(crate) struct Client {
    edge: SocketAddr,
    gateway: SocketAddr,
    /// What the path of each request at the gateway begins with.
    path_prefix: String,
    /// The name by which the gateway is asked, where that is not its address.
    host: Option<String>,
    pub(crate) api: Api,
    http: HttpClient<HttpConnector, Full<Bytes>>,
    log: DecisionLog,
}

impl Client {
    pub(crate) fn new(running: &RunningEmulation, api: Api, log: &DecisionLog) -> Self {
        // REST APIs match the names of identity sources by case.
        let http = HttpClient::builder(TokioExecutor::new()).http1_title_case_headers(true).build_http();
        Self {
            edge: running.servers.edge,
            gateway: running.servers.gateway,
            path_prefix: running.path_prefix.clone(),
            host: running.host.clone(),
            api,
            http,
            log: log.clone(),
        }
    }

    /// What the path of each request at the gateway begins with.
    pub(crate) fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// A request without a body, through CloudFront.
    pub(crate) async fn at_edge(&self, method: Method, target: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send_to_edge(method, target, headers, b"").await
    }

    /// A request without a body, at the API's own URL; the target is without the stage or the custom domain's key.
    pub(crate) async fn at_gateway(&self, method: Method, target: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send_to_gateway(method, target, headers, b"").await
    }

    pub(crate) async fn send_to_edge(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        self.send(self.edge, method, target, headers, body).await
    }

    pub(crate) async fn send_to_gateway(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let host = self.host.as_deref().map(|host| ("Host", host));
        let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let headers: Vec<_> = host.filter(|_| !named).into_iter().chain(headers.iter().copied()).collect();
        self.send(self.gateway, method, &format!("{}{target}", self.path_prefix), &headers, body).await
    }

    /// A request without a body at the API's own URL, whose whole target is given.
    pub(crate) async fn outside_the_stage(&self, target: &str) -> Result<Reply> {
        self.send(self.gateway, Method::GET, target, &[], b"").await
    }

    /// Bytes that no client would send, through CloudFront.
    pub(crate) async fn raw_at_edge(&self, request: &[u8]) -> Result<Reply> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.edge).await?;
            stream.write_all(request).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            Ok::<_, anyhow::Error>(answer)
        };
        let answer = timeout(REPLY_TIMEOUT, exchange).await.context("no answer in time")??;
        let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        Ok(Reply { status: status.context("no status line")?, body: Bytes::new(), logged: self.log.take() })
    }

    /// A handshake through CloudFront.
    pub(crate) async fn handshake_at_edge(&self, target: &str, headers: &[(&str, &str)]) -> Result<Handshake> {
        let host = self.edge.to_string();
        let headers: Vec<_> = [("Host", host.as_str())].into_iter().chain(headers.iter().copied()).collect();
        Handshake::send(self.edge, target, &headers, || self.log.take()).await
    }

    /// A handshake at the API's own URL; the target is without the stage or the custom domain's key.
    pub(crate) async fn handshake_at_gateway(&self, target: &str, headers: &[(&str, &str)]) -> Result<Handshake> {
        let host = self.host.clone().unwrap_or_else(|| self.gateway.to_string());
        let headers: Vec<_> = [("Host", host.as_str())].into_iter().chain(headers.iter().copied()).collect();
        let target = format!("{}{target}", self.path_prefix);
        Handshake::send(self.gateway, &target, &headers, || self.log.take()).await
    }

    /// Only the status and headers, for requests side by side: nothing says which line of the log is about which of them.
    pub(crate) async fn status_and_headers(&self, target: &str) -> Result<(u16, Headers)> {
        let reply = self.at_edge(Method::GET, target, &[]).await?;
        Ok((reply.status, Headers(reply.headers_at_origin()?)))
    }

    /// Where requests past CloudFront go.
    pub(crate) fn gateway_url(&self, target: &str) -> String {
        format!("http://{}{}{target}", self.gateway, self.path_prefix)
    }

    /// The decisions that were logged since it was last asked.
    pub(crate) fn decisions(&self) -> Vec<String> {
        self.log.take().iter().map(LoggedDecision::to_string).collect()
    }

    async fn send(
        &self,
        address: SocketAddr,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let uri = Uri::builder().scheme("http").authority(address.to_string()).path_and_query(target).build()?;
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = header_map(headers)?;
        let exchange = async {
            let (parts, body) = self.http.request(request).await?.into_parts();
            Ok::<_, anyhow::Error>((parts.status.as_u16(), body.collect().await?.to_bytes()))
        };
        let (status, body) = timeout(REPLY_TIMEOUT, exchange).await.context("no answer in time")??;
        Ok(Reply { status, body, logged: self.log.take() })
    }
}

fn header_map(headers: &[(&str, &str)]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
    }
    Ok(map)
}

/// What came of a request.
pub(crate) struct Reply {
    status: u16,
    body: Bytes,
    logged: Vec<LoggedDecision>,
}

impl Reply {
    /// The status and what the log says was decided: `403 refused: path`.
    pub(crate) fn verdict(&self) -> String {
        let decisions: Vec<_> = self.logged.iter().map(LoggedDecision::to_string).collect();
        format!("{} {}", self.status, decisions.join(", "))
    }

    /// The status and the first decision that the log has, of two checks that each decided.
    pub(crate) fn first_verdict(&self) -> String {
        self.verdict_of(self.logged.first())
    }

    /// The status and the last decision that the log has, of two checks that each decided.
    pub(crate) fn last_verdict(&self) -> String {
        self.verdict_of(self.logged.last())
    }

    fn verdict_of(&self, decision: Option<&LoggedDecision>) -> String {
        format!("{} {}", self.status, decision.map(LoggedDecision::to_string).unwrap_or_default())
    }

    /// The verdict and whether something else holds.
    pub(crate) fn verdict_and(&self, holds: bool, what: &str) -> String {
        format!("{}, {}{what}", self.verdict(), if holds { "" } else { "not " })
    }

    /// What the backend's `/echo` says that it got; null where it was not the one to answer.
    pub(crate) fn echo(&self) -> Result<Value> {
        if self.status != 200 {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).context("the backend's echo is not JSON")
    }

    /// The headers as the backend got them.
    pub(crate) fn headers_at_origin(&self) -> Result<Vec<(String, String)>> {
        match self.echo()? {
            Value::Null => Ok(Vec::new()),
            echo => {
                let headers = echo.get("headers").cloned().context("the echo has no headers")?;
                serde_json::from_value(headers).context("the echo has other headers")
            }
        }
    }

    /// What the authorizer has handed on to the backend, by its name in the context.
    pub(crate) fn handed_on(&self, name: &str) -> Result<Option<String>> {
        let value = self.echo()?.pointer(&format!("/authorizer/{name}")).and_then(Value::as_str).map(str::to_owned);
        Ok(value)
    }

    pub(crate) fn value_at_origin(&self, name: &str) -> Result<Option<String>> {
        let headers = self.headers_at_origin()?;
        Ok(headers.into_iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }

    /// The headers of an admitted request that a person who sees it can send again.
    pub(crate) fn signed_headers(&self) -> Result<Headers> {
        let names = Field::ALL.map(Field::key);
        let signed = |name: &str| names.iter().chain(&["x-api-key"]).any(|other| other.eq_ignore_ascii_case(name));
        let headers: Vec<_> = self.headers_at_origin()?.into_iter().filter(|(name, _)| signed(name)).collect();
        // All but Content-Digest.
        if headers.len() + 1 < names.len() {
            bail!("the signed headers did not arrive at the backend: {}", self.verdict());
        }
        Ok(Headers(headers))
    }
}

/// Headers to send, to be changed one at a time.
#[derive(Clone)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    pub(crate) fn all(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.0.push((name.to_owned(), value.to_owned()));
        changed
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name)).cloned().collect())
    }

    /// Sends a header under another name.
    pub(crate) fn renamed(&self, name: &str, new: &str) -> Self {
        let mut changed = self.clone();
        for (other, _) in changed.0.iter_mut().filter(|(other, _)| other.eq_ignore_ascii_case(name)) {
            new.clone_into(other);
        }
        changed
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn only(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).cloned().collect())
    }

    /// Replaces a text in one header's value.
    pub(crate) fn edit(&self, name: &str, old: &str, new: &str) -> Self {
        let mut changed = self.clone();
        for (other, value) in &mut changed.0 {
            if other.eq_ignore_ascii_case(name) {
                *value = value.replace(old, new);
            }
        }
        changed
    }
}
