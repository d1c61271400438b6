//! The documents, keys and tokens of providers, in the shapes that they publish, with the settings that `docs/jwt.md` shows.

use super::{test_issuer::Answer, *};

/// A provider: what it publishes, a token of its for an API, and a setting for it.
struct Provider {
    setting: &'static str,
    /// What is after the host in the issuer.
    path: &'static str,
    discovery: Value,
    /// Members that its keys have, or `null` for those that they do not have.
    key: Value,
    /// Keys for other purposes.
    other_keys: Vec<Value>,
    header: Value,
    claims: Value,
    context: Value,
}

#[track_caller]
fn merged(mut value: Value, others: &Value) -> Value {
    for (name, other) in others.as_object().unwrap() {
        match other {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            other => value.as_object_mut().unwrap().insert(name.clone(), other.clone()),
        };
    }
    value
}

async fn check(provider: Provider, wrong: &[(Value, &str)]) {
    let Provider { setting, path, discovery, key, other_keys, header, claims, context } = provider;
    let signer = Signer::rs256("k1");
    let bench = Bench::with_setting(&[], setting, &[("COUNTERSIGN_JWT_CLAIMS", "cognito:groups roles")]);
    let issuer = format!("{}{path}", bench.issuer.url);
    let set = format!("{}/published/keys", bench.issuer.url);
    bench.issuer.answer_discovery(Answer::json(&merged(discovery, &json!({ "issuer": issuer, "jwks_uri": set }))));
    bench.issuer.publish_jwks(&[&other_keys[..], &[merged(signer.jwk(), &key)]].concat());
    let header = merged(signer.header(), &header).to_string();
    let claims = merged(claims, &json!({ "iss": issuer, "iat": NOW - 5, "exp": NOW + 3_600 }));
    let accepted = bench.ask_for(&signer.signed(&header, &claims.to_string()), &scopes(&[&["pets.read"]]), NOW).await;
    let accepted = serde_json::to_value(accepted.unwrap()).unwrap();
    assert_eq!(accepted, merged(context, &json!({ "jwt_iss": issuer })));
    for (others, reason) in wrong {
        let token = signer.signed(&header, &merged(claims.clone(), others).to_string());
        assert_eq!(bench.reason(&token).await, *reason, "{others}");
    }
}

/// Access tokens have `client_id` and no `aud`; ID tokens have `aud`, which is a client, and no `client_id`.
#[tokio::test]
async fn a_cognito_user_pool() {
    let provider = Provider {
        setting: "{issuer}/eu-west-1_AbCdEfGhI;client-id=1example23456789;token-use=access",
        path: "/eu-west-1_AbCdEfGhI",
        discovery: json!({
            "authorization_endpoint": "https://auth.example.com/oauth2/authorize",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": "https://auth.example.com/oauth2/token",
        }),
        key: json!({}),
        other_keys: vec![Signer::rs256("other").jwk()],
        header: json!({ "typ": null }),
        claims: json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["admin"], "version": 2,
            "client_id": "1example23456789", "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "token_use": "access",
            "scope": "aws.cognito.signin.user.admin pets.read", "auth_time": NOW - 5, "jti": "aaaaaaaa", "username": "user",
        }),
        context: json!({
            "jwt_sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "jwt_client_id": "1example23456789",
            "jwt_scope": "aws.cognito.signin.user.admin pets.read", "jwt_cognito_groups": "[\"admin\"]",
        }),
    };
    let wrong = [
        (json!({ "client_id": "other" }), "token-client"),
        (json!({ "client_id": null, "aud": "1example23456789", "token_use": "id" }), "token-client"),
        (json!({ "token_use": "id" }), "token-use"),
    ];
    check(provider, &wrong).await;
}

/// The issuer ends with a slash. `aud` is a list with the API and the user information endpoint.
#[tokio::test]
async fn an_auth0_tenant() {
    let provider = Provider {
        setting: "{issuer}/;audience=https://pets.example.com",
        path: "/",
        discovery: json!({
            "authorization_endpoint": "https://tenant.eu.auth0.com/authorize",
            "token_endpoint": "https://tenant.eu.auth0.com/oauth/token",
            "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
            "request_uri_parameter_supported": false,
        }),
        key: json!({ "x5t": "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg", "x5c": ["MIIC+DCCAeCgAwIBAgIJ"] }),
        other_keys: vec![],
        header: json!({ "typ": "at+jwt" }),
        claims: json!({
            "sub": "auth0|123456", "aud": ["https://pets.example.com", "https://tenant.eu.auth0.com/userinfo"],
            "azp": "my_client_id", "scope": "openid profile pets.read",
        }),
        context: json!({
            "jwt_sub": "auth0|123456", "jwt_client_id": "my_client_id", "jwt_scope": "openid profile pets.read",
        }),
    };
    let wrong = [
        (json!({ "aud": "my_client_id" }), "token-audience"),
        (json!({ "aud": "https://tenant.eu.auth0.com/userinfo" }), "token-audience"),
    ];
    check(provider, &wrong).await;
}

/// Keys have no `alg`, and scopes are in `scp`.
#[tokio::test]
async fn a_microsoft_entra_tenant() {
    let provider = Provider {
        setting: "{issuer}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0;audience=api-client-id",
        path: "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        discovery: json!({
            "token_endpoint": "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "tenant_region_scope": "WW", "cloud_instance_name": "microsoftonline.com",
        }),
        key: json!({ "alg": null, "x5t": "k1", "x5c": ["MIIDBTCCAe2g"], "issuer": "https://login.microsoftonline.com/x" }),
        other_keys: vec![],
        header: json!({ "x5t": "k1" }),
        claims: json!({
            "aud": "api-client-id", "nbf": NOW - 5, "azp": "client", "azpacr": "1", "name": "Ada", "oid": "o",
            "scp": "pets.read pets.write", "roles": ["Reader"], "sub": "s", "tid": "9188040d", "uti": "u", "ver": "2.0",
        }),
        context: json!({
            "jwt_sub": "s", "jwt_client_id": "client", "jwt_scope": "pets.read pets.write", "jwt_roles": "[\"Reader\"]",
        }),
    };
    check(provider, &[(json!({ "aud": "00000003-0000-0000-c000-000000000000" }), "token-audience")]).await;
}

/// The set has a key for encryption beside the one for signatures. Without a mapper `aud` is only `account`.
#[tokio::test]
async fn a_keycloak_realm() {
    let encryption = json!({ "kid": "enc", "alg": "RSA-OAEP", "use": "enc" });
    let provider = Provider {
        setting: "{issuer}/realms/shop;audience=pets;algorithms=RS256",
        path: "/realms/shop",
        discovery: json!({
            "token_endpoint": "https://sso.example.com/realms/shop/protocol/openid-connect/token",
            "id_token_signing_alg_values_supported": ["PS384", "RS384", "EdDSA", "ES384", "HS256", "RS256"],
            "mtls_endpoint_aliases": { "token_endpoint": "https://sso.example.com/x" },
        }),
        key: json!({ "x5t#S256": "x", "x5c": ["MIICmzCCAYMC"] }),
        other_keys: vec![merged(Signer::rs256("enc").jwk(), &encryption)],
        header: json!({}),
        claims: json!({
            "jti": "trrtcc:1", "aud": ["pets", "account"], "sub": "f:1:ada", "typ": "Bearer", "azp": "web", "acr": "1",
            "realm_access": { "roles": ["user"] }, "resource_access": { "account": { "roles": ["view-profile"] } },
            "scope": "email profile pets.read", "email_verified": true, "preferred_username": "ada",
        }),
        context: json!({ "jwt_sub": "f:1:ada", "jwt_client_id": "web", "jwt_scope": "email profile pets.read" }),
    };
    check(provider, &[(json!({ "aud": "account" }), "token-audience")]).await;
}
