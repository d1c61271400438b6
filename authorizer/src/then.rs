//! What follows the signature: nothing, a check of the viewer's token, or the next authorizer, by route where that is needed.
//!
//! Monitor mode of the signature does not switch it off: it follows for each request that the signature does not refuse.

mod config;
mod path;
mod rows;

pub use config::ThenConfig;

use crate::{
    delegate::{Delegate, DelegateFailure, Delegated},
    event::Event,
    failure::Unverified,
    jwt::{JwtCheck, JwtContext, JwtFailure, TokenRefusal},
    mode::Mode,
    origin_header::Admissible,
};
use key_store::aws::SdkConfig;
use path::Form;
use rows::{Asked, Rows};
use signing::{BasePaths, METHOD_OVERRIDES, ReceivedRequest, ReceivedTarget, resembles};
use std::{fmt, time::SystemTime};
use telemetry::Log;

/// Headers from which some frameworks take the path: Symfony did (CVE-2018-14773), and so did Zend Framework (ZF2018-01). No
/// signature covers them.
const PATH_OVERRIDES: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// What follows the signature in one process.
#[derive(Debug)]
pub struct Then {
    rows: Rows,
    base_paths: BasePaths,
    jwt: Option<(JwtCheck, Mode)>,
    next: Option<(Delegate, Mode)>,
}

/// A request that the signature does not refuse.
#[derive(Debug)]
pub enum Standing<'a> {
    /// The signature is valid.
    Admissible(Admissible<'a>),
    /// It is not, or this is not known, and monitor mode goes on.
    Unverified(Unverified),
}

/// Proof that a request has passed what follows the signature, where anything does. Only [`Then::follow`] makes it.
///
/// ```compile_fail,E0451
/// # use authorizer::Followed;
/// Followed { jwt: None, delegated: None };
/// ```
#[derive(Debug)]
pub struct Followed {
    jwt: Option<JwtContext>,
    delegated: Option<Delegated>,
}

impl Followed {
    /// What the check of the token hands on.
    pub fn jwt(&self) -> Option<&JwtContext> {
        self.jwt.as_ref()
    }

    /// The answer of the next authorizer, which allows the request. In that check's monitor mode only if this is certain.
    pub fn delegated(&self) -> Option<&Delegated> {
        self.delegated.as_ref()
    }
}

/// Why a request may not pass what follows the signature.
#[derive(Debug)]
pub enum Stopped {
    /// By the check of the token.
    Token(JwtFailure),
    /// The next authorizer was not asked, or did not answer.
    Next(DelegateFailure),
    /// The next authorizer has refused the request.
    Denied(Delegated),
}

/// What a [`Stopped`] request is answered.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Who sends it is not known: 401, where an authorizer can say that.
    Unauthorized,
    /// It is forbidden: 403. The answer is that of the next authorizer, if there is one.
    Denied(Option<&'a Delegated>),
    /// This cannot be decided: 500.
    Undecided(Undecided),
}

/// What follows the signature needs an answer that it did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The keys of the token's issuer.
    #[error("the authorizer does not have usable keys of the token's issuer: see the failed reads in this log")]
    IssuerKeys,
    /// The answer of the next authorizer.
    #[error("the next authorizer did not give an answer that can be used: see its reason in this log")]
    NextAuthorizer,
}

#[cfg(test)]
impl Followed {
    pub(crate) const NOTHING: Self = Self { jwt: None, delegated: None };
}

impl Then {
    /// Makes no client and no connection: that is done by the first request that needs it.
    pub fn new(config: ThenConfig, base_paths: BasePaths, aws: &SdkConfig, log: &Log) -> Self {
        let ThenConfig { rows, jwt, next } = config;
        Self {
            rows,
            base_paths,
            jwt: jwt.map(|(config, mode)| (JwtCheck::new(config, log.clone()), mode)),
            next: next.map(|(config, mode)| (Delegate::new(config, aws), mode)),
        }
    }

    /// Makes the checks that the place of the request requires. `text` is the event as it came. A check in monitor mode
    /// reports to `would_stop` instead of stopping the request.
    ///
    /// # Errors
    /// The first check that does not let the request pass.
    pub async fn follow(
        &self,
        standing: &Standing<'_>,
        event: &Event<'_>,
        text: &str,
        received: &ReceivedRequest<'_>,
        now: SystemTime,
        would_stop: impl Fn(&Stopped),
    ) -> Result<Followed, Stopped> {
        let mut followed = Followed { jwt: None, delegated: None };
        let required = self.rows.required(|| self.asked(standing, event, received));
        if required.is_nothing() {
            return Ok(followed);
        }
        let stop = |mode, stopped| match mode {
            Mode::Enforce => Err(stopped),
            Mode::Monitor => {
                would_stop(&stopped);
                Ok(())
            }
        };
        // The futures are large, and most functions never make one: each is on the heap.
        // `ThenConfig` refuses rows with a check that is not configured. If one comes here, it does not open the door.
        if let Some(scopes) = &required.jwt {
            let missing = || Stopped::Token(JwtFailure::Refused(TokenRefusal::Missing));
            let (check, mode) = self.jwt.as_ref().ok_or_else(missing)?;
            match Box::pin(check.check(received.headers, scopes, now)).await {
                Ok(context) => followed.jwt = Some(context),
                Err(failure) => stop(*mode, Stopped::Token(failure))?,
            }
        }
        if required.next {
            let (delegate, mode) = self.next.as_ref().ok_or(Stopped::Next(DelegateFailure::Unauthorized))?;
            match Box::pin(delegate.ask(text, event.kind(), received.headers)).await {
                // API Gateway could refuse the request because of a condition, which monitor mode must not do.
                Ok(delegated) if delegated.allows() => {
                    followed.delegated = (*mode == Mode::Enforce || delegated.surely_allows()).then_some(delegated);
                }
                Ok(delegated) => stop(*mode, Stopped::Denied(delegated))?,
                Err(failure) => stop(*mode, Stopped::Next(failure))?,
            }
        }
        Ok(followed)
    }

    fn asked<'a>(&self, standing: &Standing<'a>, event: &'a Event<'_>, received: &'a ReceivedRequest<'_>) -> Asked<'a> {
        let form = match received.target {
            ReceivedTarget::Rest { .. } => Form::Sent,
            ReceivedTarget::Http { .. } | ReceivedTarget::HttpV1 { .. } | ReceivedTarget::WebSocket { .. } => {
                Form::Decoded
            }
        };
        let has =
            |names: &[&str]| received.headers.iter().any(|(name, _)| names.iter().any(|other| resembles(name, other)));
        // A valid signature refuses headers that change the method.
        let (signed_path, may_change_method) = match standing {
            Standing::Admissible(admissible) => (Some(admissible.verified().path()), false),
            Standing::Unverified(_) => (None, has(&METHOD_OVERRIDES)),
        };
        Asked {
            method: event.method(),
            route: event.route_path(),
            path: received.resource_path(&self.base_paths).map(|path| (path, form)),
            signed_path,
            may_be_changed: may_change_method || has(&PATH_OVERRIDES),
        }
    }
}

impl Stopped {
    /// The reason as one word.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(failure) => failure.reason(),
            Self::Next(failure) => failure.reason(),
            Self::Denied(_) => "next-denied",
        }
    }

    /// How the request is answered.
    pub fn verdict(&self) -> Verdict<'_> {
        match self {
            Self::Token(JwtFailure::Refused(_)) => Verdict::Unauthorized,
            Self::Token(JwtFailure::Scope { .. }) => Verdict::Denied(None),
            Self::Token(JwtFailure::Unavailable(_)) => Verdict::Undecided(Undecided::IssuerKeys),
            Self::Next(DelegateFailure::IdentityMissing(_) | DelegateFailure::Unauthorized) => Verdict::Unauthorized,
            Self::Next(_) => Verdict::Undecided(Undecided::NextAuthorizer),
            Self::Denied(delegated) => Verdict::Denied(Some(delegated)),
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(failure) => failure.fmt(f),
            Self::Next(failure) => failure.fmt(f),
            Self::Denied(_) => f.write_str("the next authorizer has refused the request"),
        }
    }
}
