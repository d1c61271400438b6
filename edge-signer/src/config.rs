//! The configuration of the signer: custom headers of the origin, which a viewer cannot set.

use crate::Origin;
use key_store::{CacheLimits, Source, SourceError};
use settings::{Seconds, SettingError, Settings};
use signing::{Field, METHOD_OVERRIDES, resembles};
use std::time::Duration;

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
pub struct SignerConfig {
    /// `countersign-secret` and `countersign-regions`: where the keys are; `None` for `none`, an origin whose requests
    /// are forwarded unsigned.
    pub source: Option<Source>,
    /// `countersign-mode`
    pub mode: Mode,
    /// `countersign-body`
    pub body: BodyRule,
    /// `countersign-lifetime`: how long a signature is valid, in whole seconds.
    pub lifetime: Duration,
    /// `countersign-ttl` and `countersign-max-stale`
    pub limits: CacheLimits,
}

/// What the function does with a request that it cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is answered at the edge.
    Enforce,
    /// It is sent on unsigned.
    Monitor,
}

/// What the function does about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRule {
    /// The signature covers a body that the edge sees whole.
    Digest,
    /// The function neither computes nor compares a digest.
    Ignore,
    /// Every request but a GET or HEAD has a digest: a body that the edge does not see whole is refused, and without a
    /// body the empty body is covered.
    Require,
}

impl SignerConfig {
    /// Reads the whole configuration.
    ///
    /// # Errors
    /// The first header that is wrong.
    pub fn read(origin: &Origin<'_>) -> Result<Self, SettingError> {
        let settings = settings(origin);
        settings.check_names(&[SECRET, REGIONS, MODE, BODY, LIFETIME, TTL, MAX_STALE, API])?;
        check_other_headers(origin, &settings)?;
        let config = Self {
            source: source(&settings)?,
            mode: mode(&settings)?,
            body: settings.word(
                BODY,
                &[("digest", BodyRule::Digest), ("ignore", BodyRule::Ignore), ("require", BodyRule::Require)],
                BodyRule::Digest,
            )?,
            lifetime: settings.seconds(LIFETIME, &Seconds::LIFETIME)?,
            limits: CacheLimits {
                ttl: settings.seconds(TTL, &Seconds::SIGNER_TTL)?,
                max_stale: settings.seconds(MAX_STALE, &Seconds::SIGNER_MAX_STALE)?,
            },
        };
        // All kinds are signed in the same way; the word is checked so that an unsupported kind is not accepted.
        settings.word(API, &[("rest", ()), ("http", ()), ("websocket", ())], ())?;
        Ok(config)
    }
}

impl Mode {
    /// Reads only the mode, so that it is known even if another setting is wrong.
    pub(crate) fn read(origin: &Origin<'_>) -> Result<Self, SettingError> {
        mode(&settings(origin))
    }
}

fn settings<'a>(origin: &Origin<'a>) -> Settings<'a> {
    Settings::of_origin_headers(origin.custom_headers.iter().map(|header| (header.name, header.value)))
}

fn mode(settings: &Settings<'_>) -> Result<Mode, SettingError> {
    settings.word(MODE, &[("enforce", Mode::Enforce), ("monitor", Mode::Monitor)], Mode::Enforce)
}

/// Where the keys are. The value of `countersign-secret` is never repeated: it could be the secret itself.
fn source(settings: &Settings<'_>) -> Result<Option<Source>, SettingError> {
    const SECRETS: &str = "set it to the whole ARN of a secret, or to none to forward requests unsigned";
    const ONLY_WITH_ARN: &str = "set it only with the ARN of a secret";
    let (secret, regions) = (settings.get(SECRET)?, settings.get(REGIONS)?);
    match (secret, regions) {
        (None, _) => Err(settings.error(SECRET, "is missing", SECRETS)),
        (Some("none"), None) => Ok(None),
        (Some("none"), Some(_)) => Err(settings.error(REGIONS, "is set for an origin without keys", ONLY_WITH_ARN)),
        (Some(secret), regions) => match Source::parse(secret, regions) {
            Ok(source) => Ok(Some(source)),
            Err(SourceError::Secret) => {
                let instruction = format!("{SECRETS}; file:PATH is for local runs");
                Err(settings.error(SECRET, "is not the location of a key set", instruction))
            }
            Err(SourceError::Regions(error)) => {
                Err(settings.error(REGIONS, error.to_string(), "set it to the Regions that hold a replica"))
            }
            Err(SourceError::RegionsOfFile) => Err(settings.error(REGIONS, "is set for a key file", ONLY_WITH_ARN)),
        },
    }
}

/// Refuses custom headers with which the authorizer would refuse every signed request.
fn check_other_headers(origin: &Origin<'_>, settings: &Settings<'_>) -> Result<(), SettingError> {
    const REMOVE: &str = "remove this custom header";
    for header in &origin.custom_headers {
        let is_one_of = |names: &[&str]| names.iter().any(|name| resembles(name, header.name));
        let problem = if is_one_of(&["host", Field::ContentDigest.name()]) {
            "is set by the signer itself"
        } else if is_one_of(&METHOD_OVERRIDES) {
            "is refused by the authorizer"
        } else if is_one_of(&["content-length", "transfer-encoding"]) {
            "announces a body in every request"
        } else {
            continue;
        };
        return Err(settings.error(header.name, problem, REMOVE));
    }
    Ok(())
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

    fn read(more: &[(&str, &str)]) -> Result<SignerConfig, String> {
        let headers = [&[("x-api-key", "k"), (SECRET, "file:/k.json")], more].concat();
        SignerConfig::read(&origin(&headers)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_omitted_setting_has_its_default() {
        let source = Source::parse("file:/k.json", None).ok();
        let lifetime = Duration::from_secs(60);
        let limits = CacheLimits { ttl: Duration::from_secs(300), max_stale: Duration::from_secs(1800) };
        let default = SignerConfig { source, mode: Mode::Enforce, body: BodyRule::Digest, lifetime, limits };
        assert_eq!(read(&[]), Ok(default.clone()));
        for name in [MODE, "Countersign-Mode"] {
            assert_eq!(
                read(&[(name, "monitor")]),
                Ok(SignerConfig { mode: Mode::Monitor, ..default.clone() }),
                "{name}"
            );
        }
        assert_eq!(
            read(&[(BODY, "require"), (API, "rest")]),
            Ok(SignerConfig { body: BodyRule::Require, ..default.clone() })
        );
        assert_eq!(
            read(&[(LIFETIME, "300")]),
            Ok(SignerConfig { lifetime: Duration::from_secs(300), ..default.clone() })
        );
        let shorter = CacheLimits { ttl: Duration::from_secs(1), max_stale: Duration::ZERO };
        assert_eq!(read(&[(TTL, "1"), (MAX_STALE, "0")]), Ok(SignerConfig { limits: shorter, ..default.clone() }));
        assert_eq!(read(&[(TTL, "300"), (MAX_STALE, "1800")]), Ok(default.clone()));
        assert_eq!(
            SignerConfig::read(&origin(&[(SECRET, "none")])),
            Ok(SignerConfig { source: None, ..default.clone() })
        );
        for name in ["signature", "signature-input", "Signature_Input"] {
            assert_eq!(read(&[(name, "the API's own")]), Ok(default.clone()), "{name} is a header like any other");
        }
        let secret = SignerConfig::read(&origin(&[(SECRET, ARN), (REGIONS, "us-east-1,ap-south-1")]));
        let source = Source::parse(ARN, Some("us-east-1,ap-south-1")).ok();
        assert_eq!(secret, Ok(SignerConfig { source, ..default }));
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_the_instruction() {
        const SETTINGS: &str = "is not a setting: the settings are countersign-secret, countersign-regions, countersign-mode, \
            countersign-body, countersign-lifetime, countersign-ttl, countersign-max-stale, countersign-api";
        const SECONDS: &str = "set it to a whole number of seconds from";
        let table = [
            (("countersign-mod", "x"), SETTINGS.to_owned()),
            (("countersign_secret", "none"), SETTINGS.to_owned()),
            (("countersign-target", "/"), SETTINGS.to_owned()),
            (("countersign-signature", "x"), SETTINGS.to_owned()),
            (("Countersign_Mode", "monitor"), SETTINGS.to_owned()),
            (("countersign-max_stale", "0"), SETTINGS.to_owned()),
            (("Content_Digest", "x"), "is set by the signer itself: remove this custom header".to_owned()),
            (("host", "x"), "is set by the signer itself: remove this custom header".to_owned()),
            (("x_http_method", "x"), "is refused by the authorizer: remove this custom header".to_owned()),
            (("X-Method-Override", "x"), "is refused by the authorizer: remove this custom header".to_owned()),
            (("Content_Length", "5"), "announces a body in every request: remove this custom header".to_owned()),
            (
                ("transfer-encoding", "chunked"),
                "announces a body in every request: remove this custom header".to_owned(),
            ),
            ((SECRET, "file:/other"), "has more than one value: set it once".to_owned()),
            ((REGIONS, "us-east-1"), "is set for a key file: set it only with the ARN of a secret".to_owned()),
            ((MODE, "Enforce"), "has a wrong value: set it to enforce or monitor".to_owned()),
            ((BODY, ""), "has a wrong value: set it to digest, ignore or require".to_owned()),
            ((API, "soap"), "has a wrong value: set it to rest, http or websocket".to_owned()),
            ((LIFETIME, "0"), format!("has a wrong value: {SECONDS} 1 to 300")),
            ((LIFETIME, "301"), format!("has a wrong value: {SECONDS} 1 to 300")),
            ((LIFETIME, "1m"), format!("has a wrong value: {SECONDS} 1 to 300")),
            ((TTL, "0"), format!("has a wrong value: {SECONDS} 1 to 300")),
            ((TTL, "301"), format!("has a wrong value: {SECONDS} 1 to 300")),
            ((TTL, ""), format!("has a wrong value: {SECONDS} 1 to 300")),
            ((MAX_STALE, "1801"), format!("has a wrong value: {SECONDS} 0 to 1800")),
            ((MAX_STALE, "-1"), format!("has a wrong value: {SECONDS} 0 to 1800")),
            ((MAX_STALE, "1.5"), format!("has a wrong value: {SECONDS} 0 to 1800")),
        ];
        for ((header, value), problem) in table {
            assert_eq!(read(&[(header, value)]), Err(format!("origin custom header {header} {problem}")));
        }
        let wrong = |headers: &[(&str, &str)]| SignerConfig::read(&origin(headers)).unwrap_err().to_string();
        let half = ARN.trim_end_matches("-AbCdEf");
        for secret in ["", "file:", "/k.json", "None", half] {
            assert_eq!(
                wrong(&[(SECRET, secret)]),
                "origin custom header countersign-secret is not the location of a key set: set it to the whole ARN of a secret, \
                or to none to forward requests unsigned; file:PATH is for local runs"
            );
        }
        for (secret, regions, problem) in [
            (
                ARN,
                "",
                "is not a list of different Regions, like eu-west-1,us-east-1: set it to the Regions that hold a \
                replica",
            ),
            (
                ARN,
                "here",
                "is not a list of different Regions, like eu-west-1,us-east-1: set it to the Regions that hold a \
                replica",
            ),
            ("none", "us-east-1", "is set for an origin without keys: set it only with the ARN of a secret"),
        ] {
            assert_eq!(
                wrong(&[(SECRET, secret), (REGIONS, regions)]),
                format!("origin custom header countersign-regions {problem}")
            );
        }
        assert_eq!(
            wrong(&[]),
            "origin custom header countersign-secret is missing: set it to the whole ARN of a secret, or to none to forward \
            requests unsigned"
        );
        let misspelled = wrong(&[("countersign-secrets", "none")]);
        assert!(misspelled.starts_with("origin custom header countersign-secrets is not a setting: "), "{misspelled}");
        let twice = read(&[("Countersign-Secret", "none")]).unwrap_err();
        assert_eq!(twice, "origin custom header countersign-secret has more than one value: set it once");
    }
}
