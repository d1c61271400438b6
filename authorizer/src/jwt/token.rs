//! A token as it was received: a JWS in compact form. Before its signature is verified, only the issuer and the names of the
//! algorithm and the key are read.

use super::{
    algorithm::Algorithm,
    claims::Claims,
    json::{self, Object},
    keys::IssuerKeys,
    refusal::TokenRefusal,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Members of a header that are refused. The first two change what is signed or how it is read, which no token for an API needs
/// (RFC 7515, section 4.1.11; RFC 7797). `zip` and `enc` belong to encryption. The others bring a key: keys are taken from the
/// issuer only (RFC 8725, section 3.10). A certificate in `x5c` is not looked at.
const REFUSED: [(&str, &str); 7] = [
    ("crit", "`crit` asks for an extension, and none is supported"),
    ("b64", "`b64` is not supported"),
    ("zip", "`zip` is not supported"),
    ("enc", "an encrypted token (`enc`) is not supported"),
    ("jku", "`jku` names keys, which are taken from the issuer only"),
    ("x5u", "`x5u` names a key, which is taken from the issuer only"),
    ("jwk", "`jwk` brings a key, which is taken from the issuer only"),
];

/// The accepted values of `typ`, in any case: RFC 7519, section 5.1, and RFC 9068, section 2.1.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// A token that nobody has proved. Its claims are not accessible, except its issuer: only [`Self::verify`] returns them. Not `Debug`.
pub(super) struct UnverifiedToken<'a> {
    /// The two parts that are signed, as they were received.
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    issuer: String,
    claims: Object,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a token.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenRefusal> {
        let malformed = TokenRefusal::Malformed;
        let parts: Vec<_> = token.splitn(4, '.').collect();
        let [header, payload, signature] = *parts else {
            return Err(malformed("it does not have three parts with dots between them"));
        };
        let (signed, _) = token.rsplit_once('.').unwrap_or_default();
        let decode = |part: &str, problem| match URL_SAFE_NO_PAD.decode(part) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(malformed(problem)),
        };
        let header = decode(header, "its header is empty or not base64url without padding")?;
        let payload = decode(payload, "its payload is empty or not base64url without padding")?;
        let signature = decode(signature, "its signature is empty or not base64url without padding")?;
        let header =
            json::object(&header).ok_or(malformed("its header is not a JSON object without repeated names"))?;
        let (algorithm, kid) = read_header(&header)?;
        let mut claims =
            json::object(&payload).ok_or(malformed("its payload is not a JSON object without repeated names"))?;
        let Some(Value::String(issuer)) = claims.remove("iss") else { return Err(TokenRefusal::Issuer) };
        Ok(Self { signed, signature, algorithm, kid, issuer, claims })
    }

    /// Its `iss`, which is not proved: it only chooses the keys.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The algorithm that its header names.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a key in this set may have signed the token.
    pub(super) fn has_key_in(&self, keys: &IssuerKeys) -> bool {
        !matches!(keys.find(self.algorithm, self.kid.as_deref()), Err(TokenRefusal::KeyUnknown { .. }))
    }

    /// Verifies the signature, with the keys of the token's issuer. Nothing else makes [`Claims`].
    pub(super) fn verify(self, keys: &IssuerKeys) -> Result<Claims, TokenRefusal> {
        let key = keys.find(self.algorithm, self.kid.as_deref())?;
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(TokenRefusal::Signature);
        }
        Ok(Claims::of_verified(self.issuer, self.claims))
    }
}

fn read_header(header: &Object) -> Result<(Algorithm, Option<String>), TokenRefusal> {
    if let Some((_, problem)) = REFUSED.iter().find(|(name, _)| header.contains_key(*name)) {
        return Err(TokenRefusal::Header(problem));
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if TYPES.iter().any(|accepted| typ.eq_ignore_ascii_case(accepted)) => {}
        Some(_) => return Err(TokenRefusal::Type),
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err(TokenRefusal::Header("`kid` is not text")),
    };
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::of_name);
    Ok((algorithm.ok_or(TokenRefusal::Algorithm)?, kid))
}
