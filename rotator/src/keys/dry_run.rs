//! What the next rotation will do: the same decisions, made on a copy of the present state.

use super::{GOES_ON, KeyRotator, Next, TOOK_PLACE, attempts::Attempts, put_aside, under_which};
use crate::{
    error::RotateError,
    event::RotationId,
    rehearsal::{RehearsalFailure, Rehearsed},
    report::{KeysOutcome, VersionOutcome, VersionReport},
    version::{Pending, Snapshot, Version},
};
use signing::{KeySet, RotationKind, UnixSeconds};
use std::mem;

/// What the next rotation will do.
#[derive(Debug)]
pub struct DryRun {
    /// The changes of labels, and what an operator should check, in order.
    pub notes: Vec<String>,
    /// Every version that will become current, in order.
    pub versions: Vec<VersionReport>,
    /// The keys after the rotation.
    pub keys: KeySet,
    /// How it will end.
    pub outcome: Result<KeysOutcome, RotateError>,
    /// The time at which the rotation's own key was made, or will be made. The stack's `Timestamp` is of that second.
    pub made: UnixSeconds,
}

impl KeyRotator {
    /// Looks ahead, and changes nothing.
    ///
    /// # Errors
    /// If a call to AWS fails. An error that would stop the rotation itself is in the result.
    pub async fn dry_run(
        &self,
        mut snapshot: Snapshot,
        id: &RotationId,
        rotation: RotationKind,
    ) -> Result<DryRun, RotateError> {
        let (mut notes, mut versions) = (Vec::new(), Vec::new());
        if mem::take(&mut snapshot.pending_on_current) {
            notes.push(format!("version {} is current, and loses AWSPENDING", snapshot.current.id));
        }
        if let Some(pending) = snapshot.pending.take_if(|pending| pending.put_aside) {
            notes.push(put_aside(&pending.id, None, &RehearsalFailure::PutAside, rotation));
        }
        let attempts = Attempts::read(&self.secret, id, &snapshot, 0).await?;
        let mut number = attempts.next();
        let mut made = self.platform.seconds();
        let outcome = loop {
            let over = rotation == RotationKind::Emergency && self.is_over(&attempts, &snapshot).await?;
            let (rehearsed, of, outcome) = match self.next(id, rotation, &mut snapshot, &attempts, over) {
                Next::Over(ended) => {
                    if ended.outcome == KeysOutcome::Superseded {
                        notes.push(self.superseded(id, &attempts, &mut snapshot).await?);
                    }
                    notes.extend(under_which(id, rotation, &attempts, ended.new_key.as_str(), TOOK_PLACE));
                    made = self.made_in(&snapshot.current, ended.new_key.as_str()).await?;
                    break Ok(ended.outcome);
                }
                Next::PutAside(version, kind, failure) => {
                    notes.push(put_aside(&version, kind, &failure, rotation));
                    number = number.max(id.attempt(&version).unwrap_or_default().saturating_add(1));
                    continue;
                }
                Next::Promote(rehearsed) => {
                    let own = id.attempt(rehearsed.id()).is_some();
                    let of = if own { id.key_id().as_str() } else { rehearsed.id() }.to_owned();
                    (rehearsed, of, VersionOutcome::Resumed)
                }
                Next::Make(_) => match self.make_for_show(&snapshot, id, rotation, number, &mut notes) {
                    Ok(rehearsed) => (rehearsed, id.key_id().to_string(), VersionOutcome::Rotated),
                    Err(error) => break Err(error),
                },
            };
            notes.extend(under_which(id, rotation, &attempts, rehearsed.id(), GOES_ON));
            let (before, times) = (&snapshot.current.keys, self.times());
            versions.push(VersionReport::new(rehearsed.id(), &of, outcome, before, rehearsed.plan(), &times));
            let own = id.attempt(rehearsed.id()).is_some();
            snapshot.current = rehearsed.into_version();
            if own {
                made = snapshot.current.created;
                break Ok(KeysOutcome::Rotated);
            }
        };
        Ok(DryRun { notes, versions, keys: snapshot.current.keys, outcome, made })
    }

    /// The set that would be put, rehearsed like a stored set.
    fn make_for_show(
        &self,
        snapshot: &Snapshot,
        id: &RotationId,
        rotation: RotationKind,
        number: u8,
        notes: &mut Vec<String>,
    ) -> Result<Rehearsed, RotateError> {
        let token = id.token(number);
        let plan = self.plan(snapshot, &token, rotation, notes)?;
        let planned = Some((plan.planned_from, plan.rotation));
        let created = self.platform.seconds();
        let put = Version { id: token.to_string(), created, keys: plan.keys, planned };
        let pending = Pending { id: token.to_string(), content: Ok(put), put_aside: false };
        Ok(self.rehearse(&snapshot.current, pending)?)
    }

    /// Reads the present state as a rotation of that kind does: it waits for running replication.
    ///
    /// # Errors
    /// As for [`KeyRotator::snapshot`].
    pub async fn snapshot_for(&self, rotation: RotationKind) -> Result<Snapshot, RotateError> {
        self.read_settled(rotation).await
    }
}
