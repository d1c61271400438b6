//! `countersign doctor`: what is wrong with a deployment, seen from outside and in its configuration.
//!
//! It sends requests to both doors of an API, CloudFront and the API's own URL, and reads the configuration with the AWS command
//! line. It changes nothing, but with `--learn`: see [`learn`].

mod check;
mod configuration;
mod doors;
mod learn;
mod report;
mod targets;

use crate::{aws::Aws, output::FormatOption, progress::Progress, times::now};
use anyhow::Result;
use check::Check;
use clap::Args;
use std::{ffi::OsStr, process::ExitCode, time::Duration};
use targets::{TargetOptions, Targets};
use tokio::sync::Semaphore;

pub(crate) const EXAMPLES: &str = "\
Exit status:
  0  Nothing is wrong; there may be notes
  1  Something could not be examined, and nothing that was examined is wrong
  3  Something is wrong

Examples:
  countersign doctor --stack my-api --path /pets        Examine both doors and the configuration
  countersign doctor --api-url https://abc123.execute-api.eu-west-1.amazonaws.com/prod \\
    --distribution https://d111111abcdef8.cloudfront.net --path /pets
  countersign doctor --stack my-api --format json | jq -r '.findings[].text'
  countersign doctor --learn --on local                 See what a run in AWS tells";

/// How long one call of the AWS command line may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many processes run at once: each starts a Python, so that more would only wait for each other.
const AT_ONCE: usize = 4;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    targets: TargetOptions,
    #[command(flatten)]
    doors: doors::RequestOptions,
    #[command(flatten)]
    configuration: configuration::ConfigurationOptions,
    #[command(flatten)]
    learn: learn::LearnOptions,
    /// The Region of the stack, if not that of the environment or the profile
    #[arg(long, value_name = "REGION", help_heading = "AWS command line")]
    region: Option<String>,
    /// The profile of the AWS command line
    #[arg(long, value_name = "NAME", help_heading = "AWS command line")]
    profile: Option<String>,
    #[command(flatten)]
    format: FormatOption,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let mut aws = Aws {
        program: OsStr::new("aws"),
        region: options.region.as_deref(),
        profile: options.profile.as_deref(),
        patience: PATIENCE,
        at_once: Semaphore::new(AT_ONCE),
    };
    if options.learn.is_asked() {
        return learn::run(&options.learn, &aws, options.format.format).await;
    }
    let progress = Progress::start("examining the API");
    let targets = Targets::find(&aws, &options.targets).await?;
    let region = targets.stack.as_ref().and_then(|stack| stack.region()).map(str::to_owned);
    if region.is_some() {
        // All that follows is where the stack is.
        aws.region = region.as_deref();
    }
    let now = now();
    let (doors, configuration) = tokio::join!(
        doors::examine(&aws, &targets, &options.doors),
        configuration::examine(&aws, &targets, &options.configuration, now)
    );
    progress.done();
    let checks: Vec<Check> = doors.into_iter().chain(configuration).collect();
    report::print(&targets, &checks, options.format.format, now)?;
    Ok(ExitCode::from(check::exit_status(&checks)))
}
