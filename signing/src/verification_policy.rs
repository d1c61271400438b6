//! What a verifier tolerates.

use crate::base_path::BasePaths;
use core::time::Duration;

/// What a verifier tolerates. It has no defaults: each verifier must state every value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationPolicy {
    /// The longest time between `created` and `expires`, in whole seconds.
    pub max_lifetime: Duration,
    /// The greatest difference between any two clocks, in whole seconds.
    pub skew: Duration,
    /// Whether a path that HTTP APIs show ambiguously is admitted: `/a%2Fb` and `/a/b` are one there.
    pub allow_ambiguous_path: bool,
    /// Whether every method but GET and HEAD needs a covered digest. If not, a digest is checked only if it is present.
    pub require_digest: bool,
    /// The mappings of custom domains. For a listed domain, an event is admitted only from a listed API and stage.
    pub base_paths: BasePaths,
}
