//! The real rotator: its triggers, its interruptions, interventions in between, and its reports.

mod aws_failures;
mod interventions;
mod killed_at_every_call;
mod leftovers;
mod races;
mod refusals;
mod stack_updates;
pub(crate) mod support;
mod triggers;
mod two_kinds_under_one_id;
