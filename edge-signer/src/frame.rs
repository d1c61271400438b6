//! How the Node addon passes an event in and an outcome out: as lines of one text.
//!
//! A call into Rust costs little and each JavaScript value it touches costs much, so both sides join their strings.
//! A header's value cannot hold a line feed; where a text of an event does, the count of lines betrays it.
//!
//! In: method, uri, querystring, clientIp, origin protocol, origin path, body encoding (empty: no body), `true` or `false`
//! for inputTruncated, the number of headers, each as name and value, and the custom headers, each as name and value.
//! The body's data comes beside it.
//!
//! Out: the number of log lines and these; then either a status, the number of headers, each as key and value, and the body;
//! or an empty line, the number of names to delete and these, the number of headers to set, each as key and value, and the
//! number of custom headers to delete and these.

use crate::{Answer, Body, Edits, Header, Notice, Origin, OriginRequest, Outcome, Problem, Response};
use function::embed;
use serde_json::{Map, Value};
use std::time::SystemTime;

/// Reads an event out of `text`, which the caller made of `lines` strings.
///
/// # Errors
/// Where the text is not the event that the caller meant: then nothing of it can be trusted.
pub fn read<'a>(text: &'a str, lines: u32, body: &'a str) -> Result<OriginRequest<'a>, Problem> {
    const MALFORMED: Problem = Problem::Event("a text in it has a line feed, or one is missing");
    let all: Vec<&str> = text.split('\n').collect();
    if u32::try_from(all.len()) != Ok(lines) {
        return Err(MALFORMED);
    }
    let [method, uri, querystring, client_ip, protocol, path, encoding, truncated, count, headers @ ..] = &*all else {
        return Err(MALFORMED);
    };
    let (headers, rest) = headers.as_chunks::<2>();
    let (headers, custom_headers) =
        count.parse().ok().and_then(|count| headers.split_at_checked(count)).ok_or(MALFORMED)?;
    if !rest.is_empty() {
        return Err(MALFORMED);
    }
    let pairs = |pairs: &[[&'a str; 2]]| pairs.iter().map(|&[name, value]| Header { name, value }).collect();
    Ok(OriginRequest {
        method,
        uri,
        querystring,
        client_ip,
        headers: pairs(headers),
        origin: Origin { protocol, path, custom_headers: pairs(custom_headers) },
        body: (!encoding.is_empty()).then_some(Body { encoding, data: body, input_truncated: *truncated != "false" }),
    })
}

/// Writes an outcome. Its log lines hold metrics of the function of that name, at that time.
pub fn write(outcome: &Outcome, function_name: &str, now: SystemTime) -> String {
    let mut text = Lines(String::with_capacity(1024));
    text.list(&outcome.notices, |text, notice| text.line(&log_line(notice, function_name, now)));
    match &outcome.answer {
        Answer::Respond(Response { status, headers, body }) => {
            text.line(&status.to_string());
            text.list(headers, |text, (key, value)| text.pair(key, value));
            text.line(body);
        }
        Answer::Forward(Edits { remove, set, remove_custom }) => {
            text.line("");
            text.list(remove, |text, name| text.line(name));
            text.list(set, |text, (key, value)| text.pair(key, value));
            text.list(remove_custom, |text, name| text.line(name));
        }
    }
    text.0
}

/// What is answered where [`read`] failed.
pub fn unreadable(problem: Problem) -> Outcome {
    Outcome { answer: Answer::Respond(problem.respond()), notices: vec![Notice::Answered(problem)] }
}

/// A structured log line: JSON, so without a line feed.
fn log_line(notice: &Notice, function_name: &str, now: SystemTime) -> String {
    let level = if matches!(notice, Notice::BodyTruncated) { "INFO" } else { "WARN" };
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("level", level.into());
    put("notice", notice.name().into());
    put("message", notice.to_string().into());
    if let Some(status) = notice.status() {
        put("status", status.into());
    }
    if let Notice::RefreshFailed { key_set_age: Some(age), .. } = notice {
        put("key_set_age", (*age).into());
    }
    embed(&mut line, function_name, now);
    Value::from(line).to_string()
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.line(key);
        self.line(value);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.line(&items.len().to_string());
        for item in items {
            write(self, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use key_store::ReadError;
    use serde_json::json;

    const EVENT: [&str; 15] = [
        "POST",
        "/pets",
        "a=1",
        "203.0.113.7",
        "https",
        "/prod",
        "base64",
        "false",
        "2",
        "host",
        "api.example",
        "accept",
        "",
        "countersign-secret",
        "none",
    ];

    const LINES: u32 = 15;

    #[test]
    fn an_event_is_read_field_by_field() {
        let text = EVENT.join("\n");
        let request = read(&text, LINES, "e30=").unwrap();
        assert_eq!(
            [request.method, request.uri, request.querystring, request.client_ip],
            ["POST", "/pets", "a=1", "203.0.113.7"]
        );
        let pairs =
            |headers: &[Header<'_>]| headers.iter().map(|h| format!("{}={}", h.name, h.value)).collect::<Vec<_>>();
        assert_eq!(pairs(&request.headers), ["host=api.example", "accept="]);
        assert_eq!(pairs(&request.origin.custom_headers), ["countersign-secret=none"]);
        assert_eq!([request.origin.protocol, request.origin.path], ["https", "/prod"]);
        let body = request.body.unwrap();
        assert_eq!((body.encoding, body.data, body.input_truncated), ("base64", "e30=", false));
        let odd = text.replace("false", "maybe");
        assert!(read(&odd, LINES, "").unwrap().body.unwrap().input_truncated, "what is not known to be whole is not");
        let bodyless = text.replace("base64", "");
        assert!(read(&bodyless, LINES, "").unwrap().body.is_none());
    }

    #[test]
    fn a_text_that_is_not_the_event_is_refused() {
        let good = EVENT.join("\n");
        let table = [
            (good.replace("accept\n", "accept\nx\ny\n"), LINES),
            (good.replace("/pets", "/pets\nx\ny"), LINES),
            (good.replace("accept", "acc\nept"), LINES),
            (good.replace("/pets", "/pets\nx"), LINES),
            (good.clone(), LINES + 1),
            (good.replace("\n2\n", "\n4\n"), LINES),
            (good.replace("\n2\n", "\n-1\n"), LINES),
            (good.replace("\n2\n", "\n\n"), LINES),
            (good.replace("\nnone", ""), LINES - 1),
            (String::new(), 1),
            ("GET\n/".into(), 2),
        ];
        for (text, lines) in table {
            assert!(matches!(read(&text, lines, ""), Err(Problem::Event(_))), "{text:?}");
        }
    }

    const AT: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn an_outcome_is_written_line_by_line() {
        let edits = Edits {
            remove: vec!["countersign-x".into()],
            set: vec![("Countersign-Signature".into(), "a=:YQ==:".into())],
            remove_custom: vec!["countersign-secret".into(), "countersign-mode".into()],
        };
        let outcome = Outcome { answer: Answer::Forward(edits), notices: vec![Notice::BodyTruncated] };
        assert_eq!(
            write(&outcome, "f", AT),
            "1\n{\"level\":\"INFO\",\"message\":\"the body is over 1 MiB and goes on without a digest of ours\",\
            \"notice\":\"body-truncated\"}\n\n1\ncountersign-x\n1\nCountersign-Signature\na=:YQ==:\n\
            2\ncountersign-secret\ncountersign-mode\n"
        );
        let outcome = Outcome { answer: Answer::Respond(Problem::NoKey.respond()), notices: vec![] };
        assert_eq!(
            write(&outcome, "f", AT),
            "0\n503\n3\nContent-Type\napplication/json\nCache-Control\nno-store\nRetry-After\n5\n\
            {\"message\":\"Service unavailable\"}\n"
        );
    }

    #[test]
    fn a_log_line_has_its_numbers_and_its_metrics() {
        #[track_caller]
        fn check(notice: &Notice, fields: Value, metrics: &[&str]) {
            let mut line: Map<_, _> = serde_json::from_str(&log_line(notice, "f", AT)).unwrap();
            let metadata = line.remove("_aws");
            let directives = metadata.iter().flat_map(|it| it["CloudWatchMetrics"].as_array().unwrap());
            let defined = directives.flat_map(|it| it["Metrics"].as_array().unwrap());
            assert_eq!(defined.map(|it| it["Name"].as_str().unwrap()).collect::<Vec<_>>(), metrics);
            let mut expected = json!({
                "level": "WARN",
                "notice": notice.name(),
                "message": notice.to_string(),
                "FunctionName": "f",
            });
            expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(Value::from(line), expected);
        }
        let failed = |key_set_age| Notice::RefreshFailed { error: ReadError("down".to_owned()), key_set_age };
        check(
            &failed(Some(400)),
            json!({ "key_set_age": 400, "KeySetAge": 400, "RefreshFailed": 1 }),
            &["KeySetAge", "RefreshFailed"],
        );
        check(&failed(None), json!({ "RefreshFailed": 1 }), &["RefreshFailed"]);
        check(
            &Notice::Answered(Problem::NoKey),
            json!({ "status": 503, "Status": "503", "EdgeAnswered": 1 }),
            &["EdgeAnswered"],
        );
        check(
            &Notice::Unsigned(Problem::Target),
            json!({ "status": 400, "Status": "400", "EdgeWouldAnswer": 1 }),
            &["EdgeWouldAnswer"],
        );
        check(
            &Notice::MethodOverrideRemoved("x-http-method"),
            json!({ "MethodOverrideRemoved": 1 }),
            &["MethodOverrideRemoved"],
        );
    }
}
