//! Paths that every server reads alike, and the prefixes of the rows.

use std::str;

/// Where a path is from, which decides what an escape in it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it was sent.
    Sent,
    /// Decoded once: an escape in it was an escape of `%`.
    Decoded,
}

/// The path decoded, if it means the same to every server that may be behind the API. It does not if it has
/// - a segment that begins with `..`, is `.`, ends with `.` or a space, or is empty before the end;
/// - `\`, `;`, `?`, `#` or a control character: `/public/..;/admin` is `/admin` to some servers;
/// - `:$`: `/admin::$INDEX_ALLOCATION` is the folder `/admin` to servers on NTFS;
/// - an escape of a letter, a digit or `-._~`, which need none, of one of the above, or of `/` or `%`; a `%` without two digits; or
///   bytes that are not UTF-8.
pub(crate) fn plain(path: &str, form: Form) -> Option<String> {
    let decoded = String::from_utf8(decode(path, form)?).ok()?;
    // No escape hides a slash, so these are the segments of both.
    let mut segments = decoded.strip_prefix('/')?.split('/').rev();
    let last = segments.next().unwrap_or_default();
    let is_name = |segment: &str| !segment.starts_with("..") && !segment.ends_with(['.', ' ']);
    let is_plain = is_name(last)
        && segments.all(|segment| is_name(segment) && !segment.is_empty())
        && !decoded.contains(":$")
        && !decoded.chars().any(|character| matches!(character, '\\' | ';' | '?' | '#') || character.is_control());
    is_plain.then_some(decoded)
}

/// The bytes of a path; `None` if an escape in it is wrong, or not needed.
fn decode(path: &str, form: Form) -> Option<Vec<u8>> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let escaped = u8::try_from(digit()? * 16 + digit()?).ok()?;
        let is_needed = !(escaped.is_ascii_alphanumeric() || b"-._~/%".contains(&escaped));
        if form == Form::Decoded || !is_needed {
            return None;
        }
        decoded.push(escaped);
    }
    Some(decoded)
}

/// A path and all paths below it, by whole segments: `/public/*` is `/public`, `/public/` and `/public/a/b`, and not
/// `/publications`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(Box<str>);

/// How a decoded path is related to a [`Prefix`], or to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Covering {
    /// It is below it.
    Yes,
    /// It is below it for some servers: for those that do not distinguish upper and lower case, and for those that take
    /// `/admin.json` for `/admin`.
    Perhaps,
    /// It is not.
    No,
}

impl Prefix {
    /// Reads `/public/*`.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let prefix = text.strip_suffix("/*").filter(|prefix| prefix.starts_with('/'));
        let prefix = prefix.ok_or("has a path that is not of the form /SEGMENT/*")?;
        // None of them needs an escape, and a path with an escape of one is not plain.
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with("..")
                && !segment.ends_with('.')
                && segment.bytes().all(is_unreserved)
        };
        if prefix.split('/').skip(1).all(is_segment) {
            Ok(Self(prefix.into()))
        } else {
            Err("has a path with an empty segment, a dot segment, or a character other than A-Z a-z 0-9 - . _ ~")
        }
    }

    pub(crate) fn covers(&self, path: &str) -> Covering {
        let mut rest = path.split('/').skip(1);
        let mut covering = Covering::Yes;
        let mut named = self.segments().peekable();
        while let Some(name) = named.next() {
            let Some(segment) = rest.next() else { return Covering::No };
            match like(segment, name, named.peek().is_none()) {
                Covering::Yes => {}
                Covering::Perhaps => covering = Covering::Perhaps,
                Covering::No => return Covering::No,
            }
        }
        covering
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a segment of a path is this name. The last one may be so for some servers because of an ending, like `.json`.
pub(crate) fn like(segment: &str, name: &str, is_last: bool) -> Covering {
    if segment == name {
        return Covering::Yes;
    }
    let stem = segment.split('.').next().filter(|_| is_last).unwrap_or(segment);
    let is_like = [segment, stem].iter().any(|segment| folded(segment).eq(folded(name)));
    if is_like { Covering::Perhaps } else { Covering::No }
}

/// The text as servers compare it that do not distinguish upper and lower case: `ſ` is `S` to some, and `K` (the sign of Kelvin)
/// is `k`.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_servers_read_differently_is_not_plain() {
        for path in [
            "/",
            "/pets",
            "/pets/",
            "/public/a/b.png",
            "/a%20b",
            "/caf%C3%A9",
            "/a:b@c!$&'()*+,=",
            "/.well-known/x",
            "/a..b",
        ] {
            assert!(plain(path, Form::Sent).is_some(), "{path}");
        }
        for path in ["/a b", "/café", "/a!"] {
            assert_eq!(plain(path, Form::Decoded).as_deref(), Some(path));
        }
        for path in [
            "",
            "pets",
            "//",
            "//pets",
            "/public//admin",
            "/public/../admin",
            "/public/..",
            "/public/.",
            "/public/./x",
            "/public/...",
            "/public/..%3B/admin",
            "/public/..;/admin",
            "/public;x=1/a",
            "/public\\..\\admin",
            "/public/..%5Cadmin",
            "/public/..%2fadmin",
            "/public/%2e%2e/admin",
            "/public/%2E/admin",
            "/public/.%2e/admin",
            "/public%2Fadmin",
            "/%70ublic",
            "/public/%7Ex",
            "/public/a%252Fb",
            "/public/a%3Fb",
            "/public/a%23b",
            "/public/a?b",
            "/public/a#b",
            "/public/a%00",
            "/public/a\0",
            "/public/a%0d%0a",
            "/public/a%7F",
            "/public/a%C2%80",
            "/public/%C0%AE%C0%AE/admin",
            "/public/%FF",
            "/public/%",
            "/public/%2",
            "/public/%zz",
            "/public/%+1",
            "/admin./x",
            "/admin%20/x",
            "/admin%20",
            "/admin::$INDEX_ALLOCATION/x",
            "/admin%3A%24i30:$INDEX_ALLOCATION/x",
            "/public/a.json::%24DATA",
        ] {
            assert_eq!(plain(path, Form::Sent), None, "{path}");
        }
        for path in ["/a%20b", "/%2e%2e/x", "/100%", "/a//b", "/../x"] {
            assert_eq!(plain(path, Form::Decoded), None, "{path}");
        }
    }

    #[test]
    fn a_prefix_covers_whole_segments() {
        let prefix = Prefix::read("/public/files/*").unwrap();
        for (path, expected) in [
            ("/public/files", Covering::Yes),
            ("/public/files/", Covering::Yes),
            ("/public/files/a/b", Covering::Yes),
            ("/public/Files/a", Covering::Perhaps),
            ("/PUBLIC/files", Covering::Perhaps),
            ("/public/file\u{17f}/a", Covering::Perhaps),
            ("/public/files.json", Covering::Perhaps),
            ("/public/Files.tar.gz/a", Covering::Perhaps),
            ("/public.json/files", Covering::No),
            ("/public/filesystem", Covering::No),
            ("/public/Filesystem", Covering::No),
            ("public/files", Covering::No),
            ("/public", Covering::No),
            ("/public/file", Covering::No),
            ("/x/public/files", Covering::No),
            ("/publicfiles/x", Covering::No),
            ("/public/filé", Covering::No),
            ("", Covering::No),
        ] {
            assert_eq!(prefix.covers(path), expected, "{path}");
        }
    }

    #[test]
    fn a_prefix_that_can_not_be_compared_is_refused() {
        for text in ["", "/", "/*", "//*", "*", "/public", "public/*", "/a//*", "/public/**", "/pub*"] {
            assert!(Prefix::read(text).is_err(), "{text}");
        }
        for text in [
            "/../*", "/a/./*", "/a/..b/*", "/a%20/*", "/a;b/*", "/a b/*", "/{x}/*", "/a!b/*", "/a./*", "/é/*",
            "/a\\b/*",
        ] {
            assert!(Prefix::read(text).is_err(), "{text}");
        }
    }
}
