//! What the authorizer answers to the events that others published, and to events of the same shapes that were changed.
//!
//! The events come from two places. The crate `aws_lambda_events` brings its fixtures along: they are read where Cargo
//! unpacked the crate. `tests/fixtures/api-gateway` holds events that were written for these tests, in shapes that others
//! recorded: its README names each recording. `table.rs` has a row for each file, and a file without a row is an error.

mod changes;
mod edge;
mod files;
mod marked;
mod outcomes;
mod subject;
mod table;
mod unreadable;
