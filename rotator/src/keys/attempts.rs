//! The versions that have been put under the id of one rotation. The kind of an id is the kind of its versions, and not
//! the kind that is requested now.

use crate::{
    error::RotateError,
    event::RotationId,
    secret::{EMPTY, SecretVersions},
    secret_value::VersionId,
    version::{Snapshot, Version},
};
use signing::{KeyId, RotationKind};

/// The versions of one rotation, in their order.
#[derive(Debug)]
pub(super) struct Attempts {
    list: Vec<Attempt>,
    /// The greatest attempt that has been used.
    last: u8,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Its version id, and the `kid` of its key.
    pub(super) token: KeyId,
    /// The version that it was planned from, and its kind; `None` if the version does not have them.
    planned: Option<(VersionId, RotationKind)>,
}

impl Attempts {
    /// Reads the versions. `taken` is an attempt that Secrets Manager has refused in this call, also if its version
    /// cannot be read.
    pub(super) async fn read(
        secret: &SecretVersions,
        id: &RotationId,
        snapshot: &Snapshot,
        taken: u8,
    ) -> Result<Self, RotateError> {
        let pending = snapshot.pending.as_ref().filter(|pending| is_filled(&pending.content));
        let labelled = pending.and_then(|pending| id.attempt(&pending.id));
        let of_keys = snapshot.current.keys.keys().iter().filter_map(|key| id.attempt(key.id().as_str()));
        let mut last = of_keys.chain(labelled).chain([taken]).max().unwrap_or(taken);
        let mut list = Vec::new();
        let mut number = 1;
        loop {
            let token = id.token(number);
            let planned = if token.as_str() == snapshot.current.id {
                Some(snapshot.current.planned.clone())
            } else if let Some(pending) = pending.filter(|pending| pending.id == token.as_str()) {
                Some(pending.content.as_ref().ok().and_then(|version| version.planned.clone()))
            } else {
                match secret.content(token.as_str()).await? {
                    Ok(version) => Some(version.planned),
                    // Secrets Manager may have removed the version, though not soon.
                    Err(problem) if problem == EMPTY => None,
                    Err(_) => Some(None),
                }
            };
            match planned {
                Some(planned) => list.push(Attempt { token, planned }),
                None if number > last => break,
                None => {}
            }
            if number == u8::MAX {
                break;
            }
            number += 1;
        }
        last = last.max(list.iter().filter_map(|attempt| id.attempt(attempt.token.as_str())).max().unwrap_or_default());
        Ok(Self { list, last })
    }

    /// The kind that the version with this token has.
    pub(super) fn kind(&self, token: &KeyId) -> Option<RotationKind> {
        let attempt = self.list.iter().find(|attempt| attempt.token == *token)?;
        attempt.planned.as_ref().map(|(_, rotation)| *rotation)
    }

    /// The emergencies.
    pub(super) fn emergencies(&self) -> impl Iterator<Item = &Attempt> {
        self.list.iter().filter(|attempt| attempt.is_emergency())
    }

    /// The first version that is not an emergency: the id belonged to another kind first.
    pub(super) fn first_other(&self) -> Option<&Attempt> {
        self.list.iter().find(|attempt| !attempt.is_emergency())
    }

    /// The next attempt.
    pub(super) fn next(&self) -> u8 {
        self.last.saturating_add(1)
    }
}

impl Attempt {
    /// The version that it was planned from.
    pub(super) fn planned_from(&self) -> Option<&str> {
        self.planned.as_ref().map(|(planned_from, _)| planned_from.as_str())
    }

    /// Its kind in words.
    pub(super) fn told(&self) -> &'static str {
        if self.planned.is_some() { "a planned rotation" } else { "a version without a kind" }
    }

    fn is_emergency(&self) -> bool {
        matches!(self.planned, Some((_, RotationKind::Emergency)))
    }
}

/// Whether the version has a value: Secrets Manager labels a version before it has one.
fn is_filled(content: &Result<Version, String>) -> bool {
    content.as_ref().err().is_none_or(|problem| problem != EMPTY)
}
