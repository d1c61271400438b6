//! What users of Rust take instead of ours, each as a [`Bench`]: the crate `httpsig`, typed events, and a bare authorizer, which is
//! also the floor of a process; and the floors of hashing a body.

#![expect(clippy::unwrap_used, reason = "a benchmark stops if anything is not as it should be")]

mod bare;
mod body;
mod fetch;
mod httpsig;
mod log;
mod typed;

pub use bare::decide;
pub use fetch::fetch;

use anyhow::{Result, bail};
use signing::KeySet;
use speed_common::Bench;
use std::{
    fs::{self, OpenOptions},
    hint::black_box,
    io::Write as _,
    path::Path,
};

/// The bench of this name, with the fixtures of this folder.
///
/// # Errors
/// If the name is unknown.
pub fn bench(fixtures: &Path, name: &str) -> Result<Bench> {
    Ok(match name {
        "httpsig-sign" => httpsig::sign(fixtures),
        "httpsig-verify" => httpsig::verify(fixtures),
        "bare" => event(fixtures, decide),
        "typed" => event(fixtures, typed::decide),
        "sha256" => body::sha256(),
        "base64" => body::base64(),
        _ => bail!("there is no bench {name:?}"),
    })
}

/// From an event to its answer, with the line of the log.
fn event(fixtures: &Path, decide: impl Fn(&str, &KeySet) -> (String, String) + 'static) -> Bench {
    let event = fs::read_to_string(fixtures.join("rest.json")).unwrap();
    let keys = KeySet::from_json(&fs::read_to_string(fixtures.join("keys.json")).unwrap()).unwrap();
    let (admitted, _) = decide(&event, &keys);
    assert!(admitted.contains("Allow") && admitted.contains("verified"), "{admitted}");
    let nowhere = OpenOptions::new().write(true).open("/dev/null").unwrap();
    Box::new(move |rounds| {
        for _ in 0..rounds {
            let (answer, line) = decide(black_box(&event), &keys);
            (&nowhere).write_all(line.as_bytes()).unwrap();
            assert!(black_box(answer).len() == admitted.len(), "every request is admitted");
        }
    })
}
