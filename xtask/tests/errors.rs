//! What the program prints when it fails: each cause once. It fails too if its output cannot be written.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs::OpenOptions, io::pipe, process::Command};

/// `cargo xtask` with one variable set.
#[track_caller]
fn check(arguments: &[&str], variable: (&str, &str), expected: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).envs([variable]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.lines().last()), (Some(1), Some(expected)), "{error}");
}

#[test]
fn a_missing_tool_is_named_with_what_to_do() {
    check(
        &["typos"],
        ("PATH", "/nowhere"),
        "error: Node is needed: install Node 20 or newer: command not found: `node`",
    );
}

/// The error of `cargo_metadata` repeats its source.
#[test]
fn a_missing_cargo_is_told_once() {
    let expected = "error: failed to start `cargo metadata`: No such file or directory (os error 2)";
    check(&["typos"], ("CARGO", "/nowhere/cargo"), expected);
    check(&["deny"], ("CARGO", "/nowhere/cargo"), expected);
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_fails() {
    for arguments in [&["--help"][..], &["help"], &["package", "--help"]] {
        let xtask = || {
            let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
            xtask.args(arguments);
            xtask
        };
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = xtask().stdout(full).output().unwrap();
        let expected = "error: standard output cannot be written: No space left on device (os error 28)\n";
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(1), expected));

        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = xtask().stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), &b""[..]));
    }
}
