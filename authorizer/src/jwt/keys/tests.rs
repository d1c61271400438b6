use super::*;
use crate::jwt::tests::signer::{Signer, vector};
use serde_json::json;

#[track_caller]
fn read(keys: &[Value]) -> Result<IssuerKeys, String> {
    IssuerKeys::from_json(json!({ "keys": keys }).to_string().as_bytes())
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn without(mut jwk: Value, name: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

/// The token, split as a verifier does, is of this key, and no changed token is.
#[track_caller]
fn check_vector(name: &str) {
    let vector = vector(name);
    let keys = read(&[without(vector["jwk"].clone(), "d")]).unwrap();
    let key = &keys.keys[0].key;
    let (text, signature) = vector["token"].as_str().unwrap().rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(key.verifies(text.as_bytes(), &signature));
    assert!(!key.verifies(&text.as_bytes()[1..], &signature));
    signature[5] ^= 1;
    assert!(!key.verifies(text.as_bytes(), &signature));
}

/// RFC 7515, appendix A.2.
#[test]
fn the_rs256_token_of_rfc_7515_is_verified() {
    check_vector("rs256");
}

/// RFC 7515, appendix A.3. Its `s` is in the upper half: both values that are valid for a signature are accepted.
#[test]
fn the_es256_token_of_rfc_7515_is_verified() {
    check_vector("es256");
}

/// RFC 8037, appendix A.4.
#[test]
fn the_eddsa_token_of_rfc_8037_is_verified() {
    check_vector("eddsa");
}

#[test]
fn only_keys_for_signatures_of_tokens_are_taken() {
    let [rsa, ec, ed] = [Signer::rs256("r").jwk(), Signer::es256("e").jwk(), Signer::eddsa("d").jwk()];
    let found = |jwk: Value| read(&[jwk, ed.clone()]).map(|keys| (keys.len() - 1, keys.unusable));
    for jwk in [
        rsa.clone(),
        ec.clone(),
        without(rsa.clone(), "alg"),
        without(ec.clone(), "use"),
        without(rsa.clone(), "kid"),
        with(rsa.clone(), "key_ops", json!(["verify"])),
        with(rsa.clone(), "key_ops", json!(["encrypt", "verify"])),
        with(rsa.clone(), "x5c", json!(["MIIC"])),
        with(Signer::eddsa("other").jwk(), "alg", json!("Ed25519")),
    ] {
        assert_eq!(found(jwk.clone()), Ok((1, None)), "{jwk}");
    }
    for jwk in [
        with(rsa.clone(), "alg", json!("RSA-OAEP")),
        with(rsa.clone(), "alg", json!("PS256")),
        with(rsa.clone(), "alg", json!("RS512")),
        with(rsa.clone(), "alg", json!("HS256")),
        with(rsa.clone(), "alg", json!("ES256")),
        with(rsa.clone(), "use", json!("enc")),
        with(rsa.clone(), "key_ops", json!(["encrypt"])),
        with(rsa.clone(), "key_ops", json!([])),
        with(ec.clone(), "crv", json!("P-384")),
        with(ec.clone(), "crv", json!("secp256k1")),
        without(ec.clone(), "crv"),
        with(ec.clone(), "alg", json!("ECDH-ES")),
        with(ed.clone(), "crv", json!("X25519")),
        json!({ "kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "o" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA" }),
    ] {
        assert_eq!(found(jwk.clone()), Ok((0, None)), "{jwk}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_and_the_others_stay() {
    let [rsa, ec, ed] = [Signer::rs256("r").jwk(), Signer::es256("e").jwk(), Signer::eddsa("d").jwk()];
    let number = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
    let modulus = URL_SAFE_NO_PAD.decode(rsa["n"].as_str().unwrap()).unwrap();
    let of_bits = |bytes: usize| number(&[&[0x80][..], &vec![0; bytes - 2], &[1]].concat());
    for (jwk, problem) in [
        (json!("x"), "it is not an object"),
        (json!({}), "`kty` is missing"),
        (with(rsa.clone(), "kty", json!(1)), "`kty` is not text"),
        (with(rsa.clone(), "alg", json!(["RS256"])), "`alg` is not text"),
        (with(rsa.clone(), "use", json!(1)), "`use` is not text"),
        (with(rsa.clone(), "key_ops", json!("verify")), "`key_ops` is not a list"),
        (with(rsa.clone(), "kid", json!(7)), "`kid` is not text"),
        (with(rsa.clone(), "d", json!("AQAB")), "its private part is published, so everybody can sign with it"),
        (without(rsa.clone(), "n"), "`n` is not base64url without padding"),
        (with(rsa.clone(), "n", json!("AQAB==")), "`n` is not base64url without padding"),
        (with(rsa.clone(), "e", json!("AQAC+")), "`e` is not base64url without padding"),
        (with(rsa.clone(), "n", json!("")), "`n` or `e` begins with a zero byte, or is empty"),
        (
            with(rsa.clone(), "n", number(&[&[0][..], &modulus].concat())),
            "`n` or `e` begins with a zero byte, or is empty",
        ),
        (with(rsa.clone(), "n", of_bits(128)), "`n` is not an odd number of 2048 to 8192 bits"),
        (
            with(rsa.clone(), "n", number(&[&[0x7f][..], &modulus[1..]].concat())),
            "`n` is not an odd number of 2048 to 8192 bits",
        ),
        (with(rsa.clone(), "n", of_bits(1025)), "`n` is not an odd number of 2048 to 8192 bits"),
        (
            with(rsa.clone(), "n", number(&[&modulus[..255], &[0]].concat())),
            "`n` is not an odd number of 2048 to 8192 bits",
        ),
        (with(rsa.clone(), "e", number(&[1])), "`e` is not an odd number from 3 to 2^33 - 1"),
        (with(rsa.clone(), "e", number(&[1, 0, 0])), "`e` is not an odd number from 3 to 2^33 - 1"),
        (with(rsa.clone(), "e", number(&[2, 0, 0, 0, 1])), "`e` is not an odd number from 3 to 2^33 - 1"),
        (with(rsa.clone(), "e", number(&[1; 9])), "`e` is not an odd number from 3 to 2^33 - 1"),
        (with(ec.clone(), "x", json!(1)), "`x` is not 32 bytes as base64url without padding"),
        (with(ec.clone(), "y", number(&[1; 31])), "`y` is not 32 bytes as base64url without padding"),
        (with(ec.clone(), "y", number(&[1; 33])), "`y` is not 32 bytes as base64url without padding"),
        (with(ed.clone(), "x", number(&[1; 31])), "`x` is not 32 bytes as base64url without padding"),
    ] {
        let keys = read(&[ed.clone(), jwk.clone()]).unwrap();
        let expected = format!("the key at index 1 cannot be used: {problem}");
        assert_eq!((keys.len(), keys.unusable()), (1, Some(&expected)), "{jwk}");
    }
    let keys = read(&[json!(1), ed, json!({})]).unwrap();
    assert_eq!(
        keys.unusable().unwrap(),
        "the key at index 0 cannot be used: it is not an object; the key at index 2 cannot be used: `kty` is missing"
    );
}

/// `ring` accepts every key that is taken, at the limits too.
#[test]
fn the_limits_of_an_rsa_key_are_those_of_ring() {
    let rsa = Signer::rs256("r");
    let keys = read(&[rsa.jwk()]).unwrap();
    assert!(keys.keys[0].key.verifies(b"text", &rsa.sign(b"text")));
    for (bytes, exponent, taken) in
        [(256, 3, true), (1024, (1 << 33) - 1, true), (1025, 3, false), (256, 1 << 33 | 1, false)]
    {
        let modulus = [&[0x80][..], &vec![0; bytes - 2], &[1]].concat();
        let exponent: Vec<_> = u64::to_be_bytes(exponent).into_iter().skip_while(|byte| *byte == 0).collect();
        assert_eq!(super::rsa(modulus, exponent).is_ok(), taken, "{bytes}");
    }
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let ec = Signer::es256("e");
    let keys = read(&[with(ec.jwk(), "y", json!(URL_SAFE_NO_PAD.encode([1; 32])))]).unwrap();
    assert!(!keys.keys[0].key.verifies(b"text", &ec.sign(b"text")));
}

#[test]
fn a_set_without_a_usable_key_is_an_error() {
    let ed = Signer::eddsa("d").jwk();
    for (document, problem) in [
        ("", "it is not a JSON object without repeated names"),
        ("<html></html>", "it is not a JSON object without repeated names"),
        ("[]", "it is not a JSON object without repeated names"),
        ("{\"keys\":[],\"keys\":[]}", "it is not a JSON object without repeated names"),
        ("{}", "it does not have a list `keys`"),
        ("{\"keys\":{}}", "it does not have a list `keys`"),
        (&ed.to_string(), "it does not have a list `keys`"),
        ("{\"keys\":[]}", "it does not have a key for RS256, ES256 or EdDSA"),
        ("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", "it does not have a key for RS256, ES256 or EdDSA"),
        (
            "{\"keys\":[{}]}",
            "it does not have a usable key for RS256, ES256 or EdDSA: the key at index 0 cannot be used: `kty` is missing",
        ),
    ] {
        assert_eq!(IssuerKeys::from_json(document.as_bytes()).map(|_| ()), Err(problem.to_owned()), "{document}");
    }
    let many =
        |count: usize| read(&(0..count).map(|n| with(ed.clone(), "kid", json!(n.to_string()))).collect::<Vec<_>>());
    assert_eq!(many(100).map(|keys| keys.len()), Ok(100));
    assert_eq!(many(101).map(|_| ()), Err("it has 101 keys, but at most 100 are accepted".to_owned()));
}

#[test]
fn a_key_is_found_by_algorithm_and_id() {
    let keys = [Signer::rs256("same"), Signer::es256("same"), Signer::eddsa("d"), Signer::eddsa("d2")];
    let mut jwks: Vec<_> = keys.iter().map(Signer::jwk).collect();
    // The same key a second time is not a second key.
    jwks.push(jwks[0].clone());
    let set = read(&jwks).unwrap();
    assert_eq!(set.len(), 4);
    let unknown = |algorithm| Err(TokenRefusal::KeyUnknown { algorithm });
    for (algorithm, kid, expected) in [
        (Algorithm::Rs256, Some("same"), Ok(0)),
        (Algorithm::Es256, Some("same"), Ok(1)),
        (Algorithm::EdDsa, Some("same"), unknown("EdDSA")),
        (Algorithm::EdDsa, Some("d2"), Ok(3)),
        (Algorithm::Rs256, Some("d"), unknown("RS256")),
        (Algorithm::Rs256, Some(""), unknown("RS256")),
        (Algorithm::Rs256, None, Ok(0)),
        (Algorithm::EdDsa, None, Err(TokenRefusal::KeyAmbiguous { algorithm: "EdDSA", keys: 2 })),
    ] {
        let expected = expected.map(|index: usize| &set.keys[index].key);
        assert_eq!(set.find(algorithm, kid), expected, "{algorithm:?} {kid:?}");
    }
    // Without an id in the set, only a token without an id is verified.
    let nameless = read(&[Signer::eddsa("x").without_kid().jwk()]).unwrap();
    assert!(nameless.find(Algorithm::EdDsa, None).is_ok());
    assert_eq!(nameless.find(Algorithm::EdDsa, Some("x")), Err(TokenRefusal::KeyUnknown { algorithm: "EdDSA" }));
    let twins = read(&[Signer::es256("twin").jwk(), Signer::es256("twin").jwk()]).unwrap();
    let ambiguous = Err(TokenRefusal::KeyAmbiguous { algorithm: "ES256", keys: 2 });
    assert_eq!(twins.find(Algorithm::Es256, Some("twin")), ambiguous);
}
