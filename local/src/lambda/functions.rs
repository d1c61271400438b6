//! The two Lambda functions as the servers see them.

use authorizer::Authorizer;
use edge_signer::{Decision, EdgeSigner, OriginRequest};
use serde_json::Value;
use signing::Nonce;
use std::{future::Future, time::SystemTime};

/// The function that CloudFront calls at origin request: in this process or, as a `FunctionProcess`, in another.
pub trait EdgeFunction: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// # Errors
    /// The invocation failed; the viewer gets 502. The text goes to the log.
    fn handle(
        &self,
        request: &OriginRequest<'_>,
        now: SystemTime,
    ) -> impl Future<Output = Result<Decision, String>> + Send;
}

/// The function that API Gateway calls before the integration.
pub trait AuthorizerFunction: Send + Sync + 'static {
    /// Takes an authorizer event of an API of any kind as JSON text, and returns the authorizer's answer as JSON.
    ///
    /// # Errors
    /// The function threw, or failed. A REST API and a WebSocket API answer 401 to the text `Unauthorized`, 500 to any other;
    /// an HTTP API always 500.
    fn authorize(&self, event: &str, now: SystemTime) -> impl Future<Output = Result<Value, String>> + Send;
}

impl EdgeFunction for EdgeSigner {
    async fn handle(&self, request: &OriginRequest<'_>, now: SystemTime) -> Result<Decision, String> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| format!("the system does not give random bytes: {error}"))?;
        Ok(EdgeSigner::handle(self, request, Nonce::new(nonce), now).await)
    }
}

impl AuthorizerFunction for Authorizer {
    async fn authorize(&self, event: &str, now: SystemTime) -> Result<Value, String> {
        let answer = Authorizer::authorize(self, event, now).await.map_err(|error| error.to_string())?;
        serde_json::to_value(answer).map_err(|error| error.to_string())
    }
}
