//! One request, as parts.

use serde::{Deserialize, Serialize};
use signing::{BasePaths, VerificationPolicy};
use std::{collections::BTreeMap, fs, io, path::Path, time::Duration};

/// The secret of the key.
pub const SECRET: [u8; 48] = [7; 48];

/// The id of the key.
pub const KEY_ID: &str = "2026-11-22";

/// A request that was signed, good for an hour: each side of a comparison signs or verifies it.
#[derive(Debug, Deserialize, Serialize)]
#[expect(missing_docs, reason = "each is the part of its name")]
pub struct Parts {
    pub method: String,
    pub authority: String,
    pub target: String,
    pub viewer_ip: String,
    pub created: u64,
    pub expires: u64,
    pub nonce: String,
    pub key_id: String,
    /// The secret in base64url.
    pub k: String,
    /// All headers, as an authorizer sees them.
    pub headers: Vec<(String, String)>,
    /// The query, as a REST API shows it.
    pub query: BTreeMap<String, Vec<String>>,
    /// The value of `Countersign-Signature-Input`.
    pub input: String,
    /// The value of `Countersign-Signature`.
    pub signature: String,
    /// The text that is signed.
    pub base: String,
    /// How many blocks SHA-256 compresses for its HMAC, if the two of the key are prepared.
    pub compressions: usize,
}

impl Parts {
    /// The file in the folder of the fixtures.
    pub const FILE: &str = "parts.json";

    /// Reads the file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(fixtures: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(fixtures.join(Self::FILE))?)?)
    }
}

/// The strict policy, for requests of that lifetime.
pub fn policy(max_lifetime: Duration) -> VerificationPolicy {
    VerificationPolicy {
        max_lifetime,
        skew: Duration::from_secs(5),
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    }
}
