//! API Gateway: the parts of both kinds of API, and a folder for the parts of each kind.

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
