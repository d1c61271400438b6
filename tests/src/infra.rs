//! The templates and the documents of `infra`.

mod access;
mod alarms;
mod api;
mod base_paths;
mod cors;
mod dashboard;
mod deployed;
mod distribution;
mod documents;
mod edge;
mod example;
mod examples;
mod from_template_to_allow;
mod front;
mod learn;
mod lint;
mod monitoring;
mod queries;
mod rendering;
mod rotation;
mod shell;
pub(crate) mod support;
