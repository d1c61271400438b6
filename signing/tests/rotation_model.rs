//! A model of planned rotations: one rotator, any number of edges and authorizers, stale reads, slow replicas, clocks that
//! differ. At every moment, whatever set each holds, every key that an edge may sign with is accepted by every authorizer.
//!
//! Seconds stand for minutes, and every interleaving of a few rotations is tried. Each second that the model counts is any
//! moment in it. One second more than the schedule was told, of whatever the lead has to cover, has to bring a
//! counterexample: so the model can fail, and the lead is as short as can be.

#![expect(clippy::unwrap_used, reason = "a test")]

use signing::{Key, KeySet, NEVER_EXPIRES, RotationKind, RotationPlan, RotationSchedule, RotationTimings, UnixSeconds};
use std::{ops::RangeInclusive, time::Duration};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// As short as the inequality allows.
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

/// When the first rotation is promoted; before it there is one key.
const FIRST: u64 = 30;

/// Every set that there was, and since when.
struct History(Vec<(u64, KeySet)>);

impl History {
    /// Rotations that far apart, each planned by a clock that is that far ahead. One that is refused leaves all as it was.
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

    /// What a read that is used in the second `time` may have returned, if it may be almost that old and replicas lag: the
    /// sets of all those seconds, and the one from before, as the first of them had only just begun.
    fn readable(&self, time: u64, age: Duration, replication: Duration) -> impl Iterator<Item = &KeySet> {
        let oldest = time.saturating_sub((age + replication).as_secs() + 1);
        let version = |time| self.0.iter().rposition(|(since, _)| *since <= time).unwrap();
        self.0.iter().take(version(time) + 1).skip(version(oldest)).map(|(_, set)| set)
    }

    /// The first request that is refused though it is good, in a world of these numbers; `None` where there is none.
    fn counterexample(&self, world: &RotationTimings) -> Option<String> {
        let ahead: RangeInclusive<u64> = 0..=world.skew.as_secs();
        let end = self.0.last().unwrap().0 + 40;
        for (time, signer_ahead) in (FIRST - 10..end).flat_map(|time| ahead.clone().map(move |ahead| (time, ahead))) {
            let created = UnixSeconds::new(time + signer_ahead);
            for signer in self.readable(time, world.signer_ttl + world.outage, world.replication) {
                let Some(key) = signer.signing_key(created) else {
                    return Some(format!("at {time} a signer has no key"));
                };
                // For as long as the signature is good.
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

/// Every history of three rotations up to this far apart, by every clock, with ids that rise and ids that fall.
fn histories(schedule: RotationSchedule, furthest: u64) -> impl Iterator<Item = (History, String)> {
    let gaps = (0..=furthest).flat_map(move |second| (0..=furthest).map(move |third| (second, third)));
    gaps.flat_map(|gaps| (0..16).map(move |bits| (gaps, bits))).map(move |((second, third), bits)| {
        let rotations = [(0, bits & 1), (second, bits >> 1 & 1), (third, bits >> 2 & 1)];
        let ids = if bits >> 3 == 0 { ["k1", "k2", "k3"] } else { ["j3", "j2", "j1"] };
        (History::new(&schedule, &rotations, ids), format!("{rotations:?} {ids:?}"))
    })
}

#[test]
fn no_good_request_is_refused_in_any_interleaving() {
    let schedule = RotationSchedule::try_from(NUMBERS).unwrap();
    let mut rotated = [0; 5];
    for (history, rotations) in histories(schedule, 17) {
        assert_eq!(history.counterexample(&NUMBERS), None, "{rotations}");
        rotated[history.0.len()] += 1;
    }
    assert_eq!(rotated, [0, 0, 0, 0, 18 * 18 * 16], "no rotation is refused");
}

#[test]
fn a_second_more_than_the_schedule_was_told_is_too_much() {
    let schedule = RotationSchedule::try_from(NUMBERS).unwrap();
    let worlds = [
        RotationTimings { verifier_ttl: NUMBERS.verifier_ttl + seconds(1), ..NUMBERS },
        RotationTimings { replication: NUMBERS.replication + seconds(1), ..NUMBERS },
        RotationTimings { outage: NUMBERS.outage + seconds(1), ..NUMBERS },
        RotationTimings { skew: NUMBERS.skew + seconds(1), ..NUMBERS },
        // Of the grace much is covered by the lead already: a signer that lags has had it to follow.
        RotationTimings { signer_ttl: NUMBERS.signer_ttl + NUMBERS.lead + seconds(1), ..NUMBERS },
        RotationTimings { lifetime: NUMBERS.grace + seconds(2), ..NUMBERS },
    ];
    for world in worlds {
        let refused = histories(schedule, 3).find_map(|(history, _)| history.counterexample(&world));
        assert!(refused.is_some(), "{world:?}");
    }
}
