//! The signature base (RFC 9421, section 2.5): the text that is signed.

use crate::{Component, Request};
use alloc::string::String;

/// The base of a request: a line for each covered component in this order, and the parameters as given.
pub(crate) fn signature_base(
    request: &Request<'_>,
    covered: impl IntoIterator<Item = Component>,
    parameters: &str,
) -> String {
    let mut base = lines(request, covered, parameters.len());
    begin_last_line(&mut base);
    base.push_str(parameters);
    base
}

/// A line for each covered component, in a text that also has room for parameters of so many bytes.
pub(crate) fn lines(request: &Request<'_>, covered: impl IntoIterator<Item = Component>, parameters: usize) -> String {
    // The names of the components, with all that is around their values, have 122 bytes.
    let values = request.method.as_str().len()
        + request.authority.as_str().len()
        + request.target.as_str().len()
        + request.viewer_ip.as_str().len()
        + request.content_digest.map_or(0, |value| value.as_str().len());
    let mut base = String::with_capacity(128 + values + parameters);
    for component in covered {
        // Each name is a constant with all that is around it: what has a known length is copied without a call.
        match component {
            Component::Method => line(&mut base, "\"@method\": ", request.method.as_str()),
            Component::Authority => line(&mut base, "\"@authority\": ", request.authority.as_str()),
            Component::Path => line(&mut base, "\"@path\": ", request.target.path()),
            // For a target without a query the value is `?` (RFC 9421, section 2.2.7).
            Component::Query => line(&mut base, "\"@query\": ?", request.target.query().unwrap_or_default()),
            Component::ViewerIp => line(&mut base, "\"countersign-viewer-ip\": ", request.viewer_ip.as_str()),
            Component::ContentDigest => {
                line(&mut base, "\"content-digest\": ", request.content_digest.map_or("", |value| value.as_str()));
            }
        }
    }
    base
}

/// What stands before the parameters.
pub(crate) fn begin_last_line(base: &mut String) {
    base.push_str("\"@signature-params\": ");
}

#[inline]
fn line(base: &mut String, start: &'static str, value: &str) {
    base.push_str(start);
    base.push_str(value);
    base.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldValue, Key, KeyId, UnixSeconds};
    use alloc::format;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    #[test]
    fn the_base_has_a_line_for_each_component_in_the_order_of_the_list() {
        let request = Request {
            method: "POST".try_into().unwrap(),
            authority: "Example.com".try_into().unwrap(),
            target: "/a%2fb?x=1&x=%20".try_into().unwrap(),
            viewer_ip: "2001:db8::1".try_into().unwrap(),
            content_digest: Some(FieldValue::try_from("sha-256=:AA==:").unwrap()),
        };
        assert_eq!(
            signature_base(&request, Component::ALL, "(…);p"),
            "\"@method\": POST\n\"@authority\": example.com\n\"@path\": /a%2fb\n\"@query\": ?x=1&x=%20\n\
            \"countersign-viewer-ip\": 2001:db8::1\n\"content-digest\": sha-256=:AA==:\n\"@signature-params\": (…);p"
        );
        for component in Component::ALL {
            let name = component.name();
            assert!(signature_base(&request, [component], "").starts_with(&format!("\"{name}\": ")), "{name}");
        }
        let request = Request { target: "/a".try_into().unwrap(), ..request };
        assert_eq!(
            signature_base(&request, [Component::Query, Component::Method], "()"),
            "\"@query\": ?\n\"@method\": POST\n\"@signature-params\": ()"
        );
    }

    /// RFC 9421, appendix B.2.5, down to the signature. Its key is `test-shared-secret` of appendix B.1.5.
    #[test]
    fn the_signature_is_that_of_the_example_in_the_rfc() {
        let secret =
            STANDARD.decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==");
        let parameters = "(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"";
        let mut base = String::new();
        line(&mut base, "\"date\": ", "Tue, 20 Apr 2021 02:07:55 GMT");
        line(&mut base, "\"@authority\": ", "example.com");
        line(&mut base, "\"content-type\": ", "application/json");
        begin_last_line(&mut base);
        base.push_str(parameters);
        let id = KeyId::try_from("test-shared-secret").unwrap();
        let key = Key::new(id, &secret.unwrap(), UnixSeconds::new(0), UnixSeconds::new(1)).unwrap();
        assert_eq!(STANDARD.encode(key.mac(base.as_bytes())), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
    }
}
