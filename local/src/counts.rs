//! What AWS itself counts of the requests: the figures of its own metrics of a distribution, an API and a function.
//!
//! Requests that are not HTTP are not counted, because it is not known whether AWS does. Neither does the gateway count a
//! request that names another API, stage or base path: that is not a request of this one.

use hyper::StatusCode;
use std::sync::{Arc, Mutex, PoisonError};

/// The figures since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// CloudFront's answers to viewers.
    pub distribution: Answers,
    /// The calls of the edge function that threw, ended or did not answer in time: `LambdaExecutionError`. An answer that is
    /// neither a request nor a response is counted here too, although CloudFront calls it a validation error.
    pub edge_execution_errors: u64,
    /// The answers of the edge function that CloudFront did not accept: `LambdaValidationError`.
    pub edge_validation_errors: u64,
    /// API Gateway's answers.
    pub gateway: Answers,
    /// The calls of the authorizer: `Invocations`.
    pub authorizer_invocations: u64,
    /// The calls of the authorizer that threw or ended: `Errors`.
    pub authorizer_errors: u64,
}

/// The answers of one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// All.
    pub total: u64,
    /// Those with a status from 400 to 499.
    pub client_errors: u64,
    /// Those with a status from 500 to 599.
    pub server_errors: u64,
}

impl Answers {
    pub(crate) fn add(&mut self, status: StatusCode) {
        self.total += 1;
        self.client_errors += u64::from(status.is_client_error());
        self.server_errors += u64::from(status.is_server_error());
    }
}

/// Where both servers count. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<Mutex<Counts>>);

impl Counter {
    pub(crate) fn count(&self, what: impl FnOnce(&mut Counts)) {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::server::Limits,
        options::{IdentitySources, Options},
        running::{Running, start_within},
        test_tools::{Authorizer, Edge, allow, ask, ask_gateway, forward, options},
    };
    use edge_signer::{Action, Decision, Edits, OriginRequest, Response};
    use serde_json::Value;

    const NONE: Answers = Answers { total: 0, client_errors: 0, server_errors: 0 };
    const FINE: Answers = Answers { total: 1, ..NONE };
    const CLIENT: Answers = Answers { client_errors: 1, ..FINE };
    const SERVER: Answers = Answers { server_errors: 1, ..FINE };

    async fn start(
        decision: fn() -> Decision,
        answer: fn(Value) -> Result<Value, String>,
        identity_sources: IdentitySources,
    ) -> Running {
        let edge = Edge(move |_: &OriginRequest<'_>| decision());
        let options = Options { identity_sources, ..options() };
        start_within(options, edge, Authorizer(answer), Limits::default()).await.unwrap()
    }

    async fn after(path: &str, decision: fn() -> Decision, answer: fn(Value) -> Result<Value, String>) -> Counts {
        let running = start(decision, answer, IdentitySources::None).await;
        ask(running.edge, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        running.counts()
    }

    fn unchanged() -> Decision {
        forward(Edits::default())
    }

    #[tokio::test]
    async fn each_answer_is_counted_where_it_is_given() {
        let one = Counts { distribution: FINE, gateway: FINE, authorizer_invocations: 1, ..Counts::default() };
        assert_eq!(after("/pets/1", unchanged, |event| allow(&event)).await, one);

        let missing = Counts { distribution: CLIENT, gateway: CLIENT, ..one };
        assert_eq!(after("/pets/0", unchanged, |event| allow(&event)).await, missing);

        let failed = Counts { distribution: SERVER, gateway: SERVER, authorizer_errors: 1, ..one };
        assert_eq!(after("/pets/1", unchanged, |_| Err("out of order".to_owned())).await, failed);

        let respond = || {
            let response = Response { status: 503, headers: vec![], body: String::new() };
            Decision { action: Action::Respond(response), log: vec![] }
        };
        let at_the_edge = Counts { distribution: SERVER, ..Counts::default() };
        assert_eq!(after("/pets/1", respond, |event| allow(&event)).await, at_the_edge);

        let invalid = || forward(Edits { set: vec![("Via".into(), "x".to_owned())], ..Edits::default() });
        let not_accepted = Counts { edge_validation_errors: 1, ..at_the_edge };
        assert_eq!(after("/pets/1", invalid, |event| allow(&event)).await, not_accepted);
    }

    #[tokio::test]
    async fn the_gateway_counts_what_it_refuses_by_itself_but_not_requests_of_others() {
        let running = start(unchanged, |event| allow(&event), IdentitySources::Signature).await;
        for path in ["/pets/1", "/elsewhere/pets/1"] {
            for host in ["a", "another.example"] {
                ask_gateway(&running, format!("GET /prod{path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            }
        }
        ask_gateway(&running, "GET /other/pets/1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let counts = running.counts();
        assert_eq!((counts.distribution, counts.authorizer_invocations), (NONE, 0));
        assert_eq!(counts.gateway, Answers { total: 2, client_errors: 2, ..NONE }, "no such route, no signature");
    }
}
