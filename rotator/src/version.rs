//! The secret at one moment: its versions and its copies.

use crate::secret_value::VersionId;
use signing::{KeySet, RotationKind, UnixSeconds};

/// The secret at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The version that edges and authorizers read.
    pub current: Version,
    /// The version that is pending, if there is one.
    pub pending: Option<Pending>,
    /// Whether AWSPENDING is still on the current version: a rotation was interrupted just after its promotion.
    pub pending_on_current: bool,
    /// The replicas in other Regions.
    pub replicas: Vec<Replica>,
}

/// A version that holds a key set.
#[derive(Debug)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// The time at which it was put.
    pub created: UnixSeconds,
    /// Its keys.
    pub keys: KeySet,
    /// The version that it was planned from, and the kind of rotation; `None` if a rotation did not put it.
    pub planned: Option<(VersionId, RotationKind)>,
}

/// The version that has the label AWSPENDING, and not AWSCURRENT.
#[derive(Debug)]
pub struct Pending {
    /// Its id.
    pub id: VersionId,
    /// Its content, or what it holds instead of a key set.
    pub content: Result<Version, String>,
    /// Whether it has the label AWSPREVIOUS too: it has been current, and a person has restored the version before it.
    pub put_aside: bool,
}

impl Pending {
    /// Its kind, as stored in it.
    pub(crate) fn kind(&self) -> Option<RotationKind> {
        let version = self.content.as_ref().ok()?;
        version.planned.as_ref().map(|(_, rotation)| *rotation)
    }
}

/// A replica of the secret in another Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The Region.
    pub region: String,
    /// Whether Secrets Manager says that it is in sync.
    pub in_sync: bool,
    /// Whether Secrets Manager says that it will soon be in sync.
    pub in_progress: bool,
    /// The status and message of Secrets Manager.
    pub status: String,
}
