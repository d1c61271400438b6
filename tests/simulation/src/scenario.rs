//! What a run simulates: how many processes, for how long, and what goes wrong.

use crate::{
    moment::Moment,
    region::Region,
    secrets_manager::{Trouble, TroubleKind},
};
use key_store::CacheLimits;
use settings::Seconds;
use signing::{RotationKind, RotationTimings};
use std::{ops::Range, time::Duration};

/// A world to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// For the report.
    pub name: &'static str,
    /// How long it runs.
    pub length: Duration,
    /// The number of edge processes, and of authorizer processes.
    pub edges: usize,
    /// The number of authorizer processes.
    pub authorizers: usize,
    /// How many of [`Region::ALL`] have a copy of the secret: the primary and its replicas.
    pub copies: usize,
    /// How many of [`Region::ALL`] have edges.
    pub edge_regions: usize,
    /// The Regions of the API, each with its part of all authorizers.
    pub api_regions: Vec<(usize, f64)>,
    /// By which rotations are planned.
    pub timings: RotationTimings,
    /// The caches of the edges.
    pub signer: CacheLimits,
    /// The caches of the authorizers.
    pub verifier: CacheLimits,
    /// How much later a replica shows a version.
    pub lag: Range<Duration>,
    /// The greatest difference between two clocks.
    pub skew: Duration,
    /// Whether each clock is fast or slow by the most that is possible.
    pub worst_clocks: bool,
    /// The mean time between two requests of a process that is not frozen.
    pub gap: Range<Duration>,
    /// The mean time between two requests that are simulated although they do not need a read.
    pub sampled: Duration,
    /// How processes come and go; without it they live as long as the run, and are never frozen.
    pub lives: Option<Lives>,
    /// The rotations.
    pub rotations: Vec<(Moment, RotationKind)>,
    /// What goes wrong at which time.
    pub troubles: Vec<Trouble>,
    /// The mean time between two random troubles of each copy.
    pub random_troubles: Option<Duration>,
    /// When all authorizers and edges are replaced by new ones, because of a new version of the functions.
    pub deployments: Vec<Moment>,
    /// How long the attack after an emergency lasts, with the key that it drops, at every authorizer.
    pub attack: Duration,
    /// One request of this many is also signed and verified with real signatures.
    pub verify_one_of: usize,
}

/// How processes come and go. All are mean times.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// From the cold start until Lambda stops the process.
    pub life: Duration,
    /// Without a freeze.
    pub awake: Duration,
    /// Freezes: short, long and very long ones, of ten 6, 3 and 1.
    pub freezes: [Duration; 3],
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The troubles of random length are within the tolerated outage.
pub(crate) const LONGEST_TROUBLE: Duration = RotationTimings::DEFAULT.outage;

impl Scenario {
    /// 90 days of daily rotations.
    pub fn quarter() -> Self {
        let rotations = (0..90).map(|day| (Moment::at(DAY * day + HOUR * 3), RotationKind::Planned)).collect();
        Self {
            name: "quarter",
            length: DAY * 90,
            edges: 2000,
            authorizers: 200,
            rotations,
            random_troubles: Some(DAY * 5),
            deployments: (0..12).map(|week| Moment::at(DAY * 7 * week + HOUR * 10)).collect(),
            sampled: MINUTE * 30,
            ..Self::base()
        }
    }

    /// A day with a rotation during an outage, an emergency, and an emergency during an outage.
    pub fn day() -> Self {
        let at =
            |hours: u32, minutes: u32, seconds: u32| Moment::at(HOUR * hours + MINUTE * minutes + SECOND * seconds);
        // A clock that is set ahead during a freeze makes keys look older than they are.
        let longest = LONGEST_TROUBLE - RotationTimings::DEFAULT.skew;
        let trouble = |copy, from: Moment, length, kind| Trouble { copy, time: from..from.after(length), kind };
        Self {
            name: "day",
            length: DAY,
            edges: 100_000,
            authorizers: 10_000,
            rotations: vec![
                (at(4, 0, 0), RotationKind::Planned),
                (at(13, 0, 0), RotationKind::Emergency),
                (at(18, 0, 0), RotationKind::Emergency),
            ],
            troubles: vec![
                trouble(Some(1), at(2, 0, 0), MINUTE * 20, TroubleKind::Hangs),
                trouble(None, at(4, 0, 30), longest, TroubleKind::Hangs),
                trouble(Some(0), at(7, 0, 0), longest, TroubleKind::Fails),
                trouble(Some(0), at(11, 0, 0), MINUTE * 10, TroubleKind::Throttles(50)),
                trouble(None, at(18, 0, 20), longest, TroubleKind::Hangs),
            ],
            deployments: vec![at(9, 0, 0)],
            sampled: HOUR,
            ..Self::base()
        }
    }

    /// A day with a planned rotation, and this many copies of the secret.
    pub fn with_copies(copies: usize) -> Self {
        Self {
            name: "copies",
            edges: 2000,
            authorizers: 200,
            copies,
            api_regions: vec![(0, 1.0)],
            rotations: vec![(Moment::at(HOUR * 4), RotationKind::Planned)],
            sampled: HOUR,
            ..Self::base()
        }
    }

    /// Far fewer processes, and at most two days, so that a test can run it.
    #[must_use]
    pub fn quick(self) -> Self {
        let length = self.length.min(DAY * 2);
        let part = if self.edges > 10_000 { 400 } else { 20 };
        let (edges, authorizers) = (self.edges / part, self.authorizers / part);
        let rotations = self.rotations.into_iter().filter(|(at, _)| at.since_start() < length).collect();
        let random_troubles = self.random_troubles.map(|_| HOUR * 12);
        Self { length, edges, authorizers, rotations, random_troubles, verify_one_of: 20, ..self }
    }

    /// Two Regions in which processes are never frozen and every request is simulated, around one rotation. Its lag, troubles and
    /// clocks are then made worse.
    pub fn around_a_rotation() -> Self {
        Self {
            name: "limits",
            length: HOUR * 4,
            edges: 40,
            authorizers: 40,
            copies: 2,
            edge_regions: 2,
            api_regions: vec![(0, 0.5), (1, 0.5)],
            lag: SECOND * 60..SECOND * 60,
            worst_clocks: true,
            gap: SECOND..SECOND * 4,
            sampled: SECOND,
            lives: None,
            rotations: vec![(PROMOTION, RotationKind::Planned)],
            ..Self::base()
        }
    }

    /// The same with a twentieth of the requests.
    #[must_use]
    pub(crate) fn with_rare_requests(self) -> Self {
        let gap = self.gap.start * 20..self.gap.end * 20;
        Self { gap, ..self }
    }

    fn base() -> Self {
        Self {
            name: "",
            length: DAY,
            edges: 0,
            authorizers: 0,
            copies: 4,
            edge_regions: Region::ALL.len(),
            api_regions: vec![(0, 0.8), (1, 0.2)],
            timings: RotationTimings::DEFAULT,
            signer: CacheLimits { ttl: Seconds::SIGNER_TTL.default, max_stale: Seconds::SIGNER_MAX_STALE.default },
            verifier: CacheLimits {
                ttl: Seconds::VERIFIER_TTL.default,
                max_stale: Seconds::VERIFIER_MAX_STALE.default,
            },
            lag: SECOND..RotationTimings::DEFAULT.replication,
            skew: RotationTimings::DEFAULT.skew,
            worst_clocks: false,
            gap: SECOND * 10..MINUTE * 10,
            sampled: MINUTE * 10,
            lives: Some(Lives { life: HOUR * 3, awake: MINUTE * 40, freezes: [MINUTE * 10, HOUR, HOUR * 4] }),
            rotations: Vec::new(),
            troubles: Vec::new(),
            random_troubles: None,
            deployments: Vec::new(),
            attack: HOUR,
            verify_one_of: 1000,
        }
    }
}

/// When the rotation of [`Scenario::around_a_rotation`] begins.
pub(crate) const PROMOTION: Moment = Moment::at(Duration::from_secs(600));
