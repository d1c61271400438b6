//! The built-in backend: the Pet Store that API Gateway offers as its example, and an echo.
//!
//! `/echo` and what is below it answer any method with the request as it arrived, so that one can see what two hops
//! made of it, and with the authorizer's context, which an integration with a Lambda function is shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::backend::request::BackendRequest;
use crate::net::body::{Body, BoxError, full};
use crate::net::raw_head::latin1;
use crate::random::hex;

/// Three pets a page, and so many pages.
const LAST_PAGE: u32 = 1_000;

/// Answers a request.
///
/// # Errors
/// The request's body broke off.
pub(crate) async fn answer(request: BackendRequest) -> Result<Response<Body>, BoxError> {
    // The gateway in front stops a body that is over its limit.
    let body = request.body.collect().await?.to_bytes();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let method = request.method.as_str();
    if path == "/echo" || path.starts_with("/echo/") {
        return Ok(json_response(200, &echo(method, &request.target, &request.headers, &request.context, &body)));
    }
    let (allowed, response) = match (path, path.strip_prefix("/pets/")) {
        ("/pets", _) => match method {
            "GET" | "HEAD" => return Ok(pets(query)),
            "POST" => return Ok(new_pet(&body)),
            _ => ("GET, HEAD, POST", json_response(405, &message("Method Not Allowed"))),
        },
        (_, Some(id)) if !id.is_empty() && !id.contains('/') => match method {
            "GET" | "HEAD" => return Ok(one_pet(id)),
            _ => ("GET, HEAD", json_response(405, &message("Method Not Allowed"))),
        },
        _ => return Ok(json_response(404, &message("Not Found"))),
    };
    let mut response = response;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    Ok(response)
}

fn echo(
    method: &str,
    target: &str,
    headers: &[(String, Vec<u8>)],
    context: &Map<String, Value>,
    body: &Bytes,
) -> Value {
    let headers: Vec<_> = headers.iter().map(|(name, value)| json!([name, latin1(value)])).collect();
    json!({
        "method": method,
        "target": target,
        "headers": headers,
        "authorizer": context,
        "body": STANDARD.encode(body),
        "body_length": body.len(),
        "body_sha256": hex(&Sha256::digest(body)),
    })
}

/// `GET /pets`, with `type` and `page` as in the example.
fn pets(query: &str) -> Response<Body> {
    let page = match parameter(query, "page") {
        None => 1,
        Some(text) => match text.parse() {
            Ok(page @ 1..=LAST_PAGE) => page,
            _ => return json_response(400, &message("page must be a number from 1 to 1000")),
        },
    };
    let kind = parameter(query, "type");
    let first = 3 * (page - 1) + 1;
    let page: Vec<Value> = (first..first + 3)
        .map(|id| {
            let mut pet = pet(id);
            if let (Some(kind), Some(members)) = (&kind, pet.as_object_mut()) {
                members.insert("type".to_owned(), json!(kind));
            }
            pet
        })
        .collect();
    json_response(200, &json!(page))
}

fn one_pet(id: &str) -> Response<Body> {
    match id.parse() {
        Ok(id @ 1..) if id <= 3 * LAST_PAGE => json_response(200, &pet(id)),
        Ok(_) => json_response(404, &message("There is no such pet")),
        Err(_) => json_response(400, &message("A pet's id is a number")),
    }
}

fn new_pet(body: &[u8]) -> Response<Body> {
    let pet: Value = serde_json::from_slice(body).unwrap_or_default();
    match (pet.get("type").filter(|kind| kind.is_string()), pet.get("price").filter(|price| price.is_number())) {
        (Some(kind), Some(price)) => {
            json_response(200, &json!({ "pet": { "type": kind, "price": price }, "message": "success" }))
        }
        _ => json_response(400, &message("A pet is a JSON object with a type (text) and a price (number)")),
    }
}

fn pet(id: u32) -> Value {
    let (kind, price) = match id % 3 {
        1 => ("dog", 249.99),
        2 => ("cat", 124.99),
        _ => ("fish", 0.99),
    };
    json!({ "id": id, "type": kind, "price": price })
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|piece| piece.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode(value.replace('+', " ").as_bytes()).decode_utf8_lossy().into_owned())
}

fn message(text: &str) -> Value {
    json!({ "message": text })
}

fn json_response(status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(method: &str, target: &str, body: &'static str) -> (u16, Value) {
        let response = answer(BackendRequest {
            method: method.parse().unwrap(),
            target: target.to_owned(),
            whole_path: false,
            headers: vec![("X-A".to_owned(), vec![0xe9]), ("x-a".to_owned(), vec![])],
            context: Map::from_iter([("a".to_owned(), json!(1))]),
            body: full(body),
            extensions: hyper::http::Extensions::new(),
        })
        .await
        .unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn pets_are_listed_in_pages() {
        let expected = json!([
            { "id": 1, "type": "dog", "price": 249.99 },
            { "id": 2, "type": "cat", "price": 124.99 },
            { "id": 3, "type": "fish", "price": 0.99 },
        ]);
        assert_eq!(ask("GET", "/pets", "").await, (200, expected));
        let expected = json!([
            { "id": 4, "type": "big cat", "price": 249.99 },
            { "id": 5, "type": "big cat", "price": 124.99 },
            { "id": 6, "type": "big cat", "price": 0.99 },
        ]);
        assert_eq!(ask("GET", "/pets?type=big+cat&page=2", "").await, (200, expected));
        for page in ["0", "1001", "-1", "x", ""] {
            assert_eq!(ask("GET", &format!("/pets?page={page}"), "").await.0, 400);
        }
    }

    #[tokio::test]
    async fn a_pet() {
        assert_eq!(ask("GET", "/pets/2", "").await, (200, json!({ "id": 2, "type": "cat", "price": 124.99 })));
        assert_eq!(ask("GET", "/pets/3000", "").await.0, 200);
        for (id, status) in
            [("0", 404), ("3001", 404), ("x", 400), ("99999999999", 400), ("%31", 400), ("1/2", 404), ("", 404)]
        {
            assert_eq!(ask("GET", &format!("/pets/{id}"), "").await.0, status, "{id}");
        }
    }

    #[tokio::test]
    async fn a_new_pet() {
        let expected = json!({ "pet": { "type": "cat", "price": 1.5 }, "message": "success" });
        assert_eq!(ask("POST", "/pets", r#"{"price": 1.5, "type": "cat", "more": 1}"#).await, (200, expected));
        for body in [
            "",
            "{",
            "[]",
            "null",
            r#"{"type": "cat"}"#,
            r#"{"type": 1, "price": 1}"#,
            r#"{"type": "a", "price": "1"}"#,
        ] {
            assert_eq!(ask("POST", "/pets", body).await.0, 400, "{body}");
        }
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
    async fn the_echo_shows_all_there_is() {
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
