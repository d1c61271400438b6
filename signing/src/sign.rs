use crate::{
    Component, Field, Key, Nonce, Request, UnixSeconds,
    profile::{ALGORITHM, LABEL},
    signature_base::signature_base,
};
use alloc::{borrow::ToOwned as _, format, string::String, vec::Vec};
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
    let covered =
        || Component::ALL.into_iter().filter(|c| *c != Component::ContentDigest || request.content_digest.is_some());
    let mut parameters = String::with_capacity(320);
    for component in covered() {
        parameters.push_str(if parameters.is_empty() { "(\"" } else { " \"" });
        parameters.push_str(component.name());
        parameters.push('"');
    }
    parameters.push_str(&format!(
        ");created={now};expires={expires};nonce=\"{nonce}\";alg=\"{ALGORITHM}\";keyid=\"{id}\";tag=\"{LABEL}\"",
        expires = now + lifetime,
        id = key.id(),
    ));
    let mac = key.mac(signature_base(request, covered(), &parameters).as_bytes());
    Signature { input: format!("{LABEL}={parameters}"), signature: format!("{LABEL}=:{}:", STANDARD.encode(mac)) }
}
