//! The crate `httpsig`, with the same components and parameters.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, SharedKey,
    message_component::{HttpMessageComponent, HttpMessageComponentId},
};
use speed_common::{Bench, Parts};
use std::{hint::black_box, path::Path};

const COVERED: [&str; 5] = ["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query\"", "\"countersign-viewer-ip\""];

pub(crate) fn sign(fixtures: &Path) -> Bench {
    let (parts, key) = world(fixtures);
    let ids: Vec<_> = COVERED.iter().map(|id| HttpMessageComponentId::try_from(*id).unwrap()).collect();
    Box::new(move |rounds| {
        for _ in 0..rounds {
            let parts = black_box(&parts);
            let mut parameters = HttpSignatureParams::try_new(&ids).unwrap();
            parameters
                .set_created(parts.created)
                .set_expires(parts.expires)
                .set_nonce(&parts.nonce)
                .set_alg(&AlgorithmName::HmacSha256)
                .set_keyid(&parts.key_id)
                .set_tag("countersign");
            let base = HttpSignatureBase::try_new(&lines(parts, &ids), &parameters).unwrap();
            let headers = base.build_signature_headers(&key, Some("countersign")).unwrap();
            let (input, signature) = (headers.signature_input_header_value(), headers.signature_header_value());
            assert!(input.len() == parts.input.len() && signature.len() == parts.signature.len(), "it signs the same");
            black_box((input, signature));
        }
    })
}

pub(crate) fn verify(fixtures: &Path) -> Bench {
    let (parts, key) = world(fixtures);
    Box::new(move |rounds| {
        for _ in 0..rounds {
            let parts = black_box(&parts);
            let headers = HttpSignatureHeaders::try_parse(&parts.signature, &parts.input).unwrap();
            let headers = headers.get("countersign").unwrap();
            let parameters = headers.signature_params();
            assert!(parameters.keyid.as_deref() == Some(&parts.key_id), "our key signed");
            assert!(parameters.tag.as_deref() == Some("countersign"), "the tag is ours");
            let base = HttpSignatureBase::try_new(&lines(parts, &parameters.covered_components), parameters).unwrap();
            base.verify_signature_headers(&key, headers).unwrap();
        }
    })
}

fn world(fixtures: &Path) -> (Parts, SharedKey) {
    let parts = Parts::read(fixtures).unwrap();
    let key = SharedKey::HmacSha256(URL_SAFE_NO_PAD.decode(&parts.k).unwrap());
    (parts, key)
}

/// The lines of the signature base, by the crate's own components.
fn lines(parts: &Parts, ids: &[HttpMessageComponentId]) -> Vec<HttpMessageComponent> {
    let (path, query) = parts.target.split_once('?').unwrap();
    let line = |id: &HttpMessageComponentId| {
        let value = match id.to_string().as_str() {
            "\"@method\"" => parts.method.clone(),
            "\"@authority\"" => parts.authority.clone(),
            "\"@path\"" => path.to_owned(),
            "\"@query\"" => format!("?{query}"),
            _ => parts.viewer_ip.clone(),
        };
        HttpMessageComponent::try_from((id, &[value][..])).unwrap()
    };
    ids.iter().map(line).collect()
}
