//! The event of an origin-request function in CloudFront's form, and CloudFront's reading of the function's answer.

use crate::{
    lambda::{functions::EdgeFunction, process::FunctionProcess},
    random,
};
use edge_signer::{Action, Decision, Edits, Header, OriginRequest, Response};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, time::SystemTime};

/// The members of a request with the headers that a function may change.
const HEADERS: &str = "/headers";
const CUSTOM_HEADERS: &str = "/origin/custom/customHeaders";

impl EdgeFunction for FunctionProcess {
    async fn handle(&self, request: &OriginRequest<'_>, _: SystemTime) -> Result<Decision, String> {
        let asked = origin_request(request);
        let event = json!({"Records": [{"cf": {
            "config": {"distributionId": "EXAMPLE", "eventType": "origin-request", "requestId": request.request_id},
            "request": &asked,
        }}]});
        let answer = self.invoke(&random::request_id(), event.to_string()).await.map_err(|error| error.to_string())?;
        // Its events are in its own log.
        Ok(Decision { action: read(asked, answer)?, log: Vec::new() })
    }
}

/// The `request` of the event.
fn origin_request(request: &OriginRequest<'_>) -> Value {
    let origin = &request.origin;
    let mut event = json!({
        "clientIp": request.client_ip,
        "method": request.method,
        "uri": request.uri,
        "querystring": request.querystring,
        "headers": header_map(&request.headers),
        "origin": {"custom": {
            "domainName": "origin.example",
            "port": 443,
            "protocol": origin.protocol,
            "path": origin.path,
            "sslProtocols": ["TLSv1.2"],
            "readTimeout": 30,
            "keepaliveTimeout": 5,
            "customHeaders": header_map(&origin.custom_headers),
        }},
    });
    if let (Some(body), Some(event)) = (request.body, event.as_object_mut()) {
        let body = json!({
            "inputTruncated": body.input_truncated,
            "action": "read-only",
            "encoding": body.encoding,
            "data": String::from_utf8_lossy(body.data),
        });
        event.insert("body".to_owned(), body);
    }
    event
}

fn header_map(headers: &[Header<'_>]) -> Value {
    let mut map = Map::new();
    for Header { name, value } in headers {
        let values = map.entry(*name).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!({"key": name, "value": value}));
        }
    }
    Value::Object(map)
}

/// The action for the request or the response that the function has answered.
///
/// # Errors
/// The answer is neither, or changes more of a request than its headers, which this CloudFront does not support.
fn read(mut asked: Value, mut answer: Value) -> Result<Action, String> {
    if answer.get("status").is_some() {
        return response(&answer).map(Action::Respond).ok_or_else(|| "it did not answer with a response".to_owned());
    }
    let mut take = |pointer: &str| {
        let before = asked.pointer_mut(pointer).map(Value::take).and_then(object);
        let after = answer.pointer_mut(pointer).map(Value::take).and_then(object);
        before.zip(after).ok_or_else(|| "it answered with neither a request nor a response".to_owned())
    };
    let ((before, after), (custom, custom_left)) = (take(HEADERS)?, take(CUSTOM_HEADERS)?);
    if asked != answer {
        return Err("it changed more of the request than its headers".to_owned());
    }
    if custom_left.iter().any(|(name, values)| custom.get(name) != Some(values)) {
        return Err("it added to the origin's custom headers".to_owned());
    }
    let mut set = Vec::new();
    for (name, values) in after.iter().filter(|(name, values)| before.get(*name) != Some(values)) {
        set.push(single(name, values).ok_or_else(|| format!("it did not give the header {name} exactly one value"))?);
    }
    Ok(Action::Forward(Edits { remove: gone(&before, &after), set, remove_custom: gone(&custom, &custom_left) }))
}

fn response(answer: &Value) -> Option<Response> {
    let headers = answer.get("headers").map(|headers| {
        let each = headers.as_object()?.iter();
        each.map(|(name, values)| single(name, values)).collect::<Option<Vec<_>>>()
    });
    Some(Response {
        status: answer.get("status")?.as_str()?.parse().ok()?,
        headers: headers.unwrap_or_else(|| Some(Vec::new()))?,
        body: answer.get("body").map_or(Some(""), Value::as_str)?.to_owned(),
    })
}

/// The only value of a header, with the name as it is sent.
fn single(name: &str, values: &Value) -> Option<(Cow<'static, str>, String)> {
    let [header] = values.as_array()?.as_slice() else { return None };
    let key = header.get("key").map_or(Some(name), Value::as_str)?;
    Some((key.to_owned().into(), header.get("value")?.as_str()?.to_owned()))
}

fn gone(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    before.keys().filter(|name| !after.contains_key(*name)).cloned().collect()
}

fn object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_signer::{Body, Origin};

    fn asked() -> Value {
        let header = |name, value| Header { name, value };
        origin_request(&OriginRequest {
            request_id: "id",
            method: "POST",
            uri: "/pets",
            querystring: "a=1",
            client_ip: "203.0.113.7",
            headers: vec![header("host", "api.example"), header("accept", "a"), header("accept", "b")],
            origin: Origin {
                protocol: "https",
                path: "/prod",
                custom_headers: vec![header("countersign-secret", "none"), header("x-api-key", "k")],
            },
            body: Some(Body { encoding: "base64", data: b"e30=", input_truncated: false }),
        })
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), expected: Result<Action, &str>) {
        let mut answer = asked();
        change(&mut answer);
        assert_eq!(read(asked(), answer), expected.map_err(str::to_owned));
    }

    #[test]
    fn changes_to_a_request_are_read() {
        check(|_| {}, Ok(Action::Forward(Edits::default())));
        let edits = Edits {
            remove: vec!["accept".to_owned()],
            set: vec![("Signature".into(), "x".to_owned()), ("x-keyless".into(), "y".to_owned())],
            remove_custom: vec!["countersign-secret".to_owned()],
        };
        let change = |answer: &mut Value| {
            let headers = answer["headers"].as_object_mut().unwrap();
            headers.remove("accept");
            headers.insert("signature".to_owned(), json!([{"key": "Signature", "value": "x"}]));
            headers.insert("x-keyless".to_owned(), json!([{"value": "y"}]));
            answer["origin"]["custom"]["customHeaders"].as_object_mut().unwrap().remove("countersign-secret");
        };
        check(change, Ok(Action::Forward(edits)));
    }

    #[test]
    fn a_response_is_read() {
        let response = |headers, body: &str| Action::Respond(Response { status: 503, headers, body: body.to_owned() });
        let answer =
            json!({"status": "503", "headers": {"retry-after": [{"key": "Retry-After", "value": "5"}]}, "body": "b"});
        check(|it| *it = answer, Ok(response(vec![("Retry-After".into(), "5".to_owned())], "b")));
        check(|it| *it = json!({"status": "503"}), Ok(response(vec![], "")));
        for broken in [
            json!({"status": 503}),
            json!({"status": "x"}),
            json!({"status": "503", "headers": []}),
            json!({"status": "503", "headers": {"a": [{"value": "1"}, {"value": "2"}]}}),
            json!({"status": "503", "headers": {"a": [{"value": 1}]}}),
            json!({"status": "503", "body": null}),
        ] {
            check(|it| *it = broken, Err("it did not answer with a response"));
        }
    }

    #[test]
    fn an_answer_that_is_neither_is_an_error() {
        let neither = "it answered with neither a request nor a response";
        for answer in [json!(null), json!("x"), json!([]), json!({}), json!({"headers": {}})] {
            check(|it| *it = answer, Err(neither));
        }
        check(|it| it["headers"] = json!([]), Err(neither));
        let more = "it changed more of the request than its headers";
        check(|it| it["uri"] = json!("/x"), Err(more));
        check(|it| it["origin"]["custom"]["domainName"] = json!("elsewhere.example"), Err(more));
        check(|it| it["new"] = json!(1), Err(more));
        let custom = "it added to the origin's custom headers";
        check(|it| it["origin"]["custom"]["customHeaders"]["x"] = json!([{"value": "1"}]), Err(custom));
        check(|it| it["headers"]["x"] = json!("1"), Err("it did not give the header x exactly one value"));
        check(|it| it["headers"]["x"] = json!([]), Err("it did not give the header x exactly one value"));
    }
}
