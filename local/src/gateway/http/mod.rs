//! The parts that only an HTTP API has: payload format 2.0 and simple answers.

pub(crate) mod api;
pub(crate) mod event;
pub(crate) mod simple_answer;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod event_tests;
