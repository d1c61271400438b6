//! The first key of an empty secret.

use super::{KeyRotator, newest};
use crate::{error::RotateError, secret::EMPTY, version::Snapshot};
use signing::{Key, KeyId, KeySet, NEVER_EXPIRES, UnixSeconds};

impl KeyRotator {
    /// Makes the first key in a secret that holds nothing. It may be used at once, by every clock, and has no end.
    ///
    /// # Errors
    /// Where the secret holds keys, also where another has made the first one at the same time; those stay. Where AWS refuses or
    /// fails.
    pub async fn make_first(&self, kid: &KeyId) -> Result<Snapshot, RotateError> {
        let arn = self.secret.arn();
        let there = |id: &str| {
            RotateError::Secret(format!(
                "{arn} holds keys already, in version {id}, which stay: `countersign keys show --secret {arn}` shows them"
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
        // The next rotation takes it off where this fails.
        let _ = self.secret.take_off_pending(kid.as_str()).await;
        let snapshot = self.read().await?;
        if !made || newest(&snapshot.current.keys) != Some(kid) {
            return Err(RotateError::Secret(format!(
                "another has made the first key of {arn} at the same time, in version {}, and that stays: `countersign keys show \
                --secret {arn}` shows it",
                snapshot.current.id
            )));
        }
        Ok(snapshot)
    }
}
