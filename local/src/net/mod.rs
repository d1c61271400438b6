//! HTTP/1.1 between the hops: the server half, the client half, and what both read.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod headers;
pub(crate) mod raw_head;
pub(crate) mod server;
