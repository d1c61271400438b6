//! A model of planned rotations: one rotator, any number of edges and authorizers, stale reads, slow replicas, clocks
//! that differ. At every moment, with every set that they may hold, every authorizer accepts every key that an edge may
//! sign with.
//!
//! A second in the model is a minute, and the model tries every interleaving of a few rotations. A second of the model
//! means any moment in it. If any part of what the lead must cover is one second longer than the schedule says, the
//! model must find a counterexample: so the model can fail, and the lead is as short as possible.

#![expect(clippy::unwrap_used, reason = "a test")]

use signing::{Key, KeySet, NEVER_EXPIRES, RotationKind, RotationPlan, RotationSchedule, RotationTimings, UnixSeconds};
use std::{ops::RangeInclusive, time::Duration};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The shortest lead and grace that the inequality allows.
const NUMBERS: RotationTimings = RotationTimings {
    lead: seconds(6),
    grace: seconds(9),
    verifier_ttl: seconds(2),
    signer_ttl: seconds(3),
    replication: seconds(1),
    skew: seconds(1),
    lifetime: seconds(2),
    outage: seconds(2),
};

/// The time at which the first rotation is promoted; before it there is one key.
const FIRST: u64 = 30;

/// Every set, and the time from which it was current.
struct History(Vec<(u64, KeySet)>);

impl History {
    /// Rotations with these distances between them, each planned by a clock that is this far ahead. A refused rotation
    /// changes nothing.
    fn new(schedule: &RotationSchedule, rotations: &[(u64, u64)], ids: [&str; 3]) -> Self {
        let key = Key::new("k0".try_into().unwrap(), &[1; 32], UnixSeconds::new(0), NEVER_EXPIRES).unwrap();
        let mut sets = vec![(0, KeySet::new(vec![key]).unwrap())];
        let mut now = FIRST;
        for ((gap, ahead), id) in rotations.iter().zip(ids) {
            now += gap;
            let (_, current) = sets.last().unwrap();
            let new = (id.try_into().unwrap(), &[1; 32][..]);
            let plan =
                RotationPlan::new(current, (), new, RotationKind::Planned, schedule, UnixSeconds::new(now + ahead));
            sets.extend(plan.ok().map(|plan| (now, plan.keys)));
        }
        Self(sets)
    }

    /// The sets that a read may have returned which is used in the second `time`, if the read may be almost that old
    /// and replicas lag: the sets of all those seconds, and the set before them, because the first of these seconds had
    /// only just begun.
    fn readable(&self, time: u64, age: Duration, replication: Duration) -> impl Iterator<Item = &KeySet> {
        let oldest = time.saturating_sub((age + replication).as_secs() + 1);
        let version = |time| self.0.iter().rposition(|(since, _)| *since <= time).unwrap();
        self.0.iter().take(version(time) + 1).skip(version(oldest)).map(|(_, set)| set)
    }

    /// The first valid request that is refused with these timings; `None` if no valid request is refused.
    fn counterexample(&self, world: &RotationTimings) -> Option<String> {
        let ahead: RangeInclusive<u64> = 0..=world.skew.as_secs();
        let end = self.0.last().unwrap().0 + 40;
        for (time, signer_ahead) in (FIRST - 10..end).flat_map(|time| ahead.clone().map(move |ahead| (time, ahead))) {
            let created = UnixSeconds::new(time + signer_ahead);
            for signer in self.readable(time, world.signer_ttl + world.outage, world.replication) {
                let Some(key) = signer.signing_key(created) else {
                    return Some(format!("at {time} a signer has no key"));
                };
                // As long as the signature is valid.
                for (later, verifier_ahead) in (0..).flat_map(|later| ahead.clone().map(move |ahead| (later, ahead))) {
                    let now = UnixSeconds::new(time + later + verifier_ahead);
                    if now >= created + world.lifetime + world.skew {
                        break;
                    }
                    for verifier in self.readable(time + later, world.verifier_ttl + world.outage, world.replication) {
                        let accepted = verifier
                            .get(key.id())
                            .is_some_and(|known| known.not_before() <= created && now < known.expires());
                        if !accepted {
                            return Some(format!("{} of {created} is refused at {now}", key.id()));
                        }
                    }
                }
            }
        }
        None
    }
}

/// Every history of three rotations with distances up to this, by every clock, with rising and falling ids.
fn histories(schedule: RotationSchedule, furthest: u64) -> impl Iterator<Item = (History, String)> {
    let gaps = (0..=furthest).flat_map(move |second| (0..=furthest).map(move |third| (second, third)));
    gaps.flat_map(|gaps| (0..16).map(move |bits| (gaps, bits))).map(move |((second, third), bits)| {
        let rotations = [(0, bits & 1), (second, bits >> 1 & 1), (third, bits >> 2 & 1)];
        let ids = if bits >> 3 == 0 { ["k1", "k2", "k3"] } else { ["j3", "j2", "j1"] };
        (History::new(&schedule, &rotations, ids), format!("{rotations:?} {ids:?}"))
    })
}

#[test]
fn no_valid_request_is_refused_in_any_interleaving() {
    let schedule = RotationSchedule::try_from(NUMBERS).unwrap();
    let mut rotated = [0; 5];
    for (history, rotations) in histories(schedule, 17) {
        assert_eq!(history.counterexample(&NUMBERS), None, "{rotations}");
        rotated[history.0.len()] += 1;
    }
    assert_eq!(rotated, [0, 0, 0, 0, 18 * 18 * 16], "no rotation is refused");
}

#[test]
fn one_second_more_than_the_schedule_says_refuses_a_valid_request() {
    let schedule = RotationSchedule::try_from(NUMBERS).unwrap();
    let worlds = [
        RotationTimings { verifier_ttl: NUMBERS.verifier_ttl + seconds(1), ..NUMBERS },
        RotationTimings { replication: NUMBERS.replication + seconds(1), ..NUMBERS },
        RotationTimings { outage: NUMBERS.outage + seconds(1), ..NUMBERS },
        RotationTimings { skew: NUMBERS.skew + seconds(1), ..NUMBERS },
        // The lead already covers a large part of the grace: a signer that lags could read the new keys in that time.
        RotationTimings { signer_ttl: NUMBERS.signer_ttl + NUMBERS.lead + seconds(1), ..NUMBERS },
        RotationTimings { lifetime: NUMBERS.grace + seconds(2), ..NUMBERS },
    ];
    for world in worlds {
        let refused = histories(schedule, 3).find_map(|(history, _)| history.counterexample(&world));
        assert!(refused.is_some(), "{world:?}");
    }
}
