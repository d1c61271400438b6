//! The stack, and what starts its rotations.

use crate::doctor::{
    check::Check,
    configuration::{
        examined::{Examined, unread},
        finding::Finding,
        reading::Behind,
    },
};

impl Examined<'_> {
    pub(super) fn of_stack(&self, behind: &Behind) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Some(deployed) = self.deployed {
            let mut findings = Vec::new();
            if let Some(role) = &deployed.stack.role {
                findings.push(Finding::ServiceRole { role: role.clone() });
            }
            if !deployed.stack.enable_termination_protection {
                findings.push(Finding::StackUnprotected);
            }
            let role = if deployed.stack.role.is_some() { "a service role" } else { "no service role" };
            let protected = if deployed.stack.enable_termination_protection { "protected" } else { "not protected" };
            checks.push(self.seen("operations on the stack", format!("{role}, {protected}"), &findings));
        }
        checks.extend(self.rotation(behind));
        checks
    }

    fn rotation(&self, behind: &Behind) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Err(error) = &behind.resources {
            checks.push(unread("schedule", error));
        }
        match &behind.rule {
            None => {}
            Some((_, Err(error))) => checks.push(unread("schedule", error)),
            Some((rule, Ok(read))) => {
                let off = [Finding::ScheduleOff { rule: rule.clone(), state: read.state.clone() }];
                let findings: &[_] = if read.state.starts_with("ENABLED") { &[] } else { &off };
                checks.push(self.seen("schedule", format!("{}, {}", read.schedule, read.state), findings));
            }
        }
        match &behind.mappings {
            None => {}
            Some(Err(error)) => checks.push(unread("trigger of the rotator", error)),
            Some(Ok(mappings)) => {
                let works = |state: &str| matches!(state, "Enabled" | "Creating" | "Enabling" | "Updating");
                let off = match mappings.first() {
                    None => Some((None, "missing".to_owned())),
                    Some(_) if mappings.iter().any(|of| works(&of.state)) => None,
                    Some(first) => Some((Some(first.id.clone()), first.state.clone())),
                };
                let value = off.as_ref().map_or_else(|| "enabled".to_owned(), |(_, state)| state.clone());
                let findings: Vec<_> =
                    off.into_iter().map(|(id, state)| Finding::RotationTriggerOff { id, state }).collect();
                checks.push(self.seen("trigger of the rotator", value, &findings));
            }
        }
        match &behind.dead_letters {
            None => {}
            Some(Err(error)) => checks.push(unread("dead letters", error)),
            Some(Ok(messages)) => match messages.0.parse() {
                Ok(0) => checks.push(self.seen("dead letters", "none", &[])),
                Ok(messages) => {
                    let found = [Finding::DeadLetters { messages }];
                    checks.push(self.seen("dead letters", messages.to_string(), &found));
                }
                Err(_) => {
                    checks.push(unread("dead letters", "aws sqs get-queue-attributes: its answer is not a number"))
                }
            },
        }
        checks
    }
}
