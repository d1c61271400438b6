//! The templates and the documents of `infra`.

mod access;
mod api;
mod deployed;
mod distribution;
mod documents;
mod edge;
mod examples;
mod from_template_to_allow;
mod lint;
mod pet_store;
mod rendering;
mod rotation;
pub(crate) mod support;
