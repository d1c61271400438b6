//! Compares the target that the edge signed with the target that the gateway received, as exactly as each gateway shows
//! it.

use crate::{
    base_path::below,
    received::{Query, ReceivedRequest, ReceivedTarget},
    refusal::Refusal,
    request::Target,
    verification_policy::VerificationPolicy,
};
use alloc::{borrow::Cow, string::String, vec::Vec};
use core::net::SocketAddr;
use percent_encoding::percent_decode_str;

/// The stage of an HTTP API that is not in its paths.
const NAMELESS_STAGE: &str = "$default";

impl ReceivedTarget<'_> {
    /// Rule 5: refuses a target other than the target that the gateway shows. Returns its path without stage and base
    /// path.
    pub(crate) fn confirm<'t>(
        &self,
        target: Target<'t>,
        received: &ReceivedRequest<'_>,
        policy: &VerificationPolicy,
    ) -> Result<&'t str, Refusal> {
        // `/a?` and `/a` have the same signature base, and no gateway shows a difference; the edge never sends `/a?`.
        if target.query() == Some("") {
            return Err(Refusal::BareQuestionMark);
        }
        let path = target.path();
        let mapped = || policy.base_paths.find(received, path);
        match self {
            Self::Rest { path: shown, api_path, query } => {
                let Some(path) = without_second_slash(path, shown) else {
                    let without_key = mapped()?.is_some_and(|mapped| !mapped.key.is_empty() && mapped.below == *shown);
                    return Err(if without_key { Refusal::BasePathHidden } else { Refusal::Path });
                };
                let mapped = policy.base_paths.find(received, path)?;
                compare_query(target, query, b"&;")?;
                Ok(match mapped {
                    Some(mapped) => mapped.seen(path),
                    None => below_rest_stage(path, api_path, received),
                })
            }
            Self::Http { path: shown, query } => {
                let mapped = mapped()?;
                refuse_ambiguous(path, policy)?;
                let handed_on = match mapped {
                    // The path does not show the mapping key, and always shows a stage that has a name.
                    Some(mapped) => {
                        let shown = below_shown_stage(shown, received).ok_or(Refusal::Path)?;
                        compare_decoded(mapped.below, shown)?;
                        mapped.below
                    }
                    None => compare_with_stage(path, shown, received)?,
                };
                if target.query().unwrap_or_default() != query {
                    return Err(Refusal::Query);
                }
                Ok(handed_on)
            }
            Self::HttpV1 { path: shown, query, .. } => {
                let mapped = mapped()?;
                refuse_ambiguous(path, policy)?;
                let is_known = match mapped {
                    Some(mapped) => mapped.key.is_empty() && received.stage == NAMELESS_STAGE,
                    None => is_own_domain(received),
                };
                if !is_known {
                    return Err(Refusal::BasePathUnknown);
                }
                let handed_on = compare_with_stage(path, shown, received)?;
                if target.query().is_some_and(|query| query.contains(';')) {
                    return Err(Refusal::QuerySeparator);
                }
                compare_query(target, query, b"&")?;
                Ok(handed_on)
            }
            Self::WebSocket { query, .. } => {
                let below = match mapped()? {
                    Some(mapped) => mapped.below,
                    // Without the name of a stage, `/` would be the path of every stage.
                    None if is_own_domain(received) => below_stage(path, received).ok_or(Refusal::Path)?,
                    None => return Err(Refusal::BasePathUnlisted),
                };
                if below != "/" {
                    return Err(Refusal::Path);
                }
                compare_query(target, query, b"&;")?;
                Ok(below)
            }
        }
    }
}

/// Refuses a signed query other than the one that is shown decoded.
fn compare_query(target: Target<'_>, shown: &Query<'_>, separators: &[u8]) -> Result<(), Refusal> {
    let signed = decode_query(target.query().unwrap_or_default(), separators)?;
    if signed == *shown { Ok(()) } else { Err(Refusal::Query) }
}

/// Refuses a signed path whose decoded form is not the path that is shown. According to reports, a decoded `?` ends the path
/// that is shown.
fn compare_decoded(signed: &str, shown: &str) -> Result<(), Refusal> {
    let decoded = percent_decode_str(signed).decode_utf8_lossy();
    if decoded == shown || decoded.split('?').next() == Some(shown) { Ok(()) } else { Err(Refusal::Path) }
}

/// Compares the whole path that an HTTP API shows, and returns the signed path after its stage.
fn compare_with_stage<'t>(path: &'t str, shown: &str, received: &ReceivedRequest<'_>) -> Result<&'t str, Refusal> {
    let handed_on = below_both_stages(path, shown, shown_stage(received))?;
    compare_decoded(path, shown)?;
    Ok(handed_on)
}

fn refuse_ambiguous(path: &str, policy: &VerificationPolicy) -> Result<(), Refusal> {
    if !policy.allow_ambiguous_path && is_ambiguous(path) { Err(Refusal::PathAmbiguous) } else { Ok(()) }
}

/// The stage as the paths of an HTTP API show it.
fn shown_stage<'r>(received: &ReceivedRequest<'r>) -> &'r str {
    if received.stage == NAMELESS_STAGE { "" } else { received.stage }
}

/// The signed path, if it is the path that a REST API shows. It may have one slash more: of exactly two slashes at the
/// start, recordings show that API Gateway removes one. Then the result has one slash.
fn without_second_slash<'t>(signed: &'t str, shown: &str) -> Option<&'t str> {
    if signed == shown {
        return Some(signed);
    }
    let rest = signed.strip_prefix('/')?;
    (rest == shown && rest.starts_with('/') && !rest.starts_with("//")).then_some(rest)
}

/// The signed path after the stage that an HTTP API shows, if the domain is not listed.
///
/// A stage that is written with escapes is not found in the path: then there is no path without the stage to pass on.
fn below_both_stages<'t>(path: &'t str, shown: &str, stage: &str) -> Result<&'t str, Refusal> {
    match (below(path, stage), below_shown(shown, stage)) {
        (Some(rest), _) => Ok(rest),
        (None, Some(_)) => Err(Refusal::Path),
        (None, None) => Ok(path),
    }
}

/// The part of the path of an HTTP API after the stage that it shows.
pub(crate) fn below_shown_stage<'s>(shown: &'s str, received: &ReceivedRequest<'_>) -> Option<&'s str> {
    below_shown(shown, shown_stage(received))
}

/// The part of the path of a REST API after the stage, which must have a name.
pub(crate) fn below_stage<'s>(path: &'s str, received: &ReceivedRequest<'_>) -> Option<&'s str> {
    below(path, received.stage).filter(|_| !received.stage.is_empty())
}

/// The part of the path after the stage of an HTTP API.
fn below_shown<'s>(shown: &'s str, stage: &str) -> Option<&'s str> {
    below(shown, stage).filter(|_| shown.starts_with('/'))
}

/// The path that the resources of a REST API see, if the domain is not listed.
///
/// The stage is in the path on the API's own domain. On another domain, `path` shows the difference: it has the base
/// path but not the stage.
fn below_rest_stage<'t>(path: &'t str, api_path: &str, received: &ReceivedRequest<'_>) -> &'t str {
    match below(path, received.stage) {
        Some(rest) if rest.trim_start_matches('/') == api_path.trim_start_matches('/') || has_own_name(received) => {
            rest
        }
        _ => path,
    }
}

/// Whether the request came to the API's own domain, where the path has the stage. An address is not a custom domain: only a
/// gateway on this machine has one.
pub(crate) fn is_own_domain(received: &ReceivedRequest<'_>) -> bool {
    has_own_name(received) || received.domain_name.parse::<SocketAddr>().is_ok()
}

/// Whether the domain is `API_ID.execute-api.…`.
fn has_own_name(received: &ReceivedRequest<'_>) -> bool {
    let api_id = received.domain_name.split_once(".execute-api.").map_or("", |(api_id, _)| api_id);
    !api_id.is_empty() && api_id.eq_ignore_ascii_case(received.api_id)
}

/// Whether a path could be taken, after decoding, for a path with other segments, or for no path: an escape in it
/// decodes to `/`, `?`, `#`, `%`, `\`, `;`, a control character or invalid UTF-8, or it is not a valid escape.
fn is_ambiguous(path: &str) -> bool {
    let plain = |escape: Option<u8>| escape.is_some_and(|byte| !byte.is_ascii_control() && !b"/?#%\\;".contains(&byte));
    !escapes(path).all(plain) || percent_decode_str(path).decode_utf8().is_err()
}

/// The byte that each escape decodes to; `None` for a `%` that does not begin an escape.
fn escapes(text: &str) -> impl Iterator<Item = Option<u8>> {
    text.split('%').skip(1).map(|rest| {
        let hex = rest.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u8::from_str_radix(hex, 16).ok()
    })
}

/// Decodes a query as API Gateway does: `+` is a space, a name without `=` has an empty value. At REST APIs `&` and `;`
/// separate.
///
/// How an invalid escape is decoded, or an escape that decodes to invalid UTF-8, is not known: such a query is refused.
fn decode_query<'q>(query: &'q str, separators: &[u8]) -> Result<Query<'q>, Refusal> {
    let is_separator = |byte: u8| separators.contains(&byte);
    let is_plain = is_plain(query);
    let decode = |text| if is_plain { Ok(Cow::Borrowed(text)) } else { decode(text) };
    let mut pairs = Vec::with_capacity(query.bytes().filter(|byte| is_separator(*byte)).count() + 1);
    let mut rest = Some(query);
    while let Some(text) = rest {
        let (pair, others) = split_once(text, is_separator);
        if !pair.is_empty() {
            let (name, value) = split_once(pair, |byte| byte == b'=');
            pairs.push((decode(name)?, decode(value.unwrap_or_default())?));
        }
        rest = others;
    }
    Ok(pairs.into())
}

/// Whether the text is the same when it is decoded. It is read to its end, which is faster than to stop.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & !matches!(byte, b'%' | b'+'))
}

/// What is before and after the first such byte of ASCII.
fn split_once(text: &str, is: impl Fn(u8) -> bool) -> (&str, Option<&str>) {
    let found = text.bytes().position(is).and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    found.map_or((text, None), |(before, after)| (before, Some(after)))
}

fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if is_plain(text) {
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
    use crate::BasePaths;
    use core::time::Duration;

    const DOMAIN: &str = "abc.execute-api.eu-west-1.amazonaws.com";

    /// The path that is passed on, if the target is the one that is shown at that place.
    fn confirm<'t>(
        shown: &ReceivedTarget<'_>,
        target: &'t str,
        (domain_name, api_id, stage): (&str, &str, &str),
        (allow_ambiguous_path, base_paths): (bool, &str),
    ) -> Result<&'t str, Refusal> {
        let received = ReceivedRequest {
            method: "",
            second_method: None,
            domain_name,
            api_id,
            stage,
            headers: &[],
            target: shown,
            time: None,
        };
        let base_paths = match base_paths {
            "" => BasePaths::default(),
            listed => listed.try_into().unwrap(),
        };
        let zero = Duration::ZERO;
        let policy = VerificationPolicy {
            max_lifetime: zero,
            skew: zero,
            allow_ambiguous_path,
            require_digest: false,
            base_paths,
        };
        shown.confirm(target.try_into().unwrap(), &received, &policy)
    }

    fn rest<'a>(path: &'a str, api_path: &'a str, query: &[(&'a str, &[&'a str])]) -> ReceivedTarget<'a> {
        let pairs = query.iter().flat_map(|&(name, values)| values.iter().map(move |&value| (name, value)));
        let query = pairs.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect();
        ReceivedTarget::Rest { path: path.into(), api_path: api_path.into(), query }
    }

    #[track_caller]
    fn check(target: &str, path: &str, query: &[(&str, &[&str])], expected: Result<(), Refusal>) {
        let confirmed = confirm(&rest(path, path, query), target, (DOMAIN, "abc", "prod"), (false, ""));
        assert_eq!(confirmed.map(|_| ()), expected);
    }

    /// At an execute-api domain, a custom domain that is not listed, and one that is.
    #[track_caller]
    fn hands_on(
        shown: &ReceivedTarget<'_>,
        target: &str,
        place: (&str, &str, &str),
        base_paths: &str,
        expected: Result<&str, Refusal>,
    ) {
        assert_eq!(confirm(shown, target, place, (false, base_paths)), expected, "{target} at {place:?}");
    }

    #[test]
    fn rest_the_path_is_passed_on_without_stage_or_listed_base_path() {
        let own = (DOMAIN, "abc", "prod");
        let custom = ("api.example.com", "abc", "prod");
        let shown = |path, api_path| rest(path, api_path, &[]);
        hands_on(&shown("/prod/pets", "/pets"), "/prod/pets", own, "", Ok("/pets"));
        hands_on(&shown("/prod/pets", ""), "/prod/pets", own, "", Ok("/pets"));
        hands_on(&shown("/prod", "/"), "/prod", own, "", Ok("/"));
        hands_on(&shown("/prod/prod/a%2Fb", "/prod/a%2Fb"), "/prod/prod/a%2Fb", own, "", Ok("/prod/a%2Fb"));
        hands_on(&shown("/prod//x", "/x"), "/prod//x", own, "", Ok("//x"));
        // An address that is not a domain of AWS: the event's own `path` shows the difference.
        hands_on(&shown("/prod/pets", "/pets"), "/prod/pets", ("127.0.0.1:8081", "local", "prod"), "", Ok("/pets"));
        // On a custom domain the base path stays in both.
        hands_on(&shown("/prod/pets", "/prod/pets"), "/prod/pets", custom, "", Ok("/prod/pets"));
        hands_on(&shown("/v1/pets", "/v1/pets"), "/v1/pets", custom, "", Ok("/v1/pets"));
        let listed = "api.example.com/v1=abc/prod,api.example.com/v2=def/prod";
        hands_on(&shown("/v1/pets", "/v1/pets"), "/v1/pets", custom, listed, Ok("/pets"));
        hands_on(&shown("/v1", "/v1"), "/v1", custom, listed, Ok("/"));
        hands_on(&shown("/v2/pets", "/v2/pets"), "/v2/pets", custom, listed, Err(Refusal::Path));
        hands_on(&shown("/pets", "/pets"), "/pets", custom, listed, Err(Refusal::Path));
        let elsewhere = ("api.example.com", "ghi", "prod");
        hands_on(&shown("/v1/pets", "/v1/pets"), "/v1/pets", elsewhere, listed, Err(Refusal::BasePath));
        let other_stage = ("api.example.com", "abc", "dev");
        hands_on(&shown("/v1/pets", "/v1/pets"), "/v1/pets", other_stage, listed, Err(Refusal::BasePath));
    }

    #[test]
    fn rest_one_of_exactly_two_leading_slashes_may_be_missing() {
        let own = (DOMAIN, "abc", "prod");
        hands_on(&rest("/prod/x", "/x", &[]), "//prod/x", own, "", Ok("/x"));
        hands_on(&rest("//prod/x", "/x", &[]), "//prod/x", own, "", Ok("//prod/x"));
        for (signed, shown) in [
            ("/prod/x", "//prod/x"),
            ("///prod/x", "/prod/x"),
            ("///prod/x", "//prod/x"),
            ("//prod/x", "prod/x"),
            ("//prod//x", "/prod/x"),
            ("/prod//x", "/prod/x"),
        ] {
            hands_on(&rest(shown, shown, &[]), signed, own, "", Err(Refusal::Path));
        }
    }

    #[test]
    fn http_the_path_is_passed_on_without_stage_or_listed_mapping_key() {
        let shown = |path: &'static str| ReceivedTarget::Http { path: path.into(), query: "".into() };
        let own = (DOMAIN, "abc", "prod");
        hands_on(&shown("/prod/pets"), "/prod/pets", own, "", Ok("/pets"));
        hands_on(&shown("/prod/a b"), "/prod/a%20b", own, "", Ok("/a%20b"));
        hands_on(&shown("/prod"), "/prod", own, "", Ok("/"));
        hands_on(&shown("/pets"), "/pets", (DOMAIN, "abc", "$default"), "", Ok("/pets"));
        hands_on(&shown("/prod/pets"), "/%70rod/pets", own, "", Err(Refusal::Path));
        hands_on(&shown("/prod/pets"), "/prod%2Fpets", own, "", Err(Refusal::PathAmbiguous));

        // The path never shows a mapping key, and always shows a stage that has a name.
        let listed = "api.example.com/v1=abc/prod,api.example.com/v2=def/$default,api.example.com=ghi/$default";
        let one = ("api.example.com", "abc", "prod");
        let two = ("API.example.com", "def", "$default");
        let root = ("api.example.com", "ghi", "$default");
        hands_on(&shown("/prod/pets"), "/v1/pets", one, listed, Ok("/pets"));
        hands_on(&shown("/prod/"), "/v1", one, listed, Ok("/"));
        hands_on(&shown("/prod/v1"), "/v1/v1", one, listed, Ok("/v1"));
        hands_on(&shown("/pets"), "/v2/pets", two, listed, Ok("/pets"));
        hands_on(&shown("/"), "/v2", two, listed, Ok("/"));
        hands_on(&shown("/pets"), "/pets", root, listed, Ok("/pets"));
        // Headers that were signed for one mapping key do not open a path of another key, for every event.
        hands_on(&shown("/pets"), "/v1/pets", two, listed, Err(Refusal::Path));
        hands_on(&shown("/prod/pets"), "/v2/pets", one, listed, Err(Refusal::Path));
        hands_on(&shown("/pets"), "/pets", two, listed, Err(Refusal::Path));
        hands_on(&shown("/v1/pets"), "/v1/pets", root, listed, Err(Refusal::Path));
        hands_on(&shown("/pets"), "/v1/pets", one, listed, Err(Refusal::Path));
        hands_on(&shown("/product/pets"), "/v1/uct/pets", one, listed, Err(Refusal::Path));
        hands_on(&shown(""), "/v2", two, listed, Err(Refusal::Path));
        hands_on(&shown("/prod/pets"), "/v1/pets", ("api.example.com", "abc", "dev"), listed, Err(Refusal::BasePath));
        // A suffix is not enough: without a list the whole path is compared.
        hands_on(&shown("/prod/pets"), "/v1/pets", one, "", Err(Refusal::Path));
        hands_on(&shown("/prod/pets"), "/pets", one, "", Err(Refusal::Path));
        hands_on(&shown("/pets"), "/v2/pets", two, "", Err(Refusal::Path));
        // The whole path is checked for ambiguity.
        hands_on(&shown("/prod/a/b"), "/v1/a%2Fb", one, listed, Err(Refusal::PathAmbiguous));
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
    fn rest_the_query_is_compared_after_decoding() {
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
    fn rest_a_query_escape_with_unknown_decoding_is_refused() {
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
        let shown = ReceivedTarget::Http { path: shown.0.into(), query: shown.1.into() };
        let confirmed = confirm(&shown, target, (DOMAIN, "abc", "prod"), (ambiguous, ""));
        assert_eq!(confirmed.map(|_| ()), expected);
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
    fn http_the_path_is_compared_after_decoding() {
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
    fn http_an_ambiguous_path_is_refused_unless_the_policy_allows_it() {
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
