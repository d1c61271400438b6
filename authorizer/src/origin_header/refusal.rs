//! Why a request is refused for the origin's header.

use std::fmt;

/// The name of the header.
pub(super) const HEADER: &str = "x-origin-verify";

/// Why a request is refused for its header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginHeaderRefusal {
    /// The header is missing.
    #[error("{HEADER} is missing")]
    Missing,
    /// There is more than one header with this name or a name that resembles it.
    #[error("{HEADER} appears {0} times, counting names that differ from it only in case or in _ for -")]
    Repeated(usize),
    /// The header is not a name and a value.
    #[error("{HEADER} is not NAME.VALUE")]
    Malformed,
    /// No secret has that name now. It may have been deleted.
    #[error("{HEADER} names {0}, but no secret has that name")]
    Unknown(Name),
    /// The secret of that name holds another value.
    #[error("{HEADER} has another value than the secret named {0}")]
    Mismatch(Name),
}

impl OriginHeaderRefusal {
    /// The reason as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "origin-header-missing",
            Self::Repeated(_) => "origin-header-repeated",
            Self::Malformed => "origin-header-malformed",
            Self::Unknown(_) => "origin-header-unknown",
            Self::Mismatch(_) => "origin-header-mismatch",
        }
    }
}

/// The accepted form of NAME: 1 to 64 characters of `A`–`Z`, `a`–`z`, `0`–`9`, `-`, as the stack's `Timestamp` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Box<str>);

impl Name {
    pub(super) fn read(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(good)).then(|| Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
