//! What a request says about its own signature.

use crate::{
    Component, KeyId, UnixSeconds,
    signature_input::{Covered, SignatureInput, Signed},
    verify::signature_input,
};

/// What a request says about its own signature. It proves nothing: it is for a person who asks why a request was refused.
///
/// ```
/// use signing::{Component, StatedSignature};
///
/// let input = "countersign=(\"@method\" \"@authority\" \"@path\" \"@query\" \"countersign-viewer-ip\")\
///      ;created=1795341845;expires=1795341905;nonce=\"AAAAAAAAAAAAAAAAAAAAAA\"\
///      ;alg=\"hmac-sha256\";keyid=\"k1\";tag=\"countersign\"";
/// let stated = StatedSignature::read(&[("countersign-signature-input", input)]).unwrap();
/// assert_eq!((stated.key_id().as_str(), stated.created().get()), ("k1", 1_795_341_845));
/// assert!(!stated.covered().contains(&Component::ContentDigest));
/// assert!(StatedSignature::read(&[]).is_none());
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct StatedSignature<'a> {
    covered: Covered,
    signed: Signed,
    parameters: &'a str,
}

impl<'a> StatedSignature<'a> {
    /// Reads `Countersign-Signature-Input`. `None` if it is not there once, or if a rule about it does not hold.
    pub fn read(headers: &[(&'a str, &'a str)]) -> Option<Self> {
        let SignatureInput { covered, signed, text } = signature_input(headers).ok()?;
        Some(Self { covered: covered.ok()?, signed: signed.ok()?, parameters: text })
    }

    /// The key that it names.
    pub fn key_id(&self) -> &KeyId {
        &self.signed.key_id
    }

    /// When it was made.
    pub fn created(&self) -> UnixSeconds {
        self.signed.created
    }

    /// When it ends.
    pub fn expires(&self) -> UnixSeconds {
        self.signed.expires
    }

    /// What it covers, in its order.
    pub fn covered(&self) -> &[Component] {
        &self.covered
    }

    /// The last line of the signature base, without its name.
    pub fn parameters(&self) -> &'a str {
        self.parameters
    }
}
