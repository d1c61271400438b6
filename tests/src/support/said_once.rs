//! An error says each of its causes once.

use regex::Regex;
use serde_json::Value;

/// Asserts that no part of an error, as colons divide it, is there a second time.
#[track_caller]
pub(crate) fn assert_said_once(error: &str) {
    assert_eq!(said_twice(error), None, "{error}");
}

/// Asserts it of each `detail` and each `error` in a line of a log, or in what a command prints as JSON.
#[track_caller]
pub(crate) fn assert_json_said_once(value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "detail" || name == "error" => assert_said_once(text),
                    _ => assert_json_said_once(value),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(assert_json_said_once),
        _ => {}
    }
}

/// A part of at least two words that is there twice, also in the middle of another part.
fn said_twice(error: &str) -> Option<&str> {
    let parts = error.split(": ").flat_map(|part| part.split("; ")).map(str::trim);
    let mut parts = parts.filter(|part| part.contains(' '));
    parts.find(|part| error.matches(part).count() > 1 || is_the_same_number(part, error))
}

/// The number that a system gives to an error is there twice, whatever the words around it are.
fn is_the_same_number(part: &str, error: &str) -> bool {
    let number = Regex::new(r"\(os error [0-9]+\)").unwrap();
    number.find(part).is_some_and(|number| error.matches(number.as_str()).count() > 1)
}

#[test]
fn a_repeated_cause_is_found() {
    for (error, expected) in [
        ("cannot listen: in use (os error 98)", None),
        ("cannot listen: in use (os error 98): in use (os error 98)", Some("in use (os error 98)")),
        (
            "cannot listen: in use (os error 98) at path /x: in use (os error 98)",
            Some("in use (os error 98) at path /x"),
        ),
        ("cannot listen: cannot listen: in use", Some("cannot listen")),
        ("no keys; no keys", Some("no keys")),
        ("k1: k1: in use", None),
        ("AWS denies it (Denied: User: x)", None),
    ] {
        assert_eq!(said_twice(error), expected, "{error}");
    }
}
