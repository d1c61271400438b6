//! The rotator: it makes real plans, and promotes them under the rules of the real one.

use crate::{
    moment::{Moment, Skew},
    random::Random,
    secrets_manager::Version,
};
use key_store::unix_seconds;
use signing::{
    Key, KeyId, KeySet, NEVER_EXPIRES, RotationKind, RotationPlan, RotationSchedule, RotationTimings, UnixSeconds,
};
use std::time::Duration;

/// From the plan to the promotion: the set is put, read back and rehearsed.
pub(crate) const REHEARSAL: Duration = Duration::from_secs(3);

/// One rotator of one secret.
#[derive(Debug)]
pub(crate) struct Rotator {
    schedule: RotationSchedule,
    skew: Skew,
    random: Random,
    made: usize,
    planned_rotations: usize,
    pending: Option<RotationPlan<usize>>,
}

impl Rotator {
    pub(crate) fn new(timings: RotationTimings, skew: Skew, random: Random) -> Self {
        let schedule = RotationSchedule::try_from(timings).expect("a scenario has timings that a rotator accepts");
        Self { schedule, skew, random, made: 0, planned_rotations: 0, pending: None }
    }

    /// The first set: one key.
    pub(crate) fn first_keys(&mut self) -> KeySet {
        let (id, secret) = self.new_key();
        let key = Key::new(id, &secret, UnixSeconds::new(0), NEVER_EXPIRES).expect("32 bytes are enough");
        KeySet::new(vec![key]).expect("one key is a set")
    }

    fn new_key(&mut self) -> (KeyId, [u8; 32]) {
        self.made += 1;
        let id = KeyId::try_from(format!("k{}", self.made).as_str()).expect("letters and digits are an id");
        (id, self.random.secret())
    }

    /// Plans a rotation. Returns whether there is a plan.
    pub(crate) fn plan(&mut self, current: &Version, kind: RotationKind, now: Moment) -> bool {
        let (id, secret) = self.new_key();
        let now = unix_seconds(now.by_clock(self.skew));
        self.pending = RotationPlan::new(&current.keys, current.number, (id, &secret), kind, &self.schedule, now).ok();
        self.pending.is_some()
    }

    /// Takes up the plan: the kind of rotation, and the set as every process reads it. If another version is current than that from
    /// which it was planned, or it is too late, there is only the kind.
    pub(crate) fn promote(&mut self, current: &Version, now: Moment) -> Result<(RotationKind, KeySet), RotationKind> {
        let plan = self.pending.take().expect("there is a promotion only after a plan");
        let now = unix_seconds(now.by_clock(self.skew));
        if plan.planned_from != current.number || plan.check_promotion(now).is_err() {
            return Err(plan.rotation);
        }
        self.planned_rotations += usize::from(plan.rotation == RotationKind::Planned);
        let stored = KeySet::from_json(&plan.keys.to_json()).expect("what is written can be read");
        Ok((plan.rotation, stored))
    }

    pub(crate) fn planned_rotations(&self) -> usize {
        self.planned_rotations
    }
}
