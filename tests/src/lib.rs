//! Countersign end to end: real programs, real requests, the arrows between the crates, and what the documents say of them.
//!
//! The programs are built and put in place by `cargo xtask test`.

#![cfg(test)]

mod api_template;
mod arrows;
mod artifacts;
mod at_the_authorizer;
mod at_the_edge;
mod at_the_rotator;
mod aws_clients;
mod bootstrap;
mod command_line;
mod command_line_on_aws;
mod distribution_template;
mod documents;
mod dry_runs;
mod edge_process;
mod edge_template;
mod fake_aws;
mod fake_aws_fault_tests;
mod fake_aws_faults;
mod fake_aws_stack_tests;
mod fake_aws_tests;
mod fake_aws_wire;
mod fake_cloud_formation;
mod fake_secrets_manager;
mod first_keys;
mod first_request;
mod from_edge_to_allow;
mod from_template_to_allow;
mod hints;
mod infra_documents;
mod infra_examples;
mod judged_request;
mod judged_rows;
mod keys_on_aws;
mod leaks;
mod localstack;
mod moto;
mod origin_header;
mod outside_judges;
// They are programs for this alone.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod packaged_functions;
mod packages;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod packages_unpacked;
mod pet_store_template;
mod python_judge;
mod rotation_demand;
mod rotation_faults;
mod rotation_interventions;
mod rotation_invariant;
mod rotation_kinds;
mod rotation_leftovers;
mod rotation_races;
mod rotation_template;
mod rotation_world;
mod rotator_and_aws;
mod rotator_and_stack;
mod rotator_refusals;
mod rotator_stage;
mod rust_judge;
mod signed_by_judges;
mod stacks_on_localstack;
mod stage;
mod template;
mod template_access;
mod template_lint;
mod template_rows;
mod template_tests;
mod through_a_rotation;
mod tls;
mod traps;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod zips;
