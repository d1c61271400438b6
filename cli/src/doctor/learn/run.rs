//! What a run in an account and one on this machine have in common.

use crate::{aws::Aws, doctor::learn::learned::Learned, output::command, progress::beside};
use anyhow::Error;
use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// What came of a run.
pub(super) struct Run {
    pub(super) learned: Learned,
    /// What must not be in its file.
    pub(super) private: Vec<String>,
    /// What could not be observed.
    pub(super) errors: Vec<String>,
    /// Why something is left in the account.
    pub(super) left: Option<Error>,
}

/// A line on standard error that stays.
pub(super) fn say(text: impl Display) {
    beside(|| {
        let _ = writeln!(io::stderr(), "{text}");
    });
}

/// A command of the AWS command line with the options of this run, for a person.
pub(super) fn by_hand(aws: &Aws<'_>, words: &[&str]) -> String {
    with_options(aws, "aws", words)
}

/// The command that deletes what runs have left.
pub(super) fn clean_by_hand(aws: &Aws<'_>) -> String {
    with_options(aws, "countersign", &["doctor", "--learn", "--clean"])
}

fn with_options(aws: &Aws<'_>, program: &str, words: &[&str]) -> String {
    let region = aws.region.map(|region| ["--region", region]);
    let profile = aws.profile.map(|profile| ["--profile", profile]);
    command([program].into_iter().chain(words.iter().copied()).chain(region.into_iter().chain(profile).flatten()))
}
