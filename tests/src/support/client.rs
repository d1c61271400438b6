//! A client of HTTP.

use crate::support::patience::PATIENCE;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request, Uri, header::HeaderName};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::time::timeout;

/// Sends one request and reads the answer as JSON; null if it is not JSON.
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
