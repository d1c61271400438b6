//! The lines of real runs: those of the authorizer, the rotator and the signer, each as CloudWatch Logs Insights shows them.

use crate::{
    infra::{
        alarms::runs::{
            functions::{authorizer, signer},
            minutes::{FINE, Mode, keys_made, with_keys},
            rotations,
            servers::{AUTHORIZER, Servers},
        },
        queries::language::Row,
    },
    support::keys::Keys,
};
use edge_signer::{Decision, EdgeSigner, OriginRequest};
use key_store::aws::{CallLimits, of_lambda};
use local::{ApiKind, EdgeFunction};
use serde_json::{Value, json};
use std::{
    sync::LazyLock,
    thread,
    time::{Duration, SystemTime},
};
use telemetry::{Detail, Event, MemoryLog, RefusedRequest, SecondCheckRefusal, line};
use tokio::runtime::Runtime;

/// The events of each log.
pub(crate) struct Logs {
    pub(crate) authorizer: Vec<Row>,
    pub(crate) rotator: Vec<Row>,
    pub(crate) signer: Vec<Row>,
}

impl Logs {
    /// Recorded once for all tests.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Logs> = LazyLock::new(|| {
            let recording = || Runtime::new().unwrap().block_on(record());
            thread::spawn(recording).join().expect("above is what went wrong")
        });
        &SHARED
    }
}

/// By how much the clock of a signer is wrong.
const SECONDS: u64 = 90;

/// The signer in this process, with the clock that it thinks is right.
struct ClockIsWrong(EdgeSigner, fn(SystemTime) -> SystemTime);

impl EdgeFunction for ClockIsWrong {
    async fn handle(&self, request: &OriginRequest<'_>, now: SystemTime) -> Result<Decision, String> {
        EdgeFunction::handle(&self.0, request, (self.1)(now)).await
    }
}

async fn record() -> Logs {
    let (of_authorizer, of_signer) = (MemoryLog::default(), MemoryLog::default());
    let keys = keys_made(6);

    // Viewers, and strangers with the signature of another request.
    let servers = start(ApiKind::Rest, Mode::Enforce, &keys, &keys, &of_authorizer, &of_signer).await;
    servers.viewers(3, FINE, 200).await.forgers(2).await;
    // In monitor mode strangers without a signature are let in.
    let servers = start(ApiKind::Http, Mode::Monitor, &keys, &keys, &of_authorizer, &of_signer).await;
    servers.strangers(2, 200).await;
    // The authorizer has no keys.
    let servers = start(ApiKind::Rest, Mode::Enforce, &keys, &Keys::none(), &of_authorizer, &of_signer).await;
    servers.viewers(1, FINE, 500).await;
    // The edge has none, in both modes.
    let servers = start(ApiKind::Rest, Mode::Enforce, &Keys::none(), &keys, &of_authorizer, &of_signer).await;
    servers.viewers(2, FINE, 503).await;
    let servers = start(ApiKind::Rest, Mode::Monitor, &Keys::none(), &keys, &of_authorizer, &of_signer).await;
    servers.viewers(1, FINE, 200).await;
    for clock in [|now| now - Duration::from_secs(SECONDS), |now| now + Duration::from_secs(SECONDS)] {
        // The keys are in a file: AWS is not asked for any.
        let edge = ClockIsWrong(EdgeSigner::new(0, of_lambda(CallLimits::BRIEF)), clock);
        let authorizer = authorizer(&keys.source(), "enforce", &of_authorizer).await;
        let options = with_keys(ApiKind::Rest, &keys, Mode::Enforce);
        Servers::start(options, edge, authorizer, &of_authorizer).await.viewers(1, FINE, 403).await;
    }

    let mut authorizer = rows(of_authorizer.take_lines());
    authorizer.extend(by_hand());
    Logs { authorizer, rotator: rows(rotations::lines().await), signer: rows(of_signer.take_lines()) }
}

async fn start(
    api: ApiKind,
    mode: Mode,
    edge_keys: &Keys,
    keys: &Keys,
    of_authorizer: &MemoryLog,
    of_signer: &MemoryLog,
) -> Servers {
    let edge = signer(of_signer).await;
    let authorizer = authorizer(&keys.source(), mode.word(), of_authorizer).await;
    Servers::start(with_keys(api, edge_keys, mode), edge, authorizer, of_authorizer).await
}

/// What no run here makes: the lines of the check after the signature, and Lambda's own. The fields whose names begin with `@` are those
/// that the user guide says it finds in Lambda's lines.
fn by_hand() -> Vec<Row> {
    let request = RefusedRequest {
        reason: "token-expired",
        detail: Detail(&"the token expired 7 s ago"),
        key_set_age: Some(0),
        method: "GET",
        resource: Some("/pets"),
        route_key: None,
        request_id: "by-hand",
        x_amz_cf_id: Some("ID"),
        gateway_source_ip: "192.0.2.1",
    };
    let refused = Event::RequestRefusedByToken(SecondCheckRefusal { request, unauthorized: true });
    let would = Event::RequestWouldBeRefusedByNextAuthorizer(RefusedRequest { reason: "next-denied", ..request });
    let failed = Event::FunctionNotStarted { detail: Detail(&"COUNTERSIGN_SECRET is missing"), version: "1" };
    let ours = [refused, would, failed].map(|event| line(&event, Some(AUTHORIZER), SystemTime::now()));
    let lambda = |message: &str, more: Value| {
        let mut row: Row = serde_json::from_value(more).unwrap();
        row.insert("@timestamp".to_owned(), json!("2026-11-26T10:00:00Z"));
        row.insert("@message".to_owned(), json!(message));
        row
    };
    let mut rows = rows(ours.to_vec());
    rows.extend([
        lambda("REPORT …", json!({"@type": "REPORT", "@duration": 1.25, "@initDuration": 41.5})),
        lambda("REPORT …", json!({"@type": "REPORT", "@duration": 0.5})),
        lambda("2026-11-26T10:00:00.000Z 1 Task timed out after 10.00 seconds", json!({})),
    ]);
    rows
}

/// "CloudWatch Logs Insights automatically discovers log fields" of JSON, beside the two that it makes.
fn rows(lines: Vec<String>) -> Vec<Row> {
    let fields = lines.into_iter().map(|line| {
        let mut row: Row = serde_json::from_str(&line).unwrap_or_default();
        if let Some(time) = row.get("timestamp").cloned() {
            row.insert("@timestamp".to_owned(), time);
        }
        row.insert("@message".to_owned(), json!(line));
        row
    });
    fields.collect()
}
