//! What somebody pasted, recognised by its form.

use crate::output::Hint;
use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use std::{
    fs::File,
    io::{self, IsTerminal as _, Read, Write as _},
    path::Path,
};

/// More than any of the forms has: the largest is a CloudFront event, with a body of 1 MiB in base64.
const LIMIT: u64 = 4 * 1024 * 1024;

const ACCEPTED: &str = "accepted are lines of the log, an authorizer event, a CloudFront event, an HTTP request, a curl command and the \
    head of an HTTP response";

/// An input in one of the forms.
#[derive(Debug, PartialEq)]
pub(crate) enum Input {
    /// Objects of the log, each with an `event`.
    Log(Vec<Value>),
    /// Its text: a member that appears twice counts.
    AuthorizerEvent(String),
    CloudFrontEvent(Value),
    Curl(String),
    Request(String),
    Response(String),
}

/// Reads a file; `-` or nothing is standard input.
pub(crate) fn read(place: Option<&str>) -> Result<Input> {
    match place {
        None | Some("-") => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                let _ = writeln!(io::stderr(), "reading standard input: paste the text, then end it with Ctrl-D");
            }
            recognise(&text(stdin, "standard input")?).context("standard input")
        }
        Some(name) => {
            let opened = File::open(Path::new(name)).with_context(|| format!("{name:?} cannot be read"))?;
            recognise(&text(opened, &format!("{name:?}"))?).with_context(|| format!("{name:?}"))
        }
    }
}

fn text(from: impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LIMIT {
        bail!("{name} is over 4 MiB, which is more than any event has");
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{name} is not text in UTF-8"))
}

/// Recognises a text by its form.
///
/// # Errors
/// It has none of the forms. The error does not repeat the text.
pub(crate) fn recognise(text: &str) -> Result<Input> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let first = text.lines().next().unwrap_or_default();
    let first = first.trim_start_matches(['>', '<', '$', ' ']);
    if text.is_empty() {
        bail!("the input is empty: {ACCEPTED}");
    }
    let mut wrong_json = None;
    if text.starts_with('{') {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => return of_json(text, value),
            // Several lines of a log, or wrong JSON.
            Err(error) => wrong_json = Some(error),
        }
    }
    if first.starts_with("curl ") || first.starts_with("curl\t") {
        return Ok(Input::Curl(text.trim_start_matches(['$', ' ']).to_owned()));
    }
    if first.starts_with("HTTP/") {
        return Ok(Input::Response(without_marks(text, '<')));
    }
    if is_request_line(first) {
        return Ok(Input::Request(without_marks(text, '>')));
    }
    let log: Vec<_> = text.lines().filter_map(log_line).collect();
    match wrong_json {
        _ if !log.is_empty() => Ok(Input::Log(log)),
        Some(error) => {
            bail!("the input begins like JSON, which is wrong at line {}, column {}", error.line(), error.column())
        }
        None => Err(unknown()),
    }
}

fn of_json(text: &str, value: Value) -> Result<Input> {
    let is_text = |name: &str| value.get(name).is_some_and(Value::is_string);
    if value.pointer("/Records/0/cf").is_some() {
        return Ok(Input::CloudFrontEvent(value));
    }
    // What `aws logs filter-log-events` prints.
    if let Some(events) = value.get("events").and_then(Value::as_array) {
        let messages = events.iter().filter_map(|event| event.get("message").and_then(Value::as_str));
        let log: Vec<_> = messages.filter_map(log_line).collect();
        return if log.is_empty() { Err(unknown()) } else { Ok(Input::Log(log)) };
    }
    if is_text("event") {
        return Ok(Input::Log(vec![value]));
    }
    if value.get("requestContext").is_some() || is_text("methodArn") || is_text("routeArn") || is_text("type") {
        return Ok(Input::AuthorizerEvent(text.to_owned()));
    }
    Err(unknown())
}

fn unknown() -> anyhow::Error {
    anyhow!("the form of the input is not known: {ACCEPTED}")
        .context(Hint("to read about a reason of the log, run: countersign explain REASON".to_owned()))
}

/// The object of a line of the log, which may have a time and the name of a stream before it.
fn log_line(line: &str) -> Option<Value> {
    let (_, rest) = line.split_once('{')?;
    let value: Value = serde_json::from_str(&format!("{{{}", rest.trim_end())).ok()?;
    value.get("event").is_some_and(Value::is_string).then_some(value)
}

/// METHOD TARGET HTTP/1.1
fn is_request_line(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    matches!(words[..], [method, target, version]
        if !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
            && (target.starts_with('/') || target.contains("://")) && version.starts_with("HTTP/"))
}

/// Without the marks that `curl -v` puts before each line.
fn without_marks(text: &str, mark: char) -> String {
    let lines = text.lines().map(|line| {
        let marked = line.strip_prefix(mark);
        marked.map_or(line, |line| line.strip_prefix(' ').unwrap_or(line)).trim_end()
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expected: Input) {
        assert_eq!(recognise(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn each_form_is_recognised() {
        let line = json!({ "event": "request-refused", "reason": "query" });
        check(&line.to_string(), Input::Log(vec![line.clone()]));
        check(&format!("\u{feff}{line}\n"), Input::Log(vec![line.clone()]));
        check(&format!("{line}\n{line}\n"), Input::Log(vec![line.clone(), line.clone()]));
        check(
            &format!("START RequestId: 1\n2026-11-27T10:00:00Z 2026/11/27/[$LATEST]ab {line}\nEND"),
            Input::Log(vec![line.clone()]),
        );
        let found = json!({ "events": [{ "message": line.to_string() }, { "message": "END RequestId: 1" }] });
        check(&found.to_string(), Input::Log(vec![line]));
        for event in [json!({ "type": "REQUEST" }), json!({ "requestContext": {} }), json!({ "type": "TOKEN" })] {
            check(&event.to_string(), Input::AuthorizerEvent(event.to_string()));
        }
        let event = json!({ "Records": [{ "cf": {} }] });
        check(&event.to_string(), Input::CloudFrontEvent(event));
        for text in ["curl https://a.example/", "$ curl https://a.example/"] {
            check(text, Input::Curl("curl https://a.example/".to_owned()));
        }
        check("GET /a HTTP/1.1\nHost: a\n", Input::Request("GET /a HTTP/1.1\r\nHost: a".to_owned()));
        check("> GET /a HTTP/2\n> Host: a\n>\n", Input::Request("GET /a HTTP/2\r\nHost: a\r\n".to_owned()));
        check("HTTP/2 403\nage: 7\n\n{}", Input::Response("HTTP/2 403\r\nage: 7\r\n\r\n{}".to_owned()));
        check("< HTTP/1.1 403 Forbidden\n< Age: 7", Input::Response("HTTP/1.1 403 Forbidden\r\nAge: 7".to_owned()));
    }

    #[test]
    fn another_form_is_an_error_that_does_not_repeat_the_text() {
        for text in
            ["", " \n", "{}", "[]", "null", "secret", "{\"events\":[]}", "GET /a", "{\"secret\":1}", "{\"event\":1}"]
        {
            let error = crate::output::chain(&recognise(text).unwrap_err());
            assert!(error.ends_with(ACCEPTED) && !error.contains("secret"), "{error}");
        }
        let error = recognise("{\"type\": \"REQUEST\",\n secret").unwrap_err().to_string();
        assert_eq!(error, "the input begins like JSON, which is wrong at line 2, column 2");
    }

    #[test]
    fn a_huge_input_is_not_read_to_its_end() {
        let error = text(io::repeat(b'x'), "it").unwrap_err().to_string();
        assert_eq!(error, "it is over 4 MiB, which is more than any event has");
        assert_eq!(text(&b"\xff"[..], "it").unwrap_err().to_string(), "it is not text in UTF-8");
    }
}
