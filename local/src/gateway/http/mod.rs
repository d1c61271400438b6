//! The parts that only an HTTP API has: payload formats 2.0 and 1.0, and simple answers.

pub(crate) mod api;
pub(crate) mod event;
pub(crate) mod event_v1;
pub(crate) mod simple_answer;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod event_v1_tests;
