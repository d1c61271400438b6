//! The whole check, with keys that a server on this machine publishes.

mod garbage;
mod hostile;
mod key_changes;
mod outages;
mod providers;
mod secrecy;
pub(super) mod signer;
mod test_issuer;

use super::*;
use serde_json::{Value, json};
use settings::Settings;
use signer::Signer;
use telemetry::MemoryLog;
use test_issuer::TestIssuer;

/// The time of most tests, in seconds since 1970.
const NOW: u64 = 1_795_341_845;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The configuration of these variables.
fn config(variables: &[(&str, &str)]) -> JwtConfig {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    JwtConfig::read(&Settings::of_environment(variables, &[]).ok().unwrap()).unwrap().unwrap()
}

/// A check, the issuer that it trusts, and what it logs.
struct Bench {
    issuer: TestIssuer,
    check: JwtCheck,
    log: MemoryLog,
}

impl Bench {
    /// With these keys at the issuer. `{issuer}` in `jwt` is its URL.
    fn with_setting(keys: &[&Signer], jwt: &str, more: &[(&str, &str)]) -> Self {
        let issuer = TestIssuer::start();
        issuer.publish(keys);
        let jwt = jwt.replace("{issuer}", &issuer.url);
        let log = MemoryLog::default();
        let config = config(&[&[("COUNTERSIGN_JWT", jwt.as_str())], more].concat());
        let check = JwtCheck::new(config, Log::new(None, log.clone()));
        Self { issuer, check, log }
    }

    fn new(keys: &[&Signer]) -> Self {
        Self::with_setting(keys, "{issuer};audience=pets", &[])
    }

    /// The claims of a token that is accepted.
    fn claims(&self) -> Value {
        json!({ "iss": self.issuer.url, "aud": "pets", "sub": "user-1", "exp": NOW + 300, "iat": NOW - 5 })
    }

    /// These claims, with others added or in the place of those with the same name; `null` removes one.
    fn claims_with(&self, others: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in others.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    async fn ask_for(&self, token: &str, scopes: &[Vec<Scope>], now: u64) -> Result<JwtContext, JwtFailure> {
        let value = format!("Bearer {token}");
        self.check.check(&[("host", "h"), ("authorization", &value)], scopes, at(now)).await
    }

    /// The reason of the refusal; `ok` if there is none.
    async fn reason_at(&self, token: &str, now: u64) -> &'static str {
        self.ask_for(token, &[], now).await.map_or_else(|failure| failure.reason(), |_| "ok")
    }

    async fn reason(&self, token: &str) -> &'static str {
        self.reason_at(token, NOW).await
    }
}

fn scopes(lists: &[&[&str]]) -> Vec<Vec<Scope>> {
    lists.iter().map(|list| list.iter().map(|scope| Scope::try_from(*scope).unwrap()).collect()).collect()
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_accepted() {
    let keys = [Signer::rs256("r"), Signer::es256("e"), Signer::eddsa("d")];
    let bench = Bench::new(&keys.iter().collect::<Vec<_>>());
    for key in &keys {
        assert_eq!(bench.reason(&key.token(&bench.claims())).await, "ok", "{}", key.alg());
    }
    // RFC 9864 has given Ed25519 this name.
    let renamed = keys[2].signed(&json!({ "alg": "Ed25519", "kid": "d" }).to_string(), &bench.claims().to_string());
    assert_eq!(bench.reason(&renamed).await, "ok");
    assert_eq!(bench.issuer.take_asked(), ["/.well-known/openid-configuration", "/keys"]);
}

#[tokio::test]
async fn nothing_is_asked_before_a_token_needs_a_key() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    let other_issuer = key.token(&bench.claims_with(&json!({ "iss": "https://other.example" })));
    for (token, reason) in [("x", "token-malformed"), (other_issuer.as_str(), "token-issuer")] {
        assert_eq!(bench.reason(token).await, reason);
    }
    assert_eq!(bench.check.check(&[], &[], at(NOW)).await, Err(TokenRefusal::Missing.into()));
    assert!(bench.issuer.take_asked().is_empty());
}

#[tokio::test]
async fn of_each_list_of_scopes_the_token_needs_one() {
    let key = Signer::eddsa("d");
    let bench = Bench::new(&[&key]);
    for (claims, required, expected) in [
        (json!({}), scopes(&[]), true),
        (json!({}), scopes(&[&["a"]]), false),
        (json!({ "scope": "" }), scopes(&[&["a"]]), false),
        (json!({ "scope": "a" }), scopes(&[&["a"]]), true),
        (json!({ "scope": "x a  y" }), scopes(&[&["b", "a"]]), true),
        (json!({ "scope": "a" }), scopes(&[&["a"], &["b", "c"]]), false),
        (json!({ "scope": "a c" }), scopes(&[&["a"], &["b", "c"]]), true),
        (json!({ "scope": "A ab aa" }), scopes(&[&["a"]]), false),
        (json!({ "scope": "a" }), scopes(&[&[]]), false),
        (json!({ "scope": ["x", "a"] }), scopes(&[&["a"]]), true),
        (json!({ "scp": "x a" }), scopes(&[&["a"]]), true),
        (json!({ "scp": ["x", "a"] }), scopes(&[&["a"]]), true),
        // Only one of the two claims counts.
        (json!({ "scope": "x", "scp": "a" }), scopes(&[&["a"]]), false),
        (json!({ "roles": ["a"], "scopes": "a" }), scopes(&[&["a"]]), false),
    ] {
        let answer = bench.ask_for(&key.token(&bench.claims_with(&claims)), &required, NOW).await;
        assert_eq!(answer.is_ok(), expected, "{claims} {required:?}");
        if let Err(failure) = answer {
            assert_eq!(failure.reason(), "token-scope");
        }
    }
    let failure = bench.ask_for(&key.token(&bench.claims()), &scopes(&[&["a", "b"]]), NOW).await.unwrap_err();
    assert_eq!(failure, JwtFailure::Scope { required: scopes(&[&["a", "b"]]).remove(0) });
}

#[tokio::test]
async fn the_claims_are_handed_on_as_the_configuration_asks() {
    let key = Signer::eddsa("d");
    let names = "email cognito:groups n big f t nothing absent object control";
    let bench = Bench::with_setting(&[&key], "{issuer};audience=pets", &[("COUNTERSIGN_JWT_CLAIMS", names)]);
    let claims = bench.claims_with(&json!({
        "scope": "a b", "azp": "client-1", "email": "é@example.com", "cognito:groups": ["admins", "users"],
        "n": 7, "big": 1e300, "f": 1.5, "t": true, "object": { "a": [1] }, "control": "a\r\nx-admin: 1",
        "countersign": "verified", "jwt_sub": "root", "not_chosen": "x",
    }));
    let mut claims = claims;
    claims["nothing"] = Value::Null;
    let context = bench.ask_for(&key.token(&claims), &[], NOW).await.unwrap();
    assert_eq!(
        serde_json::to_value(&context).unwrap(),
        json!({
            "jwt_iss": bench.issuer.url, "jwt_sub": "user-1", "jwt_client_id": "client-1", "jwt_scope": "a b",
            "jwt_email": "é@example.com", "jwt_cognito_groups": "[\"admins\",\"users\"]", "jwt_n": 7, "jwt_f": 1.5,
            "jwt_t": true, "jwt_object": "{\"a\":[1]}", "jwt_omitted": "jwt_big,jwt_control",
        })
    );
    assert!(!context.is_empty() && context.members().all(|(name, _)| name.starts_with("jwt_")));
    assert!(format!("{context:?}").starts_with("JwtContext{\"jwt_iss\", \"jwt_sub\""), "{context:?}");
}

#[tokio::test]
async fn what_does_not_fit_into_the_context_is_left_out_and_named() {
    let key = Signer::eddsa("d");
    let bench = Bench::with_setting(&[&key], "{issuer};audience=pets", &[("COUNTERSIGN_JWT_CLAIMS", "a b c")]);
    // 2,048 bytes is the last size that fits: quotes and line separators count as they are written.
    let without_a = serde_json::to_string(&json!({ "jwt_iss": bench.issuer.url, "jwt_sub": "user-1", "jwt_a": "" }));
    let room = 2_048 - without_a.unwrap().len();
    for (length, omitted) in [(room, None), (room + 1, Some("jwt_a"))] {
        let token = key.token(&bench.claims_with(&json!({ "a": "x".repeat(length) })));
        let context = serde_json::to_value(bench.ask_for(&token, &[], NOW).await.unwrap()).unwrap();
        assert_eq!((context["jwt_omitted"].as_str(), &context["jwt_sub"]), (omitted, &json!("user-1")));
    }
    for (claims, omitted, kept) in [
        (json!({ "a": "x".repeat(900), "b": "\"".repeat(800), "c": "z" }), "jwt_b", "jwt_a"),
        (json!({ "a": "x".repeat(1_500), "b": "y".repeat(1_499), "c": "z" }), "jwt_a", "jwt_b"),
        (json!({ "a": "x".repeat(2_500), "b": "y".repeat(2_400), "c": "z" }), "jwt_a,jwt_b", "jwt_c"),
        (json!({ "sub": "x".repeat(3_000), "a": "y" }), "jwt_sub", "jwt_a"),
        (json!({ "scope": "x ".repeat(1_500), "a": "y" }), "jwt_scope", "jwt_a"),
    ] {
        let context = bench.ask_for(&key.token(&bench.claims_with(&claims)), &[], NOW).await.unwrap();
        let size = serde_json::to_string(&context).unwrap().len();
        let context = serde_json::to_value(context).unwrap();
        assert_eq!(context["jwt_omitted"], omitted);
        assert!(size <= 2_048 && context.get(kept).is_some(), "{context}");
    }
}
