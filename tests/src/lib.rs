//! Countersign end to end: real programs, real requests, the arrows between the crates, and what the documents say of them.
//!
//! The programs are built and put in place by `cargo xtask test`.

#![cfg(test)]

mod cli;
mod events;
mod fake_aws;
mod infra;
mod interop;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod jwt;
mod next_authorizer;
mod package;
mod programs;
mod repository;
mod request;
mod rotation;
mod speed;
mod support;
