//! The issuer cannot be reached, is slow, or answers something else.

use super::{test_issuer::Answer, *};
use std::time::Instant;

fn status(head: &str) -> Answer {
    Answer::Raw(format!("HTTP/1.1 {head}\r\ncontent-length: 6\r\n\r\nMARKER"))
}

#[tokio::test]
async fn without_keys_a_token_is_neither_accepted_nor_refused() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let url = bench.issuer.url.clone();
    let set = |text: &str| format!("its key set (jwks_uri) cannot be {text}");
    let discovery = |text: &str| format!("its /.well-known/openid-configuration cannot be read: {text}");
    let within = |text: &str| format!("in its /.well-known/openid-configuration {text}");
    let good = Answer::json(&json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }));
    let good_keys = Answer::json(&json!({ "keys": [key.jwk()] }));
    let named = |issuer: &str, jwks_uri: Value| Answer::json(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }));
    let other_issuer = within("`issuer` is not byte for byte the configured issuer");
    let not_https = within("`jwks_uri` is not an https:// URL");
    let not_json = "there is no JSON object without repeated names";
    let mut now = NOW;
    for (document, keys, problem) in [
        (status("500 MARKER"), &good_keys, discovery("its server answers 500, but must answer 200")),
        (
            status("302 Found\r\nlocation: https://attacker.example/"),
            &good_keys,
            discovery("its server answers 302, but must answer 200: redirects are not followed"),
        ),
        (Answer::Body("<html>MARKER</html>".to_owned()), &good_keys, within(not_json)),
        (Answer::Body("x".repeat(150_001)), &good_keys, discovery("it is longer than the accepted 150000 bytes")),
        (named("https://attacker.example", json!("https://attacker.example/keys")), &good_keys, other_issuer.clone()),
        (named(&format!("{url}/"), json!(format!("{url}/keys"))), &good_keys, other_issuer.clone()),
        (Answer::json(&json!({ "jwks_uri": format!("{url}/keys") })), &good_keys, other_issuer),
        (named(&url, json!("http://attacker.example/keys")), &good_keys, not_https.clone()),
        (named(&url, json!("file:///etc/passwd")), &good_keys, not_https.clone()),
        (named(&url, json!([format!("{url}/keys")])), &good_keys, not_https.clone()),
        (named(&url, Value::Null), &good_keys, not_https),
        (good.clone(), &status("404 MARKER"), set("read: its server answers 404, but must answer 200")),
        (
            good.clone(),
            &status("301 Moved\r\nlocation: https://attacker.example/"),
            set("read: its server answers 301, but must answer 200: redirects are not followed"),
        ),
        (
            good.clone(),
            &Answer::Body("<html>MARKER</html>".to_owned()),
            set("used: it is not a JSON object without repeated names"),
        ),
        (
            good.clone(),
            &Answer::Body(format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(150_000))),
            set("read: it is longer than the accepted 150000 bytes"),
        ),
        (
            good.clone(),
            &Answer::json(&json!({ "keys": [] })),
            set("used: it does not have a key for RS256, ES256 or EdDSA"),
        ),
        (
            good.clone(),
            &Answer::Raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nMARK".to_owned()),
            set("read: its server stopped before the end of the document"),
        ),
    ] {
        bench.issuer.answer_discovery(document);
        bench.issuer.answer_keys(keys.clone());
        now += 2;
        let failure = bench.ask_for(&key.token(&bench.claims()), &[], now).await.unwrap_err();
        let expected = JwtFailure::Unavailable(IssuerUnavailable { issuer: url.as_str().into() });
        assert_eq!((&failure, failure.reason()), (&expected, "token-no-keys"));
        let lines = bench.log.take_lines();
        let event: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&event["event"], &event["reason"]), (&json!("refresh-failed"), &json!("token-keys")));
        assert_eq!(event["detail"], format!("the keys of the issuer {url} could not be read: {problem}"));
        assert!(lines.len() == 1 && !lines[0].contains("MARK") && !lines[0].contains("attacker"), "{lines:?}");
    }
    // It recovers.
    bench.issuer.answer_discovery(good);
    bench.issuer.answer_keys(good_keys);
    assert_eq!(bench.reason_at(&key.token(&bench.claims()), now + 2).await, "ok");
}

#[tokio::test]
async fn known_keys_are_used_through_an_outage_of_half_an_hour() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let token = key.token(&bench.claims_with(&json!({ "exp": NOW + 36_000 })));
    let unknown = Signer::eddsa("new").token(&bench.claims_with(&json!({ "exp": NOW + 36_000 })));
    assert_eq!(bench.reason_at(&token, NOW).await, "ok");
    bench.issuer.answer_keys(status("503 Unavailable"));
    bench.issuer.answer_discovery(status("503 Unavailable"));
    bench.log.take_lines();
    for (after, expected) in [(299, "ok"), (300, "ok"), (1_000, "ok"), (2_099, "ok"), (2_100, "token-no-keys")] {
        assert_eq!(bench.reason_at(&token, NOW + after).await, expected, "{after}");
        // A request never makes the outage shorter or longer.
        let of_unknown = if expected == "ok" { "token-key-unknown" } else { expected };
        assert_eq!(bench.reason_at(&unknown, NOW + after).await, of_unknown, "{after}");
    }
    let failed = bench.log.take_lines().iter().filter(|line| line.contains("\"refresh-failed\"")).count();
    assert!((4..=6).contains(&failed), "{failed}");
    bench.issuer.publish(&[&key]);
    let document = json!({ "issuer": bench.issuer.url, "jwks_uri": format!("{}/keys", bench.issuer.url) });
    bench.issuer.answer_discovery(Answer::json(&document));
    assert_eq!(bench.reason_at(&token, NOW + 2_102).await, "ok");
}

#[tokio::test]
async fn a_slow_issuer_costs_a_request_one_second_with_keys_and_two_without() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let token = key.token(&bench.claims_with(&json!({ "exp": NOW + 36_000 })));
    for (answers, now, expected, seconds) in [
        (false, NOW, "token-no-keys", 2),
        (true, NOW + 10, "ok", 0),
        (false, NOW + 310, "ok", 1),
        (false, NOW + 311, "ok", 0),
    ] {
        if answers {
            bench.issuer.publish(&[&key]);
        } else {
            bench.issuer.answer_keys(Answer::Silence);
        }
        let begun = Instant::now();
        assert_eq!(bench.reason_at(&token, now).await, expected);
        let waited = begun.elapsed();
        let least = Duration::from_secs(seconds);
        // Generous, because this machine may be busy.
        assert!(least <= waited && waited < least + Duration::from_millis(900), "{now}: {waited:?}");
    }
}

/// With keys a request waits one second: too short for both documents of this issuer, and long enough for each.
#[tokio::test]
async fn after_a_hanging_read_a_slow_issuer_is_read_again_in_two_steps() {
    let (key, new) = (Signer::eddsa("d"), Signer::eddsa("new"));
    let bench = Bench::new(&[&key]);
    let claims = bench.claims_with(&json!({ "exp": NOW + 36_000 }));
    assert_eq!(bench.reason_at(&key.token(&claims), NOW).await, "ok");
    bench.issuer.answer_keys(Answer::Silence);
    assert_eq!(bench.reason_at(&key.token(&claims), NOW + 310).await, "ok");
    let slow = |document: Value| Answer::Slow(Duration::from_millis(550), document.to_string());
    let url = &bench.issuer.url;
    bench.issuer.answer_discovery(slow(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })));
    bench.issuer.answer_keys(slow(json!({ "keys": [key.jwk(), new.jwk()] })));
    for (after, expected) in [(330, "token-key-unknown"), (350, "ok")] {
        assert_eq!(bench.reason_at(&new.token(&claims), NOW + after).await, expected, "{after}");
    }
}

#[tokio::test]
async fn a_closed_door_is_an_error_that_says_so() {
    let key = Signer::eddsa("d");
    let bench = Bench::with_setting(&[&key], "http://127.0.0.1:1;audience=pets", &[]);
    let token = key.token(&bench.claims_with(&json!({ "iss": "http://127.0.0.1:1" })));
    assert_eq!(bench.reason(&token).await, "token-no-keys");
    let lines = bench.log.take_lines();
    assert!(lines[0].contains("its server cannot be reached: ") && lines[0].contains("refused"), "{lines:?}");
}

/// Requests at the same time wait for one read.
#[tokio::test]
async fn many_first_requests_are_one_read() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let token = key.token(&bench.claims());
    let (a, b, c) = tokio::join!(bench.reason(&token), bench.reason(&token), bench.reason(&token));
    assert_eq!([a, b, c], ["ok"; 3]);
    assert_eq!(bench.issuer.take_asked().len(), 2);
}
