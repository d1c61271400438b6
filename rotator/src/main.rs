//! The rotator as a Lambda function on `provided.al2023`, where the program is called `bootstrap`.

use key_store::aws::{CallLimits, of_lambda};
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use rotator::{NoRandomness, Platform, Rotator, RotatorConfig, RotatorFailure};
use serde_json::value::RawValue;
use std::{process::ExitCode, sync::Arc, time::SystemTime};
use telemetry::{Causes, Detail, Event, Log, VERSION};
use zeroize::Zeroizing;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let log = Log::of_function();
    let config = match RotatorConfig::read(std::env::vars_os()) {
        Ok(config) => config,
        Err(error) => {
            log.write(&Event::FunctionNotStarted { detail: Detail(&error), version: VERSION }, SystemTime::now());
            return ExitCode::FAILURE;
        }
    };
    let platform = Platform { now: Arc::new(SystemTime::now), new_secret: Arc::new(new_secret), log: log.clone() };
    log.write(&Event::FunctionStarted { version: VERSION }, SystemTime::now());
    let rotator = Rotator::new(config, &of_lambda(CallLimits::PATIENT), platform);
    let handler = async |event: LambdaEvent<Box<RawValue>>| {
        rotator.rotate(event.payload.get(), &event.context.request_id).await.map_err(diagnostic)
    };
    match Runtime::new(service_fn(handler)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.write(&Event::FunctionStopped { detail: Detail(&Causes(&*error)) }, SystemTime::now());
            ExitCode::FAILURE
        }
    }
}

fn new_secret() -> Result<Zeroizing<[u8; 48]>, NoRandomness> {
    let mut secret = Zeroizing::new([0; 48]);
    getrandom::fill(&mut *secret).map_err(|_| NoRandomness)?;
    Ok(secret)
}

fn diagnostic(failure: RotatorFailure) -> Diagnostic {
    Diagnostic { error_type: "Rotation".to_owned(), error_message: failure.error }
}
