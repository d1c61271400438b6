//! A chapter that needs an emulation of its own.

use crate::{
    local::emulation::Emulation,
    tour::{
        chapters::Chapter,
        client::Client,
        decision_log::DecisionLog,
        report::{Report, Rows},
    },
};
use anyhow::Result;

/// Starts the emulation for one chapter, if the chapter is to run.
pub(crate) async fn one(
    chapter: Chapter,
    emulation: Emulation,
    log: &DecisionLog,
    report: &mut Report,
    run: impl AsyncFn(&Client, &mut Rows) -> Result<()>,
) -> Result<()> {
    if report.includes(chapter) {
        let api = emulation.api;
        let running = emulation.start().await?;
        let client = &Client::new(&running, api, log);
        report.chapter(chapter, async |rows| run(client, rows).await).await?;
        running.stop().await;
    }
    Ok(())
}
