use crate::origin_header::refusal::OriginHeaderRefusal;
use key_store::ReadError;
use signing::Refusal;
use telemetry::{Detail, Event};

/// Why a request may not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A rule does not hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The last rule does not hold, which is not about the signature.
    #[error(transparent)]
    OriginHeader(#[from] OriginHeaderRefusal),
    /// The path cannot be passed on to the API, which would then have no path to compare.
    #[error("the signed path does not fit into the answer, which must be under 8,192 bytes")]
    PathTooLong,
    /// It is not known whether the rules hold.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The rules need a value that could not be read, or is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The keys.
    #[error("the authorizer does not have a usable key set: see the failed reads in this log")]
    Keys,
    /// The value of the origin's header.
    #[error("the authorizer does not have a usable value of the origin's header: see the failed reads in this log")]
    OriginHeader,
}

/// A request that monitor mode allows although it would be refused. It does not prove anything.
#[derive(Debug)]
pub struct Unverified(pub Failure);

impl Failure {
    /// The reason as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::OriginHeader(refusal) => refusal.reason(),
            Self::PathTooLong => "path-too-long",
            Self::Unavailable(Unavailable::Keys) => "no-keys",
            Self::Unavailable(Unavailable::OriginHeader) => "no-origin-header",
        }
    }
}

/// A failed read of what `reason` names. The words of its store say what to do.
pub(crate) fn refresh_failed<'a>(reason: &'static str, error: &'a ReadError) -> Event<'a> {
    Event::RefreshFailed { reason, detail: Detail(error), key_set_age: None, x_amz_cf_id: None }
}
