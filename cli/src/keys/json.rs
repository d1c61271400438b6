//! What `--format json` prints. The names are those of the rotator's reports, which a rotation of a secret prints as they are.

use crate::keys::table::KeyState;
use rotator::{Bounds, KeyTimes, KeysOutcome, Moment, StackReport, VersionReport};
use serde::Serialize;
use signing::{Key, KeySet, NEVER_EXPIRES, UnixSeconds};

/// A key with its times, and its state now.
#[derive(Serialize)]
pub(crate) struct ShownKey {
    #[serde(flatten)]
    times: KeyTimes,
    /// `not-yet-in-force`, `signs`, `accepted` or `expired`.
    state: KeyState,
}

/// `keys show --keys`, and what `keys rotate --keys` leaves.
#[derive(Serialize)]
pub(crate) struct ShownFile {
    pub(crate) file: String,
    pub(crate) keys: Vec<ShownKey>,
    /// How many API keys the file holds: the current one first, perhaps the one before it.
    pub(crate) api_keys: usize,
}

/// `keys rotate --keys`.
#[derive(Serialize)]
pub(crate) struct RotatedFile {
    /// If so, nothing is changed.
    pub(crate) dry_run: bool,
    /// `planned` or `emergency`.
    pub(crate) kind: &'static str,
    pub(crate) new_key: String,
    /// The keys that are no longer in the file.
    pub(crate) dropped: Vec<String>,
    pub(crate) bounds: Bounds,
    #[serde(flatten)]
    pub(crate) then: ShownFile,
}

/// `keys show --secret`.
#[derive(Serialize)]
pub(crate) struct ShownSecret {
    pub(crate) secret: String,
    /// The version that is current.
    pub(crate) version: String,
    pub(crate) created: Moment,
    pub(crate) keys: Vec<ShownKey>,
    /// The version that is to become current, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<ShownPending>,
    pub(crate) replicas: Vec<ShownReplica>,
}

#[derive(Serialize)]
pub(crate) struct ShownPending {
    pub(crate) version: String,
    /// `planned` or `emergency`; absent if no rotation has made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<Moment>,
    /// Whether somebody has gone back to the version before it. Then it does not become current.
    pub(crate) put_aside: bool,
    /// Why it holds no keys, if it holds none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ShownReplica {
    pub(crate) region: String,
    /// Whether Secrets Manager says that it is in sync.
    pub(crate) in_sync: bool,
    /// In Secrets Manager's words.
    pub(crate) status: String,
}

/// `keys rotate --secret --dry-run`: the members of a report, as they would be.
#[derive(Serialize)]
pub(crate) struct DryRunReport {
    /// Always `true`: nothing is changed.
    pub(crate) dry_run: bool,
    pub(crate) id: String,
    pub(crate) notes: Vec<String>,
    pub(crate) versions: Vec<VersionReport>,
    /// The keys that there are then.
    pub(crate) keys: Vec<ShownKey>,
    /// Absent if the rotation would stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<KeysOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stack: Option<StackReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// Why the rotation would stop, if it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

pub(crate) fn keys(keys: &KeySet, now: UnixSeconds) -> Vec<ShownKey> {
    let shown = |key: &Key| ShownKey {
        times: KeyTimes {
            kid: key.id().to_string(),
            signs_from: Moment(key.not_before()),
            accepted_until: (key.expires() < NEVER_EXPIRES).then_some(Moment(key.expires())),
        },
        state: KeyState::of(key, keys, now),
    };
    keys.keys().iter().map(shown).collect()
}
