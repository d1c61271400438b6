//! CloudFront: from the viewer to the origin, with an origin-request function in between.
//!
//! Only the quirks that decide what a function sees and what the origin gets are implemented. There is neither a cache
//! nor WAF. A WebSocket is passed through: reported of real distributions with an origin-request function.

use crate::{
    counts::Counter,
    edge::rules::{self, InvalidResult},
    gateway::api_keys::ApiKeys,
    lambda::functions::EdgeFunction,
    net::{
        body::{Body, full, peek},
        client::{self, NameCase, SendError},
        headers::{end_to_end, header_map, latin1, latin1_bytes, values},
        raw_head::RawHead,
        server::{Answered, Hop, Inbound, Limits, Upgrade},
    },
    random,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use edge_signer::{Action, Header, Origin, OriginRequest};
use hyper::{Method, Request, Response, StatusCode, Uri, header::HeaderValue, http::uri::PathAndQuery, upgrade};
use hyper_util::rt::TokioIo;
use std::{
    net::SocketAddr,
    pin::pin,
    time::{Duration, SystemTime},
};
use telemetry::{Detail, Event, Log};
use tokio::{
    io::{self, AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// Why CloudFront answers where the function did not.
const FUNCTION_TIMEOUT: &str = "function-timeout";
const FUNCTION_FAILED: &str = "function-failed";
const FUNCTION_RESULT: &str = "function-result";

/// A distribution with one origin and one function.
pub(crate) struct Edge<F> {
    pub(crate) function: F,
    /// The origin's domain: the gateway's own name.
    pub(crate) origin: String,
    /// The address of the origin, `host:port`: on loopback names are not looked up.
    pub(crate) origin_address: String,
    /// The origin path, as `/STAGE`; may be empty.
    pub(crate) origin_path: String,
    /// The origin's custom headers, names in lower case.
    pub(crate) custom_headers: Vec<(String, String)>,
    /// The first of these is sent in `x-api-key`, as one more custom header.
    pub(crate) api_keys: Option<ApiKeys>,
    /// The `<hex>` of `Via: 1.1 <hex>.cloudfront.net (CloudFront)`.
    pub(crate) via: String,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) counter: Counter,
}

impl<F: EdgeFunction> Hop for Edge<F> {
    async fn answer(&self, request: Inbound) -> Answered {
        let method = request.head.method_for_log();
        let answered = match self.forward(request).await {
            Ok(answered) => answered,
            Err(error) => self.answer_error(error, method).into(),
        };
        self.counter.count(|counts| counts.distribution.add(answered.response.status()));
        answered
    }

    fn bad_request(&self, reason: &'static str) -> Response<Body> {
        self.answer_error(EdgeError::new(400, "bad-request", reason), "unknown")
    }

    fn unreadable(&self, status: u16) {
        self.answer_error(EdgeError::new(status, "head-unreadable", "the request head cannot be read"), "unknown");
    }
}

impl<F: EdgeFunction> Edge<F> {
    /// The answer to a request that does not reach the gateway, and its line in the log.
    fn answer_error(&self, error: EdgeError, method: &str) -> Response<Body> {
        let EdgeErrorParts { response, cause } = *error.0;
        if let Some((reason, detail)) = cause {
            self.counter.count(|counts| match reason {
                FUNCTION_FAILED | FUNCTION_TIMEOUT => counts.edge_execution_errors += 1,
                FUNCTION_RESULT => counts.edge_validation_errors += 1,
                _ => {}
            });
            let status = response.status().as_u16();
            let event = Event::RequestAnsweredByCloudfront { reason, detail: Detail(&detail), status, method };
            self.log.write(&event, SystemTime::now());
        }
        response
    }

    async fn forward(&self, request: Inbound) -> Result<Answered, EdgeError> {
        let Inbound { head, peer, body, .. } = request;
        check(&head)?;
        let is_websocket = head.asks_for_websocket();
        let (uri, querystring) = match head.target.split_once('?') {
            Some((path, query)) => (path, query),
            None => (head.target.as_str(), ""),
        };
        let (seen, body) = timeout(self.limits.body, peek(body, rules::BODY_BYTES))
            .await
            .map_err(|_| EdgeError::new(408, "body-timeout", "the body did not come in time"))?
            .map_err(|_| EdgeError::new(400, "body-broken-off", "the body broke off"))?;
        let data = STANDARD.encode(seen.get(..rules::BODY_BYTES).unwrap_or(&seen));

        let request_id = random::cloudfront_id();
        let headers = self.event_headers(&head, peer);
        let custom_headers = self.custom_headers();
        let event = OriginRequest {
            request_id: &request_id,
            method: &head.method,
            // The bytes on the wire become characters of ISO-8859-1, as CloudFront has them in an event.
            uri: &latin1(uri.as_bytes()),
            querystring: &latin1(querystring.as_bytes()),
            client_ip: &peer.ip().to_string(),
            headers: borrowed(&headers),
            origin: Origin {
                // The value in the event of a deployed distribution. Only the next hop on loopback is plain HTTP.
                protocol: "https",
                path: &self.origin_path,
                custom_headers: borrowed(&custom_headers),
            },
            // IncludeBody is on: every request that may have a body has one in the event, also an empty one.
            body: (!is_bodiless(&head.method)).then_some(edge_signer::Body {
                encoding: "base64",
                data: data.as_bytes(),
                input_truncated: seen.len() > rules::BODY_BYTES,
            }),
        };
        let now = SystemTime::now();
        let decision = timeout(self.limits.function, self.function.handle(&event, now))
            .await
            .map_err(|_| EdgeError::new(503, FUNCTION_TIMEOUT, "the edge function did not answer in time"))?
            .map_err(|error| EdgeError::new(502, FUNCTION_FAILED, format!("the edge function failed: {error}")))?;
        for event in &decision.log {
            self.log.write(&event.event(Some(&request_id)), now);
        }
        let edits = match decision.action {
            Action::Respond(response) => return Err(EdgeError::of_function(&response)),
            Action::Forward(edits) => edits,
        };

        let mut headers = rules::apply(&edits, headers, &custom_headers)?;
        headers.push(("x-amz-cf-id".to_owned(), request_id));
        if is_websocket {
            // Between CloudFront and the origin: a function neither sees nor changes them.
            headers.push(("connection".to_owned(), "upgrade".to_owned()));
            headers.push(("upgrade".to_owned(), "websocket".to_owned()));
        }
        let request = self.origin_request(&head, (uri, querystring), headers, body)?;
        // hyper's client has names in lower case and can write them in title case: so `Countersign-Signature` is sent
        // in exactly this form, which the gateway's identity source needs, and a viewer's own spelling is lost. It is
        // not known how CloudFront spells it.
        let broken_off = || EdgeError::new(502, "origin-broken-off", "the origin broke the exchange off");
        let sent = client::send(&self.origin_address, request, NameCase::Title, self.limits.origin).await;
        let mut response = sent.map_err(|error| match error {
            SendError::Timeout => EdgeError::new(504, "origin-timeout", "the origin did not answer in time"),
            SendError::Connect(_) => EdgeError::new(502, "origin-unreachable", "the origin cannot be connected to"),
            SendError::Broken(_) => broken_off(),
        })?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response.into());
        }
        if !is_websocket {
            return Err(broken_off());
        }
        // Before the answer is passed on: its body holds the connection.
        let origin = upgrade::on(&mut response).await.map_err(|_| broken_off())?;
        let linger = self.limits.linger;
        Ok(Answered { response, upgrade: Some(tunnel(TokioIo::new(origin), linger)) })
    }

    /// The origin's custom headers as they are now.
    fn custom_headers(&self) -> Vec<(String, String)> {
        let api_key = self.api_keys.as_ref().and_then(ApiKeys::sent);
        let api_key = api_key.map(|key| ("x-api-key".to_owned(), key));
        self.custom_headers.iter().cloned().chain(api_key).collect()
    }

    /// The headers of the event, names in lower case.
    fn event_headers(&self, head: &RawHead, peer: SocketAddr) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = end_to_end(&head.headers)
            .map(|(name, value)| (name.to_ascii_lowercase(), latin1(value)))
            .filter(|(name, _)| !matches!(name.as_str(), "host" | "x-forwarded-for") && !rules::is_disallowed(name))
            .collect();
        let forwarded_for: Vec<String> =
            values(&head.headers, "x-forwarded-for").map(latin1).chain([peer.ip().to_string()]).collect();
        headers.push(("host".to_owned(), self.origin.clone()));
        headers.push(("x-forwarded-for".to_owned(), forwarded_for.join(", ")));
        headers.push(("via".to_owned(), format!("1.1 {}.cloudfront.net (CloudFront)", self.via)));
        headers
    }

    /// The request as it goes to the origin.
    fn origin_request(
        &self,
        head: &RawHead,
        (uri, querystring): (&str, &str),
        headers: Vec<(String, String)>,
        body: Body,
    ) -> Result<Request<Body>, EdgeError> {
        let unsendable = || EdgeError::new(400, "unsendable", "the request cannot be sent on");
        let headers: Vec<(String, Vec<u8>)> = headers
            .into_iter()
            .map(|(name, value)| latin1_bytes(&value).map(|value| (name, value)))
            .collect::<Option<_>>()
            .ok_or_else(unsendable)?;
        // An event has no place for a bare `?`: "" is also the query of a target without one.
        let mark = if querystring.is_empty() { "" } else { "?" };
        let target = format!("{}{uri}{mark}{querystring}", self.origin_path);
        let path = PathAndQuery::try_from(target.as_str()).ok().filter(|path| path.as_str() == target);
        let mut request = Request::new(body);
        *request.method_mut() = Method::from_bytes(head.method.as_bytes()).map_err(|_| unsendable())?;
        *request.uri_mut() = path.map(Uri::from).ok_or_else(unsendable)?;
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        *request.headers_mut() = header_map(headers).ok_or_else(unsendable)?;
        Ok(request)
    }
}

/// Passes bytes on in both directions until either side ends, and then what the other side still sends, for a while.
fn tunnel(origin: impl AsyncRead + AsyncWrite + Send + 'static, linger: Duration) -> Upgrade {
    Box::new(move |viewer, read, _| {
        Box::pin(async move {
            let (mut from_viewer, mut to_viewer) = viewer.into_split();
            let (mut from_origin, mut to_origin) = io::split(origin);
            let up = async {
                if to_origin.write_all(&read).await.is_ok() {
                    let _ = io::copy(&mut from_viewer, &mut to_origin).await;
                }
                let _ = to_origin.shutdown().await;
            };
            let down = async {
                let _ = io::copy(&mut from_origin, &mut to_viewer).await;
                let _ = to_viewer.shutdown().await;
            };
            let (mut up, mut down) = (pin!(up), pin!(down));
            tokio::select! {
                () = &mut up => drop(timeout(linger, down).await),
                () = &mut down => drop(timeout(linger, up).await),
            }
        })
    })
}

/// The requests that CloudFront refuses before it calls a function.
fn check(head: &RawHead) -> Result<(), EdgeError> {
    if !rules::allows_method(&head.method) {
        return Err(EdgeError::new(403, "method-not-allowed", "CloudFront does not allow this method"));
    }
    if !head.is_origin_form() {
        return Err(EdgeError::new(400, "target-not-a-path", "the request target is not a path"));
    }
    if head.target.len() > rules::URL_BYTES {
        return Err(EdgeError::new(414, "url-too-long", "the URL is over 8,192 bytes"));
    }
    if head.bytes > rules::HEAD_BYTES {
        // The limit is documented, but the status of CloudFront's answer is not.
        return Err(EdgeError::new(431, "head-too-large", "the request head is over 20,480 bytes"));
    }
    if is_bodiless(&head.method) && head.body.announces_body() {
        return Err(EdgeError::new(403, "body-on-get", "a GET or HEAD request has a body"));
    }
    Ok(())
}

fn is_bodiless(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

fn borrowed(headers: &[(String, String)]) -> Vec<Header<'_>> {
    headers.iter().map(|(name, value)| Header { name, value }).collect()
}

/// An answer that is made at the edge. Boxed: it is large, and seldom.
struct EdgeError(Box<EdgeErrorParts>);

struct EdgeErrorParts {
    response: Response<Body>,
    /// Reason and detail, if CloudFront answers by itself: the function logs its own answer.
    cause: Option<(&'static str, String)>,
}

impl EdgeError {
    fn new(status: u16, reason: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut response = Response::new(full(format!("{detail}\n")));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain; charset=utf-8"));
        Self(Box::new(EdgeErrorParts { response, cause: Some((reason, detail)) }))
    }

    /// The function's own answer, held to the same rules as its edits.
    fn of_function(answer: &edge_signer::Response) -> Self {
        for (key, value) in &answer.headers {
            let name = key.to_ascii_lowercase();
            let refused = if rules::is_disallowed(&name) {
                InvalidResult::Disallowed(name)
            } else if matches!(name.as_str(), "content-length" | "transfer-encoding" | "via") {
                InvalidResult::ReadOnly(name)
            } else if !rules::is_sendable(&name, value) {
                InvalidResult::Unsendable(name)
            } else {
                continue;
            };
            return Self::from(refused);
        }
        let values: Option<Vec<_>> =
            answer.headers.iter().map(|(key, value)| latin1_bytes(value).map(|value| (&**key, value))).collect();
        let headers = values.and_then(|values| header_map(values.iter().map(|(key, value)| (*key, value.as_slice()))));
        let (Some(headers), Ok(status)) = (headers, StatusCode::from_u16(answer.status)) else {
            return Self::new(502, FUNCTION_RESULT, "the function's answer cannot be sent");
        };
        let mut response = Response::new(full(answer.body.clone()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Self(Box::new(EdgeErrorParts { response, cause: None }))
    }
}

impl From<InvalidResult> for EdgeError {
    fn from(invalid: InvalidResult) -> Self {
        Self::new(502, FUNCTION_RESULT, invalid.to_string())
    }
}
