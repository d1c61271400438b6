//! The identity sources of the user's own authorizer: the parts of a request without which API Gateway would not ask it.

use serde_json::Value;

/// A part of a request, and how the setting names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    text: String,
    part: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Header(String),
    Query(String),
    Context(String),
    StageVariable(String),
}

type MakePart = fn(String) -> Part;

/// Each prefix in API Gateway's syntax: of REST APIs, HTTP APIs and WebSocket APIs.
const PREFIXES: [(&str, MakePart); 10] = [
    ("method.request.header.", Part::Header),
    ("method.request.querystring.", Part::Query),
    ("context.", Part::Context),
    ("stageVariables.", Part::StageVariable),
    ("$request.header.", Part::Header),
    ("$request.querystring.", Part::Query),
    ("$context.", Part::Context),
    ("$stageVariables.", Part::StageVariable),
    ("route.request.header.", Part::Header),
    ("route.request.querystring.", Part::Query),
];

/// The names of `$context` of an HTTP API that its event has in another place.
const HTTP_CONTEXT: [(&str, &str); 7] = [
    ("httpMethod", "http.method"),
    ("path", "http.path"),
    ("protocol", "http.protocol"),
    ("identity.sourceIp", "http.sourceIp"),
    ("identity.userAgent", "http.userAgent"),
    ("requestTime", "time"),
    ("requestTimeEpoch", "timeEpoch"),
];

impl Source {
    /// The header that a TOKEN authorizer reads if nothing is set.
    pub(super) fn authorization() -> Self {
        Self { text: "method.request.header.Authorization".to_owned(), part: Part::Header("Authorization".to_owned()) }
    }

    /// A source in API Gateway's syntax.
    pub(super) fn read(text: &str) -> Option<Self> {
        let parts = PREFIXES.iter().find_map(|(prefix, part)| text.strip_prefix(prefix).map(|name| (name, part)));
        let (name, part) = parts?;
        let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        good.then(|| Self { text: text.to_owned(), part: part(name.to_owned()) })
    }

    /// How the setting names it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a header.
    pub(super) fn is_header(&self) -> bool {
        matches!(self.part, Part::Header(_))
    }

    /// Its values, if there is at least one and none is empty.
    pub(super) fn values(&self, event: &Value, headers: &[(&str, &str)]) -> Option<Vec<String>> {
        let values: Vec<String> = match &self.part {
            Part::Header(name) => {
                let of_name = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
                let values: Vec<_> = of_name.map(|(_, value)| (*value).to_owned()).collect();
                // Payload format 2.0 has the cookies apart.
                let cookies = event.get("cookies").filter(|_| values.is_empty() && name.eq_ignore_ascii_case("cookie"));
                cookies.map_or(Some(values), |cookies| Some(vec![joined(cookies)?]))?
            }
            Part::Query(name) => {
                // A map with all values is in the events of REST APIs and of payload format 1.0.
                let all = event.get("multiValueQueryStringParameters").and_then(|all| all.get(name));
                let all = all.or_else(|| event.get("queryStringParameters").and_then(|all| all.get(name)));
                match all {
                    Some(Value::Array(values)) => values.iter().map(text_of).collect::<Option<_>>()?,
                    value => vec![text_of(value?)?],
                }
            }
            Part::Context(path) => vec![of_context(event.get("requestContext")?, path)?],
            Part::StageVariable(name) => vec![text_of(event.get("stageVariables")?.get(name)?)?],
        };
        (!values.is_empty() && values.iter().all(|value| !value.is_empty())).then_some(values)
    }
}

/// The header `Cookie` of these cookies.
fn joined(cookies: &Value) -> Option<String> {
    let cookies: Vec<_> = cookies.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    Some(cookies.join("; "))
}

/// The value of a member of the request's context; a dot leads into it.
fn of_context(context: &Value, path: &str) -> Option<String> {
    let follow = |path: &str| path.split('.').try_fold(context, |value, name| value.get(name)).and_then(text_of);
    let elsewhere = || HTTP_CONTEXT.iter().find(|(name, _)| *name == path).and_then(|(_, path)| follow(path));
    follow(path).or_else(elsewhere)
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(source: &str, event: &Value, expected: Option<&[&str]>) {
        let headers = [("authorization", "a"), ("Empty", ""), ("X", "1"), ("x", "2"), ("y", "1"), ("Y", "")];
        let found = Source::read(source).unwrap().values(event, &headers);
        assert_eq!(found, expected.map(|values| values.iter().map(|value| (*value).to_owned()).collect()), "{source}");
    }

    #[test]
    fn a_source_is_present_if_it_has_only_values_that_are_not_empty() {
        let rest = json!({
            "queryStringParameters": { "q": "2", "e": "" },
            "multiValueQueryStringParameters": { "q": ["1", "2"], "e": [""], "n": [] },
            "stageVariables": { "v": "s" },
            "requestContext": { "stage": "prod", "identity": { "sourceIp": "192.0.2.1", "user": null }, "requestTimeEpoch": 7 },
        });
        for (source, expected) in [
            ("method.request.header.Authorization", Some(&["a"][..])),
            ("route.request.header.AUTHORIZATION", Some(&["a"])),
            ("method.request.header.X", Some(&["1", "2"])),
            ("method.request.header.Y", None),
            ("method.request.header.Empty", None),
            ("method.request.header.Missing", None),
            ("method.request.querystring.q", Some(&["1", "2"])),
            ("method.request.querystring.Q", None),
            ("method.request.querystring.e", None),
            ("method.request.querystring.n", None),
            ("context.stage", Some(&["prod"])),
            ("context.identity.sourceIp", Some(&["192.0.2.1"])),
            ("context.identity.user", None),
            ("context.identity", None),
            ("context.requestTimeEpoch", Some(&["7"])),
            ("stageVariables.v", Some(&["s"])),
            ("stageVariables.w", None),
        ] {
            check(source, &rest, expected);
        }
        let http = json!({
            "queryStringParameters": { "q": "1,2" },
            "requestContext": { "stage": "prod", "timeEpoch": 7, "http": { "method": "GET", "sourceIp": "192.0.2.1" } },
        });
        for (source, expected) in [
            ("$request.header.authorization", Some(&["a"][..])),
            ("$request.querystring.q", Some(&["1,2"])),
            ("route.request.querystring.q", Some(&["1,2"])),
            ("$context.identity.sourceIp", Some(&["192.0.2.1"])),
            ("$context.httpMethod", Some(&["GET"])),
            ("$context.requestTimeEpoch", Some(&["7"])),
            ("$context.protocol", None),
            ("$stageVariables.v", None),
        ] {
            check(source, &http, expected);
        }
        check("context.stage", &json!({}), None);
        for (cookies, expected) in [
            (json!(["a=1", "b=2"]), Some(&["a=1; b=2"][..])),
            (json!([]), None),
            (json!([1]), None),
            (json!(null), None),
        ] {
            check("$request.header.Cookie", &json!({ "cookies": cookies }), expected);
        }
    }

    #[test]
    fn only_api_gateways_syntax_is_accepted() {
        for text in [
            "",
            "Authorization",
            "method.request.header.",
            "request.header.X",
            "method.request.path.x",
            "$context.",
            "$request.header.a b",
        ] {
            assert_eq!(Source::read(text), None, "{text}");
        }
    }
}
