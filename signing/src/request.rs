//! The parts of a request that a signature covers, each parsed once into a type of its own.

use crate::{alphabet::Alphabet, structured_field::decode_exactly};
use alloc::{borrow::Cow, string::String};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use core::{fmt, net::IpAddr};

/// What a signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// `@method`
    pub method: Method<'a>,
    /// `@authority`
    pub authority: Authority<'a>,
    /// `@path` and `@query`, and the header `Countersign-Target`
    pub target: Target<'a>,
    /// The header `Countersign-Viewer-Ip`
    pub viewer_ip: ViewerIp<'a>,
    /// The header `Content-Digest`, if the request has it
    pub content_digest: Option<FieldValue<'a>>,
}

/// A text is not the expected part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct Malformed {
    /// What was expected.
    pub expected: &'static str,
}

/// A method: a token (RFC 9110, section 9.1), by case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method<'a>(&'a str);

impl<'a> Method<'a> {
    /// As it appears on the request line.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> TryFrom<&'a str> for Method<'a> {
    type Error = Malformed;

    fn try_from(method: &'a str) -> Result<Self, Malformed> {
        if is_token(method) { Ok(Self(method)) } else { Err(Malformed { expected: "a method" }) }
    }
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    Alphabet::TOKEN.spells(text)
}

/// A host with its port, if it is not the one of https, in lower case (RFC 9421, section 2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a>(Cow<'a, str>);

impl Authority<'_> {
    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> TryFrom<&'a str> for Authority<'a> {
    type Error = Malformed;

    fn try_from(authority: &'a str) -> Result<Self, Malformed> {
        if !Alphabet::HOST.spells(authority) {
            return Err(Malformed { expected: "a host" });
        }
        let authority = authority.strip_suffix(":443").unwrap_or(authority);
        Ok(Self(if authority.bytes().fold(false, |any, byte| any | byte.is_ascii_uppercase()) {
            Cow::Owned(authority.to_ascii_lowercase())
        } else {
            Cow::Borrowed(authority)
        }))
    }
}

/// A request target in origin form, byte for byte as on the wire: a path that begins with `/`, and optionally a query.
///
/// ```
/// use signing::Target;
///
/// let target = Target::try_from("/prod/pets?type=dog").unwrap();
/// assert_eq!((target.path(), target.query()), ("/prod/pets", Some("type=dog")));
/// assert!(Target::try_from("/caf\u{e9}").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    text: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The whole target.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The part before the first `?`.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The part after the first `?`; `None` if there is no `?`.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }
}

impl<'a> TryFrom<&'a str> for Target<'a> {
    type Error = Malformed;

    /// Every byte must be one of 0x21 to 0x7E except `#`: a target holds no fragment, and readers disagree on where a
    /// target with a fragment ends.
    fn try_from(text: &'a str) -> Result<Self, Malformed> {
        let is_visible = text.bytes().fold(true, |all, byte| all & matches!(byte, 0x21..=0x7E) & (byte != b'#'));
        if !text.starts_with('/') || !is_visible {
            return Err(Malformed { expected: "a request target: a slash, then bytes of 0x21 to 0x7E without #" });
        }
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        Ok(Self { text, path, query })
    }
}

/// The viewer's address, IPv4 or IPv6 without brackets, as CloudFront wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewerIp<'a> {
    text: &'a str,
    address: IpAddr,
}

impl<'a> ViewerIp<'a> {
    /// As it appears in the header.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// As an address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl<'a> TryFrom<&'a str> for ViewerIp<'a> {
    type Error = Malformed;

    fn try_from(text: &'a str) -> Result<Self, Malformed> {
        let address = text.parse().map_err(|_| Malformed { expected: "an IP address" })?;
        Ok(Self { text, address })
    }
}

/// A header's value that a signature may cover: visible ASCII, spaces and tabs, without whitespace around it (RFC 9421,
/// section 2.1). With a line feed in it, one value could look like several lines of the signature base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldValue<'a>(&'a str);

impl<'a> FieldValue<'a> {
    /// Without the whitespace around it.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> TryFrom<&'a str> for FieldValue<'a> {
    type Error = Malformed;

    fn try_from(value: &'a str) -> Result<Self, Malformed> {
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E)) {
            Ok(Self(value))
        } else {
            Err(Malformed { expected: "a header value of visible ASCII" })
        }
    }
}

/// 16 random bytes that make two signatures over the same request differ; on the wire 22 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// How long it is on the wire.
    pub(crate) const CHARACTERS: usize = 22;

    /// The caller must pass random bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Writes its 22 characters at the end of a text.
    pub(crate) fn write(self, text: &mut String) {
        URL_SAFE_NO_PAD.encode_string(self.0, text);
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(Self::CHARACTERS);
        self.write(&mut text);
        f.write_str(&text)
    }
}

impl TryFrom<&str> for Nonce {
    type Error = Malformed;

    fn try_from(text: &str) -> Result<Self, Malformed> {
        let bytes = decode_exactly(&URL_SAFE_NO_PAD, text);
        bytes.map(Self).ok_or(Malformed { expected: "22 characters of base64url" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    #[track_caller]
    fn check<'a, T: TryFrom<&'a str, Error = Malformed>>(good: &[&'a str], bad: &[&'a str]) {
        let refused: Vec<_> = good.iter().filter(|text| T::try_from(text).is_err()).collect();
        let taken: Vec<_> = bad.iter().filter(|text| T::try_from(text).is_ok()).collect();
        assert!(refused.is_empty() && taken.is_empty(), "refused {refused:?}, taken {taken:?}");
    }

    #[test]
    fn each_part_accepts_only_its_own_characters() {
        check::<Method<'_>>(&["GET", "M-SEARCH", "x"], &["", "GE T", "GET\n", "G\u{cb}T", "(GET)"]);
        check::<Authority<'_>>(
            &["a.example", "A.example:8443", "[::1]:8080"],
            &["", "a b", "a/b", "a\n", "u@h", "\u{e4}.example"],
        );
        check::<Target<'_>>(
            &["/", "/?", "//x", "/a?b?c", "/%zz%", "/a;b=\"<>\\^`{|}"],
            &["", "a", "*", "http://a/", "?a", "/a b", "/a\n", "/a#b", "/\u{e9}", "/\u{7f}", "/\0"],
        );
        check::<ViewerIp<'_>>(
            &["203.0.113.7", "2001:db8::1", "::ffff:1.2.3.4"],
            &["", "203.0.113.07", "203.0.113.7:80", "[::1]", "fe80::1%eth0", "1.2.3", " 1.2.3.4", "1.2.3.4,5.6.7.8"],
        );
        check::<FieldValue<'_>>(&["", "a \t b", " a "], &["a\nb", "a\rb", "\u{e9}", "a\0"]);
        check::<Nonce>(
            &["AAAAAAAAAAAAAAAAAAAAAA", "_-AAAAAAAAAAAAAAAAAAAA"],
            &[
                "",
                "AAAAAAAAAAAAAAAAAAAAA",
                "AAAAAAAAAAAAAAAAAAAAAAA",
                "AAAAAAAAAAAAAAAAAAAAAB",
                "+/AAAAAAAAAAAAAAAAAAAA",
                "AAAAAAAAAAAAAAAAAAAAAA==",
            ],
        );
    }

    #[test]
    fn an_authority_is_in_lower_case_and_a_field_value_trimmed() {
        assert_eq!(Authority::try_from("A.Example:1").unwrap().as_str(), "a.example:1");
        assert_eq!(Authority::try_from("a.example:443").unwrap().as_str(), "a.example");
        assert_eq!(FieldValue::try_from("\t a b ").unwrap().as_str(), "a b");
    }

    #[test]
    fn a_target_is_split_at_its_first_question_mark() {
        for (text, path, query) in [("/a", "/a", None), ("/a?", "/a", Some("")), ("/a?b?c", "/a", Some("b?c"))] {
            let target = Target::try_from(text).unwrap();
            assert_eq!((target.as_str(), target.path(), target.query()), (text, path, query));
        }
    }

    #[test]
    fn a_nonce_is_read_back_as_it_is_written() {
        let nonce = Nonce::new([0xfb; 16]);
        assert_eq!(nonce.to_string(), "-_v7-_v7-_v7-_v7-_v7-w");
        assert_eq!(Nonce::try_from("-_v7-_v7-_v7-_v7-_v7-w"), Ok(nonce));
    }
}
