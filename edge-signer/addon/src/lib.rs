//! The membrane between Node and the edge signer: it supplies the clock and random bytes, and passes texts through.
//!
//! The form of the texts is [`edge_signer::codec`]'s. A warm request is one synchronous call; only a request that must
//! read keys gets a promise.

use edge_signer::{Decision, EdgeSigner, LogEvent, codec};
use key_store::aws;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;
use signing::Nonce;
use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

static SIGNER: LazyLock<EdgeSigner> = LazyLock::new(|| {
    // If random bytes are not available, only the jitter is missing.
    let mut random = [0];
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    EdgeSigner::new(random, aws::of_lambda(aws::CallLimits::BRIEF))
});

/// Whether the log has said so.
static STARTED: AtomicBool = AtomicBool::new(false);

static FUNCTION_NAME: LazyLock<String> = LazyLock::new(telemetry::function_name);

/// Signs with the keys in memory. Returns `null` if a read of the keys is due: then call `signAfterRefresh`.
#[napi]
pub fn sign(event: String, lines: u32, body: String) -> Result<Option<String>> {
    let now = SystemTime::now();
    match codec::decode(&event, lines, &body) {
        Ok(request) => Ok(SIGNER.handle_warm(&request, nonce()?, now).map(|decision| write(decision, &event, now))),
        Err(problem) => Ok(Some(write(codec::unreadable(problem), &event, now))),
    }
}

/// Reads the keys if a read is due, and signs.
#[napi]
pub async fn sign_after_refresh(event: String, lines: u32, body: String) -> Result<String> {
    let now = SystemTime::now();
    match codec::decode(&event, lines, &body) {
        Ok(request) => Ok(write(SIGNER.handle(&request, nonce()?, now).await, &event, now)),
        Err(problem) => Ok(write(codec::unreadable(problem), &event, now)),
    }
}

fn write(mut decision: Decision, event: &str, now: SystemTime) -> String {
    if !STARTED.swap(true, Ordering::Relaxed) {
        decision.log.insert(0, LogEvent::FunctionStarted);
    }
    codec::encode(&decision, codec::request_id(event), &FUNCTION_NAME, now)
}

fn nonce() -> Result<Nonce> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::from_reason(format!("the system does not give random bytes: {error}")))?;
    Ok(Nonce::new(bytes))
}
