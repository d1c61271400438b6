//! `countersign`: the operator's tool.

mod artifacts;
mod credentials;
mod durations;
mod key_file;
mod keys;
mod local;
mod output;
mod sign;
mod times;
mod timings;
mod tour;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Closes the back door of APIs behind CloudFront: signs at the edge, admits at the gateway.
#[derive(Parser)]
#[command(name = "countersign", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run CloudFront, API Gateway and both functions on this machine
    Local(Box<local::Options>),
    /// Go through what is admitted and what is refused, with real requests
    Tour(tour::Options),
    /// Sign one request, for a call to the API's own URL
    Sign(sign::Options),
    /// Make, look at and rotate keys, in a file or in AWS Secrets Manager
    #[command(subcommand)]
    Keys(keys::Command),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result: Result<ExitCode> = match Arguments::parse().command {
        Command::Local(options) => local::run(*options).await.map(|()| ExitCode::SUCCESS),
        Command::Tour(options) => tour::run(options).await,
        Command::Sign(options) => sign::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Keys(command) => keys::run(command).await.map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        output::error(format_args!("{error:#}"));
        if let Some(output::WithHint { hint, .. }) = error.downcast_ref() {
            output::hint(hint);
        }
        ExitCode::FAILURE
    })
}
