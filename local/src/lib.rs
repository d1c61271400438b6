//! CloudFront and API Gateway on 127.0.0.1, with their quirks, over plain HTTP/1.1.
//!
//! ```text
//! viewer → edge (CloudFront, calls the edge signer) → gateway (a REST or an HTTP API, calls the authorizer) → backend
//! ```
//! The functions are the real ones, in this process or, as [`FunctionProcess`], in processes of their own. What surrounds them is as true to AWS as is known: the events' exact shapes, what
//! is dropped or added on the way, the limits, the answers. Where AWS's behaviour is not known, the code says so and
//! takes the stricter way.
//!
//! What is knowingly different: no TLS, no cache, no WAF, one request a connection; header names leave the edge in title
//! case, whatever the viewer's was; a target with a raw `<` or `>`, a raw backtick in its path or a raw `"` in its query is
//! answered 400, because hyper does not take it; every route takes the same methods and has the same authorizer and the
//! same backend; a custom domain maps one stage, its API's own name is then asked by nobody, and nothing answers `/ping`;
//! an HTTP API's backend sees no `Forwarded` and no `Via` of the gateway's.
//!
//! [`rest_event`] and [`evaluate`] are the two pure halves of a REST API, [`http_event`] and [`is_authorized`] those of
//! an HTTP API with payload format 2.0 and simple answers, for tests that need no server.

mod backend;
mod edge;
mod gateway;
mod lambda;
mod net;
mod random;

#[cfg(test)]
mod test_tools;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use backend::upstream::Upstream;
use edge::distribution::Edge;
use gateway::deployment::{Deployment, Gateway};
use gateway::http::api::HttpApi;
use gateway::rest::api::RestApi;
use net::server::{Limits, Server};

pub use backend::upstream::{Backend, BackendError};
pub use gateway::api_keys::ApiKeys;
pub use gateway::domain::{Domain, DomainError};
pub use gateway::event::{Api, ApiRequest};
pub use gateway::http::event::http_event;
pub use gateway::http::simple_answer::is_authorized;
pub use gateway::rest::event::rest_event;
pub use gateway::rest::policy::{Verdict, evaluate};
pub use gateway::routes::Routes;
pub use lambda::functions::{AuthorizerFunction, EdgeFunction};
pub use lambda::process::{FunctionError, FunctionLog, FunctionProcess};

/// The header without which the gateway answers by itself, where it asks for a signature.
const IDENTITY_SOURCE: [&str; 1] = ["Countersign-Signature"];

/// How long requests under way may take after [`Running::stop`].
const STOP: Duration = Duration::from_secs(2);

/// What to start. Not `Debug`: custom headers hold secrets.
#[derive(Clone)]
pub struct Options {
    /// Where viewers ask: an address of this machine's loopback; port 0 takes a free one.
    pub edge: SocketAddr,
    /// Where the gateway is, CloudFront's origin; likewise.
    pub gateway: SocketAddr,
    /// Which kind of API the gateway is.
    pub api: ApiKind,
    /// The stage: `prod`, or an HTTP API's `$default`. Without a custom domain a named one is also CloudFront's origin
    /// path.
    pub stage: String,
    /// A custom domain in the place of the API's own, and the key below which it maps the stage, which is then CloudFront's
    /// origin path. Nothing looks the name up: the gateway listens where it listens, and asks for it in `Host`.
    pub domain: Option<Domain>,
    /// The API's id in events and ARNs: `local12345`.
    pub api_id: String,
    /// The origin's custom headers: the signer's configuration and the API key.
    pub custom_headers: Vec<(String, String)>,
    /// Which API keys the gateway takes and CloudFront sends in `x-api-key`; none where methods need none.
    pub api_keys: Option<ApiKeys>,
    /// Whether the gateway asks for a signature before it calls the authorizer.
    pub identity_sources: IdentitySources,
    /// What stands behind the gateway. In front of the built-in one the API has that one's routes, else it has all.
    pub backend: Backend,
    /// The name in the authorizer's context whose value replaces the backend's whole path, as `countersignPath`: the
    /// parameter mapping `overwrite:path` = `$context.authorizer.NAME` of an HTTP API's HTTP_PROXY integration. The query
    /// stays as received.
    pub overwrite_path: Option<String>,
}

/// The two kinds of API that can stand behind CloudFront here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKind {
    /// A REST API: its authorizer is shown no raw query and answers with a policy.
    Rest,
    /// An HTTP API with payload format 2.0: its authorizer is shown no raw path and answers in the simple form.
    Http,
}

/// The authorizer's identity sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentitySources {
    /// `Countersign-Signature`: without it the gateway answers 401 by itself. For enforce mode.
    /// A REST API finds it in exactly this case only, an HTTP API in any.
    Signature,
    /// None: every request reaches the authorizer. For monitor mode.
    None,
}

impl Options {
    /// What every path on the wire begins with: `/STAGE`, the key of the custom domain, or nothing.
    pub fn wire_base(&self) -> String {
        match (&self.domain, self.stage.as_str()) {
            (Some(domain), _) => domain.base_path().to_owned(),
            (None, "$default") => String::new(),
            (None, stage) => format!("/{stage}"),
        }
    }
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// An address that others could reach: what runs here speaks plain HTTP.
    #[error("{0} is not an address of this machine's loopback, as 127.0.0.1:0 is")]
    NotLoopback(SocketAddr),
    /// The backend is not one.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A stage or an API id that would not be one.
    #[error("{what} {value:?} is not 1 to 128 of A–Z, a–z, 0–9, `_` and `-`")]
    Name {
        /// Which of the options.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// API keys are asked for where there are none.
    #[error("an HTTP API has no API keys: they and usage plans exist on REST APIs only")]
    ApiKeys,
    /// The stage `$default` of a REST API.
    #[error("a REST API cannot have the stage \"$default\": only HTTP APIs have it")]
    DefaultStage,
    /// A parameter mapping of the path is asked for where there is none.
    #[error("a REST API cannot overwrite the path by a parameter mapping: only HTTP APIs have `overwrite:path`")]
    OverwritePath,
    /// CloudFront would refuse a custom header.
    #[error("the origin's custom header {name:?} {reason}")]
    CustomHeader {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Both servers, listening. Dropping it ends them at once.
pub struct Running {
    /// Where viewers ask.
    pub edge: SocketAddr,
    /// Where CloudFront asks, and whoever found the back door.
    pub gateway: SocketAddr,
    edge_server: Server,
    gateway_server: Server,
}

impl Running {
    /// Takes no more connections, lets requests under way finish for at most two seconds, and ends.
    pub async fn stop(self) {
        let deadline = Instant::now() + STOP;
        // The edge first: what it has under way still needs the gateway.
        self.edge_server.stop(deadline).await;
        self.gateway_server.stop(deadline).await;
    }
}

/// Starts both servers. They run on the present tokio runtime, which needs its timers and its network.
///
/// # Errors
/// A port that is taken, or options that AWS would not take either.
pub async fn start(
    options: Options,
    edge_function: impl EdgeFunction,
    authorizer: impl AuthorizerFunction,
) -> Result<Running, StartError> {
    start_within(options, edge_function, authorizer, Limits::default()).await
}

async fn start_within(
    options: Options,
    function: impl EdgeFunction,
    authorizer: impl AuthorizerFunction,
    limits: Limits,
) -> Result<Running, StartError> {
    check_stage(&options)?;
    check_name("the API id", &options.api_id)?;
    let api = DeployedApi::try_from(&options)?;
    let custom_headers = check_custom_headers(&options.custom_headers)?;
    let upstream = Upstream::try_from(&options.backend)?;

    let (edge_listener, _) = listen(options.edge).await?;
    let (gateway_listener, gateway_address) = listen(options.gateway).await?;
    let domain_name = match &options.domain {
        Some(domain) => domain.host().to_owned(),
        None => gateway_address.to_string(),
    };
    let edge = Edge {
        function,
        origin: domain_name.clone(),
        origin_address: gateway_address.to_string(),
        origin_path: options.wire_base(),
        custom_headers,
        api_keys: options.api_keys,
        via: random::cloudfront_host(),
        limits,
    };
    let deployment = Deployment {
        api_id: options.api_id,
        stage: options.stage,
        domain_name,
        base_path: options.domain.map(|domain| domain.base_path().to_owned()),
        routes: match options.backend {
            Backend::BuiltIn => Routes::PetStore,
            Backend::Url(_) => Routes::All,
        },
        overwrite_path: options.overwrite_path,
        identity_sources: match options.identity_sources {
            IdentitySources::Signature => &IDENTITY_SOURCE,
            IdentitySources::None => &[],
        },
        upstream,
        limits,
    };
    let edge_server = Server::start(edge_listener, edge, limits);
    let edge_server = edge_server.map_err(|source| StartError::Listen { address: options.edge, source })?;
    let gateway_server = match api {
        DeployedApi::Rest(kind) => Server::start(gateway_listener, Gateway::new(kind, authorizer, deployment), limits),
        DeployedApi::Http(kind) => Server::start(gateway_listener, Gateway::new(kind, authorizer, deployment), limits),
    };
    let gateway_server = gateway_server.map_err(|source| StartError::Listen { address: options.gateway, source })?;
    Ok(Running { edge: edge_server.address, gateway: gateway_server.address, edge_server, gateway_server })
}

/// An API of a kind, with what only that kind has.
enum DeployedApi {
    Rest(RestApi),
    Http(HttpApi),
}

impl TryFrom<&Options> for DeployedApi {
    type Error = StartError;

    fn try_from(options: &Options) -> Result<Self, StartError> {
        match (options.api, &options.api_keys) {
            (ApiKind::Rest, _) if options.overwrite_path.is_some() => Err(StartError::OverwritePath),
            (ApiKind::Rest, api_keys) => Ok(Self::Rest(RestApi { api_keys: api_keys.clone() })),
            (ApiKind::Http, Some(_)) => Err(StartError::ApiKeys),
            (ApiKind::Http, None) => Ok(Self::Http(HttpApi)),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let error = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// An HTTP API's stage may also be `$default`.
fn check_stage(options: &Options) -> Result<(), StartError> {
    match (options.api, options.stage.as_str()) {
        (ApiKind::Http, "$default") => Ok(()),
        (ApiKind::Rest, "$default") => Err(StartError::DefaultStage),
        (_, stage) => check_name("the stage", stage),
    }
}

/// API Gateway's rule for stage names, taken for the id as well: neither needs escaping in a path or an ARN.
fn check_name(what: &'static str, value: &str) -> Result<(), StartError> {
    let fits = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits && (1..=128).contains(&value.len()) {
        Ok(())
    } else {
        Err(StartError::Name { what, value: value.to_owned() })
    }
}

/// Names come back in lower case.
fn check_custom_headers(headers: &[(String, String)]) -> Result<Vec<(String, String)>, StartError> {
    let mut checked: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let error = |reason| StartError::CustomHeader { name: name.clone(), reason };
        let lower = name.to_ascii_lowercase();
        if checked.len() == edge::rules::CUSTOM_HEADERS {
            return Err(error("is one too many: an origin has at most 10"));
        }
        if value.chars().count() > edge::rules::CUSTOM_HEADER_CHARACTERS {
            return Err(error("has a value of over 1,783 characters"));
        }
        if !edge::rules::is_sendable(&lower, value) {
            return Err(error("cannot go over the wire"));
        }
        if lower == "host" || edge::rules::is_disallowed(&lower) || edge::rules::is_read_only(&lower) {
            return Err(error("is one that CloudFront keeps for itself"));
        }
        if checked.iter().any(|(other, _)| *other == lower) {
            return Err(error("stands twice"));
        }
        checked.push((lower, value.clone()));
    }
    Ok(checked)
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Running")
            .field("edge", &self.edge)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}
