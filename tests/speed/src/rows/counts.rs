//! What is counted and needs no quiet machine: allocations and sizes.

use crate::{
    bounds::{
        ADDON_SIZE, AUTHORIZER_SIZE, BODY_HELD, EDGE_ZIP_SIZE, EVENT_ALLOCATIONS, ROTATOR_SIZE, SIGN_ALLOCATIONS,
        VERIFY_ALLOCATIONS,
    },
    run::Run,
};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path};

/// What the program `allocations` prints about one round.
#[derive(Deserialize)]
struct Counted {
    allocations: f64,
    most_bytes: f64,
}

pub(crate) fn all(run: &mut Run<'_>) -> Result<()> {
    const BODY: &str = "edge@edge-body.json";
    const EVENT: &str = "event@rest.json";
    let mut command = run.environment.command(&run.environment.program("allocations"));
    command.arg(run.fixtures.folder()).args(["sign", "verify", EVENT, BODY]);
    let printed = run.environment.output(command)?;
    let counted: BTreeMap<String, Counted> = serde_json::from_str(&printed).context("what allocations printed")?;
    let of = |name: &str| counted.get(name).with_context(|| format!("nothing was counted of {name}"));
    run.count(&SIGN_ALLOCATIONS, of("sign")?.allocations);
    run.count(&VERIFY_ALLOCATIONS, of("verify")?.allocations);
    run.count(&EVENT_ALLOCATIONS, of(EVENT)?.allocations);
    run.count(&BODY_HELD, of(BODY)?.most_bytes);
    for (row, file) in [
        (&ADDON_SIZE, run.environment.function("edge-signer/edge-signer.node")),
        (&AUTHORIZER_SIZE, run.environment.function("authorizer/bootstrap")),
        (&ROTATOR_SIZE, run.environment.function("rotator/bootstrap")),
        (&EDGE_ZIP_SIZE, run.environment.package("edge-signer.zip")),
    ] {
        run.count(row, size(&file)?);
    }
    Ok(())
}

#[expect(clippy::as_conversions, reason = "the size of a program is far below 2^52")]
fn size(file: &Path) -> Result<f64> {
    Ok(fs::metadata(file).with_context(|| file.display().to_string())?.len() as f64)
}
