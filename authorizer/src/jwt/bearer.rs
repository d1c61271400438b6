//! Where the token is: in one header `Authorization: Bearer TOKEN`.

use super::refusal::{MAX_BYTES, TokenRefusal};
use signing::resembles;

const HEADER: &str = "authorization";
const SCHEME: &str = "bearer";

/// The token of a request with these headers, as RFC 6750, section 2.1 writes it.
///
/// Names that resemble `Authorization` count against the request, and are not accepted in its place.
pub(super) fn token<'a>(headers: &[(&str, &'a str)]) -> Result<&'a str, TokenRefusal> {
    let found: Vec<_> = headers.iter().filter(|(name, _)| resembles(name, HEADER)).collect();
    let value = match *found {
        [(name, value)] if name.eq_ignore_ascii_case(HEADER) => value,
        [] | [_] => return Err(TokenRefusal::Missing),
        _ => return Err(TokenRefusal::Repeated(found.len())),
    };
    let (scheme, rest) = value.split_once(' ').ok_or(TokenRefusal::NotBearer)?;
    let token = rest.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case(SCHEME) || !is_b64token(token) {
        return Err(TokenRefusal::NotBearer);
    }
    if token.len() > MAX_BYTES {
        return Err(TokenRefusal::TooLong);
    }
    Ok(token)
}

/// `b64token` of RFC 6750. It has no comma and no space, so two values that a gateway has joined are not one token.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Result<&str, TokenRefusal>) {
        assert_eq!(token(headers), expected, "{headers:?}");
    }

    #[test]
    fn the_token_is_in_one_header_with_the_scheme_bearer() {
        check(&[("Host", "h"), ("Authorization", "Bearer a.b.c")], Ok("a.b.c"));
        check(&[("authorization", "bearer a")], Ok("a"));
        check(&[("AUTHORIZATION", "BEARER   a-._~+/9==")], Ok("a-._~+/9=="));
        check(&[], Err(TokenRefusal::Missing));
        check(&[("X-Authorization", "Bearer a"), ("authorizations", "Bearer a")], Err(TokenRefusal::Missing));
        check(&[("authorization", "Bearer a"), ("Authorization", "Bearer a")], Err(TokenRefusal::Repeated(2)));
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer =",
            "a.b.c",
            "Basic YTpi",
            "Bearer: a",
            "Bearera",
            "Bearer\ta",
            " Bearer a",
            "Bearer a ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a,Bearer b",
            "Bearer a, Bearer b",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer a\u{e9}",
            "Bearer a\0",
            "Bearer token=a",
        ] {
            check(&[("authorization", value)], Err(TokenRefusal::NotBearer));
        }
    }

    #[test]
    fn a_token_has_at_most_8192_bytes() {
        for (length, expected) in [(8_192, true), (8_193, false), (100_000, false)] {
            let token = "x".repeat(length);
            let expected = if expected { Ok(token.as_str()) } else { Err(TokenRefusal::TooLong) };
            check(&[("authorization", &format!("Bearer {token}"))], expected);
        }
    }
}
