//! Where the first valid request is refused: one thing is made worse, second by second, until a run has a refusal.

use crate::{
    rotator::REHEARSAL,
    scenario::{PROMOTION, Scenario},
    secrets_manager::{Trouble, TroubleKind},
    world::{Outcome, run},
};
use signing::RotationTimings;
use std::time::Duration;

/// A limit within which no valid request is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is made worse.
    pub name: &'static str,
    /// How bad it may be.
    pub promised: Duration,
    /// So bad that requests must be refused.
    refused: Duration,
    scenario: fn(Duration) -> Scenario,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub struct FirstRefusal {
    /// The limit.
    pub limit: Limit,
    /// The least number of seconds at which a valid request is refused; `None` if none is refused.
    pub at: Option<Duration>,
    /// How exactly that is known.
    pub step: Duration,
    /// Valid requests that are refused at the limit itself: there must be none.
    pub faults_at_limit: u64,
    /// Whether the keys were rotated in that run: otherwise it shows nothing.
    pub rotated: bool,
}

const HOUR: Duration = Duration::from_secs(3600);
const DEFAULT: RotationTimings = RotationTimings::DEFAULT;
/// The shortest grace that a rotator accepts with the other defaults, and the shortest lead with 5 s more: with less, each plan is
/// too old before it is rehearsed.
const SHORTEST: RotationTimings =
    RotationTimings { lead: Duration::from_secs(1930), grace: Duration::from_secs(2225), ..DEFAULT };

impl Limit {
    /// All that is tried.
    pub const ALL: [Self; 6] = [
        Self {
            name: "lag of the replica",
            promised: DEFAULT.replication,
            refused: Duration::from_secs(7200),
            scenario: |lag| Scenario { lag: lag..lag, ..Scenario::around_a_rotation() },
        },
        Self {
            name: "lag of the replica, shortest lead and grace",
            promised: DEFAULT.replication,
            refused: HOUR,
            scenario: |lag| Scenario { lag: lag..lag, timings: SHORTEST, ..Scenario::around_a_rotation() },
        },
        Self {
            name: "lag of the replica, then the longest outage, shortest lead and grace",
            promised: DEFAULT.replication,
            refused: Duration::from_secs(600),
            scenario: |lag| Scenario {
                lag: lag..lag,
                timings: SHORTEST,
                // The last moment at which an authorizer at the replica may have the old keys. Few have them, so there are more.
                troubles: vec![outage(lag + DEFAULT.verifier_ttl * 9 / 10, DEFAULT.outage)],
                authorizers: 400,
                ..Scenario::around_a_rotation()
            },
        },
        Self {
            name: "lag of a replica that only edges read, shortest lead and grace",
            promised: DEFAULT.replication,
            refused: Duration::from_secs(7200),
            scenario: |lag| Scenario {
                lag: lag..lag,
                timings: SHORTEST,
                api_regions: vec![(0, 1.0)],
                ..Scenario::around_a_rotation()
            },
        },
        Self {
            name: "outage of every copy",
            promised: DEFAULT.outage,
            refused: HOUR,
            scenario: |length| Scenario {
                troubles: vec![outage(Duration::ZERO, length)],
                ..Scenario::around_a_rotation()
            },
        },
        Self {
            name: "difference of two clocks",
            promised: DEFAULT.skew,
            refused: Duration::from_secs(60),
            // The times of a signature count too, and only the real one has them.
            scenario: |skew| Scenario { skew, verify_one_of: 1, ..Scenario::around_a_rotation() },
        },
    ];

    /// Looks for the first refusal, by halves, until it is known to the second.
    pub fn first_refusal(self, seed: u64) -> FirstRefusal {
        self.search(Duration::from_secs(1), |seconds| run(&(self.scenario)(seconds), seed))
    }

    /// Looks with far fewer requests, until it is known to the half hour.
    pub fn first_refusal_quickly(self, seed: u64) -> FirstRefusal {
        self.search(Duration::from_secs(1800), |seconds| run(&(self.scenario)(seconds).with_rare_requests(), seed))
    }

    fn search(self, step: Duration, outcome: impl Fn(Duration) -> Outcome) -> FirstRefusal {
        let faults = |seconds: Duration| outcome(seconds).requests.faults;
        let at_limit = outcome(self.promised);
        let (mut good, mut bad) = (self.promised, self.refused);
        let at = (faults(bad) > 0).then(|| {
            while bad > good + step {
                let middle = Duration::from_secs(good.as_secs().midpoint(bad.as_secs()));
                if faults(middle) == 0 { good = middle } else { bad = middle }
            }
            bad
        });
        FirstRefusal {
            limit: self,
            at,
            step,
            faults_at_limit: at_limit.requests.faults,
            rotated: at_limit.rotated == 1,
        }
    }
}

/// No copy answers, from so long after the promotion.
fn outage(after: Duration, length: Duration) -> Trouble {
    let from = PROMOTION.after(REHEARSAL + after);
    Trouble { copy: None, time: from..from.after(length), kind: TroubleKind::Fails }
}
