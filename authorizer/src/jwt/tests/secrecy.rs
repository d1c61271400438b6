//! No part of a token is in a line of the log, in an error or in a Debug text.

use super::*;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const MARKER: &str = "MARKER-7f3a";

#[tokio::test]
async fn no_part_of_a_token_is_written_anywhere() {
    let key = Signer::eddsa(MARKER);
    let bench = Bench::with_setting(
        &[&key],
        "{issuer};audience=pets;client-id=c;token-use=access",
        &[("COUNTERSIGN_JWT_CLAIMS", "email")],
    );
    let good = bench
        .claims_with(&json!({ "sub": MARKER, "azp": "c", "token_use": "access", "email": MARKER, "scope": MARKER }));
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        key.token(&claims)
    };
    let header = |header: Value| key.signed(&header.to_string(), &good.to_string());
    let accepted = key.token(&good);
    let encoded = URL_SAFE_NO_PAD.encode(MARKER);
    let tokens = [
        MARKER.to_owned(),
        format!("{encoded}.{encoded}.{encoded}"),
        format!("{accepted}{MARKER}"),
        header(json!({ "alg": MARKER })),
        header(json!({ "alg": "EdDSA", "typ": MARKER })),
        header(json!({ "alg": "EdDSA", "crit": [MARKER], MARKER: MARKER })),
        header(json!({ "alg": "EdDSA", "kid": format!("{MARKER}-unknown") })),
        header(json!({ "alg": "EdDSA", "kid": [MARKER] })),
        with("iss", json!(MARKER)),
        with("iss", json!([MARKER])),
        with("exp", json!(MARKER)),
        with("exp", json!(1)),
        with("nbf", json!(NOW + 1_000)),
        with("iat", json!({ "x": MARKER })),
        with("aud", json!(MARKER)),
        with("aud", json!([MARKER, 1])),
        with("azp", json!(MARKER)),
        with("client_id", json!(MARKER)),
        with("token_use", json!(MARKER)),
        with("sub", json!([MARKER])),
        with("scope", json!([MARKER, " "])),
        Signer::eddsa(MARKER).token(&good),
    ];
    let mut reasons = Vec::new();
    let mut written = String::new();
    for token in &tokens {
        let failure = bench.ask_for(token, &[], NOW).await.unwrap_err();
        reasons.push(failure.reason());
        written += &format!("{failure} {failure:?} {failure:#?}\n");
    }
    let scope = bench.ask_for(&accepted, &scopes(&[&["pets.read"]]), NOW).await.unwrap_err();
    let context = bench.ask_for(&accepted, &[], NOW).await.unwrap();
    assert_eq!(serde_json::to_value(&context).unwrap()["jwt_email"], MARKER);
    for value in [format!("{MARKER} x"), format!("Basic {MARKER}"), format!("Bearer {}", MARKER.repeat(1_000))] {
        let failure = bench.check.check(&[("authorization", &value)], &[], at(NOW)).await.unwrap_err();
        written += &format!("{failure} {failure:?}\n");
    }
    let twice = [("authorization", MARKER), ("Authorization", MARKER)];
    let repeated = bench.check.check(&twice, &[], at(NOW)).await.unwrap_err();
    written +=
        &format!("{repeated:?} {scope} {scope:?} {context:?} {:?}\n{}", bench.check, bench.log.take_lines().concat());
    // The only place of a `kid` is the issuer's own key in the cache.
    let cached = format!("kid: Some({MARKER:?})");
    assert!(written.contains(&cached));
    let written = written.replace(&cached, "");
    for part in [MARKER, &encoded, &accepted, "user-1"] {
        assert!(!written.contains(part), "{part} in {written}");
    }
    reasons.sort_unstable();
    reasons.dedup();
    assert!(reasons.len() >= 12, "{reasons:?}");
}
