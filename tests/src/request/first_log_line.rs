//! The first line of each function's log: an operator sees which version runs.

use crate::{
    request::support::edge_events::event_of,
    support::{bootstrap::Bootstrap, edge_process::EdgeProcess, keys::Keys},
};
use serde_json::Value;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

#[tokio::test]
async fn a_function_logs_its_version_first_and_once() {
    let keys = Keys::new();
    let source = keys.source();
    for (function, variables) in [
        ("authorizer", vec![("COUNTERSIGN_SECRET", source.as_str())]),
        ("rotator", vec![("COUNTERSIGN_SECRET", ARN), ("COUNTERSIGN_ROTATE", "secret")]),
    ] {
        let process = Bootstrap::of(function, &variables).await;
        process.invoke("{}").await;
        check(&process.whole_log().await, function);
    }
    let edge = EdgeProcess::start().await;
    let event = event_of(&source);
    check(&edge.whole_log_of(&event).await, "edge-signer");
    assert_eq!(edge.whole_log_of(&event).await, Vec::<Value>::new(), "a signed request has no line");
}

#[track_caller]
fn check(log: &[Value], function: &str) {
    assert_eq!(log[0]["event"], "function-started", "{function}: {log:?}");
    assert_eq!(log[0]["version"], telemetry::VERSION, "{function}");
    assert_eq!(log.iter().filter(|line| line["event"] == "function-started").count(), 1, "{function}: {log:?}");
}
