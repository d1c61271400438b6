//! The configuration of the function: environment variables, read once at its start.

use key_store::{Limits, Source};
use signing::Policy;
use std::{collections::BTreeMap, ffi::OsString, ops::RangeInclusive, time::Duration};

const PREFIX: &str = "COUNTERSIGN_";
const SECRET: &str = "COUNTERSIGN_SECRET";
const MODE: &str = "COUNTERSIGN_MODE";
const TTL: &str = "COUNTERSIGN_TTL";
const MAX_STALE: &str = "COUNTERSIGN_MAX_STALE";
const MAX_LIFETIME: &str = "COUNTERSIGN_MAX_LIFETIME";
const SKEW: &str = "COUNTERSIGN_SKEW";
const ALLOW_AMBIGUOUS_PATH: &str = "COUNTERSIGN_ALLOW_AMBIGUOUS_PATH";

/// How an authorizer decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `COUNTERSIGN_SECRET`: where the keys are.
    pub source: Source,
    /// `COUNTERSIGN_MODE`
    pub mode: Mode,
    /// `COUNTERSIGN_TTL` and `COUNTERSIGN_MAX_STALE`
    pub limits: Limits,
    /// `COUNTERSIGN_MAX_LIFETIME`, `COUNTERSIGN_SKEW` and `COUNTERSIGN_ALLOW_AMBIGUOUS_PATH`
    pub policy: Policy,
}

/// What becomes of a request that would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It is allowed, logged and counted: the safe first step on a live API.
    Monitor,
}

/// An environment variable that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable} is {found}: accepted is {accepted}")]
pub struct ConfigError {
    variable: String,
    found: String,
    accepted: String,
}

impl Config {
    /// How long keys are kept where the configuration says nothing: a minute, and half an hour through an outage.
    pub const LIMITS: Limits = Limits { ttl: Duration::from_secs(60), max_stale: Duration::from_secs(1800) };

    /// Reads the variables whose names begin with `COUNTERSIGN_`; others are not looked at.
    ///
    /// # Errors
    /// The first that is wrong or not known.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let mut ours = BTreeMap::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let value = value.into_string().map_err(|_| wrong(name, "not UTF-8", "text"))?;
            ours.insert(name.to_owned(), value);
        }
        let mut take = |name: &str| ours.remove(name);
        let source = match take(SECRET) {
            None => return Err(wrong(SECRET, "not set", "file:PATH")),
            // Its value is not told: someone may have set the secret itself.
            Some(source) => source.parse().map_err(|_| wrong(SECRET, "set to what names no key store", "file:PATH"))?,
        };
        let mode = match take(MODE).as_deref() {
            None | Some("enforce") => Mode::Enforce,
            Some("monitor") => Mode::Monitor,
            Some(other) => return Err(wrong(MODE, &quoted(other), "enforce or monitor")),
        };
        let limits = Limits {
            ttl: seconds(TTL, take(TTL), Self::LIMITS.ttl, 1..=3600)?,
            max_stale: seconds(MAX_STALE, take(MAX_STALE), Self::LIMITS.max_stale, 0..=86_400)?,
        };
        let policy = Policy {
            max_lifetime: seconds(MAX_LIFETIME, take(MAX_LIFETIME), Duration::from_secs(60), 1..=300)?,
            skew: seconds(SKEW, take(SKEW), Duration::from_secs(5), 0..=60)?,
            allow_ambiguous_path: match take(ALLOW_AMBIGUOUS_PATH).as_deref() {
                None | Some("false") => false,
                Some("true") => true,
                Some(other) => return Err(wrong(ALLOW_AMBIGUOUS_PATH, &quoted(other), "true or false")),
            },
        };
        if let Some(unknown) = ours.keys().next() {
            let known = [SECRET, MODE, TTL, MAX_STALE, MAX_LIFETIME, SKEW, ALLOW_AMBIGUOUS_PATH];
            return Err(wrong(unknown, "not known", &format!("one of {}", known.join(", "))));
        }
        Ok(Self { source, mode, limits, policy })
    }
}

fn seconds(
    variable: &str,
    value: Option<String>,
    default: Duration,
    range: RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    match value.parse() {
        Ok(seconds) if range.contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => {
            let accepted = format!("a whole number of seconds from {} to {}", range.start(), range.end());
            Err(wrong(variable, &quoted(&value), &accepted))
        }
    }
}

fn quoted(value: &str) -> String {
    format!("{value:?}")
}

fn wrong(variable: &str, found: &str, accepted: &str) -> ConfigError {
    ConfigError { variable: variable.to_owned(), found: found.to_owned(), accepted: accepted.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    fn read(more: &[(&str, &str)]) -> Result<Config, String> {
        let variables = [&[("PATH", "/bin"), (SECRET, "file:/k.json")], more].concat();
        Config::read(variables.iter().map(|(name, value)| (name.into(), value.into()))).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_left_out_has_the_default() {
        let seconds = Duration::from_secs;
        let default = Config {
            source: "file:/k.json".parse().unwrap(),
            mode: Mode::Enforce,
            limits: Limits { ttl: seconds(60), max_stale: seconds(1800) },
            policy: Policy { max_lifetime: seconds(60), skew: seconds(5), allow_ambiguous_path: false },
        };
        assert_eq!(read(&[]), Ok(default.clone()));
        let all = [
            (MODE, "monitor"),
            (TTL, "1"),
            (MAX_STALE, "0"),
            (MAX_LIFETIME, "300"),
            (SKEW, "0"),
            (ALLOW_AMBIGUOUS_PATH, "true"),
        ];
        let expected = Config {
            mode: Mode::Monitor,
            limits: Limits { ttl: seconds(1), max_stale: seconds(0) },
            policy: Policy { max_lifetime: seconds(300), skew: seconds(0), allow_ambiguous_path: true },
            ..default
        };
        assert_eq!(read(&all), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_what_is_accepted() {
        let whole = "accepted is a whole number of seconds from";
        let table = [
            (
                (SECRET, "/k.json"),
                "COUNTERSIGN_SECRET is set to what names no key store: accepted is file:PATH".to_owned(),
            ),
            (
                (SECRET, "none"),
                "COUNTERSIGN_SECRET is set to what names no key store: accepted is file:PATH".to_owned(),
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
                (MODE, ""),
                "COUNTERSIGN_MODE is \"\": accepted is enforce or monitor".to_owned(),
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
                "COUNTERSIGN_LIFETIME is not known: accepted is one of COUNTERSIGN_SECRET, COUNTERSIGN_MODE, \
                COUNTERSIGN_TTL, COUNTERSIGN_MAX_STALE, COUNTERSIGN_MAX_LIFETIME, COUNTERSIGN_SKEW, COUNTERSIGN_ALLOW_AMBIGUOUS_PATH"
                    .to_owned(),
            ),
        ];
        for (variable, expected) in table {
            assert_eq!(read(&[variable]), Err(format!("environment variable {expected}")));
        }
        let missing = Config::read([]).unwrap_err().to_string();
        assert_eq!(missing, "environment variable COUNTERSIGN_SECRET is not set: accepted is file:PATH");
        let latin1 = Config::read([(SECRET.into(), OsString::from_vec(vec![0xff]))]).unwrap_err().to_string();
        assert_eq!(latin1, "environment variable COUNTERSIGN_SECRET is not UTF-8: accepted is text");
    }
}
