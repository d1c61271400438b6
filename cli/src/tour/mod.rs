//! `countersign tour`: the story of the product, with real requests through real functions.

mod chapters;
mod client;
mod decision_log;
mod keys;
mod report;
mod requests;

use crate::{
    artifacts::Artifacts,
    key_file,
    local::emulation::{Api, Emulation, Functions, Mode},
    output::FormatOption,
    times::now,
    tour::{
        chapters::{Chapter, OfApi},
        client::Client,
        decision_log::DecisionLog,
        report::Report,
    },
};
use anyhow::{Context as _, Result};
use clap::Args;
use key_store::KeyFile;
use local::{Answer, Backend};
use signing::RotationTimings;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

pub(crate) const EXAMPLES: &str = "\
A row is ok if what is seen equals what is expected, to the letter. The exit status is 1 if a row is not.

Examples:
  countersign tour
  countersign tour --only rest-replay --only http-replay
  countersign tour --only keys-rotation --format json | jq .ok
  countersign tour --artifacts dist                         Run the functions as they are deployed";

#[derive(Args)]
pub(crate) struct Options {
    /// Run only this chapter. Can be repeated
    #[arg(long, value_enum, value_name = "CHAPTER", help_heading = "Chapters")]
    only: Vec<Chapter>,
    /// Run the packaged functions of this folder, each in a process of its own. Needs Node 20 or newer
    #[arg(long, value_name = "DIR", help_heading = "Functions")]
    artifacts: Option<PathBuf>,
    #[command(flatten)]
    format: FormatOption,
}

/// Runs the chapters. The exit status is failure if anything is not as expected.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let log = DecisionLog::default();
    let functions = match &options.artifacts {
        None => Functions::BuiltIn,
        Some(folder) => Functions::Packaged(Arc::new(Artifacts::unpack(folder, log.log())?)),
    };
    let folder = tempfile::tempdir().context("the folder for the keys of the tour cannot be made")?;
    let file = KeyFile::new(folder.path().join("keys.json"));
    key_file::create(&file, now())?;
    let emulation = Emulation {
        edge: SocketAddr::from(([127, 0, 0, 1], 0)),
        gateway: SocketAddr::from(([127, 0, 0, 1], 0)),
        api: Api::Rest,
        stage: "prod".to_owned(),
        domain: None,
        keeps_base_path: false,
        routing_rule: None,
        answer: Answer::Simple,
        with_api_key: true,
        overwrite_path: false,
        backend: Backend::BuiltIn,
        keys: file,
        mode: Mode::Enforce,
        timings: RotationTimings::DEFAULT,
        rotate_every: None,
        functions,
        log: log.log(),
    };
    let mut report = Report::new(options.only, options.format.format);
    let ended = chapters(&emulation, &log, &mut report).await;
    Ok(if report.end(ended)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    request_chapters(emulation, log, report).await?;
    let http = Emulation { api: Api::Http, ..emulation.clone() };
    request_chapters(&http, log, report).await?;
    http_api_chapters(&http, log, report).await?;
    keys::chapters(emulation, log, report).await
}

async fn request_chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let OfApi { doors, replay, context, forgery, targets, bodies, time, monitor } = Chapter::of(emulation.api);
    if [doors, replay, context, forgery, targets, bodies].into_iter().any(|chapter| report.includes(chapter)) {
        let running = emulation.clone().start().await?;
        let client = &Client::new(&running, emulation.api, log);
        report.chapter(doors, async |rows| requests::doors(client, rows).await).await?;
        report.chapter(replay, async |rows| requests::replay(client, rows).await).await?;
        report.chapter(context, async |rows| requests::context(client, rows).await).await?;
        report.chapter(forgery, async |rows| requests::forgery(client, rows).await).await?;
        report.chapter(targets, async |rows| requests::targets(client, rows).await).await?;
        report.chapter(bodies, async |rows| requests::bodies(client, rows).await).await?;
        running.stop().await;
    }
    if report.includes(time) {
        let brief = RotationTimings { lifetime: Duration::from_secs(2), skew: Duration::ZERO, ..emulation.timings };
        let running = Emulation { timings: brief, ..emulation.clone() }.start().await?;
        let client = &Client::new(&running, emulation.api, log);
        report.chapter(time, async |rows| requests::time(client, rows).await).await?;
        running.stop().await;
    }
    if report.includes(monitor) {
        let running = Emulation { mode: Mode::Monitor, ..emulation.clone() }.start().await?;
        let client = &Client::new(&running, emulation.api, log);
        report.chapter(monitor, async |rows| requests::monitor(client, rows).await).await?;
        running.stop().await;
    }
    Ok(())
}

/// What only an HTTP API needs: the signed path sent to the backend, and a custom domain whose key no event shows.
async fn http_api_chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    if report.includes(Chapter::HttpPath) {
        let running = Emulation { overwrite_path: true, ..emulation.clone() }.start().await?;
        let client = &Client::new(&running, emulation.api, log);
        report.chapter(Chapter::HttpPath, async |rows| requests::path(client, rows).await).await?;
        running.stop().await;
    }
    if report.includes(Chapter::HttpDomain) {
        let running = Emulation { domain: Some("api.example/v1".parse()?), ..emulation.clone() }.start().await?;
        let client = &Client::new(&running, emulation.api, log);
        report.chapter(Chapter::HttpDomain, async |rows| requests::domain(client, rows).await).await?;
        running.stop().await;
    }
    Ok(())
}
