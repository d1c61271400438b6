//! The configuration of the function: environment variables, read once at its start.

use key_store::{Limits, SecretPrefix, Source, SourceError};
use signing::{BasePathError, BasePaths, Policy};
use std::{ffi::OsString, time::Duration};
use telemetry::{Environment, EnvironmentError};

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

/// What `COUNTERSIGN_SECRET` may name.
const STORES: &str = "the whole ARN of a secret, or file:PATH for local runs";

/// How an authorizer decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `COUNTERSIGN_SECRET` and `COUNTERSIGN_REGIONS`: where the keys are.
    pub source: Source,
    /// `COUNTERSIGN_MODE`
    pub mode: Mode,
    /// `COUNTERSIGN_TTL` and `COUNTERSIGN_MAX_STALE`
    pub limits: Limits,
    /// `COUNTERSIGN_MAX_LIFETIME`, `COUNTERSIGN_SKEW`, `COUNTERSIGN_ALLOW_AMBIGUOUS_PATH`, `COUNTERSIGN_BODY` and
    /// `COUNTERSIGN_BASE_PATHS`
    pub policy: Policy,
    /// `COUNTERSIGN_ORIGIN_HEADER`: where the values of the origin's secret header are, if it is asked for.
    pub origin_header: Option<SecretPrefix>,
}

/// What becomes of a request that would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It is allowed, logged and counted: the safe first step on a live API.
    Monitor,
}

impl Config {
    /// How long keys are kept where the configuration says nothing: a minute, and half an hour through an outage.
    pub const LIMITS: Limits = Limits { ttl: Duration::from_secs(60), max_stale: Duration::from_secs(1800) };

    /// Reads the variables whose names begin with `COUNTERSIGN_`; others are not looked at.
    ///
    /// # Errors
    /// The first that is wrong or not known.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, EnvironmentError> {
        let mut environment = Environment::read(variables, &[])?;
        let (secret, regions) = (environment.take(SECRET), environment.take(REGIONS));
        let secret = secret.ok_or_else(|| EnvironmentError::new(SECRET, "not set", STORES))?;
        let source = Source::parse(&secret, regions.as_deref()).map_err(|error| match error {
            // Its value is not told: someone may have set the secret itself.
            SourceError::Secret => EnvironmentError::new(SECRET, "set to what names no key store", STORES),
            SourceError::Regions(error) => {
                EnvironmentError::new(REGIONS, format!("set to what {error}"), "the Regions that hold a replica")
            }
            SourceError::RegionsOfFile => {
                EnvironmentError::new(REGIONS, "set beside a file", format!("only beside an ARN in {SECRET}"))
            }
        })?;
        let modes = [("enforce", Mode::Enforce), ("monitor", Mode::Monitor)];
        let mode = environment.word(MODE, &modes, Mode::Enforce)?;
        let limits = Limits {
            ttl: environment.seconds(TTL, Self::LIMITS.ttl, 1..=3600)?,
            max_stale: environment.seconds(MAX_STALE, Self::LIMITS.max_stale, 0..=86_400)?,
        };
        let policy = Policy {
            max_lifetime: environment.seconds(MAX_LIFETIME, Duration::from_secs(60), 1..=300)?,
            skew: environment.seconds(SKEW, Duration::from_secs(5), 0..=60)?,
            allow_ambiguous_path: environment.word(ALLOW_AMBIGUOUS_PATH, &[("true", true), ("false", false)], false)?,
            // The edge's words. A digest that is there is checked under each of them.
            require_digest: environment.word(
                BODY,
                &[("digest", false), ("ignore", false), ("require", true)],
                false,
            )?,
            base_paths: match environment.take(BASE_PATHS) {
                None => BasePaths::default(),
                Some(listed) => listed.as_str().try_into().map_err(|error: BasePathError| {
                    let accepted =
                        "DOMAIN[/KEY]=API_ID/STAGE of each mapping of a custom domain, with commas between them";
                    EnvironmentError::new(BASE_PATHS, format!("set to a list whose entry {error}"), accepted)
                })?,
            },
        };
        let origin_header = environment.take(ORIGIN_HEADER);
        let origin_header = origin_header.as_deref().map(SecretPrefix::try_from).transpose().map_err(|error| {
            // Its value is not told here either.
            let accepted = "the names of the secrets up to the slash before NAME/value";
            EnvironmentError::new(ORIGIN_HEADER, format!("set to what {error}"), accepted)
        })?;
        environment.finish()?;
        Ok(Self { source, mode, limits, policy, origin_header })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Config, String> {
        let variables = [&[("PATH", "/bin"), (SECRET, "file:/k.json")], more].concat();
        Config::read(variables.iter().map(|(name, value)| (name.into(), value.into()))).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_left_out_has_the_default() {
        let seconds = Duration::from_secs;
        let default = Config {
            source: Source::parse("file:/k.json", None).unwrap(),
            mode: Mode::Enforce,
            limits: Limits { ttl: seconds(60), max_stale: seconds(1800) },
            policy: Policy {
                max_lifetime: seconds(60),
                skew: seconds(5),
                allow_ambiguous_path: false,
                require_digest: false,
                base_paths: BasePaths::default(),
            },
            origin_header: None,
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
        ];
        let expected = Config {
            mode: Mode::Monitor,
            limits: Limits { ttl: seconds(1), max_stale: seconds(0) },
            policy: Policy {
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
        assert_eq!(Config::read(variables("us-east-1")), Ok(Config { source, ..default }));
        assert_eq!(
            Config::read(variables("us-east-1,")).unwrap_err().to_string(),
            "environment variable COUNTERSIGN_REGIONS is set to what is no list of Regions, each once, like \
            eu-west-1,us-east-1: accepted is the Regions that hold a replica"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_what_is_accepted() {
        let whole = "accepted is a whole number of seconds from";
        let table = [
            (
                (SECRET, "/k.json"),
                "COUNTERSIGN_SECRET is set to what names no key store: accepted is the whole ARN of a secret, or file:PATH for local runs".to_owned(),
            ),
            (
                (SECRET, "none"),
                "COUNTERSIGN_SECRET is set to what names no key store: accepted is the whole ARN of a secret, or file:PATH for local runs".to_owned(),
            ),
            (
                (REGIONS, "us-east-1"),
                "COUNTERSIGN_REGIONS is set beside a file: accepted is only beside an ARN in COUNTERSIGN_SECRET".to_owned(),
            ),
            (
                (MODE, "Monitor"),
                "COUNTERSIGN_MODE is \"Monitor\": accepted is enforce or monitor".to_owned(),
            ),
            (
                (ALLOW_AMBIGUOUS_PATH, "yes"),
                "COUNTERSIGN_ALLOW_AMBIGUOUS_PATH is \"yes\": accepted is true or false".to_owned(),
            ),
            (
                (BODY, "Require"),
                "COUNTERSIGN_BODY is \"Require\": accepted is digest, ignore or require".to_owned(),
            ),
            (
                (BASE_PATHS, "api.example.com/v1"),
                "COUNTERSIGN_BASE_PATHS is set to a list whose entry \"api.example.com/v1\" is not of the form \
                DOMAIN[/KEY]=API_ID/STAGE: accepted is DOMAIN[/KEY]=API_ID/STAGE of each mapping of a custom domain, with \
                commas between them".to_owned(),
            ),
            (
                (MODE, ""),
                "COUNTERSIGN_MODE is \"\": accepted is enforce or monitor".to_owned(),
            ),
            (
                (ORIGIN_HEADER, "api/origin-header/"),
                "COUNTERSIGN_ORIGIN_HEADER is set to what is not what names of secrets begin with, like my-stack/origin-header, \
                without a slash at its end: accepted is the names of the secrets up to the slash before NAME/value".to_owned(),
            ),
            ((TTL, "0"), format!("COUNTERSIGN_TTL is \"0\": {whole} 1 to 3600")),
            (
                (MAX_STALE, "1h"),
                format!("COUNTERSIGN_MAX_STALE is \"1h\": {whole} 0 to 86400"),
            ),
            (
                (MAX_LIFETIME, "301"),
                format!("COUNTERSIGN_MAX_LIFETIME is \"301\": {whole} 1 to 300"),
            ),
            ((SKEW, "-1"), format!("COUNTERSIGN_SKEW is \"-1\": {whole} 0 to 60")),
            (
                ("COUNTERSIGN_LIFETIME", "5"),
                "COUNTERSIGN_LIFETIME is not known: accepted is one of COUNTERSIGN_SECRET, COUNTERSIGN_REGIONS, COUNTERSIGN_MODE, \
                COUNTERSIGN_TTL, COUNTERSIGN_MAX_STALE, COUNTERSIGN_MAX_LIFETIME, COUNTERSIGN_SKEW, COUNTERSIGN_ALLOW_AMBIGUOUS_PATH, \
                COUNTERSIGN_BODY, COUNTERSIGN_BASE_PATHS, COUNTERSIGN_ORIGIN_HEADER"
                    .to_owned(),
            ),
        ];
        for (variable, expected) in table {
            assert_eq!(read(&[variable]), Err(format!("environment variable {expected}")));
        }
        let missing = Config::read([]).unwrap_err().to_string();
        assert_eq!(
            missing,
            "environment variable COUNTERSIGN_SECRET is not set: accepted is the whole ARN of a secret, or file:PATH for local runs"
        );
    }
}
