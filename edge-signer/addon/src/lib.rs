//! The membrane between Node and the edge signer: it brings the clock and the randomness, and passes texts through.
//!
//! The form of the texts is [`edge_signer::frame`]'s. A warm request is one synchronous call; only where keys have to be
//! read is there a promise.

use edge_signer::{EdgeSigner, frame};
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;
use signing::Nonce;
use std::{sync::LazyLock, time::SystemTime};

static SIGNER: LazyLock<EdgeSigner> = LazyLock::new(|| {
    // Without randomness there is only no jitter.
    let mut random = [0];
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    EdgeSigner::new(EdgeSigner::LIMITS.jittered(random))
});

/// Signs with the keys in memory. Returns `null` where it is time to read keys: then call `signAfterRefresh`.
#[napi]
pub fn sign(event: String, lines: u32, body: String) -> Result<Option<String>> {
    match frame::read(&event, lines, &body) {
        Ok(request) => Ok(SIGNER.handle_warm(&request, nonce()?, SystemTime::now()).as_ref().map(frame::write)),
        Err(problem) => Ok(Some(frame::write(&frame::unreadable(problem)))),
    }
}

/// Reads the keys where it is time to, and signs.
#[napi]
pub async fn sign_after_refresh(event: String, lines: u32, body: String) -> Result<String> {
    match frame::read(&event, lines, &body) {
        Ok(request) => Ok(frame::write(&SIGNER.handle(&request, nonce()?, SystemTime::now()).await)),
        Err(problem) => Ok(frame::write(&frame::unreadable(problem))),
    }
}

fn nonce() -> Result<Nonce> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::from_reason(format!("no randomness: {error}")))?;
    Ok(Nonce::new(bytes))
}
