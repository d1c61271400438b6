//! Whether the target that the edge signed is the one that the gateway received, as exactly as each gateway shows it.

use crate::{Policy, Refusal, Target};
use alloc::{borrow::Cow, collections::BTreeMap, string::String, vec::Vec};
use percent_encoding::percent_decode_str;

/// A query as REST APIs show it: decoded, the names in no order, the values of one name in the order of the request.
pub type Query<'a> = BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>;

/// What a gateway shows of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// API Gateway's REST APIs.
    Rest {
        /// `requestContext.path`: the path on the wire, byte for byte, with the stage or base path.
        path: Cow<'a, str>,
        /// `multiValueQueryStringParameters`.
        query: Query<'a>,
    },
    /// API Gateway's HTTP APIs, payload format 2.0.
    Http {
        /// `rawPath`: the path, percent-decoded, with the stage where it has a name.
        path: Cow<'a, str>,
        /// `rawQueryString`: the query, byte for byte.
        query: Cow<'a, str>,
    },
}

impl Shown<'_> {
    /// Rule 5: refuses a target other than the one that is shown.
    pub(crate) fn confirm(&self, target: Target<'_>, policy: &Policy) -> Result<(), Refusal> {
        // `/a?` and `/a` have the same base, and no gateway tells them apart; the edge never sends the first.
        if target.query() == Some("") {
            return Err(Refusal::BareQuestionMark);
        }
        match self {
            Self::Rest { path, query } => {
                if target.path() != path {
                    return Err(Refusal::Path);
                }
                if decode_query(target.query().unwrap_or_default())? != *query {
                    return Err(Refusal::Query);
                }
                Ok(())
            }
            Self::Http { path, query } => {
                if !policy.allow_ambiguous_path && is_ambiguous(target.path()) {
                    return Err(Refusal::PathAmbiguous);
                }
                // It is reported that a decoded `?` ends what is shown.
                let decoded = percent_decode_str(target.path()).decode_utf8_lossy();
                if decoded != *path && decoded.split('?').next() != Some(path) {
                    return Err(Refusal::Path);
                }
                if target.query().unwrap_or_default() != query {
                    return Err(Refusal::Query);
                }
                Ok(())
            }
        }
    }
}

/// Whether a path, once decoded, could be taken for one of other segments, or for none at all: an escape in it yields `/`, `?`,
/// `#`, `%`, `\`, `;`, a control or invalid UTF-8, or is no escape.
fn is_ambiguous(path: &str) -> bool {
    let plain = |escape: Option<u8>| escape.is_some_and(|byte| !byte.is_ascii_control() && !b"/?#%\\;".contains(&byte));
    !escapes(path).all(plain) || percent_decode_str(path).decode_utf8().is_err()
}

/// The byte that each escape yields; `None` for a `%` that begins none.
fn escapes(text: &str) -> impl Iterator<Item = Option<u8>> {
    text.split('%').skip(1).map(|rest| {
        let hex = rest.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u8::from_str_radix(hex, 16).ok()
    })
}

/// Decodes a query as REST APIs do: `&` and `;` separate, `+` is a space, a name without `=` has an empty value.
///
/// What they make of an invalid escape, or of one that yields invalid UTF-8, is not known: such a query is refused.
fn decode_query(query: &str) -> Result<Query<'_>, Refusal> {
    let mut decoded = Query::new();
    for pair in query.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded.entry(decode(name)?).or_default().push(decode(value)?);
    }
    Ok(decoded)
}

fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    if escapes(text).any(|escape| escape.is_none()) {
        return Err(Refusal::QueryEscape);
    }
    let spaced: String = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| Refusal::QueryEscape)?;
    Ok(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn shown<'a>(path: &'a str, query: &[(&'a str, &[&'a str])]) -> Shown<'a> {
        let values = |values: &[&'a str]| values.iter().map(|value| Cow::Borrowed(*value)).collect();
        let query = query.iter().map(|(name, all)| (Cow::Borrowed(*name), values(all))).collect();
        Shown::Rest { path: path.into(), query }
    }

    #[track_caller]
    fn check(target: &str, path: &str, query: &[(&str, &[&str])], expected: Result<(), Refusal>) {
        assert_eq!(shown(path, query).confirm(target.try_into().unwrap(), &policy(false)), expected);
    }

    fn policy(allow_ambiguous_path: bool) -> Policy {
        Policy { max_lifetime: Duration::ZERO, skew: Duration::ZERO, allow_ambiguous_path }
    }

    #[test]
    fn rest_the_path_is_compared_byte_for_byte() {
        for path in ["/prod", "/prod/", "/prod/a%2Fb", "/prod/a%2fb", "//prod//a", "/prod/a+b;c=d", "/prod/%zz"] {
            check(path, path, &[], Ok(()));
        }
        for (target, path) in [
            ("/prod/a%2Fb", "/prod/a%2fb"),
            ("/prod/a%2Fb", "/prod/a/b"),
            ("/prod/a", "/prod/a/"),
            ("/prod//a", "/prod/a"),
            ("/prod/A", "/prod/a"),
            ("/a", "/prod/a"),
        ] {
            check(target, path, &[], Err(Refusal::Path));
        }
    }

    #[test]
    fn rest_the_query_is_compared_as_it_is_decoded_there() {
        check("/?a=1&b=2", "/", &[("b", &["2"]), ("a", &["1"])], Ok(()));
        check("/?x=1&x=2", "/", &[("x", &["1", "2"])], Ok(()));
        check("/?x=1;x=2;y", "/", &[("x", &["1", "2"]), ("y", &[""])], Ok(()));
        check("/?a+b=c%20d+%2B%26%3b", "/", &[("a b", &["c d +&;"])], Ok(()));
        check("/?e=&%C3%A9=%E2%82%AC", "/", &[("e", &[""]), ("é", &["€"])], Ok(()));
        check("/?a==b&c?=/", "/", &[("a", &["=b"]), ("c?", &["/"])], Ok(()));
        check("/?&a=1&&", "/", &[("a", &["1"])], Ok(()));

        let refused = Err(Refusal::Query);
        check("/?x=1&x=2", "/", &[("x", &["2", "1"])], refused.clone());
        check("/?x=1&x=2", "/", &[("x", &["2"])], refused.clone());
        check("/?x=1", "/", &[("x", &["1", "1"])], refused.clone());
        check("/?x=1", "/", &[("x", &["1"]), ("y", &["1"])], refused.clone());
        check("/?x=1&y=1", "/", &[("x", &["1"])], refused.clone());
        check("/?x=1", "/", &[("X", &["1"])], refused.clone());
        check("/?x=1", "/", &[], refused.clone());
        check("/", "/", &[("x", &["1"])], refused);
    }

    #[test]
    fn rest_an_escape_whose_meaning_there_is_unknown_is_refused() {
        for query in ["a=%zz", "a=%", "a=%4", "%g0=1", "a=%ff", "a=%C3", "a=%%41"] {
            let target = alloc::format!("/?{query}");
            check(&target, "/", &[("a", &["%zz"])], Err(Refusal::QueryEscape));
        }
    }

    #[test]
    fn a_bare_question_mark_is_refused() {
        check("/a?", "/a", &[], Err(Refusal::BareQuestionMark));
        check("/a??", "/a", &[("?", &[""])], Ok(()));
    }
    #[track_caller]
    fn check_http(target: &str, shown: (&str, &str), ambiguous: bool, expected: Result<(), Refusal>) {
        let shown = Shown::Http { path: shown.0.into(), query: shown.1.into() };
        assert_eq!(shown.confirm(target.try_into().unwrap(), &policy(ambiguous)), expected);
    }

    #[test]
    fn http_the_query_is_compared_byte_for_byte() {
        for query in ["a=1&b=2", "x=%zz", "a+b=c;d", "?", "&", "%C3%A9=%e2"] {
            check_http(&alloc::format!("/a?{query}"), ("/a", query), false, Ok(()));
        }
        check_http("/a", ("/a", ""), false, Ok(()));
        check_http("/a?", ("/a", ""), false, Err(Refusal::BareQuestionMark));
        for (target, query) in [("/a?b=2&a=1", "a=1&b=2"), ("/a?x=a+b", "x=a%20b"), ("/a?x=1", ""), ("/a", "x=1")] {
            check_http(target, ("/a", query), false, Err(Refusal::Query));
        }
    }

    #[test]
    fn http_the_path_is_compared_decoded() {
        for (target, path) in [
            ("/prod/space%20value", "/prod/space value"),
            ("/caf%C3%A9", "/caf\u{e9}"),
            ("/caf%c3%a9", "/caf\u{e9}"),
            ("/a+b;c=d", "/a+b;c=d"),
            ("//a//", "//a//"),
            ("/%41", "/A"),
        ] {
            check_http(target, (path, ""), false, Ok(()));
        }
        for (target, path) in [("/a", "/A"), ("/a", "/a/"), ("/a%20b", "/a+b"), ("/a", "/prod/a"), ("/a%20b", "/a%20b")]
        {
            check_http(target, (path, ""), false, Err(Refusal::Path));
        }
    }

    #[test]
    fn http_a_path_that_could_be_another_once_decoded_is_refused_unless_allowed_by_name() {
        for (target, path) in [
            ("/a%2Fb", "/a/b"),
            ("/a%2fb", "/a/b"),
            ("/a%3Fb", "/a?b"),
            ("/a%3Fb", "/a"),
            ("/a%23b", "/a#b"),
            ("/a%25b", "/a%b"),
            ("/a%252Fb", "/a%2Fb"),
            ("/a%5Cb", "/a\\b"),
            ("/a%3Bb", "/a;b"),
            ("/a%00", "/a\0"),
            ("/a%0A", "/a\n"),
            ("/a%7F", "/a\u{7f}"),
            ("/a%FF", "/a\u{fffd}"),
            ("/a%C3", "/a\u{fffd}"),
            ("/a%zz", "/a%zz"),
            ("/a%", "/a%"),
            ("/a%4", "/a%4"),
            ("/a%+4", "/a%+4"),
        ] {
            check_http(target, (path, ""), false, Err(Refusal::PathAmbiguous));
            check_http(target, (path, ""), true, Ok(()));
            check_http(target, ("/other", ""), true, Err(Refusal::Path));
        }
    }
}
