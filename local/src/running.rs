//! Both servers, from the options to their end.

use crate::{
    backend::upstream::{Backend, Upstream},
    counts::{Counter, Counts},
    edge::distribution::Edge,
    gateway::{
        deployment::{Deployment, Gateway},
        http::api::HttpApi,
        rest::api::RestApi,
        routes::Routes,
        websocket::{api::WebSocketApi, gateway::WebSocketGateway},
    },
    lambda::functions::{AuthorizerFunction, EdgeFunction},
    net::server::{Limits, Server},
    options::{
        Answer, ApiKind, IdentitySources, Options, StartError, check_custom_headers, check_kind, check_name,
        check_stage,
    },
    random,
};
use std::{fmt, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, time::Instant};

/// The header without which the gateway itself answers, if it requires a signature.
pub(crate) const IDENTITY_SOURCE: [&str; 1] = ["Countersign-Signature"];

/// How long running requests may take after [`Running::stop`].
const STOP: Duration = Duration::from_secs(2);

/// Starts both servers. They run on the present tokio runtime, which needs its timers and its network.
///
/// # Errors
/// If a port is in use, or AWS would refuse the options too.
pub async fn start(
    options: Options,
    edge_function: impl EdgeFunction,
    authorizer: impl AuthorizerFunction,
) -> Result<Running, StartError> {
    start_within(options, edge_function, authorizer, Limits::default()).await
}

pub(crate) async fn start_within(
    options: Options,
    function: impl EdgeFunction,
    authorizer: impl AuthorizerFunction,
    limits: Limits,
) -> Result<Running, StartError> {
    check_stage(&options)?;
    check_name("the API id", &options.api_id)?;
    check_kind(&options)?;
    let api = DeployedApi::from(&options);
    let custom_headers = check_custom_headers(&options.custom_headers)?;
    let upstream = Upstream::try_from(&options.backend)?;

    let (edge_listener, _) = listen(options.edge).await?;
    let (gateway_listener, gateway_address) = listen(options.gateway).await?;
    let domain_name = match &options.domain {
        Some(domain) => domain.host().to_owned(),
        None => gateway_address.to_string(),
    };
    let counter = Counter::default();
    let edge = Edge {
        function,
        origin: domain_name.clone(),
        origin_address: gateway_address.to_string(),
        origin_path: options.wire_base(),
        custom_headers,
        api_keys: options.api_keys,
        via: random::cloudfront_host(),
        limits,
        log: options.log.clone(),
        counter: counter.clone(),
    };
    let deployment = Deployment {
        api_id: options.api_id,
        stage: options.stage,
        domain_name,
        base_path: options.domain.map(|domain| domain.base_path().to_owned()),
        keeps_base_path: options.keeps_base_path,
        routing_rule: options.routing_rule,
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
        log: options.log,
        counter: counter.clone(),
    };
    let edge_server = Server::start(edge_listener, edge, limits);
    let edge_server = edge_server.map_err(|source| StartError::Listen { address: options.edge, source })?;
    let gateway_server = match api {
        DeployedApi::Rest(kind) => Server::start(gateway_listener, Gateway::new(kind, authorizer, deployment), limits),
        DeployedApi::Http(kind) => Server::start(gateway_listener, Gateway::new(kind, authorizer, deployment), limits),
        DeployedApi::WebSocket(kind) => {
            let gateway = Gateway::new(kind, authorizer, deployment);
            Server::start(gateway_listener, WebSocketGateway::new(gateway, gateway_address), limits)
        }
    };
    let gateway_server = gateway_server.map_err(|source| StartError::Listen { address: options.gateway, source })?;
    let (edge, gateway) = (edge_server.address, gateway_server.address);
    Ok(Running { edge, gateway, counter, edge_server, gateway_server })
}

/// Both servers, listening. Dropping it ends them at once.
pub struct Running {
    /// The address for viewers.
    pub edge: SocketAddr,
    /// The address for CloudFront, and for requests that bypass it.
    pub gateway: SocketAddr,
    counter: Counter,
    edge_server: Server,
    gateway_server: Server,
}

impl Running {
    /// What AWS itself counts, since the start. Everybody who sees an answer finds it counted.
    pub fn counts(&self) -> Counts {
        self.counter.counts()
    }

    /// Accepts no more connections, lets running requests finish for at most two seconds, and ends.
    pub async fn stop(self) {
        let deadline = Instant::now() + STOP;
        // The ends of WebSockets reach their viewers through the edge.
        self.gateway_server.end_upgraded();
        // The edge first: its running requests still need the gateway.
        self.edge_server.stop(deadline).await;
        self.gateway_server.stop(deadline).await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Running")
            .field("edge", &self.edge)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

/// An API of a kind, with what only that kind has.
enum DeployedApi {
    Rest(RestApi),
    Http(HttpApi),
    WebSocket(WebSocketApi),
}

impl From<&Options> for DeployedApi {
    fn from(options: &Options) -> Self {
        let api_keys = options.api_keys.clone();
        match (options.api, options.answer) {
            (ApiKind::Rest, _) => Self::Rest(RestApi { api_keys }),
            (ApiKind::Http, Answer::Simple) => Self::Http(HttpApi::Simple),
            (ApiKind::Http, Answer::Policy) => Self::Http(HttpApi::Policy),
            (ApiKind::HttpV1, _) => Self::Http(HttpApi::V1),
            (ApiKind::WebSocket, _) => Self::WebSocket(WebSocketApi { api_keys }),
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
