//! The authorizer as a Lambda function on `provided.al2023`, where the program is called `bootstrap`.

use authorizer::{Authorizer, AuthorizerConfig, AuthorizerError, Unavailable, Undecided};
use key_store::aws;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;
use std::{process::ExitCode, time::SystemTime};
use telemetry::{Causes, Detail, Event, Log, VERSION};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let log = Log::of_function();
    let mut config = match AuthorizerConfig::read(std::env::vars_os()) {
        Ok(config) => config,
        Err(error) => {
            log.write(&Event::FunctionNotStarted { detail: Detail(&error), version: VERSION }, SystemTime::now());
            return ExitCode::FAILURE;
        }
    };
    // If random bytes are not available, only the jitter is missing.
    let mut random = [0];
    let _ = getrandom::fill(&mut random);
    config.limits = config.limits.jittered(random[0]);
    config.then = config.then.jittered(random[0]);

    let authorizer = Authorizer::new(config, &aws::of_lambda(aws::CallLimits::BRIEF), log.clone());
    log.write(&Event::FunctionStarted { version: VERSION }, SystemTime::now());
    let handler = async |event: LambdaEvent<Box<RawValue>>| {
        authorizer.authorize(event.payload.get(), SystemTime::now()).await.map_err(diagnostic)
    };
    match Runtime::new(service_fn(handler)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.write(&Event::FunctionStopped { detail: Detail(&Causes(&*error)) }, SystemTime::now());
            ExitCode::FAILURE
        }
    }
}

/// API Gateway answers 500, and 401 if the whole text is `Unauthorized`.
fn diagnostic(error: AuthorizerError) -> Diagnostic {
    let error_type = match error {
        AuthorizerError::Event(_) => "Event",
        AuthorizerError::Unavailable(Unavailable::Keys) => "NoKeys",
        AuthorizerError::Unavailable(Unavailable::OriginHeader) => "NoOriginHeader",
        AuthorizerError::Unauthorized => "Unauthorized",
        AuthorizerError::Undecided(Undecided::IssuerKeys) => "NoIssuerKeys",
        AuthorizerError::Undecided(Undecided::NextAuthorizer) => "NoNextAnswer",
    };
    Diagnostic { error_type: error_type.to_owned(), error_message: error.to_string() }
}
