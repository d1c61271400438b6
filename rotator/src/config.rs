//! The configuration of the function: environment variables, read once at its start.

use key_store::{SecretLocation, Source, SourceError};
use settings::{Seconds, SettingError, Settings};
use signing::{RotationSchedule, RotationTimings, RotationTimingsError};
use std::ffi::OsString;

const SECRET: &str = "COUNTERSIGN_SECRET";
const REGIONS: &str = "COUNTERSIGN_REGIONS";
const ROTATE: &str = "COUNTERSIGN_ROTATE";
const STACK: &str = "StackName";

const LEAD: &str = "COUNTERSIGN_LEAD";
const GRACE: &str = "COUNTERSIGN_GRACE";
const TTL: &str = "COUNTERSIGN_TTL";
const REPLICATION: &str = "COUNTERSIGN_REPLICATION";
const SKEW: &str = "COUNTERSIGN_SKEW";
const MAX_LIFETIME: &str = "COUNTERSIGN_MAX_LIFETIME";
const MAX_STALE: &str = "COUNTERSIGN_MAX_STALE";
const OUTAGE: &str = "COUNTERSIGN_OUTAGE";

/// The keys and the stack that a rotator rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatorConfig {
    /// `COUNTERSIGN_SECRET` and the timings of its rotation, unless `COUNTERSIGN_ROTATE` is `api-key`.
    pub keys: Option<(SecretLocation, RotationSchedule)>,
    /// `StackName`, unless `COUNTERSIGN_ROTATE` is `secret`.
    pub stack: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Rotate {
    Both,
    Secret,
    ApiKey,
}

impl RotatorConfig {
    /// Reads `StackName` and the variables whose names begin with `COUNTERSIGN_`; others are ignored. The timings that
    /// the authorizer has too must have the same values here.
    ///
    /// # Errors
    /// The first setting that is wrong or does not exist, or timings under which a valid request would be refused.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, SettingError> {
        let settings = Settings::of_environment(variables, &[STACK])?;
        settings.check_names(&[
            ROTATE,
            SECRET,
            REGIONS,
            LEAD,
            GRACE,
            TTL,
            REPLICATION,
            SKEW,
            MAX_LIFETIME,
            OUTAGE,
            MAX_STALE,
            STACK,
        ])?;
        let words = [("both", Rotate::Both), ("secret", Rotate::Secret), ("api-key", Rotate::ApiKey)];
        let rotate = settings.word(ROTATE, &words, Rotate::Both)?;
        let keys = keys(rotate, &settings)?;
        let stack = stack(rotate, &settings)?;
        Ok(Self { keys, stack })
    }
}

fn keys(rotate: Rotate, settings: &Settings<'_>) -> Result<Option<(SecretLocation, RotationSchedule)>, SettingError> {
    let (secret, regions) = (settings.get(SECRET)?, settings.get(REGIONS)?);
    let schedule = schedule(settings)?;
    match rotate {
        Rotate::ApiKey => Ok(None),
        Rotate::Both | Rotate::Secret => Ok(Some((location(secret, regions, settings)?, schedule))),
    }
}

/// The secret that is rotated. The value of `COUNTERSIGN_SECRET` is never repeated: it could be the secret itself.
fn location(
    secret: Option<&str>,
    regions: Option<&str>,
    settings: &Settings<'_>,
) -> Result<SecretLocation, SettingError> {
    let wrong = |problem: &str| settings.error(SECRET, problem, "set it to the whole ARN of a secret");
    match Source::parse(secret.ok_or_else(|| wrong("is missing"))?, regions) {
        Ok(Source::Secret(location)) => Ok(location),
        Ok(Source::File(_)) => Err(wrong("is a file")),
        Err(SourceError::Regions(error)) => {
            Err(settings.error(REGIONS, error.to_string(), "set it to the Regions that hold a replica"))
        }
        Err(SourceError::Secret | SourceError::RegionsOfFile) => Err(wrong("is not the ARN of a secret")),
    }
}

fn stack(rotate: Rotate, settings: &Settings<'_>) -> Result<Option<String>, SettingError> {
    let stack = settings.get(STACK)?.filter(|name| !name.is_empty());
    match (rotate, stack) {
        (Rotate::Secret, _) => Ok(None),
        (Rotate::Both | Rotate::ApiKey, Some(stack)) => Ok(Some(stack.to_owned())),
        (Rotate::Both | Rotate::ApiKey, None) => {
            let instruction =
                format!("set it to the name of the stack that holds the API key, or set {ROTATE} to secret");
            Err(settings.error(STACK, "is missing", instruction))
        }
    }
}

fn schedule(settings: &Settings<'_>) -> Result<RotationSchedule, SettingError> {
    let timings = RotationTimings {
        lead: settings.seconds(LEAD, &Seconds::LEAD)?,
        grace: settings.seconds(GRACE, &Seconds::GRACE)?,
        verifier_ttl: settings.seconds(TTL, &Seconds::VERIFIER_TTL)?,
        signer_ttl: Seconds::SIGNER_TTL.default,
        replication: settings.seconds(REPLICATION, &Seconds::REPLICATION)?,
        skew: settings.seconds(SKEW, &Seconds::SKEW)?,
        lifetime: settings.seconds(MAX_LIFETIME, &Seconds::LIFETIME)?,
        outage: settings.seconds(OUTAGE, &Seconds::OUTAGE)?,
    };
    let max_stale = Seconds { default: timings.outage, ..Seconds::VERIFIER_MAX_STALE };
    let max_stale = settings.seconds(MAX_STALE, &max_stale)?;
    if max_stale > timings.outage {
        let problem = format!("is {}, longer than {OUTAGE}, the outage that a rotation assumes", max_stale.as_secs());
        return Err(settings.error(MAX_STALE, problem, format!("set it to at most {}", timings.outage.as_secs())));
    }
    RotationSchedule::try_from(timings).map_err(|error| {
        let variable = match error {
            RotationTimingsError::Grace { .. } => GRACE,
            RotationTimingsError::Lead { .. } | RotationTimingsError::Fraction(_) => LEAD,
        };
        settings.error(variable, "is too short", error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

    fn read(variables: &[(&str, &str)]) -> Result<RotatorConfig, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        RotatorConfig::read(variables).map_err(|error| error.to_string())
    }

    fn secret(regions: Option<&str>) -> SecretLocation {
        let Source::Secret(secret) = Source::parse(ARN, regions).unwrap() else { panic!("no secret") };
        secret
    }

    #[test]
    fn an_omitted_setting_has_its_default() {
        let keys = || Some((secret(None), RotationTimings::DEFAULT.try_into().unwrap()));
        let stack = Some("api".to_owned());
        let both = Ok(RotatorConfig { keys: keys(), stack: stack.clone() });
        assert_eq!(read(&[(SECRET, ARN), (STACK, "api"), ("PATH", "/bin")]), both);
        assert_eq!(read(&[(SECRET, ARN), (ROTATE, "secret")]), Ok(RotatorConfig { keys: keys(), stack: None }));
        assert_eq!(read(&[(STACK, "api"), (ROTATE, "api-key")]), Ok(RotatorConfig { keys: None, stack }));
        let all = [
            (SECRET, ARN),
            (REGIONS, "us-east-1,ap-south-1"),
            (ROTATE, "both"),
            (STACK, "api"),
            (LEAD, "1000"),
            (GRACE, "2000"),
            (TTL, "10"),
            (REPLICATION, "20"),
            (SKEW, "3"),
            (MAX_LIFETIME, "30"),
            (MAX_STALE, "50"),
            (OUTAGE, "100"),
        ];
        let seconds = Duration::from_secs;
        let timings = RotationTimings {
            lead: seconds(1000),
            grace: seconds(2000),
            verifier_ttl: seconds(10),
            signer_ttl: seconds(300),
            replication: seconds(20),
            skew: seconds(3),
            lifetime: seconds(30),
            outage: seconds(100),
        };
        let keys = Some((secret(Some("us-east-1,ap-south-1")), timings.try_into().unwrap()));
        assert_eq!(read(&all), Ok(RotatorConfig { keys, stack: Some("api".to_owned()) }));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_is_accepted() {
        let good = [(SECRET, ARN), (STACK, "api")];
        const ARNS: &str = "set it to the whole ARN of a secret";
        let table: [((&str, &str), &str); 14] = [
            ((SECRET, ""), &format!("COUNTERSIGN_SECRET is not the ARN of a secret: {ARNS}")),
            ((SECRET, "file:/k.json"), &format!("COUNTERSIGN_SECRET is a file: {ARNS}")),
            ((SECRET, "eyJrIjoi"), &format!("COUNTERSIGN_SECRET is not the ARN of a secret: {ARNS}")),
            ((REGIONS, "here"), "COUNTERSIGN_REGIONS is not a list of different Regions"),
            ((ROTATE, "all"), "COUNTERSIGN_ROTATE is \"all\": set it to both, secret or api-key"),
            ((STACK, ""), "StackName is missing: set it to the name of the stack"),
            ((LEAD, "1h"), "COUNTERSIGN_LEAD is \"1h\": set it to a whole number of seconds from 0 to 604800"),
            ((LEAD, "1924"), "COUNTERSIGN_LEAD is too short: the lead is 1924 s"),
            ((GRACE, "2224"), "COUNTERSIGN_GRACE is too short: the grace is 2224 s"),
            ((TTL, "61"), "COUNTERSIGN_TTL is \"61\": set it to a whole number of seconds from 1 to 60"),
            ((OUTAGE, "3600"), "COUNTERSIGN_LEAD is too short"),
            (
                (MAX_STALE, "1801"),
                "COUNTERSIGN_MAX_STALE is \"1801\": set it to a whole number of seconds from 0 to 1800",
            ),
            (
                ("COUNTERSIGN_MODE", "enforce"),
                "COUNTERSIGN_MODE is not a setting: the settings are COUNTERSIGN_ROTATE, ",
            ),
            (("COUNTERSIGN_LEED", "1"), "COUNTERSIGN_LEED is not a setting"),
        ];
        for (wrong, expected) in table {
            let variables: Vec<_> = good.iter().filter(|(name, _)| *name != wrong.0).chain([&wrong]).copied().collect();
            let error = read(&variables).unwrap_err();
            assert!(error.starts_with(&format!("environment variable {expected}")), "{error}");
            assert!(!error.contains("eyJrIjoi"), "{error}");
        }
        let error = read(&[(SECRET, ARN), (STACK, "api"), (OUTAGE, "600"), (MAX_STALE, "601")]).unwrap_err();
        let expected = "environment variable COUNTERSIGN_MAX_STALE is 601, longer than COUNTERSIGN_OUTAGE, the outage that a rotation \
            assumes: set it to at most 600";
        assert_eq!(error, expected);
        assert!(read(&[(STACK, "api")]).unwrap_err().starts_with("environment variable COUNTERSIGN_SECRET is missing"));
        assert!(read(&[(SECRET, ARN)]).unwrap_err().starts_with("environment variable StackName is missing"));
    }
}
