//! A golden file: commands, each with its exit status and what it prints.

use regex::Regex;
use snapbox::{Assert, Data, RedactedValue, Redactions, assert::DEFAULT_ACTION_ENV};
use std::{fmt::Write as _, fs, path::PathBuf};

/// A file of `failures`, and what its commands print now.
pub(crate) struct Golden {
    path: PathBuf,
    redactions: Redactions,
    seen: String,
}

impl Golden {
    /// The file of that name. It leaves open times, ids and the numbers that a system gives to its errors. Distances are
    /// compared: `[TIME] (in 2 h)`.
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/failures").join(name);
        let mut golden = Self { path, redactions: Redactions::new(), seen: String::new() };
        golden.redact("[TIME]", Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z").unwrap());
        golden.redact("[ERRNO]", Regex::new(r"\(os error (?<redacted>[0-9]+)\)").unwrap());
        golden.redact(
            "[ID]",
            Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z-[0-9a-f]{12}").unwrap(),
        );
        golden.redact("[RANDOM]", Regex::new(r"\.tmp-?(?<redacted>[0-9A-Za-z]{6})").unwrap());
        golden
    }

    /// Leaves something open.
    pub(crate) fn redact(&mut self, placeholder: &'static str, value: impl Into<RedactedValue>) {
        self.redactions.insert(placeholder, value).unwrap();
    }

    /// The commands in it.
    pub(crate) fn commands(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        text.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
    }

    /// Says under which circumstances the next command runs.
    pub(crate) fn note(&mut self, text: &str) {
        writeln!(self.seen, "# {text}").unwrap();
    }

    /// Adds what a command printed.
    pub(crate) fn ran(&mut self, command: &str, status: Option<i32>, out: &str, error: &str) {
        let status = status.map_or("signal".to_owned(), |status| status.to_string());
        writeln!(self.seen, "$ {command}\nexit status {status}").unwrap();
        for (stream, text) in [("out|", out), ("err|", error)] {
            for line in text.lines() {
                let space = if line.is_empty() { "" } else { " " };
                writeln!(self.seen, "{stream}{space}{line}").unwrap();
            }
        }
        self.seen.push('\n');
    }

    /// Compares the file with what was added. `SNAPSHOTS=overwrite` writes the file anew.
    #[track_caller]
    pub(crate) fn compare(self) {
        let assert = Assert::new().action_env(DEFAULT_ACTION_ENV).redact_with(self.redactions);
        assert.eq(self.seen, Data::read_from(&self.path, None));
    }
}
