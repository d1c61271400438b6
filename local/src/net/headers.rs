//! Headers: their values, those that go on to the next hop, and the form that hyper needs.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The values of one header, with its name in any case.
pub(crate) fn values<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// Bytes read as ISO-8859-1: every byte is a character, so no byte is lost.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The way back; `None` if a character is not in ISO-8859-1.
pub(crate) fn latin1_bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

/// The names that `Connection` lists, in lower case: headers for one hop only (RFC 9110, section 7.6.1).
pub(crate) fn named_by_connection<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let names = values.flat_map(|value| value.split(|byte| *byte == b','));
    names.map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase()).collect()
}

/// Whether a header is for one hop only. `name` is in lower case. Framing and `Host` stay even if `Connection` names
/// them: a body must end where the sender said.
pub(crate) fn is_hop_by_hop(name: &str, named_by_connection: &[String]) -> bool {
    match name {
        "content-length" | "transfer-encoding" | "host" => false,
        // The server half of this hop answers Expect, because it reads the body.
        "connection" | "keep-alive" | "te" | "trailer" | "upgrade" | "expect" => true,
        name => name.starts_with("proxy-") || named_by_connection.iter().any(|named| named == name),
    }
}

/// The headers of a request that go on to the next hop.
pub(crate) fn end_to_end(headers: &[(String, Vec<u8>)]) -> impl Iterator<Item = &(String, Vec<u8>)> {
    let named = named_by_connection(values(headers, "connection"));
    headers.iter().filter(move |(name, _)| !is_hop_by_hop(&name.to_ascii_lowercase(), &named))
}

/// The headers of a request without those that `Connection` names. The other headers for one hop stay, and `Connection`
/// too.
pub(crate) fn not_named_by_connection(headers: &[(String, Vec<u8>)]) -> impl Iterator<Item = &(String, Vec<u8>)> {
    let named = named_by_connection(values(headers, "connection"));
    headers.iter().filter(move |(name, _)| {
        let name = name.to_ascii_lowercase();
        !is_hop_by_hop(&name, &named) || is_hop_by_hop(&name, &[])
    })
}

/// Headers as hyper needs them; `None` if a name or a value cannot be sent.
pub(crate) fn header_map<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        map.try_append(name, HeaderValue::from_bytes(value).ok()?).ok()?;
    }
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_character_of_iso_8859_1() {
        assert_eq!(latin1_bytes(&latin1(b"\x00\x7f\x80\xff")).unwrap(), b"\x00\x7f\x80\xff");
        assert_eq!(latin1_bytes("\u{100}"), None);
    }
}
