use crate::{UnixSeconds, alphabet::Alphabet};
use alloc::{boxed::Box, string::String};
use arrayvec::ArrayString;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use core::fmt;
use hmac::{
    KeyInit as _,
    block_api::HmacCore,
    digest::{
        CtOutput, Output,
        block_api::{Buffer, FixedOutputCore as _, UpdateCore as _},
    },
};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A secret that signs and verifies, with its id and the time in which it may be used.
///
/// It is never printed (its `Debug` hides the secret), cloned or compared, and its bytes are zeroed when it is dropped.
pub struct Key {
    id: KeyId,
    not_before: UnixSeconds,
    expires: UnixSeconds,
    secret: Zeroizing<Box<[u8]>>,
    mac: HmacSha256,
}

/// HMAC without a buffer for a message that comes in pieces: ours come whole. It is faster by a tenth.
type HmacSha256 = HmacCore<Sha256>;

impl Key {
    /// HS256 wants a key at least as long as the hash (RFC 7518, section 3.2).
    pub const MIN_BYTES: usize = 32;
    /// SHA-256's block: HMAC hashes a longer key down to 32 bytes, so it gains nothing (RFC 2104, section 3).
    pub const MAX_BYTES: usize = 64;

    /// A key that signers may use from `not_before` (`nbf`) and verifiers accept until `expires` (`exp`).
    ///
    /// # Errors
    /// If `secret` is not 32 to 64 bytes long.
    pub fn new(
        id: KeyId,
        secret: &[u8],
        not_before: UnixSeconds,
        expires: UnixSeconds,
    ) -> Result<Self, KeyLengthError> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&secret.len()) {
            return Err(KeyLengthError { bytes: secret.len() });
        }
        let mac = prepare(secret);
        Ok(Self { id, not_before, expires, secret: Zeroizing::new(secret.into()), mac })
    }

    /// `kid`.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// `nbf`: signers may use the key from this time on.
    pub fn not_before(&self) -> UnixSeconds {
        self.not_before
    }

    /// `exp`: verifiers accept the key until this time.
    pub fn expires(&self) -> UnixSeconds {
        self.expires
    }

    /// The same key with another `exp`. Only the plan of a rotation uses it.
    pub(crate) fn ending(&self, expires: UnixSeconds) -> Self {
        Self { id: self.id.clone(), expires, secret: self.secret.clone(), mac: self.mac.clone(), ..*self }
    }

    /// Whether both keys have the same secret; compares in constant time.
    pub(crate) fn has_secret_of(&self, other: &Self) -> bool {
        self.verify_mac(&[], &other.mac(&[]))
    }

    /// `k`. Only the writer of a key set uses it.
    pub(crate) fn secret_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(&*self.secret))
    }

    pub(crate) fn mac(&self, message: &[u8]) -> [u8; 32] {
        mac(&self.mac, message).into_bytes().into()
    }

    /// Compares in constant time.
    pub(crate) fn verify_mac(&self, message: &[u8], expected: &[u8; 32]) -> bool {
        mac(&self.mac, message) == CtOutput::new((*expected).into())
    }
}

fn mac(prepared: &HmacSha256, message: &[u8]) -> CtOutput<HmacSha256> {
    let mut core = prepared.clone();
    let mut rest = Buffer::<HmacSha256>::default();
    rest.digest_blocks(message, |blocks| core.update_blocks(blocks));
    let mut mac = Output::<HmacSha256>::default();
    core.finalize_fixed_core(&mut rest, &mut mac);
    CtOutput::new(mac)
}

/// HMAC with the key's two blocks already hashed, so that a signature costs only its message.
fn prepare(secret: &[u8]) -> HmacSha256 {
    // HMAC takes keys of every length; the trait has the error for algorithms that do not.
    #[expect(clippy::expect_used, reason = "cannot fail: HMAC has no key length of its own (RFC 2104)")]
    HmacSha256::new_from_slice(secret).expect("HMAC takes a key of any length")
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id.as_str())
            .field("not_before", &self.not_before.get())
            .field("expires", &self.expires.get())
            .finish_non_exhaustive()
    }
}

/// The secret of a key does not have 32 to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret has {bytes} bytes and must have {min} to {max}", min = Key::MIN_BYTES, max = Key::MAX_BYTES)]
pub struct KeyLengthError {
    /// The number of bytes that it has.
    pub bytes: usize,
}

/// The name of a key: 1 to 64 characters of `A`–`Z`, `a`–`z`, `0`–`9`, `.`, `_`, `-`.
///
/// It is given to a key and never derived from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(ArrayString<64>);

impl KeyId {
    /// The id as it appears in `kid` and `keyid`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for KeyId {
    type Error = KeyIdError;

    fn try_from(id: &str) -> Result<Self, KeyIdError> {
        let id = ArrayString::from(id).map_err(|_| KeyIdError)?;
        if Alphabet::KEY_ID.spells(&id) { Ok(Self(id)) } else { Err(KeyIdError) }
    }
}

/// The text is not a key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id must have 1 to 64 characters of A-Z a-z 0-9 . _ -")]
pub struct KeyIdError;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use hmac::digest::block_api::CoreProxy;

    fn key(secret: &[u8]) -> Result<Key, KeyLengthError> {
        Key::new(KeyId::try_from("k1").unwrap(), secret, UnixSeconds::new(1), UnixSeconds::new(2))
    }

    /// RFC 4231, test cases 1 to 4, 6 and 7 (5 is about truncation).
    #[test]
    fn the_mac_is_hmac_sha256() {
        let table: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &core::array::from_fn::<u8, 25, _>(|i| u8::try_from(i + 1).unwrap()),
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (secret, message, expected) in table {
            let mac = mac(&prepare(secret), message).into_bytes();
            let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", key(&[b'S'; 32]).unwrap());
        assert_eq!(shown, r#"Key { id: "k1", not_before: 1, expires: 2, .. }"#);
    }

    /// `HmacCore` does not carry the marker itself; all it holds is two states of the hash.
    #[test]
    fn the_prepared_key_is_zeroed_on_drop() {
        fn zeroed<T: zeroize::ZeroizeOnDrop>() {}
        zeroed::<<Sha256 as CoreProxy>::Core>();
        zeroed::<Zeroizing<Box<[u8]>>>();
    }

    #[test]
    fn a_secret_has_32_to_64_bytes() {
        for (bytes, good) in [(0, false), (31, false), (32, true), (64, true), (65, false)] {
            assert_eq!(key(&[7; 65][..bytes]).err(), (!good).then_some(KeyLengthError { bytes }));
        }
    }

    #[test]
    fn a_key_id_has_only_the_documented_characters() {
        let longest = "x".repeat(64);
        for good in ["a", "A.b_c-9", &longest] {
            assert_eq!(KeyId::try_from(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\"", "ä", "a/b", &format!("{longest}x")] {
            assert_eq!(KeyId::try_from(bad), Err(KeyIdError), "{bad:?}");
        }
    }
}
