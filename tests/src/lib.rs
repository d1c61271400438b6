//! Countersign end to end: real programs, real requests, the arrows between the crates, and what the documents say of them.
//!
//! The programs are built and put in place by `cargo xtask test`.

#![cfg(test)]

mod arrows;
mod artifacts;
mod at_the_authorizer;
mod at_the_edge;
mod command_line;
mod documents;
mod edge_process;
mod from_edge_to_allow;
mod judged_request;
mod judged_rows;
mod lambda_runtime_api;
mod outside_judges;
mod python_judge;
mod rust_judge;
mod signed_by_judges;
mod stage;
mod traps;
