//! The request that the gateway sends to a backend.

use crate::net::body::Body;
use hyper::{Method, http::Extensions};
use serde_json::{Map, Value};

/// A request for the backend.
pub(crate) struct BackendRequest {
    pub(crate) method: Method,
    /// Path and query without the stage or the base path, byte for byte.
    pub(crate) target: String,
    /// Whether the path of the target is the whole path, instead of the path of the integration's URI.
    pub(crate) whole_path: bool,
    /// In the sender's case and order.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The authorizer's context, which only an integration with a Lambda function gets.
    pub(crate) context: Map<String, Value>,
    pub(crate) body: Body,
    /// hyper's own note of the sender's header case, for its client.
    pub(crate) extensions: Extensions,
}
