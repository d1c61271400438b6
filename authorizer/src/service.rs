use crate::{Config, Event, EventError, Mode, Response, Unverified, admit, admit_unverified, refuse};
use key_store::{Cache, Source};
use signing::{Claim, Policy, Refusal, Verified};
use std::time::SystemTime;

/// The authorizer of one process: its configuration and its key cache.
#[derive(Debug)]
pub struct Authorizer {
    mode: Mode,
    policy: Policy,
    keys: Cache<Source>,
}

/// Why a request was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A rule does not hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No rule about the key can be checked.
    #[error("there is no usable key set: see the failed reads in this log")]
    NoKeys,
}

impl Failure {
    /// The reason as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::NoKeys => "no-keys",
        }
    }
}

/// Why there is no answer. API Gateway answers 500, never an allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizerError {
    /// The event is none that can be decided about.
    #[error(transparent)]
    Event(#[from] EventError),
    /// No key set could be read, or the last one is too old.
    #[error("{}", Failure::NoKeys)]
    NoKeys,
}

impl Authorizer {
    /// An authorizer that has read no keys yet.
    pub fn new(config: Config) -> Self {
        Self { mode: config.mode, policy: config.policy, keys: Cache::new(config.source, config.limits) }
    }

    /// Decides about one event, and logs one line about it.
    ///
    /// `now` serves the key cache alone; the rules take the gateway's request time out of the event.
    ///
    /// # Errors
    /// Where nothing can be decided.
    pub async fn authorize(&self, event: &str, now: SystemTime) -> Result<Response, AuthorizerError> {
        let answer = self.decide(event, now).await;
        if let Err(error) = &answer {
            tracing::error!(decision = "error", reason = %error);
        }
        answer
    }

    async fn decide(&self, event: &str, now: SystemTime) -> Result<Response, AuthorizerError> {
        let event = Event::parse(event)?;
        let (method, request_id, source_ip) = (event.method(), event.request_id(), event.source_ip());
        match (self.verify(&event, now).await, self.mode) {
            (Ok(verified), _) => {
                let key_id = verified.key_id().as_str();
                tracing::info!(decision = "admitted", key_id, method, request_id);
                Ok(admit(&verified, &event.form)?)
            }
            (Err(failure), Mode::Monitor) => {
                let reason = failure.reason();
                tracing::warn!(decision = "would-refuse", reason, detail = %failure, method, request_id, source_ip);
                Ok(admit_unverified(&Unverified(failure), &event.form)?)
            }
            (Err(Failure::Refused(refusal)), Mode::Enforce) => {
                let reason = refusal.reason();
                tracing::warn!(decision = "refused", reason, detail = %refusal, method, request_id, source_ip);
                Ok(refuse(&event.form)?)
            }
            (Err(Failure::NoKeys), Mode::Enforce) => Err(AuthorizerError::NoKeys),
        }
    }

    async fn verify(&self, event: &Event<'_>, now: SystemTime) -> Result<Verified, Failure> {
        let headers = event.headers();
        let received = event.received(&headers);
        let claim = Claim::check(&received, &self.policy)?;

        warn_of(self.keys.refresh(now).await);
        let keys = self.keys.held(now).set.ok_or(Failure::NoKeys)?;
        if keys.get(claim.key_id()).is_some() {
            return Ok(claim.verify(&keys)?);
        }
        warn_of(self.keys.refresh_for(claim.key_id(), now).await);
        let keys = self.keys.held(now).set.ok_or(Failure::NoKeys)?;
        Ok(claim.verify(&keys)?)
    }
}

fn warn_of(refreshed: Result<(), key_store::ReadError>) {
    if let Err(error) = refreshed {
        tracing::warn!(notice = "refresh-failed", detail = %error);
    }
}
