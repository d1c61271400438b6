//! Key files: made with a first key, and rotated by a plan of `signing` with an API key beside it.

use crate::{
    credentials::{new_api_key, new_key_id, new_secret},
    explain,
};
use anyhow::Result;
use key_store::{ApiKey, FileVersion, KeyFile};
use signing::{Key, KeyId, KeySet, NEVER_EXPIRES, RotationKind, RotationPlan, RotationSchedule, UnixSeconds};

/// The first key is valid at once by every clock: the largest difference between any two.
const SKEW: u64 = 5;

/// Makes a key file with a key that signs from now on, and an API key.
pub(crate) fn create(file: &KeyFile, now: UnixSeconds) -> Result<()> {
    let not_before = UnixSeconds::new(now.get().saturating_sub(SKEW));
    let key = Key::new(new_key_id(now)?, &*new_secret()?, not_before, NEVER_EXPIRES)?;
    file.create(&KeySet::new(vec![key])?, &[new_api_key()?]).map_err(explain::of_new_file)
}

/// What a rotation puts in the place of one version of a key file.
pub(crate) struct FileRotation {
    pub(crate) plan: RotationPlan<FileVersion>,
    /// The keys that are no longer in it.
    pub(crate) dropped: Vec<KeyId>,
    pub(crate) api_keys: Vec<ApiKey>,
}

/// Plans a rotation of the signing keys, and of the API key beside them.
pub(crate) fn plan(
    file: &KeyFile,
    kind: RotationKind,
    schedule: &RotationSchedule,
    now: UnixSeconds,
) -> Result<FileRotation> {
    let (old, version) = file.load_version()?;
    let secret = new_secret()?;
    let plan = RotationPlan::new(&old.keys, version, (new_key_id(now)?, &*secret), kind, schedule, now)?;
    let ids = old.keys.keys().iter().map(Key::id);
    let dropped = ids.filter(|id| plan.keys.get(id).is_none()).cloned().collect();
    let mut api_keys = Vec::new();
    if let Some(in_force) = old.api_keys.into_iter().next() {
        api_keys.push(new_api_key()?);
        // The one before it is still accepted, for requests on their way; not in an emergency, since others may know it.
        api_keys.extend((kind == RotationKind::Planned).then_some(in_force));
    }
    Ok(FileRotation { plan, dropped, api_keys })
}

/// Puts the new keys in the place of the version that they were planned from.
pub(crate) fn apply(
    file: &KeyFile,
    FileRotation { plan, api_keys, .. }: &FileRotation,
    now: UnixSeconds,
) -> Result<()> {
    plan.check_promotion(now)?;
    Ok(file.replace(&plan.planned_from, &plan.keys, api_keys)?)
}
