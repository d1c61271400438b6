//! What a rotation reports: ids, times and bounds, never a secret.

use crate::{
    pending::{VersionId, name},
    secret::Version,
};
use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use serde::{Serialize, Serializer};
use signing::{KeyId, NO_END, Rotation, RotationNumbers, UnixSeconds};

/// What one event has brought about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `scheduled`, `secrets-manager` or `manual`.
    pub trigger: &'static str,
    /// Why, in the words of whoever asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The signing keys, where they are rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysReport>,
    /// The stack, where the API key is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackReport>,
}

impl Report {
    /// Whether nothing has ended with it.
    pub(crate) fn is_of_a_step(&self) -> bool {
        self.keys.is_none() && self.stack.is_none()
    }
}

/// The signing keys that are in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeysReport {
    /// Whether this call has rotated them.
    pub outcome: Outcome,
    /// `planned` or `compromised`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<&'static str>,
    /// The version that is current.
    pub version: VersionId,
    /// The version that it was planned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<VersionId>,
    /// When the version was put there.
    pub created: Moment,
    /// The `kid` of the new key.
    pub new_key: String,
    /// All keys.
    pub keys: Vec<KeyTimes>,
    /// Until when each side follows.
    pub bounds: Bounds,
    /// What each Region returns to whoever reads the secret there.
    pub regions: Vec<RegionReport>,
}

/// Whether a call has changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has.
    Rotated,
    /// An earlier call for the same event had.
    Already,
}

/// A key by its id, and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyTimes {
    /// `kid`
    pub kid: String,
    /// `nbf`: signs from then.
    pub signs_from: Moment,
    /// `exp`: accepted until then; absent where the next rotation says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_until: Option<Moment>,
}

/// Until when each side follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Bounds {
    /// No good request is refused meanwhile.
    Planned {
        /// By then every authorizer has the new key, and the edges sign with it.
        new_key_signs_from: Moment,
        /// The latest end of an old key.
        #[serde(skip_serializing_if = "Option::is_none")]
        old_keys_accepted_until: Option<Moment>,
    },
    /// Good requests are refused until the edges have followed, and an old key opens an authorizer until that has.
    Compromised {
        /// By then the edges sign with the new key.
        edges_sign_with_it_by: Moment,
        /// Where they cannot read for a while.
        or_in_an_outage_by: Moment,
        /// By then no authorizer accepts an old key.
        authorizers_drop_the_old_by: Moment,
        /// Where they cannot read for a while.
        or_those_in_an_outage_by: Moment,
    },
}

/// What a Region returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegionReport {
    /// Where.
    pub region: String,
    /// Whether that is what is current.
    pub in_step: bool,
    /// The version, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionId>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What has become of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackReport {
    /// Its name.
    pub name: String,
    /// What was done, or why nothing was.
    pub outcome: StackOutcome,
    /// The `Timestamp` of this rotation.
    pub timestamp: String,
    /// The stack's status before.
    pub status: String,
}

/// What has become of a stack's update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackOutcome {
    /// CloudFormation updates it now.
    Updating,
    /// CloudFormation says that there is nothing to update.
    NoUpdates,
    /// It has this rotation's `Timestamp`, or that of a later one.
    Already,
    /// It is being created, with an API key that is new.
    BeingCreated,
}

/// A moment, written as RFC 3339 has it.
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
    /// The Regions that return other keys than the primary, each with what it returns instead.
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

    pub(crate) fn new(
        Version { id, created, keys, planned }: Version,
        new_key: &KeyId,
        outcome: Outcome,
        regions: Vec<RegionReport>,
        numbers: &RotationNumbers,
        now: UnixSeconds,
    ) -> Self {
        let end = |moment| (moment < NO_END).then_some(Moment(moment));
        let times = keys.keys().iter().map(|key| KeyTimes {
            kid: key.id().to_string(),
            signs_from: Moment(key.not_before()),
            accepted_until: end(key.expires()),
        });
        let rotation = planned.as_ref().map(|(_, rotation)| *rotation);
        let bounds = match rotation {
            Some(Rotation::Compromised) => {
                // A bound from above: an earlier call may have promoted it, and not as soon as it was put there.
                let &RotationNumbers { signer_ttl, verifier_ttl, replication, outage, .. } = numbers;
                let (edges, authorizers) = (now + signer_ttl + replication, now + verifier_ttl + replication);
                Bounds::Compromised {
                    edges_sign_with_it_by: Moment(edges),
                    or_in_an_outage_by: Moment(edges + outage),
                    authorizers_drop_the_old_by: Moment(authorizers),
                    or_those_in_an_outage_by: Moment(authorizers + outage),
                }
            }
            Some(Rotation::Planned) | None => Bounds::Planned {
                new_key_signs_from: Moment(keys.get(new_key).map_or(created, signing::Key::not_before)),
                old_keys_accepted_until: keys
                    .keys()
                    .iter()
                    .filter(|key| key.id() != new_key)
                    .filter_map(|key| end(key.expires()))
                    .max_by_key(|end| end.0),
            },
        };
        Self {
            outcome,
            rotation: rotation.map(name),
            version: id,
            base: planned.map(|(base, _)| base),
            created: Moment(created),
            new_key: new_key.to_string(),
            keys: times.collect(),
            bounds,
            regions,
        }
    }
}

impl RegionReport {
    /// In step is what returns the version that the primary does, unless that is `base`, whose place has been taken: then the
    /// primary itself returns the past still. A version that is neither has come later.
    pub(crate) fn new(
        region: &str,
        version: Result<Option<VersionId>, String>,
        primary: Option<&str>,
        base: Option<&str>,
    ) -> Self {
        let (version, problem) = match version {
            Ok(Some(version)) => (Some(version), None),
            Ok(None) => (None, Some("there is no such secret yet".to_owned())),
            Err(problem) => (None, Some(problem)),
        };
        let in_step = version.is_some() && version.as_deref() == primary && version.as_deref() != base;
        Self { region: region.to_owned(), in_step, version, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_in_step_where_it_returns_what_has_been_promoted_or_came_later() {
        let version = |id: &str| Ok(Some(id.to_owned()));
        let fails = || Err("down".to_owned());
        for (there, primary, expected) in [
            (version("new"), Some("new"), true),
            (version("later"), Some("later"), true),
            (version("base"), Some("new"), false),
            (version("new"), Some("base"), false),
            (version("base"), Some("base"), false),
            (Ok(None), Some("new"), false),
            (Ok(None), None, false),
            (fails(), None, false),
            (version("new"), None, false),
        ] {
            let case = format!("{there:?} and {primary:?}");
            assert_eq!(RegionReport::new("eu-west-1", there, primary, Some("base")).in_step, expected, "{case}");
        }
        assert!(RegionReport::new("eu-west-1", version("first"), Some("first"), None).in_step);
    }
}
