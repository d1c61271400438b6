//! The program `countersign` as a person runs it.

mod doctor;
mod doctor_configuration;
mod dry_runs;
mod explanations;
mod failures;
mod failures_on_aws;
mod first_keys;
mod formats;
mod hints;
pub(crate) mod learn;
mod on_key_files;
mod on_secrets_manager;
mod status;
pub(crate) mod support;
