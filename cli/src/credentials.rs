//! New ids, secrets, API keys and nonces, all from the system's randomness.

use crate::times;
use anyhow::{Context as _, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use key_store::ApiKey;
use rotator::RotationId;
use signing::{KeyId, Nonce, UnixSeconds};
use zeroize::Zeroizing;

/// An id for a key that is made now: its time, and enough that two of one second differ.
pub(crate) fn new_key_id(now: UnixSeconds) -> Result<KeyId> {
    let random = random::<4>()?;
    let id = format!("{}-{}", time_in_id(now), URL_SAFE_NO_PAD.encode(*random));
    Ok(id.as_str().try_into()?)
}

/// An id for a rotation that begins now: its time, and enough that two of one second differ.
pub(crate) fn new_rotation_id(now: UnixSeconds) -> Result<RotationId> {
    let random: String = random::<6>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{random}", time_in_id(now)).as_str().try_into()?)
}

/// As long as the secret that CloudFormation makes.
pub(crate) fn new_secret() -> Result<Zeroizing<[u8; 48]>> {
    random()
}

pub(crate) fn new_api_key() -> Result<ApiKey> {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random::<30>()?));
    Ok(ApiKey::try_from(text.as_str())?)
}

pub(crate) fn new_nonce() -> Result<Nonce> {
    Ok(Nonce::new(*random()?))
}

/// The key of a WebSocket's handshake. It is not a secret (RFC 6455, section 4.1).
pub(crate) fn new_websocket_key() -> Result<String> {
    Ok(STANDARD.encode(*random::<16>()?))
}

/// A colon is not a character of an id.
fn time_in_id(now: UnixSeconds) -> String {
    times::rfc3339(now).replace(':', "-")
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| anyhow::anyhow!("{error}")).context("no randomness")?;
    Ok(bytes)
}
