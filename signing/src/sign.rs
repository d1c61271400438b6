use crate::{
    Component, Field, Key, Nonce, Request, UnixSeconds,
    signature_base::{begin_last_line, lines},
    signature_input::{self, MEMBER, Written},
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
    let (covers_digest, expires) = (request.content_digest.is_some(), now + lifetime);
    let covered = Component::ALL.into_iter().filter(|c| *c != Component::ContentDigest || covers_digest);
    // The base ends with the value of the member, and so does the field: one text becomes the other.
    let mut base = lines(request, covered, signature_input::MAX_BYTES);
    begin_last_line(&mut base);
    let start = base.len();
    Written { covers_digest, created: now, expires, nonce, key_id: key.id() }.push_to(&mut base);
    let mac = key.mac(base.as_bytes());
    base.replace_range(..start, MEMBER);
    let mut signature = String::with_capacity(MEMBER.len() + 46);
    signature.push_str(MEMBER);
    signature.push(':');
    STANDARD.encode_string(mac, &mut signature);
    signature.push(':');
    Signature { input: base, signature }
}
