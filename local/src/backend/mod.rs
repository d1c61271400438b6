//! The backends behind the gateway.

mod built_in;
mod echo;
mod json_response;
mod pet_store;
pub(crate) mod request;
pub(crate) mod upstream;
