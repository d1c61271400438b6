//! Random bytes of the system. To ask for many at once takes less time than to ask for each nonce.
//!
//! Each byte is given once, and then zeroed. Two processes never share bytes: Lambda@Edge does not restore a process from a
//! snapshot (it has no SnapStart), and Node does not fork.

use napi::bindgen_prelude::{Error, Result};
use signing::Nonce;
use std::{
    mem,
    sync::{Mutex, PoisonError},
};

pub(crate) fn nonce() -> Result<Nonce> {
    bytes().map(Nonce::new)
}

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.left < N {
        // If it fails, nothing of what is in the pool is given.
        pool.left = 0;
        getrandom::fill(&mut pool.bytes)
            .map_err(|error| Error::from_reason(format!("the system does not give random bytes: {error}")))?;
        pool.left = SIZE;
    }
    let Pool { bytes, left } = &mut *pool;
    let given = bytes.get_mut(..*left).and_then(|unused| unused.last_chunk_mut());
    let given = given.map(|given| mem::replace(given, [0; N]));
    *left = left.saturating_sub(N);
    given.ok_or_else(|| Error::from_reason("so many random bytes are never asked for"))
}

/// 64 nonces.
const SIZE: usize = 1024;

static POOL: Mutex<Pool> = Mutex::new(Pool { bytes: [0; SIZE], left: 0 });

struct Pool {
    bytes: [u8; SIZE],
    /// The bytes before this place are not used yet.
    left: usize,
}
