//! The program `countersign` as a person runs it.

mod dry_runs;
mod first_keys;
mod hints;
mod on_key_files;
mod on_secrets_manager;
pub(crate) mod support;
