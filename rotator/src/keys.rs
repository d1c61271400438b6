//! The rotation of the signing keys: in one call, or in Secrets Manager's four steps.
//!
//! If a call is interrupted, the next call reads the present state: the labels of the versions, the version that a
//! pending version was planned from, and the ids of the keys. There may be several rotators: a version replaces only
//! the version that it was planned from.

mod attempts;
pub(crate) mod dry_run;
mod first;
mod steps;

use crate::{
    error::RotateError,
    event::RotationId,
    platform::Platform,
    rehearsal::{RehearsalFailure, Rehearsed, rehearse},
    report::{Ended, KeysOutcome, KeysReport, RegionReport, Times, VersionOutcome, VersionReport},
    secret::{Put, SecretVersions},
    secret_value::{SecretValue, VersionId},
    version::{Pending, Replica, Snapshot, Version},
};
use attempts::Attempts;
use key_store::{SecretLocation, aws::SdkConfig, unix_seconds};
use signing::{Key, KeyId, KeySet, RotationKind, RotationPlan, RotationSchedule, UnixSeconds};
use std::{
    mem,
    time::{Duration, SystemTime},
};
use telemetry::{Detail, Event, Step};
use tokio::time::{Instant, sleep, timeout};

/// How often a rotation begins again because another rotation has changed something in the meantime.
const ROUNDS: u8 = 16;
/// The pause between two reads of a Region that does not have the new version yet.
const READ_BACK_EVERY: Duration = Duration::from_secs(1);
/// How long the rotator waits for the answer of a Region after the time for replication: for all three tries of the
/// SDK, with pauses of at most three seconds, so that the error says what is wrong and not only that there was no
/// answer.
const READ_BACK: Duration = Duration::from_secs(5);

/// The key that was made last.
fn newest(keys: &KeySet) -> Option<&KeyId> {
    keys.keys().iter().max_by_key(|key| (key.not_before(), key.id())).map(Key::id)
}

/// The next thing to do.
enum Next {
    /// Nothing.
    Over(Ended),
    /// To promote the pending version.
    Promote(Rehearsed),
    /// To remove AWSPENDING from a version that must not be promoted, with the kind that the version has.
    PutAside(VersionId, Option<RotationKind>, RehearsalFailure),
    /// To plan a new set and put it, under the token of this attempt.
    Make(u8),
}

/// Why a rotation stopped, and what it had done until then.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", told(versions))]
pub struct RotateFailure {
    /// Why.
    pub error: RotateError,
    /// Whether this rotation may have stored something, so that a call with the same id goes on from it.
    pub begun: bool,
    /// Every version that became current in this call, in order.
    pub versions: Vec<VersionReport>,
    /// Warnings, as in a report.
    pub warnings: Vec<String>,
}

/// The versions that became current before a call failed, for the end of its error message.
pub(crate) fn told(versions: &[VersionReport]) -> String {
    let each = crate::report::worst_first(versions).map(|version| {
        let VersionReport { version: id, kind, .. } = version;
        format!("; before that, version {id} ({kind}) became current, dropped keys: {}", version.dropped())
    });
    each.collect()
}

/// What a call has done.
#[derive(Default)]
struct Done {
    begun: bool,
    versions: Vec<VersionReport>,
    warnings: Vec<String>,
}

impl Done {
    /// Adds it to a report, or to an error.
    fn with(self, ended: Result<KeysReport, RotateError>) -> Result<KeysReport, Box<RotateFailure>> {
        let Self { begun, versions, warnings } = self;
        match ended {
            Ok(report) => Ok(KeysReport { versions, warnings, ..report }),
            Err(error) => Err(Box::new(RotateFailure { error, begun, versions, warnings })),
        }
    }
}

/// What is said of an emergency under an id that was first that of another kind: it has a version of its own, which it goes on
/// as, or as which it took place before.
fn under_which(
    id: &RotationId,
    rotation: RotationKind,
    attempts: &Attempts,
    token: &str,
    tense: &'static str,
) -> Option<String> {
    let other =
        attempts.first_other().filter(|_| rotation == RotationKind::Emergency && id.attempt(token).is_some())?;
    let (id, of, version) = (id.key_id(), other.told(), &other.token);
    Some(format!("the id {id} belongs to {of} (version {version}): the emergency {tense} as version {token}"))
}

const GOES_ON: &str = "goes on";
const TOOK_PLACE: &str = "took place";

/// The warning about a pending version that is not promoted. `rotation` is the kind that was requested.
fn put_aside(version: &str, kind: Option<RotationKind>, failure: &RehearsalFailure, rotation: RotationKind) -> String {
    let kept = match (kind, rotation) {
        (Some(RotationKind::Emergency), RotationKind::Planned) => {
            ". It is an emergency, and the keys that it should drop are still accepted: request it again with its id"
        }
        _ => "",
    };
    format!("version {version} is not promoted, and loses AWSPENDING: {failure}{kept}")
}

/// The warning about an emergency that goes on although a replica is missing or broken.
fn in_an_emergency(error: &RotateError) -> String {
    match error {
        RotateError::NoReplica { region } => format!(
            "{region} is listed in COUNTERSIGN_REGIONS or --regions, but has no replica of the secret: its functions read the \
            primary. The emergency goes on without it; add a replica, or remove the Region from the list"
        ),
        RotateError::NotInSync { region, status } => format!(
            "the replica in {region} is not in sync: {status}. The emergency goes on without it: functions that read there may \
            accept and use the dropped keys until it is in sync. Repair a failed replica with \
            `aws secretsmanager replicate-secret-to-regions`"
        ),
        other => other.to_string(),
    }
}

/// Rotates the signing keys of one secret.
#[derive(Debug)]
pub struct KeyRotator {
    secret: SecretVersions,
    schedule: RotationSchedule,
    platform: Platform,
}

impl KeyRotator {
    /// A rotator of `secret`, with timings that leave every function enough time to read new keys.
    pub fn new(secret: SecretLocation, schedule: RotationSchedule, aws: SdkConfig, platform: Platform) -> Self {
        Self { secret: SecretVersions::new(secret, aws), schedule, platform }
    }

    /// Reads the present state.
    ///
    /// # Errors
    /// If a call to AWS fails, or the current version is not a key set.
    pub async fn snapshot(&self) -> Result<Snapshot, RotateError> {
        self.secret.snapshot().await
    }

    /// Warns that a rotation goes on under another version than that of its id, if it does.
    fn goes_on(&self, done: &mut Done, what: Option<String>) {
        if let Some(what) = what {
            self.platform.warn(&mut done.warnings, "goes-on", what);
        }
    }

    /// The plan of a rotation of the current version. This call changes nothing.
    fn plan(
        &self,
        snapshot: &Snapshot,
        new_key: &KeyId,
        rotation: RotationKind,
        warnings: &mut Vec<String>,
    ) -> Result<RotationPlan<VersionId>, RotateError> {
        match (self.replicas_in_sync(&snapshot.replicas), rotation) {
            (Err(error), RotationKind::Planned) => return Err(error),
            // A key that may have leaked must be dropped even if a replica lags.
            (Err(error), RotationKind::Emergency) => self.platform.warn(warnings, "replicas", in_an_emergency(&error)),
            (Ok(()), _) => {}
        }
        let planned_from = snapshot.current.id.clone();
        let secret = (self.platform.new_secret)()?;
        let new = (new_key.clone(), &secret[..]);
        let plan = RotationPlan::new(
            &snapshot.current.keys,
            planned_from,
            new,
            rotation,
            &self.schedule,
            self.platform.seconds(),
        )?;
        self.platform.log_step(Step::Plan {
            kind: rotation.name(),
            planned_from: &plan.planned_from,
            new_key: new_key.as_str(),
            signs_from: plan.keys.get(new_key).map_or(0, |key| key.not_before().get()),
        });
        Ok(plan)
    }

    /// One whole rotation. A second call with the same id finds the work of the first, and goes on from there.
    ///
    /// The kind of an id is the kind of its versions. An emergency with the id of another kind goes on with the id's
    /// next token; a planned rotation with the id of an emergency changes nothing.
    ///
    /// # Errors
    /// What stopped the rotation, and what was done until then. The current version is always complete.
    pub async fn rotate(&self, id: &RotationId, rotation: RotationKind) -> Result<KeysReport, Box<RotateFailure>> {
        let mut done = Done::default();
        // On the heap: the SDK's calls are deep, and a compiler bounds how deep.
        let rotated = Box::pin(self.rotate_by(id, rotation, &mut done)).await;
        done.with(rotated)
    }

    async fn rotate_by(
        &self,
        id: &RotationId,
        rotation: RotationKind,
        done: &mut Done,
    ) -> Result<KeysReport, RotateError> {
        let mut taken = 0;
        for _ in 0..ROUNDS {
            let mut snapshot = self.read_settled(rotation).await?;
            self.tidy(&mut snapshot, done).await?;
            let attempts = Attempts::read(&self.secret, id, &snapshot, taken).await?;
            let over = rotation == RotationKind::Emergency && self.is_over(&attempts, &snapshot).await?;
            let promoted = match self.next(id, rotation, &mut snapshot, &attempts, over) {
                Next::Over(ended) => {
                    if ended.outcome == KeysOutcome::Superseded {
                        let what = self.superseded(id, &attempts, &mut snapshot).await?;
                        self.platform.warn(&mut done.warnings, "superseded", what);
                        return Ok(KeysReport::new(snapshot.current, ended, &self.times()));
                    }
                    let new_key = ended.new_key.as_str();
                    self.goes_on(done, under_which(id, rotation, &attempts, new_key, TOOK_PLACE));
                    return Ok(self.report(snapshot.current, &snapshot.replicas, ended).await);
                }
                Next::Promote(rehearsed) => {
                    let own = id.attempt(rehearsed.id()).is_some();
                    done.begun |= own;
                    self.goes_on(done, under_which(id, rotation, &attempts, rehearsed.id(), GOES_ON));
                    let of = if own { id.key_id().as_str() } else { rehearsed.id() }.to_owned();
                    self.promote(rehearsed, &snapshot.current, (&of, VersionOutcome::Resumed), done).await?
                }
                Next::PutAside(pending, kind, failure) => {
                    self.take_off(&pending, &failure).await?;
                    done.warnings.push(put_aside(&pending, kind, &failure, rotation));
                    taken = taken.max(id.attempt(&pending).unwrap_or_default());
                    None
                }
                Next::Make(number) => {
                    let token = id.token(number);
                    let plan = self.plan(&snapshot, &token, rotation, &mut done.warnings)?;
                    let put = self.put(token.as_str(), &plan).await;
                    done.begun |= matches!(put, Ok(Put::Done) | Err(RotateError::Unanswered(_)));
                    match put? {
                        Put::Done => {
                            self.goes_on(done, under_which(id, rotation, &attempts, token.as_str(), GOES_ON));
                            let rehearsed = self.read_back(&snapshot.current, token.as_str()).await?;
                            let of = (id.key_id().as_str(), VersionOutcome::Rotated);
                            self.promote(rehearsed, &snapshot.current, of, done).await?
                        }
                        Put::Taken => {
                            // By another process that was given the same event, since it was looked at.
                            taken = number;
                            None
                        }
                    }
                }
            };
            // The version that it puts has the id of its key.
            if let Some(promoted) = promoted
                && let Some(new_key) = id.attempt(&promoted.id).map(|number| id.token(number))
            {
                let kind = promoted.planned.as_ref().map(|(_, rotation)| *rotation);
                let ended = Ended { outcome: KeysOutcome::Rotated, kind, new_key };
                return Ok(self.report(promoted, &snapshot.replicas, ended).await);
            }
        }
        Err(RotateError::Overtaken)
    }

    /// The next thing to do in the present state. This call changes nothing.
    fn next(
        &self,
        id: &RotationId,
        rotation: RotationKind,
        snapshot: &mut Snapshot,
        attempts: &Attempts,
        over: bool,
    ) -> Next {
        let current = &snapshot.current;
        let ended = |outcome, kind, key: Option<&KeyId>| {
            let new_key = key.or_else(|| newest(&current.keys)).unwrap_or(id.key_id()).clone();
            Next::Over(Ended { outcome, kind, new_key })
        };
        let emergency = attempts.emergencies().next();
        let in_force = |token: &KeyId| current.keys.get(token).is_some();
        match rotation {
            RotationKind::Planned => {
                if emergency.is_some() {
                    let token = attempts.emergencies().map(|attempt| &attempt.token).find(|token| in_force(token));
                    return ended(KeysOutcome::Superseded, Some(RotationKind::Emergency), token);
                }
                if let Some(key) = id.key_in(&current.keys) {
                    return ended(KeysOutcome::Already, attempts.kind(key), Some(key));
                }
            }
            RotationKind::Emergency => {
                let token = attempts.emergencies().map(|attempt| &attempt.token).find(|token| in_force(token));
                if over || token.is_some() {
                    return ended(KeysOutcome::Already, Some(RotationKind::Emergency), token);
                }
            }
        }
        let own = |pending: &Pending| attempts.emergencies().any(|attempt| attempt.token.as_str() == pending.id);
        match snapshot.pending.take() {
            // Planned before this rotation broke off, or by another rotation: what is still good is finished. An emergency
            // drops what is not its own.
            Some(pending) if rotation == RotationKind::Planned || own(&pending) => {
                let (pending_id, kind) = (pending.id.clone(), pending.kind());
                match self.rehearse(&snapshot.current, pending) {
                    Ok(rehearsed) => Next::Promote(rehearsed),
                    Err(failure) => Next::PutAside(pending_id, kind, failure),
                }
            }
            _ => Next::Make(attempts.next()),
        }
    }

    /// Removes AWSPENDING from the current version, if a rotation was interrupted just after its promotion, and from a
    /// version that a person has put aside. Otherwise the label would affect later rotations.
    async fn tidy(&self, snapshot: &mut Snapshot, done: &mut Done) -> Result<(), RotateError> {
        if mem::take(&mut snapshot.pending_on_current) {
            self.secret.take_off_pending(&snapshot.current.id).await?;
            self.platform
                .log_step(Step::TakeOff { version: &snapshot.current.id, detail: Detail(&"the version is current") });
        }
        if let Some(pending) = snapshot.pending.take_if(|pending| pending.put_aside) {
            self.take_off(&pending.id, &RehearsalFailure::PutAside).await?;
            done.warnings.push(put_aside(&pending.id, None, &RehearsalFailure::PutAside, RotationKind::Planned));
        }
        Ok(())
    }

    /// Whether an emergency that was planned before, and is neither current nor pending, has ended: since then all keys
    /// that its versions should drop have been dropped, by it or by another rotation. It does not matter how late it is
    /// requested again.
    async fn is_over(&self, attempts: &Attempts, snapshot: &Snapshot) -> Result<bool, RotateError> {
        let is_pending = |token: &KeyId| snapshot.pending.as_ref().is_some_and(|pending| pending.id == token.as_str());
        let current = &snapshot.current;
        let open = |token: &KeyId| is_pending(token) || current.keys.get(token).is_some();
        if attempts.emergencies().any(|attempt| open(&attempt.token)) {
            return Ok(false);
        }
        let mut any = false;
        for attempt in attempts.emergencies() {
            let Some(planned_from) = attempt.planned_from().filter(|planned_from| *planned_from != current.id) else {
                return Ok(false);
            };
            let about = self.secret.content(planned_from).await?;
            if !about.is_ok_and(|about| about.keys.keys().iter().all(|key| current.keys.get(key.id()).is_none())) {
                return Ok(false);
            }
            any = true;
        }
        Ok(any)
    }

    /// The warning about a planned rotation with the id of an emergency: whether the emergency took place, and if not,
    /// what completes it.
    async fn superseded(
        &self,
        id: &RotationId,
        attempts: &Attempts,
        snapshot: &mut Snapshot,
    ) -> Result<String, RotateError> {
        let is_own = |pending: &mut Pending| attempts.emergencies().any(|one| one.token.as_str() == pending.id);
        let in_force = attempts.emergencies().any(|attempt| snapshot.current.keys.get(&attempt.token).is_some());
        let then = if let Some(pending) = snapshot.pending.take_if(is_own) {
            let version = pending.id.clone();
            match self.rehearse(&snapshot.current, pending) {
                Ok(_) => format!(
                    ". The emergency is pending as version {version}: a request for an emergency with the same id completes it, \
                    and so does the next planned rotation"
                ),
                Err(failure) => format!(
                    ". The emergency is pending as version {version}, but did not take place ({failure}): the keys that it should \
                    drop are still accepted. A request for an emergency with the same id makes it again"
                ),
            }
        } else if in_force || self.is_over(attempts, snapshot).await? {
            String::new()
        } else {
            ". The emergency did not take place: the keys that it should drop are still accepted. A request for an emergency \
            with the same id makes it again"
                .to_owned()
        };
        let id = id.key_id();
        Ok(format!("the id {id} belongs to an emergency: a planned rotation with this id changes nothing{then}"))
    }

    /// The time at which a rotation made its key. It is the same for every retry, also if other rotations followed. The
    /// version of a rotation has the id of its key.
    ///
    /// # Errors
    /// If a call to AWS fails.
    pub async fn made(&self, report: &KeysReport) -> Result<UnixSeconds, RotateError> {
        if report.version == report.new_key {
            return Ok(report.created.0);
        }
        self.made_elsewhere(&report.new_key, report.created.0).await
    }

    /// The same, if `current` is the current version.
    async fn made_in(&self, current: &Version, new_key: &str) -> Result<UnixSeconds, RotateError> {
        if current.id == new_key {
            return Ok(current.created);
        }
        self.made_elsewhere(new_key, current.created).await
    }

    async fn made_elsewhere(&self, new_key: &str, otherwise: UnixSeconds) -> Result<UnixSeconds, RotateError> {
        // Secrets Manager forgets versions, though not soon.
        let made = self.secret.content(new_key).await?;
        Ok(made.map_or(otherwise, |version| version.created))
    }

    /// Reads the present state. For a planned rotation it waits until running replication has ended, or has had time to
    /// end.
    async fn read_settled(&self, rotation: RotationKind) -> Result<Snapshot, RotateError> {
        let end = Instant::now() + self.schedule.timings().replication;
        loop {
            let snapshot = self.read().await?;
            let in_progress = snapshot.replicas.iter().any(|replica| replica.in_progress);
            if !in_progress || rotation == RotationKind::Emergency || Instant::now() >= end {
                return Ok(snapshot);
            }
            sleep(READ_BACK_EVERY).await;
        }
    }

    async fn read(&self) -> Result<Snapshot, RotateError> {
        let snapshot = self.secret.snapshot().await?;
        let pending = snapshot.pending.as_ref().map(|pending| pending.id.as_str());
        self.platform.log_step(Step::Read { current: &snapshot.current.id, pending });
        Ok(snapshot)
    }

    /// A planned rotation assumes that every reader gets the new keys. With a broken replica it is not known what is
    /// read there.
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
        let put = self.secret.put_pending(token, &SecretValue::write(plan)).await?;
        let outcome = if put == Put::Done { "pending" } else { "taken" };
        self.platform.log_step(Step::Put { version: token, outcome });
        Ok(put)
    }

    /// Rehearses the pending version as it was stored.
    async fn read_back(&self, current: &Version, id: &str) -> Result<Rehearsed, RotateError> {
        let stored = self.secret.version(id).await?;
        Ok(self.rehearse(current, Pending { id: stored.id.clone(), content: Ok(stored), put_aside: false })?)
    }

    fn rehearse(&self, current: &Version, pending: Pending) -> Result<Rehearsed, RehearsalFailure> {
        let rehearsed = rehearse(current, pending, &self.schedule, self.platform.seconds())?;
        self.platform.log_step(Step::Rehearse { version: rehearsed.id(), keys: rehearsed.plan().keys.keys().len() });
        Ok(rehearsed)
    }

    async fn take_off(&self, id: &str, failure: &RehearsalFailure) -> Result<(), RotateError> {
        self.secret.take_off_pending(id).await?;
        let warning = Event::RotationWarning { step: "take-off", version: Some(id), detail: Detail(failure) };
        self.platform.log(&warning);
        Ok(())
    }

    /// Promotes, and removes AWSPENDING. Returns `None` if the version that it was planned from is no longer current.
    async fn promote(
        &self,
        rehearsed: Rehearsed,
        current: &Version,
        (id, outcome): (&str, VersionOutcome),
        done: &mut Done,
    ) -> Result<Option<Version>, RotateError> {
        // Its tries end with the time in which it may be promoted: what hangs is read and planned anew, not promoted late.
        let now = (self.platform.now)();
        let left = rehearsed.plan().check_promotion(unix_seconds(now)).map_err(RehearsalFailure::from)?;
        // To the end of the last second, of which a part has passed.
        let passed = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let left = left + Duration::from_secs(1) - Duration::from_nanos(u64::from(passed));
        let promotion = timeout(left, self.secret.promote(&rehearsed)).await;
        let promoted = promotion.map_err(|_| RotateError::TooSlow)??;
        // By this very call, perhaps: the SDK asks again where an answer is lost, and is told then that the label is not there.
        if !promoted && self.read().await?.current.id != rehearsed.id() {
            self.platform
                .log_step(Step::Overtaken { version: rehearsed.id(), planned_from: &rehearsed.plan().planned_from });
            return Ok(None);
        }
        let report = VersionReport::new(rehearsed.id(), id, outcome, &current.keys, rehearsed.plan(), &self.times());
        let VersionReport { version, id, planned_from, kind, .. } = &report;
        self.platform.log(&Event::KeysRotated { kind, version, id, planned_from, dropped: Detail(&report.dropped()) });
        done.versions.push(report);
        // It is promoted, whatever comes of this: where it fails the next call takes the label off.
        if let Err(error) = self.secret.take_off_pending(rehearsed.id()).await {
            let why = format!("AWSPENDING stays on version {} until the next rotation: {error}", rehearsed.id());
            self.platform.warn(&mut done.warnings, "take-off", why);
        }
        Ok(Some(rehearsed.into_version()))
    }

    /// The current version, and whether each Region returns it.
    async fn report(&self, current: Version, replicas: &[Replica], ended: Ended) -> KeysReport {
        let regions = self.read_each_region(&current, replicas).await;
        KeysReport { regions, ..KeysReport::new(current, ended, &self.times()) }
    }

    fn times(&self) -> Times<'_> {
        Times { timings: self.schedule.timings(), now: self.platform.seconds() }
    }

    /// Reads the secret in each Region until each returns the current version, or the time for replication is over.
    async fn read_each_region(&self, current: &Version, replicas: &[Replica]) -> Vec<RegionReport> {
        let planned_from = current.planned.as_ref().map(|(planned_from, _)| planned_from.as_str());
        let places = self.secret.in_each_region(replicas);
        let end = Instant::now() + self.schedule.timings().replication;
        loop {
            let mut regions: Vec<RegionReport> = Vec::new();
            for place in &places {
                // Where one hangs all the while, the others are heard still.
                let version = place.current(end.max(Instant::now() + READ_BACK)).await;
                let primary = match regions.first() {
                    Some(primary) => primary.version.clone(),
                    None => version.clone().ok().flatten(),
                };
                regions.push(RegionReport::new(&place.region, version, primary.as_deref(), planned_from));
            }
            let in_step = regions.iter().all(|region| region.in_step);
            if in_step || Instant::now() >= end {
                self.platform.log_step(Step::ReadBack { regions: regions.len(), in_step });
                return regions;
            }
            sleep(READ_BACK_EVERY).await;
        }
    }
}
