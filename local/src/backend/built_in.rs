//! The built-in backend: the Pet Store, and below `/echo` an echo, which answers any method.

use crate::{
    backend::{echo::echo, json_response::json_response, pet_store, request::BackendRequest},
    net::body::{Body, BoxError},
};
use http_body_util::BodyExt;
use hyper::Response;

/// Answers a request.
///
/// # Errors
/// The body of the request ended too early.
pub(crate) async fn answer(request: BackendRequest) -> Result<Response<Body>, BoxError> {
    // The gateway in front refuses a body over its limit.
    let body = request.body.collect().await?.to_bytes();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let method = request.method.as_str();
    if path == "/echo" || path.starts_with("/echo/") {
        return Ok(json_response(200, &echo(method, &request.target, &request.headers, &request.context, &body)));
    }
    Ok(pet_store::answer(method, path, query, &body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::body::full;
    use hyper::http::Extensions;
    use serde_json::{Map, Value, json};

    async fn ask(method: &str, target: &str, body: &'static str) -> (u16, Value) {
        let response = answer(BackendRequest {
            method: method.parse().unwrap(),
            target: target.to_owned(),
            whole_path: false,
            headers: vec![("X-A".to_owned(), vec![0xe9]), ("x-a".to_owned(), vec![])],
            context: Map::from_iter([("a".to_owned(), json!(1))]),
            body: full(body),
            extensions: Extensions::new(),
        })
        .await
        .unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn elsewhere() {
        for target in ["/", "/petsy", "/pets?", "/Pets", "/echoes", "//pets"] {
            let expected = if target == "/pets?" { 200 } else { 404 };
            assert_eq!(ask("GET", target, "").await.0, expected, "{target}");
        }
        assert_eq!(ask("DELETE", "/pets", "").await.0, 405);
        assert_eq!(ask("PUT", "/pets/1", "").await.0, 405);
    }

    #[tokio::test]
    async fn the_echo_shows_the_whole_request() {
        let expected = json!({
            "method": "PATCH",
            "target": "/echo/a%zz?b;c",
            "headers": [["X-A", "\u{e9}"], ["x-a", ""]],
            "authorizer": { "a": 1 },
            "body": "YWJj",
            "body_length": 3,
            "body_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        });
        assert_eq!(ask("PATCH", "/echo/a%zz?b;c", "abc").await, (200, expected));
        assert_eq!(ask("GET", "/echo?x", "").await.1["target"], "/echo?x");
    }
}
