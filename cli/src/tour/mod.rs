//! `countersign tour`: the story of the product, with real requests through real functions.

mod chapters;
mod client;
mod decision_log;
pub(crate) mod example_authorizer;
mod handshake;
mod issuer;
mod keys;
mod kinds;
mod own_emulation;
mod report;
mod requests;
mod websocket;
mod what_follows;

use crate::{
    artifacts::Artifacts,
    key_file,
    local::emulation::{Api, Emulation, Functions, Mode},
    output::FormatOption,
    progress::{self, Progress},
    times::now,
    tour::{
        chapters::{Chapter, OfApi},
        client::Client,
        decision_log::DecisionLog,
        own_emulation::one,
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
    let progress = Progress::start("running the tour");
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
        second_check: Vec::new(),
        next_authorizer: None,
        functions,
        log: log.log(),
    };
    let mut report = Report::new(options.only, options.format.format);
    progress::of(report.chapters());
    let ended = chapters(&emulation, &log, &mut report).await;
    progress.done();
    Ok(if report.end(ended)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    request_chapters(emulation, OfApi::REST, log, report).await?;
    let http = Emulation { api: Api::Http, ..emulation.clone() };
    request_chapters(&http, OfApi::HTTP, log, report).await?;
    http_api_chapters(&http, log, report).await?;
    rest_domain_chapters(emulation, log, report).await?;
    websocket::chapters(&Emulation { api: Api::WebSocket, ..emulation.clone() }, log, report).await?;
    what_follows::chapters(emulation, log, report).await?;
    keys::chapters(emulation, log, report).await
}

async fn request_chapters(
    emulation: &Emulation,
    chapters: OfApi,
    log: &DecisionLog,
    report: &mut Report,
) -> Result<()> {
    let OfApi { doors, replay, context, forgery, targets, bodies, time, monitor } = chapters;
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

/// What only an HTTP API has: the signed path sent to the backend, a custom domain whose key no event shows, two forms of the
/// answer, and an older payload format.
async fn http_api_chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let domain = Some("api.example/v1".parse()?);
    let v1 = Emulation { api: Api::HttpV1, ..emulation.clone() };
    let path = Emulation { overwrite_path: true, ..emulation.clone() };
    one(Chapter::HttpPath, path, log, report, requests::path).await?;
    let mapped = Emulation { domain: domain.clone(), ..emulation.clone() };
    one(Chapter::HttpDomain, mapped, log, report, requests::domain).await?;
    let policy = Emulation { answer: Answer::Policy, ..emulation.clone() };
    one(Chapter::HttpPolicy, policy, log, report, kinds::policy).await?;
    one(Chapter::HttpV1, v1.clone(), log, report, kinds::payload_format_1_0).await?;
    one(Chapter::HttpV1Domain, Emulation { domain, ..v1 }, log, report, kinds::unknown_base_path).await
}

/// What only the custom domain of a REST API has: routing rules.
async fn rest_domain_chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let ruled = Emulation {
        domain: Some("api.example/v1".parse()?),
        routing_rule: Some("x-version=beta:dev".parse()?),
        ..emulation.clone()
    };
    one(Chapter::RestDomain, ruled, log, report, kinds::routing_rule).await?;
    let kept = Emulation { domain: Some("api.example/echo".parse()?), keeps_base_path: true, ..emulation.clone() };
    one(Chapter::RestKeptBasePath, kept, log, report, kinds::kept_base_path).await
}
