//! The rules of acceptance as a list, for a person who asks which of them a request breaks.

use core::fmt;

/// A rule of acceptance: a group of checks of [`CheckedRequest`](crate::CheckedRequest). A [`Refusal`](crate::Refusal)
/// belongs to exactly one.
///
/// ```
/// use signing::{Outcome, Refusal, Rule};
///
/// let broken = Refusal::Query.rule();
/// assert_eq!(broken, Rule::Target);
/// assert_eq!(Rule::Time.outcome(Some(broken)), Outcome::Held);
/// assert_eq!(Rule::Key.outcome(Some(broken)), Outcome::NotReached);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// One of each header, one signature, and nothing that changes the request behind the gateway.
    Headers,
    /// What the signature covers.
    Covered,
    /// The parameters of the signature.
    Parameters,
    /// The time.
    Time,
    /// The request is the one that was signed, as far as the gateway shows it.
    Target,
    /// The key that the signature names.
    Key,
    /// The signature itself.
    Signature,
}

/// What became of a rule in one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request keeps it.
    Held,
    /// The request breaks it, and the rules after it were not asked.
    Failed,
    /// A rule before it was broken.
    NotReached,
}

impl Rule {
    /// All rules, in the order in which they are checked.
    pub const ALL: [Self; 7] =
        [Self::Headers, Self::Covered, Self::Parameters, Self::Time, Self::Target, Self::Key, Self::Signature];

    /// What became of this rule, if `broken` is the first rule that the request breaks.
    pub fn outcome(self, broken: Option<Self>) -> Outcome {
        match broken {
            Some(broken) if broken == self => Outcome::Failed,
            Some(broken) if broken < self => Outcome::NotReached,
            _ => Outcome::Held,
        }
    }

    /// Its name: the heading under which the manual has its refusals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "Headers",
            Self::Covered => "What is covered",
            Self::Parameters => "Signature parameters",
            Self::Time => "Time",
            Self::Target => "Target of the request",
            Self::Key => "The key",
            Self::Signature => "The signature",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
