//! The program `countersign` as a person runs it.

mod dry_runs;
mod first_keys;
mod hints;
pub(crate) mod on_key_files;
pub(crate) mod on_secrets_manager;
