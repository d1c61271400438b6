//! CloudFront and API Gateway on 127.0.0.1, with their quirks, over plain HTTP/1.1.
//!
//! ```text
//! viewer → edge (CloudFront, calls the edge signer) → gateway (an API of any kind, calls the authorizer) → backend
//! ```
//! The functions are the real ones, in this process or, as [`FunctionProcess`], in processes of their own. Around them
//! AWS is imitated as exactly as is known: the shapes of the events, the headers that are dropped or added on the way,
//! the limits, the answers. If AWS's behaviour is not known, the code says so and takes the stricter way.
//!
//! Known differences: no TLS, no cache, no WAF, one request for each connection; header names leave the edge in title
//! case, also if the viewer's had another case; a target with a raw `<` or `>`, a raw backtick in its path or a raw `"`
//! in its query is answered 400, because hyper does not accept it; every route accepts the same methods and has the
//! same authorizer and the same backend; a custom domain maps one stage, then the API's own name is not accepted, and
//! `/ping` is not answered; an HTTP API's backend does not get `Forwarded` or `Via` of the gateway; a routing rule
//! compares one header with one whole value and chooses a stage of the same API.
//!
//! Known differences of WebSocket APIs: all messages take the route `$default`; the backend gets Lambda's proxy event as
//! JSON, also over HTTP; an answer of the backend to a message is not used, so that it answers by `@connections`, which
//! needs no SigV4 here and refuses what comes through the edge; `Sec-WebSocket-Extensions` is never accepted.
//!
//! Pure halves, for tests that need no server: the events [`rest_event`], [`http_event`] (payload format 2.0),
//! [`http_v1_event`] (1.0) and [`websocket_event`]; and how an answer is read, [`evaluate`] if it is a policy,
//! [`is_authorized`] if it is simple.

mod backend;
mod counts;
mod edge;
mod gateway;
mod lambda;
mod net;
mod options;
mod random;
mod running;

#[cfg(test)]
mod test_tools;

// What runs, and how it is started.
pub use backend::upstream::{Backend, BackendError};
pub use gateway::api_keys::ApiKeys;
pub use gateway::domain::{Domain, DomainError};
pub use options::{Answer, ApiKind, IdentitySources, Options, RoutingRule, RoutingRuleError, StartError};
pub use running::{Running, start};

// What it did.
pub use counts::{Answers, Counts};

// The functions.
pub use lambda::error::FunctionError;
pub use lambda::functions::{AuthorizerFunction, EdgeFunction};
pub use lambda::process::FunctionProcess;

// A function of the user, which Lambda's API invokes.
pub use lambda::user::{
    function::{UserFunction, UserFunctionError},
    invoke_api::{InvokeApi, InvokeOptions},
};

// What needs no server.
pub use gateway::event::{Api, ApiRequest};
pub use gateway::http::event::http_event;
pub use gateway::http::event_v1::http_v1_event;
pub use gateway::http::simple_answer::is_authorized;
pub use gateway::iam_policy::{Verdict, evaluate};
pub use gateway::rest::event::rest_event;
pub use gateway::routes::Routes;
pub use gateway::websocket::event::websocket_event;
