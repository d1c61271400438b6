//! The options about what follows the signature. Each is a setting of the authorizer.

use crate::local::emulation::Mode;
use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "After the signature")]
pub(crate) struct SecondCheckOptions {
    /// What follows the signature: none, jwt, jwt(SCOPE SCOPE) or lambda; or a row for each place, like
    /// 'GET /pets=none,*=jwt' [default: the check that is configured]
    #[arg(long, value_name = "ROWS")]
    then: Option<String>,
    /// An issuer of the viewers' tokens and what they must have, like `https://issuer.example;audience=api`. More issuers follow
    /// after a comma
    #[arg(long, value_name = "ISSUER;audience=…")]
    jwt: Option<String>,
    /// The claims of a token that your server receives, each as jwt_NAME
    #[arg(long, value_name = "NAMES")]
    jwt_claims: Option<String>,
    /// What the authorizer does with a token that it refuses [default: enforce]
    #[arg(long, value_enum, value_name = "MODE")]
    jwt_mode: Option<Mode>,
    /// What the authorizer does with a request that the next authorizer refuses [default: enforce]
    #[arg(long, value_enum, value_name = "MODE")]
    next_mode: Option<Mode>,
}

impl SecondCheckOptions {
    /// The settings of the authorizer, by their names.
    pub(crate) fn settings(self) -> Vec<(&'static str, String)> {
        let Self { then, jwt, jwt_claims, jwt_mode, next_mode } = self;
        let mode = |mode: Mode| mode.word().to_owned();
        [
            ("COUNTERSIGN_THEN", then),
            ("COUNTERSIGN_JWT", jwt),
            ("COUNTERSIGN_JWT_CLAIMS", jwt_claims),
            ("COUNTERSIGN_JWT_MODE", jwt_mode.map(mode)),
            ("COUNTERSIGN_NEXT_MODE", next_mode.map(mode)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
