//! The configuration of the function: environment variables, read once at its start.

use crate::{delegate::DelegateConfig, event::Answer, jwt::JwtConfig, mode::Mode, then::ThenConfig};
use key_store::{CacheLimits, SecretPrefix, Source, SourceError};
use settings::{Seconds, SettingError, Settings};
use signing::{BasePathError, BasePaths, VerificationPolicy};
use std::ffi::OsString;

const SECRET: &str = "COUNTERSIGN_SECRET";
const REGIONS: &str = "COUNTERSIGN_REGIONS";
const MODE: &str = "COUNTERSIGN_MODE";
const TTL: &str = "COUNTERSIGN_TTL";
const MAX_STALE: &str = "COUNTERSIGN_MAX_STALE";
const MAX_LIFETIME: &str = "COUNTERSIGN_MAX_LIFETIME";
const SKEW: &str = "COUNTERSIGN_SKEW";
const ALLOW_AMBIGUOUS_PATH: &str = "COUNTERSIGN_ALLOW_AMBIGUOUS_PATH";
const BODY: &str = "COUNTERSIGN_BODY";
const BASE_PATHS: &str = "COUNTERSIGN_BASE_PATHS";
const ORIGIN_HEADER: &str = "COUNTERSIGN_ORIGIN_HEADER";
const ANSWER: &str = "COUNTERSIGN_ANSWER";

/// How an authorizer decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerConfig {
    /// `COUNTERSIGN_SECRET` and `COUNTERSIGN_REGIONS`: where the keys are.
    pub source: Source,
    /// `COUNTERSIGN_MODE`
    pub mode: Mode,
    /// `COUNTERSIGN_ANSWER`
    pub answer: Answer,
    /// `COUNTERSIGN_TTL` and `COUNTERSIGN_MAX_STALE`
    pub limits: CacheLimits,
    /// `COUNTERSIGN_MAX_LIFETIME`, `COUNTERSIGN_SKEW`, `COUNTERSIGN_ALLOW_AMBIGUOUS_PATH`, `COUNTERSIGN_BODY` and
    /// `COUNTERSIGN_BASE_PATHS`
    pub policy: VerificationPolicy,
    /// `COUNTERSIGN_ORIGIN_HEADER`: where the values of the origin's secret header are, if the header is required.
    pub origin_header: Option<SecretPrefix>,
    /// `COUNTERSIGN_THEN`, `COUNTERSIGN_JWT` and `COUNTERSIGN_NEXT_AUTHORIZER`, with the settings that belong to them.
    pub then: ThenConfig,
}

impl AuthorizerConfig {
    const NAMES: [&[&str]; 4] = [
        &[
            SECRET,
            REGIONS,
            MODE,
            TTL,
            MAX_STALE,
            MAX_LIFETIME,
            SKEW,
            ALLOW_AMBIGUOUS_PATH,
            BODY,
            BASE_PATHS,
            ORIGIN_HEADER,
            ANSWER,
        ],
        &ThenConfig::NAMES,
        &JwtConfig::NAMES,
        &DelegateConfig::NAMES,
    ];

    /// Reads the variables whose names begin with `COUNTERSIGN_`, and ignores all others.
    ///
    /// # Errors
    /// The first setting that is wrong or does not exist.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, SettingError> {
        let settings = Settings::of_environment(variables, &[])?;
        settings.check_names(&Self::NAMES.concat())?;
        let config = Self {
            source: source(&settings)?,
            mode: settings.word(MODE, &Mode::WORDS, Mode::Enforce)?,
            answer: settings.word(ANSWER, &[("simple", Answer::Simple), ("policy", Answer::Policy)], Answer::Simple)?,
            limits: CacheLimits {
                ttl: settings.seconds(TTL, &Seconds::VERIFIER_TTL)?,
                max_stale: settings.seconds(MAX_STALE, &Seconds::VERIFIER_MAX_STALE)?,
            },
            policy: VerificationPolicy {
                max_lifetime: settings.seconds(MAX_LIFETIME, &Seconds::LIFETIME)?,
                skew: settings.seconds(SKEW, &Seconds::SKEW)?,
                allow_ambiguous_path: settings.word(
                    ALLOW_AMBIGUOUS_PATH,
                    &[("true", true), ("false", false)],
                    false,
                )?,
                // The words are those of the edge. With each of them a digest that is present is checked.
                require_digest: settings.word(
                    BODY,
                    &[("digest", false), ("ignore", false), ("require", true)],
                    false,
                )?,
                base_paths: base_paths(&settings)?,
            },
            origin_header: origin_header(&settings)?,
            then: ThenConfig::read(&settings)?,
        };
        Ok(config)
    }
}

/// Where the keys are. The value of `COUNTERSIGN_SECRET` is never repeated: it could be the secret itself.
fn source(settings: &Settings<'_>) -> Result<Source, SettingError> {
    const SECRETS: &str = "set it to the whole ARN of a secret, or to file:PATH for local runs";
    let (secret, regions) = (settings.get(SECRET)?, settings.get(REGIONS)?);
    let secret = secret.ok_or_else(|| settings.error(SECRET, "is missing", SECRETS))?;
    Source::parse(secret, regions).map_err(|error| match error {
        SourceError::Secret => settings.error(SECRET, "is not the location of a key set", SECRETS),
        SourceError::Regions(error) => {
            settings.error(REGIONS, error.to_string(), "set it to the Regions that hold a replica")
        }
        SourceError::RegionsOfFile => {
            settings.error(REGIONS, "is set for a key file", format!("set it only if {SECRET} is the ARN of a secret"))
        }
    })
}

fn base_paths(settings: &Settings<'_>) -> Result<BasePaths, SettingError> {
    let Some(listed) = settings.get(BASE_PATHS)? else { return Ok(BasePaths::default()) };
    BasePaths::try_from(listed).map_err(|error: BasePathError| {
        settings.error(
            BASE_PATHS,
            format!("has a wrong entry: {error}"),
            "set it to DOMAIN[/KEY]=API_ID/STAGE[/KEY] of each mapping of a custom domain, with commas between them",
        )
    })
}

/// Where the values of the origin's secret header are. The setting's value is never repeated: it could be such a value.
fn origin_header(settings: &Settings<'_>) -> Result<Option<SecretPrefix>, SettingError> {
    let Some(prefix) = settings.get(ORIGIN_HEADER)? else { return Ok(None) };
    let prefix = SecretPrefix::try_from(prefix).map_err(|error| {
        settings.error(
            ORIGIN_HEADER,
            error.to_string(),
            "set it to the common prefix of the names, without the slash before NAME/value",
        )
    })?;
    Ok(Some(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(more: &[(&str, &str)]) -> Result<AuthorizerConfig, String> {
        let secret = (!more.iter().any(|(name, _)| *name == SECRET)).then_some((SECRET, "file:/k.json"));
        let variables: Vec<_> = [("PATH", "/bin")].into_iter().chain(secret).chain(more.iter().copied()).collect();
        AuthorizerConfig::read(variables.iter().map(|(name, value)| (name.into(), value.into())))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn an_omitted_setting_has_its_default() {
        let seconds = Duration::from_secs;
        let default = AuthorizerConfig {
            source: Source::parse("file:/k.json", None).unwrap(),
            mode: Mode::Enforce,
            answer: Answer::Simple,
            limits: CacheLimits { ttl: seconds(60), max_stale: seconds(1800) },
            policy: VerificationPolicy {
                max_lifetime: seconds(60),
                skew: seconds(5),
                allow_ambiguous_path: false,
                require_digest: false,
                base_paths: BasePaths::default(),
            },
            origin_header: None,
            then: ThenConfig::nothing(),
        };
        assert_eq!(read(&[]), Ok(default.clone()));
        let all = [
            (MODE, "monitor"),
            (TTL, "1"),
            (MAX_STALE, "0"),
            (MAX_LIFETIME, "300"),
            (SKEW, "0"),
            (ALLOW_AMBIGUOUS_PATH, "true"),
            (BODY, "require"),
            (BASE_PATHS, "api.example.com/v1=abc123/prod"),
            (ORIGIN_HEADER, "api/origin-header"),
            (ANSWER, "policy"),
        ];
        let expected = AuthorizerConfig {
            mode: Mode::Monitor,
            answer: Answer::Policy,
            limits: CacheLimits { ttl: seconds(1), max_stale: seconds(0) },
            policy: VerificationPolicy {
                max_lifetime: seconds(300),
                skew: seconds(0),
                allow_ambiguous_path: true,
                require_digest: true,
                base_paths: "api.example.com/v1=abc123/prod".try_into().unwrap(),
            },
            origin_header: Some("api/origin-header".try_into().unwrap()),
            ..default.clone()
        };
        assert_eq!(read(&all), Ok(expected));
        for word in ["digest", "ignore"] {
            assert_eq!(read(&[(BODY, word)]), Ok(default.clone()));
        }

        const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
        let variables = |regions: &'static str| [(SECRET, ARN), (REGIONS, regions)].map(|(n, v)| (n.into(), v.into()));
        let source = Source::parse(ARN, Some("us-east-1")).unwrap();
        assert_eq!(AuthorizerConfig::read(variables("us-east-1")), Ok(AuthorizerConfig { source, ..default }));
        assert_eq!(
            AuthorizerConfig::read(variables("us-east-1,")).unwrap_err().to_string(),
            "environment variable COUNTERSIGN_REGIONS is not a list of different Regions, like eu-west-1,us-east-1: \
            set it to the \
            Regions that hold a replica"
        );
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_value_and_the_instruction() {
        const SECRETS: &str = "set it to the whole ARN of a secret, or to file:PATH for local runs";
        const SECONDS: &str = "set it to a whole number of seconds from";
        let table = [
            ((SECRET, "/k.json"), format!("COUNTERSIGN_SECRET is not the location of a key set: {SECRETS}")),
            ((SECRET, "none"), format!("COUNTERSIGN_SECRET is not the location of a key set: {SECRETS}")),
            (
                (REGIONS, "us-east-1"),
                "COUNTERSIGN_REGIONS is set for a key file: set it only if COUNTERSIGN_SECRET is the ARN of a secret".to_owned(),
            ),
            ((MODE, "Monitor"), "COUNTERSIGN_MODE is \"Monitor\": set it to enforce or monitor".to_owned()),
            ((MODE, ""), "COUNTERSIGN_MODE is \"\": set it to enforce or monitor".to_owned()),
            (
                (ALLOW_AMBIGUOUS_PATH, "yes"),
                "COUNTERSIGN_ALLOW_AMBIGUOUS_PATH is \"yes\": set it to true or false".to_owned(),
            ),
            ((BODY, "Require"), "COUNTERSIGN_BODY is \"Require\": set it to digest, ignore or require".to_owned()),
            (
                (BASE_PATHS, "api.example.com/v1"),
                "COUNTERSIGN_BASE_PATHS has a wrong entry: \"api.example.com/v1\" is not of the form \
                DOMAIN[/KEY]=API_ID/STAGE[/KEY]: set it to DOMAIN[/KEY]=API_ID/STAGE[/KEY] of each mapping of a custom domain, with commas \
                between them".to_owned(),
            ),
            (
                (ORIGIN_HEADER, "api/origin-header/"),
                "COUNTERSIGN_ORIGIN_HEADER is not a prefix of the names of secrets, like my-stack/origin-header, \
                without a slash at its end: set it to the common prefix of the names, without the slash before \
                NAME/value".to_owned(),
            ),
            ((ANSWER, "iam"), "COUNTERSIGN_ANSWER is \"iam\": set it to simple or policy".to_owned()),
            ((TTL, "0"), format!("COUNTERSIGN_TTL is \"0\": {SECONDS} 1 to 60")),
            ((TTL, "61"), format!("COUNTERSIGN_TTL is \"61\": {SECONDS} 1 to 60")),
            ((MAX_STALE, "1h"), format!("COUNTERSIGN_MAX_STALE is \"1h\": {SECONDS} 0 to 1800")),
            ((MAX_STALE, "1801"), format!("COUNTERSIGN_MAX_STALE is \"1801\": {SECONDS} 0 to 1800")),
            ((MAX_LIFETIME, "301"), format!("COUNTERSIGN_MAX_LIFETIME is \"301\": {SECONDS} 1 to 300")),
            ((SKEW, "-1"), format!("COUNTERSIGN_SKEW is \"-1\": {SECONDS} 0 to 60")),
            (
                ("COUNTERSIGN_LIFETIME", "5"),
                "COUNTERSIGN_LIFETIME is not a setting: the settings are COUNTERSIGN_SECRET, COUNTERSIGN_REGIONS, \
                COUNTERSIGN_MODE, COUNTERSIGN_TTL, COUNTERSIGN_MAX_STALE, COUNTERSIGN_MAX_LIFETIME, COUNTERSIGN_SKEW, \
                COUNTERSIGN_ALLOW_AMBIGUOUS_PATH, COUNTERSIGN_BODY, COUNTERSIGN_BASE_PATHS, COUNTERSIGN_ORIGIN_HEADER, COUNTERSIGN_ANSWER, \
                COUNTERSIGN_THEN, COUNTERSIGN_JWT_MODE, COUNTERSIGN_NEXT_MODE, COUNTERSIGN_JWT, COUNTERSIGN_JWT_SKEW, \
                COUNTERSIGN_JWT_CLAIMS, COUNTERSIGN_NEXT_AUTHORIZER, COUNTERSIGN_NEXT_PAYLOAD, COUNTERSIGN_NEXT_IDENTITY, \
                COUNTERSIGN_NEXT_TIMEOUT"
                    .to_owned(),
            ),
        ];
        for (variable, expected) in table {
            assert_eq!(read(&[variable]), Err(format!("environment variable {expected}")));
        }
        let missing = AuthorizerConfig::read([]).unwrap_err().to_string();
        assert_eq!(missing, format!("environment variable COUNTERSIGN_SECRET is missing: {SECRETS}"));
    }
}
