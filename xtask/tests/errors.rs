//! What the program prints when it fails: each cause once.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

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
