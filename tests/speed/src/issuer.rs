//! An issuer of tokens on loopback. Its keys are made at each start.

use crate::{
    environment::Environment,
    loopback::{Server, document},
};
use anyhow::{Context as _, Result, bail};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use key_store::unix_seconds;
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use std::time::SystemTime;

const AUDIENCE: &str = "https://api.example.com";
const HOUR: u64 = 3600;

/// An issuer that answers until the process ends, and a token of each of its keys. They are valid for an hour.
pub(crate) struct Issuer {
    url: String,
    pub(crate) eddsa: String,
    pub(crate) es256: String,
    pub(crate) rs256: String,
}

impl Issuer {
    /// Serves the configuration and the keys of an issuer, on the processor on which this is called.
    pub(crate) fn serve(Keys(keys): Keys, now: SystemTime) -> Result<Self> {
        let server = Server::bind("the issuer")?;
        let url = server.url.clone();
        let [eddsa, es256, rs256] = keys.each_ref().map(|key| key.token(&url, now));
        let issuer = Self { url, eddsa: eddsa?, es256: es256?, rs256: rs256? };

        let configuration = json!({
            "issuer": issuer.url,
            "authorization_endpoint": format!("{}/authorize", issuer.url),
            "token_endpoint": format!("{}/token", issuer.url),
            "jwks_uri": format!("{}/keys", issuer.url),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": keys.each_ref().map(|key| key.algorithm),
        });
        let configuration = document("application/json", &configuration.to_string());
        let key_set = json!({ "keys": keys.map(|key| key.jwk) });
        let key_set = document("application/json", &key_set.to_string());
        server.answer(move |request| match request.head.split(' ').nth(1) {
            Some("/.well-known/openid-configuration") => Ok(configuration.clone()),
            Some("/keys") => Ok(key_set.clone()),
            _ => bail!("this is not known: {}", request.head),
        });
        Ok(issuer)
    }

    /// The value of `COUNTERSIGN_JWT` that accepts its tokens.
    pub(crate) fn setting(&self) -> String {
        format!("{};audience={AUDIENCE}", self.url)
    }
}

/// A key for each algorithm: EdDSA, ES256 and RS256.
pub(crate) struct Keys([Signer; 3]);

impl Keys {
    pub(crate) fn generate(environment: &Environment) -> Result<Self> {
        Ok(Self([Signer::eddsa()?, Signer::es256()?, Signer::rs256(environment)?]))
    }
}

/// A key that signs tokens.
struct Signer {
    /// Its `alg`, which is its `kid` too.
    algorithm: &'static str,
    /// The public part, as the issuer publishes it.
    jwk: Value,
    key: Private,
}

enum Private {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(Box<RsaKeyPair>),
}

impl Signer {
    fn eddsa() -> Result<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("no key for Ed25519 is made")?;
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).ok().context("a new key for Ed25519 is not accepted")?;
        let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "kid": "EdDSA", "use": "sig" });
        Ok(Self { algorithm: "EdDSA", jwk, key: Private::EdDsa(key) })
    }

    fn es256() -> Result<Self> {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).ok().context("no key on P-256 is made")?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).ok();
        let key = key.context("a new key on P-256 is not accepted")?;
        // 0x04, x and y.
        let point = key.public_key().as_ref().split_first().and_then(|(_, point)| point.split_at_checked(32));
        let (x, y) = point.context("a public key on P-256 is a point")?;
        let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "kid": "ES256", "use": "sig" });
        Ok(Self { algorithm: "ES256", jwk, key: Private::Es256(key) })
    }

    fn rs256(environment: &Environment) -> Result<Self> {
        let pkcs8 = STANDARD.decode(environment.output(environment.node("rsa-key.mjs"))?)?;
        let key = RsaKeyPair::from_pkcs8(&pkcs8).ok().context("a new RSA key is not accepted")?;
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key.public());
        let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
        let jwk = json!({ "kty": "RSA", "n": n, "e": e, "alg": "RS256", "kid": "RS256", "use": "sig" });
        Ok(Self { algorithm: "RS256", jwk, key: Private::Rs256(Box::new(key)) })
    }

    /// An access token with the claims of RFC 9068.
    fn token(&self, issuer: &str, now: SystemTime) -> Result<String> {
        let now = unix_seconds(now).get();
        let header = json!({ "alg": self.algorithm, "kid": self.algorithm, "typ": "at+jwt" });
        let claims = json!({
            "iss": issuer,
            "sub": "248289761001",
            "aud": AUDIENCE,
            "client_id": "s6BhdRkqt3",
            "scope": "read write",
            "iat": now,
            "exp": now + HOUR,
            "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let signature = self.sign(text.as_bytes()).with_context(|| format!("no {} signature", self.algorithm))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match &self.key {
            Private::EdDsa(key) => Some(key.sign(text).as_ref().to_vec()),
            Private::Es256(key) => Some(key.sign(&SystemRandom::new(), text).ok()?.as_ref().to_vec()),
            Private::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}
