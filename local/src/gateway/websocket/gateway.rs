//! A WebSocket API: `$connect`, then the connection, and `@connections` beside it.

use crate::{
    backend::upstream::BackendFailure,
    gateway::{
        deployment::{Admitted, Deployment, Gateway, Kind, with_request_id},
        rejections::Rejection,
        websocket::{
            api::WebSocketApi,
            calls::{Calls, Connected},
            connections::{About, Connections},
            handshake, management,
            session::Session,
        },
    },
    lambda::functions::AuthorizerFunction,
    net::{
        body::{Body, full},
        headers::{latin1, values},
        server::{Answered, Hop, Inbound, Upgrade},
    },
};
use hyper::{Response, StatusCode, header::SEC_WEBSOCKET_PROTOCOL};
use std::{net::SocketAddr, sync::Arc, time::SystemTime};

/// A deployed WebSocket API with its connections.
pub(crate) struct WebSocketGateway<A> {
    gateway: Gateway<WebSocketApi, A>,
    calls: Arc<Calls>,
    address: SocketAddr,
}

impl<A: AuthorizerFunction> Hop for WebSocketGateway<A> {
    async fn answer(&self, request: Inbound) -> Answered {
        if let Some(id) = self.connection_of(&request) {
            let Inbound { head, body, .. } = request;
            if management::is_from_viewer(&head) {
                return self.gateway.refuse(Rejection::CallFromViewer, head.method_for_log()).into();
            }
            return management::answer(&head, body, &id, &self.calls.connections, self.calls.limit).await.into();
        }
        let request_id = WebSocketApi::new_request_id();
        let method = request.head.method_for_log();
        let answer = self.connect(request, &request_id).await;
        let is_ours = answer.as_ref().err().is_none_or(|rejection| rejection.is_of_this_stage());
        let Answered { response, upgrade } =
            answer.unwrap_or_else(|rejection| self.gateway.refuse(rejection, method).into());
        if is_ours {
            self.gateway.deployment.counter.count(|counts| counts.gateway.add(response.status()));
        }
        Answered { response: with_request_id::<WebSocketApi>(response, &request_id), upgrade }
    }

    fn bad_request(&self, reason: &'static str) -> Response<Body> {
        self.gateway.answer_bad_request(reason)
    }

    fn unreadable(&self, status: u16) {
        self.gateway.log_unreadable(status);
    }
}

impl<A: AuthorizerFunction> WebSocketGateway<A> {
    pub(crate) fn new(gateway: Gateway<WebSocketApi, A>, address: SocketAddr) -> Self {
        let Deployment { stage, upstream, limits, .. } = &gateway.deployment;
        let calls = Calls {
            upstream: upstream.clone(),
            connections: Connections::default(),
            callback: format!("http://{address}/{stage}/@connections/"),
            limit: limits.backend,
        };
        Self { gateway, calls: Arc::new(calls), address }
    }

    /// The connection that a call of `@connections` names: below the stage at the gateway's own address, which is its name or
    /// stands for the API's `execute-api` name, and below the key at a custom domain.
    fn connection_of(&self, request: &Inbound) -> Option<String> {
        let Deployment { domain_name, stage, base_path, .. } = &self.gateway.deployment;
        let host = values(&request.head.headers, "host").next()?;
        let is = |name: &str| host.eq_ignore_ascii_case(name.as_bytes());
        let prefix = match base_path {
            Some(base_path) if is(domain_name) => base_path.clone(),
            _ if is(&self.address.to_string()) => format!("/{stage}"),
            _ => return None,
        };
        management::connection_id(&request.head, &prefix)
    }

    async fn connect(&self, request: Inbound, request_id: &str) -> Result<Answered, Rejection> {
        let received = SystemTime::now();
        let Inbound { head, peer, .. } = request;
        let Admitted { event, context, headers, .. } = self.gateway.admit(&head, peer, request_id, received).await?;
        let connected = Connected::new(event, context, &self.calls.callback);
        let answer = self.calls.connect(&connected).await.map_err(|failure| match failure {
            BackendFailure::Timeout => Rejection::BackendTimeout,
            BackendFailure::Network => Rejection::BackendUnreachable,
        })?;
        if !answer.status().is_success() {
            return Ok(refused(answer.status()).into());
        }
        let response = handshake::accept(&head, answer.headers().get(SEC_WEBSOCKET_PROTOCOL));
        let about = About {
            connected: received,
            last_active: received,
            source_ip: peer.ip().to_string(),
            user_agent: values(&headers, "user-agent").last().map(latin1),
        };
        let session = Session {
            connected,
            about,
            calls: Arc::clone(&self.calls),
            limits: self.gateway.deployment.limits,
            log: self.gateway.deployment.log.clone(),
        };
        let upgrade: Upgrade = Box::new(move |stream, read, ended| Box::pin(session.run(stream, read, ended)));
        Ok(Answered { response, upgrade: Some(upgrade) })
    }
}

/// The answer if `$connect` refuses a connection. Documented: there is then no connection. It is believed that the viewer gets the
/// status of the backend, without its body.
fn refused(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(""));
    // An informational status or a redirect is not an answer here.
    let is_error = status.is_client_error() || status.is_server_error();
    *response.status_mut() = if is_error { status } else { StatusCode::FORBIDDEN };
    response
}
