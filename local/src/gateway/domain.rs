//! A custom domain of an API, and the path below which it maps the API.

use std::{fmt, str::FromStr};

/// The most bytes of a mapping key: the documented quota of 300 characters.
const KEY_BYTES: usize = 300;

/// The most bytes of a name, and of one of its labels (RFC 1035, section 2.3.4).
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// A custom domain with one mapping: `HOST[:PORT][/KEY]`.
///
/// ```
/// let domain: local::Domain = "API.example.com/orders/v1".parse().unwrap();
/// assert_eq!((domain.host(), domain.base_path()), ("api.example.com", "/orders/v1"));
/// assert_eq!(domain.to_string(), "api.example.com/orders/v1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    host: String,
    base_path: String,
}

impl Domain {
    /// The name in lower case, with a port if one was given: the value that `Host` must have.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The prefix of the path on the wire: empty, or `/KEY`.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }
}

/// A text that is not a [`Domain`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the domain {text:?} is not of the form HOST, HOST/KEY or HOST:PORT/KEY, like api.example.com/orders/v1: {reason}"
)]
pub struct DomainError {
    text: String,
    reason: &'static str,
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let error = |reason| DomainError { text: text.to_owned(), reason };
        let (host, key) = match text.split_once('/') {
            Some((host, key)) => (host, Some(key)),
            None => (text, None),
        };
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        };
        let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        if !port.is_none_or(|port| digits(port) && port.parse::<u16>().is_ok()) {
            return Err(error("the port is not a number from 1 to 65535"));
        }
        if name.len() > NAME_BYTES || !name.split('.').all(is_label) {
            return Err(error("the name is not one or more labels of A–Z, a–z, 0–9 and `-` with dots between them"));
        }
        let key = key.map(|key| format!("/{key}")).unwrap_or_default();
        if key.len() > KEY_BYTES || !key.split('/').skip(1).all(is_segment) {
            return Err(error(
                "the key is not one or more segments of A–Z, a–z, 0–9 and `$-_.+!*'()` with slashes between them, \
                 at most 300 bytes",
            ));
        }
        Ok(Self { host: host.to_ascii_lowercase(), base_path: key })
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.host, self.base_path)
    }
}

fn is_label(label: &str) -> bool {
    let fits = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits && (1..=LABEL_BYTES).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// The characters that API Gateway documents for mapping keys. A dot segment is not a name: clients resolve it.
fn is_segment(segment: &str) -> bool {
    let fits = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&byte));
    fits && !segment.is_empty() && !matches!(segment, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_and_written() {
        #[track_caller]
        fn check(text: &str, host: &str, base_path: &str) {
            let domain: Domain = text.parse().unwrap();
            assert_eq!((domain.host(), domain.base_path()), (host, base_path));
            assert_eq!(domain.to_string(), format!("{host}{base_path}"));
        }
        check("api.example.com", "api.example.com", "");
        check("API.Example.COM/Orders", "api.example.com", "/Orders");
        check("localhost:8081/v1", "localhost:8081", "/v1");
        check("a-1.example/orders/v1.2/x_y", "a-1.example", "/orders/v1.2/x_y");
        check("a.example/$-_.+!*'()", "a.example", "/$-_.+!*'()");
        let longest = "k".repeat(299);
        check(&format!("a.example/{longest}"), "a.example", &format!("/{longest}"));
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        #[track_caller]
        fn check(text: &str, reason: &str) {
            let form = "is not of the form HOST, HOST/KEY or HOST:PORT/KEY, like api.example.com/orders/v1";
            let expected = format!("the domain {text:?} {form}: {reason}");
            let error = text.parse::<Domain>().unwrap_err().to_string();
            assert!(error.starts_with(&expected), "{error}");
        }
        for text in
            ["", "/v1", ".example", "a..b", "a.", "-a.example", "a-.example", "a_b", "a b", "ä.example", "[::1]"]
        {
            check(text, if text == "[::1]" { "the port is not" } else { "the name is not" });
        }
        check(&format!("{}.example", "a".repeat(64)), "the name is not");
        check(&"a.".repeat(130), "the name is not");
        check("https://a.example", "the port is not");
        for port in ["", "0", "080", "65536", "-1", "x", "1:2"] {
            check(&format!("a.example:{port}"), "the port is not");
        }
        for key in ["", "/", "a/", "a//b", ".", "a/..", "a b", "a%2Fb", "a~b", "a=b", "a,b", "ä", "a?b", "a#b"] {
            check(&format!("a.example/{key}"), "the key is not");
        }
        check(&format!("a.example/{}", "k".repeat(300)), "the key is not");
    }
}
