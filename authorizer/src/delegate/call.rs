//! The call of the function with Lambda's API.

use crate::delegate::{
    config::FunctionArn,
    failure::{DelegateFailure, code, error_type},
    unique::Unique,
};
use aws_sdk_lambda::{
    Client,
    config::{
        Builder, ConfigBag, Intercept, Region, RuntimeComponents,
        interceptors::BeforeDeserializationInterceptorContextMut, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{BoxError, ProvideErrorMetadata as _, SdkError},
    operation::invoke::{InvokeError, InvokeOutput},
    primitives::{Blob, SdkBody},
    types::InvocationType,
};
use http_body_util::{LengthLimitError, Limited};
use key_store::aws::{Call, SdkConfig, explain};
use serde_json::Value;
use std::{error::Error, iter, mem, sync::OnceLock, time::Duration};

/// The largest answer that is read, in bytes: eight times what API Gateway accepts, so that an answer with long white space is read
/// too.
const LONGEST_ANSWER: usize = 65_536;

/// The longest wait for a connection to Lambda.
const CONNECT: Duration = Duration::from_secs(1);

/// A function that is called by its ARN.
#[derive(Debug)]
pub(super) struct Function {
    arn: FunctionArn,
    timeout: Duration,
    aws: SdkConfig,
    client: OnceLock<Client>,
}

impl Function {
    /// The function with this ARN. The client is made by the first call.
    pub(super) fn new(arn: FunctionArn, timeout: Duration, aws: &SdkConfig) -> Self {
        Self { arn, timeout, aws: aws.clone(), client: OnceLock::new() }
    }

    /// Calls the function once, and returns its answer.
    ///
    /// # Errors
    /// If the function could not be called, or ended with an error.
    pub(super) async fn invoke(&self, payload: &str) -> Result<Vec<u8>, DelegateFailure> {
        let call = self.client.get_or_init(|| self.client()).invoke().function_name(self.arn.as_str());
        let call = call.invocation_type(InvocationType::RequestResponse).payload(Blob::new(payload));
        let output = call.send().await.map_err(|error| self.failure(&error))?;
        let InvokeOutput { function_error, payload, .. } = output;
        let answer = payload.map(Blob::into_inner).unwrap_or_default();
        if function_error.is_some() { Err(of_function(&answer)) } else { Ok(answer) }
    }

    fn client(&self) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(self.timeout))
            .read_timeout(self.timeout)
            .operation_attempt_timeout(self.timeout)
            .operation_timeout(self.timeout);
        let config = Builder::from(&self.aws)
            .region(Region::new(self.arn.region().to_owned()))
            .timeout_config(timeouts.build())
            // A second call could be one too many: the function may already be at work.
            .retry_config(RetryConfig::disabled())
            .interceptor(LimitedAnswer);
        Client::from_conf(config.build())
    }

    fn failure<R: std::fmt::Debug + 'static>(&self, error: &SdkError<InvokeError, R>) -> DelegateFailure {
        const ACTION: &str = "lambda:InvokeFunction";
        let call = Call { action: ACTION, resource: self.arn.as_str(), region: self.arn.region() };
        if causes(error).any(|cause| cause.is::<LengthLimitError>()) {
            return DelegateFailure::Answer("it is larger than 65,536 bytes");
        }
        match error {
            SdkError::TimeoutError(_) => DelegateFailure::TimedOut(self.timeout),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => DelegateFailure::TimedOut(self.timeout),
            // Only here AWS's own words are repeated: they name the caller and the function.
            SdkError::ServiceError(context) => match context.err().code() {
                Some("AccessDeniedException" | "AccessDenied") => DelegateFailure::NotAllowed(explain(error, call)),
                Some("TooManyRequestsException" | "ThrottlingException" | "Throttling") => DelegateFailure::Throttled,
                Some(
                    credentials @ ("ExpiredTokenException"
                    | "ExpiredToken"
                    | "UnrecognizedClientException"
                    | "InvalidSignatureException"
                    | "MissingAuthenticationTokenException"
                    | "IncompleteSignatureException"),
                ) => DelegateFailure::NotAllowed(format!(
                    "Lambda does not accept the credentials of this function ({credentials})"
                )),
                Some(other) => DelegateFailure::NotRun { code: code(Some(other)) },
                None => DelegateFailure::Unreachable(explain(error, call)),
            },
            _ => DelegateFailure::Unreachable(explain(error, call)),
        }
    }
}

/// The failure of a function, from the document that Lambda or its runtime writes about it. The message of an error is only compared:
/// it can hold anything.
fn of_function(document: &[u8]) -> DelegateFailure {
    let document = serde_json::from_slice(document).map_or(Value::Null, |Unique(document)| document);
    let text = |name| document.get(name).and_then(Value::as_str);
    if text("errorMessage") == Some("Unauthorized") {
        DelegateFailure::Unauthorized
    } else {
        DelegateFailure::Failed { error_type: text("errorType").and_then(error_type) }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

/// Stops to read an answer that is too large.
#[derive(Debug)]
struct LimitedAnswer;

impl Intercept for LimitedAnswer {
    fn name(&self) -> &'static str {
        "LimitedAnswer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, LONGEST_ANSWER));
        Ok(())
    }
}
