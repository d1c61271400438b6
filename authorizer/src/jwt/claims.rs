//! The claims of a token whose signature is verified.

use super::{config::IssuerRules, json::Object, refusal::TokenRefusal, scope::Scope};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// The latest accepted time of a claim, the end of the year 9999: the last that RFC 3339 can write. A time in milliseconds is later.
const LATEST: f64 = 253_402_300_799.0;

/// The claims by which an issuer names the client to which it has issued a token: `client_id` (RFC 9068, Amazon Cognito, Auth0),
/// `azp` (OpenID Connect: Auth0, Keycloak, Microsoft Entra ID v2.0), `appid` (Microsoft Entra ID v1.0), `cid` (Okta).
const CLIENT: [&str; 4] = ["client_id", "azp", "appid", "cid"];

/// The claims that the issuer has signed. It is not known yet whether they are for this API, or still valid.
pub(super) struct Claims {
    issuer: String,
    others: Object,
}

/// The claims of a token that is accepted, except for its scopes.
pub(super) struct AcceptedClaims {
    pub(super) issuer: String,
    pub(super) scopes: Vec<String>,
    /// All claims but the issuer.
    pub(super) others: Object,
}

impl Claims {
    /// Only for [`super::token::UnverifiedToken::verify`].
    pub(super) fn of_verified(issuer: String, others: Object) -> Self {
        Self { issuer, others }
    }

    /// Checks that the token is valid at `now`, with this tolerance, and is for this API.
    pub(super) fn check(
        self,
        rules: &IssuerRules,
        skew: Duration,
        now: SystemTime,
    ) -> Result<AcceptedClaims, TokenRefusal> {
        self.check_times(skew.as_secs_f64(), now)?;
        self.check_audience(rules)?;
        if let Some(accepted) = &rules.token_use
            && self.text("token_use")? != Some(accepted)
        {
            return Err(TokenRefusal::Use);
        }
        // Its type is wrong only in a damaged token. Everybody who reads it afterwards can rely on it.
        self.text("sub")?;
        let scopes = self.scopes()?;
        Ok(AcceptedClaims { issuer: self.issuer, scopes, others: self.others })
    }

    fn check_times(&self, skew: f64, now: SystemTime) -> Result<(), TokenRefusal> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let distance = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let problem = "is missing: a token without an end is not accepted";
        let exp = self.time("exp")?.ok_or(TokenRefusal::Claim { claim: "exp", problem })?;
        if now >= exp + skew {
            return Err(TokenRefusal::Expired { ago: distance(now - exp) });
        }
        if let Some(nbf) = self.time("nbf")?
            && nbf > now + skew
        {
            return Err(TokenRefusal::NotYetValid { ahead: distance(nbf - now) });
        }
        if let Some(iat) = self.time("iat")?
            && iat > now + skew
        {
            return Err(TokenRefusal::IssuedInFuture { ahead: distance(iat - now) });
        }
        Ok(())
    }

    fn check_audience(&self, rules: &IssuerRules) -> Result<(), TokenRefusal> {
        let audiences = self.texts("aud", "is not text and not a list of texts")?;
        let is_listed = |listed: &[Box<str>], value: &str| listed.iter().any(|listed| **listed == *value);
        if !rules.audiences.is_empty() && !audiences.iter().any(|audience| is_listed(&rules.audiences, audience)) {
            return Err(TokenRefusal::Audience);
        }
        if !rules.clients.is_empty() {
            // If there are several, an attacker must not choose the one that is compared.
            let mut named = 0;
            for claim in CLIENT {
                match self.text(claim)? {
                    Some(client) if is_listed(&rules.clients, client) => named += 1,
                    Some(_) => return Err(TokenRefusal::Client),
                    None => {}
                }
            }
            if named == 0 {
                return Err(TokenRefusal::Client);
            }
        }
        Ok(())
    }

    /// The scopes: those of `scope` (RFC 9068, section 2.2.3), or without it those of `scp` (Microsoft Entra ID, Okta). Both may be
    /// text with spaces between the scopes, or a list.
    fn scopes(&self) -> Result<Vec<String>, TokenRefusal> {
        let claim = if self.others.contains_key("scope") { "scope" } else { "scp" };
        let problem = "is not text and not a list of texts without spaces";
        let listed = self.texts(claim, problem)?;
        if !matches!(self.others.get(claim), Some(Value::Array(_))) {
            return Ok(listed
                .iter()
                .flat_map(|text| text.split(' '))
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect());
        }
        // A space in one scope would make two of it where scopes are passed on as text.
        if listed.iter().any(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
            return Err(TokenRefusal::Claim { claim, problem });
        }
        Ok(listed.into_iter().map(str::to_owned).collect())
    }

    /// A `NumericDate` (RFC 7519, section 2): seconds since 1970, which may have a fraction.
    fn time(&self, claim: &'static str) -> Result<Option<f64>, TokenRefusal> {
        let Some(value) = self.others.get(claim) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=LATEST).contains(seconds));
        let problem = "is not a number of seconds from 1970 to 9999";
        seconds.map(Some).ok_or(TokenRefusal::Claim { claim, problem })
    }

    fn text(&self, claim: &'static str) -> Result<Option<&str>, TokenRefusal> {
        match self.others.get(claim) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenRefusal::Claim { claim, problem: "is not text" }),
        }
    }

    fn texts(&self, claim: &'static str, problem: &'static str) -> Result<Vec<&str>, TokenRefusal> {
        match self.others.get(claim) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(list)) => {
                let texts: Option<_> = list.iter().map(Value::as_str).collect();
                texts.ok_or(TokenRefusal::Claim { claim, problem })
            }
            Some(_) => Err(TokenRefusal::Claim { claim, problem }),
        }
    }
}

impl AcceptedClaims {
    /// Whether the token has this scope. Case counts.
    pub(super) fn has(&self, scope: &Scope) -> bool {
        self.scopes.iter().any(|own| own == scope.as_str())
    }

    /// The client to which the token was issued, if the issuer names it.
    pub(super) fn client(&self) -> Option<&str> {
        CLIENT.iter().find_map(|claim| self.others.get(*claim)?.as_str())
    }
}
