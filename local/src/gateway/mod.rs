//! API Gateway: the parts of all kinds of API, and a folder for the parts of each kind.

pub(crate) mod api_keys;
pub(crate) mod deployment;
pub(crate) mod domain;
pub(crate) mod event;
pub(crate) mod http;
pub(crate) mod iam_policy;
pub(crate) mod rejections;
pub(crate) mod rest;
pub(crate) mod routes;
pub(crate) mod websocket;

#[cfg(test)]
mod arrival_tests;
#[cfg(test)]
mod backend_tests;
#[cfg(test)]
mod custom_domain_tests;
#[cfg(test)]
mod kinds_tests;
