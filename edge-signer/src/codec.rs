//! How the Node addon passes an event in and an outcome out: as lines of one text.
//!
//! A call into Rust costs little and each JavaScript value it touches costs much, so both sides join their strings. A
//! header's value cannot hold a line feed. If a text of an event holds one, the count of lines shows it.
//!
//! In: the trigger (`config.eventType`), the request's id (`config.requestId`; empty if it is not a text, or has a line
//! feed), the number of records, method,
//! uri, querystring, clientIp, origin protocol, origin path, body encoding, `true` or `false` for inputTruncated
//! (empty: no body), the number of headers, each as name and value, and the custom headers, each as name and value. The
//! body's data is a separate argument. For an event without this form the text has only the trigger and the id, or less
//! if these are missing too.
//!
//! Out: the number of log lines and these; then either a status, its description, the number of headers, each as key
//! and value, and the body; or an empty line, the number of headers to delete and their names, the number of headers to
//! set and their values, which belong to the first names of [`Field::ALL`], and the number of custom headers to delete
//! and their names. The first form is a response. It is for an event without a response; an event with a response has
//! come back from the origin, and this response is returned unchanged.

use crate::{
    Action, Body, Decision, Edits, Header, LogEvent, Origin, OriginRequest, OtherTrigger, Response, SigningError,
};
use memchr::memchr_iter;
use signing::Field;
use std::time::SystemTime;
use telemetry::line;

/// There is room at once for so many headers.
const MANY: usize = 32;

/// The id of the request in `text`, which need not be an event that [`decode`] accepts.
pub fn request_id(text: &str) -> &str {
    split(text).nth(1).unwrap_or_default()
}

/// Reads an event out of `text`, which the caller made of `lines` strings.
///
/// # Errors
/// If the event is of another trigger, or if the text is not the event that the caller meant: then no part of it can be
/// trusted.
pub fn decode<'a>(text: &'a str, lines: u32, body: &'a [u8]) -> Result<OriginRequest<'a>, SigningError> {
    const MALFORMED: SigningError = SigningError::Event("a part of it is missing or of another type");
    let mut rest = split(text);
    let trigger = rest.next();
    // Whatever else is wrong with it.
    if let Some(trigger) = trigger.and_then(OtherTrigger::from_name) {
        return Err(SigningError::Trigger(trigger));
    }
    if lines == 0 {
        return Err(MALFORMED);
    }
    if u32::try_from(memchr_iter(b'\n', text.as_bytes()).count() + 1) != Ok(lines) {
        return Err(SigningError::Event("a text in it has a line feed"));
    }
    let mut next = || rest.next().ok_or(MALFORMED);
    let (request_id, records) = (next()?, next()?);
    if records != "1" {
        return Err(SigningError::Event("it does not have exactly one record"));
    }
    let (method, uri, querystring, client_ip) = (next()?, next()?, next()?, next()?);
    let (protocol, path, encoding, truncated) = (next()?, next()?, next()?, next()?);
    let count: usize = next()?.parse().map_err(|_| MALFORMED)?;
    let mut headers = Vec::with_capacity(count.min(MANY));
    for _ in 0..count {
        headers.push(Header { name: next()?, value: next()? });
    }
    let mut custom_headers = Vec::new();
    while let Some(name) = rest.next() {
        custom_headers.push(Header { name, value: rest.next().ok_or(MALFORMED)? });
    }
    Ok(OriginRequest {
        request_id,
        method,
        uri,
        querystring,
        client_ip,
        headers,
        origin: Origin { protocol, path, custom_headers },
        body: (!truncated.is_empty()).then_some(Body { encoding, data: body, input_truncated: truncated != "false" }),
    })
}

/// The lines of a text.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    memchr_iter(b'\n', text.as_bytes()).chain([text.len()]).map(move |end| {
        let line = text.get(start..end).unwrap_or_default();
        start = end + 1;
        line
    })
}

/// Writes an outcome. Its log lines hold the request's id, and metrics of the function of that name, at that time.
pub fn encode(decision: &Decision, request_id: &str, function_name: &str, now: SystemTime) -> String {
    let mut text = Lines(String::with_capacity(1024));
    let x_amz_cf_id = Some(request_id).filter(|id| is_loggable(id));
    text.list(&decision.log, |text, event| text.line(&line(&event.event(x_amz_cf_id), Some(function_name), now)));
    match &decision.action {
        Action::Respond(Response { status, headers, body }) => {
            text.number((*status).into());
            text.line(description(*status));
            text.list(headers, |text, (key, value)| text.pair(key, value));
            text.line(body);
        }
        Action::Forward(Edits { remove, set, remove_custom }) => {
            text.line("");
            text.list(remove, |text, name| text.line(name));
            debug_assert!(set.iter().map(|(key, _)| &**key).eq(Field::ALL.into_iter().map(Field::key).take(set.len())));
            text.list(set, |text, (_, value)| text.line(value));
            text.list(remove_custom, |text, name| text.line(name));
        }
    }
    text.0
}

/// The answer if [`decode`] failed. An event that has a response keeps it.
pub fn unreadable(problem: SigningError) -> Decision {
    let action = Action::Respond(problem.respond());
    let event = match problem {
        SigningError::Trigger(trigger @ (OtherTrigger::OriginResponse | OtherTrigger::ViewerResponse)) => {
            LogEvent::WrongTrigger(trigger)
        }
        problem => LogEvent::Answered(problem),
    };
    Decision { action, log: vec![event] }
}

/// The reason phrase of each status of [`SigningError::status`].
const fn description(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        413 => "Payload Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Whether an id has the form of CloudFront's ids, which is base64 in either alphabet: a line must not hold a text that
/// anybody could choose.
fn is_loggable(request_id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-=+/".contains(&byte);
    (1..=128).contains(&request_id.len()) && request_id.bytes().all(allowed)
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn number(&mut self, number: usize) {
        self.line(itoa::Buffer::new().format(number));
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.line(key);
        self.line(value);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.number(items.len());
        for item in items {
            write(self, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use key_store::ReadError;
    use serde_json::{Value, json};

    const ID: &str = "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==";

    const EVENT: [&str; 18] = [
        "origin-request",
        ID,
        "1",
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

    const LINES: u32 = 18;

    #[test]
    fn an_event_is_read_field_by_field() {
        let text = EVENT.join("\n");
        let request = decode(&text, LINES, b"e30=").unwrap();
        assert_eq!(
            [request.request_id, request.method, request.uri, request.querystring, request.client_ip],
            [ID, "POST", "/pets", "a=1", "203.0.113.7"]
        );
        let pairs =
            |headers: &[Header<'_>]| headers.iter().map(|h| format!("{}={}", h.name, h.value)).collect::<Vec<_>>();
        assert_eq!(pairs(&request.headers), ["host=api.example", "accept="]);
        assert_eq!(pairs(&request.origin.custom_headers), ["countersign-secret=none"]);
        assert_eq!([request.origin.protocol, request.origin.path], ["https", "/prod"]);
        let body = request.body.unwrap();
        assert_eq!((body.encoding, body.data, body.input_truncated), ("base64", &b"e30="[..], false));
        let odd = text.replace("false", "maybe");
        assert!(
            decode(&odd, LINES, b"").unwrap().body.unwrap().input_truncated,
            "what is not known to be whole is not"
        );
        let bodyless = text.replace("base64\nfalse", "\n");
        assert!(decode(&bodyless, LINES, b"").unwrap().body.is_none());
        let nameless = text.replace("base64", "");
        assert_eq!(decode(&nameless, LINES, b"").unwrap().body.unwrap().encoding, "", "a body is there all the same");
        for trigger in ["", "origin", "Viewer-Request", "viewer-request "] {
            let unknown = text.replace("origin-request", trigger);
            assert!(decode(&unknown, LINES, b"").is_ok(), "{trigger:?}");
        }
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
            (good.replace("==\n1\n", "==\n2\n"), LINES),
            (good.replace("==\n1\n", "==\n0\n"), LINES),
            (good.replace("==\n1\n", "==\nundefined\n"), LINES),
            (good.replace("origin-request", "origin\nrequest"), LINES),
            (String::new(), 0),
            (String::new(), 1),
            ("origin-request".into(), 1),
            ("origin-request\n".into(), 2),
            ("\n".into(), 2),
            ("GET\n/".into(), 2),
        ];
        for (text, lines) in table {
            let Err(problem @ SigningError::Event(_)) = decode(&text, lines, b"") else { panic!("{text:?}") };
            let advice = "Associate the function with the origin-request trigger of a CloudFront distribution";
            assert!(problem.to_string().ends_with(advice), "{problem}");
            let response = Action::Respond(problem.respond());
            assert_eq!(
                unreadable(problem.clone()),
                Decision { action: response, log: vec![LogEvent::Answered(problem)] }
            );
        }
    }

    #[test]
    fn an_event_of_another_trigger_is_not_signed_whatever_it_holds() {
        for (trigger, event) in [
            ("viewer-request", "request-answered-at-edge"),
            ("origin-response", "wrong-trigger"),
            ("viewer-response", "wrong-trigger"),
        ] {
            let other = EVENT.join("\n").replace("origin-request", trigger);
            for (text, lines) in [(other.clone(), LINES), (other, 1), (trigger.to_owned(), 1)] {
                let problem = decode(&text, lines, b"").err().unwrap();
                assert!(matches!(problem, SigningError::Trigger(other) if other.name() == trigger), "{problem}");
                let decision = unreadable(problem);
                assert!(matches!(decision.action, Action::Respond(Response { status: 500, .. })), "{decision:?}");
                let [said] = &*decision.log else { panic!("{decision:?}") };
                let line: Value = serde_json::from_str(&line(&said.event(None), None, AT)).unwrap();
                assert_eq!(line["event"], event);
                assert_eq!(line.get("status").is_some(), event == "request-answered-at-edge");
                let message = said.to_string();
                assert!(message.contains(&format!("the function runs at the {trigger} trigger")), "{message}");
                assert!(message.contains("associate the function with the origin-request trigger"), "{message}");
            }
        }
    }

    #[test]
    fn each_status_has_its_description() {
        for (status, text) in [
            (400, "Bad Request"),
            (413, "Payload Too Large"),
            (431, "Request Header Fields Too Large"),
            (500, "Internal Server Error"),
            (503, "Service Unavailable"),
        ] {
            assert_eq!(description(status), text);
        }
    }

    #[test]
    fn the_id_is_that_of_the_event_and_logged_if_it_has_the_form_of_one() {
        #[track_caller]
        fn check(sent: &str, expected: Option<&str>) {
            let text = EVENT.join("\n").replace(EVENT[1], sent);
            let id = request_id(&text);
            assert_eq!(id, sent);
            assert_eq!(decode(&text, LINES, b"").unwrap().request_id, id);
            assert_eq!(request_id(&format!("viewer-request\n{sent}")), id);
            let lines = encode(&unreadable(SigningError::NoKey), id, "f", AT);
            let line: Value = serde_json::from_str(lines.split('\n').nth(1).unwrap()).unwrap();
            assert_eq!(line.get("x_amz_cf_id").map(|id| id.as_str().unwrap()), expected, "{sent}");
        }
        check(ID, Some(ID));
        check("aZ09_-=+/", Some("aZ09_-=+/"));
        let longest = "a".repeat(128);
        check(&longest, Some(&longest));
        check(&format!("{longest}a"), None);
        for id in ["", "{}", "[\"a\"]", "a b", "a\"b", "\u{e9}", "a.b", "\""] {
            check(id, None);
        }
        for text in ["", "viewer-request", "a\n"] {
            assert_eq!(request_id(text), "", "{text:?}");
        }
    }

    const AT: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn an_outcome_is_written_line_by_line() {
        let edits = Edits {
            remove: vec!["countersign-x".into()],
            set: vec![
                (Field::SignatureInput.key().into(), "a=()".into()),
                (Field::Signature.key().into(), "a=:YQ==:".into()),
            ],
            remove_custom: vec!["countersign-secret".into(), "countersign-mode".into()],
        };
        let decision = Decision { action: Action::Forward(edits), log: vec![LogEvent::BodyTruncated] };
        assert_eq!(
            encode(&decision, "", "f", AT),
            "1\n{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"INFO\",\"event\":\"body-truncated\",\
            \"detail\":\"the body is over 1 MiB, so the request has no digest of ours\"}\n\n1\ncountersign-x\n2\na=()\na=:YQ==:\n\
            2\ncountersign-secret\ncountersign-mode\n"
        );
        let decision = Decision { action: Action::Respond(SigningError::NoKey.respond()), log: vec![] };
        assert_eq!(
            encode(&decision, ID, "f", AT),
            "0\n503\nService Unavailable\n3\nContent-Type\napplication/json\nCache-Control\nno-store\nRetry-After\n5\n\
            {\"message\":\"Service unavailable\"}\n"
        );
    }

    #[test]
    fn a_line_has_its_reason_its_numbers_and_its_metrics() {
        #[track_caller]
        fn check(event: &LogEvent, fields: Value, detail: &str, metrics: &[&str]) {
            let mut line: Value = serde_json::from_str(&line(&event.event(Some(ID)), Some("f"), AT)).unwrap();
            let metadata = line.as_object_mut().unwrap().remove("_aws").unwrap();
            let directives = metadata["CloudWatchMetrics"].as_array().unwrap().iter();
            let defined = directives.flat_map(|it| it["Metrics"].as_array().unwrap());
            assert_eq!(defined.map(|it| it["Name"].as_str().unwrap()).collect::<Vec<_>>(), metrics);
            let mut expected = json!({
                "timestamp": "1970-01-01T00:00:00.000000Z",
                "level": "WARN",
                "detail": detail,
                "FunctionName": "f",
                "x_amz_cf_id": ID,
            });
            expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            assert_eq!(line, expected);
        }
        let failed = |key_set_age| LogEvent::RefreshFailed { error: ReadError("down".to_owned()), key_set_age };
        check(
            &failed(Some(400)),
            json!({ "event": "refresh-failed", "reason": "keys", "key_set_age": 400, "KeySetAge": 400, "RefreshFailed": 1 }),
            "down",
            &["RefreshFailed", "KeySetAge"],
        );
        check(
            &failed(None),
            json!({ "event": "refresh-failed", "reason": "keys", "RefreshFailed": 1 }),
            "down",
            &["RefreshFailed"],
        );
        check(
            &LogEvent::Answered(SigningError::NoKey),
            json!({ "event": "request-answered-at-edge", "reason": "no-key", "status": 503, "Status": "503", "EdgeAnswered": 1 }),
            &SigningError::NoKey.to_string(),
            &["EdgeAnswered"],
        );
        check(
            &LogEvent::ForwardedUnsigned(SigningError::Target),
            json!({ "event": "request-forwarded-unsigned", "reason": "target", "status": 400, "Status": "400", "EdgeWouldAnswer": 1 }),
            &SigningError::Target.to_string(),
            &["EdgeWouldAnswer"],
        );
        let removed = LogEvent::MethodOverrideRemoved("x-http-method");
        check(
            &removed,
            json!({ "event": "method-override-removed", "MethodOverrideRemoved": 1 }),
            &removed.to_string(),
            &["MethodOverrideRemoved"],
        );
    }
}
