//! Keys that sign tokens. ES256 and Ed25519 keys are made anew; the RSA key is that of RFC 7515, appendix A.2, because `ring` does
//! not make RSA keys.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    rsa::{KeyPairComponents, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};

/// A key, and its `kid` if it has one.
pub(crate) struct Signer {
    kid: Option<String>,
    key: Private,
}

enum Private {
    Rs256(Box<RsaKeyPair>),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// Keys and tokens of the RFCs.
pub(crate) fn vector(name: &str) -> Value {
    let mut vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    vectors[name].take()
}

/// The numbers of the RSA key, as its JWK has them.
fn rsa_numbers() -> [String; 8] {
    let jwk = vector("rs256")["jwk"].take();
    ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| jwk[name].as_str().unwrap().to_owned())
}

impl Signer {
    /// The RSA key.
    pub(crate) fn rs256(kid: &str) -> Self {
        let [n, e, d, p, q, dp, dq, qi] = rsa_numbers().map(|number| URL_SAFE_NO_PAD.decode(number).unwrap());
        let public_key = PublicKeyComponents { n, e };
        let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi };
        let key = RsaKeyPair::from_components(&components).unwrap();
        Self { kid: Some(kid.to_owned()), key: Private::Rs256(Box::new(key)) }
    }

    /// A new key on P-256.
    pub(crate) fn es256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { kid: Some(kid.to_owned()), key: Private::Es256(key) }
    }

    /// A new key for Ed25519.
    pub(crate) fn eddsa(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { kid: Some(kid.to_owned()), key: Private::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()) }
    }

    /// The same key without a `kid`.
    pub(crate) fn without_kid(self) -> Self {
        Self { kid: None, ..self }
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self.key {
            Private::Rs256(_) => "RS256",
            Private::Es256(_) => "ES256",
            Private::EdDsa(_) => "EdDSA",
        }
    }

    /// The public part, as an issuer publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.key {
            Private::Rs256(_) => {
                let [n, e, ..] = rsa_numbers();
                json!({ "kty": "RSA", "n": n, "e": e })
            }
            Private::Es256(key) => {
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Private::EdDsa(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()) }),
        };
        jwk["alg"] = json!(self.alg());
        jwk["use"] = json!("sig");
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// The header that an issuer writes.
    pub(crate) fn header(&self) -> Value {
        let mut header = json!({ "alg": self.alg(), "typ": "JWT" });
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        header
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    /// A token with this header and payload, whatever they are.
    pub(crate) fn signed(&self, header: &str, payload: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.sign(text.as_bytes())))
    }

    /// The signature of a text.
    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        match &self.key {
            Private::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
                signature
            }
            Private::Es256(key) => key.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec(),
            Private::EdDsa(key) => key.sign(text).as_ref().to_vec(),
        }
    }
}
