//! From what AWS answered to the checks and their findings. It calls nothing.

mod distribution;
mod functions;
mod gateway;
mod stack;
#[cfg(test)]
mod tests;

use crate::{
    doctor::{
        check::{Check, Part},
        configuration::{
            exception::Exception,
            finding::{Finding, Names},
            reading::Answers,
        },
        targets::Targets,
    },
    finding::Found,
    status::{Deployed, answers::Function},
};
use signing::UnixSeconds;

/// What the answers are compared with.
pub(crate) struct Examined<'a> {
    pub(crate) targets: &'a Targets,
    /// Absent without a stack.
    pub(crate) deployed: Option<&'a Deployed<'a>>,
    /// The configuration of the authorizer, if it could be read.
    pub(crate) function: Option<&'a Function>,
    /// What is to stay without the authorizer.
    pub(crate) exceptions: &'a [Exception],
    pub(crate) now: UnixSeconds,
}

impl Examined<'_> {
    /// One for each subject, in the order of the report.
    pub(crate) fn checks(&self, answers: &Answers) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Some(behind) = &answers.behind {
            checks.extend(self.gateway(behind));
            checks.extend(self.functions(behind));
            checks.extend(self.of_stack(behind));
        }
        if let Some(edge) = &answers.edge {
            checks.extend(self.distribution(edge));
        }
        checks
    }

    fn is_excepted(&self, method: &str) -> bool {
        self.exceptions.iter().any(|exception| exception.name() == method)
    }

    fn output(&self, name: &str) -> Option<&str> {
        self.deployed.and_then(|deployed| deployed.stack.output(name))
    }

    /// That of the stack. An empty value is the default of many.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.deployed.and_then(|deployed| deployed.stack.parameter(name)).filter(|value| !value.is_empty())
    }

    fn names(&self) -> Names<'_> {
        let output = |name: &str| self.output(name).unwrap_or_default();
        Names {
            stack: self.deployed.map_or("", |deployed| &deployed.stack.stack_name),
            region: self.deployed.map_or("", |deployed| &deployed.region),
            kind: output("ApiKind"),
            api: output("ApiId"),
            stage: output("ApiStage"),
            authorizer: output("AuthorizerId"),
            made_distribution: self.output("DistributionId").is_some(),
        }
    }

    fn found(&self, findings: &[Finding]) -> Vec<Found> {
        let names = self.names();
        findings.iter().map(|finding| finding.found(&names, self.now)).collect()
    }

    fn seen(&self, what: impl Into<String>, value: impl Into<String>, findings: &[Finding]) -> Check {
        Check::seen(Part::Configuration, what, value, self.found(findings))
    }
}

fn unread(what: impl Into<String>, error: &str) -> Check {
    Check::unread(Part::Configuration, what, error)
}
