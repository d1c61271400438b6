//! What was observed, and the file that holds it.
//!
//! The file has only what the observing function keeps of its events, for the requests of [`probes`]: no header of a
//! caller, address, account, id or time. A file with anything else is refused.

use crate::doctor::learn::probes::{self, Kind, Probe, Way};
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The longest file. One has about 130 observations of about 600 bytes.
pub(crate) const FILE: u64 = 1024 * 1024;

/// The value of an answer that says whether the integration was reached and no authorizer was asked.
pub(crate) const PAST_AUTHORIZER: &str = "past_authorizer";

/// The value of this header, whatever the case of its name: a cache may change it.
pub(crate) const METHOD_OVERRIDE: &str = "x-http-method-override";

/// The longest text of an event, and of the message of an answer.
const TEXT: usize = 512;

/// The members of an event that the observing function keeps, beside those of `requestContext`.
const MEMBERS: [&str; 16] = [
    "headers",
    "httpMethod",
    "members",
    "methodArn",
    "multiValueQueryStringParameters",
    "path",
    "pathParameters",
    "queryStringParameters",
    "rawPath",
    "rawQueryString",
    "requestContext",
    "resource",
    "routeArn",
    "routeKey",
    "type",
    "version",
];
const CONTEXT: [&str; 3] = ["http", "path", "stage"];
const HTTP: [&str; 2] = ["method", "path"];
const HEADERS: [&str; 3] = ["content-length", METHOD_OVERRIDE, "x-learn"];

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Learned {
    /// The version of this format: 1.
    format: u8,
    pub(crate) observed_on: Place,
    /// Of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The day, of a run on AWS: `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<String>,
    pub(crate) observations: Vec<Observation>,
}

/// Where the requests were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In an AWS account
    Aws,
    /// By `local`: it shows what Countersign assumes, and nothing about AWS
    Local,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observation {
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    pub(crate) probe: String,
    /// As API Gateway gets it, with the stage.
    target: String,
    pub(crate) answered_by: AnsweredBy,
    /// `None` if there was no answer.
    pub(crate) status: Option<u16>,
    /// The member `message` of an answer of API Gateway, if it is of letters.
    pub(crate) message: Option<String>,
    /// What the authorizer was shown.
    pub(crate) event: Option<Map<String, Value>>,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AnsweredBy {
    /// The integration, after the authorizer.
    Integration,
    /// The integration, and no authorizer was asked.
    IntegrationUnasked,
    /// API Gateway or CloudFront.
    Gateway,
    /// There was no answer.
    Nobody,
}

impl Observation {
    pub(crate) fn new(kind: Kind, way: Way, probe: &Probe, answer: Answer) -> Self {
        let Answer { answered_by, status, message, event } = answer;
        let (probe, target) = (probe.id.to_owned(), probe.wire_target(kind));
        Self { kind, way, probe, target, answered_by, status, message, event }
    }

    /// The target as API Gateway gets it.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Whether the integration has answered, with or without the authorizer.
    pub(crate) fn is_of_integration(&self) -> bool {
        matches!(self.answered_by, AnsweredBy::Integration | AnsweredBy::IntegrationUnasked)
    }

    /// Whether it is about the number of requests or a server, and not about this request.
    pub(crate) fn says_to_come_again(&self) -> bool {
        says_to_come_again(self.status)
    }

    /// Something of it: `status`, `answered_by`, [`PAST_AUTHORIZER`], [`METHOD_OVERRIDE`], or a JSON pointer into the event. `None` if it is missing.
    pub(crate) fn value(&self, of: &str) -> Option<Value> {
        match of {
            "status" => self.status.map(Value::from),
            "answered_by" => serde_json::to_value(self.answered_by).ok(),
            PAST_AUTHORIZER => Some((self.answered_by == AnsweredBy::IntegrationUnasked).into()),
            METHOD_OVERRIDE => {
                let mut headers = self.event.as_ref()?.get("headers")?.as_object()?.iter();
                headers.find(|(name, _)| name.eq_ignore_ascii_case(of)).map(|(_, value)| value.clone())
            }
            _ => {
                let (member, rest) = of.strip_prefix('/')?.split_once('/').unwrap_or((of.strip_prefix('/')?, ""));
                let value = self.event.as_ref()?.get(member)?;
                if rest.is_empty() { Some(value.clone()) } else { value.pointer(&format!("/{rest}")).cloned() }
            }
        }
    }

    fn check(&self) -> Result<()> {
        let probe = Probe::named(&self.probe).with_context(|| format!("there is no probe {:?}", self.probe))?;
        let target = probe.wire_target(self.kind);
        ensure!(probe.is_sent(self.kind, self.way), "the probe {} is not sent there", self.probe);
        ensure!(self.target == target, "the target of {} is {target:?}, and not {:?}", self.probe, self.target);
        ensure!(
            self.event.is_some() == (self.answered_by == AnsweredBy::Integration),
            "{}: an event is there if the authorizer was asked, and only then",
            self.probe
        );
        ensure!(
            self.status.is_some() == (self.answered_by != AnsweredBy::Nobody),
            "{}: a status is there if there was an answer, and only then",
            self.probe
        );
        ensure!(
            self.message.as_deref().is_none_or(is_harmless),
            "{}: the message is too long, or has something else than letters, spaces and . , '",
            self.probe
        );
        self.event.as_ref().map_or(Ok(()), check_event).with_context(|| format!("the event of {}", self.probe))
    }
}

/// What an answer shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    answered_by: AnsweredBy,
    status: Option<u16>,
    message: Option<String>,
    event: Option<Map<String, Value>>,
}

impl Answer {
    pub(crate) fn none() -> Self {
        Self { answered_by: AnsweredBy::Nobody, status: None, message: None, event: None }
    }

    /// Reads an answer. A body that is not one of ours is not kept: it may have ids.
    ///
    /// # Errors
    /// If the integration answers with something else than what the observing function wrote.
    pub(crate) fn read(status: u16, body: &[u8]) -> Result<Self> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        // 101 is the answer to a handshake, and the body the answer to a message after it.
        if let (200 | 101, Some(context)) = (status, body.get("authorizer")) {
            let event = context.get("observed").and_then(Value::as_str).map(decoded).transpose()?;
            let answered_by = if event.is_some() { AnsweredBy::Integration } else { AnsweredBy::IntegrationUnasked };
            return Ok(Self { answered_by, status: Some(status), message: None, event });
        }
        let message = body.get("message").and_then(Value::as_str).filter(|message| is_harmless(message));
        let message = message.map(str::to_owned);
        Ok(Self { answered_by: AnsweredBy::Gateway, status: Some(status), message, event: None })
    }

    /// As [`Observation::says_to_come_again`].
    pub(crate) fn says_to_come_again(&self) -> bool {
        says_to_come_again(self.status)
    }

    /// Whether the authorizer was asked.
    pub(crate) fn is_of_authorizer(&self) -> bool {
        self.answered_by == AnsweredBy::Integration
    }
}

/// A message is API Gateway's own text. One with a digit or a colon may name an account, an ARN or an address, and the file is public.
fn is_harmless(message: &str) -> bool {
    message.len() <= TEXT && message.chars().all(|char| char.is_ascii_alphabetic() || " .,'".contains(char))
}

fn says_to_come_again(status: Option<u16>) -> bool {
    matches!(status, Some(429 | 502 | 503 | 504))
}

fn decoded(observed: &str) -> Result<Map<String, Value>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let not_ours = "the context of the authorizer is not that of the observing function";
    let event = serde_json::from_slice(&STANDARD.decode(observed).context(not_ours)?).context(not_ours)?;
    check_event(&event).context(not_ours)?;
    Ok(event)
}

fn check_event(event: &Map<String, Value>) -> Result<()> {
    only(event.keys(), &MEMBERS)?;
    for (member, known) in [("requestContext", &CONTEXT[..]), ("headers", &HEADERS)] {
        let object = event.get(member).and_then(Value::as_object).with_context(|| format!("{member} is missing"))?;
        let names: Vec<_> = object.keys().map(|name| name.to_ascii_lowercase()).collect();
        only(names.iter(), known)?;
    }
    if let Some(http) = event.get("requestContext").and_then(|context| context.get("http")).and_then(Value::as_object) {
        only(http.keys(), &HTTP)?;
    }
    for arn in ["methodArn", "routeArn"].iter().filter_map(|name| event.get(*name)) {
        let arn = arn.as_str().unwrap_or_default();
        ensure!(arn.contains(":execute-api:REGION:ACCOUNT:API/"), "{arn:?} has the account, the API or the Region");
    }
    let members = event.get("members").and_then(Value::as_array).context("members is missing")?;
    for member in members {
        let is_name = member.as_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic()));
        ensure!(is_name, "{member} is not the name of a member");
    }
    event.values().try_for_each(check_texts)
}

/// Its texts are short, and it is not deep: the observing function makes nothing else.
fn check_texts(value: &Value) -> Result<()> {
    match value {
        Value::String(text) => ensure!(text.len() <= TEXT, "a text is longer than {TEXT} bytes"),
        Value::Array(values) => values.iter().try_for_each(check_texts)?,
        Value::Object(members) => members.values().try_for_each(check_texts)?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn only<'a>(names: impl Iterator<Item = &'a String>, known: &[&str]) -> Result<()> {
    for name in names {
        ensure!(known.contains(&name.as_str()), "there is no member {name:?}");
    }
    Ok(())
}

impl Learned {
    pub(crate) fn on_local(observations: Vec<Observation>) -> Self {
        Self { format: 1, observed_on: Place::Local, region: None, on: None, observations }
    }

    /// `on` is the day.
    pub(crate) fn on_aws(region: &str, on: &str, observations: Vec<Observation>) -> Self {
        let (region, on) = (Some(region.to_owned()), Some(on.to_owned()));
        Self { format: 1, observed_on: Place::Aws, region, on, observations }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it is not of this format, or has something that a run does not write.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let learned: Self = serde_json::from_str(text).context("it is not a file of `countersign doctor --learn`")?;
        learned.check()?;
        Ok(learned)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// If one of `private` is in it: the ids of what the run made.
    pub(crate) fn to_json(&self, private: &[String]) -> Result<String> {
        self.check()?;
        let text = self.in_lines()?;
        if let Some(found) = private.iter().find(|private| text.contains(private.as_str())) {
            bail!("the result has {found:?}, which is an id of your account: nothing was written");
        }
        Ok(text)
    }

    /// JSON with an observation a line, so that a person can compare two files.
    fn in_lines(&self) -> Result<String> {
        let head = serde_json::to_string(&Self { observations: Vec::new(), ..self.clone() })?;
        let head = head.strip_suffix("]}").context("the observations are not the last member")?;
        let lines: Vec<_> = self.observations.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        Ok(format!("{head}\n{}\n]}}\n", lines.join(",\n")))
    }

    /// The observation of a probe.
    pub(crate) fn of(&self, kind: Kind, way: Way, probe: &str) -> Option<&Observation> {
        let mut all = self.observations.iter();
        all.find(|observation| observation.kind == kind && observation.way == way && observation.probe == probe)
    }

    /// `AWS (eu-west-1, 2026-11-27)`.
    pub(crate) fn title(&self) -> String {
        match (self.observed_on, &self.region, &self.on) {
            (Place::Aws, Some(region), Some(on)) => format!("AWS ({region}, {on})"),
            (Place::Aws, ..) => "AWS".to_owned(),
            (Place::Local, ..) => "local".to_owned(),
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(self.format == 1, "its format is {}, and not 1", self.format);
        let is_aws = self.observed_on == Place::Aws;
        ensure!(
            is_aws == self.region.is_some() && is_aws == self.on.is_some(),
            "a run on AWS has a region and a day, and no other run has"
        );
        let is_short = |text: &Option<String>| text.as_ref().is_none_or(|text| (1..=32).contains(&text.len()));
        ensure!(is_short(&self.region) && is_short(&self.on), "the region or the day is too long");
        let mut seen = BTreeSet::new();
        for observation in &self.observations {
            observation.check()?;
            let Observation { kind, way, probe, .. } = observation;
            ensure!(seen.insert((kind, way, probe)), "the probe {probe} is there twice");
        }
        Ok(())
    }
}

/// All requests of a run, in their order.
pub(crate) fn all_probes() -> impl Iterator<Item = (Kind, Way, &'static Probe)> {
    let ways = Kind::ALL.into_iter().flat_map(|kind| Way::ALL.map(|way| (kind, way)));
    ways.flat_map(|(kind, way)| probes::ALL.iter().map(move |probe| (kind, way, probe)))
        .filter(|(kind, way, probe)| probe.is_sent(*kind, *way))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;

    fn event() -> Value {
        json!({
            "headers": {}, "members": ["path"], "methodArn": "arn:aws:execute-api:REGION:ACCOUNT:API/rest/GET/echo",
            "path": "/echo", "requestContext": { "path": "/rest/echo", "stage": "rest" }, "type": "REQUEST",
        })
    }

    fn file(change: impl FnOnce(&mut Value)) -> Result<Learned> {
        let mut file = json!({
            "format": 1, "observed_on": "aws", "region": "eu-west-1", "on": "2026-11-27",
            "observations": [{
                "kind": "rest", "way": "direct", "probe": "plain", "target": "/rest/echo",
                "answered_by": "integration", "status": 200, "message": null, "event": event(),
            }],
        });
        change(&mut file);
        Learned::from_json(&file.to_string())
    }

    #[test]
    fn a_file_is_read_and_written() {
        let learned = file(|_| {}).unwrap();
        assert_eq!(learned.title(), "AWS (eu-west-1, 2026-11-27)");
        let observation = learned.of(Kind::Rest, Way::Direct, "plain").unwrap();
        for (of, expected) in [
            ("status", Some(json!(200))),
            ("answered_by", Some(json!("integration"))),
            ("/path", Some(json!("/echo"))),
            ("/requestContext/path", Some(json!("/rest/echo"))),
            ("/rawPath", None),
            ("/requestContext/http/path", None),
        ] {
            assert_eq!(observation.value(of), expected, "{of}");
        }
        let text = learned.to_json(&["123456789012".to_owned()]).unwrap();
        assert_eq!(Learned::from_json(&text).unwrap(), learned);
    }

    #[test]
    fn a_file_with_anything_else_is_refused() {
        let changes: [(&str, Value); 22] = [
            ("/format", json!(2)),
            ("/observed_on", json!("azure")),
            ("/region", json!(null)),
            ("/on", json!("x".repeat(33))),
            ("/observations/0/kind", json!("grpc")),
            ("/observations/0/way", json!("tunnel")),
            ("/observations/0/probe", json!("other")),
            ("/observations/0/target", json!("/rest/other")),
            ("/observations/0/answered_by", json!("authorizer")),
            ("/observations/0/answered_by", json!("gateway")),
            ("/observations/0/status", json!(null)),
            ("/observations/0/event/sourceIp", json!("192.0.2.1")),
            ("/observations/0/event/headers", json!({ "cookie": "a" })),
            ("/observations/0/event/requestContext", json!({ "accountId": "123456789012" })),
            ("/observations/0/event/methodArn", json!("arn:aws:execute-api:eu-west-1:123456789012:a1/rest/GET/echo")),
            ("/observations/0/event/path", json!("x".repeat(513))),
            ("/observations/0/event/members", json!(["a1b2c3d4e5"])),
            ("/observations/0/event/members", json!([{ "path": "/" }])),
            ("/observations/0/event/members", json!({ "path": "/" })),
            ("/observations/0/message", json!("arn:aws:iam::123456789012:role/a is not authorized")),
            ("/observations/0/message", json!("from 192.0.2.1")),
            ("/observations/0/message", json!("x".repeat(513))),
        ];
        for (pointer, value) in changes {
            let refused = file(|file| {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                let parent = if parent.is_empty() { file } else { file.pointer_mut(parent).unwrap() };
                parent[name] = value.clone();
            });
            assert!(refused.is_err(), "{pointer} {value}");
        }
        let twice = file(|file| {
            let first = file["observations"][0].clone();
            file["observations"].as_array_mut().unwrap().push(first);
        });
        assert_eq!(twice.unwrap_err().to_string(), "the probe plain is there twice");
        assert!(Learned::from_json("[]").is_err());
    }

    #[test]
    fn an_id_of_the_account_is_not_written() {
        let learned = file(|file| file["observations"][0]["event"]["path"] = json!("/a1b2c3d4e5")).unwrap();
        let error = learned.to_json(&["a1b2c3d4e5".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "the result has \"a1b2c3d4e5\", which is an id of your account: nothing was written");
    }

    #[test]
    fn answers_are_told_apart() {
        let observed = STANDARD.encode(event().to_string());
        let of_integration = json!({ "authorizer": { "observed": observed } }).to_string();
        let none = Answer::none();
        for (status, body, answered_by, message) in [
            (200, of_integration.as_str(), AnsweredBy::Integration, None),
            (101, of_integration.as_str(), AnsweredBy::Integration, None),
            (403, of_integration.as_str(), AnsweredBy::Gateway, None),
            (200, r#"{"authorizer":{}}"#, AnsweredBy::IntegrationUnasked, None),
            (401, r#"{"message":"Unauthorized"}"#, AnsweredBy::Gateway, Some("Unauthorized")),
            (403, r#"{"message":"arn:aws:iam::123456789012:role/a is denied"}"#, AnsweredBy::Gateway, None),
            (403, r#"{"message":"192.0.2.1 is denied"}"#, AnsweredBy::Gateway, None),
            (400, "<html>Request ID: x</html>", AnsweredBy::Gateway, None),
            (200, "", AnsweredBy::Gateway, None),
        ] {
            let answer = Answer::read(status, body.as_bytes()).unwrap();
            assert_eq!((answer.answered_by, answer.status), (answered_by, Some(status)), "{body}");
            assert_eq!(answer.message.as_deref(), message);
            assert_eq!(answer.event.is_some(), answered_by == AnsweredBy::Integration);
            assert_ne!(answer, none);
        }
        for observed in ["%", "bm90IEpTT04=", &STANDARD.encode(r#"{"secret":"x"}"#)] {
            let body = json!({ "authorizer": { "observed": observed } }).to_string();
            assert!(Answer::read(200, body.as_bytes()).is_err(), "{observed}");
        }
    }
}
