//! Why a rotation stops.

use crate::{platform::NoRandomness, rehearsal::RehearsalFailure, stack::StackError};
use signing::RotationPlanError;

/// Why a rotation stopped, and what to do. It has ids and times, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// AWS refused the call, or the call failed.
    #[error("{0}")]
    Aws(String),
    /// The call failed, but may have had its effect.
    #[error("{0}")]
    Unanswered(String),
    /// The secret cannot be rotated.
    #[error("{0}")]
    Secret(String),
    /// A Region in which functions read has no replica.
    #[error(
        "{region} is listed in COUNTERSIGN_REGIONS or --regions, but has no replica of the secret: add a replica, or remove the \
        Region from the list"
    )]
    NoReplica {
        /// The Region.
        region: String,
    },
    /// A replica is not in sync.
    #[error(
        "the replica in {region} is not in sync: {status}. Rotate again when it is in sync. Repair a failed replica with \
        `aws secretsmanager replicate-secret-to-regions`"
    )]
    NotInSync {
        /// The Region.
        region: String,
        /// The status and message of Secrets Manager.
        status: String,
    },
    /// The rotation cannot be planned.
    #[error(transparent)]
    Plan(#[from] RotationPlanError),
    /// The call that promotes has taken all the time that the plan allows.
    #[error(
        "Secrets Manager did not promote the new keys in time: the next try checks whether it has promoted them. A \
        longer lead leaves a \
        rotation more time"
    )]
    TooSlow,
    /// A new key cannot be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The stored version must not be promoted.
    #[error("the pending version is not promoted: {0}")]
    Rehearsal(RehearsalFailure),
    /// The step belongs to a rotation that has ended, or has not begun.
    #[error("the version of this step is not pending: rotate the secret again")]
    NotPending,
    /// The step belongs to a rotation that cannot be completed.
    #[error(
        "this rotation can no longer be completed, so its label AWSPENDING is removed: rotate the secret again \
    ({0})"
    )]
    Dead(RehearsalFailure),
    /// Other rotations of the same secret were faster, several times.
    #[error("another rotation of the same secret runs at the same time: try again")]
    Overtaken,
    /// The stack is not updated.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The rotation is done, but some Region still returns old keys.
    #[error(
        "the keys are rotated, but reads in {0} did not return the new keys in time: check the replica there, and send the same event again"
    )]
    Lagging(String),
}

impl From<RehearsalFailure> for RotateError {
    fn from(failure: RehearsalFailure) -> Self {
        Self::Rehearsal(failure)
    }
}
