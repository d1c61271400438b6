//! What is known beside the input.

use local::ApiKind;
use signing::{KeySet, UnixSeconds, VerificationPolicy};

/// What is known beside the input. Not `Debug`: nothing prints it.
pub(crate) struct Asked {
    pub(crate) keys: Option<KeySet>,
    pub(crate) policy: VerificationPolicy,
    pub(crate) api: ApiKind,
    pub(crate) stage: Option<String>,
    pub(crate) domain: Option<String>,
    /// If it is not the one of the event, or now.
    pub(crate) time: Option<UnixSeconds>,
    pub(crate) now: UnixSeconds,
}

#[cfg(test)]
impl Asked {
    /// Nothing is known beside the input, and the authorizer has its defaults.
    pub(crate) fn defaults() -> Self {
        Self {
            keys: None,
            policy: VerificationPolicy {
                max_lifetime: settings::Seconds::LIFETIME.default,
                skew: settings::Seconds::SKEW.default,
                allow_ambiguous_path: false,
                require_digest: false,
                base_paths: signing::BasePaths::default(),
            },
            api: ApiKind::Rest,
            stage: None,
            domain: None,
            time: None,
            now: UnixSeconds::new(1_795_687_200),
        }
    }
}
