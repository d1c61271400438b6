//! `cargo xtask package`: the files from which a stack is deployed.

use crate::{
    archive::{Entry, zip},
    lambda::{Architecture, LIMITS},
    output::line,
    zigbuild,
};
use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{fs, path::Path};
use xshell::Shell;

/// The files at the end. The first is written last and removed first, so that if it exists, all exist.
const FILES: [&str; 6] =
    ["SHA256SUMS", "edge-parameters.json", "api-parameters.json", "edge-signer.zip", "authorizer.zip", "rotator.zip"];

/// Fills this folder. Other files in it stay.
pub(crate) fn package(shell: &Shell, dist: &Path, architecture: Architecture) -> Result<()> {
    let programs = zigbuild::build(shell, architecture)?;
    let cannot_be_written = || format!("{} cannot be written", dist.display());
    // The old files are not of these programs: if the new programs are refused, nobody must use the old files by
    // mistake.
    withdraw(dist).with_context(cannot_be_written)?;

    let addon = program(&programs, "edge-signer/edge-signer.node", Architecture::X86_64)?;
    let index = fs::read(programs.join("edge-signer/index.mjs"))?;
    let edge = zip(&[
        Entry { name: "edge-signer.node", mode: 0o755, bytes: &addon },
        Entry { name: "index.mjs", mode: 0o644, bytes: &index },
    ])?;
    LIMITS.check_edge_zip(&edge).context("edge-signer.zip")?;
    let bootstrap = |name| {
        let program = program(&programs, name, architecture)?;
        zip(&[Entry { name: "bootstrap", mode: 0o755, bytes: &program }])
    };
    let (authorizer, rotator) = (bootstrap("authorizer/bootstrap")?, bootstrap("rotator/bootstrap")?);

    let (mut sums, mut summary) = (String::new(), Vec::new());
    for (name, zip) in [("edge-signer.zip", &edge), ("authorizer.zip", &authorizer), ("rotator.zip", &rotator)] {
        let sum = sha256(zip);
        summary.push(format!("{name:<15}  {:>9} bytes  SHA-256 {sum}  {}", zip.len(), code_sha256(zip)));
        sums += &format!("{sum}  {name}\n");
    }
    let edge_parameters = parameters("CodeSha256", &code_sha256(&edge));
    let api_parameters = parameters("Architecture", architecture.name());
    let contents: [&[u8]; 6] =
        [sums.as_bytes(), edge_parameters.as_bytes(), api_parameters.as_bytes(), &edge, &authorizer, &rotator];
    publish(dist, &contents).with_context(cannot_be_written)?;
    // When the files are complete, so that they are also complete if this cannot be printed.
    summary.iter().try_for_each(line)
}

/// The bytes of a program, if Lambda can run it.
fn program(programs: &Path, name: &str, architecture: Architecture) -> Result<Vec<u8>> {
    let program = fs::read(programs.join(name))?;
    LIMITS.check_program(&program, architecture).with_context(|| name.to_owned())?;
    Ok(program)
}

fn withdraw(dist: &Path) -> Result<()> {
    for name in FILES {
        match fs::remove_file(dist.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context(name),
            _ => {}
        }
    }
    Ok(())
}

/// Writes all files before any has its name, and renames them in an order that shows whether all are complete.
fn publish(dist: &Path, contents: &[&[u8]; 6]) -> Result<()> {
    fs::create_dir_all(dist)?;
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(dist)?;
    for (name, content) in FILES.iter().zip(contents) {
        fs::write(unfinished.path().join(name), content)?;
    }
    for name in FILES.iter().rev() {
        fs::rename(unfinished.path().join(name), dist.join(name))?;
    }
    Ok(())
}

/// A line in the form of `sha256sum`.
fn sha256(zip: &[u8]) -> String {
    hex::encode(Sha256::digest(zip))
}

/// The sum in Lambda's form, for `CodeSha256` of `AWS::Lambda::Version` in CloudFormation.
fn code_sha256(zip: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

/// The parameters in the form of `aws cloudformation deploy --parameter-overrides file://…`.
///
/// Version 1 of the command line refuses the list of objects that version 2 takes too.
fn parameters(key: &str, value: &str) -> String {
    format!("{}\n", json!([format!("{key}={value}")]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [&[u8]; 6] = [b"old"; 6];
    const NEW: [&[u8]; 6] = [b"new"; 6];

    fn listed(dist: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dist).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn our_files_are_replaced_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path().join("made/for/it");
        withdraw(&dist).unwrap();
        publish(&dist, &OLD).unwrap();
        fs::write(dist.join("notes"), "mine").unwrap();
        publish(&dist, &NEW).unwrap();
        assert!(FILES.iter().all(|name| fs::read(dist.join(name)).unwrap() == b"new"));
        let mut expected: Vec<_> = FILES.into_iter().chain(["notes"]).collect();
        expected.sort_unstable();
        assert_eq!(listed(&dist), expected);
        withdraw(&dist).unwrap();
        assert_eq!(listed(&dist), ["notes"]);
    }

    /// If a folder has the name of a zip, the renaming stops there.
    #[test]
    fn an_interrupted_run_has_no_sums_and_no_parameters() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path();
        fs::create_dir_all(dist.join("edge-signer.zip/full")).unwrap();
        publish(dist, &NEW).unwrap_err();
        assert_eq!(listed(dist), ["authorizer.zip", "edge-signer.zip", "rotator.zip"]);
    }

    /// The sums are those of FIPS 180-4's example "abc".
    #[test]
    fn sums_and_parameters_are_written_in_the_form_of_their_readers() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(code_sha256(b"abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(parameters("Key", "a+/="), "[\"Key=a+/=\"]\n");
    }
}
