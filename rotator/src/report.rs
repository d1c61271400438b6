//! The report of a rotation: ids, times and bounds, never a secret.

use crate::{secret_value::VersionId, version::Version};
use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use serde::{Serialize, Serializer};
use signing::{KeyId, KeySet, NEVER_EXPIRES, RotationKind, RotationPlan, RotationTimings, UnixSeconds};

/// The result of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `scheduled`, `secrets-manager` or `manual`.
    pub trigger: &'static str,
    /// The id of the requested rotation.
    pub id: String,
    /// The reason that the requester gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Every version that became current in this call, in order.
    pub versions: Vec<VersionReport>,
    /// The signing keys, if they are rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysReport>,
    /// The stack, if the API key is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackReport>,
    /// What an operator should check, although nothing has failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why the rotation stopped, if it did: then the report is about the time until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Report {
    /// An empty report.
    pub fn new(trigger: &'static str, id: &KeyId) -> Self {
        Self {
            trigger,
            id: id.to_string(),
            comment: None,
            versions: Vec::new(),
            keys: None,
            stack: None,
            warnings: Vec::new(),
            error: None,
        }
    }

    /// Whether it is about a step that does not end a rotation.
    pub(crate) fn is_of_a_step(&self) -> bool {
        self.keys.is_none() && self.stack.is_none()
    }
}

/// A version that became current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionReport {
    /// Its id in Secrets Manager.
    pub version: VersionId,
    /// The id of its rotation; if another rotation had left the version pending, the id of the version.
    pub id: String,
    /// `planned` or `emergency`, as stored in the version.
    pub kind: &'static str,
    /// `rotated`, or `resumed` if the version was already pending.
    pub outcome: VersionOutcome,
    /// The version that it replaced.
    pub planned_from: VersionId,
    /// The `kid` of its new key.
    pub new_key: String,
    /// The `kid`s of the keys that were in `planned_from` and are not in it.
    pub dropped: Vec<String>,
    /// The times by which each side has the new keys.
    pub bounds: Bounds,
}

/// The origin of a version that became current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionOutcome {
    /// This call has made it.
    Rotated,
    /// It was already pending: another call had made it.
    Resumed,
}

/// The signing keys of the current version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeysReport {
    /// The outcome of the requested rotation.
    pub outcome: KeysOutcome,
    /// Its kind, `planned` or `emergency`, as stored in its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The version that is current.
    pub version: VersionId,
    /// The version that it was planned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_from: Option<VersionId>,
    /// The time at which the version was put.
    pub created: Moment,
    /// The `kid` of the rotation's new key.
    pub new_key: String,
    /// All keys.
    pub keys: Vec<KeyTimes>,
    /// The times by which each side has the new keys; absent if the rotation is superseded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// The version that each Region returns.
    pub regions: Vec<RegionReport>,
    /// As [`Report::versions`].
    #[serde(skip)]
    pub versions: Vec<VersionReport>,
    /// As [`Report::warnings`].
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// The outcome of the requested rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeysOutcome {
    /// This call has rotated the keys.
    Rotated,
    /// An earlier call for the same event has rotated the keys.
    Already,
    /// Its id belongs to an emergency, so the planned rotation did nothing.
    Superseded,
}

/// A key by its id, and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyTimes {
    /// `kid`
    pub kid: String,
    /// `nbf`: the key signs from this time on.
    pub signs_from: Moment,
    /// `exp`: the key is accepted until this time; absent until the next rotation sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_until: Option<Moment>,
}

/// The times by which each side has the new keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Bounds {
    /// No valid request is refused.
    Planned {
        /// By then every authorizer has the new key, and the edges sign with it.
        new_key_signs_from: Moment,
        /// The latest `exp` of an old key.
        #[serde(skip_serializing_if = "Option::is_none")]
        old_keys_accepted_until: Option<Moment>,
    },
    /// Valid requests are refused until the edges have the new key, and an authorizer accepts an old key until it has
    /// read the new set.
    Emergency {
        /// By then the edges sign with the new key.
        edges_sign_with_it_by: Moment,
        /// The same time if they cannot read for a while.
        or_in_an_outage_by: Moment,
        /// By then no authorizer accepts an old key.
        authorizers_drop_the_old_by: Moment,
        /// The same time if they cannot read for a while.
        or_those_in_an_outage_by: Moment,
    },
}

/// The version that a Region returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionReport {
    /// The Region.
    pub region: String,
    /// Whether that is the current version.
    pub in_step: bool,
    /// The version, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionId>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The outcome for the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackReport {
    /// Its name.
    pub name: String,
    /// What the rotator did, or why it did nothing.
    pub outcome: StackOutcome,
    /// The `Timestamp` of this rotation.
    pub timestamp: String,
    /// The stack's status before.
    pub status: String,
}

/// The outcome of a stack's update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackOutcome {
    /// CloudFormation updates it now.
    Updating,
    /// CloudFormation says that there is nothing to update.
    NoUpdates,
    /// The stack has this rotation's `Timestamp`, or that of a later rotation.
    Already,
    /// The stack has this rotation's `Timestamp`, which another call of the same second has set, for another rotation
    /// or for the same event.
    SameSecond,
    /// The stack is being created, with a new API key.
    BeingCreated,
}

impl StackOutcome {
    /// The outcome as one word, as the report has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Updating => "updating",
            Self::NoUpdates => "no-updates",
            Self::Already => "already",
            Self::SameSecond => "same-second",
            Self::BeingCreated => "being-created",
        }
    }
}

/// A moment, written as in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub UnixSeconds);

impl Moment {
    /// Like `2026-11-22T06:04:05Z`.
    pub fn text(self) -> String {
        let seconds = i64::try_from(self.0.get()).unwrap_or(i64::MAX);
        DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_else(|_| self.0.to_string())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl KeysReport {
    /// The Regions that return other keys than the primary, each with the version that it returns.
    pub fn lagging(&self) -> Option<String> {
        let lagging = self.regions.iter().filter(|region| !region.in_step);
        let each: Vec<_> = lagging
            .map(|RegionReport { region, version, problem, .. }| {
                let instead = version.as_ref().or(problem.as_ref()).map(String::as_str);
                format!("{region} ({})", instead.unwrap_or_default())
            })
            .collect();
        (!each.is_empty()).then(|| each.join(", "))
    }

    /// The current version, and the outcome of the requested rotation.
    pub(crate) fn new(Version { id, created, keys, planned }: Version, ended: Ended, times: &Times<'_>) -> Self {
        let Ended { outcome, kind, new_key } = ended;
        let key_times = keys.keys().iter().map(|key| KeyTimes {
            kid: key.id().to_string(),
            signs_from: Moment(key.not_before()),
            accepted_until: end(key.expires()),
        });
        let bounds = Bounds::new(kind.unwrap_or(RotationKind::Planned), &keys, &new_key, created, times);
        Self {
            outcome,
            kind: kind.map(RotationKind::name),
            version: id,
            planned_from: planned.map(|(planned_from, _)| planned_from),
            created: Moment(created),
            new_key: new_key.to_string(),
            keys: key_times.collect(),
            bounds: (outcome != KeysOutcome::Superseded).then_some(bounds),
            regions: Vec::new(),
            versions: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// The outcome of a rotation. Its kind is that of its version, if that can be read.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: KeysOutcome,
    pub(crate) kind: Option<RotationKind>,
    pub(crate) new_key: KeyId,
}

/// The times by which bounds are computed.
pub(crate) struct Times<'a> {
    pub(crate) timings: &'a RotationTimings,
    pub(crate) now: UnixSeconds,
}

/// The `exp` of a key, if it expires.
fn end(moment: UnixSeconds) -> Option<Moment> {
    (moment < NEVER_EXPIRES).then_some(Moment(moment))
}

impl VersionReport {
    /// The bounds of a plan that replaces `before`.
    pub(crate) fn new(
        version: &str,
        id: &str,
        outcome: VersionOutcome,
        before: &KeySet,
        plan: &RotationPlan<VersionId>,
        times: &Times<'_>,
    ) -> Self {
        let dropped = before.keys().iter().filter(|key| plan.keys.get(key.id()).is_none());
        Self {
            version: version.to_owned(),
            id: id.to_owned(),
            kind: plan.rotation.name(),
            outcome,
            planned_from: plan.planned_from.clone(),
            new_key: plan.new_key.to_string(),
            dropped: dropped.map(|key| key.id().to_string()).collect(),
            bounds: Bounds::new(plan.rotation, &plan.keys, &plan.new_key, times.now, times),
        }
    }

    /// Whether it drops every old key.
    pub fn is_emergency(&self) -> bool {
        self.kind == RotationKind::Emergency.name()
    }

    /// The dropped keys, with commas between them; `none` if there is none.
    pub fn dropped(&self) -> String {
        if self.dropped.is_empty() { "none".to_owned() } else { self.dropped.join(", ") }
    }
}

/// These versions, first those that drop every old key.
pub fn worst_first(versions: &[VersionReport]) -> impl Iterator<Item = &VersionReport> {
    let emergencies = versions.iter().filter(|version| version.is_emergency());
    emergencies.chain(versions.iter().filter(|version| !version.is_emergency()))
}

impl Bounds {
    fn new(kind: RotationKind, keys: &KeySet, new_key: &KeyId, created: UnixSeconds, times: &Times<'_>) -> Self {
        match kind {
            RotationKind::Emergency => {
                // An upper bound: an earlier call may have promoted the version, and not as soon as it was put.
                let &RotationTimings { signer_ttl, verifier_ttl, replication, outage, .. } = times.timings;
                let (edges, authorizers) =
                    (times.now + signer_ttl + replication, times.now + verifier_ttl + replication);
                Self::Emergency {
                    edges_sign_with_it_by: Moment(edges),
                    or_in_an_outage_by: Moment(edges + outage),
                    authorizers_drop_the_old_by: Moment(authorizers),
                    or_those_in_an_outage_by: Moment(authorizers + outage),
                }
            }
            RotationKind::Planned => Self::Planned {
                new_key_signs_from: Moment(keys.get(new_key).map_or(created, signing::Key::not_before)),
                old_keys_accepted_until: keys
                    .keys()
                    .iter()
                    .filter(|key| key.id() != new_key)
                    .filter_map(|key| end(key.expires()))
                    .max_by_key(|end| end.0),
            },
        }
    }
}

impl RegionReport {
    /// A Region is in step if it returns the same version as the primary, unless that is `planned_from`, which has been
    /// replaced: then the primary itself still returns the old version. Any other version is newer.
    pub(crate) fn new(
        region: &str,
        version: Result<Option<VersionId>, String>,
        primary: Option<&str>,
        planned_from: Option<&str>,
    ) -> Self {
        let (version, problem) = match version {
            Ok(Some(version)) => (Some(version), None),
            Ok(None) => (None, Some("the secret does not exist there yet".to_owned())),
            Err(problem) => (None, Some(problem)),
        };
        let in_step = version.is_some() && version.as_deref() == primary && version.as_deref() != planned_from;
        Self { region: region.to_owned(), in_step, version, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_in_step_if_it_returns_the_promoted_version_or_a_newer_one() {
        let version = |id: &str| Ok(Some(id.to_owned()));
        let fails = || Err("down".to_owned());
        for (there, primary, expected) in [
            (version("new"), Some("new"), true),
            (version("later"), Some("later"), true),
            (version("planned_from"), Some("new"), false),
            (version("new"), Some("planned_from"), false),
            (version("planned_from"), Some("planned_from"), false),
            (Ok(None), Some("new"), false),
            (Ok(None), None, false),
            (fails(), None, false),
            (version("new"), None, false),
        ] {
            let case = format!("{there:?} and {primary:?}");
            assert_eq!(
                RegionReport::new("eu-west-1", there, primary, Some("planned_from")).in_step,
                expected,
                "{case}"
            );
        }
        assert!(RegionReport::new("eu-west-1", version("first"), Some("first"), None).in_step);
    }
}
