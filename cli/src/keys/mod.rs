//! `countersign keys`: keys made, shown and rotated, in a file or in Secrets Manager. Bytes of keys are never printed.

mod file;
mod rotation;
mod secret;
mod table;

use crate::keys::rotation::ScheduleOptions;
use anyhow::Result;
use clap::{Args, Subcommand};
use key_store::{KeyFile, SecretArn};
use rotator::RotationId;
use signing::RotationKind;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make the first signing key: in a new key file, with a first API key, or in an empty secret
    Init {
        #[command(flatten)]
        place: Place,
    },
    /// Show the ids, times and states of the keys
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Make a new key and let the old ones end, so that no good request is refused
    Rotate {
        #[command(flatten)]
        place: Place,
        /// Give this CloudFormation stack a new Timestamp then, so that its API key turns over too
        #[arg(long, value_name = "NAME", conflicts_with = "keys")]
        stack: Option<String>,
        /// Go on with a rotation that broke off, by the id that it printed
        #[arg(long, value_name = "ID", conflicts_with = "keys", value_parser = |text: &str| RotationId::try_from(text))]
        id: Option<RotationId>,
        /// The Regions in which functions read a replica: each has to hold one that is in sync
        #[arg(long, value_name = "REGIONS", conflicts_with = "keys")]
        regions: Option<String>,
        /// A key may be known to others: drop every key at once, and refuse requests until the edges have followed
        #[arg(long)]
        emergency: bool,
        /// Print the plan and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        options: ScheduleOptions,
    },
}

/// Where the keys are.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// A key file. The folder in which a new one is made must exist
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A secret in AWS Secrets Manager, with the credentials of the environment, a profile or a credential_process
    #[arg(long, value_name = "ARN", value_parser = |text: &str| SecretArn::try_from(text))]
    secret: Option<SecretArn>,
}

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Init { place: Place { keys, secret } } => match secret {
            Some(arn) => secret::init(arn).await,
            None => file::init(&KeyFile::new(keys.unwrap_or_default())),
        },
        Command::Show { place: Place { keys, secret } } => match secret {
            Some(arn) => secret::show(arn).await,
            None => file::show(&KeyFile::new(keys.unwrap_or_default())),
        },
        Command::Rotate { place: Place { keys, secret }, stack, id, regions, emergency, dry_run, options } => {
            let rotation = if emergency { RotationKind::Emergency } else { RotationKind::Planned };
            let schedule = options.schedule()?;
            match secret {
                Some(arn) => {
                    let secret = secret::with_replicas(&arn, regions.as_deref())?;
                    let request = secret::RotationRequest { id, rotation, stack };
                    secret::rotate(secret, request, schedule, dry_run).await
                }
                None => file::rotate(&KeyFile::new(keys.unwrap_or_default()), rotation, &schedule, dry_run),
            }
        }
    }
}
