//! The settings of what follows the signature.

use crate::{
    delegate::DelegateConfig,
    jwt::JwtConfig,
    mode::Mode,
    then::rows::{Required, Rows},
};
use settings::{SettingError, Settings};

const THEN: &str = "COUNTERSIGN_THEN";
const JWT: &str = "COUNTERSIGN_JWT";
const JWT_MODE: &str = "COUNTERSIGN_JWT_MODE";
const NEXT: &str = "COUNTERSIGN_NEXT_AUTHORIZER";
const NEXT_MODE: &str = "COUNTERSIGN_NEXT_MODE";

/// What follows the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThenConfig {
    /// `COUNTERSIGN_THEN`
    pub(crate) rows: Rows,
    /// `COUNTERSIGN_JWT` and the settings that belong to it, and `COUNTERSIGN_JWT_MODE`
    pub(crate) jwt: Option<(JwtConfig, Mode)>,
    /// `COUNTERSIGN_NEXT_AUTHORIZER` and the settings that belong to it, and `COUNTERSIGN_NEXT_MODE`
    pub(crate) next: Option<(DelegateConfig, Mode)>,
}

impl ThenConfig {
    /// The settings of this subject that are not those of one check.
    pub(crate) const NAMES: [&str; 3] = [THEN, JWT_MODE, NEXT_MODE];

    /// Nothing follows the signature.
    pub fn nothing() -> Self {
        Self { rows: Rows::everywhere(Required::default()), jwt: None, next: None }
    }

    pub(crate) fn read(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let jwt = with_mode(settings, JwtConfig::read(settings)?, (JWT, JWT_MODE))?;
        let next = with_mode(settings, DelegateConfig::read(settings)?, (NEXT, NEXT_MODE))?;
        let rows = match settings.get(THEN)? {
            Some(text) => Rows::try_from(text).map_err(|error| {
                let instruction = "set it to none, jwt, jwt(SCOPE SCOPE) or lambda, or to rows of the form PLACE=CHECK with commas \
                    between them, like GET /pets=jwt(read),$default /public/*=none,*=jwt";
                settings.error(THEN, format!("has a wrong row: {error}"), instruction)
            })?,
            None if jwt.is_some() && next.is_some() => {
                let instruction = "set it to jwt or lambda, or to a row for each place";
                return Err(settings.error(THEN, format!("is missing, and both {JWT} and {NEXT} are set"), instruction));
            }
            None => {
                Rows::everywhere(Required { jwt: jwt.is_some().then(Vec::new), next: next.is_some() })
            }
        };
        let all = rows.strictest();
        for (check, is_asked, is_set, name) in
            [("jwt", all.jwt.is_some(), jwt.is_some(), JWT), ("lambda", all.next, next.is_some(), NEXT)]
        {
            match (is_asked, is_set) {
                (true, false) => {
                    return Err(settings.error(THEN, format!("has the check {check}"), format!("set {name} too")));
                }
                (false, true) => {
                    let instruction = format!("have a row with {check}, or remove {name}");
                    return Err(settings.error(
                        THEN,
                        format!("does not have the check {check}, and {name} is set"),
                        instruction,
                    ));
                }
                _ => {}
            }
        }
        Ok(Self { rows, jwt, next })
    }

    /// The keys of issuers are read at another moment in each process.
    #[must_use]
    pub fn jittered(mut self, random: u8) -> Self {
        self.jwt = self.jwt.map(|(config, mode)| (config.jittered(random), mode));
        self
    }
}

fn with_mode<C>(
    settings: &Settings<'_>,
    config: Option<C>,
    (name, mode): (&str, &str),
) -> Result<Option<(C, Mode)>, SettingError> {
    let is_set = settings.get(mode)?.is_some();
    let mode_of = settings.word(mode, &Mode::WORDS, Mode::Enforce)?;
    match config {
        None if is_set => {
            Err(settings.error(mode, format!("is set without {name}"), format!("set {name} too, or remove it")))
        }
        config => Ok(config.map(|config| (config, mode_of))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: (&str, &str) = (JWT, "https://issuer.example;audience=api");
    const FUNCTION: (&str, &str) = (NEXT, "arn:aws:lambda:eu-west-1:123456789012:function:next");

    fn read(variables: &[(&str, &str)]) -> Result<ThenConfig, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        ThenConfig::read(&Settings::of_environment(variables, &[]).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_configured_follows_everywhere_unless_rows_say_otherwise() {
        let jwt = Required { jwt: Some(Vec::new()), next: false };
        let next = Required { jwt: None, next: true };
        assert_eq!(read(&[]), Ok(ThenConfig::nothing()));
        assert_eq!(read(&[(THEN, "none")]), Ok(ThenConfig::nothing()));
        for (variables, expected) in [
            (&[ISSUER][..], &jwt),
            (&[ISSUER, (THEN, "jwt")], &jwt),
            (&[FUNCTION], &next),
            (&[FUNCTION, (THEN, "*=lambda")], &next),
        ] {
            assert_eq!(read(variables).unwrap().rows, Rows::everywhere(expected.clone()), "{variables:?}");
        }
        let rows = "GET /a=jwt,GET /b=lambda,*=none";
        let config = read(&[ISSUER, FUNCTION, (THEN, rows), (NEXT_MODE, "monitor")]).unwrap();
        assert_eq!(config.rows, Rows::try_from(rows).unwrap());
        assert_eq!(config.jwt.map(|(_, mode)| mode), Some(Mode::Enforce));
        assert_eq!(config.next.map(|(_, mode)| mode), Some(Mode::Monitor));
    }

    #[test]
    fn a_check_without_its_configuration_or_a_configuration_without_its_check_is_an_error() {
        for (variables, expected) in [
            (
                &[ISSUER, FUNCTION][..],
                "COUNTERSIGN_THEN is missing, and both COUNTERSIGN_JWT and COUNTERSIGN_NEXT_AUTHORIZER are set: set it to \
                jwt or lambda, or to a row for each place",
            ),
            (&[(THEN, "jwt")], "COUNTERSIGN_THEN has the check jwt: set COUNTERSIGN_JWT too"),
            (
                &[(THEN, "GET /a=lambda,*=none")],
                "COUNTERSIGN_THEN has the check lambda: set COUNTERSIGN_NEXT_AUTHORIZER too",
            ),
            (
                &[ISSUER, (THEN, "none")],
                "COUNTERSIGN_THEN does not have the check jwt, and COUNTERSIGN_JWT is set: have a row with jwt, or remove \
                COUNTERSIGN_JWT",
            ),
            (
                &[ISSUER, FUNCTION, (THEN, "jwt")],
                "COUNTERSIGN_THEN does not have the check lambda, and COUNTERSIGN_NEXT_AUTHORIZER is set: have a row with \
                lambda, or remove COUNTERSIGN_NEXT_AUTHORIZER",
            ),
            (
                &[(THEN, "GET /a")],
                "COUNTERSIGN_THEN has a wrong row: \"GET /a\" does not end with a check: set it to none, jwt, jwt(SCOPE SCOPE) or lambda, or to rows of the form PLACE=CHECK with commas \
                between them, like GET /pets=jwt(read),$default /public/*=none,*=jwt",
            ),
            (
                &[(JWT_MODE, "monitor")],
                "COUNTERSIGN_JWT_MODE is set without COUNTERSIGN_JWT: set COUNTERSIGN_JWT too, or remove it",
            ),
            (
                &[ISSUER, (NEXT_MODE, "enforce")],
                "COUNTERSIGN_NEXT_MODE is set without COUNTERSIGN_NEXT_AUTHORIZER: set COUNTERSIGN_NEXT_AUTHORIZER too, or \
                remove it",
            ),
            (&[ISSUER, (JWT_MODE, "off")], "COUNTERSIGN_JWT_MODE is \"off\": set it to enforce or monitor"),
        ] {
            assert_eq!(read(variables), Err(format!("environment variable {expected}")), "{variables:?}");
        }
    }
}
