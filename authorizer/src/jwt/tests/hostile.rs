//! Tokens that somebody could make to get in, each with the rule that refuses it.

use super::*;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use ring::hmac;

/// A header with other members, or without those that are `null`.
fn header_with(signer: &Signer, others: &Value) -> String {
    let mut header = signer.header();
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => header.as_object_mut().unwrap().remove(name),
            value => header.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    header.to_string()
}

#[tokio::test]
async fn each_hostile_header_is_refused_although_the_signature_is_valid() {
    let key = Signer::es256("e");
    let bench = Bench::new(&[&key]);
    let attacker = Signer::es256("attacker").jwk();
    for (others, reason) in [
        (json!({}), "ok"),
        (json!({ "typ": null }), "ok"),
        (json!({ "typ": "jwt" }), "ok"),
        (json!({ "typ": "at+jwt" }), "ok"),
        (json!({ "typ": "Application/AT+JWT" }), "ok"),
        (json!({ "cty": "x", "x5t": "x", "x5c": ["x"], "unknown": { "a": 1 } }), "ok"),
        (json!({ "typ": "JWS" }), "token-type"),
        (json!({ "typ": "dpop+jwt" }), "token-type"),
        (json!({ "typ": "logout+jwt" }), "token-type"),
        (json!({ "typ": "id_token" }), "token-type"),
        (json!({ "typ": "" }), "token-type"),
        (json!({ "typ": ["JWT"] }), "token-type"),
        (json!({ "crit": ["exp"] }), "token-header"),
        (json!({ "crit": [] }), "token-header"),
        (json!({ "crit": ["b64"], "b64": false }), "token-header"),
        (json!({ "b64": true }), "token-header"),
        (json!({ "zip": "DEF" }), "token-header"),
        (json!({ "enc": "A256GCM" }), "token-header"),
        (json!({ "jku": "https://attacker.example/keys" }), "token-header"),
        (json!({ "x5u": "https://attacker.example/key.pem" }), "token-header"),
        (json!({ "jwk": attacker }), "token-header"),
        (json!({ "kid": 1 }), "token-header"),
        (json!({ "kid": ["e"] }), "token-header"),
        (json!({ "kid": "E" }), "token-key-unknown"),
        (json!({ "kid": "" }), "token-key-unknown"),
        (json!({ "kid": "../../../../dev/null" }), "token-key-unknown"),
        (json!({ "kid": "e' OR '1'='1" }), "token-key-unknown"),
        (json!({ "alg": null }), "token-algorithm"),
        (json!({ "alg": 1 }), "token-algorithm"),
        (json!({ "alg": ["ES256"] }), "token-algorithm"),
        (json!({ "alg": "" }), "token-algorithm"),
        (json!({ "alg": "es256" }), "token-algorithm"),
        (json!({ "alg": "ES256 " }), "token-algorithm"),
        (json!({ "alg": "ES384" }), "token-algorithm"),
        (json!({ "alg": "ES256K" }), "token-algorithm"),
        (json!({ "alg": "PS256" }), "token-algorithm"),
        (json!({ "alg": "RS512" }), "token-algorithm"),
        (json!({ "alg": "HS256" }), "token-algorithm"),
        (json!({ "alg": "dir" }), "token-algorithm"),
        // The key of that id is for another algorithm.
        (json!({ "alg": "RS256" }), "token-key-unknown"),
        (json!({ "alg": "EdDSA" }), "token-key-unknown"),
    ] {
        let token = key.signed(&header_with(&key, &others), &bench.claims().to_string());
        assert_eq!(bench.reason(&token).await, reason, "{others}");
    }
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let key = Signer::rs256("r");
    let bench = Bench::new(&[&key]);
    let payload = URL_SAFE_NO_PAD.encode(bench.claims().to_string());
    for alg in ["none", "nOnE", "None", "NONE", "", "null"] {
        let header = URL_SAFE_NO_PAD.encode(header_with(&key, &json!({ "alg": alg })));
        for (signature, reason) in [("", "token-malformed"), ("AA", "token-algorithm"), ("x", "token-malformed")] {
            assert_eq!(bench.reason(&format!("{header}.{payload}.{signature}")).await, reason, "{alg} {signature}");
        }
    }
    let header = URL_SAFE_NO_PAD.encode(key.header().to_string());
    assert_eq!(bench.reason(&format!("{header}.{payload}.")).await, "token-malformed");
    assert_eq!(bench.reason(&format!("{header}.{payload}.AA")).await, "token-signature");
}

/// The public key is not secret, so a reader that took it as the secret of HS256 would accept what everybody can make.
#[tokio::test]
async fn the_public_key_is_never_the_secret_of_an_hmac() {
    let key = Signer::rs256("r");
    let bench = Bench::new(&[&key]);
    let jwk = key.jwk();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    // RSAPublicKey and SubjectPublicKeyInfo (RFC 8017, RFC 5280) of this key of 2,048 bits.
    let pkcs1 = [&[0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0][..], &number("n"), &[2, 3], &number("e")].concat();
    let identifier = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let spki = [&[0x30, 0x82, 1, 0x22][..], &identifier, &[3, 0x82, 1, 0x0f, 0], &pkcs1].concat();
    let lines: Vec<_> = STANDARD.encode(&spki).as_bytes().chunks(64).map(|line| [line, b"\n"].concat()).collect();
    let pem = [&b"-----BEGIN PUBLIC KEY-----\n"[..], &lines.concat(), b"-----END PUBLIC KEY-----\n"].concat();
    let secrets = [pem, spki, pkcs1, jwk.to_string().into_bytes(), number("n"), jwk["n"].as_str().unwrap().into()];
    for (secret, alg) in secrets.iter().flat_map(|secret| ["HS256", "RS256"].map(|alg| (secret, alg))) {
        let header = header_with(&key, &json!({ "alg": alg }));
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(bench.claims().to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        let expected = if alg == "HS256" { "token-algorithm" } else { "token-signature" };
        assert_eq!(bench.reason(&format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))).await, expected);
    }
}

#[tokio::test]
async fn what_is_not_three_parts_of_strict_base64url_is_malformed() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let token = key.token(&bench.claims());
    assert_eq!(bench.reason(&token).await, "ok");
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    // The last character of 64 bytes has four spare bits.
    let last = signature.chars().last().unwrap();
    let beginning = signature.strip_suffix(last).unwrap();
    let spare: Vec<_> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .filter(|other| *other != last)
        .map(|other| format!("{header}.{payload}.{beginning}{other}"))
        .collect();
    let padded = |part: &str| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
    let in_standard = STANDARD.encode(br#"{"alg":"EdDSA","kid":"d","x":"???>>>"}"#);
    for malformed in [
        "x".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        "...".to_owned(),
        "..".to_owned(),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{payload}."),
        format!("{}.{payload}.{signature}", padded(header)),
        format!("{header}.{payload}.{}", padded(signature)),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}=.{payload}.{signature}"),
        format!("{in_standard}.{payload}.{signature}"),
        format!("{header}.{payload}.~{signature}"),
        format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("[]")),
        format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode("{")),
        format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(b"{\"alg\":\"EdDSA\",\"kid\":\"\xff\"}")),
    ] {
        let reason = bench.reason(&malformed).await;
        let is_padding = malformed.contains('=');
        // Padding inside is not even a token of RFC 6750.
        let expected = if is_padding && !malformed.ends_with('=') { "token-not-bearer" } else { "token-malformed" };
        assert_eq!(reason, expected, "{malformed}");
    }
    for other in spare {
        let reason = bench.reason(&other).await;
        assert!(["token-malformed", "token-signature"].contains(&reason), "{reason}");
    }
    for (outside, reason) in [
        (format!("{header}.{payload}.{signature}A"), "token-signature"),
        (format!("{header}.{payload}. {signature}"), "token-not-bearer"),
        (format!("{header}.{payload}.{signature}\n"), "token-not-bearer"),
        (format!("{token},{token}"), "token-not-bearer"),
        (format!("{token} {token}"), "token-not-bearer"),
        (format!("\"{token}\""), "token-not-bearer"),
        (format!("{header}.{}.{signature}", "A".repeat(8_192)), "token-too-long"),
    ] {
        assert_eq!(bench.reason(&outside).await, reason);
    }
}

#[tokio::test]
async fn a_name_that_is_there_twice_and_json_that_is_too_deep_are_malformed() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let (header, claims) = (key.header().to_string(), bench.claims().to_string());
    let more = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for (header, payload) in [
        (more(&header, r#""alg":"none""#), claims.clone()),
        (more(&header, r#""kid":"x""#), claims.clone()),
        (more(&header, r#""\u0061lg":"none""#), claims.clone()),
        (header.clone(), more(&claims, r#""aud":"other""#)),
        (header.clone(), more(&claims, r#""iss":"other""#)),
        (header.clone(), more(&claims, r#""x":{"a":1,"a":2}"#)),
        (header.clone(), more(&claims, &format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200)))),
        (header.clone(), format!("{claims}{claims}")),
        (header.clone(), format!("[{claims}]")),
        (header.clone(), "null".to_owned()),
        (header.clone(), format!("\u{feff}{claims}")),
        (header.clone(), more(&claims, r#""x":1e999"#)),
        (header.clone(), more(&claims, r#""x":NaN"#)),
        // A token in a token.
        (header.clone(), key.token(&bench.claims())),
    ] {
        assert_eq!(bench.reason(&key.signed(&header, &payload)).await, "token-malformed", "{header} {payload}");
    }
}

#[tokio::test]
async fn each_claim_that_is_wrong_is_refused_although_the_signature_is_valid() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let url = bench.issuer.url.clone();
    let half = |seconds: u64| Duration::from_secs(seconds).as_secs_f64() + 0.5;
    for (claims, reason) in [
        (json!({}), "ok"),
        (json!({ "iss": null }), "token-issuer"),
        (json!({ "iss": [url] }), "token-issuer"),
        (json!({ "iss": { "a": url } }), "token-issuer"),
        (json!({ "iss": format!("{url}/") }), "token-issuer"),
        (json!({ "iss": format!("{url} ") }), "token-issuer"),
        (json!({ "iss": url.to_uppercase() }), "token-issuer"),
        (json!({ "iss": url.replace("http", "https") }), "token-issuer"),
        (json!({ "iss": "" }), "token-issuer"),
        (json!({ "exp": null }), "token-claim"),
        (json!({ "exp": (NOW + 300).to_string() }), "token-claim"),
        (json!({ "exp": [NOW + 300] }), "token-claim"),
        (json!({ "exp": true }), "token-claim"),
        (json!({ "exp": -1 }), "token-claim"),
        (json!({ "exp": 1e300 }), "token-claim"),
        (json!({ "exp": u64::MAX }), "token-claim"),
        (json!({ "exp": (NOW + 300) * 1000 }), "token-claim"),
        (json!({ "exp": 0 }), "token-expired"),
        (json!({ "exp": NOW - 60 }), "token-expired"),
        (json!({ "exp": NOW - 59 }), "ok"),
        (json!({ "exp": half(NOW - 61) }), "token-expired"),
        (json!({ "exp": half(NOW - 60) }), "ok"),
        (json!({ "exp": 253_402_300_799_u64 }), "ok"),
        (json!({ "nbf": NOW + 60 }), "ok"),
        (json!({ "nbf": NOW + 61 }), "token-not-yet-valid"),
        (json!({ "nbf": half(NOW + 60) }), "token-not-yet-valid"),
        (json!({ "nbf": "0" }), "token-claim"),
        (json!({ "nbf": -1 }), "token-claim"),
        (json!({ "iat": null }), "ok"),
        (json!({ "iat": NOW + 60 }), "ok"),
        (json!({ "iat": NOW + 61 }), "token-issued-in-future"),
        (json!({ "iat": "now" }), "token-claim"),
        (json!({ "aud": null }), "token-audience"),
        (json!({ "aud": "" }), "token-audience"),
        (json!({ "aud": "Pets" }), "token-audience"),
        (json!({ "aud": "pets " }), "token-audience"),
        (json!({ "aud": "pets cats" }), "token-audience"),
        (json!({ "aud": "petshop" }), "token-audience"),
        (json!({ "aud": [] }), "token-audience"),
        (json!({ "aud": ["cats"] }), "token-audience"),
        (json!({ "aud": ["cats", "pets"] }), "ok"),
        (json!({ "aud": ["pets", 1] }), "token-claim"),
        (json!({ "aud": [["pets"]] }), "token-claim"),
        (json!({ "aud": { "pets": 1 } }), "token-claim"),
        (json!({ "aud": 1 }), "token-claim"),
        (json!({ "sub": null }), "ok"),
        (json!({ "sub": 1 }), "token-claim"),
        (json!({ "scope": 1 }), "token-claim"),
        (json!({ "scope": { "a": 1 } }), "token-claim"),
        (json!({ "scope": ["a b"] }), "token-claim"),
        (json!({ "scope": ["a\tb"] }), "token-claim"),
        (json!({ "scope": [""] }), "token-claim"),
        (json!({ "scp": [1] }), "token-claim"),
    ] {
        assert_eq!(bench.reason(&key.token(&bench.claims_with(&claims))).await, reason, "{claims}");
    }
    let mut null = bench.claims();
    for claim in ["exp", "nbf", "iat", "aud", "sub", "scope"] {
        null[claim] = Value::Null;
        assert_eq!(bench.reason(&key.token(&null)).await, "token-claim", "{claim}");
        null = bench.claims();
    }
}

#[tokio::test]
async fn the_client_and_the_use_are_those_of_the_configuration() {
    let key = Signer::eddsa("d");
    let bench = Bench::with_setting(&[&key], "{issuer};client-id=c1|c2;token-use=access", &[]);
    let access = |others: Value| {
        let mut claims = json!({ "aud": null, "token_use": "access" });
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        claims
    };
    for (claims, reason) in [
        (access(json!({ "client_id": "c1" })), "ok"),
        (access(json!({ "client_id": "c2" })), "ok"),
        (access(json!({ "azp": "c1" })), "ok"),
        (access(json!({ "appid": "c1" })), "ok"),
        (access(json!({ "cid": "c1" })), "ok"),
        (access(json!({ "client_id": "c1", "cid": "c3" })), "token-client"),
        (access(json!({ "client_id": "c1", "azp": "c2" })), "ok"),
        (access(json!({ "client_id": "c1", "aud": "anything" })), "ok"),
        (access(json!({})), "token-client"),
        // An audience is not a client.
        (access(json!({ "aud": "c1" })), "token-client"),
        (access(json!({ "client_id": "c3" })), "token-client"),
        (access(json!({ "client_id": "" })), "token-client"),
        (access(json!({ "client_id": "c1", "azp": "c3" })), "token-client"),
        (access(json!({ "client_id": "c3", "azp": "c1" })), "token-client"),
        (access(json!({ "azp": "c1", "appid": "c3" })), "token-client"),
        (access(json!({ "client_id": ["c1"] })), "token-claim"),
        (access(json!({ "client_id": 1 })), "token-claim"),
        (access(json!({ "client_id": "c1", "token_use": "id" })), "token-use"),
        (access(json!({ "client_id": "c1", "token_use": null })), "token-use"),
        (access(json!({ "client_id": "c1", "token_use": "Access" })), "token-use"),
        (access(json!({ "client_id": "c1", "token_use": ["access"] })), "token-claim"),
    ] {
        assert_eq!(bench.reason(&key.token(&bench.claims_with(&claims))).await, reason, "{claims}");
    }
}

#[tokio::test]
async fn an_issuer_may_use_only_its_configured_algorithms() {
    let (rsa, ec) = (Signer::rs256("r"), Signer::es256("e"));
    let bench = Bench::with_setting(&[&rsa, &ec], "{issuer};audience=pets;algorithms=ES256", &[]);
    assert_eq!(bench.reason(&rsa.token(&bench.claims())).await, "token-algorithm");
    assert!(bench.issuer.take_asked().is_empty(), "keys are not read for it");
    assert_eq!(bench.reason(&ec.token(&bench.claims())).await, "ok");
}

#[tokio::test]
async fn a_token_of_one_issuer_is_not_verified_with_the_keys_of_another() {
    let (own, other) = (Signer::eddsa("same"), Signer::eddsa("same"));
    let second = TestIssuer::start();
    second.publish(&[&other]);
    let setting = format!("{{issuer}};audience=pets,{};audience=cats", second.url);
    let bench = Bench::with_setting(&[&own], &setting, &[]);
    let of_second = |aud: &str| bench.claims_with(&json!({ "iss": second.url, "aud": aud }));
    assert_eq!(bench.reason(&own.token(&bench.claims())).await, "ok");
    assert_eq!(bench.reason(&other.token(&of_second("cats"))).await, "ok");
    assert_eq!(bench.reason(&other.token(&of_second("pets"))).await, "token-audience");
    assert_eq!(bench.reason(&other.token(&bench.claims())).await, "token-signature");
    assert_eq!(bench.reason(&own.token(&of_second("cats"))).await, "token-signature");
}

#[tokio::test]
async fn each_signature_that_is_not_of_the_key_is_refused() {
    let keys = [Signer::rs256("r"), Signer::es256("e"), Signer::eddsa("d")];
    let bench = Bench::new(&keys.iter().collect::<Vec<_>>());
    for key in &keys {
        let token = key.token(&bench.claims());
        let (text, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        let zeros = |length: usize| vec![0; length];
        // The order of P-256.
        let order = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
            0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
        ];
        let integer = |number: &[u8]| [&[2, 33, 0][..], number].concat();
        let body = [integer(&r[..32.min(r.len())]), integer(&s[..32.min(s.len())])].concat();
        let der = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let other_claims = key.sign(key.token(&bench.claims_with(&json!({ "sub": "root" }))).as_bytes());
        for (what, wrong) in [
            ("zeros, as CVE-2022-21449 accepted them", zeros(signature.len())),
            ("r is zero", [&zeros(r.len())[..], s].concat()),
            ("s is zero", [r, &zeros(s.len())[..]].concat()),
            ("the order twice", [order, order].concat()),
            ("ones", vec![0xff; signature.len()]),
            ("the two halves changed over", [s, r].concat()),
            ("DER", der),
            ("the last byte is missing", signature[..signature.len() - 1].to_vec()),
            ("a byte more", [&signature[..], &[0]].concat()),
            ("a zero before it", [&[0][..], &signature].concat()),
            ("half of it", r.to_vec()),
            ("one byte", vec![1]),
            ("of other claims", other_claims),
        ] {
            let wrong = format!("{text}.{}", URL_SAFE_NO_PAD.encode(wrong));
            assert_eq!(bench.reason(&wrong).await, "token-signature", "{}: {what}", key.alg());
        }
        let other = match key.alg() {
            "RS256" => continue,
            "ES256" => Signer::es256("e"),
            _ => Signer::eddsa("d"),
        };
        assert_eq!(bench.reason(&other.token(&bench.claims())).await, "token-signature");
    }
}

/// Every bit of a token counts: of the text that is signed, of the signature, and of the dots between them.
#[tokio::test]
async fn a_token_with_one_changed_bit_is_refused() {
    let keys = [Signer::rs256("r"), Signer::es256("e"), Signer::eddsa("d")];
    let bench = Bench::new(&keys.iter().collect::<Vec<_>>());
    for key in &keys {
        let token = key.token(&bench.claims());
        assert_eq!(bench.reason(&token).await, "ok");
        for (place, bit) in (0..token.len()).flat_map(|place| (0..7).map(move |bit| (place, bit))) {
            let mut changed = token.clone().into_bytes();
            changed[place] ^= 1 << bit;
            let changed = String::from_utf8(changed).unwrap();
            assert_ne!(bench.reason(&changed).await, "ok", "{} byte {place}, bit {bit}", key.alg());
        }
    }
}

#[tokio::test]
async fn a_name_that_resembles_authorization_counts_and_is_not_accepted() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let value = format!("Bearer {}", key.token(&bench.claims()));
    let value = value.as_str();
    for (headers, reason) in [
        (&[("Authorization", value)][..], "ok"),
        (&[("AUTHORIZATION", value), ("proxy-authorization", "x")], "ok"),
        (&[("Authorization", value), ("authorization", value)], "token-repeated"),
        (&[("Authorization", value), ("Authorization", "Basic x")], "token-repeated"),
        (&[("x-authorization", value)], "token-missing"),
        (&[("cookie", value)], "token-missing"),
    ] {
        let answer = bench.check.check(headers, &[], at(NOW)).await;
        assert_eq!(answer.map_or_else(|failure| failure.reason(), |_| "ok"), reason, "{:?}", headers.len());
    }
}
