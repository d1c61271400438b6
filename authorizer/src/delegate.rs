//! The user's own Lambda authorizer, which is asked after the signature was found valid.
//!
//! It gets the event of this request, and its answer is handed on with our members in its context. Nothing is kept: each request is
//! asked about.

mod answer;
mod call;
mod config;
mod failure;
mod identity;
mod payload;
mod policy;
mod unique;

pub use answer::{AnswerTooLarge, Delegated};
pub use config::DelegateConfig;
pub use failure::DelegateFailure;

use crate::event::{Answer, Kind};
use answer::Form;
use call::Function;
use config::Payload;
use key_store::aws::SdkConfig;
use payload::RequestEvent;

/// The user's own authorizer function.
#[derive(Debug)]
pub struct Delegate {
    config: DelegateConfig,
    function: Function,
}

impl Delegate {
    /// The function that the settings name. `aws` has the credentials, and for tests the endpoint. The client is made by the first
    /// request.
    pub fn new(config: DelegateConfig, aws: &SdkConfig) -> Self {
        let function = Function::new(config.arn.clone(), config.timeout, aws);
        Self { config, function }
    }

    /// Asks the function about one event. `text` is the event as API Gateway sent it, `kind` is its kind and `headers` are all of
    /// its headers, an entry for each value.
    ///
    /// # Errors
    /// If the function is not asked, does not answer, or answers what API Gateway does not accept for this kind of event. None of
    /// these may become an allow.
    pub async fn ask(&self, text: &str, kind: Kind, headers: &[(&str, &str)]) -> Result<Delegated, DelegateFailure> {
        let event = RequestEvent::read(text, kind, headers)?;
        let payload = event.payload(&self.config)?;
        // On the heap, so that an invocation that does not ask is not as large as the SDK's state.
        let answer = Box::pin(self.function.invoke(&payload)).await?;
        Delegated::read(&answer, self.form(kind), event.arn()).map_err(DelegateFailure::Answer)
    }

    /// The form of answer that API Gateway accepts from us, and therefore from the function.
    fn form(&self, kind: Kind) -> Form {
        match (kind, self.config.answer, self.config.payload) {
            (Kind::Http, Answer::Simple, _) => Form::Simple,
            // Lists and objects in a context are documented for HTTP APIs. For payload format 1.0 they are not.
            (Kind::Http, Answer::Policy, Payload::Same | Payload::Token) => Form::Policy { flat: false },
            (Kind::Http, Answer::Policy, Payload::V1) | (Kind::Rest | Kind::HttpV1 | Kind::WebSocket, ..) => {
                Form::Policy { flat: true }
            }
        }
    }
}

#[cfg(test)]
mod tests;
