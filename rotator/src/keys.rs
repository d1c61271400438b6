//! The rotation of the signing keys: by one whole rotation, or in Secrets Manager's four steps.
//!
//! Whatever breaks off, the next call finds where things stand by reading them: the labels of the versions, the version that
//! a pending one was planned from, and the ids of the keys. Nothing rests on there being one rotator: a version takes the
//! place of the one that it was planned from, and of no other.

use crate::{
    RotateError, RotationId, Step,
    pending::{Document, VersionId, name},
    rehearsal::{RehearsalFailure, Rehearsed, rehearse},
    report::{KeysReport, Outcome, RegionReport},
    secret::{EMPTY, Pending, Put, Replica, SecretVersions, Snapshot, Version},
};
use key_store::{Secret, aws::SdkConfig};
use signing::{Key, KeyId, KeySet, Rotation, RotationPlan, RotationSchedule, UnixSeconds};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

/// How often a rotation begins again because another has changed something meanwhile.
const ROUNDS: u8 = 16;
/// How often a Region is asked whether it has the new version.
const READ_BACK_EVERY: Duration = Duration::from_secs(1);
/// How long it is waited for an answer of one, when the time for replication is over: all three tries of the SDK and the pauses
/// between them, which are at most three seconds, so that what is wrong is told and not only that there was no answer.
const READ_BACK: Duration = Duration::from_secs(5);

/// What a rotator cannot have of itself.
#[derive(Clone)]
pub struct Outside {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// The secret of a new key.
    pub new_secret: Arc<dyn Fn() -> Result<Zeroizing<[u8; 48]>, NoRandomness> + Send + Sync>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no randomness for a new key")]
pub struct NoRandomness;

impl Outside {
    /// The present second.
    pub(crate) fn seconds(&self) -> UnixSeconds {
        seconds((self.now)())
    }
}

fn seconds(time: SystemTime) -> UnixSeconds {
    UnixSeconds::new(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The key that was made last.
fn newest(keys: &KeySet) -> Option<&KeyId> {
    keys.keys().iter().max_by_key(|key| (key.not_before(), key.id())).map(Key::id)
}

/// Rotates the signing keys of one secret.
#[derive(Debug)]
pub struct KeyRotator {
    secret: SecretVersions,
    schedule: RotationSchedule,
    outside: Outside,
}

impl KeyRotator {
    /// A rotator of `secret`, under numbers that leave every function time to follow.
    pub fn new(secret: Secret, schedule: RotationSchedule, aws: SdkConfig, outside: Outside) -> Self {
        Self { secret: SecretVersions::new(secret, aws), schedule, outside }
    }

    /// Reads where things stand.
    ///
    /// # Errors
    /// Where AWS refuses or fails, or what is current is no key set.
    pub async fn snapshot(&self) -> Result<Snapshot, RotateError> {
        self.secret.snapshot().await
    }

    /// The plan of a rotation of what is current. Nothing is changed.
    ///
    /// # Errors
    /// Where there is none under which no good request is refused, or a replica is not in sync.
    pub fn plan(
        &self,
        snapshot: &Snapshot,
        new_key: &KeyId,
        rotation: Rotation,
    ) -> Result<RotationPlan<VersionId>, RotateError> {
        match (self.replicas_in_sync(&snapshot.replicas), rotation) {
            (Err(error), Rotation::Planned) => return Err(error),
            // A replica that lags is no reason to leave a key in force that others may know.
            (Err(error), Rotation::Compromised) => tracing::warn!(step = "replicas", detail = %error),
            (Ok(()), _) => {}
        }
        let base = snapshot.current.id.clone();
        let secret = (self.outside.new_secret)()?;
        let new = (new_key.clone(), &secret[..]);
        let plan =
            RotationPlan::new(&snapshot.current.keys, base, new, rotation, &self.schedule, self.outside.seconds())?;
        let signs_from = plan.keys.get(new_key).map(|key| key.not_before().get());
        tracing::info!(step = "plan", rotation_kind = name(rotation), base = plan.base, new_key = %new_key, signs_from);
        Ok(plan)
    }

    /// One whole rotation. Called again with the same id it finds what it did before, and goes on from there.
    ///
    /// # Errors
    /// What stopped it, and what to do. What is current is whole, whatever it was.
    pub async fn rotate(&self, id: &RotationId, rotation: Rotation) -> Result<KeysReport, RotateError> {
        let mut attempt = 1;
        for _ in 0..ROUNDS {
            let mut snapshot = self.read_settled(rotation).await?;
            if let Some(key) = id.key_in(&snapshot.current.keys).cloned() {
                return Ok(self.report(snapshot.current, &snapshot.replicas, &key, Outcome::Already).await);
            }
            let promoted = match snapshot.pending.take() {
                // Planned before this rotation broke off, or by another rotation: what is still good is finished. An emergency
                // drops what is not its own.
                Some(pending) if rotation == Rotation::Planned || id.attempt(&pending.id).is_some() => {
                    let pending_id = pending.id.clone();
                    match self.rehearse(&snapshot.current, pending) {
                        Ok(rehearsed) => self.promote(rehearsed).await?,
                        Err(failure) => {
                            self.take_off(&pending_id, &failure).await?;
                            // What is put under an id that has been used would be what it was.
                            attempt = id.attempt(&pending_id).map_or(attempt, |used| used.saturating_add(1));
                            None
                        }
                    }
                }
                // It has been here before: what it was about may be gone since.
                _ if rotation == Rotation::Compromised
                    && attempt > 1
                    && self.is_dropped(id, &snapshot.current).await? =>
                {
                    let newest = newest(&snapshot.current.keys).unwrap_or(id.key_id()).clone();
                    return Ok(self.report(snapshot.current, &snapshot.replicas, &newest, Outcome::Already).await);
                }
                _ => {
                    let token = id.token(attempt);
                    let plan = self.plan(&snapshot, &token, rotation)?;
                    match self.put(token.as_str(), &plan).await? {
                        Put::Done => self.promote(self.read_back(&snapshot.current, token.as_str()).await?).await?,
                        Put::Taken => {
                            // By this rotation before it broke off, or by another process that was given the same event.
                            attempt = attempt.saturating_add(1);
                            None
                        }
                    }
                }
            };
            if let Some(promoted) = promoted
                && let Some(key) = id.key_in(&promoted.keys).cloned()
            {
                return Ok(self.report(promoted, &snapshot.replicas, &key, Outcome::Rotated).await);
            }
        }
        Err(RotateError::Overtaken)
    }

    /// Whether the keys that an emergency was about have all been dropped since it first planned, by itself or by another: then
    /// it is over, however late it is asked for again.
    async fn is_dropped(&self, id: &RotationId, current: &Version) -> Result<bool, RotateError> {
        let Ok(Version { planned: Some((base, _)), .. }) = self.secret.content(id.key_id().as_str()).await? else {
            return Ok(false);
        };
        let about = self.secret.content(&base).await?;
        Ok(about.is_ok_and(|about| about.keys.keys().iter().all(|key| current.keys.get(key.id()).is_none())))
    }

    /// When a rotation made its key, which is the same for every retry: others may have rotated since. The version that it put has
    /// the id of its key.
    ///
    /// # Errors
    /// Where AWS refuses or fails.
    pub async fn made(&self, report: &KeysReport) -> Result<UnixSeconds, RotateError> {
        if report.version == report.new_key {
            return Ok(report.created.0);
        }
        // Secrets Manager forgets versions, though not soon.
        let made = self.secret.content(&report.new_key).await?;
        Ok(made.map_or(report.created.0, |version| version.created))
    }

    /// One step of Secrets Manager's rotation to the version `token`, which it has labelled AWSPENDING. The last one returns
    /// a report.
    ///
    /// # Errors
    /// What stopped it. A version that can no longer be promoted has lost its label then, so that the next rotation begins
    /// anew.
    pub async fn step(&self, step: Step, token: &KeyId) -> Result<Option<KeysReport>, RotateError> {
        let mut snapshot = self.read_settled(Rotation::Planned).await?;
        if snapshot.current.id == token.as_str() {
            return Ok(match step {
                Step::Create | Step::Set | Step::Test => None,
                Step::Finish => Some(self.report(snapshot.current, &snapshot.replicas, token, Outcome::Already).await),
            });
        }
        let pending = snapshot.pending.take().filter(|pending| pending.id == token.as_str());
        let pending = pending.ok_or(RotateError::NotPending)?;
        if step == Step::Create && pending.content.as_ref().is_err_and(|content| content == EMPTY) {
            let plan = self.plan(&snapshot, token, Rotation::Planned)?;
            return match self.put(token.as_str(), &plan).await? {
                Put::Done => Ok(None),
                Put::Taken => Err(RotateError::Overtaken),
            };
        }
        match (self.rehearse(&snapshot.current, pending), step) {
            (Ok(_), Step::Create | Step::Set | Step::Test) => Ok(None),
            (Ok(rehearsed), Step::Finish) => {
                let promoted = match self.promote(rehearsed).await? {
                    Some(promoted) => promoted,
                    // By this very call, perhaps: the SDK asks again where an answer is lost.
                    None => self.read().await?.current,
                };
                if promoted.id != token.as_str() {
                    return Err(RotateError::Overtaken);
                }
                Ok(Some(self.report(promoted, &snapshot.replicas, token, Outcome::Rotated).await))
            }
            (Err(failure), _) => {
                self.take_off(token.as_str(), &failure).await?;
                Err(RotateError::Dead(failure))
            }
        }
    }

    /// Reads where things stand; for a planned rotation, when replication that is under way is over, or had time to be.
    async fn read_settled(&self, rotation: Rotation) -> Result<Snapshot, RotateError> {
        let end = Instant::now() + self.schedule.numbers().replication;
        loop {
            let snapshot = self.read().await?;
            let in_progress = snapshot.replicas.iter().any(|replica| replica.in_progress);
            if !in_progress || rotation == Rotation::Compromised || Instant::now() >= end {
                return Ok(snapshot);
            }
            sleep(READ_BACK_EVERY).await;
        }
    }

    async fn read(&self) -> Result<Snapshot, RotateError> {
        let snapshot = self.secret.snapshot().await?;
        let pending = snapshot.pending.as_ref().map(|pending| pending.id.as_str());
        tracing::info!(step = "read", current = snapshot.current.id, pending);
        Ok(snapshot)
    }

    /// A planned rotation counts on every reader; where a copy is broken nobody can say what is read there.
    fn replicas_in_sync(&self, replicas: &[Replica]) -> Result<(), RotateError> {
        let missing = |region: &&String| {
            *region != self.secret.arn().region() && !replicas.iter().any(|replica| replica.region == **region)
        };
        if let Some(region) = self.secret.configured_replicas().iter().find(missing) {
            return Err(RotateError::NoReplica { region: region.clone() });
        }
        match replicas.iter().find(|replica| !replica.in_sync) {
            Some(Replica { region, status, .. }) => {
                Err(RotateError::NotInSync { region: region.clone(), status: status.clone() })
            }
            None => Ok(()),
        }
    }

    async fn put(&self, token: &str, plan: &RotationPlan<VersionId>) -> Result<Put, RotateError> {
        let put = self.secret.put_pending(token, &Document::write(plan)).await?;
        tracing::info!(step = "put", version = token, outcome = if put == Put::Done { "pending" } else { "taken" });
        Ok(put)
    }

    /// What has been put is rehearsed as it was stored.
    async fn read_back(&self, current: &Version, id: &str) -> Result<Rehearsed, RotateError> {
        let stored = self.secret.version(id).await?;
        Ok(self.rehearse(current, Pending { id: stored.id.clone(), content: Ok(stored) })?)
    }

    fn rehearse(&self, current: &Version, pending: Pending) -> Result<Rehearsed, RehearsalFailure> {
        let rehearsed = rehearse(current, pending, &self.schedule, self.outside.seconds())?;
        tracing::info!(step = "rehearse", version = rehearsed.id(), keys = rehearsed.plan().keys.keys().len());
        Ok(rehearsed)
    }

    async fn take_off(&self, id: &str, failure: &RehearsalFailure) -> Result<(), RotateError> {
        self.secret.take_off_pending(id).await?;
        tracing::warn!(step = "take-off", version = id, reason = %failure);
        Ok(())
    }

    /// Promotes; returns nothing where what it was planned from is no longer current.
    async fn promote(&self, rehearsed: Rehearsed) -> Result<Option<Version>, RotateError> {
        // Its tries end with the time in which it may be promoted: what hangs is read and planned anew, not promoted late.
        let now = (self.outside.now)();
        let left = rehearsed.plan().check_promotion(seconds(now)).map_err(RehearsalFailure::from)?;
        // To the end of the last second, of which a part has passed.
        let passed = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let left = left + Duration::from_secs(1) - Duration::from_nanos(u64::from(passed));
        let promotion = timeout(left, self.secret.promote(&rehearsed)).await;
        let promoted = promotion.map_err(|_| RotateError::TooSlow)??;
        let outcome = if promoted { "current" } else { "overtaken" };
        tracing::info!(step = "promote", version = rehearsed.id(), base = rehearsed.plan().base, outcome);
        Ok(promoted.then(|| rehearsed.into_version()))
    }

    /// What is in force, and whether each Region returns it.
    async fn report(&self, current: Version, replicas: &[Replica], new_key: &KeyId, outcome: Outcome) -> KeysReport {
        let regions = self.read_each_region(&current, replicas).await;
        KeysReport::new(current, new_key, outcome, regions, self.schedule.numbers(), self.outside.seconds())
    }

    /// Reads the secret in each Region until each returns what is current, or the time for replication is over.
    async fn read_each_region(&self, current: &Version, replicas: &[Replica]) -> Vec<RegionReport> {
        let base = current.planned.as_ref().map(|(base, _)| base.as_str());
        let places = self.secret.in_each_region(replicas);
        let end = Instant::now() + self.schedule.numbers().replication;
        loop {
            let mut regions: Vec<RegionReport> = Vec::new();
            for place in &places {
                // Where one hangs all the while, the others are heard still.
                let version = place.current(end.max(Instant::now() + READ_BACK)).await;
                let primary = match regions.first() {
                    Some(primary) => primary.version.clone(),
                    None => version.clone().ok().flatten(),
                };
                regions.push(RegionReport::new(&place.region, version, primary.as_deref(), base));
            }
            let in_step = regions.iter().all(|region| region.in_step);
            if in_step || Instant::now() >= end {
                tracing::info!(step = "read-back", regions = regions.len(), in_step);
                return regions;
            }
            sleep(READ_BACK_EVERY).await;
        }
    }
}
