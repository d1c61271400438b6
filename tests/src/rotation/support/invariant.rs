//! The promises of the design for every rotation, computed from the whole history of a secret, without the product's
//! code.
//!
//! A set may be held from its promotion on, and by whoever reads slowly until well after the next one: so each pair of a set that
//! an edge may sign by and a set that an authorizer may verify by, with clocks as far apart as they may be, is one question about
//! spans of time. It is answered by their ends, not by samples: one millisecond too little is found.

use serde_json::Value;
use signing::{NEVER_EXPIRES, RotationTimings};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A key set that was current, since when.
#[derive(Clone)]
pub(crate) struct Promoted {
    /// In milliseconds since the epoch, as all moments here.
    pub(crate) at: i64,
    pub(crate) version: String,
    pub(crate) planned_from: Option<String>,
    /// Whether it is to drop every key before it.
    pub(crate) emergency: bool,
    /// Whether a person has restored it.
    pub(crate) by_person: bool,
    /// When its version was made.
    pub(crate) created: i64,
    pub(crate) keys: Vec<Jwk>,
}

/// A key as it is in the document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Jwk {
    pub(crate) kid: String,
    /// In base64url.
    pub(crate) k: String,
    pub(crate) nbf: i64,
    /// [`NEVER`] where no rotation has set an end.
    pub(crate) exp: i64,
}

/// The problem of a history; `None` if there is none.
pub(crate) fn broken(history: &[Promoted], timings: &RotationTimings) -> Option<String> {
    let epochs: Vec<_> = epochs(history).collect();
    let ends = epochs.iter().skip(1).filter_map(|epoch| Some(epoch.first()?.at)).chain([FAR]);
    let mut refused = epochs.iter().zip(ends).filter_map(|(epoch, end)| refused(epoch, end, timings));
    refused.next().or_else(|| successions(history)).or_else(|| comebacks(history))
}

/// What nothing is claimed across: an emergency begins a new one, and a person who goes back does.
pub(crate) fn epochs(history: &[Promoted]) -> impl Iterator<Item = &[Promoted]> {
    history.chunk_by(|_, next| !next.emergency && !next.by_person)
}

/// Later than any moment, in milliseconds.
const FAR: i64 = i64::MAX / 4;

/// Later than that, in seconds. The document says the end of the year 9999, and means this.
const NEVER: i64 = i64::MAX / 1000;

/// The first valid request that would be refused, or the first moment without a signing key, from one emergency until
/// the next.
fn refused(sets: &[Promoted], end: i64, timings: &RotationTimings) -> Option<String> {
    let world = World::of(timings);
    let held = |at: usize, age: i64| {
        let next = sets.get(at + 1).map_or(FAR, |next| next.at + age);
        Span { from: sets[at].at, to: next.min(end - 1) }
    };
    let clocks = world.clocks();
    for (signer, by) in sets.iter().enumerate() {
        for (key, from, to) in turns(&by.keys) {
            for (ahead, verifier_ahead) in &clocks {
                let turn = Span { from: from.saturating_sub(*ahead), to: to.saturating_sub(*ahead) - 1 };
                let signing = held(signer, world.signers).and(turn);
                if signing.is_empty() {
                    continue;
                }
                let Some(key) = key else {
                    return Some(format!("an edge with {} has no key at {signing:?}", by.version));
                };
                for (verifier, against) in sets.iter().enumerate() {
                    let meeting = Meeting {
                        signing,
                        verifying: held(verifier, world.verifiers),
                        ahead: *ahead,
                        verifier_ahead: *verifier_ahead,
                        life: world.life,
                    };
                    if let Some(why) = meeting.refusal(key, &against.keys) {
                        let versions = format!("signed by {} and verified by {}", by.version, against.version);
                        return Some(format!("{why}: {versions}, clocks {ahead} and {verifier_ahead} ms ahead"));
                    }
                }
            }
        }
    }
    None
}

/// The timings in milliseconds, as far as they matter here.
struct World {
    /// How long a set that is no longer current may be used for signing, and for verifying.
    signers: i64,
    verifiers: i64,
    /// From the second that a signature names until a verifier's clock takes it no more.
    life: i64,
    skew: i64,
}

impl World {
    fn of(timings: &RotationTimings) -> Self {
        let &RotationTimings { signer_ttl, verifier_ttl, replication, skew, lifetime, outage, .. } = timings;
        Self {
            signers: milliseconds(signer_ttl + replication + outage),
            verifiers: milliseconds(verifier_ttl + replication + outage),
            life: milliseconds(lifetime + skew),
            skew: milliseconds(skew),
        }
    }

    /// How far the clocks of a signer and of a verifier may be ahead of the rotator's: no two are further apart than the skew.
    /// The corners, and a few within.
    fn clocks(&self) -> Vec<(i64, i64)> {
        let each = [-self.skew, 0, self.skew];
        let pairs = each.into_iter().flat_map(|signer| each.map(|verifier| (signer, verifier)));
        pairs.filter(|(signer, verifier)| (signer - verifier).abs() <= self.skew).collect()
    }
}

/// From its first millisecond to its last.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    fn is_empty(self) -> bool {
        self.from > self.to
    }
}

/// Signatures made in one span that arrive in another.
struct Meeting {
    signing: Span,
    verifying: Span,
    ahead: i64,
    verifier_ahead: i64,
    life: i64,
}

impl Meeting {
    fn refusal(&self, key: &Jwk, against: &[Jwk]) -> Option<String> {
        let Some(known) = against.iter().find(|known| known.kid == key.kid && known.k == key.k) else {
            return self.happens(i64::MIN, i64::MAX).then(|| format!("{} is not known", key.kid));
        };
        let too_early = known.nbf.saturating_mul(1000).saturating_sub(self.ahead);
        if self.happens(i64::MIN, too_early) {
            return Some(format!("{} is not accepted yet", key.kid));
        }
        let ended = known.exp.saturating_mul(1000).saturating_sub(self.verifier_ahead);
        self.happens(ended, i64::MAX).then(|| format!("{} is no longer accepted", key.kid))
    }

    /// Whether a signature that was made before `made_before` can arrive at `arrives_from` or later, and still be
    /// valid.
    fn happens(&self, arrives_from: i64, made_before: i64) -> bool {
        let signing = Span { to: self.signing.to.min(made_before.saturating_sub(1)), ..self.signing };
        let arrives = signing.from.max(self.verifying.from).max(arrives_from);
        if signing.is_empty() || arrives > self.verifying.to {
            return false;
        }
        // The latest that arrives then lives longest. It names the second that it was made in.
        let made = signing.to.min(arrives);
        let created = (made + self.ahead).div_euclid(1000) * 1000;
        arrives + self.verifier_ahead < created + self.life
    }
}

/// Which key a signer takes, from which moment of its clock to which: the latest to begin, ties by `kid`, of those that have
/// begun and not ended.
fn turns(keys: &[Jwk]) -> Vec<(Option<&Jwk>, i64, i64)> {
    let changes: BTreeSet<_> = keys.iter().flat_map(|key| [key.nbf, key.exp]).chain([0, FAR / 1000]).collect();
    let changes: Vec<_> = changes.into_iter().collect();
    let turn = |pair: &[i64]| {
        let in_force = keys.iter().filter(|key| key.nbf <= pair[0] && pair[0] < key.exp);
        let key = in_force.max_by_key(|key| (key.nbf, &key.kid));
        (key, pair[0].saturating_mul(1000), pair[1].saturating_mul(1000))
    };
    changes.windows(2).map(turn).collect()
}

/// Each set takes the place of the one that it was planned from, with one key more and none changed but for an earlier end.
fn successions(history: &[Promoted]) -> Option<String> {
    history.windows(2).find_map(|pair| {
        let [before, after] = pair else { return None };
        let version = &after.version;
        if after.by_person {
            return None;
        }
        if after.planned_from.as_ref() != Some(&before.version) {
            return Some(format!(
                "{version} took the place of {}, and was planned from {:?}",
                before.version, after.planned_from
            ));
        }
        let known: BTreeMap<_, _> = before.keys.iter().map(|key| (&key.kid, key)).collect();
        let (kept, new): (Vec<_>, Vec<_>) = after.keys.iter().partition(|key| known.contains_key(&key.kid));
        let [new] = new[..] else { return Some(format!("{version} has {} new keys", new.len())) };
        if after.emergency {
            let at_once = kept.is_empty() && new.nbf.saturating_mul(1000) <= after.at;
            return (!at_once).then(|| format!("{version} is no emergency's: {} kept, nbf {}", kept.len(), new.nbf));
        }
        let changed = kept.iter().find(|key| {
            let was = known[&key.kid];
            key.k != was.k || key.nbf != was.nbf || key.exp > was.exp
        });
        if let Some(key) = changed {
            return Some(format!("{version} changes {}", key.kid));
        }
        let ended = kept.iter().find(|key| key.exp.saturating_mul(1000) <= after.created);
        ended.map(|key| format!("{version} keeps {}, which has ended", key.kid))
    })
}

/// A key that is removed from a set is not in any later set, and no id belongs to two keys.
fn comebacks(history: &[Promoted]) -> Option<String> {
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    let mut secrets: BTreeMap<&str, &str> = BTreeMap::new();
    for (at, set) in history.iter().enumerate() {
        if set.by_person {
            gone.retain(|k| set.keys.iter().all(|key| key.k != *k));
        }
        for key in &set.keys {
            if gone.contains(key.k.as_str()) {
                return Some(format!("{} is back in {}", key.kid, set.version));
            }
            if *secrets.entry(&key.kid).or_insert(&key.k) != key.k {
                return Some(format!("{} is another key in {}", key.kid, set.version));
            }
        }
        let next = history.get(at + 1).map_or(&set.keys, |next| &next.keys);
        gone.extend(set.keys.iter().map(|key| key.k.as_str()).filter(|k| next.iter().all(|key| key.k != *k)));
    }
    None
}

impl Jwk {
    /// The keys of a document; none if it is not a key set.
    pub(crate) fn all(document: &str) -> Vec<Self> {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let end = |exp| if i64::try_from(NEVER_EXPIRES.get()) == Ok(exp) { NEVER } else { exp };
        let key = |key: &Value| {
            let text = |name: &str| Some(key[name].as_str()?.to_owned());
            Some(Self { kid: text("kid")?, k: text("k")?, nbf: key["nbf"].as_i64()?, exp: end(key["exp"].as_i64()?) })
        };
        document["keys"].as_array().into_iter().flatten().filter_map(key).collect()
    }
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap()
}

/// A moment as it is counted here.
pub(crate) fn moment(time: SystemTime) -> i64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: RotationTimings = RotationTimings::DEFAULT;
    const NOW: i64 = 1_000_000;
    const END: i64 = NEVER;

    fn set(at: i64, version: &str, planned_from: Option<&str>, keys: &[(&str, i64, i64)]) -> Promoted {
        let key = |&(kid, nbf, exp): &(&str, i64, i64)| Jwk { kid: kid.to_owned(), k: format!("k-{kid}"), nbf, exp };
        Promoted {
            at: at * 1000,
            version: version.to_owned(),
            planned_from: planned_from.map(str::to_owned),
            emergency: false,
            by_person: false,
            created: at * 1000,
            keys: keys.iter().map(key).collect(),
        }
    }

    /// A rotation of one key at `NOW`.
    fn rotated(nbf: i64, exp: i64) -> Vec<Promoted> {
        vec![set(NOW - 9000, "1", None, &[("a", 0, END)]), set(NOW, "2", Some("1"), &[("a", 0, exp), ("b", nbf, END)])]
    }

    /// The lead: 60 + 60 + 5 + 1800 s and nothing to spare, and the grace from the lag of the slowest edge on.
    #[test]
    fn a_second_too_little_is_found() {
        let check = |nbf: i64, exp: i64| broken(&rotated(NOW + nbf, NOW + exp), &NUMBERS).unwrap_or_default();
        assert_eq!(check(1926, 4151), "");
        assert!(
            check(1925, 4151).starts_with("b is not known: signed by 2 and verified by 1"),
            "{}",
            check(1925, 4151)
        );
        // An edge signs by the old set until 300 + 60 + 1800 s after, 5 s early or late, for 60 + 5 s.
        assert_eq!(check(1926, 2230), "");
        assert!(check(1926, 2229).starts_with("a is no longer accepted: signed by 1"), "{}", check(1926, 2229));
    }

    #[test]
    fn a_millisecond_too_late_is_found() {
        let mut history = rotated(NOW + 1925, NOW + 9000);
        history[1].at -= 1;
        assert_eq!(broken(&history, &NUMBERS), None);
        history[1].at += 1;
        assert!(broken(&history, &NUMBERS).is_some());
    }

    #[test]
    fn what_an_emergency_may_not_keep_is_found() {
        let emergency = |keys: &[(&str, i64, i64)]| {
            let mut history = rotated(NOW + 3601, NOW + 7201);
            history.push(Promoted { emergency: true, ..set(NOW + 10, "3", Some("2"), keys) });
            history
        };
        let new = ("c", NOW + 5, END);
        assert_eq!(broken(&emergency(&[new]), &NUMBERS), None, "nothing is claimed across it");
        for wrong in [&[new, ("b", NOW + 3601, END)][..], &[("c", NOW + 11, END)]] {
            let why = broken(&emergency(wrong), &NUMBERS).unwrap();
            assert!(why.starts_with("3 is no emergency's") || why.starts_with("an edge with 3 has no key"), "{why}");
        }
        let mut history = emergency(&[new]);
        history.push(set(NOW + 20, "4", Some("3"), &[new, ("b", NOW + 4000, END)]));
        assert_eq!(broken(&history, &NUMBERS).unwrap(), "b is back in 4");
        history[3].keys[1].k = "other".to_owned();
        assert_eq!(broken(&history, &NUMBERS).unwrap(), "b is another key in 4");
    }

    /// A person may go back; that what they left comes back then is found.
    #[test]
    fn what_a_person_has_put_aside_and_is_back_is_found() {
        let mut history = rotated(NOW + 3601, NOW + 7201);
        history.push(Promoted { by_person: true, ..set(NOW + 10, "1", None, &[("a", 0, END)]) });
        assert_eq!(broken(&history, &NUMBERS), None);
        let mut honest = history.clone();
        honest.push(set(NOW + 20, "3", Some("1"), &[("a", 0, NOW + 7221), ("c", NOW + 3621, END)]));
        assert_eq!(broken(&honest, &NUMBERS), None);
        history.push(set(NOW + 20, "2", Some("1"), &[("a", 0, NOW + 7201), ("b", NOW + 3601, END)]));
        assert_eq!(broken(&history, &NUMBERS).unwrap(), "b is back in 2");
    }

    #[test]
    fn a_set_that_does_not_follow_from_the_one_before_is_found() {
        let second = |planned_from: &str, keys: &[(&str, i64, i64)]| {
            let history = [set(NOW - 9000, "1", None, &[("a", 0, END)]), set(NOW, "2", Some(planned_from), keys)];
            broken(&history, &NUMBERS).unwrap()
        };
        let new = ("b", NOW + 3601, END);
        assert_eq!(second("0", &[("a", 0, END), new]), "2 took the place of 1, and was planned from Some(\"0\")");
        assert_eq!(second("1", &[("a", 0, END)]), "2 has 0 new keys");
        assert_eq!(second("1", &[("a", 1, END), new]), "2 changes a");
        let ended = [set(NOW - 9000, "1", None, &[("a", 0, END), ("old", 0, NOW - 9999)])];
        let kept = set(NOW, "2", Some("1"), &[("old", 0, NOW - 9999), ("a", 0, END), new]);
        assert_eq!(broken(&[&ended[..], &[kept]].concat(), &NUMBERS).unwrap(), "2 keeps old, which has ended");
    }
}
