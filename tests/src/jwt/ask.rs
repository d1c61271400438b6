//! The check as it is asked here.

use authorizer::{JwtCheck, JwtConfig, JwtContext, JwtFailure, Scope};
use settings::Settings;
use std::time::SystemTime;
use telemetry::{Log, MemoryLog};

/// A check with this value of `COUNTERSIGN_JWT`.
pub(crate) fn check_with(setting: &str, log: &MemoryLog) -> JwtCheck {
    let settings =
        Settings::of_environment([("COUNTERSIGN_JWT".into(), setting.into())], &[]).unwrap_or_else(|_| panic!());
    let config = JwtConfig::read(&settings).unwrap().unwrap();
    JwtCheck::new(config, Log::new(None, log.clone()))
}

/// What is said to a request with this token, on a route that needs this scope.
pub(crate) async fn ask(
    check: &JwtCheck,
    token: &str,
    scope: Option<&str>,
    now: SystemTime,
) -> Result<JwtContext, JwtFailure> {
    let scopes: Vec<_> = scope.map(|scope| vec![Scope::try_from(scope).unwrap()]).into_iter().collect();
    check.check(&[("Authorization", &format!("Bearer {token}"))], &scopes, now).await
}

/// The reason of the refusal; `ok` if there is none.
pub(crate) async fn reason(check: &JwtCheck, token: &str, now: SystemTime) -> &'static str {
    ask(check, token, None, now).await.map_or_else(|failure| failure.reason(), |_| "ok")
}
