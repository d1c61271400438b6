//! Lambda: the two functions, in this process or each in a process of its own, and a function of the user.

pub(crate) mod error;
pub(crate) mod functions;
pub(crate) mod output;
pub(crate) mod process;
pub(crate) mod runtime_api;
pub(crate) mod user;

#[cfg(test)]
mod process_tests;
