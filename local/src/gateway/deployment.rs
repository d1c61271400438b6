//! API Gateway: an API with one stage and one backend, and an authorizer in front of it.
//!
//! A request passes, in this order: the gateway's own limits, the API's name, the stage or base path, the route, the
//! identity sources, the authorizer, the API key, the backend. Answers of authorizers are never cached. The differences
//! between the kinds of API are in [`Kind`].

use crate::{
    backend::{
        request::BackendRequest,
        upstream::{BackendFailure, Upstream},
    },
    counts::Counter,
    gateway::{
        event::{Api, ApiRequest, Arrival},
        rejections::{Rejection, RejectionResponse},
        routes::Routes,
    },
    lambda::functions::AuthorizerFunction,
    net::{
        body::{Body, Counted},
        headers::{is_hop_by_hop, latin1, latin1_bytes, not_named_by_connection, values},
        raw_head::{Framing, RawHead},
        server::{Answered, Hop, Inbound, Limits},
    },
    options::RoutingRule,
    random,
};
use hyper::{
    Method, Response,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value};
use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use telemetry::{Detail, Event, Log};
use tokio::time::timeout;

/// The most bytes of request line and headers together. The quota is documented, but the status of the answer is not.
const HEADER_BYTES: usize = 10_240;

/// The most bytes of a body: the documented payload quota of 10 MB.
const BODY_BYTES: u64 = 10_485_760;

/// The most bytes of an authorizer's answer: the documented quota of 8 KB. It is believed, but not documented, that the
/// whole answer counts, as JSON without spaces.
const ANSWER_BYTES: usize = 8_192;

/// The methods of `ANY`, which are also those that CloudFront sends.
const ANY: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The differences between the kinds of API.
pub(crate) trait Kind: Send + Sync + 'static {
    /// The header that names the request in every answer, as its event does.
    const REQUEST_ID: &'static str;

    fn new_request_id() -> String;

    /// How long the authorizer may take.
    fn authorizer_time(limits: &Limits) -> Duration;

    /// The number of bytes that a header counts for [`HEADER_BYTES`].
    fn counted(name: &str, value: &[u8]) -> usize;

    /// The method as the gateway understands it.
    fn method(method: &str, headers: &[(String, Vec<u8>)]) -> String;

    /// The route of the target.
    fn arrive<'a>(api: &Api<'_>, target: &'a str) -> Result<Arrival<'a>, Rejection>;

    /// Whether the request is one that this kind of API serves at all.
    fn serves(_head: &RawHead) -> Result<(), Rejection> {
        Ok(())
    }

    /// The authorizer's event.
    fn event(
        &self,
        api: &Api<'_>,
        request: &ApiRequest<'_>,
        arrival: &Arrival<'_>,
        now: SystemTime,
    ) -> Result<Value, Rejection>;

    /// Whether an identity source is there and not empty.
    fn identifies(headers: &[(String, Vec<u8>)], source: &str) -> bool;

    /// The meaning of an authorizer's answer to an event. For an answer that allows, its context.
    fn decide(&self, answer: &Value, event: &Value) -> Result<Map<String, Value>, Rejection>;

    /// Whether the request has the API key that it needs, if it needs one.
    fn takes_key(&self, headers: &[(String, Vec<u8>)]) -> bool;

    /// The answer for a refusal.
    fn answer(rejection: Rejection) -> RejectionResponse;
}

/// A kind of API that sends a request on to its backend.
pub(crate) trait Forwards: Kind {
    /// The path that the backend gets.
    fn backend_path<'a>(arrival: &Arrival<'a>) -> &'a str;
}

/// An API of one kind, deployed, and its authorizer.
pub(crate) struct Gateway<K, A> {
    kind: K,
    authorizer: A,
    pub(crate) deployment: Deployment,
}

/// A request that the authorizer has allowed, and that has the API key that it needs.
pub(crate) struct Admitted<'a> {
    pub(crate) arrival: Arrival<'a>,
    pub(crate) method: String,
    /// The end-to-end headers and the gateway's own.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The authorizer's event.
    pub(crate) event: Value,
    /// The authorizer's context.
    pub(crate) context: Map<String, Value>,
}

/// The parts that all kinds of API have.
pub(crate) struct Deployment {
    pub(crate) api_id: String,
    pub(crate) stage: String,
    /// The API's own name, a custom domain or `host:port`: the value that `Host` must have.
    pub(crate) domain_name: String,
    /// That of a custom domain.
    pub(crate) base_path: Option<String>,
    /// Whether the API's resources see the base path: a routing rule without `StripBasePath`. REST APIs only.
    pub(crate) keeps_base_path: bool,
    /// Another rule of the custom domain. REST APIs only.
    pub(crate) routing_rule: Option<RoutingRule>,
    pub(crate) routes: Routes,
    /// The name in the authorizer's context whose value is the backend's path: the parameter mapping
    /// `overwrite:path` = `$context.authorizer.NAME`.
    pub(crate) overwrite_path: Option<String>,
    /// Headers without which the authorizer is not called.
    pub(crate) identity_sources: &'static [&'static str],
    pub(crate) upstream: Upstream,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) counter: Counter,
}

impl<K: Forwards, A: AuthorizerFunction> Hop for Gateway<K, A> {
    async fn answer(&self, request: Inbound) -> Answered {
        let request_id = K::new_request_id();
        let method = request.head.method_for_log();
        let answer = self.pass(request, &request_id).await;
        let is_ours = answer.as_ref().err().is_none_or(|rejection| rejection.is_of_this_stage());
        let response = answer.unwrap_or_else(|rejection| self.refuse(rejection, method));
        if is_ours {
            self.deployment.counter.count(|counts| counts.gateway.add(response.status()));
        }
        with_request_id::<K>(response, &request_id).into()
    }

    fn bad_request(&self, reason: &'static str) -> Response<Body> {
        self.answer_bad_request(reason)
    }

    fn unreadable(&self, status: u16) {
        self.log_unreadable(status);
    }
}

impl<K: Forwards, A: AuthorizerFunction> Gateway<K, A> {
    async fn pass(&self, request: Inbound, request_id: &str) -> Result<Response<Body>, Rejection> {
        // Before the body. It is not known whether the real gateway takes the time before or after a slow upload.
        let received = SystemTime::now();
        let Inbound { head, peer, body, extensions } = request;
        let Admitted { arrival, method, headers, context, .. } = self.admit(&head, peer, request_id, received).await?;
        let (body, exceeded) = Counted::new(body, BODY_BYTES);
        let Deployment { overwrite_path, upstream, limits, .. } = &self.deployment;
        let path = match overwrite_path {
            None => K::backend_path(&arrival),
            Some(name) => path_in(&context, name).ok_or(Rejection::NoPathInContext)?,
        };
        // As received, with its `?`.
        let query = head.target.find('?').and_then(|start| head.target.get(start..)).unwrap_or_default();
        let request = BackendRequest {
            method: Method::from_bytes(method.as_bytes()).map_err(|_| Rejection::NoSuchMethod)?,
            target: format!("{path}{query}"),
            whole_path: overwrite_path.is_some(),
            headers,
            context,
            body: Body::new(body),
            extensions,
        };
        upstream.answer(request, limits.backend).await.map_err(|failure| match failure {
            _ if exceeded.happened() => Rejection::BodyTooLarge,
            BackendFailure::Timeout => Rejection::BackendTimeout,
            BackendFailure::Network => Rejection::BackendUnreachable,
        })
    }
}

impl<K: Kind, A: AuthorizerFunction> Gateway<K, A> {
    pub(crate) fn new(kind: K, authorizer: A, deployment: Deployment) -> Self {
        Self { kind, authorizer, deployment }
    }

    /// Everything before the backend.
    pub(crate) async fn admit<'a>(
        &self,
        head: &'a RawHead,
        peer: SocketAddr,
        request_id: &str,
        received: SystemTime,
    ) -> Result<Admitted<'a>, Rejection> {
        within_limits::<K>(head)?;
        let api = self.deployment.api(&head.headers);
        if !values(&head.headers, "host").any(|host| host.eq_ignore_ascii_case(api.domain_name.as_bytes())) {
            return Err(Rejection::OtherHost);
        }
        self.deployment.within_kept_base_path(&head.target)?;
        let arrival = K::arrive(&api, &head.target)?;
        K::serves(head)?;
        // The headers that `Connection` names are only for this hop: neither the authorizer nor the backend sees them.
        // It is believed that the real gateway removes them before the authorizer.
        let sent: Vec<_> = not_named_by_connection(&head.headers).cloned().collect();
        let method = K::method(&head.method, &sent);
        if !ANY.contains(&method.as_str()) {
            return Err(Rejection::NoSuchMethod);
        }
        let headers = with_gateway_headers(&sent, peer, received);
        let event_headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), latin1(value))).collect();
        let request = ApiRequest {
            method: &method,
            target: &head.target,
            headers: &event_headers,
            source_ip: &peer.ip().to_string(),
            request_id,
            extended_request_id: &random::extended_request_id(),
        };
        let event = self.kind.event(&api, &request, &arrival, received)?;
        let mut identity_sources = self.deployment.identity_sources.iter();
        if !identity_sources.all(|source| K::identifies(&sent, source)) {
            return Err(Rejection::Unidentified);
        }
        let context = self.authorize(&event).await?;
        // A key may also come from the authorizer's own answer (`usageIdentifierKey`), so keys cannot be looked at
        // before it. It is believed, but not verified, that the order is the same if the key is a header.
        if !self.kind.takes_key(&sent) {
            return Err(Rejection::NoApiKey);
        }
        let headers = headers.into_iter().filter(|(name, _)| !is_hop_by_hop(&name.to_ascii_lowercase(), &[])).collect();
        Ok(Admitted { arrival, method, headers, event, context })
    }

    /// The answer to a request that [`RawHead`] refused.
    pub(crate) fn answer_bad_request(&self, reason: &'static str) -> Response<Body> {
        let response = self.refuse(Rejection::BadRequest(reason), "unknown");
        with_request_id::<K>(response, &K::new_request_id())
    }

    /// Logs a request that hyper refused.
    pub(crate) fn log_unreadable(&self, status: u16) {
        self.log(Rejection::BadRequest("the request head cannot be read"), status, "unknown");
    }

    async fn authorize(&self, event: &Value) -> Result<Map<String, Value>, Rejection> {
        let text = event.to_string();
        let answer = self.authorizer.authorize(&text, SystemTime::now());
        let answer = timeout(K::authorizer_time(&self.deployment.limits), answer).await;
        self.deployment.counter.count(|counts| {
            counts.authorizer_invocations += 1;
            // The gateway does not wait for long, but for Lambda a call that goes on is not an error.
            counts.authorizer_errors += u64::from(matches!(answer, Ok(Err(_))));
        });
        match answer {
            Err(_) => Err(Rejection::AuthorizerTimeout),
            Ok(Err(error)) if error == "Unauthorized" => Err(Rejection::ThrewUnauthorized),
            Ok(Err(_)) => Err(Rejection::Threw),
            Ok(Ok(answer)) if answer.to_string().len() > ANSWER_BYTES => Err(Rejection::AnswerTooLarge),
            Ok(Ok(answer)) => self.kind.decide(&answer, event),
        }
    }

    pub(crate) fn refuse(&self, rejection: Rejection, method: &str) -> Response<Body> {
        let answer = K::answer(rejection);
        self.log(rejection, answer.status, method);
        answer.response()
    }

    /// Logs a request that the authorizer did not decide about, or that was refused after it.
    fn log(&self, rejection: Rejection, status: u16, method: &str) {
        let Some((reason, detail)) = rejection.reason() else { return };
        let accepted_host = (rejection == Rejection::OtherHost).then_some(self.deployment.domain_name.as_str());
        let detail = Detail(&detail);
        let event = Event::RequestRefusedByGateway { reason, detail, status, method, accepted_host };
        self.deployment.log.write(&event, SystemTime::now());
    }
}

impl Deployment {
    /// The API as a request with these headers reaches it.
    fn api(&self, headers: &[(String, Vec<u8>)]) -> Api<'_> {
        // It is believed that one value of a repeated header is enough for a rule.
        let stage = match &self.routing_rule {
            Some(rule) if values(headers, &rule.header).any(|value| value == rule.value.as_bytes()) => &rule.stage,
            _ => &self.stage,
        };
        // If the base path is kept, the whole path is a path of the API, as on a domain without a base path.
        let base_path = self.base_path.as_deref().map(|base_path| if self.keeps_base_path { "" } else { base_path });
        Api {
            region: "us-east-1",
            account_id: "123456789012",
            api_id: &self.api_id,
            stage,
            domain_name: &self.domain_name,
            base_path,
            routes: self.routes,
            identity_sources: self.identity_sources,
        }
    }

    /// A routing rule that keeps the base path only takes requests that have it, in whole segments.
    fn within_kept_base_path(&self, target: &str) -> Result<(), Rejection> {
        let Some(base_path) = self.base_path.as_deref().filter(|_| self.keeps_base_path) else { return Ok(()) };
        let path = target.split('?').next().unwrap_or_default();
        let below = path.strip_prefix(base_path).filter(|below| below.is_empty() || below.starts_with('/'));
        below.map(|_| ()).ok_or(Rejection::OutsideBasePath)
    }
}

/// The context of an authorizer's answer; empty if it has none.
pub(crate) fn context(answer: &Value) -> Map<String, Value> {
    answer.get("context").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The path that the context has under a name. It is used unchanged: it is not known whether the real gateway encodes a
/// `%` in it again.
fn path_in<'a>(context: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    context.get(name)?.as_str().filter(|path| path.starts_with('/') && !path.contains(['?', '#']))
}

pub(crate) fn with_request_id<K: Kind>(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(HeaderName::from_static(K::REQUEST_ID), id);
    }
    response
}

fn within_limits<K: Kind>(head: &RawHead) -> Result<(), Rejection> {
    if !head.is_origin_form() {
        return Err(Rejection::BadRequest("the request target is not a path"));
    }
    let headers: usize = head.headers.iter().map(|(name, value)| K::counted(name, value)).sum();
    if head.request_line_bytes + headers > HEADER_BYTES {
        return Err(Rejection::HeadersTooLarge);
    }
    if matches!(head.body, Framing::Length(length) if length > BODY_BYTES) {
        return Err(Rejection::BodyTooLarge);
    }
    Ok(())
}

/// Adds the gateway's own headers, for the event and for the backend.
fn with_gateway_headers(
    headers: &[(String, Vec<u8>)],
    peer: SocketAddr,
    received: SystemTime,
) -> Vec<(String, Vec<u8>)> {
    const SET: [&str; 3] = ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"];
    let hops: Vec<String> = values(headers, "x-forwarded-for").map(latin1).chain([peer.ip().to_string()]).collect();
    let kept = headers.iter().filter(|(name, _)| !SET.iter().any(|set| set.eq_ignore_ascii_case(name)));
    let mut headers: Vec<_> = kept.cloned().collect();
    if values(&headers, "x-amzn-trace-id").next().is_none() {
        let seconds = received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        headers.push(("X-Amzn-Trace-Id".to_owned(), random::trace_id(seconds).into_bytes()));
    }
    headers.push(("X-Forwarded-For".to_owned(), latin1_bytes(&hops.join(", ")).unwrap_or_default()));
    headers.push(("X-Forwarded-Port".to_owned(), b"443".to_vec()));
    headers.push(("X-Forwarded-Proto".to_owned(), b"https".to_vec()));
    headers
}
