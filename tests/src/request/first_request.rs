//! How long the first request at an edge takes, whose keys have to be fetched: the real function, and the same in JavaScript
//! with the AWS SDK, side by side against the fake AWS.

use crate::{
    fake_aws::FakeAws,
    request::support::edge_events::{event_of, verify},
    support::{
        artifacts::{artifact, peer_modules},
        aws_clients::aws_variables,
        keys::key_set,
        patience::PATIENCE,
    },
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::{process::Command, time::timeout};

const ROUNDS: usize = 9;

/// A viewer waits for a cold start at the edge. Only loading the SDK of JavaScript takes longer than our whole start.
#[tokio::test(flavor = "multi_thread")]
async fn it_takes_at_most_half_the_time_of_javascript_with_the_aws_sdk() {
    let aws = FakeAws::start().await;
    let arn = aws.create_secret("eu-west-1", "keys", &key_set().to_json(), &[]);
    let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/handler.mjs");
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (function, took) in [artifact("edge-signer/index.mjs"), theirs.clone()].into_iter().zip(&mut took) {
            took.push(first_request(&aws, &arn, function).await);
        }
    }
    assert_eq!(aws.count("GetSecretValue"), 2 * ROUNDS, "each process has fetched its keys");
    let [ours, theirs] = took.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    println!("first request, keys fetched: {ours:.1} ms; in JavaScript {theirs:.1} ms; ratio {:.2}", ours / theirs);
    assert!(ours <= 0.5 * theirs, "{ours} ms against {theirs} ms");
}

/// The milliseconds that a new process takes for a valid signature.
async fn first_request(aws: &FakeAws, arn: &str, function: PathBuf) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/first_request.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(function).arg(event_of(arn).to_string()).kill_on_drop(true);
    node.envs(aws_variables(aws.endpoint(), "eu-west-1")).env("COUNTERSIGN_PEER", peer_modules());
    let output = timeout(PATIENCE, node.output()).await.expect("it ends").unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let printed: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(verify(&printed["result"]), Ok(()));
    printed["milliseconds"].as_f64().unwrap()
}
