//! An event of CloudFront: what the edge signer makes of it, and what API Gateway then would.

use crate::diagnosis::{
    asked::Asked,
    evidence::{ORIGIN_PATHS, POLICIES},
    manual,
    printable::masked_query,
    report::{Cause, Explanation},
};
use edge_signer::{
    Action, Body, Header, LogEvent, Origin, OriginRequest, OtherTrigger, SignerConfig, SigningError,
    sign_origin_request,
};
use serde_json::Value;
use signing::Nonce;

/// Explains an event.
pub(crate) fn explain(event: &Value, asked: &Asked) -> Explanation {
    let cf = event.pointer("/Records/0/cf").unwrap_or(&Value::Null);
    let trigger = text(cf, "/config/eventType");
    let other = OtherTrigger::ALL.into_iter().find(|other| other.name() == trigger);
    let request = cf.get("request").map(request);
    let subject = match &request {
        Some(Ok(request)) => format!("An event of CloudFront, {trigger}: {}", shown(request)),
        _ => format!("An event of CloudFront, {trigger}"),
    };
    let explanation = Explanation { form: "cloudfront-event", subject, ..Explanation::default() };
    let problem = match (other, request) {
        (Some(other), _) => SigningError::Trigger(other),
        (None, Some(Ok(request))) => return of_request(explanation, cf, &request, asked),
        (None, Some(Err(what))) => SigningError::Event(what),
        (None, None) => SigningError::Event("a part of it is missing or of another type"),
    };
    answered(explanation, &problem)
}

fn of_request(explanation: Explanation, cf: &Value, request: &OriginRequest<'_>, asked: &Asked) -> Explanation {
    let config = SignerConfig::read(&request.origin);
    let is_none = matches!(&config, Ok(SignerConfig { source: None, .. }));
    // What it signs is not used, and so neither is this nonce.
    let now = asked.time.unwrap_or(asked.now);
    let decision = sign_origin_request(
        request,
        config.as_ref().map_err(Clone::clone),
        asked.keys.as_ref(),
        Nonce::new([0; 16]),
        now,
    );
    let problem = decision.log.iter().find_map(|event| match event {
        LogEvent::Answered(problem) | LogEvent::ForwardedUnsigned(problem) => Some(problem),
        _ => None,
    });
    let mut explanation = match problem {
        Some(SigningError::NoKey) if asked.keys.is_none() => Explanation {
            verdict: "the edge signer would sign it, as far as can be said without keys".to_owned(),
            notes: vec!["No keys were given: whether a key can sign now is not known. Use --keys FILE.".to_owned()],
            ..explanation
        },
        Some(problem) if matches!(decision.action, Action::Forward(_)) => {
            let explanation = answered(explanation, problem);
            Explanation { verdict: "forwarded without a signature, in monitor mode".to_owned(), ..explanation }
        }
        Some(problem) => answered(explanation, problem),
        None if is_none => Explanation {
            verdict: "the edge signer would forward it without a signature".to_owned(),
            causes: vec![Cause::shown(
                "The origin has the custom header countersign-secret: none, so its requests are not signed. An authorizer refuses them: \
                 header-missing.",
                None,
            )],
            ..explanation
        },
        None => Explanation { verdict: "the edge signer would sign it".to_owned(), ..explanation },
    };
    for notice in decision.log.iter().filter(|event| !matches!(event, LogEvent::FunctionStarted)) {
        if !matches!(notice, LogEvent::Answered(_) | LogEvent::ForwardedUnsigned(_)) {
            explanation.notes.push(notice.to_string());
        }
    }
    let distribution = text(cf, "/config/distributionId");
    let with_id = |command: &str| {
        let is_id = !distribution.is_empty() && distribution.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id { command.replace("DISTRIBUTION", distribution) } else { command.to_owned() }
    };
    let domain = text(cf, "/request/origin/custom/domainName");
    let mut behind = Vec::new();
    if let Some(host) = forwarded_host(request, domain) {
        let cause = format!(
            "The behavior forwards the viewer's Host, {host}. API Gateway knows the API by the domain of the origin, {domain}, and answers \
             403 to every other Host."
        );
        behind.push(Cause::shown(cause, Some(with_id(POLICIES))));
    }
    if let Some(cause) = missing_stage(request, domain, asked) {
        behind.push(Cause::shown(cause, Some(with_id(ORIGIN_PATHS))));
    }
    if !behind.is_empty() && explanation.reason.is_none() {
        explanation.verdict.push_str(", and API Gateway would answer 403 before the authorizer");
        explanation.what_to_do = Some(
            "Use the origin request policy AllViewerExceptHostHeader, and an origin path that is the stage of the API."
                .to_owned(),
        );
    }
    behind.append(&mut explanation.causes);
    explanation.causes = behind;
    explanation
}

fn answered(explanation: Explanation, problem: &SigningError) -> Explanation {
    let reason = problem.reason();
    let explanation = Explanation {
        verdict: format!("the edge signer would answer {}", problem.status()),
        reason: Some(reason.to_owned()),
        detail: Some(problem.to_string()),
        ..explanation
    };
    explanation.with_manual(manual::entry(reason))
}

/// The `Host` of the request, if it is not the domain of the origin.
fn forwarded_host<'a>(request: &OriginRequest<'a>, domain: &str) -> Option<&'a str> {
    let host = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("host"))?.value;
    (!domain.is_empty() && !host.eq_ignore_ascii_case(domain)).then_some(host)
}

/// Why the target does not lead to a stage, if it is known that it does not.
fn missing_stage(request: &OriginRequest<'_>, domain: &str, asked: &Asked) -> Option<String> {
    if !domain.contains(".execute-api.") {
        return None;
    }
    let path = format!("{}{}", request.origin.path, request.uri);
    let begins_with = |stage: &str| {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(stage))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let custom =
        |name: &str| request.origin.custom_headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let always_has_stage = custom("countersign-api").is_some_and(|header| matches!(header.value, "rest" | "websocket"));
    match asked.stage.as_deref() {
        Some("$default") => None,
        Some(stage) if begins_with(stage) => None,
        Some(stage) => Some(format!(
            "The stage is missing: the origin path is {:?}, and the path {path} does not begin with /{stage}.",
            request.origin.path
        )),
        None if always_has_stage && request.origin.path.is_empty() => Some(format!(
            "The stage is missing: the origin path is empty, and each path of a REST API or a WebSocket API begins with its stage. The path \
             is {path}. (If the viewer's path begins with the stage, name the stage with --stage.)"
        )),
        None => None,
    }
}

fn shown(request: &OriginRequest<'_>) -> String {
    let query =
        if request.querystring.is_empty() { String::new() } else { format!("?{}", masked_query(request.querystring)) };
    format!("{} {}{}{query}", request.method, request.origin.path, request.uri)
}

/// The request of an event, as the function's addon reads it.
fn request(request: &Value) -> Result<OriginRequest<'_>, &'static str> {
    const MALFORMED: &str = "a part of it is missing or of another type";
    let member = |name: &str| request.get(name).and_then(Value::as_str).ok_or(MALFORMED);
    let custom = request.pointer("/origin/custom");
    let origin = match custom {
        Some(custom) => Origin {
            protocol: text(custom, "/protocol"),
            path: text(custom, "/path"),
            custom_headers: headers(custom.get("customHeaders"))?,
        },
        None => Origin { protocol: "", path: "", custom_headers: Vec::new() },
    };
    let body = request.get("body").map(|body| -> Result<_, &'static str> {
        let data = body.get("data").and_then(Value::as_str).ok_or(MALFORMED)?;
        let input_truncated = body.get("inputTruncated").and_then(Value::as_bool).ok_or(MALFORMED)?;
        Ok(Body { encoding: text(body, "/encoding"), data: data.as_bytes(), input_truncated })
    });
    Ok(OriginRequest {
        request_id: "",
        method: member("method")?,
        uri: member("uri")?,
        querystring: member("querystring")?,
        client_ip: member("clientIp")?,
        headers: headers(request.get("headers"))?,
        origin,
        body: body.transpose()?,
    })
}

fn headers(map: Option<&Value>) -> Result<Vec<Header<'_>>, &'static str> {
    const MALFORMED: &str = "its headers do not have CloudFront's form";
    let Some(map) = map else { return Ok(Vec::new()) };
    let mut headers = Vec::new();
    for (name, values) in map.as_object().ok_or(MALFORMED)? {
        for value in values.as_array().ok_or(MALFORMED)? {
            headers.push(Header { name, value: value.get("value").and_then(Value::as_str).ok_or(MALFORMED)? });
        }
    }
    Ok(headers)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        let text = include_str!("../../../tests/fixtures/cloudfront-origin-request.json");
        serde_json::from_str(text).unwrap()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), verdict: &str, reason: Option<&str>) {
        let mut event = event();
        change(&mut event["Records"][0]["cf"]);
        let explanation = explain(&event, &Asked::defaults());
        assert_eq!((explanation.verdict.as_str(), explanation.reason.as_deref()), (verdict, reason));
        assert_eq!(explanation.what_to_do.is_some(), reason.is_some(), "it has the manual's page");
    }

    #[test]
    fn the_edge_signer_itself_says_what_it_would_do() {
        let signs = "the edge signer would sign it, as far as can be said without keys";
        check(|_| {}, signs, None);
        let custom = "/request/origin/custom";
        check(
            |cf| *cf.pointer_mut(&format!("{custom}/protocol")).unwrap() = json!("http"),
            "the edge signer would answer 500",
            Some("not-https"),
        );
        check(
            |cf| cf["request"]["origin"]["custom"]["customHeaders"] = json!({}),
            "the edge signer would answer 500",
            Some("misconfigured"),
        );
        check(|cf| cf["request"]["uri"] = json!("/a b"), "the edge signer would answer 400", Some("target"));
        check(|cf| cf["request"]["method"] = json!("GET"), "the edge signer would answer 400", Some("body-on-get"));
        check(
            |cf| cf["config"]["eventType"] = json!("viewer-request"),
            "the edge signer would answer 500",
            Some("trigger"),
        );
        for wrong in [json!(null), json!({}), json!("x"), json!({ "method": 1 })] {
            check(|cf| cf["request"] = wrong, "the edge signer would answer 500", Some("event"));
        }
        let monitor = |cf: &mut Value| {
            cf["request"]["uri"] = json!("/a b");
            let headers = &mut cf["request"]["origin"]["custom"]["customHeaders"];
            headers["countersign-mode"] = json!([{ "key": "countersign-mode", "value": "monitor" }]);
        };
        check(monitor, "forwarded without a signature, in monitor mode", Some("target"));
    }

    #[test]
    fn an_origin_without_keys_is_the_cause_of_an_unsigned_request() {
        let mut event = event();
        let headers = &mut event["Records"][0]["cf"]["request"]["origin"]["custom"]["customHeaders"];
        headers["countersign-secret"][0]["value"] = json!("none");
        let explanation = explain(&event, &Asked::defaults());
        assert_eq!(explanation.verdict, "the edge signer would forward it without a signature");
        assert!(explanation.causes[0].cause.contains("countersign-secret: none"));
    }

    /// A stage that nobody names is missing only where every path has one.
    #[test]
    fn a_stage_is_missing_only_if_it_is_known() {
        for (path, uri, api, stage, expected) in [
            ("/prod", "/pets", None, Some("prod"), false),
            ("", "/prod/pets", None, Some("prod"), false),
            ("", "/prod", None, Some("prod"), false),
            ("", "/production", None, Some("prod"), true),
            ("", "/pets", None, None, false),
            ("", "/pets", Some("http"), None, false),
            ("", "/pets", Some("rest"), None, true),
            ("/prod", "/pets", Some("rest"), None, false),
            ("", "/pets", Some("http"), Some("$default"), false),
        ] {
            let mut event = event();
            let request = &mut event["Records"][0]["cf"]["request"];
            request["uri"] = json!(uri);
            request["origin"]["custom"]["path"] = json!(path);
            if let Some(api) = api {
                let header = json!([{ "key": "countersign-api", "value": api }]);
                request["origin"]["custom"]["customHeaders"]["countersign-api"] = header;
            }
            let asked = Asked { stage: stage.map(str::to_owned), ..Asked::defaults() };
            let causes = explain(&event, &asked).causes;
            let is_missing = causes.iter().any(|cause| cause.cause.starts_with("The stage is missing"));
            assert_eq!(is_missing, expected, "{path} {uri} {api:?} {stage:?}");
        }
    }
}
