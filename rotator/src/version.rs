//! The secret at one moment: its versions and its copies.

use crate::secret_value::VersionId;
use signing::{KeySet, RotationKind, UnixSeconds};

/// The secret at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// What edges and authorizers read.
    pub current: Version,
    /// What is to take its place, where there is something.
    pub pending: Option<Pending>,
    /// Whether AWSPENDING is still on what is current: a rotation broke off just after its promotion.
    pub pending_on_current: bool,
    /// The copies in other Regions.
    pub replicas: Vec<Replica>,
}

/// A version that holds a key set.
#[derive(Debug)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// When it was put there.
    pub created: UnixSeconds,
    /// Its keys.
    pub keys: KeySet,
    /// The version that it was planned from, and the rotation; absent where no rotation has put it there.
    pub planned: Option<(VersionId, RotationKind)>,
}

/// The version that is labelled AWSPENDING, and not AWSCURRENT.
#[derive(Debug)]
pub struct Pending {
    /// Its id.
    pub id: VersionId,
    /// What it holds; or what is there instead of a key set.
    pub content: Result<Version, String>,
    /// Whether it holds AWSPREVIOUS too: it has been current, and a person has gone back to the version before it.
    pub put_aside: bool,
}

impl Pending {
    /// Its kind, as it says it itself.
    pub(crate) fn kind(&self) -> Option<RotationKind> {
        let version = self.content.as_ref().ok()?;
        version.planned.as_ref().map(|(_, rotation)| *rotation)
    }
}

/// A copy of the secret in another Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Where.
    pub region: String,
    /// Whether Secrets Manager says that it is in sync.
    pub in_sync: bool,
    /// Whether it says that it is about to be.
    pub in_progress: bool,
    /// In Secrets Manager's words.
    pub status: String,
}
