//! The text of a version: the JWK Set, the version that it was planned from, and the kind of its rotation.

use serde::Deserialize;
use signing::{KeySet, KeySetError, RotationKind, RotationPlan};
use zeroize::Zeroizing;

/// The id of a version of the secret.
pub(crate) type VersionId = String;

/// The content of a version. Edges and authorizers read only the keys.
#[derive(Debug)]
pub(crate) struct SecretValue {
    pub(crate) keys: KeySet,
    /// `None` if a rotation did not put the version: the first key.
    pub(crate) planned: Option<(VersionId, RotationKind)>,
}

#[derive(Deserialize)]
struct Beside {
    countersign_planned_from: Option<String>,
    countersign_kind: Option<String>,
}

impl SecretValue {
    pub(crate) fn read(text: &str) -> Result<Self, KeySetError> {
        let keys = KeySet::from_json(text)?;
        // The reader of the keys ignores it too.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // A member of another type is not a plan.
        let beside: Option<Beside> = serde_json::from_str(text).ok();
        let planned = beside.and_then(|Beside { countersign_planned_from, countersign_kind }| {
            let rotation = RotationKind::from_name(countersign_kind.as_deref()?)?;
            Some((countersign_planned_from?, rotation))
        });
        Ok(Self { keys, planned })
    }

    pub(crate) fn write(plan: &RotationPlan<VersionId>) -> Zeroizing<String> {
        let set = plan.keys.to_json();
        // The set is an object of one member.
        let members = set.strip_suffix('}').unwrap_or(&set);
        let planned_from = serde_json::Value::from(plan.planned_from.as_str());
        let rotation = plan.rotation.name();
        Zeroizing::new(format!(
            "{members},\"countersign_planned_from\":{planned_from},\"countersign_kind\":\"{rotation}\"}}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signing::{Key, RotationTimings, UnixSeconds};

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        let key =
            Key::new("k1".try_into().unwrap(), &[7; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
        let current = KeySet::new(vec![key]).unwrap();
        let schedule = RotationTimings::DEFAULT.try_into().unwrap();
        for rotation in [RotationKind::Planned, RotationKind::Emergency] {
            let new = ("k2".try_into().unwrap(), &[8; 32][..]);
            let plan =
                RotationPlan::new(&current, "v\"1".to_owned(), new, rotation, &schedule, UnixSeconds::new(9)).unwrap();
            let text = SecretValue::write(&plan);
            let read = SecretValue::read(&text).unwrap();
            assert_eq!(*read.keys.to_json(), *plan.keys.to_json());
            assert_eq!(read.planned, Some(("v\"1".to_owned(), rotation)));
            assert_eq!(SecretValue::read(&format!("\u{feff}{}", *text)).unwrap().planned, read.planned);
            // And by edges and authorizers.
            assert_eq!(*KeySet::from_json(&text).unwrap().to_json(), *plan.keys.to_json());
        }
        for beside in [
            "",
            ",\"countersign_planned_from\":\"v\"",
            ",\"countersign_planned_from\":1,\"countersign_kind\":\"planned\"",
            ",\"x\":1",
        ] {
            let set = current.to_json();
            let text = format!("{}{beside}}}", set.trim_end_matches('}'));
            assert_eq!(SecretValue::read(&text).unwrap().planned, None, "{beside}");
        }
        assert_eq!(SecretValue::read("{\"keys\":[]}").unwrap_err(), KeySetError::Empty);
    }
}
