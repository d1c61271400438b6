//! The parts that only a REST API has.

pub(crate) mod api;
pub(crate) mod event;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod event_tests;
