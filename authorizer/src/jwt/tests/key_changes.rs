//! An issuer changes its keys.

use super::*;

const SET: &str = "/keys";
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn a_new_key_is_read_with_its_first_token() {
    let (old, new) = (Signer::eddsa("old"), Signer::es256("new"));
    let bench = Bench::new(&[&old]);
    let (by_old, by_new) = (old.token(&bench.claims()), new.token(&bench.claims()));
    assert_eq!(bench.reason_at(&by_old, NOW).await, "ok");
    assert_eq!(bench.issuer.take_asked(), [DISCOVERY, SET]);
    bench.issuer.publish(&[&old, &new]);
    assert_eq!(bench.reason_at(&by_new, NOW + 20).await, "ok");
    assert_eq!(bench.reason_at(&by_old, NOW + 20).await, "ok");
    // Where the key set is does not need to be asked again.
    assert_eq!(bench.issuer.take_asked(), [SET]);
    let events: Vec<Value> = bench.log.take_lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: Vec<_> = events.iter().map(|event| (event["event"].as_str().unwrap(), &event["keys"])).collect();
    assert_eq!(keys, [("issuer-keys-read", &json!(1)), ("issuer-keys-read", &json!(2))]);
    assert_eq!(events[1]["issuer"], bench.issuer.url);
}

#[tokio::test]
async fn invented_key_ids_cause_one_read_in_ten_seconds() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    assert_eq!(bench.reason_at(&key.token(&bench.claims()), NOW).await, "ok");
    bench.issuer.take_asked();
    for n in 0..50 {
        let header = json!({ "alg": "EdDSA", "kid": format!("invented-{n}") });
        let token = key.signed(&header.to_string(), &bench.claims().to_string());
        assert_eq!(bench.reason_at(&token, NOW + 1 + n / 10).await, "token-key-unknown");
    }
    assert_eq!(bench.issuer.take_asked(), [SET]);
    let header = json!({ "alg": "RS256", "kid": "d" });
    let token = key.signed(&header.to_string(), &bench.claims().to_string());
    assert_eq!(bench.reason_at(&token, NOW + 12).await, "token-key-unknown");
    assert_eq!(bench.issuer.take_asked(), [SET]);
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_the_ttl_at_the_latest() {
    let (old, new) = (Signer::eddsa("old"), Signer::eddsa("new"));
    let bench = Bench::new(&[&old]);
    let token = old.token(&bench.claims_with(&json!({ "exp": NOW + 3_600 })));
    assert_eq!(bench.reason_at(&token, NOW).await, "ok");
    bench.issuer.publish(&[&new]);
    assert_eq!(bench.reason_at(&token, NOW + 299).await, "ok");
    assert_eq!(bench.reason_at(&token, NOW + 300).await, "token-key-unknown");
}

#[tokio::test]
async fn a_key_set_that_has_moved_is_found_again() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let token = key.token(&bench.claims_with(&json!({ "exp": NOW + 3_600 })));
    assert_eq!(bench.reason_at(&token, NOW).await, "ok");
    bench.issuer.take_asked();
    let moved = json!({ "issuer": bench.issuer.url, "jwks_uri": format!("{}/new-keys?v=2", bench.issuer.url) });
    bench.issuer.answer_discovery(test_issuer::Answer::json(&moved));
    let gone = test_issuer::Answer::Raw("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_owned());
    // A read that takes too long is dropped, wherever it is.
    for (after, answer) in [(300, gone), (700, test_issuer::Answer::Silence)] {
        bench.issuer.answer_keys(answer);
        assert_eq!(bench.reason_at(&token, NOW + after).await, "ok");
        bench.issuer.publish(&[&key]);
        assert_eq!(bench.reason_at(&token, NOW + after + 12).await, "ok");
        let asked = bench.issuer.take_asked();
        assert_eq!(asked.iter().skip(1).collect::<Vec<_>>(), [DISCOVERY, "/new-keys?v=2"], "{asked:?}");
    }
}

#[tokio::test]
async fn a_configured_key_set_is_read_without_discovery() {
    let key = Signer::eddsa("d").without_kid();
    let bench = Bench::with_setting(&[&key], "{issuer};audience=pets;jwks={issuer}/set", &[]);
    assert_eq!(bench.reason(&key.token(&bench.claims())).await, "ok");
    assert_eq!(bench.issuer.take_asked(), ["/set"]);
}

#[tokio::test]
async fn keys_that_cannot_be_told_apart_verify_nothing() {
    let (one, other) = (Signer::eddsa("twin"), Signer::eddsa("twin"));
    let bench = Bench::new(&[&one, &other]);
    for key in [&one, &other] {
        assert_eq!(bench.reason(&key.token(&bench.claims())).await, "token-key-ambiguous");
    }
    let bench = Bench::new(&[&Signer::eddsa("a"), &Signer::eddsa("b")]);
    let nameless = one.without_kid();
    assert_eq!(bench.reason(&nameless.token(&bench.claims())).await, "token-key-ambiguous");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_logged_and_the_others_stay_usable() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[]);
    bench.issuer.publish_jwks(&[json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "small" }), key.jwk()]);
    assert_eq!(bench.reason(&key.token(&bench.claims())).await, "ok");
    let event: Value = serde_json::from_str(&bench.log.take_lines()[0]).unwrap();
    assert_eq!(event["unusable"], "the key at index 0 cannot be used: `n` is not an odd number of 2048 to 8192 bits");
}
