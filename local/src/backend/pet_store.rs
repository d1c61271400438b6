//! The Pet Store that API Gateway offers as its example.

use crate::{backend::json_response::json_response, net::body::Body};
use hyper::{
    Response,
    header::{ALLOW, HeaderValue},
};
use serde_json::{Value, json};

/// Three pets on a page, and the number of pages.
const LAST_PAGE: u32 = 1_000;

/// Answers a request with this body.
pub(crate) fn answer(method: &str, path: &str, query: &str, body: &[u8]) -> Response<Body> {
    let (allowed, mut response) = match (path, path.strip_prefix("/pets/")) {
        ("/pets", _) => match method {
            "GET" | "HEAD" => return pets(query),
            "POST" => return new_pet(body),
            _ => ("GET, HEAD, POST", json_response(405, &message("Method Not Allowed"))),
        },
        (_, Some(id)) if !id.is_empty() && !id.contains('/') => match method {
            "GET" | "HEAD" => return one_pet(id),
            _ => ("GET, HEAD", json_response(405, &message("Method Not Allowed"))),
        },
        _ => return json_response(404, &message("Not Found")),
    };
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
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
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn message(text: &str) -> Value {
    json!({ "message": text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn ask(method: &str, target: &str, body: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let response = answer(method, path, query, body.as_bytes());
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
        for query in ["type=big+cat&page=2", "page=2&page=3&type=big%20cat", "a&p%61ge=2&&type=big+c%61t"] {
            assert_eq!(ask("GET", &format!("/pets?{query}"), "").await, (200, expected.clone()), "{query}");
        }
        for page in ["0", "1001", "-1", "x", ""] {
            assert_eq!(ask("GET", &format!("/pets?page={page}"), "").await.0, 400);
        }
        // A name without `=` has an empty value.
        assert_eq!(ask("GET", "/pets?page", "").await.0, 400);
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
}
