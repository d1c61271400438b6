//! `countersign tour`: the story of the product, told with real requests through real functions.

mod client;
mod decision_log;
mod keys;
mod report;
mod requests;

use crate::{
    artifacts::Artifacts,
    key_file,
    local::emulation::{Api, Emulation, Functions, Mode},
    times::now,
    tour::{client::Client, decision_log::DecisionLog, report::Report},
};
use anyhow::{Context as _, Result};
use clap::Args;
use key_store::KeyFile;
use local::Backend;
use signing::RotationTimings;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

#[derive(Args)]
pub(crate) struct Options {
    /// Run the packaged functions out of the zips in this folder, each in a process of its own. Needs Node 20 or newer
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,
}

/// Goes through the story; ends with failure where anything came other than expected.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let log = DecisionLog::default();
    let functions = match &options.artifacts {
        None => Functions::BuiltIn,
        Some(folder) => Functions::Packaged(Arc::new(Artifacts::unpack(folder, log.log())?)),
    };
    let folder = tempfile::tempdir().context("no folder for the keys of the tour")?;
    let file = KeyFile::new(folder.path().join("keys.json"));
    key_file::create(&file, now())?;
    let emulation = Emulation {
        edge: SocketAddr::from(([127, 0, 0, 1], 0)),
        gateway: SocketAddr::from(([127, 0, 0, 1], 0)),
        api: Api::Rest,
        stage: "prod".to_owned(),
        domain: None,
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

    let mut report = Report::new();
    report.part("REST API");
    request_chapters(&emulation, &log, &mut report).await?;
    report.part("HTTP API");
    let http = Emulation { api: Api::Http, ..emulation.clone() };
    request_chapters(&http, &log, &mut report).await?;
    http_api_chapters(&http, &log, &mut report).await?;
    report.part("Keys");
    keys::chapters(&emulation, &log, &mut report).await?;
    Ok(if report.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn request_chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let running = emulation.clone().start().await?;
    let client = Client::new(&running, emulation.api, log);
    requests::the_hole_is_closed(&client, report).await?;
    requests::a_caught_signature_opens_nothing_else(&client, report).await?;
    requests::what_was_verified_is_handed_on(&client, report).await?;
    requests::a_viewer_forges(&client, report).await?;
    requests::odd_requests_arrive_as_they_were_sent(&client, report).await?;
    requests::bodies(&client, report).await?;
    running.stop().await;

    let brief = RotationTimings { lifetime: Duration::from_secs(2), skew: Duration::ZERO, ..emulation.timings };
    let running = Emulation { timings: brief, ..emulation.clone() }.start().await?;
    requests::a_signature_ends(&Client::new(&running, emulation.api, log), report).await?;
    running.stop().await;

    let running = Emulation { mode: Mode::Monitor, ..emulation.clone() }.start().await?;
    requests::monitor_mode_lets_through_and_tells(&Client::new(&running, emulation.api, log), report).await?;
    running.stop().await;
    Ok(())
}

/// What only an HTTP API needs: the signed path sent to the backend, and a custom domain whose key nobody sees.
async fn http_api_chapters(emulation: &Emulation, log: &DecisionLog, report: &mut Report) -> Result<()> {
    let running = Emulation { overwrite_path: true, ..emulation.clone() }.start().await?;
    requests::the_signed_path_is_what_the_backend_gets(&Client::new(&running, emulation.api, log), report).await?;
    running.stop().await;

    let running = Emulation { domain: Some("api.example/v1".parse()?), ..emulation.clone() }.start().await?;
    requests::a_custom_domain(&Client::new(&running, emulation.api, log), report).await?;
    running.stop().await;
    Ok(())
}
