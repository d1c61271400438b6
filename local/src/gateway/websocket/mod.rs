//! The parts that only a WebSocket API has. `$connect` passes the authorizer, as a request does; a connection then becomes
//! calls of the backend, and the backend answers by `@connections`.
//!
//! All messages take the route `$default`: other routes, which a route selection expression chooses, are not emulated.

pub(crate) mod api;
mod built_in;
mod calls;
mod connections;
pub(crate) mod event;
pub(crate) mod gateway;
mod handshake;
mod management;
mod session;

#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod handshake_tests;
#[cfg(test)]
mod management_tests;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod test_client;
