//! What becomes of a request: at the edge, at the authorizer, and on the whole way.

pub(crate) mod at_the_authorizer;
pub(crate) mod at_the_edge;
mod first_request;
pub(crate) mod from_edge_to_allow;
pub(crate) mod keys_in_secrets_manager;
mod origin_header;
mod through_a_rotation;
mod traps;
