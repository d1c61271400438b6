//! The Rust crates httpsig and httpsig-hyper: the first signs a base, the second makes that base out of a request.

use crate::interop::judges::request::{JudgedRequest, Verdict};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use httpsig_hyper::{
    ContentDigestType, MessageSignature as _, MessageSignatureReq as _, RequestContentDigest as _,
    prelude::{AlgorithmName, HttpSignatureParams, SharedKey, message_component::HttpMessageComponentId},
};
use hyper::{HeaderMap, Request, Uri, header::HeaderName};
use serde_json::Value;

/// What the crate says of a signature that is not that of the request.
pub(crate) const OTHER_SIGNATURE: &str = "Invalid signature: Invalid signature for the verifying key";

/// The crate with the only key of a key file.
pub(crate) struct RustJudge {
    key: SharedKey,
    key_id: String,
}

impl RustJudge {
    /// `keys` is the text of a key file, which is a JWK Set.
    pub(crate) fn new(keys: &str) -> Self {
        let keys: Value = serde_json::from_str(keys).unwrap();
        let [jwk] = &keys["keys"].as_array().unwrap()[..] else { panic!("one key") };
        Self {
            key: SharedKey::HmacSha256(URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap()),
            key_id: jwk["kid"].as_str().unwrap().to_owned(),
        }
    }

    /// Verifies the signature labelled `countersign`, and the digest where the request has both it and its body.
    ///
    /// The crate looks for signatures by their `keyid`, and returns the label of one that verifies.
    pub(crate) async fn verify(&self, request: &JudgedRequest) -> Verdict {
        let http = http_request(&request.with_the_names_of_the_rfc())?;
        let label =
            http.verify_message_signature(&self.key, Some(&self.key_id)).await.map_err(|error| error.to_string())?;
        assert_eq!(label, "countersign");
        let parameters = http.get_signature_params().unwrap();
        if request.body.is_some() && request.header("content-digest").is_some() {
            let verified = http.verify_content_digest().await;
            verified.map_err(|error| error.to_string())?;
        }
        let covered = parameters[&label].covered_components.iter();
        Ok(covered.map(|id| id.to_string().trim_matches('"').to_owned()).collect())
    }

    /// Signs with our profile; where there is a body, its digest is made and covered.
    pub(crate) async fn sign(
        &self,
        request: &JudgedRequest,
        covered: &[&str],
        nonce: &str,
        created: u64,
    ) -> JudgedRequest {
        let mut covered = covered.to_vec();
        let mut http = http_request(request).unwrap();
        if request.body.is_some() {
            covered.push("content-digest");
            let signed = http.set_content_digest(&ContentDigestType::Sha256).await.unwrap();
            http = signed.map(|_| Full::default());
        }
        let ids: Vec<_> = covered.into_iter().map(|name| HttpMessageComponentId::try_from(name).unwrap()).collect();
        let mut parameters = HttpSignatureParams::try_new(&ids).unwrap();
        parameters
            .set_created(created)
            .set_expires(created + 60)
            .set_nonce(nonce)
            .set_alg(&AlgorithmName::HmacSha256)
            .set_keyid(&self.key_id)
            .set_tag("countersign");
        http.set_message_signature(&parameters, &self.key, Some("countersign")).await.unwrap();
        let headers = http.headers().iter();
        JudgedRequest {
            headers: headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
            ..request.clone()
        }
        .with_our_names()
    }
}

/// The request as hyper would hand it to a server that knows its own scheme, with `Host` as the authority of the URI.
fn http_request(request: &JudgedRequest) -> Result<Request<Full<Bytes>>, String> {
    let body = request.body.clone().unwrap_or_default();
    let mut http = Request::new(Full::new(Bytes::from(body)));
    *http.method_mut() = request.method.parse().unwrap();
    *http.uri_mut() = Uri::builder()
        .scheme("https")
        .authority(request.authority.as_str())
        .path_and_query(request.target.as_str())
        .build()
        .map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    *http.headers_mut() = headers;
    Ok(http)
}
