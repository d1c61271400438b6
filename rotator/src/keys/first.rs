//! The first key of an empty secret.

use super::{KeyRotator, newest};
use crate::{error::RotateError, secret::EMPTY, version::Snapshot};
use signing::{Key, KeyId, KeySet, NEVER_EXPIRES, UnixSeconds};

impl KeyRotator {
    /// Makes the first key in an empty secret. By every clock the key may be used at once, and it never expires.
    ///
    /// # Errors
    /// If the secret already holds keys, which then stay, also if another process made them at the same time. If a call
    /// to AWS fails.
    pub async fn make_first(&self, kid: &KeyId) -> Result<Snapshot, RotateError> {
        let arn = self.secret.arn();
        let there = |id: &str| {
            RotateError::Secret(format!(
                "{arn} already holds keys, in version {id}, and they stay: see them with `countersign keys show \
                --secret {arn}`"
            ))
        };
        let described = self.secret.describe().await?;
        if let Some(current) = described.current() {
            return Err(there(current));
        }
        for id in described.labels.keys() {
            if self.secret.content(id).await?.err().is_none_or(|problem| problem != EMPTY) {
                return Err(self.secret.no_current(&described, true));
            }
        }
        let secret = (self.platform.new_secret)()?;
        let skew = self.schedule.timings().skew.as_secs();
        let not_before = UnixSeconds::new(self.platform.seconds().get().saturating_sub(skew));
        let key = Key::new(kid.clone(), &*secret, not_before, NEVER_EXPIRES);
        let keys = key
            .map_err(|error| error.to_string())
            .and_then(|key| KeySet::new(vec![key]).map_err(|error| error.to_string()));
        let keys = keys.map_err(RotateError::Secret)?;
        let made = self.secret.put_first(kid.as_str(), &keys.to_json()).await?;
        // If this fails, the next rotation removes the label.
        let _ = self.secret.take_off_pending(kid.as_str()).await;
        let snapshot = self.read().await?;
        if !made || newest(&snapshot.current.keys) != Some(kid) {
            return Err(RotateError::Secret(format!(
                "another process made the first key of {arn} at the same time, in version {}, and this key stays: see it with \
                `countersign keys show --secret {arn}`",
                snapshot.current.id
            )));
        }
        Ok(snapshot)
    }
}
