//! What stands behind the gateway.

pub(crate) mod pet_store;
pub(crate) mod request;
pub(crate) mod upstream;
