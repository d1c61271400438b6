//! Sets `COUNTERSIGN_VERSION` for `telemetry::VERSION`: the version, and the git commit if there is one.
//!
//! `COUNTERSIGN_COMMIT` takes the place of git's answer; if it is empty, the version has no commit.

use std::{env, path::Path, process::Command};

/// The root of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn main() {
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_COMMIT");
    let commit = env::var("COUNTERSIGN_COMMIT").ok().or_else(commit_of_checkout).unwrap_or_default();
    // A line feed would be another instruction to Cargo.
    let is_one_word = commit.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    assert!(is_one_word, "COUNTERSIGN_COMMIT is {commit:?}: accepted are A-Z a-z 0-9 . _ -");
    let version = env!("CARGO_PKG_VERSION");
    let commit = if commit.is_empty() { commit } else { format!(" ({commit})") };
    println!("cargo::rustc-env=COUNTERSIGN_VERSION={version}{commit}");
}

/// The commit, if the workspace is the root of a checkout. A checkout around an unpacked archive has other commits.
fn commit_of_checkout() -> Option<String> {
    if !Path::new(ROOT).join(".git").exists() {
        return None;
    }
    // A commit leaves HEAD as it is and adds to its log. Cargo would build anew each time for a path that does not exist.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file]).map(|path| Path::new(ROOT).join(path));
        if let Some(path) = path.filter(|path| path.exists()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(ROOT).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
