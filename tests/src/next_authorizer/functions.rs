//! The functions of `tests/next-authorizer`, and how they are asked.

use crate::{request::support::authorizer_events::API, support::aws_clients::in_region};
use authorizer::{Answer, Delegate, DelegateConfig, DelegateFailure, Delegated, Event, Kind};
use local::{
    ApiRequest, InvokeApi, InvokeOptions, UserFunction, http_event, http_v1_event, rest_event, websocket_event,
};
use serde_json::Value;
use settings::Settings;
use std::{path::Path, time::SystemTime};
use telemetry::{Log, MemoryLog};

/// The folders of the functions.
pub(crate) const LANGUAGES: [&str; 2] = ["node", "python"];

/// The kinds of API.
pub(crate) const KINDS: [Kind; 4] = [Kind::Rest, Kind::Http, Kind::HttpV1, Kind::WebSocket];

/// In the header `Authorization` of each request; never in a text for operators.
pub(crate) const MARKER: &str = "s3cr3t-marker";

/// A function that runs.
pub(crate) struct Function {
    pub(crate) api: InvokeApi,
    pub(crate) lines: MemoryLog,
}

impl Function {
    pub(crate) async fn start(language: &str, options: InvokeOptions) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/next-authorizer")).join(language);
        let lines = MemoryLog::default();
        let function = UserFunction::find("next", &folder, None).unwrap();
        let api = InvokeApi::start(function, options, Log::new(None, lines.clone())).await.unwrap();
        Self { api, lines }
    }

    /// Asks it with these settings beside its ARN, which they can replace.
    pub(crate) async fn ask(&self, settings: &[(&str, &str)], event: &Value) -> Result<Delegated, DelegateFailure> {
        let arn = ("COUNTERSIGN_NEXT_AUTHORIZER", self.api.function_arn());
        let replaced = settings.iter().any(|(name, _)| *name == arn.0);
        let all = settings.iter().copied().chain((!replaced).then_some(arn));
        let all = all.map(|(name, value)| (name.into(), value.into()));
        let settings = Settings::of_environment(all, &[]).unwrap();
        let config = DelegateConfig::read(&settings).unwrap().unwrap();
        let delegate = Delegate::new(config, &in_region(&self.api.url(), "eu-west-1"));
        let text = event.to_string();
        let parsed = Event::parse(&text, Answer::Simple).unwrap();
        let asked = delegate.ask(&text, parsed.kind(), &parsed.headers()).await;
        let shown = match &asked {
            Ok(answer) => format!("{answer:?}"),
            Err(failure) => format!("{failure:?} {failure}"),
        };
        assert!(!shown.contains(MARKER), "{shown}");
        asked
    }
}

/// The event of a request with this header `x-do`, and others.
pub(crate) fn event(kind: Kind, way: &str, target: &str, more: &[(&str, &str)]) -> Value {
    let authorization = format!("Bearer {MARKER}");
    let headers = [("X-Do", way), ("Authorization", &authorization)];
    let headers: Vec<_> = headers.iter().chain(more).map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let request = ApiRequest {
        method: "GET",
        target,
        headers: &headers,
        source_ip: "198.51.100.1",
        request_id: "the-request",
        extended_request_id: "x",
    };
    let now = SystemTime::now();
    let event = match kind {
        Kind::Rest => rest_event(&API, &request, now),
        Kind::Http => http_event(&API, &request, now),
        Kind::HttpV1 => http_v1_event(&API, &request, now),
        Kind::WebSocket => websocket_event(&API, &request, "a-connection", now),
    };
    event.unwrap()
}
