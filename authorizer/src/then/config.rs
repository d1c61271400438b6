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
