//! What CloudFront allows an origin-request function to do, and a viewer to send.
//!
//! Pure. The two header lists are those of the Lambda@Edge restrictions: one of headers that a function never sees and
//! may not add, one of headers that it sees and may not change at origin events. CloudFront answers a function that
//! breaks them with 502.

use crate::net::headers::latin1_bytes;
use edge_signer::Edits;
use hyper::header::{HeaderName, HeaderValue};

/// The most bytes of a URL. Here the request target counts: a viewer's scheme and host are not on the wire.
pub(crate) const URL_BYTES: usize = 8_192;

/// The most bytes of a request head, request line included.
pub(crate) const HEAD_BYTES: usize = 20_480;

/// The most bytes of a body that the event has.
pub(crate) const BODY_BYTES: usize = 1_048_576;

/// The most custom headers of one origin, and the most characters of one value: CloudFront's quotas.
pub(crate) const CUSTOM_HEADERS: usize = 10;
pub(crate) const CUSTOM_HEADER_CHARACTERS: usize = 1_783;

/// The seven methods of a behaviour that allows all of them. Upper case: methods are case-sensitive.
pub(crate) fn allows_method(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "POST" | "PATCH" | "DELETE")
}

/// Whether CloudFront hides a header from functions, and refuses it from them. `name` is in lower case. Here such a
/// header of a viewer is dropped. It is documented that a function does not see it, but not for every one that the
/// origin does not see it either.
pub(crate) fn is_disallowed(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "upgrade",
        "x-amzn-auth",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
        "x-forwarded-proto",
        "x-real-ip",
    ];
    const FAMILIES: [&str; 4] = ["x-accel-", "x-amz-cf-", "x-amzn-cf-", "x-edge-"];
    NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Whether a function at origin request must leave a header as it is. `name` is in lower case.
pub(crate) fn is_read_only(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "accept-encoding",
        "content-length",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "transfer-encoding",
        "via",
    ];
    NAMES.contains(&name)
}

/// Why CloudFront answers 502 instead of using a function's result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidResult {
    #[error("the function added, changed or removed a header that CloudFront keeps for itself: {0}")]
    Disallowed(String),
    #[error("the function added, changed or removed the read-only header {0}")]
    ReadOnly(String),
    #[error("both the function and the origin's custom headers set the header {0}")]
    AlsoCustom(String),
    #[error("the function set the header {0}, whose name or value cannot be sent over HTTP")]
    Unsendable(String),
}

/// Applies a function's edits to an event's headers, then the custom headers that are left. Names in `headers` and
/// `custom` are in lower case.
///
/// # Errors
/// The first edit that CloudFront would refuse.
pub(crate) fn apply(
    edits: &Edits,
    mut headers: Vec<(String, String)>,
    custom: &[(String, String)],
) -> Result<Vec<(String, String)>, InvalidResult> {
    for name in &edits.remove {
        let name = name.to_ascii_lowercase();
        if !headers.iter().any(|(present, _)| *present == name) {
            continue; // removing a missing header changes nothing
        }
        editable(&name)?;
        headers.retain(|(present, _)| *present != name);
    }
    let custom = || custom.iter().filter(|(name, _)| !edits.remove_custom.contains(name));
    for (key, value) in &edits.set {
        let name = key.to_ascii_lowercase();
        let unchanged = headers.iter().filter(|(present, _)| *present == name).map(|(_, value)| value).eq([value]);
        if !(unchanged && is_read_only(&name)) {
            editable(&name)?;
        }
        if custom().any(|(custom, _)| *custom == name) {
            return Err(InvalidResult::AlsoCustom(key.to_string()));
        }
        if !is_sendable(&name, value) {
            return Err(InvalidResult::Unsendable(key.to_string()));
        }
        headers.retain(|(present, _)| *present != name);
        headers.push((name, value.clone()));
    }
    headers.retain(|(present, _)| !custom().any(|(custom, _)| custom == present));
    headers.extend(custom().cloned());
    Ok(headers)
}

/// Whether hyper can write the header. `value` is text of ISO-8859-1 characters.
pub(crate) fn is_sendable(name: &str, value: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
        && latin1_bytes(value).is_some_and(|bytes| HeaderValue::from_bytes(&bytes).is_ok())
}

fn editable(name: &str) -> Result<(), InvalidResult> {
    if is_disallowed(name) {
        Err(InvalidResult::Disallowed(name.to_owned()))
    } else if is_read_only(name) {
        Err(InvalidResult::ReadOnly(name.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWER: [(&str, &str); 6] = [
        ("host", "api.example"),
        ("accept", "*/*"),
        ("via", "1.1 a"),
        ("accept-encoding", "gzip"),
        ("x-api-key", "the viewer's"),
        ("cookie", "a=b"),
    ];

    fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Applies edits to [`VIEWER`] with two custom headers.
    fn applied(edits: &Edits) -> Result<Vec<(String, String)>, InvalidResult> {
        apply(edits, owned(&VIEWER), &owned(&[("x-api-key", "ours"), ("countersign-mode", "monitor")]))
    }

    fn set(name: &'static str, value: &str) -> Edits {
        Edits { set: vec![(name.into(), value.to_owned())], ..Edits::default() }
    }

    fn remove(name: &str) -> Edits {
        Edits { remove: vec![name.to_owned()], ..Edits::default() }
    }

    #[test]
    fn custom_headers_overwrite_the_viewers() {
        let expected = [
            ("host", "api.example"),
            ("accept", "*/*"),
            ("via", "1.1 a"),
            ("accept-encoding", "gzip"),
            ("cookie", "a=b"),
            ("x-api-key", "ours"),
            ("countersign-mode", "monitor"),
        ];
        assert_eq!(applied(&Edits::default()), Ok(owned(&expected)));
    }

    #[test]
    fn edits_remove_first_and_then_set() {
        let edits = Edits {
            remove: vec!["cookie".to_owned(), "accept".to_owned(), "not-there".to_owned(), "x-real-ip".to_owned()],
            set: vec![
                ("Signature".into(), "countersign=:AA==:".to_owned()),
                ("Accept".into(), "text/plain".to_owned()),
            ],
            remove_custom: vec!["countersign-mode".to_owned(), "not-there".to_owned()],
        };
        let expected = [
            ("host", "api.example"),
            ("via", "1.1 a"),
            ("accept-encoding", "gzip"),
            ("signature", "countersign=:AA==:"),
            ("accept", "text/plain"),
            ("x-api-key", "ours"),
        ];
        assert_eq!(applied(&edits), Ok(owned(&expected)));
    }

    #[test]
    fn edits_that_a_function_may_not_make_are_refused() {
        let disallowed = |name: &str| Err(InvalidResult::Disallowed(name.to_owned()));
        for name in
            ["Connection", "Expect", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection"]
        {
            assert_eq!(applied(&set(name, "x")), disallowed(&name.to_lowercase()));
        }
        for name in ["Trailer", "Upgrade", "X-Accel-Anything", "X-Amz-Cf-Id", "X-Amzn-Auth", "X-Amzn-Cf-Id", "X-Cache"]
        {
            assert_eq!(applied(&set(name, "x")), disallowed(&name.to_lowercase()));
        }
        for name in ["X-Amzn-Errortype", "X-Amzn-Fle-Profile", "X-Amzn-Header-Count", "X-Amzn-Header-Order"] {
            assert_eq!(applied(&set(name, "x")), disallowed(&name.to_lowercase()));
        }
        for name in
            ["X-Amzn-Lambda-Integration-Tag", "X-Amzn-RequestId", "X-Edge-Location", "X-Forwarded-Proto", "X-Real-IP"]
        {
            assert_eq!(applied(&set(name, "x")), disallowed(&name.to_lowercase()));
        }
        let read_only = |name: &str| Err(InvalidResult::ReadOnly(name.to_owned()));
        for name in ["Accept-Encoding", "Content-Length", "If-Modified-Since", "If-None-Match", "If-Range", "Via"] {
            assert_eq!(applied(&set(name, "x")), read_only(&name.to_lowercase()));
        }
        assert_eq!(applied(&set("If-Unmodified-Since", "x")), read_only("if-unmodified-since"));
        assert_eq!(applied(&set("Transfer-Encoding", "chunked")), read_only("transfer-encoding"));
        assert_eq!(applied(&remove("via")), read_only("via"));
        assert_eq!(applied(&remove("Accept-Encoding")), read_only("accept-encoding"));
        assert!(applied(&remove("if-range")).is_ok(), "it is not there");
        assert!(applied(&set("Via", "1.1 a")).is_ok(), "it is what it was");

        assert_eq!(applied(&set("x-api-key", "x")), Err(InvalidResult::AlsoCustom("x-api-key".to_owned())));
        let moved = Edits { remove_custom: vec!["x-api-key".to_owned()], ..set("x-api-key", "x") };
        assert!(applied(&moved).is_ok_and(|headers| headers.contains(&("x-api-key".to_owned(), "x".to_owned()))));
        for value in ["a\r\nb: c", "\u{100}", "\0"] {
            assert_eq!(applied(&set("a", value)), Err(InvalidResult::Unsendable("a".to_owned())));
        }
    }

    #[test]
    fn edits_that_a_function_may_make_are_applied() {
        for name in ["Signature", "Signature-Input", "Content-Digest", "Countersign-Target", "Host", "X-Amzn-Trace-Id"]
        {
            assert!(applied(&set(name, "x")).is_ok(), "{name}");
        }
    }

    #[test]
    fn seven_methods() {
        let allowed = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"].map(allows_method);
        assert_eq!(allowed, [true; 7]);
        assert_eq!(["TRACE", "CONNECT", "get", "PROPFIND", ""].map(allows_method), [false; 5]);
    }
}
