//! What the tests of requests share.

pub(crate) mod authorizer_events;
pub(crate) mod edge_events;
