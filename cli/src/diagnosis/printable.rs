//! Text that a stranger may have chosen, as a terminal and a log may show it.

use std::fmt::Write as _;

/// Words in the name of a query parameter whose value may be a credential.
const SECRETS: [&str; 10] =
    ["auth", "code", "credential", "jwt", "key", "password", "secret", "session", "sig", "token"];

/// The text with its control characters, and what changes the direction of text, as escapes: a terminal would obey them.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON with the same characters as escapes. They can be only inside of its strings.
pub(crate) fn printable_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_obeyed(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, and the characters of Unicode that are not seen but move or hide others.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A query without the values that may be credentials: `page=2&access_token=***`.
pub(crate) fn masked_query(query: &str) -> String {
    let pairs = query.split_inclusive(['&', ';']).map(|part| {
        let pair = part.trim_end_matches(['&', ';']);
        let separator = part.strip_prefix(pair).unwrap_or_default();
        let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
        match value {
            Some(value) if !value.is_empty() && may_be_secret(name) => format!("{name}=***{separator}"),
            _ => part.to_owned(),
        }
    });
    pairs.collect()
}

/// A target likewise.
pub(crate) fn masked_target(target: &str) -> String {
    match target.split_once('?') {
        Some((path, query)) => format!("{path}?{}", masked_query(query)),
        None => target.to_owned(),
    }
}

/// Whether the value of a parameter of this name is not shown.
pub(crate) fn may_be_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, expected) in [
            ("/pets?é=1", "/pets?é=1"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\tc\u{7f}", "a\\u{a}b\\u{9}c\\u{7f}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{feff}", "a\\u{202e}b\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let text = "a\u{1b}\u{9b}\u{202e}\u{e0041}é";
        let json = serde_json::to_string_pretty(&serde_json::json!({ "x": text })).unwrap();
        let shown = printable_json(&json);
        assert!(!shown.contains(['\u{9b}', '\u{202e}', '\u{e0041}']), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), serde_json::json!({ "x": text }));
    }

    #[test]
    fn a_value_that_may_be_a_credential_is_not_shown() {
        for (query, expected) in [
            ("a=1&access_token=abc&b=2", "a=1&access_token=***&b=2"),
            ("X-Amz-Signature=abc;id_token=x", "X-Amz-Signature=***;id_token=***"),
            ("token=&code", "token=&code"),
            ("", ""),
            ("&&apiKey=1=2&", "&&apiKey=***&"),
        ] {
            assert_eq!(masked_query(query), expected);
        }
        assert_eq!(masked_target("/a?token=x"), "/a?token=***");
        assert_eq!(masked_target("/token=x"), "/token=x");
    }
}
