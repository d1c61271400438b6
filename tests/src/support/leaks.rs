//! Whether a text holds a secret, in any of the forms in which programs write bytes.

use crate::support::aws_clients::aws_variables;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use std::collections::BTreeSet;

/// The texts that must not appear anywhere.
pub(crate) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// The credentials that the programs under test have.
    pub(crate) fn of_aws() -> Self {
        let variables = aws_variables("", "").into_iter().filter(|(name, _)| name.contains("KEY"));
        Self(variables.flat_map(|(_, value)| forms(value.as_bytes())).collect())
    }

    /// Adds the secrets of keys, each as base64url has it: its beginning and its end, since a part is too much, and messages are
    /// cut.
    pub(crate) fn extend(&mut self, keys: impl IntoIterator<Item = String>) {
        for key in keys.into_iter().map(|k| URL_SAFE_NO_PAD.decode(k).unwrap()) {
            // Multiples of three bytes, which encode to whole characters in every place.
            let end = key.len() / 3 * 3;
            self.0.extend([&key[..12], &key[end - 12..end]].into_iter().flat_map(forms));
        }
    }

    /// The first that the text holds.
    pub(crate) fn found_in(&self, text: &str) -> Option<&str> {
        let lower = text.to_ascii_lowercase();
        self.0.iter().map(String::as_str).find(|form| text.contains(form) || lower.contains(form))
    }
}

/// Raw, as far as it is text, and as JSON writes that; base64, base64url, hex; and as Rust shows bytes.
fn forms(secret: &[u8]) -> Vec<String> {
    let raw = String::from_utf8_lossy(secret).into_owned();
    let escaped = serde_json::to_string(&raw).unwrap();
    let hex = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = format!("{secret:?}");
    let shown = shown.trim_matches(['[', ']']).to_owned();
    vec![
        shown.replace(' ', ""),
        shown,
        escaped.trim_matches('"').to_owned(),
        raw,
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        hex,
    ]
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = b"?>\"a secret of \xff\xfe bytes";
    let mut secrets = Secrets::of_aws();
    secrets.extend([URL_SAFE_NO_PAD.encode(secret)]);
    let hex = "3f3e2261207365637265 74206f6620fffe206279746573".replace(' ', "");
    for told in [
        format!("{{\"k\":\"{}\"}}", URL_SAFE_NO_PAD.encode(secret)),
        format!("{}==", STANDARD_NO_PAD.encode(secret)),
        hex.to_ascii_uppercase(),
        hex,
        format!("Key({secret:?})", secret = &secret[..]),
        serde_json::json!(secret.to_vec()).to_string(),
        format!("cut {}", STANDARD_NO_PAD.encode(&secret[..15])),
        String::from_utf8_lossy(secret).into_owned(),
        serde_json::json!({"k": String::from_utf8_lossy(secret)}).to_string(),
        "of AKIDEXAMPLE".to_owned(),
        "d0phbHJYVXRuRkVNSS9LN01ERU5HK2JQeFJmaUNZRVhBTVBMRUtFWQ==".to_owned(),
    ] {
        assert!(secrets.found_in(&told).is_some(), "{told}");
    }
    assert_eq!(secrets.found_in("a secret of other bytes, and AKIDOTHER"), None);
}
