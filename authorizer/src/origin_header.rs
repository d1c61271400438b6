//! The last rule: the secret header that CloudFront adds for its origin, `x-origin-verify: NAME.VALUE`.
//!
//! It is a second lock behind the signature, if the configuration requires it. NAME is the name of the secret that
//! holds VALUE. So the values from before and after a rotation are both valid while both secrets exist, and a value is
//! no longer valid after its secret is deleted. The signature is checked before, so only a sender of signed requests
//! can make this code look up a name.

pub(crate) mod refusal;

use crate::failure::{Failure, Unavailable, refresh_failed};
use key_store::{Cache, CacheLimits, NamedSecret, NamedSecrets, SecretPrefix, SecretText, aws::SdkConfig};
use refusal::{HEADER, Name, OriginHeaderRefusal};
use signing::{Verified, resembles};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use telemetry::Log;

/// The number of names that are kept. A rotation needs two; a captured signed request can be replayed with any other
/// names.
const NAMES: usize = 4;
/// How long a name without a secret is not looked up again.
const UNKNOWN: Duration = Duration::from_secs(10);

/// Proof that a request may pass: its signature is verified, and it has the origin's header if that is required. Only
/// [`OriginHeader::check`] makes it.
///
/// ```compile_fail,E0423
/// # use authorizer::Admissible;
/// # use signing::Verified;
/// # fn forge(verified: Verified<'_>) -> Admissible<'_> {
/// Admissible(verified)
/// # }
/// ```
/// ```
/// # use authorizer::{Admissible, Failure, OriginHeader};
/// # use signing::Verified;
/// # async fn check<'a>(
/// #     rule: &OriginHeader, verified: Verified<'a>, now: std::time::SystemTime,
/// # ) -> Result<Admissible<'a>, Failure> {
/// rule.check(verified, &[], now).await
/// # }
/// ```
#[derive(Debug)]
pub struct Admissible<'a>(Verified<'a>);

impl<'a> Admissible<'a> {
    /// The verified parts of the request.
    pub fn verified(&self) -> &Verified<'a> {
        &self.0
    }
}

/// The rule of one process, and the values that it has read.
#[derive(Debug)]
pub struct OriginHeader {
    asked: Option<Values>,
}

impl OriginHeader {
    /// Requires the header. Its values are in the secrets `PREFIX/NAME/value`. Without a prefix the header is not
    /// required.
    pub fn new(prefix: Option<SecretPrefix>, limits: CacheLimits, aws: &SdkConfig, log: Log) -> Self {
        let values = |prefix| Values { secrets: NamedSecrets::new(prefix, aws), limits, names: Mutex::default(), log };
        Self { asked: prefix.map(values) }
    }

    /// Checks the header of a request whose signature is verified.
    ///
    /// # Errors
    /// Why the request may not pass, or that this cannot be decided.
    pub async fn check<'a>(
        &self,
        verified: Verified<'a>,
        headers: &[(&str, &str)],
        now: SystemTime,
    ) -> Result<Admissible<'a>, Failure> {
        if let Some(values) = &self.asked {
            let received = ReceivedValue::read(headers)?;
            values.confirm(&received, now).await?;
        }
        Ok(Admissible(verified))
    }
}

/// The header as a request shows it. Not `Debug`: the value may be the secret.
struct ReceivedValue<'a> {
    name: Name,
    value: &'a str,
}

impl<'a> ReceivedValue<'a> {
    fn read(headers: &[(&str, &'a str)]) -> Result<Self, OriginHeaderRefusal> {
        let found: Vec<_> = headers.iter().filter(|(name, _)| resembles(name, HEADER)).collect();
        let value = match *found {
            [(name, value)] if name.eq_ignore_ascii_case(HEADER) => value,
            [] | [_] => return Err(OriginHeaderRefusal::Missing),
            _ => return Err(OriginHeaderRefusal::Repeated(found.len())),
        };
        // An HTTP API joins several values with commas. Neither part may have a comma.
        let parts = value.split_once('.').filter(|(_, value)| SecretText::is_one(value));
        let received = parts.and_then(|(name, value)| Some(Self { name: Name::read(name)?, value }));
        received.ok_or(OriginHeaderRefusal::Malformed)
    }
}

/// The values by their names, each in a cache with the rules of the key cache.
#[derive(Debug)]
struct Values {
    secrets: NamedSecrets,
    limits: CacheLimits,
    /// The name that was used last is the last one.
    names: Mutex<Vec<Kept>>,
    log: Log,
}

#[derive(Debug)]
struct Kept {
    name: Name,
    cache: Arc<Cache<NamedSecret>>,
}

impl Values {
    async fn confirm(&self, received: &ReceivedValue<'_>, now: SystemTime) -> Result<(), Failure> {
        let cache = self.cache(&received.name, now);
        // The answer that a secret does not exist stays until it is dropped, also with a shorter TTL.
        if !is_unknown(&cache, now)
            && let Err(error) = cache.refresh(now).await
        {
            self.log.write(&refresh_failed("origin-header", &error), now);
        }
        match cache.get(now).value.as_deref() {
            Some(Some(secret)) if secret.is(received.value) => Ok(()),
            Some(Some(_)) => Err(OriginHeaderRefusal::Mismatch(received.name.clone()).into()),
            Some(None) => Err(OriginHeaderRefusal::Unknown(received.name.clone()).into()),
            None => Err(Unavailable::OriginHeader.into()),
        }
    }

    /// The cache of a name. If there is no room, a name without a value is dropped, or else the name that was not used
    /// for the longest time. So invented names do not push out valid names.
    fn cache(&self, name: &Name, now: SystemTime) -> Arc<Cache<NamedSecret>> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|kept| !is_unknown(&kept.cache, now) || kept.cache.get(now).age < UNKNOWN);
        let kept = if let Some(at) = names.iter().position(|kept| kept.name == *name) {
            names.remove(at)
        } else {
            if names.len() >= NAMES {
                let has_none = |kept: &Kept| !matches!(kept.cache.get(now).value.as_deref(), Some(Some(_)));
                let goes = names.iter().position(has_none).unwrap_or_default();
                names.remove(goes);
            }
            let secret = self.secrets.named(&format!("{name}/value"));
            Kept { name: name.clone(), cache: Arc::new(Cache::new(secret, self.limits)) }
        };
        let cache = Arc::clone(&kept.cache);
        names.push(kept);
        cache
    }
}

/// Whether the secret did not exist at the last read.
fn is_unknown(cache: &Cache<NamedSecret>, now: SystemTime) -> bool {
    matches!(cache.get(now).value.as_deref(), Some(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_one_name_and_one_value() {
        let value = "0123456789abcdefghijklmnopqrstuvwxyzABCDEF";
        let good = format!("2026-11-22T06-04-05Z.{value}");
        let read = |headers: &[(&str, &str)]| {
            ReceivedValue::read(headers).map(|received| (received.name.to_string(), received.value.to_owned()))
        };
        for name in ["2026-11-22T06-04-05Z", "2026-11-22", "fixed", &"n".repeat(64)] {
            let text = format!("{name}.{value}");
            let expected = Ok((name.to_owned(), value.to_owned()));
            assert_eq!(read(&[("Host", "h"), ("x-origin-verify", &text)]), expected);
            assert_eq!(read(&[("X-ORIGIN-Verify", &text)]), expected);
        }
        assert_eq!(read(&[]), Err(OriginHeaderRefusal::Missing));
        assert_eq!(read(&[("x-origin-verified", &good)]), Err(OriginHeaderRefusal::Missing));
        let twice = [("x-origin-verify", good.as_str()), ("X-Origin-Verify", &good)];
        assert_eq!(read(&twice), Err(OriginHeaderRefusal::Repeated(2)));
        let spelled = [("x-origin-verify", good.as_str()), ("x_origin_verify", "")];
        assert_eq!(read(&spelled), Err(OriginHeaderRefusal::Repeated(2)));
        assert_eq!(read(&[("x_origin_verify", good.as_str())]), Err(OriginHeaderRefusal::Missing));
        assert_eq!(read(&[("X-Origin_Verify", good.as_str())]), Err(OriginHeaderRefusal::Missing));
        for text in [
            String::new(),
            ".".to_owned(),
            value.to_owned(),
            format!(".{value}"),
            format!("{}.{value}", "n".repeat(65)),
            "fixed.".to_owned(),
            format!("fixed.{}", "v".repeat(31)),
            format!("fixed.{}", "v".repeat(129)),
            format!("fixed.{value}.{value}"),
            format!("fixed.{value} "),
            format!(" fixed.{value}"),
            format!("fi_xed.{value}"),
            format!("a/b.{value}"),
            format!("é.{value}"),
            format!("fixed.{value}é"),
            format!("{good},{good}"),
            format!("{good}, {good}"),
        ] {
            assert_eq!(read(&[("x-origin-verify", &text)]), Err(OriginHeaderRefusal::Malformed), "{text}");
        }
    }

    #[test]
    fn a_refusal_has_the_name_and_never_the_value() {
        let name = Name::read("fixed").unwrap();
        for (refusal, expected) in [
            (OriginHeaderRefusal::Missing, "x-origin-verify is missing"),
            (
                OriginHeaderRefusal::Repeated(2),
                "x-origin-verify appears 2 times, counting names that differ from it only in case or in _ for -",
            ),
            (OriginHeaderRefusal::Malformed, "x-origin-verify is not NAME.VALUE"),
            (OriginHeaderRefusal::Unknown(name.clone()), "x-origin-verify names fixed, but no secret has that name"),
            (OriginHeaderRefusal::Mismatch(name), "x-origin-verify has another value than the secret named fixed"),
        ] {
            assert_eq!(refusal.to_string(), expected);
        }
    }
}
