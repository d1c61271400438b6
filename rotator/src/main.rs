//! The rotator as a Lambda function on `provided.al2023`, where the program is called `bootstrap`.

use key_store::aws::{CallLimits, of_lambda};
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use rotator::{ClockAndRng, NoRandomness, Rotator, RotatorConfig, RotatorFailure};
use serde_json::value::RawValue;
use std::{process::ExitCode, sync::Arc, time::SystemTime};
use zeroize::Zeroizing;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::log::init();
    let config = match RotatorConfig::read(std::env::vars_os()) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(rotation = "not-started", reason = %error);
            return ExitCode::FAILURE;
        }
    };
    let clock_and_rng = ClockAndRng { now: Arc::new(SystemTime::now), new_secret: Arc::new(new_secret) };
    let rotator = Rotator::new(config, &of_lambda(CallLimits::PATIENT), clock_and_rng);
    let handler = async |event: LambdaEvent<Box<RawValue>>| {
        rotator.rotate(event.payload.get(), &event.context.request_id).await.map_err(diagnostic)
    };
    match Runtime::new(service_fn(handler)).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(rotation = "stopped", reason = %error);
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
