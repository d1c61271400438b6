//! What every test needs around the programs: key files, a whole path, and a client.

use crate::support::{bootstrap::Bootstrap, edge_process::EdgeProcess};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request, Uri, header::HeaderName};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use key_store::KeyFile;
use local::{ApiKind, Backend, IdentitySources, Options, Running};
use serde_json::Value;
use signing::{Key, KeySet, UnixSeconds};
use std::{net::SocketAddr, time::Duration};
use tempfile::TempDir;
use tokio::time::timeout;

/// The end of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The secret of every key in these tests.
pub(crate) const SECRET: [u8; 32] = *b"the secret that no log may hold.";

/// A key file in a folder of its own, which goes when it is dropped.
pub(crate) struct Keys {
    _folder: TempDir,
    pub(crate) file: KeyFile,
}

impl Keys {
    /// One key, `k1`, that does not end.
    pub(crate) fn new() -> Self {
        let keys = Self::none();
        keys.file.create(&key_set(), &[]).unwrap();
        keys
    }

    /// No file yet.
    pub(crate) fn none() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.json"));
        Self { _folder: folder, file }
    }

    /// As configurations name it.
    pub(crate) fn source(&self) -> String {
        format!("file:{}", self.file.path().display())
    }
}

/// The stage `prod` with `/echo` behind it and its keys from there.
pub(crate) fn options(source: &str, api: ApiKind) -> Options {
    Options {
        edge: "127.0.0.1:0".parse().unwrap(),
        gateway: "127.0.0.1:0".parse().unwrap(),
        api,
        stage: "prod".to_owned(),
        domain: None,
        api_id: "local12345".to_owned(),
        custom_headers: vec![("countersign-secret".to_owned(), source.to_owned())],
        api_keys: None,
        identity_sources: IdentitySources::Signature,
        backend: Backend::BuiltIn,
        overwrite_path: None,
    }
}

/// The whole path, with the real functions as processes of their own.
pub(crate) async fn stack(keys: &Keys, api: ApiKind) -> Running {
    let source = keys.source();
    let bootstrap = Bootstrap::start(&[("COUNTERSIGN_SECRET", &source)]).await;
    local::start(options(&source, api), EdgeProcess::start().await, bootstrap).await.unwrap()
}

pub(crate) fn key_set() -> KeySet {
    let key = Key::new("k1".try_into().unwrap(), &SECRET, UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    KeySet::new(vec![key]).unwrap()
}

/// Sends one request and reads the answer as JSON; null where it is none.
pub(crate) async fn ask(
    address: SocketAddr,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, Value) {
    let uri = Uri::builder().scheme("http").authority(address.to_string()).path_and_query(target).build().unwrap();
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    *request.headers_mut() = map;
    let client = Client::builder(TokioExecutor::new()).http1_title_case_headers(true).build_http();
    let exchange = async {
        let (parts, body) = client.request(request).await.unwrap().into_parts();
        (parts.status.as_u16(), body.collect().await.unwrap().to_bytes())
    };
    let (status, body) = timeout(PATIENCE, exchange).await.expect("an answer in time");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// What a program needs to ask an AWS that is on loopback, from this Region.
pub(crate) fn aws_variables<'a>(endpoint: &'a str, region: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", region),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ]
}
