//! Where the programs under test are.

use std::{fs::File, path::PathBuf};
use zip::ZipArchive;

/// A program or file that `cargo xtask test` has put in place.
#[track_caller]
pub(crate) fn artifact(name: &str) -> PathBuf {
    let folder = std::env::var_os("COUNTERSIGN_ARTIFACTS")
        .expect("COUNTERSIGN_ARTIFACTS is not set: run `cargo xtask test`, which builds what these tests run");
    let path = PathBuf::from(folder).join(name);
    assert!(path.exists(), "{} is not there: run `cargo xtask test`", path.display());
    path
}

/// The folder of the packages.
#[track_caller]
pub(crate) fn dist() -> PathBuf {
    std::env::var_os("COUNTERSIGN_DIST")
        .expect("COUNTERSIGN_DIST is not set: run `cargo xtask test`, which makes the packages")
        .into()
}

/// The zip of that name in it.
pub(crate) fn archive(name: &str) -> ZipArchive<File> {
    let path = dist().join(name);
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    ZipArchive::new(file).unwrap()
}

/// The Python that has the outside judge installed.
#[track_caller]
pub(crate) fn judge_python() -> PathBuf {
    std::env::var_os("COUNTERSIGN_JUDGE_PYTHON")
        .expect("COUNTERSIGN_JUDGE_PYTHON is not set: run `cargo xtask test`, which installs the judge")
        .into()
}

/// The Python that has moto installed.
#[track_caller]
pub(crate) fn moto_python() -> PathBuf {
    std::env::var_os("COUNTERSIGN_MOTO_PYTHON")
        .expect("COUNTERSIGN_MOTO_PYTHON is not set: run `cargo xtask test`, which installs moto")
        .into()
}

/// The Python that has cfn-lint installed.
#[track_caller]
pub(crate) fn templates_python() -> PathBuf {
    std::env::var_os("COUNTERSIGN_TEMPLATES_PYTHON")
        .expect("COUNTERSIGN_TEMPLATES_PYTHON is not set: run `cargo xtask test`, which installs cfn-lint")
        .into()
}

/// The Python that has LocalStack and the AWS command line installed.
#[track_caller]
pub(crate) fn localstack_python() -> PathBuf {
    std::env::var_os("COUNTERSIGN_LOCALSTACK_PYTHON")
        .expect("COUNTERSIGN_LOCALSTACK_PYTHON is not set: run `cargo xtask test`, which installs LocalStack")
        .into()
}

/// Version 2 of the AWS command line.
#[track_caller]
pub(crate) fn aws_cli_2() -> PathBuf {
    std::env::var_os("COUNTERSIGN_AWS_CLI_2")
        .expect("COUNTERSIGN_AWS_CLI_2 is not set: run `cargo xtask test`, which installs the command line")
        .into()
}

/// The shell that macOS has.
#[track_caller]
pub(crate) fn zsh() -> PathBuf {
    std::env::var_os("COUNTERSIGN_ZSH")
        .expect("COUNTERSIGN_ZSH is not set: run `cargo xtask test`, which finds zsh or installs it")
        .into()
}

#[track_caller]
pub(crate) fn shellcheck() -> PathBuf {
    std::env::var_os("COUNTERSIGN_SHELLCHECK")
        .expect("COUNTERSIGN_SHELLCHECK is not set: run `cargo xtask test`, which installs ShellCheck")
        .into()
}

/// The folder with the `node` that Lambda runs the signer in.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[track_caller]
pub(crate) fn lambda_node() -> PathBuf {
    std::env::var_os("COUNTERSIGN_LAMBDA_NODE")
        .expect("COUNTERSIGN_LAMBDA_NODE is not set: run `cargo xtask test`, which installs Node")
        .into()
}

/// A file of `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
