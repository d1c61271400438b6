//! `countersign doctor --learn`: what AWS does where no document says it.
//!
//! It makes the stack of `infra/learn.yaml`, sends the requests of [`probes`], and deletes the stack, whatever happens. The answers
//! are compared with those of `local`, which does what Countersign assumes: a difference in a row of [`unknowns`] is an answer.
//! `observed` has the file of `local`, and each that somebody has sent: a test takes up all of them.

mod client;
mod doors;
mod here;
mod learned;
mod probes;
mod stack;
mod table;
mod template;
mod unknowns;
mod verdict;

use crate::{
    aws::Aws,
    output::{Format, Hint, command},
};
use anyhow::{Context as _, Error, Result, anyhow, ensure};
use clap::Args;
use client::Client;
use here::Here;
use learned::{FILE, Learned, Place};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};
use tempfile::NamedTempFile;
use verdict::Verdict;

/// The result of a run on `local`, which is what Countersign assumes.
const LOCAL: &str = include_str!("observed/local.json");

#[derive(Args)]
#[command(next_help_heading = "What AWS does")]
pub(crate) struct LearnOptions {
    /// Settle what no document says: make four APIs and a distribution of their own, ask them, and delete them. It takes about ten
    /// minutes and costs nothing worth naming
    #[arg(long, conflicts_with_all = ["api_url", "distribution", "stack", "path"])]
    learn: bool,
    /// Where to ask [default: aws]
    #[arg(long, value_enum, value_name = "PLACE", requires = "learn")]
    on: Option<Place>,
    /// The new file with the answers, which you can send us [default: learned.json]
    #[arg(long, value_name = "FILE", requires = "learn")]
    output: Option<PathBuf>,
    /// Show what such a file says, and ask nothing
    #[arg(long, value_name = "FILE", requires = "learn", conflicts_with_all = ["on", "output"])]
    from: Option<PathBuf>,
    /// Delete what earlier runs have left, and ask nothing
    #[arg(long, requires = "learn", conflicts_with_all = ["on", "output", "from"])]
    clean: bool,
}

impl LearnOptions {
    pub(crate) fn is_asked(&self) -> bool {
        self.learn
    }
}

pub(crate) async fn run(options: &LearnOptions, aws: &Aws<'_>, format: Format) -> Result<ExitCode> {
    if options.clean {
        stack::clean(aws).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let assumed = Learned::from_json(LOCAL).context("the file of `local` in this program")?;
    let (learned, errors, file) = match &options.from {
        Some(file) => (read(file).with_context(|| format!("{} cannot be read", file.display()))?, Vec::new(), None),
        None => {
            let file = options.output.clone().unwrap_or_else(|| PathBuf::from("learned.json"));
            // Before anything is made.
            refuse_existing(&file)?;
            let (learned, private, errors) = match options.on.unwrap_or(Place::Aws) {
                Place::Local => on_local().await?,
                Place::Aws => stack::learn(aws).await?,
            };
            write(&file, &learned.to_json(&private)?)
                .with_context(|| format!("{} cannot be written", file.display()))?;
            (learned, errors, Some(file))
        }
    };
    let verdicts = verdict::verdicts(&learned, &assumed);
    table::print(&learned, &verdicts, format)?;
    for error in &errors {
        progress(format_args!("no answer: {error}"));
    }
    if let Some(file) = file {
        progress(format_args!("written: {}", file.display()));
    }
    let is_missing = verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::NotObserved(_)));
    Ok(if is_missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The result, what must not be in its file, and what could not be observed.
type Run = (Learned, Vec<String>, Vec<String>);

async fn on_local() -> Result<Run> {
    let here = Here::start().await.map_err(|error| {
        let hint = "the observing function of infra/learn.yaml runs in Node: install Node 20 or newer";
        error.context(Hint(hint.to_owned()))
    })?;
    let observed = here.doors.observe(&Client::new()).await;
    let errors = observed.errors.clone();
    Ok((Learned::on_local(observed.observations), here.doors.private(), errors))
}

fn refuse_existing(file: &Path) -> Result<()> {
    if !file.try_exists().unwrap_or(false) {
        return Ok(());
    }
    let hint = Hint("give a new file with --output".to_owned());
    Err(anyhow!("{} exists, and is not overwritten", file.display()).context(hint))
}

fn read(file: &Path) -> Result<Learned> {
    let mut text = String::new();
    File::open(file)?.take(FILE + 1).read_to_string(&mut text)?;
    ensure!(u64::try_from(text.len()).is_ok_and(|length| length <= FILE), "it is longer than {FILE} bytes");
    Learned::from_json(&text)
}

/// Whole, or not at all.
fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut written = NamedTempFile::new_in(folder)?;
    written.write_all(text.as_bytes())?;
    written.as_file().sync_all()?;
    written.persist_noclobber(file).map_err(|error| Error::new(error.error))?;
    Ok(())
}

/// A line on standard error, for the person who waits.
fn progress(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A command of the AWS command line with the options of this run, for a person.
fn by_hand(aws: &Aws<'_>, words: &[&str]) -> String {
    let region = aws.region.map(|region| ["--region", region]);
    let profile = aws.profile.map(|profile| ["--profile", profile]);
    command(["aws"].into_iter().chain(words.iter().copied()).chain(region.into_iter().chain(profile).flatten()))
}

#[cfg(test)]
fn local() -> Learned {
    Learned::from_json(LOCAL).unwrap()
}

/// The files of the folder, by name.
#[cfg(test)]
fn observed_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor/learn/observed");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read_to_string(file.path()).unwrap())).collect()
}
