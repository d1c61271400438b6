use crate::{
    Component, Field, Key, Nonce, Request, UnixSeconds,
    signature_base::{begin_last_line, lines},
};
use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::time::Duration;

/// The two dictionary members that sign a request, each `label=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// For `Countersign-Signature-Input`.
    pub input: String,
    /// For `Countersign-Signature`.
    pub signature: String,
}

impl Signature {
    /// All headers that the signed request must have, each with its value.
    pub fn headers(self, request: &Request<'_>) -> Vec<(Field, String)> {
        let mut headers = Vec::from([
            (Field::SignatureInput, self.input),
            (Field::Signature, self.signature),
            (Field::CountersignTarget, request.target.as_str().to_owned()),
            (Field::CountersignViewerIp, request.viewer_ip.as_str().to_owned()),
        ]);
        headers.extend(request.content_digest.map(|value| (Field::ContentDigest, value.as_str().to_owned())));
        headers
    }
}

/// Signs a request at `now`, for the given lifetime in whole seconds.
///
/// The caller chooses a key that is valid now ([`KeySet::signing_key`](crate::KeySet::signing_key)), passes a new
/// random nonce, and sends `Countersign-Target`, `Countersign-Viewer-Ip` and `Content-Digest` as they are in the
/// request.
///
/// ```
/// use signing::{Key, Nonce, Request, UnixSeconds, sign};
/// use std::time::Duration;
///
/// let key = Key::new("k1".try_into()?, &[7; 32], UnixSeconds::new(0), UnixSeconds::new(2_000_000_000))?;
/// let request = Request {
///     method: "GET".try_into()?,
///     authority: "api.example".try_into()?,
///     target: "/prod/pets?type=dog".try_into()?,
///     viewer_ip: "203.0.113.7".try_into()?,
///     content_digest: None,
/// };
/// let signature = sign(&request, &key, Nonce::new([0; 16]), Duration::from_secs(60), UnixSeconds::new(1_795_341_845));
/// assert_eq!(
///     signature.input,
///     "countersign=(\"@method\" \"@authority\" \"@path\" \"@query\" \"countersign-viewer-ip\")\
///      ;created=1795341845;expires=1795341905;nonce=\"AAAAAAAAAAAAAAAAAAAAAA\"\
///      ;alg=\"hmac-sha256\";keyid=\"k1\";tag=\"countersign\"",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sign(request: &Request<'_>, key: &Key, nonce: Nonce, lifetime: Duration, now: UnixSeconds) -> Signature {
    let [list, list_with_digest] = LISTS;
    let has_digest = request.content_digest.is_some();
    let covered = Component::ALL.into_iter().filter(|c| *c != Component::ContentDigest || has_digest);
    // The base ends with the parameters, and so does the member of `Countersign-Signature-Input`: one text becomes the other.
    let mut base = lines(request, covered, PARAMETERS);
    begin_last_line(&mut base);
    let start = base.len();
    base.push_str(if has_digest { list_with_digest } else { list });
    write_parameters(&mut base, key, nonce, now, now + lifetime);
    let mac = key.mac(base.as_bytes());
    base.replace_range(..start, MEMBER);
    let mut signature = String::with_capacity(MEMBER.len() + 46);
    signature.push_str(MEMBER);
    signature.push(':');
    STANDARD.encode_string(mac, &mut signature);
    signature.push(':');
    Signature { input: base, signature }
}

/// What a signature covers, without and with a digest.
const LISTS: [&str; 2] = [
    r#"("@method" "@authority" "@path" "@query" "countersign-viewer-ip")"#,
    r#"("@method" "@authority" "@path" "@query" "countersign-viewer-ip" "content-digest")"#,
];

/// The beginning of both members.
const MEMBER: &str = "countersign=";

/// The most bytes that the parameters have: the covered components, two times, the nonce, and a key id of 64 characters.
const PARAMETERS: usize = 352;

fn write_parameters(text: &mut String, key: &Key, nonce: Nonce, created: UnixSeconds, expires: UnixSeconds) {
    let mut digits = itoa::Buffer::new();
    text.push_str(";created=");
    text.push_str(digits.format(created.get()));
    text.push_str(";expires=");
    text.push_str(digits.format(expires.get()));
    text.push_str(";nonce=\"");
    nonce.write(text);
    text.push_str("\";alg=\"hmac-sha256\";keyid=\"");
    text.push_str(key.id().as_str());
    text.push_str("\";tag=\"countersign\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Parameter,
        profile::{ALGORITHM, LABEL},
    };

    #[test]
    fn both_members_have_the_label() {
        assert_eq!(MEMBER.strip_suffix('='), Some(LABEL));
    }

    #[test]
    fn the_texts_hold_the_names_of_the_profile() {
        let mut names = Component::ALL.map(|component| alloc::format!("\"{component}\"")).to_vec();
        let with_digest = alloc::format!("({})", names.join(" "));
        names.pop();
        assert_eq!(LISTS, [alloc::format!("({})", names.join(" ")), with_digest]);

        let key = Key::new("k1".try_into().unwrap(), &[7; 32], UnixSeconds::new(0), UnixSeconds::new(1)).unwrap();
        let mut text = String::new();
        write_parameters(&mut text, &key, Nonce::new([0; 16]), UnixSeconds::new(1), UnixSeconds::new(2));
        let values = ["1", "2", "\"AAAAAAAAAAAAAAAAAAAAAA\"", &quoted(ALGORITHM), "\"k1\"", &quoted(LABEL)];
        let expected = Parameter::ALL.into_iter().zip(values).map(|(name, value)| alloc::format!(";{name}={value}"));
        assert_eq!(text, expected.collect::<String>());
    }

    fn quoted(text: &str) -> String {
        alloc::format!("\"{text}\"")
    }

    #[test]
    fn the_longest_parameters_fit_into_the_text_as_it_was_allocated() {
        let id = "k".repeat(64);
        let key =
            Key::new(id.as_str().try_into().unwrap(), &[7; 32], UnixSeconds::new(0), UnixSeconds::new(1)).unwrap();
        let most = UnixSeconds::new(u64::MAX);
        for list in LISTS {
            let mut text = String::from(list);
            write_parameters(&mut text, &key, Nonce::new([0xff; 16]), most, most);
            assert!(text.len() <= PARAMETERS, "{}: {text}", text.len());
        }
    }
}
