//! API Gateway: what both kinds of API have, and in a folder each what only one of them has.

pub(crate) mod api_keys;
pub(crate) mod deployment;
pub(crate) mod domain;
pub(crate) mod event;
pub(crate) mod http;
pub(crate) mod rejections;
pub(crate) mod rest;
pub(crate) mod routes;

#[cfg(test)]
mod arrival_tests;
#[cfg(test)]
mod backend_tests;
