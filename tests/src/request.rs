//! What becomes of a request: at the edge, at the authorizer, and on the whole way.

mod at_the_authorizer;
mod at_the_edge;
mod first_log_line;
mod from_edge_to_allow;
mod keys_in_secrets_manager;
mod kinds_of_api;
mod origin_header;
pub(crate) mod support;
mod through_a_rotation;
mod traps;
mod websocket;
