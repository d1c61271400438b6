//! Why a rotation stops.

use crate::{platform::NoRandomness, rehearsal::RehearsalFailure, stack::StackError};
use signing::RotationPlanError;

/// Why a rotation stopped, and what to do. It tells ids and times, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// AWS refuses or fails.
    #[error("{0}")]
    Aws(String),
    /// AWS fails, and may have done what was asked all the same.
    #[error("{0}")]
    Unanswered(String),
    /// The secret is not what it should be.
    #[error("{0}")]
    Secret(String),
    /// A Region in which functions are to read has no copy.
    #[error(
        "{region} is named in COUNTERSIGN_REGIONS or --regions and holds no replica of the secret: add one, or take it off the list"
    )]
    NoReplica {
        /// Which.
        region: String,
    },
    /// A copy is not what it should be.
    #[error(
        "the replica in {region} is not in sync: {status}. Rotate again when it is. One that has failed is mended by \
        `aws secretsmanager replicate-secret-to-regions`"
    )]
    NotInSync {
        /// Where.
        region: String,
        /// In Secrets Manager's words.
        status: String,
    },
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] RotationPlanError),
    /// The call that promotes has taken all the time in which it might.
    #[error(
        "Secrets Manager did not promote the new keys in time: the next try looks whether it has. A longer lead leaves a \
        rotation more time"
    )]
    TooSlow,
    /// There is no new key.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What was stored must not be promoted.
    #[error("what was put is not promoted: {0}")]
    Rehearsal(#[from] RehearsalFailure),
    /// A step of a rotation that is over, or was never begun.
    #[error("the version of this step is not pending: rotate the secret again")]
    NotPending,
    /// A step of a rotation that cannot be ended.
    #[error("this rotation can no longer be ended, and its label is taken off: rotate the secret again ({0})")]
    Dead(RehearsalFailure),
    /// Others have rotated the same secret all the while.
    #[error("others rotate the same secret at the same time: try again")]
    Overtaken,
    /// The stack is not updated.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// All is done, but some Region returns old keys still.
    #[error(
        "the keys are rotated, and {0} does not return them in time: look at the replica; the same event again asks again"
    )]
    Lagging(String),
}
