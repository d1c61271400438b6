//! Whatever is sent, the answer is a refusal and never a panic.

use super::*;
use crate::jwt::{json, keys::IssuerKeys, token::UnverifiedToken, url::Url};

#[test]
fn no_bytes_make_the_readers_panic() {
    let key = Signer::es256("e");
    let keys = IssuerKeys::from_json(json!({ "keys": [key.jwk()] }).to_string().as_bytes()).unwrap();
    arbtest::arbtest(|u| {
        let text: String = u.arbitrary()?;
        let bytes: Vec<u8> = u.arbitrary()?;
        let _ = bearer::token(&[("authorization", &text)]);
        let _ = bearer::token(&[("authorization", &format!("Bearer {text}"))]);
        let _ = UnverifiedToken::parse(&text);
        let _ = (json::object(&bytes), IssuerKeys::from_json(&bytes), Url::parse(&text));
        let header = key.signed(&text, &String::from_utf8_lossy(&bytes));
        if let Ok(token) = UnverifiedToken::parse(&header) {
            assert!(token.verify(&keys).is_err() || header.len() > 100);
        }
        Ok(())
    });
}

/// A valid token with bytes in the place of others.
#[test]
fn no_damaged_token_is_accepted() {
    let key = Signer::es256("e");
    let keys = IssuerKeys::from_json(json!({ "keys": [key.jwk()] }).to_string().as_bytes()).unwrap();
    let token = key.token(&json!({ "iss": "https://issuer.example", "exp": NOW }));
    assert!(UnverifiedToken::parse(&token).unwrap().verify(&keys).is_ok());
    arbtest::arbtest(|u| {
        let mut damaged = token.clone().into_bytes();
        for _ in 0..u.int_in_range(1..=4)? {
            let place = u.choose_index(damaged.len())?;
            damaged[place] = *u.choose(b"ABCxyz019-_.=+/ {}\"")?;
        }
        let damaged = String::from_utf8(damaged).unwrap();
        let accepted = UnverifiedToken::parse(&damaged).and_then(|token| token.verify(&keys)).is_ok();
        assert_eq!(accepted, damaged == token, "{damaged}");
        Ok(())
    });
}
