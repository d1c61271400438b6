//! One thing that was examined, and what was found.

use crate::finding::{self, Found, Mark};

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Requests to the API's own URL.
    ApiUrl,
    /// Requests through CloudFront.
    CloudFront,
    /// What the AWS command line reads.
    Configuration,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::ApiUrl, Self::CloudFront, Self::Configuration];

    /// Its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ApiUrl => "api-url",
            Self::CloudFront => "cloudfront",
            Self::Configuration => "configuration",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ApiUrl => "The API's own URL",
            Self::CloudFront => "Through CloudFront",
            Self::Configuration => "Configuration",
        }
    }
}

/// One request or one subject of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) part: Part,
    /// What was asked: `GET /pets/`, `authorizer of each method`.
    pub(crate) what: String,
    /// What was seen, or why nothing was seen.
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It was examined.
    Seen {
        /// `403 {"message":"Forbidden"}`, `12 methods, all have it`.
        value: String,
        findings: Vec<Found>,
    },
    /// It could not be examined: the error.
    Unread(String),
}

impl Check {
    pub(crate) fn seen(part: Part, what: impl Into<String>, value: impl Into<String>, findings: Vec<Found>) -> Self {
        Self { part, what: what.into(), outcome: Outcome::Seen { value: value.into(), findings } }
    }

    pub(crate) fn unread(part: Part, what: impl Into<String>, error: impl Into<String>) -> Self {
        Self { part, what: what.into(), outcome: Outcome::Unread(error.into()) }
    }

    /// Adds findings, if it was examined.
    pub(crate) fn add(&mut self, more: Vec<Found>) {
        if let Outcome::Seen { findings, .. } = &mut self.outcome {
            findings.extend(more);
        }
    }

    pub(crate) fn findings(&self) -> &[Found] {
        match &self.outcome {
            Outcome::Seen { findings, .. } => findings,
            Outcome::Unread(_) => &[],
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        match &self.outcome {
            Outcome::Seen { findings, .. } => Mark::of(findings.iter().map(|found| found.severity)),
            Outcome::Unread(_) => Mark::Unread,
        }
    }
}

/// All findings, the worst first. Within a severity the order of the checks is kept, and a finding that several checks have appears
/// once.
pub(crate) fn findings(checks: &[Check]) -> Vec<&Found> {
    let mut all: Vec<&Found> = Vec::new();
    for found in checks.iter().flat_map(Check::findings) {
        if !all.contains(&found) {
            all.push(found);
        }
    }
    all.sort_by_key(|found| std::cmp::Reverse(found.severity));
    all
}

pub(crate) fn exit_status(checks: &[Check]) -> u8 {
    let severities = checks.iter().flat_map(Check::findings).map(|found| found.severity);
    finding::exit_status(severities, checks.iter().all(|check| !matches!(check.outcome, Outcome::Unread(_))))
}
