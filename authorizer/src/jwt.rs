//! The check of bearer tokens: JSON Web Tokens (RFC 7519) that an issuer has signed, in the header `Authorization`.
//!
//! [`JwtCheck::check`] applies these rules in this order, and stops at the first that does not hold:
//!
//! 1. The request has one `Authorization: Bearer TOKEN` (RFC 6750, section 2.1), and the token has at most 8,192 bytes.
//! 2. The token is a JWS in compact form (RFC 7515, section 3.1). Its header and payload are JSON objects, in which no name appears
//!    twice. The header asks for nothing that is not done here, like `crit`, and does not bring a key.
//! 3. Its `iss` is an issuer of the configuration, byte for byte, and its `alg` is one that this issuer may use.
//! 4. The issuer publishes one key for this `alg` and `kid`, and the signature is of that key. Only now the other claims are read.
//! 5. The token is valid now, and is for this API: `exp`, `nbf`, `iat`, `aud`, `client_id`, `token_use`.
//! 6. It has the scopes that the route asks for.

mod algorithm;
mod bearer;
mod claims;
mod config;
mod context;
mod issuer;
mod json;
mod keys;
mod refusal;
mod scope;
mod token;
mod url;

pub use config::JwtConfig;
pub use context::JwtContext;
pub use refusal::{IssuerUnavailable, JwtFailure, TokenRefusal};
pub use scope::{Scope, ScopeError};

use config::ChosenClaims;
use issuer::Issuer;
use key_store::{Documents, ReadError};
use keys::IssuerKeys;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use telemetry::{Detail, Event, Log};
use token::UnverifiedToken;

/// The check of one process: its configuration, and the keys of the issuers that it has read.
#[derive(Debug)]
pub struct JwtCheck {
    issuers: Vec<Issuer>,
    skew: Duration,
    handed_on: ChosenClaims,
    log: Log,
}

impl JwtCheck {
    /// A check without keys. It makes no client and no connection before the first token needs a key.
    pub fn new(config: JwtConfig, log: Log) -> Self {
        let JwtConfig { issuers, skew, handed_on, limits } = config;
        let documents = Documents::new();
        let issuers = issuers.into_iter().map(|rules| Issuer::new(rules, limits, documents.clone())).collect();
        Self { issuers, skew, handed_on, log }
    }

    /// Checks the token of a request with these headers, and returns what the API may know of it. Of each list in `scopes` the
    /// token must have one scope. Logs each read of an issuer's keys.
    ///
    /// # Errors
    /// The first rule that does not hold, or that the issuer's keys cannot be had.
    pub async fn check(
        &self,
        headers: &[(&str, &str)],
        scopes: &[Vec<Scope>],
        now: SystemTime,
    ) -> Result<JwtContext, JwtFailure> {
        let token = UnverifiedToken::parse(bearer::token(headers)?)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.rules.issuer == *token.issuer());
        let issuer = issuer.ok_or(TokenRefusal::Issuer)?;
        if !issuer.rules.algorithms.contains(&token.algorithm()) {
            return Err(TokenRefusal::Algorithm.into());
        }
        let keys = self.keys(issuer, &token, now).await?;
        let claims = token.verify(&keys)?.check(&issuer.rules, self.skew, now)?;
        if let Some(required) = scopes.iter().find(|any| !any.iter().any(|scope| claims.has(scope))) {
            return Err(JwtFailure::Scope { required: required.clone() });
        }
        Ok(JwtContext::of(&claims, &self.handed_on))
    }

    /// The keys that may be used now, read again if that is due, or if they do not have the token's.
    async fn keys(
        &self,
        issuer: &Issuer,
        token: &UnverifiedToken<'_>,
        now: SystemTime,
    ) -> Result<Arc<IssuerKeys>, JwtFailure> {
        let mut cached = issuer.keys.get(now);
        if cached.due {
            self.log_read(issuer, issuer.keys.refresh(now).await, now);
            cached = issuer.keys.get(now);
        }
        if cached.value.as_ref().is_some_and(|keys| !token.has_key_in(keys)) {
            self.log_read(issuer, issuer.keys.refresh_unless(|keys| token.has_key_in(keys), now).await, now);
            cached = issuer.keys.get(now);
        }
        let unavailable = || JwtFailure::Unavailable(IssuerUnavailable { issuer: issuer.rules.issuer.as_str().into() });
        cached.value.ok_or_else(unavailable)
    }

    fn log_read(&self, issuer: &Issuer, read: Result<Option<Arc<IssuerKeys>>, ReadError>, now: SystemTime) {
        let name = issuer.rules.issuer.as_str();
        match read {
            Ok(Some(keys)) => {
                let unusable = keys.unusable().map(|text| Detail(text));
                self.log.write(&Event::IssuerKeysRead { issuer: name, keys: keys.len(), unusable }, now);
            }
            Ok(None) => {}
            Err(error) => {
                let error = format_args!("the keys of the issuer {name} could not be read: {error}").to_string();
                let (reason, detail) = ("token-keys", Detail(&error));
                self.log.write(&Event::RefreshFailed { reason, detail, key_set_age: None, x_amz_cf_id: None }, now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
