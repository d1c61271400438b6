//! The keys of an issuer: the JWK Set (RFC 7517) that it publishes.

use super::{
    algorithm::Algorithm,
    json::{self, Object},
    refusal::TokenRefusal,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;
use std::{fmt::Write as _, ops::RangeInclusive};

/// The greatest number of keys in a set. Microsoft Entra ID publishes about ten; the limit bounds each search.
const MAX_KEYS: usize = 100;
/// The accepted sizes of an RSA modulus, in bits: RFC 7518, section 3.3 asks for at least 2,048, and `ring` reads at most 8,192.
const RSA_BITS: RangeInclusive<usize> = 2_048..=8_192;
/// The accepted values of an RSA exponent, which must be odd: those that `ring` reads.
const RSA_EXPONENTS: RangeInclusive<u64> = 3..=(1 << 33) - 1;

/// The keys of an issuer that can verify tokens.
#[derive(Debug)]
pub(super) struct IssuerKeys {
    keys: Vec<IssuerKey>,
    unusable: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct IssuerKey {
    kid: Option<Box<str>>,
    key: PublicKey,
}

/// A public key, for one algorithm. What it is for is decided by its own type, never by a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rs256 {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The uncompressed point.
    Es256([u8; 65]),
    EdDsa([u8; 32]),
}

impl IssuerKeys {
    /// Reads a JWK Set. Keys that are not for signatures of tokens are left out. A key that is for them, but cannot be used, is left
    /// out and named in [`Self::unusable`]: the other keys stay usable.
    ///
    /// # Errors
    /// What is wrong with the set. The text has no part of it.
    pub(super) fn from_json(document: &[u8]) -> Result<Self, String> {
        let set = json::object(document).ok_or("it is not a JSON object without repeated names")?;
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err("it does not have a list `keys`".to_owned());
        };
        if listed.len() > MAX_KEYS {
            return Err(format!("it has {} keys, but at most {MAX_KEYS} are accepted", listed.len()));
        }
        let (mut keys, mut unusable) = (Vec::new(), String::new());
        for (index, key) in listed.iter().enumerate() {
            match key.as_object().ok_or("it is not an object").and_then(IssuerKey::of_jwk) {
                // A key that is there twice is one key.
                Ok(Some(key)) if !keys.contains(&key) => keys.push(key),
                Ok(_) => {}
                Err(problem) => {
                    let between = if unusable.is_empty() { "" } else { "; " };
                    // Cannot fail: a text takes whatever is written to it.
                    let _ = write!(unusable, "{between}the key at index {index} cannot be used: {problem}");
                }
            }
        }
        match (keys.is_empty(), unusable.is_empty()) {
            (true, true) => Err("it does not have a key for RS256, ES256 or EdDSA".to_owned()),
            (true, false) => Err(format!("it does not have a usable key for RS256, ES256 or EdDSA: {unusable}")),
            (false, is_empty) => Ok(Self { keys, unusable: (!is_empty).then_some(unusable) }),
        }
    }

    /// The one key for this algorithm with this id, or without an id the one key for the algorithm.
    pub(super) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<&PublicKey, TokenRefusal> {
        let fits = |key: &&IssuerKey| {
            key.key.algorithm() == algorithm && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        };
        let (mut found, algorithm) = (self.keys.iter().filter(fits), algorithm.word());
        match (found.next(), found.count()) {
            (None, _) => Err(TokenRefusal::KeyUnknown { algorithm }),
            (Some(key), 0) => Ok(&key.key),
            (Some(_), others) => Err(TokenRefusal::KeyAmbiguous { algorithm, keys: others + 1 }),
        }
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that cannot be used, by their places in the set, and why.
    pub(super) fn unusable(&self) -> Option<&String> {
        self.unusable.as_ref()
    }
}

impl IssuerKey {
    /// The key of a JWK; `None` if it is not for signatures of tokens.
    fn of_jwk(jwk: &Object) -> Result<Option<Self>, &'static str> {
        let text = |name: &str, problem| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(problem),
        };
        let kty = text("kty", "`kty` is not text")?.ok_or("`kty` is missing")?;
        let curve = text("crv", "`crv` is not text")?;
        let algorithm = match (kty, curve) {
            ("RSA", _) => Algorithm::Rs256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return Ok(None),
        };
        let is_for_another = text("alg", "`alg` is not text")?
            .is_some_and(|alg| Algorithm::of_name(alg) != Some(algorithm))
            || text("use", "`use` is not text")?.is_some_and(|purpose| purpose != "sig")
            || match jwk.get("key_ops") {
                None => false,
                Some(Value::Array(operations)) => !operations.iter().any(|operation| operation == "verify"),
                Some(_) => return Err("`key_ops` is not a list"),
            };
        if is_for_another {
            return Ok(None);
        }
        if jwk.contains_key("d") {
            return Err("its private part is published, so everybody can sign with it");
        }
        let kid = text("kid", "`kid` is not text")?.map(Into::into);
        let number = |name: &str| {
            let text = jwk.get(name).and_then(Value::as_str)?;
            URL_SAFE_NO_PAD.decode(text).ok()
        };
        let key = match algorithm {
            Algorithm::Rs256 => {
                let modulus = number("n").ok_or("`n` is not base64url without padding")?;
                let exponent = number("e").ok_or("`e` is not base64url without padding")?;
                rsa(modulus, exponent)?
            }
            Algorithm::Es256 => {
                let x =
                    number("x").filter(|x| x.len() == 32).ok_or("`x` is not 32 bytes as base64url without padding")?;
                let y =
                    number("y").filter(|y| y.len() == 32).ok_or("`y` is not 32 bytes as base64url without padding")?;
                let point = <[u8; 65]>::try_from([&[4][..], &x, &y].concat());
                PublicKey::Es256(point.map_err(|_| "`x` and `y` are not 32 bytes each")?)
            }
            Algorithm::EdDsa => {
                let x = number("x").and_then(|x| x.try_into().ok());
                PublicKey::EdDsa(x.ok_or("`x` is not 32 bytes as base64url without padding")?)
            }
        };
        Ok(Some(Self { kid, key }))
    }
}

fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<PublicKey, &'static str> {
    let leading = modulus.first().copied().unwrap_or_default();
    if leading == 0 || exponent.first().copied().unwrap_or_default() == 0 {
        return Err("`n` or `e` begins with a zero byte, or is empty");
    }
    let spare = usize::try_from(leading.leading_zeros()).unwrap_or_default();
    let bits = modulus.len() * 8 - spare;
    if !RSA_BITS.contains(&bits) || modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err("`n` is not an odd number of 2048 to 8192 bits");
    }
    let value = (exponent.len() <= 8).then(|| exponent.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
    if !value.is_some_and(|value| RSA_EXPONENTS.contains(&value) && value % 2 == 1) {
        return Err("`e` is not an odd number from 3 to 2^33 - 1");
    }
    Ok(PublicKey::Rs256 { modulus, exponent })
}

impl PublicKey {
    /// The only algorithm for which the key is used.
    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rs256 { .. } => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Whether this is a signature of the text with the private part of the key. A signature of ES256 is the two numbers of 32
    /// bytes each (RFC 7518, section 3.4), never DER.
    pub(super) fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rs256 { modulus, exponent } => {
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature)
            }
            Self::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature),
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(text, signature),
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests;
