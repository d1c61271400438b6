//! What is measured of our own code in process: the rules, the authorizer and the edge signer, each as a [`Bench`].

#![expect(clippy::unwrap_used, reason = "a benchmark stops if anything is not as it should be")]

mod edge;
mod event;
mod log;
mod rules;

use anyhow::{Result, bail};
use speed_common::Bench;
use std::path::Path;

/// The bench of this name, with the fixtures of this folder.
///
/// # Errors
/// If the name is unknown.
pub fn bench(fixtures: &Path, name: &str) -> Result<Bench> {
    let (name, argument) = name.split_once('@').unwrap_or((name, ""));
    Ok(match name {
        "floor" => rules::floor(fixtures),
        "hmac" => rules::hmac(fixtures),
        "sign" => rules::sign(fixtures),
        "verify" => rules::verify(fixtures),
        "event" => event::decide(fixtures, argument),
        "scan" => event::scan(fixtures, argument),
        "log" => log::line(),
        "log-plainly" => log::line_plainly(),
        "edge" => edge::sign(fixtures, argument),
        _ => bail!("there is no bench {name:?}"),
    })
}
