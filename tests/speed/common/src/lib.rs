//! What the harness of `cargo xtask bench` and its workers share: the request that all of them sign and verify, the protocol of a
//! worker, and as much HTTP as two programs on loopback need.

mod http;
mod parts;
mod worker;

pub use http::{Connection, Message};
pub use parts::{KEY_ID, Parts, SECRET, policy};
pub use worker::{Bench, REPLY, Reply, serve};
