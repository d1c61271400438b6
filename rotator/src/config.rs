//! The configuration of the function: environment variables, read once at its start.

use key_store::{Secret, Source, SourceError};
use signing::{RotationNumbers, RotationSchedule, RotationTooFast};
use std::ffi::OsString;
use telemetry::{Environment, EnvironmentError};

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

/// A week: no number of a rotation is larger.
const WEEK: u64 = 604_800;

/// What a rotator rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `COUNTERSIGN_SECRET` and the numbers of its rotation, unless `COUNTERSIGN_ROTATE` is `api-key`.
    pub keys: Option<(Secret, RotationSchedule)>,
    /// `StackName`, unless `COUNTERSIGN_ROTATE` is `secret`.
    pub stack: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Rotate {
    Both,
    Secret,
    ApiKey,
}

impl Config {
    /// Reads `StackName` and the variables whose names begin with `COUNTERSIGN_`; others are not looked at. The numbers that
    /// the authorizer has too have to be set alike here.
    ///
    /// # Errors
    /// The first that is wrong or not known; or numbers under which a good request would be refused.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, EnvironmentError> {
        let mut environment = Environment::read(variables, &[STACK])?;
        let words = [("both", Rotate::Both), ("secret", Rotate::Secret), ("api-key", Rotate::ApiKey)];
        let rotate = environment.word(ROTATE, &words, Rotate::Both)?;
        let (secret, regions) = (environment.take(SECRET), environment.take(REGIONS));
        let stack = environment.take(STACK).filter(|name| !name.is_empty());
        let schedule = schedule(&mut environment)?;
        environment.finish()?;
        let keys = match rotate {
            Rotate::ApiKey => None,
            Rotate::Both | Rotate::Secret => Some((secret_of(secret, regions)?, schedule)),
        };
        let stack = match (rotate, stack) {
            (Rotate::Secret, _) => None,
            (Rotate::Both | Rotate::ApiKey, Some(stack)) => Some(stack),
            (Rotate::Both | Rotate::ApiKey, None) => {
                let accepted = format!("the name of the stack whose Timestamp is to change, or {ROTATE}=secret");
                return Err(EnvironmentError::new(STACK, "not set", accepted));
            }
        };
        Ok(Self { keys, stack })
    }
}

fn secret_of(secret: Option<String>, regions: Option<String>) -> Result<Secret, EnvironmentError> {
    const ACCEPTED: &str = "the whole ARN of a secret";
    let secret = secret.ok_or_else(|| EnvironmentError::new(SECRET, "not set", ACCEPTED))?;
    // Its value is not told: someone may have set the secret itself.
    match Source::parse(&secret, regions.as_deref()) {
        Ok(Source::Secret(secret)) => Ok(secret),
        Ok(Source::File(_)) => Err(EnvironmentError::new(SECRET, "set to a file", ACCEPTED)),
        Err(SourceError::Regions(error)) => {
            let accepted = "a list of Regions, each once, like eu-west-1,us-east-1";
            Err(EnvironmentError::new(REGIONS, format!("set to what {error}"), accepted))
        }
        Err(SourceError::Secret | SourceError::RegionsOfFile) => {
            Err(EnvironmentError::new(SECRET, "set to what is no ARN of a secret", ACCEPTED))
        }
    }
}

fn schedule(environment: &mut Environment) -> Result<RotationSchedule, EnvironmentError> {
    let default = RotationNumbers::DEFAULT;
    let numbers = RotationNumbers {
        lead: environment.seconds(LEAD, default.lead, 0..=WEEK)?,
        grace: environment.seconds(GRACE, default.grace, 0..=WEEK)?,
        verifier_ttl: environment.seconds(TTL, default.verifier_ttl, 1..=3600)?,
        signer_ttl: default.signer_ttl,
        replication: environment.seconds(REPLICATION, default.replication, 0..=600)?,
        skew: environment.seconds(SKEW, default.skew, 0..=60)?,
        lifetime: environment.seconds(MAX_LIFETIME, default.lifetime, 1..=300)?,
        outage: environment.seconds(OUTAGE, default.outage, 0..=86_400)?,
    };
    let max_stale = environment.seconds(MAX_STALE, numbers.outage, 0..=86_400)?;
    if max_stale > numbers.outage {
        let accepted = format!("at most {OUTAGE}, which is the outage that a rotation reckons with");
        return Err(EnvironmentError::new(MAX_STALE, format!("{max_stale:?}"), accepted));
    }
    RotationSchedule::try_from(numbers).map_err(|error| {
        let variable = match error {
            RotationTooFast::Grace { .. } => GRACE,
            RotationTooFast::Lead { .. } | RotationTooFast::Fraction(_) => LEAD,
        };
        EnvironmentError::new(variable, "too short", format!("what leaves every function time to follow: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Config::read(variables).map_err(|error| error.to_string())
    }

    fn secret(regions: Option<&str>) -> Secret {
        let Source::Secret(secret) = Source::parse(ARN, regions).unwrap() else { panic!("no secret") };
        secret
    }

    #[test]
    fn what_is_left_out_has_the_default() {
        let keys = || Some((secret(None), RotationNumbers::DEFAULT.try_into().unwrap()));
        let stack = Some("api".to_owned());
        let both = Ok(Config { keys: keys(), stack: stack.clone() });
        assert_eq!(read(&[(SECRET, ARN), (STACK, "api"), ("PATH", "/bin")]), both);
        assert_eq!(read(&[(SECRET, ARN), (ROTATE, "secret")]), Ok(Config { keys: keys(), stack: None }));
        assert_eq!(read(&[(STACK, "api"), (ROTATE, "api-key")]), Ok(Config { keys: None, stack }));
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
        let numbers = RotationNumbers {
            lead: seconds(1000),
            grace: seconds(2000),
            verifier_ttl: seconds(10),
            signer_ttl: seconds(300),
            replication: seconds(20),
            skew: seconds(3),
            lifetime: seconds(30),
            outage: seconds(100),
        };
        let keys = Some((secret(Some("us-east-1,ap-south-1")), numbers.try_into().unwrap()));
        assert_eq!(read(&all), Ok(Config { keys, stack: Some("api".to_owned()) }));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_accepted() {
        let good = [(SECRET, ARN), (STACK, "api")];
        let table: [(&[(&str, &str)], &str); 14] = [
            (&[(SECRET, "")], "COUNTERSIGN_SECRET is set to what is no ARN of a secret: accepted is the whole ARN"),
            (&[(SECRET, "file:/k.json")], "COUNTERSIGN_SECRET is set to a file: accepted is the whole ARN of a secret"),
            (&[(SECRET, "eyJrIjoi")], "COUNTERSIGN_SECRET is set to what is no ARN of a secret: accepted is the whole"),
            (&[(REGIONS, "here")], "COUNTERSIGN_REGIONS is set to what is no list of Regions"),
            (&[(ROTATE, "all")], "COUNTERSIGN_ROTATE is \"all\": accepted is both, secret or api-key"),
            (&[(STACK, "")], "StackName is not set: accepted is the name of the stack"),
            (&[(LEAD, "1h")], "COUNTERSIGN_LEAD is \"1h\": accepted is a whole number of seconds"),
            (
                &[(LEAD, "1924")],
                "COUNTERSIGN_LEAD is too short: accepted is what leaves every function time to follow: lead is 1924s",
            ),
            (
                &[(GRACE, "2224")],
                "COUNTERSIGN_GRACE is too short: accepted is what leaves every function time to follow: grace",
            ),
            (&[(TTL, "0")], "COUNTERSIGN_TTL is \"0\""),
            (&[(OUTAGE, "3600")], "COUNTERSIGN_LEAD is too short"),
            (&[(MAX_STALE, "1801")], "COUNTERSIGN_MAX_STALE is 1801s: accepted is at most COUNTERSIGN_OUTAGE"),
            (
                &[("COUNTERSIGN_MODE", "enforce")],
                "COUNTERSIGN_MODE is not known: accepted is one of COUNTERSIGN_ROTATE, ",
            ),
            (&[("COUNTERSIGN_LEED", "1")], "COUNTERSIGN_LEED is not known"),
        ];
        for (wrong, expected) in table {
            let variables: Vec<_> = good.iter().filter(|(name, _)| *name != wrong[0].0).chain(wrong).copied().collect();
            let error = read(&variables).unwrap_err();
            assert!(error.starts_with(&format!("environment variable {expected}")), "{error}");
            assert!(!error.contains("eyJrIjoi"), "{error}");
        }
        assert!(read(&[(STACK, "api")]).unwrap_err().starts_with("environment variable COUNTERSIGN_SECRET is not set"));
        assert!(read(&[(SECRET, ARN)]).unwrap_err().starts_with("environment variable StackName is not set"));
    }
}
