//! The configuration of the signer: custom headers of the origin, where no viewer can put any.

use crate::Origin;
use key_store::{Limits, Source, SourceError};
use signing::{Field, METHOD_OVERRIDES, resembles, resembles_ours};
use std::{ops::RangeInclusive, time::Duration};

const SECRET: &str = "countersign-secret";
const REGIONS: &str = "countersign-regions";
const MODE: &str = "countersign-mode";
const BODY: &str = "countersign-body";
const API: &str = "countersign-api";
const LIFETIME: &str = "countersign-lifetime";
const TTL: &str = "countersign-ttl";
const MAX_STALE: &str = "countersign-max-stale";

/// How one origin's requests are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `countersign-secret` and `countersign-regions`: where the keys are; `None` for `none`, an origin whose requests pass
    /// through unsigned.
    pub source: Option<Source>,
    /// `countersign-mode`
    pub mode: Mode,
    /// `countersign-body`
    pub body: BodyRule,
    /// `countersign-lifetime`: how long a signature is good, in whole seconds.
    pub lifetime: Duration,
    /// `countersign-ttl` and `countersign-max-stale`
    pub limits: Limits,
}

/// What becomes of a request that cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is answered at the edge.
    Enforce,
    /// It is sent on unsigned.
    Monitor,
}

/// What is done about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRule {
    /// A body that the edge sees whole is covered.
    Digest,
    /// No digest is computed or compared.
    Ignore,
    /// Every request but a GET or HEAD has a digest: a body that the edge does not see whole is refused, and where there is no
    /// body, the empty one is covered.
    Require,
}

/// A custom header of the origin that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("origin custom header {header}: {problem}")]
pub struct Misconfigured {
    /// Its name.
    pub header: String,
    /// What is wrong, and what is accepted.
    pub problem: &'static str,
}

impl Config {
    /// How long a process at the edge keeps its keys, and at most may: read again every five minutes, used through an outage of
    /// thirty. A rotation reckons with both, so that an origin may only shorten them.
    pub const LIMITS: Limits = Limits { ttl: Duration::from_secs(300), max_stale: Duration::from_secs(1800) };

    /// Reads the configuration, every part of it.
    ///
    /// # Errors
    /// The first header that is wrong.
    pub fn read(origin: &Origin<'_>) -> Result<Self, Misconfigured> {
        for header in &origin.custom_headers {
            let known = [SECRET, REGIONS, MODE, BODY, API, LIFETIME, TTL, MAX_STALE];
            let is_known = known.iter().any(|name| name.eq_ignore_ascii_case(header.name));
            if resembles_ours(header.name) && !is_known {
                return Err(wrong(
                    header.name,
                    "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
                ));
            }
            let is_one_of = |names: &[&str]| names.iter().any(|name| resembles(name, header.name));
            if is_one_of(&["host", Field::ContentDigest.name()]) {
                return Err(wrong(header.name, "is set by the signer itself: remove this custom header"));
            }
            if is_one_of(&METHOD_OVERRIDES) {
                return Err(wrong(header.name, "is refused by the authorizer: remove this custom header"));
            }
            if is_one_of(&["content-length", "transfer-encoding"]) {
                return Err(wrong(header.name, "announces a body in every request: remove this custom header"));
            }
        }
        let source = match (single(origin, SECRET)?, single(origin, REGIONS)?) {
            (None, _) => {
                return Err(wrong(SECRET, "is missing: accepted is the ARN of a secret, or none to send on unsigned"));
            }
            (Some("none"), None) => None,
            (Some("none"), Some(_)) => return Err(wrong(REGIONS, "goes with the ARN of a secret")),
            (Some(secret), regions) => Some(Source::parse(secret, regions).map_err(|error| match error {
                SourceError::Secret => wrong(
                    SECRET,
                    "accepted is the whole ARN of a secret, none to send on unsigned, or file:PATH for local runs",
                ),
                SourceError::Regions(_) => wrong(REGIONS, "accepted is a list of Regions, like eu-west-1,us-east-1"),
                SourceError::RegionsOfFile => wrong(REGIONS, "goes with the ARN of a secret"),
            })?),
        };
        let body = match single(origin, BODY)? {
            None | Some("digest") => BodyRule::Digest,
            Some("ignore") => BodyRule::Ignore,
            Some("require") => BodyRule::Require,
            Some(_) => return Err(wrong(BODY, "accepted is digest, ignore or require")),
        };
        // Both kinds are signed alike; the word is checked so that no one believes another kind to be.
        if !matches!(single(origin, API)?, None | Some("rest" | "http")) {
            return Err(wrong(API, "accepted is rest or http"));
        }
        const LONG: &str = "accepted is a whole number of seconds from 1 to 300";
        const STALE: &str = "accepted is a whole number of seconds from 0 to 1800";
        let lifetime = seconds(origin, LIFETIME, Duration::from_secs(60), 1..=300, LONG)?;
        let limits = Limits {
            ttl: seconds(origin, TTL, Self::LIMITS.ttl, 1..=300, LONG)?,
            max_stale: seconds(origin, MAX_STALE, Self::LIMITS.max_stale, 0..=1800, STALE)?,
        };
        Ok(Self { source, mode: Mode::read(origin)?, body, lifetime, limits })
    }
}

impl Mode {
    /// Reads the mode alone, so that it is known where something else is wrong.
    pub(crate) fn read(origin: &Origin<'_>) -> Result<Self, Misconfigured> {
        match single(origin, MODE)? {
            None | Some("enforce") => Ok(Self::Enforce),
            Some("monitor") => Ok(Self::Monitor),
            Some(_) => Err(wrong(MODE, "accepted is enforce or monitor")),
        }
    }
}

fn seconds(
    origin: &Origin<'_>,
    name: &'static str,
    default: Duration,
    accepted: RangeInclusive<u64>,
    problem: &'static str,
) -> Result<Duration, Misconfigured> {
    match single(origin, name)?.map(str::parse) {
        None => Ok(default),
        Some(Ok(seconds)) if accepted.contains(&seconds) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err(wrong(name, problem)),
    }
}

fn single<'a>(origin: &Origin<'a>, name: &'static str) -> Result<Option<&'a str>, Misconfigured> {
    let mut values = origin.custom_headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(wrong(name, "has more than one value")),
        (value, None) => Ok(value.map(|header| header.value)),
    }
}

fn wrong(header: &str, problem: &'static str) -> Misconfigured {
    Misconfigured { header: header.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Header;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

    fn origin<'a>(headers: &[(&'a str, &'a str)]) -> Origin<'a> {
        let custom_headers = headers.iter().map(|&(name, value)| Header { name, value }).collect();
        Origin { protocol: "https", path: "/prod", custom_headers }
    }

    fn read(more: &[(&str, &str)]) -> Result<Config, String> {
        let headers = [&[("x-api-key", "k"), (SECRET, "file:/k.json")], more].concat();
        Config::read(&origin(&headers)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_the_default() {
        let source = Source::parse("file:/k.json", None).ok();
        let lifetime = Duration::from_secs(60);
        let limits = Limits { ttl: Duration::from_secs(300), max_stale: Duration::from_secs(1800) };
        let default = Config { source, mode: Mode::Enforce, body: BodyRule::Digest, lifetime, limits };
        assert_eq!(read(&[]), Ok(default.clone()));
        for name in [MODE, "Countersign-Mode"] {
            assert_eq!(read(&[(name, "monitor")]), Ok(Config { mode: Mode::Monitor, ..default.clone() }), "{name}");
        }
        assert_eq!(
            read(&[(BODY, "require"), (API, "rest")]),
            Ok(Config { body: BodyRule::Require, ..default.clone() })
        );
        assert_eq!(read(&[(LIFETIME, "300")]), Ok(Config { lifetime: Duration::from_secs(300), ..default.clone() }));
        let shorter = Limits { ttl: Duration::from_secs(1), max_stale: Duration::ZERO };
        assert_eq!(read(&[(TTL, "1"), (MAX_STALE, "0")]), Ok(Config { limits: shorter, ..default.clone() }));
        assert_eq!(read(&[(TTL, "300"), (MAX_STALE, "1800")]), Ok(default.clone()));
        assert_eq!(Config::read(&origin(&[(SECRET, "none")])), Ok(Config { source: None, ..default.clone() }));
        for name in ["signature", "signature-input", "Signature_Input"] {
            assert_eq!(read(&[(name, "the API's own")]), Ok(default.clone()), "{name} is a header like any other");
        }
        let secret = Config::read(&origin(&[(SECRET, ARN), (REGIONS, "us-east-1,ap-south-1")]));
        let source = Source::parse(ARN, Some("us-east-1,ap-south-1")).ok();
        assert_eq!(secret, Ok(Config { source, ..default }));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_accepted() {
        let table = [
            (
                ("countersign-mod", "x"),
                "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
            ),
            (
                ("countersign_secret", "none"),
                "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
            ),
            (
                ("countersign-target", "/"),
                "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
            ),
            (
                ("countersign-signature", "x"),
                "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
            ),
            (
                ("Countersign_Mode", "monitor"),
                "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
            ),
            (("Content_Digest", "x"), "is set by the signer itself: remove this custom header"),
            (("host", "x"), "is set by the signer itself: remove this custom header"),
            (("x_http_method", "x"), "is refused by the authorizer: remove this custom header"),
            (("X-Method-Override", "x"), "is refused by the authorizer: remove this custom header"),
            (("Content_Length", "5"), "announces a body in every request: remove this custom header"),
            (("transfer-encoding", "chunked"), "announces a body in every request: remove this custom header"),
            ((SECRET, "file:/other"), "has more than one value"),
            ((REGIONS, "us-east-1"), "goes with the ARN of a secret"),
            ((MODE, "Enforce"), "accepted is enforce or monitor"),
            ((BODY, ""), "accepted is digest, ignore or require"),
            ((API, "soap"), "accepted is rest or http"),
            ((LIFETIME, "0"), "accepted is a whole number of seconds from 1 to 300"),
            ((LIFETIME, "301"), "accepted is a whole number of seconds from 1 to 300"),
            ((LIFETIME, "1m"), "accepted is a whole number of seconds from 1 to 300"),
            ((TTL, "0"), "accepted is a whole number of seconds from 1 to 300"),
            ((TTL, "301"), "accepted is a whole number of seconds from 1 to 300"),
            ((TTL, ""), "accepted is a whole number of seconds from 1 to 300"),
            ((MAX_STALE, "1801"), "accepted is a whole number of seconds from 0 to 1800"),
            ((MAX_STALE, "-1"), "accepted is a whole number of seconds from 0 to 1800"),
            ((MAX_STALE, "1.5"), "accepted is a whole number of seconds from 0 to 1800"),
            (
                ("countersign-max_stale", "0"),
                "is not known: there are countersign-secret, -regions, -mode, -body, -api, -lifetime, -ttl and -max-stale",
            ),
        ];
        for ((header, value), problem) in table {
            assert_eq!(read(&[(header, value)]), Err(format!("origin custom header {header}: {problem}")));
        }
        let half = ARN.trim_end_matches("-AbCdEf");
        for secret in ["", "file:", "/k.json", "None", half] {
            let error = Config::read(&origin(&[(SECRET, secret)])).unwrap_err();
            assert!(error.problem.starts_with("accepted is the whole ARN"), "{secret}");
        }
        for (secret, regions, problem) in [
            (ARN, "", "accepted is a list of Regions, like eu-west-1,us-east-1"),
            (ARN, "here", "accepted is a list of Regions, like eu-west-1,us-east-1"),
            ("none", "us-east-1", "goes with the ARN of a secret"),
        ] {
            let error = Config::read(&origin(&[(SECRET, secret), (REGIONS, regions)])).unwrap_err();
            assert_eq!((error.header.as_str(), error.problem), (REGIONS, problem));
        }
        let twice = read(&[("Countersign-Secret", "none")]).unwrap_err();
        assert_eq!(twice, "origin custom header countersign-secret: has more than one value");
        assert!(Config::read(&origin(&[])).unwrap_err().problem.starts_with("is missing"));
    }
}
