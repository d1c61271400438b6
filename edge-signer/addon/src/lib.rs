//! The membrane between Node and the edge signer: it supplies the clock and random bytes, and passes texts through.
//!
//! The form of the texts is [`edge_signer::codec`]'s. A warm request is one synchronous call; only a request that must
//! read keys gets a promise.

mod random;

use edge_signer::{Decision, EdgeSigner, LogEvent, codec};
use key_store::aws;
use napi::bindgen_prelude::{Result, create_custom_tokio_runtime};
use napi_derive::{module_init, napi};
use signing::Field;
use std::{
    str,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};
use tokio::runtime::Builder;

static SIGNER: LazyLock<EdgeSigner> = LazyLock::new(|| {
    // If random bytes are not available, only the jitter is missing.
    let [jitter] = random::bytes().unwrap_or_default();
    EdgeSigner::new(jitter, aws::of_lambda(aws::CallLimits::BRIEF))
});

/// Whether the log has said so.
static STARTED: AtomicBool = AtomicBool::new(false);

static FUNCTION_NAME: LazyLock<String> = LazyLock::new(telemetry::function_name);

/// Starts one thread on which keys are read. By default there is one for each processor, and only the reads need them.
#[module_init]
fn start_runtime() {
    // Without it the default is taken.
    if let Ok(runtime) = Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        create_custom_tokio_runtime(runtime);
    }
}

/// The names of the headers that a signature can set, in the order of their values.
#[napi]
pub fn fields() -> Vec<&'static str> {
    Field::ALL.into_iter().map(Field::key).collect()
}

/// Signs with the keys in memory. Returns `null` if a read of the keys is due: then call `signAfterRefresh`.
///
/// The event's text has the first `text` bytes of `bytes`, in UTF-8, and the body's data the next `body` bytes.
#[napi]
pub fn sign(bytes: &[u8], text: u32, body: u32, lines: u32) -> Result<Option<String>> {
    let now = SystemTime::now();
    let (event, body) = parts(bytes, text, body).unwrap_or_default();
    match codec::decode(event, lines, body) {
        Ok(request) => {
            Ok(SIGNER.handle_warm(&request, random::nonce()?, now).map(|decision| write(decision, event, now)))
        }
        Err(problem) => Ok(Some(write(codec::unreadable(problem), event, now))),
    }
}

/// Reads the keys if a read is due, and signs. The event's text and the body's data are copied: other events may be handled in the
/// meantime.
#[napi]
pub async fn sign_after_refresh(event: String, body: String, lines: u32) -> Result<String> {
    let now = SystemTime::now();
    match codec::decode(&event, lines, body.as_bytes()) {
        Ok(request) => Ok(write(SIGNER.handle(&request, random::nonce()?, now).await, &event, now)),
        Err(problem) => Ok(write(codec::unreadable(problem), &event, now)),
    }
}

fn parts(bytes: &[u8], text: u32, body: u32) -> Option<(&str, &[u8])> {
    let (text, rest) = bytes.split_at_checked(text.try_into().ok()?)?;
    let body = rest.get(..body.try_into().ok()?)?;
    Some((str::from_utf8(text).ok()?, body))
}

fn write(mut decision: Decision, event: &str, now: SystemTime) -> String {
    if !STARTED.swap(true, Ordering::Relaxed) {
        decision.log.insert(0, LogEvent::FunctionStarted);
    }
    codec::encode(&decision, codec::request_id(event), &FUNCTION_NAME, now)
}
