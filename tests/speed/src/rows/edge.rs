//! The edge function in Node: warm, in a fresh process, and with a body.

use crate::{
    aws,
    bounds::{BODY, BODY_NODE, EDGE, EDGE_FETCHED, EDGE_FRESH},
    run::Run,
    workers::Side::{Node, Rust},
};
use anyhow::{Context as _, Result};
use serde::Deserialize;

pub(crate) fn warm(run: &mut Run<'_>) -> Result<()> {
    let [ours, hand] = run.measure([(Node, "edge-ours"), (Node, "edge-hand")])?;
    run.compare(&EDGE, &ours, &hand);
    Ok(())
}

pub(crate) fn body(run: &mut Run<'_>) -> Result<()> {
    let [ours, hand, sha256, base64] =
        run.measure([(Node, "body-ours"), (Node, "body-hand"), (Rust, "sha256"), (Rust, "base64")])?;
    run.compare(&BODY, &ours, &sha256.plus(&base64));
    run.compare(&BODY_NODE, &ours, &hand);
    Ok(())
}

/// What `cold.mjs` prints.
#[derive(Deserialize)]
struct Cold {
    load_ms: f64,
    first_ms: f64,
}

pub(crate) fn fresh(run: &mut Run<'_>) -> Result<()> {
    let [ours, hand] = run.start("edge, key in a file", [None, Some("./signer-file.mjs")], COLD, |run, by_hand| {
        cold(run, by_hand, "edge.json", None)
    })?;
    let [ours, hand] = [ours, hand].map(|[load, first]| load.plus(&first));
    run.compare(&EDGE_FRESH, &ours, &hand);
    Ok(())
}

pub(crate) fn fetched(run: &mut Run<'_>) -> Result<()> {
    let endpoint = aws::with_secret(&run.fixtures.secret)?;
    let [ours, hand] = run.start("edge, key fetched", [None, Some("./signer-sdk.mjs")], COLD, |run, by_hand| {
        cold(run, by_hand, "edge-arn.json", Some(&endpoint))
    })?;
    let [ours, hand] = [ours, hand].map(|[load, first]| load.plus(&first));
    run.compare(&EDGE_FETCHED, &ours, &hand);
    Ok(())
}

const COLD: [&str; 2] = ["load", "first signature"];

/// A fresh process, of ours unless there is a module: the nanoseconds of its load, and of its first signature.
fn cold(run: &Run<'_>, module: Option<&str>, event: &str, endpoint: Option<&str>) -> Result<[f64; 2]> {
    let mut command = run.environment.node("cold.mjs");
    match module {
        None => command.arg(run.environment.edge_function()),
        Some(module) => command.arg(module),
    };
    command.arg(run.fixtures.path(event));
    if let Some(endpoint) = endpoint {
        command.env("AWS_ENDPOINT_URL", endpoint);
    }
    let printed = run.environment.output(command)?;
    let last = printed.lines().last().unwrap_or_default();
    let Cold { load_ms, first_ms } =
        serde_json::from_str(last).with_context(|| format!("cold.mjs printed {last:?}"))?;
    Ok([load_ms * 1e6, first_ms * 1e6])
}
