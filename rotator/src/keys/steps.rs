//! Secrets Manager's own rotation, in four steps. Secrets Manager may repeat each step.

use super::{Done, KeyRotator, Next, RotateFailure, put_aside};
use crate::{
    error::RotateError,
    event::Step,
    rehearsal::RehearsalFailure,
    report::{Ended, KeysOutcome, KeysReport, VersionOutcome},
    secret::{EMPTY, Put},
    version::Version,
};
use signing::{KeyId, RotationKind};

impl KeyRotator {
    /// One step of Secrets Manager's rotation to the version `token`, which it has labelled AWSPENDING. The last one returns
    /// a report.
    ///
    /// # Errors
    /// What stopped the step. If the version can no longer be promoted, its label has been removed, so that the next
    /// rotation begins again; but `testSecret` does not move a label.
    pub async fn step(&self, step: Step, token: &KeyId) -> Result<Option<KeysReport>, Box<RotateFailure>> {
        let mut done = Done::default();
        let ended = match step {
            Step::Test => self.test(token).await.map(|()| None),
            Step::Create | Step::Set | Step::Finish => Box::pin(self.step_by(step, token, &mut done)).await,
        };
        match ended {
            Ok(None) => Ok(None),
            Ok(Some(report)) => done.with(Ok(report)).map(Some),
            Err(error) => done.with(Err(error)).map(Some),
        }
    }

    /// Whether the version could be promoted. Secrets Manager makes only this call if a rotation is set up but must not
    /// begin at once: then the version has the current value.
    async fn test(&self, token: &KeyId) -> Result<(), RotateError> {
        let snapshot = self.read().await?;
        if snapshot.current.id == token.as_str() {
            return Ok(());
        }
        let pending = snapshot.pending.filter(|pending| pending.id == token.as_str()).ok_or(RotateError::NotPending)?;
        if pending.content.as_ref().is_ok_and(|pending| pending.keys.has_keys_of(&snapshot.current.keys)) {
            self.platform
                .log_step(telemetry::Step::Test { version: token.as_str(), outcome: "equal to what is current" });
            return Ok(());
        }
        self.rehearse(&snapshot.current, pending)?;
        Ok(())
    }

    async fn step_by(&self, step: Step, token: &KeyId, done: &mut Done) -> Result<Option<KeysReport>, RotateError> {
        let mut snapshot = self.read_settled(RotationKind::Planned).await?;
        let own = |id: &str| id == token.as_str();
        let aside = snapshot.pending.as_ref().is_some_and(|pending| pending.put_aside && own(&pending.id));
        self.tidy(&mut snapshot, done).await?;
        if aside {
            return Err(RotateError::Dead(RehearsalFailure::PutAside));
        }
        let of_kind = |version: &Version| version.planned.as_ref().map(|(_, rotation)| *rotation);
        if own(&snapshot.current.id) {
            let kind = of_kind(&snapshot.current);
            let ended = Ended { outcome: KeysOutcome::Already, kind, new_key: token.clone() };
            return Ok(match step {
                Step::Create | Step::Set | Step::Test => None,
                Step::Finish => Some(self.report(snapshot.current, &snapshot.replicas, ended).await),
            });
        }
        let pending = snapshot.pending.take().filter(|pending| own(&pending.id)).ok_or(RotateError::NotPending)?;
        if step == Step::Create && pending.content.as_ref().is_err_and(|content| content == EMPTY) {
            let plan = self.plan(&snapshot, token, RotationKind::Planned, &mut done.warnings)?;
            return match self.put(token.as_str(), &plan).await? {
                Put::Done => Ok(None),
                Put::Taken => Err(RotateError::Overtaken),
            };
        }
        let kind = pending.kind();
        let next = match self.rehearse(&snapshot.current, pending) {
            Ok(rehearsed) => Next::Promote(rehearsed),
            Err(failure) => Next::PutAside(token.to_string(), kind, failure),
        };
        match (next, step) {
            (Next::Promote(rehearsed), Step::Finish) => {
                let of = (token.as_str(), VersionOutcome::Rotated);
                let promoted = self.promote(rehearsed, &snapshot.current, of, done).await?;
                let promoted = promoted.ok_or(RotateError::Overtaken)?;
                let ended = Ended { outcome: KeysOutcome::Rotated, kind: of_kind(&promoted), new_key: token.clone() };
                Ok(Some(self.report(promoted, &snapshot.replicas, ended).await))
            }
            (Next::PutAside(version, kind, failure), _) => {
                self.take_off(&version, &failure).await?;
                done.warnings.push(put_aside(&version, kind, &failure, RotationKind::Planned));
                Err(RotateError::Dead(failure))
            }
            _ => Ok(None),
        }
    }
}
