//! The commands of `infra/*.md`: their blocks have a class and a form, and those that can run are run as a user pastes them.
//!
//! | class | what the tests do with a block |
//! | --- | --- |
//! | `sh run` | paste it as it is printed. The AWS command line asks LocalStack, and moto for what LocalStack does not have |
//! | `sh recorded` | the same, but a recorder answers some commands, and the test holds how they were called |
//! | `sh parsed` | only read it |

mod attach;
mod blocks;
mod forms;
mod machine;
mod readme;
mod runbook;
mod terminal;
mod websocket;

pub(crate) use blocks::{Block, blocks_of, documents};
