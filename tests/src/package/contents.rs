//! The files of `cargo xtask package`: their contents, and their sums.

use crate::support::artifacts::{archive, dist};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::{self};
use zip::DateTime;

fn text(name: &str) -> String {
    fs::read_to_string(dist().join(name)).unwrap()
}

fn sum(name: &str) -> impl AsRef<[u8]> {
    Sha256::digest(fs::read(dist().join(name)).unwrap())
}

#[test]
fn each_has_its_files_with_their_modes_and_no_time() {
    let bootstrap = &[("bootstrap", 0o100_755)][..];
    for (name, expected) in [
        ("edge-signer.zip", &[("edge-signer.node", 0o100_755), ("index.mjs", 0o100_644)][..]),
        ("authorizer.zip", bootstrap),
        ("rotator.zip", bootstrap),
    ] {
        let mut archive = archive(name);
        let mut found = Vec::new();
        for index in 0..archive.len() {
            let file = archive.by_index(index).unwrap();
            assert_eq!(file.last_modified(), Some(DateTime::DEFAULT), "{name}");
            found.push((file.name().unwrap().into_owned(), file.unix_mode().unwrap()));
        }
        let found: Vec<_> = found.iter().map(|(name, mode)| (name.as_str(), *mode)).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_sums_and_the_parameters_are_those_of_the_zips() {
    let line = |name: &str| {
        let hex: String = sum(name).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hex}  {name}\n")
    };
    let sums: String = ["edge-signer.zip", "authorizer.zip", "rotator.zip"].map(line).concat();
    assert_eq!(text("SHA256SUMS"), sums);

    let code = STANDARD.encode(sum("edge-signer.zip"));
    for (name, key, value) in
        [("edge-parameters.json", "CodeSha256", code.as_str()), ("api-parameters.json", "Architecture", "x86_64")]
    {
        let parameters: Value = serde_json::from_str(&text(name)).unwrap();
        assert_eq!(parameters, json!([format!("{key}={value}")]), "{name}");
    }
}
