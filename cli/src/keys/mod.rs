//! `countersign keys`: keys made, shown and rotated, in a file or in Secrets Manager. The bytes of a key are never printed.

mod file;
mod json;
mod rotation;
mod secret;
mod steps;
mod table;

use crate::{keys::rotation::ScheduleOptions, output::FormatOption};
use anyhow::Result;
use clap::{Args, Subcommand};
use key_store::{KeyFile, SecretArn};
use rotator::RotationId;
use signing::RotationKind;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  countersign keys init --keys keys.json                 Make a key file with a first key
  countersign keys show --keys keys.json                 Show when each key signs and expires
  countersign keys rotate --dry-run --keys keys.json     See what a rotation would do
  countersign keys rotate --emergency --keys keys.json   Drop all keys: others may know one";

const INIT_EXAMPLES: &str = "\
Examples:
  countersign keys init --keys keys.json
  countersign keys init \\
    --secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

const SHOW_EXAMPLES: &str = "\
Examples:
  countersign keys show --keys keys.json
  countersign keys show --format json --keys keys.json | jq -r '.keys[].kid'
  countersign keys show \\
    --secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

const ROTATE_EXAMPLES: &str = "\
Examples:
  countersign keys rotate --dry-run --keys keys.json
  countersign keys rotate --keys keys.json
  countersign keys rotate --keys keys.json --lead 2h --grace 2h
  countersign keys rotate --emergency --format json --keys keys.json
  countersign keys rotate --stack api --regions us-east-1,ap-south-1 \\
    --secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub(crate) enum Command {
    /// Make the first key: in a new key file, together with a first API key, or in an empty secret
    #[command(after_help = INIT_EXAMPLES)]
    Init {
        #[command(flatten)]
        place: Place,
    },
    /// Show the id, the times and the state of each key
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        format: FormatOption,
    },
    /// Make a new key and let the old keys expire, so that no valid request is refused
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        #[command(flatten)]
        place: Place,
        /// The Regions in which functions read a replica, with commas between them. Each must hold a replica in sync
        #[arg(long, value_name = "REGIONS", conflicts_with = "keys", help_heading = "Keys")]
        regions: Option<String>,
        /// Others may know a key: drop every key at once. Valid requests are refused until the edges have read the new key
        #[arg(long, help_heading = "Rotation")]
        emergency: bool,
        /// Print what the rotation would do, and change nothing
        #[arg(long, help_heading = "Rotation")]
        dry_run: bool,
        /// The CloudFormation stack that then gets a new Timestamp, so that it makes a new API key
        #[arg(long, value_name = "NAME", conflicts_with = "keys", help_heading = "Rotation")]
        stack: Option<String>,
        /// Continue the rotation that stopped, by the id in its hint
        #[arg(
            long,
            value_name = "ID",
            conflicts_with = "keys",
            help_heading = "Rotation",
            value_parser = |text: &str| RotationId::try_from(text)
        )]
        id: Option<RotationId>,
        #[command(flatten)]
        schedule: ScheduleOptions,
        #[command(flatten)]
        format: FormatOption,
    },
}

impl Command {
    /// Whether it changes keys if it succeeds.
    pub(crate) fn changes_keys(&self) -> bool {
        match self {
            Self::Init { .. } => true,
            Self::Show { .. } => false,
            Self::Rotate { dry_run, .. } => !dry_run,
        }
    }
}

/// Where the keys are.
#[derive(Args)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "Keys")]
pub(crate) struct Place {
    /// A key file. `init` makes it in a folder that exists
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A secret in AWS Secrets Manager, used with the credentials of the environment, a profile or a credential_process
    #[arg(long, value_name = "ARN", value_parser = arn)]
    secret: Option<SecretArn>,
}

/// Reads `--secret`.
pub(crate) fn arn(text: &str) -> Result<SecretArn, String> {
    SecretArn::try_from(text).map_err(|error| format!("it {error}"))
}

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Init { place: Place { keys, secret } } => match secret {
            Some(arn) => secret::init(arn).await,
            None => file::init(&KeyFile::new(keys.unwrap_or_default())),
        },
        Command::Show { place: Place { keys, secret }, format: FormatOption { format } } => match secret {
            Some(arn) => secret::show(arn, format).await,
            None => file::show(&KeyFile::new(keys.unwrap_or_default()), format),
        },
        Command::Rotate {
            place: Place { keys, secret },
            regions,
            emergency,
            dry_run,
            stack,
            id,
            schedule,
            format: FormatOption { format },
        } => {
            let rotation = if emergency { RotationKind::Emergency } else { RotationKind::Planned };
            let schedule = schedule.schedule()?;
            match secret {
                Some(arn) => {
                    let secret = secret::with_replicas(&arn, regions.as_deref())?;
                    let request = secret::RotationRequest { id, rotation, stack, dry_run };
                    secret::rotate(secret, request, schedule, format).await
                }
                None => {
                    let request = file::RotationRequest { rotation, dry_run };
                    file::rotate(&KeyFile::new(keys.unwrap_or_default()), request, &schedule, format)
                }
            }
        }
    }
}
