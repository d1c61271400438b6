//! An issuer of tokens on a free port of this machine, with one key.

use anyhow::{Result, anyhow};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Map, Value, json};
use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

/// The audience of its tokens.
pub(crate) const AUDIENCE: &str = "tour";

/// Dropping it ends it.
pub(crate) struct Issuer {
    url: String,
    key: Ed25519KeyPair,
    _server: JoinSet<()>,
}

impl Issuer {
    pub(crate) async fn start() -> Result<Self> {
        let key =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| anyhow!("there is no randomness"))?;
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).map_err(|error| anyhow!("{error}"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let public = URL_SAFE_NO_PAD.encode(key.public_key());
        let documents = Arc::new([
            ("/.well-known/openid-configuration", json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") })),
            (
                "/jwks",
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "tour", "use": "sig", "x": public }] }),
            ),
        ]);
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let answer = service_fn(async |request: Request<Incoming>| {
                    Ok::<_, Infallible>(answer(&*documents, request.uri().path()))
                });
                // A client that goes away is nothing to the next.
                let _ =
                    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(connection), answer).await;
            }
        });
        Ok(Self { url, key, _server: server })
    }

    /// The setting that accepts its tokens.
    pub(crate) fn setting(&self) -> String {
        format!("{};audience={AUDIENCE}", self.url)
    }

    /// The claims of a token that is good from now on, for 5 minutes.
    pub(crate) fn claims(&self, now: u64) -> Map<String, Value> {
        let texts = [("iss", self.url.as_str()), ("aud", AUDIENCE), ("sub", "user-7"), ("scope", "read")];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.into()));
        let times = [("iat", now), ("exp", now + 300)].map(|(name, time)| (name.to_owned(), time.into()));
        texts.into_iter().chain(times).collect()
    }

    /// The value of `Authorization` with these claims, signed.
    pub(crate) fn bearer(&self, claims: &Map<String, Value>) -> String {
        let header = json!({ "alg": "EdDSA", "kid": "tour", "typ": "at+jwt" });
        let parts = [header, Value::Object(claims.clone())].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let input = parts.join(".");
        format!("Bearer {input}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(input.as_bytes())))
    }
}

fn answer(documents: &[(&str, Value)], path: &str) -> Response<Full<Bytes>> {
    let found = documents.iter().find(|(of, _)| *of == path);
    let body = found.map(|(_, document)| document.to_string()).unwrap_or_default();
    let mut response = Response::new(Full::new(body.into()));
    if found.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
