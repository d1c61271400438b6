//! `countersign doctor --learn`: what AWS does where no document says it.
//!
//! It makes the stack of `infra/learn.yaml`, sends the requests of [`probes`], and deletes the stack, whatever happens. The answers
//! are compared with those of `local`, which does what Countersign assumes: a difference in a row of [`unknowns`] is an answer.
//! `observed` has the file of `local`, and each that somebody has sent: a test takes up all of them.

mod client;
mod decided;
mod doors;
mod here;
mod learned;
mod probes;
mod run;
mod signals;
mod stack;
mod table;
mod template;
mod unknowns;
mod verdict;

use crate::{
    aws::Aws,
    diagnosis::printable::printable,
    output::{self, Format, Hint},
    progress::{Interrupt, Progress},
};
use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use clap::Args;
use client::Client;
use doors::PAUSE;
use here::Here;
use learned::{FILE, Learned, Place};
use run::{Run, say};
use signals::Signals;
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

/// The options about a deployed API, by the names that clap gives to their structures.
const DEPLOYED: [&str; 2] = ["TargetOptions", "RequestOptions"];

#[derive(Args)]
#[command(next_help_heading = "What AWS does")]
pub(crate) struct LearnOptions {
    /// Settle what no document says: make four APIs and a distribution of their own, ask them, and delete them. It takes about ten
    /// minutes and costs nothing worth naming
    #[arg(long, conflicts_with_all = DEPLOYED)]
    learn: bool,
    /// Where to ask [default: aws]
    #[arg(long, value_enum, value_name = "PLACE", requires = "learn", conflicts_with_all = DEPLOYED)]
    on: Option<Place>,
    /// The new file with the answers, which you can send us [default: learned.json]
    #[arg(long, value_name = "FILE", requires = "learn", conflicts_with_all = DEPLOYED)]
    output: Option<PathBuf>,
    /// Show what such a file says, and ask nothing
    #[arg(long, value_name = "FILE", requires = "learn", conflicts_with_all = ["on", "output"], conflicts_with_all = DEPLOYED)]
    from: Option<PathBuf>,
    /// Delete what runs have left in this account and Region, and ask nothing. A run of somebody else that is under way there ends too
    #[arg(long, requires = "learn", conflicts_with_all = ["on", "output", "from"], conflicts_with_all = DEPLOYED)]
    clean: bool,
}

impl LearnOptions {
    pub(crate) fn is_asked(&self) -> bool {
        self.learn
    }
}

pub(crate) async fn run(options: &LearnOptions, aws: &Aws<'_>, format: Format) -> Result<ExitCode> {
    if options.clean {
        let _progress = Progress::start_with("looking for stacks", Interrupt::IsHandled);
        stack::clean(aws).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let assumed = Learned::from_json(LOCAL).context("the file of `local` in this program")?;
    if let Some(file) = &options.from {
        let learned = read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        return show(&learned, &assumed, format);
    }
    let file = options.output.clone().unwrap_or_else(|| PathBuf::from("learned.json"));
    // Before anything is made.
    refuse_existing(&file)?;
    refuse_unwritable(&file)?;
    let progress = Progress::start_with("asking", Interrupt::IsHandled);
    let Run { learned, private, errors, left } = match options.on.unwrap_or(Place::Aws) {
        Place::Local => on_local().await?,
        Place::Aws => stack::learn(aws).await?,
    };
    progress.done();
    for error in &errors {
        say(format_args!("no answer: {error}"));
    }
    let written = learned.to_json(&private).and_then(|text| {
        write(&file, &text).with_context(|| format!("{} cannot be written", file.display()))?;
        say(format_args!("written: {}", file.display()));
        Ok(())
    });
    // The answers are shown in any case.
    let shown = show(&learned, &assumed, format);
    let told = written.and(shown);
    // What is left in the account is the last that is said.
    match (told, left) {
        (told, None) => told,
        (Ok(_), Some(left)) => Err(left),
        (Err(error), Some(left)) => {
            say(output::chain(&error));
            Err(left)
        }
    }
}

fn show(learned: &Learned, assumed: &Learned, format: Format) -> Result<ExitCode> {
    for door in verdict::not_ready(learned) {
        say(printable(&format!("not ready, so that its answers are not taken: {door}")));
    }
    let verdicts = verdict::verdicts(learned, assumed);
    table::print(learned, &verdicts, format)?;
    let is_missing = verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::NotObserved(_)));
    Ok(if is_missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn on_local() -> Result<Run> {
    let running = async {
        let here = Here::start().await.map_err(|error| {
            let hint = "the observing function of infra/learn.yaml runs in Node: install Node 20 or newer";
            error.context(Hint(hint.to_owned()))
        })?;
        let observed = here.doors.observe(&Client::new(), PAUSE).await;
        let private = here.doors.private();
        Ok(Run { learned: Learned::on_local(observed.observations), private, errors: observed.errors, left: None })
    };
    let mut signals = Signals::new()?;
    tokio::select! {
        run = running => run,
        () = signals.next() => bail!("it was interrupted"),
    }
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

/// Makes a file that is removed at once.
fn refuse_unwritable(file: &Path) -> Result<()> {
    let made = NamedTempFile::new_in(folder(file)).map(drop);
    let hint = Hint("give a file in another folder with --output".to_owned());
    made.with_context(|| format!("{} cannot be written", file.display())).context(hint)
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whole, or not at all.
fn write(file: &Path, text: &str) -> Result<()> {
    let mut written = NamedTempFile::new_in(folder(file))?;
    written.write_all(text.as_bytes())?;
    written.as_file().sync_all()?;
    written.persist_noclobber(file).map_err(|error| Error::new(error.error))?;
    Ok(())
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
