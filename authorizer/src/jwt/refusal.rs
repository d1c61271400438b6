//! Why a token is refused. No text has a part of the token: only lengths, times, and names of our own configuration.

use super::scope::Scope;
use std::{fmt, time::Duration};

/// The greatest length of a token. API Gateway accepts 10,240 bytes in all headers of a request together, and those of the
/// signature need about 1,000.
pub(super) const MAX_BYTES: usize = 8_192;

/// Why the check of a token does not allow a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtFailure {
    /// The token is missing or not valid: 401 (RFC 6750, section 3.1).
    #[error(transparent)]
    Refused(#[from] TokenRefusal),
    /// The token is valid, but does not have any of the scopes that the route accepts: 403 (RFC 6750, section 3.1).
    #[error("the token does not have any of the scopes that the route accepts: {}", Scopes(.required))]
    Scope {
        /// The scopes that the route accepts.
        required: Vec<Scope>,
    },
    /// It is not known whether the token is valid.
    #[error(transparent)]
    Unavailable(#[from] IssuerUnavailable),
}

/// The keys of an issuer could not be read, or are too old.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorizer does not have usable keys of the issuer {issuer}: see the failed reads in this log")]
pub struct IssuerUnavailable {
    /// The issuer, as the configuration names it.
    pub issuer: Box<str>,
}

/// Why a token is refused, in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// The header is missing.
    #[error("authorization is missing")]
    Missing,
    /// There is more than one header with this name or a name that resembles it.
    #[error("authorization appears {0} times, counting names that differ from it only in case or in _ for -")]
    Repeated(usize),
    /// The header is not the scheme and a token (RFC 6750, section 2.1).
    #[error("authorization is not `Bearer TOKEN`")]
    NotBearer,
    /// The token is longer than is accepted.
    #[error("the token has more than the accepted {} bytes", MAX_BYTES)]
    TooLong,
    /// The token is not a JWS in compact form (RFC 7515, section 3.1) with a header and a payload that are JSON objects.
    #[error("the token is not a signed JSON Web Token: {0}")]
    Malformed(&'static str),
    /// The header has a member that is not accepted, or not in this form.
    #[error("the token's header is not accepted: {0}")]
    Header(&'static str),
    /// The token says that it is of another kind (RFC 7515, section 4.1.9).
    #[error("the token's `typ` is not JWT or at+jwt")]
    Type,
    /// The signature has no accepted algorithm.
    #[error("the token's `alg` is not an accepted algorithm of its issuer")]
    Algorithm,
    /// The issuer is not one of the configuration.
    #[error("the token's `iss` is not a configured issuer, compared byte for byte")]
    Issuer,
    /// The issuer does not publish the key.
    #[error("the issuer does not publish a key for {algorithm} with the token's `kid`")]
    KeyUnknown {
        /// The algorithm of the token.
        algorithm: &'static str,
    },
    /// The issuer publishes several keys that may be the one.
    #[error("the issuer publishes {keys} keys for {algorithm} that may be the token's: each needs its own `kid`")]
    KeyAmbiguous {
        /// The algorithm of the token.
        algorithm: &'static str,
        /// The number of these keys.
        keys: usize,
    },
    /// The signature is not of the key.
    #[error("the token's signature is not valid")]
    Signature,
    /// A claim is missing, or does not have the type that it must have.
    #[error("the token's claim `{claim}` {problem}")]
    Claim {
        /// The name of the claim.
        claim: &'static str,
        /// What is wrong, and what is accepted.
        problem: &'static str,
    },
    /// `exp` is in the past.
    #[error("the token expired {} s ago", .ago.as_secs())]
    Expired {
        /// How long ago.
        ago: Duration,
    },
    /// `nbf` is in the future.
    #[error("the token is valid only in {} s", .ahead.as_secs())]
    NotYetValid {
        /// In how long.
        ahead: Duration,
    },
    /// `iat` is in the future.
    #[error("the token was issued {} s in the future", .ahead.as_secs())]
    IssuedInFuture {
        /// In how long.
        ahead: Duration,
    },
    /// The token is for other audiences.
    #[error("the token's `aud` has none of the configured audiences")]
    Audience,
    /// The token was issued to another client.
    #[error("the token's `client_id`, `azp`, `appid` or `cid` is not a configured client")]
    Client,
    /// The token is for another use (Amazon Cognito).
    #[error("the token's `token_use` is not the configured one")]
    Use,
}

impl JwtFailure {
    /// The reason as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::Scope { .. } => "token-scope",
            Self::Unavailable(_) => "token-no-keys",
        }
    }
}

impl TokenRefusal {
    /// The reason as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::Repeated(_) => "token-repeated",
            Self::NotBearer => "token-not-bearer",
            Self::TooLong => "token-too-long",
            Self::Malformed(_) => "token-malformed",
            Self::Header(_) => "token-header",
            Self::Type => "token-type",
            Self::Algorithm => "token-algorithm",
            Self::Issuer => "token-issuer",
            Self::KeyUnknown { .. } => "token-key-unknown",
            Self::KeyAmbiguous { .. } => "token-key-ambiguous",
            Self::Signature => "token-signature",
            Self::Claim { .. } => "token-claim",
            Self::Expired { .. } => "token-expired",
            Self::NotYetValid { .. } => "token-not-yet-valid",
            Self::IssuedInFuture { .. } => "token-issued-in-future",
            Self::Audience => "token-audience",
            Self::Client => "token-client",
            Self::Use => "token-use",
        }
    }
}

/// Names of scopes with commas between them.
struct Scopes<'a>(&'a [Scope]);

impl fmt::Display for Scopes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_sentence() {
        let scope = |text| Scope::try_from(text).unwrap();
        for (failure, expected) in [
            (
                TokenRefusal::Repeated(2).into(),
                "authorization appears 2 times, counting names that differ from it only in case or in _ for -",
            ),
            (TokenRefusal::TooLong.into(), "the token has more than the accepted 8192 bytes"),
            (TokenRefusal::Expired { ago: Duration::from_millis(61_900) }.into(), "the token expired 61 s ago"),
            (
                TokenRefusal::KeyUnknown { algorithm: "RS256" }.into(),
                "the issuer does not publish a key for RS256 with the token's `kid`",
            ),
            (
                JwtFailure::Scope { required: vec![scope("a"), scope("b")] },
                "the token does not have any of the scopes that the route accepts: a, b",
            ),
            (
                IssuerUnavailable { issuer: "https://i".into() }.into(),
                "the authorizer does not have usable keys of the issuer https://i: see the failed reads in this log",
            ),
        ] {
            assert_eq!(failure.to_string(), expected);
            assert!(failure.reason().starts_with("token-"));
        }
    }
}
