//! Where a request can arrive: a kind of API, a domain, a stage, and what the authorizer is told of the domain.

use super::shapes::{PATHS, Shape};
use crate::support::keys::{Keys, key_set};
use authorizer::{Authorizer, AuthorizerConfig};
use edge_signer::{Action, Header, Origin, OriginRequest, SignerConfig, sign_origin_request};
use key_store::aws::{CallLimits, of_lambda};
use local::{Api, ApiRequest, Routes, http_event, http_v1_event, rest_event, websocket_event};
use serde_json::Value;
use signing::{Nonce, UnixSeconds};
use std::time::{Duration, SystemTime};
use telemetry::{Log, MemoryLog};

const OWN: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const CUSTOM: &str = "api.example.com";
const NOW: u64 = 1_795_341_845;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rest,
    Http,
    HttpV1,
    WebSocket,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Rest, Self::Http, Self::HttpV1, Self::WebSocket];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Rest => "REST API",
            Self::Http => "HTTP API, payload 2.0",
            Self::HttpV1 => "HTTP API, payload 1.0",
            Self::WebSocket => "WebSocket API",
        }
    }
}

/// Where a request arrives.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// What the path on the wire begins with: the stage, the mapping key or nothing.
    pub(super) base: &'static str,
    pub(super) domain: &'static str,
    pub(super) api_id: &'static str,
    pub(super) stage: &'static str,
    /// The mapping key with its slash; `None` on the API's own domain.
    pub(super) base_path: Option<&'static str>,
}

/// A place, and the authorizer there.
pub(super) struct Door {
    pub(super) title: &'static str,
    pub(super) place: Place,
    /// The setting of its base paths.
    pub(super) listed: &'static str,
    authorizer: Authorizer,
    log: MemoryLog,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Admitted,
    /// With this reason.
    Refused(String),
    /// The gateway answers by itself, before any authorizer.
    NotReached,
}

impl Outcome {
    pub(super) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

/// All doors of a kind.
pub(super) fn of(kind: Kind, keys: &Keys) -> Vec<Door> {
    let door = |title, base, domain, stage, base_path, listed: &'static str| {
        let (authorizer, log) = authorizer(listed, keys);
        Door { title, place: Place { kind, base, domain, api_id: "abc123", stage, base_path }, listed, authorizer, log }
    };
    let own = |title, base, stage| door(title, base, OWN, stage, None, "");
    let custom = |title, key, stage, listed: &'static str| door(title, key, CUSTOM, stage, Some(key), listed);
    match kind {
        Kind::Rest => vec![
            own("own domain, stage `prod`", "/prod", "prod"),
            custom("custom domain", "", "prod", "api.example.com=abc123/prod"),
            custom("custom domain, key `v1`", "/v1", "prod", "api.example.com/v1=abc123/prod"),
            custom(
                "custom domain, key `v1`, kept by a routing rule",
                "/v1",
                "prod",
                "api.example.com/v1=abc123/prod/v1",
            ),
            custom("custom domain, key `v1`", "/v1", "prod", ""),
        ],
        Kind::Http | Kind::HttpV1 => {
            let mut doors = vec![
                own("own domain, stage `prod`", "/prod", "prod"),
                own("own domain, `$default`", "", "$default"),
                custom("custom domain, `$default`", "", "$default", "api.example.com=abc123/$default"),
                custom("custom domain, key `v1`, stage `prod`", "/v1", "prod", "api.example.com/v1=abc123/prod"),
                custom("custom domain, key `v1`, `$default`", "/v1", "$default", "api.example.com/v1=abc123/$default"),
                custom("custom domain, `$default`", "", "$default", ""),
            ];
            if kind == Kind::Http {
                doors.push(custom("custom domain, key `v1`, stage `prod`", "/v1", "prod", ""));
            }
            doors
        }
        Kind::WebSocket => vec![
            own("own domain, stage `prod`", "/prod", "prod"),
            custom("custom domain", "", "prod", "api.example.com=abc123/prod"),
            custom("custom domain, key `v1`", "/v1", "prod", "api.example.com/v1=abc123/prod"),
            custom("custom domain, key `v1`", "/v1", "prod", ""),
        ],
    }
}

fn authorizer(listed: &str, keys: &Keys) -> (Authorizer, MemoryLog) {
    let secret = [("COUNTERSIGN_SECRET".to_owned(), keys.source())];
    let base_paths = (!listed.is_empty()).then(|| ("COUNTERSIGN_BASE_PATHS".to_owned(), listed.to_owned()));
    let variables = secret.into_iter().chain(base_paths).map(|(name, value)| (name.into(), value.into()));
    let log = MemoryLog::default();
    let config = AuthorizerConfig::read(variables).unwrap();
    (Authorizer::new(config, &of_lambda(CallLimits::BRIEF), Log::new(None, log.clone())), log)
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

impl Door {
    /// The path of requests whose query is tried.
    pub(super) fn plain_path(&self) -> &'static Shape {
        let name = match self.place.kind {
            Kind::WebSocket => "only a slash",
            _ => "plain",
        };
        PATHS.iter().find(|shape| shape.name == name).unwrap()
    }

    /// The headers of a GET that the edge has signed.
    pub(super) fn sign(&self, target: &str) -> Vec<(String, String)> {
        let (uri, querystring) = target.split_once('?').unwrap_or((target, ""));
        let origin = Origin {
            protocol: "https",
            path: "",
            custom_headers: vec![Header { name: "countersign-secret", value: "file:/not-read" }],
        };
        let config = SignerConfig::read(&origin).unwrap();
        let request = OriginRequest {
            request_id: "id",
            method: "GET",
            uri,
            querystring,
            client_ip: "203.0.113.7",
            headers: vec![Header { name: "host", value: self.place.domain }],
            origin,
            body: None,
        };
        let keys = key_set();
        let decision =
            sign_origin_request(&request, Ok(&config), Some(&keys), Nonce::new([1; 16]), UnixSeconds::new(NOW));
        let Action::Forward(edits) = decision.action else { panic!("{target}: {decision:?}") };
        let signed = edits.set.into_iter().map(|(name, value)| (name.into_owned(), value));
        [("Host".to_owned(), self.place.domain.to_owned())].into_iter().chain(signed).collect()
    }

    /// What this door's authorizer says to a request that arrives at a place, which may be another one.
    pub(super) async fn outcome_at(&self, place: &Place, headers: &[(String, String)], target: &str) -> Outcome {
        let Some(event) = place.event(headers, target) else { return Outcome::NotReached };
        let answer = self.authorizer.authorize(&event.to_string(), now()).await;
        let lines = self.log.take();
        let line = lines.last().unwrap();
        let reason = line["reason"].as_str().unwrap_or_default().to_owned();
        match (answer, line["event"].as_str()) {
            (Ok(_), Some("request-admitted")) => Outcome::Admitted,
            (Ok(_), Some("request-refused")) => Outcome::Refused(reason),
            (answer, _) => panic!("{target}: {answer:?}, {line}"),
        }
    }
}

impl Place {
    /// How the gateway shows a GET. `None` if it does not reach the authorizer.
    fn event(&self, headers: &[(String, String)], target: &str) -> Option<Value> {
        let api = Api {
            region: "eu-west-1",
            account_id: "123456789012",
            api_id: self.api_id,
            stage: self.stage,
            domain_name: self.domain,
            base_path: self.base_path,
            routes: Routes::All,
            identity_sources: &[],
        };
        let request = ApiRequest {
            method: "GET",
            target,
            headers,
            source_ip: "198.51.100.1",
            request_id: "r",
            extended_request_id: "x",
        };
        match self.kind {
            Kind::Rest => rest_event(&api, &request, now()),
            Kind::Http => http_event(&api, &request, now()),
            Kind::HttpV1 => http_v1_event(&api, &request, now()),
            Kind::WebSocket => websocket_event(&api, &request, "L0SM9cOFvHcCIhw=", now()),
        }
    }
}
