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

use crate::{aws::AwsOptions, output::FormatOption, progress::Progress, times::now};
use anyhow::Result;
use check::Check;
use clap::Args;
use std::process::ExitCode;
use targets::{TargetOptions, Targets};

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
    #[command(flatten)]
    aws: AwsOptions,
    #[command(flatten)]
    format: FormatOption,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let mut aws = options.aws.aws();
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
