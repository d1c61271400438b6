//! The plan of a rotation: the keys of the new set and their times, so that no valid request is refused.

use crate::{JwkError, Key, KeyId, KeySet, KeySetError, RotationSchedule, RotationTimings, UnixSeconds, time::Rfc3339};
use alloc::vec::Vec;
use core::{fmt, time::Duration};

/// 9999-12-31T23:59:59Z: a new key does not expire until the next rotation sets its `exp`.
pub const NEVER_EXPIRES: UnixSeconds = UnixSeconds::new(253_402_300_799);

/// Why keys are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationKind {
    /// On schedule. No valid request is refused.
    Planned,
    /// A key may have leaked: every old key is dropped.
    Emergency,
}

impl RotationKind {
    /// Its name in the secret, events, reports and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Emergency => "emergency",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Planned, Self::Emergency].into_iter().find(|kind| kind.name() == name)
    }
}

/// A new set of keys, and the version of the set that it was planned from.
///
/// It may replace only that version: the caller must compare and swap.
#[derive(Debug)]
pub struct RotationPlan<V> {
    /// The version that the set was planned from.
    pub planned_from: V,
    /// The keys that replace it.
    pub keys: KeySet,
    /// The kind of rotation.
    pub rotation: RotationKind,
    /// The new key, one of `keys`.
    pub new_key: KeyId,
    latest_promotion: UnixSeconds,
}

/// Why a rotation cannot be planned, or its plan cannot be promoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationPlanError {
    /// The new set would not be a key set.
    #[error("the new key set would not be valid: {0}")]
    KeySet(KeySetError),
    /// The new set would have too many keys. A rotation does not drop a key to make room for another.
    #[error(
        "the new key set would have {keys} keys, and may have at most {max}: {ends}",
        max = KeySet::MAX_KEYS,
        ends = FirstEnd { end: first, now: *now }
    )]
    TooMany {
        /// The number of keys.
        keys: usize,
        /// The key that expires first, and its time; `None` if all keys never expire.
        first: Option<(KeyId, UnixSeconds)>,
        /// The present time.
        now: UnixSeconds,
    },
    /// No key may sign now, so requests are already refused, and a lead would not help.
    #[error(
        "no key may sign now, so requests are already refused: rotate as an emergency, which makes a key that may sign \
        at once"
    )]
    NoSigningKey,
    /// An old key expires too soon: until the next key signs everywhere, requests could not be signed, or would be
    /// refused.
    #[error(
        "key {key} expires at {ends}, and must be accepted until {needed}: use a shorter lead and grace, or rotate as an \
        emergency, which refuses requests until the edges have the new key",
        ends = Rfc3339(*ends),
        needed = Rfc3339(*needed)
    )]
    EndsTooSoon {
        /// The old key.
        key: KeyId,
        /// Its `exp`.
        ends: UnixSeconds,
        /// The time until which signatures with it may arrive.
        needed: UnixSeconds,
    },
    /// The set is not a plan of this rotation.
    #[error("the pending set is not a plan of this rotation: {0}")]
    NoPlan(&'static str),
    /// The plan is too old to be promoted: verifiers would not have it in time.
    #[error(
        "the plan is too old: its last moment for promotion was {}, and it is {}: make a new plan",
        Rfc3339(*latest),
        Rfc3339(*now)
    )]
    TooLate {
        /// The last moment for its promotion.
        latest: UnixSeconds,
        /// The present time.
        now: UnixSeconds,
    },
}

/// The time at which there is room for another key, and what to do then.
struct FirstEnd<'a> {
    end: &'a Option<(KeyId, UnixSeconds)>,
    now: UnixSeconds,
}

impl fmt::Display for FirstEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some((key, end)) => {
                // Rounded up to the next minute.
                let minutes = end.since(self.now).as_secs().div_ceil(60);
                let (moment, hours, minutes) = (Rfc3339(*end), minutes / 60, minutes % 60);
                write!(f, "key {key} expires first, at {moment} (in {hours} h {minutes} min). Rotate again then")
            }
            None => f.write_str(
                "no key expires. Remove a key from the set, or rotate as an emergency, which drops all old keys",
            ),
        }
    }
}

/// Its text is a part of this error's text, so it is not the source.
impl From<KeySetError> for RotationPlanError {
    fn from(error: KeySetError) -> Self {
        Self::KeySet(error)
    }
}

impl<V> RotationPlan<V> {
    /// Plans a rotation of `current`, the keys of the version `planned_from`. The plan is promoted at `now` or soon
    /// after.
    ///
    /// `new_id` and `new_secret` are for the new key; the caller must pass random bytes.
    ///
    /// # Errors
    /// If there would be more than eight keys (no key is dropped to make room), or a moment at which a valid request is
    /// refused.
    pub fn new(
        current: &KeySet,
        planned_from: V,
        (new_id, new_secret): (KeyId, &[u8]),
        rotation: RotationKind,
        schedule: &RotationSchedule,
        now: UnixSeconds,
    ) -> Result<Self, RotationPlanError> {
        let timings = schedule.timings();
        let new_key = |not_before| {
            let key = Key::new(new_id.clone(), new_secret, not_before, NEVER_EXPIRES);
            key.map_err(|error| KeySetError::Key { index: 0, error: JwkError::Length(error) })
        };
        let keys = match rotation {
            RotationKind::Emergency => {
                // By every clock the key may be used at once.
                let not_before = UnixSeconds::new(now.get().saturating_sub(timings.skew.as_secs()));
                Vec::from([new_key(not_before)?])
            }
            RotationKind::Planned => {
                let kept: Vec<_> = current.keys().iter().filter(|key| now < key.expires()).collect();
                // `now` is cut to whole seconds, so the promotion may be almost one second later. And a key that was
                // planned before this one signs before it, also with another lead: only the last key never expires.
                let led_in = now + Duration::from_secs(1) + timings.lead;
                let latest = kept.iter().map(|key| key.not_before() + Duration::from_secs(1)).max();
                let not_before = latest.map_or(led_in, |latest| latest.max(led_in));
                let end = not_before + timings.grace;
                let mut keys: Vec<_> = kept.iter().map(|key| key.ending(end.min(key.expires()))).collect();
                keys.push(new_key(not_before)?);
                if keys.len() > KeySet::MAX_KEYS {
                    let ending = kept.iter().filter(|key| key.expires() < NEVER_EXPIRES);
                    let first = ending.min_by_key(|key| key.expires()).map(|key| (key.id().clone(), key.expires()));
                    return Err(RotationPlanError::TooMany { keys: keys.len(), first, now });
                }
                keys
            }
        };
        let keys = KeySet::new(keys)?;
        if rotation == RotationKind::Planned {
            without_gap(&keys, timings, now)?;
        }
        Ok(Self::of(planned_from, keys, rotation, new_id, timings))
    }

    /// Takes up a plan that was made before, for example by a process that was interrupted: `keys` is to replace
    /// `current`. [`RotationPlan::check_promotion`] says whether it still may.
    ///
    /// # Errors
    /// If `keys` is not a plan of this rotation of `current`, or if a valid request would be refused under this
    /// schedule.
    pub fn resume(
        current: &KeySet,
        planned_from: V,
        keys: KeySet,
        rotation: RotationKind,
        schedule: &RotationSchedule,
        now: UnixSeconds,
    ) -> Result<Self, RotationPlanError> {
        let timings = schedule.timings();
        let mut new_keys = keys.keys().iter().filter(|key| current.get(key.id()).is_none());
        let (Some(new_key), None) = (new_keys.next(), new_keys.next()) else {
            return Err(RotationPlanError::NoPlan("it does not have exactly one new key"));
        };
        if current.keys().iter().any(|old| new_key.has_secret_of(old)) {
            return Err(RotationPlanError::NoPlan("its new key is an old key with another id"));
        }
        let others = || keys.keys().iter().filter(|key| key.id() != new_key.id());
        match rotation {
            RotationKind::Emergency if others().next().is_some() => {
                return Err(RotationPlanError::NoPlan("it keeps a key that must be dropped"));
            }
            RotationKind::Emergency => {
                if now < new_key.not_before() || new_key.expires() != NEVER_EXPIRES {
                    return Err(RotationPlanError::NoPlan("its new key may not sign at once, or it expires"));
                }
            }
            RotationKind::Planned => {
                if others().any(|other| other.not_before() >= new_key.not_before())
                    || new_key.expires() != NEVER_EXPIRES
                {
                    return Err(RotationPlanError::NoPlan("its new key is not the last to sign, or it expires"));
                }
                for old in current.keys() {
                    let Some(kept) = keys.get(old.id()) else {
                        if now < old.expires() {
                            return Err(RotationPlanError::NoPlan("it drops a key that is still accepted"));
                        }
                        continue;
                    };
                    let longer = kept.expires() > old.expires();
                    if longer || kept.not_before() != old.not_before() || !kept.has_secret_of(old) {
                        return Err(RotationPlanError::NoPlan("it changes a key that is kept"));
                    }
                }
                without_gap(&keys, timings, now)?;
            }
        }
        let new_key = new_key.id().clone();
        Ok(Self::of(planned_from, keys, rotation, new_key, timings))
    }

    /// A planned key must reach every verifier before it signs, and moments are cut to whole seconds. An emergency does
    /// not wait; but an emergency that was interrupted long ago must not be carried out by surprise.
    fn of(planned_from: V, keys: KeySet, rotation: RotationKind, new_key: KeyId, timings: &RotationTimings) -> Self {
        let latest_promotion = match (rotation, keys.get(&new_key)) {
            (RotationKind::Planned, Some(key)) => {
                let least = timings.least_lead().saturating_add(Duration::from_secs(1)).as_secs();
                UnixSeconds::new(key.not_before().get().saturating_sub(least))
            }
            (RotationKind::Emergency, Some(key)) => key.not_before() + timings.skew + timings.lead,
            (_, None) => UnixSeconds::new(0),
        };
        Self { planned_from, keys, rotation, new_key, latest_promotion }
    }

    /// Checks that verifiers will have the new key in time if the plan is promoted at `now`. Returns how much later it
    /// may be.
    ///
    /// # Errors
    /// If it is too late: then make a new plan.
    pub fn check_promotion(&self, now: UnixSeconds) -> Result<Duration, RotationPlanError> {
        match self.latest_promotion.get().checked_sub(now.get()) {
            Some(left) => Ok(Duration::from_secs(left)),
            None => Err(RotationPlanError::TooLate { latest: self.latest_promotion, now }),
        }
    }
}

/// Every key that may sign from now on must be accepted until the last signature with it has expired. A signer that has
/// not yet read the next key makes that signature.
fn without_gap(keys: &KeySet, timings: &RotationTimings, now: UnixSeconds) -> Result<(), RotationPlanError> {
    let mut key = keys.signing_key(now).ok_or(RotationPlanError::NoSigningKey)?;
    loop {
        let later = keys.keys().iter().filter(|other| other.not_before() > key.not_before());
        let Some(next) = later.min_by_key(|other| (other.not_before(), core::cmp::Reverse(other.id()))) else {
            return Ok(());
        };
        let needed = next.not_before() + timings.least_grace();
        if key.expires() < needed {
            return Err(RotationPlanError::EndsTooSoon { key: key.id().clone(), ends: key.expires(), needed });
        }
        key = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{borrow::ToOwned as _, format, string::String, string::ToString};

    const NOW: UnixSeconds = UnixSeconds::new(1_000_000);

    fn schedule() -> RotationSchedule {
        RotationTimings::DEFAULT.try_into().unwrap()
    }

    fn set(keys: &[(&str, u64, u64)]) -> KeySet {
        let key = |&(id, not_before, expires): &(&str, u64, u64)| {
            // One secret for each id.
            let secret = [id.as_bytes()[0]; 32];
            Key::new(id.try_into().unwrap(), &secret, UnixSeconds::new(not_before), UnixSeconds::new(expires)).unwrap()
        };
        KeySet::new(keys.iter().map(key).collect()).unwrap()
    }

    fn make(current: &KeySet, rotation: RotationKind) -> Result<RotationPlan<u8>, RotationPlanError> {
        RotationPlan::new(current, 7, ("new".try_into().unwrap(), &[2; 32]), rotation, &schedule(), NOW)
    }

    /// The planned keys: id, `nbf` and `exp` of each, relative to now.
    fn planned(current: &[(&str, u64, u64)], rotation: RotationKind) -> Result<Vec<(String, i64, i64)>, String> {
        let plan = make(&set(current), rotation).map_err(|refusal| refusal.to_string())?;
        assert_eq!((plan.planned_from, plan.new_key.as_str()), (7, "new"));
        let relative = |moment: UnixSeconds| i64::try_from(moment.get()).unwrap() - i64::try_from(NOW.get()).unwrap();
        let row = |key: &Key| (key.id().to_string(), relative(key.not_before()), relative(key.expires()));
        Ok(plan.keys.keys().iter().map(row).collect())
    }

    const NO_END_RELATIVE: i64 = 253_402_300_799 - 1_000_000;

    #[test]
    fn a_planned_rotation_adds_a_key_and_sets_the_end_of_the_old_keys() {
        let row = |id: &str, not_before, expires| (id.to_owned(), not_before, expires);
        assert_eq!(
            planned(&[("old", 0, NEVER_EXPIRES.get()), ("ended", 0, NOW.get())], RotationKind::Planned),
            Ok(Vec::from([row("old", -1_000_000, 7201), row("new", 3601, NO_END_RELATIVE)]))
        );
        // One more rotation before the first has taken effect: each key expires in its own time.
        let during = [("a", 0, NOW.get() + 7000), ("b", NOW.get() + 3400, NEVER_EXPIRES.get())];
        assert_eq!(
            planned(&during, RotationKind::Planned),
            Ok(Vec::from([row("a", -1_000_000, 7000), row("b", 3400, 7201), row("new", 3601, NO_END_RELATIVE)]))
        );
    }

    /// With all timings and clocks, a key that is planned later signs later, and never expires.
    #[test]
    fn the_last_key_to_be_planned_is_the_last_to_sign() {
        for pending in [3500, 3601, 3605, 9000] {
            for id in ["a", "zzz"] {
                let keys = planned(
                    &[("old", 0, NEVER_EXPIRES.get()), (id, NOW.get() + pending, NEVER_EXPIRES.get())],
                    RotationKind::Planned,
                );
                let begins = i64::try_from(pending + 1).unwrap().max(3601);
                let expected = [
                    ("old".to_owned(), -1_000_000, begins + 3600),
                    (id.to_owned(), i64::try_from(pending).unwrap(), begins + 3600),
                    ("new".to_owned(), begins, NO_END_RELATIVE),
                ];
                assert_eq!(keys, Ok(Vec::from(expected)));
            }
        }
    }

    #[test]
    fn an_emergency_drops_every_key() {
        let row = ("new".to_owned(), -5, NO_END_RELATIVE);
        for current in
            [[("a", 0, NEVER_EXPIRES.get()), ("b", NOW.get() + 10, NEVER_EXPIRES.get())], [("a", 0, 1), ("b", 0, 2)]]
        {
            assert_eq!(planned(&current, RotationKind::Emergency), Ok(Vec::from([row.clone()])));
        }
    }

    #[test]
    fn a_rotation_that_would_refuse_valid_requests_is_refused() {
        let refused = |current: &[(&str, u64, u64)]| planned(current, RotationKind::Planned).unwrap_err();
        let full: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|id| (id, 0, NEVER_EXPIRES.get())).into();
        assert_eq!(
            refused(&full),
            "the new key set would have 9 keys, and may have at most 8: no key expires. Remove a key from the set, or rotate \
            as an emergency, which drops all old keys"
        );
        let mut full = full;
        full[3].2 = NOW.get() + 9000;
        full[5].2 = NOW.get() + 7141;
        assert_eq!(
            refused(&full),
            "the new key set would have 9 keys, and may have at most 8: key f expires first, at 1970-01-12T15:45:41Z \
            (in 2 h 0 min). Rotate again then"
        );
        // At that time there is room.
        full[5].2 = NOW.get();
        assert!(planned(&full, RotationKind::Planned).is_ok());
        assert_eq!(
            refused(&[("new", 0, NEVER_EXPIRES.get())]),
            "the new key set would not be valid: the kid new \
        appears twice in the key set"
        );
        assert!(refused(&[("a", 0, 1)]).starts_with("no key may sign now"));
        assert!(refused(&[("a", NOW.get() + 1, NEVER_EXPIRES.get())]).starts_with("no key may sign now"));
        // It is needed until 1 + 3600 + 300 + 60 + 60 + 5 + 1800 s from now.
        assert!(planned(&[("a", 0, NOW.get() + 5826)], RotationKind::Planned).is_ok());
        assert!(
            refused(&[("a", 0, NOW.get() + 5825)])
                .starts_with("key a expires at 1970-01-12T15:23:45Z, and must be accepted until 1970-01-12T15:23:46Z")
        );
        let gap = [("a", 0, NOW.get() + 100), ("b", NOW.get() + 50, NEVER_EXPIRES.get())];
        assert!(
            refused(&gap)
                .starts_with("key a expires at 1970-01-12T13:48:20Z, and must be accepted until 1970-01-12T14:24:35Z")
        );
        // A key that another key has replaced long ago may expire at any time.
        assert!(planned(&[("a", 0, NOW.get() + 1), ("b", 10, NEVER_EXPIRES.get())], RotationKind::Planned).is_ok());
        // And so may a key that begins together with another key that signers prefer.
        let together = |b, c| {
            let begin = NOW.get() + 10;
            planned(&[("a", 0, NEVER_EXPIRES.get()), ("b", begin, b), ("c", begin, c)], RotationKind::Planned)
        };
        assert!(together(NOW.get() + 20, NEVER_EXPIRES.get()).is_ok());
        assert!(together(NEVER_EXPIRES.get(), NOW.get() + 20).is_err());
    }

    #[test]
    fn a_plan_that_is_too_old_is_not_promoted() {
        let current = set(&[("a", 0, NEVER_EXPIRES.get())]);
        let plan = make(&current, RotationKind::Planned).unwrap();
        let slack = Duration::from_secs(3600 - 1925);
        assert_eq!(plan.check_promotion(NOW), Ok(slack));
        assert_eq!(plan.check_promotion(NOW + slack), Ok(Duration::ZERO));
        let late = NOW + slack + Duration::from_secs(1);
        assert_eq!(plan.check_promotion(late), Err(RotationPlanError::TooLate { latest: NOW + slack, now: late }));
        let emergency = make(&current, RotationKind::Emergency).unwrap();
        assert_eq!(emergency.check_promotion(NOW), Ok(Duration::from_secs(3600)));
        assert!(emergency.check_promotion(NOW + Duration::from_secs(3601)).is_err());
    }

    #[test]
    fn a_set_is_taken_up_only_if_it_is_a_plan() {
        const END: u64 = NEVER_EXPIRES.get();
        let now = NOW.get();
        let resume = |current: &[(&str, u64, u64)], keys: KeySet, rotation| {
            RotationPlan::resume(&set(current), 7, keys, rotation, &schedule(), NOW)
                .map_err(|refusal| refusal.to_string())
        };
        let current = [("old", 0, END), ("ended", 0, now)];
        for rotation in [RotationKind::Planned, RotationKind::Emergency] {
            let made = make(&set(&current), rotation).unwrap();
            let latest = made.latest_promotion;
            let resumed = resume(&current, made.keys, rotation).unwrap();
            assert_eq!((resumed.planned_from, resumed.new_key.as_str(), resumed.latest_promotion), (7, "new", latest));
        }
        let begins = now + 3601;
        let ends = begins + 3600;
        let good = [("old", 0, ends), ("new", begins, END)];
        assert!(resume(&current, set(&good), RotationKind::Planned).is_ok());
        type Row<'a> = (&'a str, u64, u64);
        let table: [(&[Row<'_>], RotationKind, &str); 10] = [
            (&[("old", 0, END)], RotationKind::Planned, "it does not have exactly one new key"),
            (
                &[("old", 0, ends), ("a", begins, END), ("b", begins, END)],
                RotationKind::Planned,
                "it does not have exactly one new key",
            ),
            (&good, RotationKind::Emergency, "it keeps a key that must be dropped"),
            (&[("new", begins, END)], RotationKind::Planned, "it drops a key that is still accepted"),
            (&[("old", 1, ends), ("new", begins, END)], RotationKind::Planned, "it changes a key that is kept"),
            (
                &[("old", 0, ends), ("new", 0, END)],
                RotationKind::Planned,
                "its new key is not the last to sign, or it \
            expires",
            ),
            (
                &[("old", 0, ends), ("new", begins, END - 1)],
                RotationKind::Planned,
                "its new key is not the last to sign, or it expires",
            ),
            (
                &[("old", 0, begins), ("new", begins, END)],
                RotationKind::Planned,
                "key old expires at 1970-01-12T14:46:41Z",
            ),
            (&[("old", 0, now), ("new", begins, END)], RotationKind::Planned, "no key may sign now"),
            (
                &[("ended", 0, END), ("old", 0, ends), ("new", begins, END)],
                RotationKind::Planned,
                "it changes a key that is kept",
            ),
        ];
        for (keys, rotation, expected) in table {
            let error = resume(&current, set(keys), rotation).unwrap_err();
            assert!(error.contains(expected), "{keys:?}: {error}");
        }
        let longer =
            resume(&[("old", 0, ends)], set(&[("old", 0, ends + 1), ("new", begins, END)]), RotationKind::Planned);
        assert!(longer.unwrap_err().contains("it changes a key that is kept"));
        let other = Key::new("old".try_into().unwrap(), &[3; 32], UnixSeconds::new(0), UnixSeconds::new(ends)).unwrap();
        let new = Key::new("new".try_into().unwrap(), &[1; 32], UnixSeconds::new(begins), NEVER_EXPIRES).unwrap();
        let exchanged = resume(&current, KeySet::new(Vec::from([other, new])).unwrap(), RotationKind::Planned);
        assert!(exchanged.unwrap_err().contains("it changes a key that is kept"));
        let key = |id: &str, secret: u8, not_before, expires: UnixSeconds| {
            Key::new(id.try_into().unwrap(), &[secret; 32], UnixSeconds::new(not_before), expires).unwrap()
        };
        let emergency = |new: Key| resume(&current, KeySet::new(Vec::from([new])).unwrap(), RotationKind::Emergency);
        assert!(emergency(key("new", 2, now, NEVER_EXPIRES)).is_ok());
        for (new, expected) in [
            (key("new", 2, now + 1, NEVER_EXPIRES), "its new key may not sign at once, or it expires"),
            (key("new", 2, now - 5, UnixSeconds::new(now + 9)), "its new key may not sign at once, or it expires"),
            (key("new", b'o', now - 5, NEVER_EXPIRES), "its new key is an old key with another id"),
        ] {
            assert!(emergency(new).unwrap_err().contains(expected));
        }
    }

    #[test]
    fn a_plan_shows_no_secret() {
        let plan = make(&set(&[("a", 0, NEVER_EXPIRES.get())]), RotationKind::Planned).unwrap();
        assert!(!format!("{plan:?}").contains("97, 97, 97") && !format!("{plan:?}").contains("2, 2, 2"));
    }
}
