//! What the authorizer says to the tokens of a provider that others have written, while the provider changes its keys and stops.

use crate::jwt::{
    ask::{ask, check_with, reason},
    issuer::Issuer,
};
use serde_json::json;
use std::time::{Duration, SystemTime};
use telemetry::MemoryLog;

#[tokio::test]
async fn tokens_of_a_real_issuer_are_accepted_only_for_this_api() {
    let mut issuer = Issuer::start().await;
    let log = MemoryLog::default();
    let check = check_with(&format!("{};audience=pets;client-id=shop", issuer.url), &log);
    let now = SystemTime::now();
    for alg in ["RS256", "ES256", "Ed25519"] {
        let token = issuer.ask(&format!("token {alg} pets.read")).await;
        let context = ask(&check, &token, Some("pets.read"), now).await.unwrap();
        let expected = json!({
            "jwt_iss": issuer.url, "jwt_sub": "shop", "jwt_client_id": "shop", "jwt_scope": "pets.read",
        });
        assert_eq!(serde_json::to_value(context).unwrap(), expected, "{alg}");
        let refused = ask(&check, &token, Some("pets.write"), now).await.unwrap_err();
        assert_eq!(refused.reason(), "token-scope");

        let (text, signature) = token.rsplit_once('.').unwrap();
        let end = signature.chars().rev().collect::<String>();
        assert!(["token-signature", "token-malformed"].contains(&reason(&check, &format!("{text}.{end}"), now).await));
        assert_eq!(reason(&check, &token, now + Duration::from_secs(3_700)).await, "token-expired");
        assert_eq!(reason(&check, &token, now - Duration::from_secs(120)).await, "token-issued-in-future");
    }
    let opaque = issuer.ask("opaque pets.read").await;
    assert_eq!(reason(&check, &opaque, now).await, "token-malformed");

    let token = issuer.ask("token RS256 pets.read").await;
    for (setting, expected) in [
        (format!("{};audience=pets", issuer.url), "ok"),
        (format!("{};audience=cats", issuer.url), "token-audience"),
        (format!("{};client-id=other", issuer.url), "token-client"),
        (format!("{};audience=pets;token-use=access", issuer.url), "token-use"),
        (format!("{};audience=pets;algorithms=ES256|EdDSA", issuer.url), "token-algorithm"),
        (format!("{}/;audience=pets", issuer.url), "token-issuer"),
        (format!("{}/jwks;audience=pets", issuer.url), "token-issuer"),
        (format!("{0};audience=pets;jwks={0}/jwks", issuer.url), "ok"),
        (format!("{0};audience=pets;jwks={0}/token", issuer.url), "token-no-keys"),
    ] {
        assert_eq!(reason(&check_with(&setting, &log), &token, now).await, expected, "{setting}");
    }
    issuer.stop().await;
}

#[tokio::test]
async fn a_real_issuer_changes_its_keys_and_stops() {
    let mut issuer = Issuer::start().await;
    let log = MemoryLog::default();
    let check = check_with(&format!("{};audience=pets", issuer.url), &log);
    // A moment at which every read is due, of those that the rules allow once in ten seconds.
    let mut now = SystemTime::now();
    let first = issuer.ask("token ES256").await;
    assert_eq!(reason(&check, &first, now).await, "ok");

    assert_eq!(issuer.ask("roll").await, "rolled");
    let second = issuer.ask("token ES256").await;
    now += Duration::from_secs(1);
    assert_eq!(reason(&check, &second, now).await, "ok", "the first token of a new key is accepted at once");
    assert_eq!(reason(&check, &first, now).await, "ok");

    assert_eq!(issuer.ask("withdraw").await, "withdrawn");
    now += Duration::from_secs(300);
    assert_eq!(reason(&check, &first, now).await, "token-key-unknown", "the TTL is over");
    assert_eq!(reason(&check, &second, now).await, "ok");

    issuer.stop().await;
    now += Duration::from_secs(1_000);
    assert_eq!(reason(&check, &second, now).await, "ok", "known keys are used in an outage");
    now += Duration::from_secs(1_100);
    assert_eq!(reason(&check, &second, now).await, "token-no-keys", "but not for longer than half an hour");
    let lines = log.take_lines();
    let count = |event: &str| lines.iter().filter(|line| line.contains(event)).count();
    assert_eq!((count("\"issuer-keys-read\""), count("\"refresh-failed\"")), (3, 2), "{lines:?}");
    for token in [&first, &second] {
        assert!(token.split('.').all(|part| lines.iter().all(|line| !line.contains(part))));
    }
}
