use crate::structured_field::byte_sequences;
use alloc::{format, string::String};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256, Sha512};

/// A `Content-Digest` field (RFC 9530) that holds a sha-256 or a sha-512 digest, or both.
///
/// ```
/// use signing::ContentDigest;
///
/// let field = ContentDigest::of(b"{}");
/// assert_eq!(field, "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:");
/// assert!(ContentDigest::try_from(field.as_str()).unwrap().matches(b"{}"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDigest {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

/// The field is not a dictionary of byte sequences, or it holds neither digest whole, or one of them twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the field is not a Content-Digest with a sha-256 or sha-512 digest")]
pub struct ContentDigestError;

impl ContentDigest {
    /// The field value that names the sha-256 digest of `body`.
    pub fn of(body: &[u8]) -> String {
        let mut hash = BodyHash::new(None);
        hash.update(body);
        hash.field()
    }

    /// Whether every digest that the field holds is the digest of `body`.
    pub fn matches(&self, body: &[u8]) -> bool {
        let mut hash = BodyHash::new(Some(self));
        hash.update(body);
        hash.is_named_by(self)
    }
}

/// The hash of a body that comes in pieces, so that nobody must hold it whole.
///
/// ```
/// use signing::{BodyHash, ContentDigest};
///
/// let mut hash = BodyHash::new(None);
/// hash.update(b"{");
/// hash.update(b"}");
/// assert_eq!(hash.field(), ContentDigest::of(b"{}"));
/// ```
#[derive(Clone, Debug)]
pub struct BodyHash {
    sha256: Sha256,
    sha512: Option<Sha512>,
}

impl BodyHash {
    /// For [`field`](Self::field), or for all that a field names.
    pub fn new(named: Option<&ContentDigest>) -> Self {
        Self { sha256: Sha256::new(), sha512: named.and_then(|named| named.sha512).map(|_| Sha512::new()) }
    }

    /// The next piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(piece);
        }
    }

    /// The field value that names the sha-256 digest of the body.
    pub fn field(self) -> String {
        format!("sha-256=:{}:", STANDARD.encode(self.sha256.finalize()))
    }

    /// Whether every digest that the field holds is the digest of the body. The hash must have been made for this field.
    pub fn is_named_by(self, field: &ContentDigest) -> bool {
        let sha512 = self.sha512.map(Digest::finalize);
        field.sha256.is_none_or(|digest| digest == *self.sha256.finalize())
            && field.sha512.is_none_or(|digest| sha512.is_some_and(|sha512| digest == *sha512))
    }
}

impl TryFrom<&str> for ContentDigest {
    type Error = ContentDigestError;

    /// Reads the field as one value. Digests by other algorithms are allowed beside these two, and are ignored.
    fn try_from(field: &str) -> Result<Self, ContentDigestError> {
        let mut digest = Self { sha256: None, sha512: None };
        let mut is_whole_and_once = true;
        byte_sequences(field, |member| {
            is_whole_and_once &= match member.key {
                "sha-256" => set_once(&mut digest.sha256, member.value.decode()),
                "sha-512" => set_once(&mut digest.sha512, member.value.decode()),
                _ => true,
            };
        })
        .map_err(|_| ContentDigestError)?;
        match digest {
            Self { sha256: None, sha512: None } => Err(ContentDigestError),
            _ if is_whole_and_once => Ok(digest),
            _ => Err(ContentDigestError),
        }
    }
}

/// Whether there is a value, and none was there before.
fn set_once<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    value.is_some_and(|value| place.replace(value).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9530, appendix D: the bytes of {"hello": "world"} and a line feed.
    const BODY: &[u8] = b"{\"hello\": \"world\"}\n";
    const SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const SHA_512: &str =
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";

    #[test]
    fn the_digest_is_that_of_the_example_in_the_rfc() {
        assert_eq!(ContentDigest::of(BODY), SHA_256);
    }

    #[test]
    fn every_digest_in_the_field_must_match() {
        #[track_caller]
        fn check(field: &str, body: &[u8], expected: Result<bool, ContentDigestError>) {
            assert_eq!(ContentDigest::try_from(field).map(|digest| digest.matches(body)), expected, "{field}");
        }
        check(SHA_256, BODY, Ok(true));
        check(SHA_512, BODY, Ok(true));
        check(&format!("{SHA_256}, md5=:AA==:,{SHA_512}"), BODY, Ok(true));
        check(SHA_256, b"", Ok(false));
        check(SHA_512, b"", Ok(false));
        check(&format!("{SHA_256}, {}", SHA_512.replace("YM", "YN")), BODY, Ok(false));
        check(&format!("{SHA_256}, {SHA_256}"), BODY, Err(ContentDigestError));
        check("md5=:AA==:", BODY, Err(ContentDigestError));
        check("sha-256=:AA==:", BODY, Err(ContentDigestError));
        check("sha-256=AA", BODY, Err(ContentDigestError));
        check("", BODY, Err(ContentDigestError));
    }
}
