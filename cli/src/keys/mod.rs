//! `countersign keys`: keys made, shown and rotated, in a file or in Secrets Manager. Bytes of keys are never printed.

pub(crate) mod rotation;
mod secret;

use self::rotation::{Made, Numbers};
use crate::output::line;
use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets::NOTHING};
use jiff::Timestamp;
use key_store::{ApiKey, KeyFile, SecretArn};
use rotator::RotationId;
use signing::{Key, KeyId, KeySet, NO_END, Rotation, UnixSeconds};
use std::{path::PathBuf, time::SystemTime};
use zeroize::Zeroizing;

/// The first key may be used at once by every clock: this is how far any two may differ.
const SKEW: u64 = 5;

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
        compromised: bool,
        /// Print the plan and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        numbers: Numbers,
    },
}

/// Where the keys are.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// A key file; the folder of a new one has to be there
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A secret in AWS Secrets Manager, with the credentials of the environment, a profile or a credential_process
    #[arg(long, value_name = "ARN", value_parser = |text: &str| SecretArn::try_from(text))]
    secret: Option<SecretArn>,
}

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Init { place: Place { keys, secret } } => {
            if let Some(arn) = secret {
                return secret::init(arn).await;
            }
            let file = KeyFile::new(keys.unwrap_or_default());
            init(&file, now())?;
            line(format_args!("made {}", file.path().display()));
            print(&file, now())?;
        }
        Command::Show { place: Place { keys, secret } } => {
            if let Some(keys) = keys {
                print(&KeyFile::new(keys), now())?;
            }
            if let Some(arn) = secret {
                secret::show(arn).await?;
            }
        }
        Command::Rotate { place: Place { keys, secret }, stack, id, regions, compromised, dry_run, numbers } => {
            let rotation = if compromised { Rotation::Compromised } else { Rotation::Planned };
            let schedule = numbers.schedule()?;
            if let Some(arn) = secret {
                let secret = secret::with_replicas(&arn, regions.as_deref())?;
                let demand = secret::Demand { id, rotation, stack };
                return secret::rotate(secret, demand, schedule, dry_run).await;
            }
            let file = KeyFile::new(keys.unwrap_or_default());
            let now = now();
            let plan = rotation::plan(&file, rotation, &schedule, now)?;
            // Done before it is told: what is printed may reach nobody.
            if !dry_run {
                rotation::carry_out(&file, &plan, now)?;
            }
            show(&plan.plan.keys, plan.api_keys.len(), now);
            let described = rotation::describe(&Made::of_plan(&plan.plan, now), &schedule, now);
            line(format_args!("\n{described}\n"));
            if dry_run {
                line("nothing is changed: this was a dry run");
            } else {
                line(format_args!("rotated {}", file.path().display()));
            }
        }
    }
    Ok(())
}

/// Makes a key file with a signing key that may be used from now on, and an API key.
pub(crate) fn init(file: &KeyFile, now: UnixSeconds) -> Result<()> {
    let not_before = UnixSeconds::new(now.get().saturating_sub(SKEW));
    let key = Key::new(new_id(now)?, &*new_secret()?, not_before, NO_END)?;
    Ok(file.create(&KeySet::new(vec![key])?, &[new_api_key()?])?)
}

/// An id for a key that is made now: its time, and enough that two of one second differ.
pub(crate) fn new_id(now: UnixSeconds) -> Result<KeyId> {
    let random = random::<4>()?;
    let id = format!("{}-{}", time(now).replace(':', "-"), URL_SAFE_NO_PAD.encode(*random));
    Ok(id.as_str().try_into()?)
}

/// As long as the secret that CloudFormation makes.
pub(crate) fn new_secret() -> Result<Zeroizing<[u8; 48]>> {
    random()
}

pub(crate) fn new_api_key() -> Result<ApiKey> {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random::<30>()?));
    Ok(ApiKey::try_from(text.as_str())?)
}

/// The present second.
pub(crate) fn now() -> UnixSeconds {
    UnixSeconds::new(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// In the words of RFC 3339; a key without an end says so.
pub(crate) fn time(moment: UnixSeconds) -> String {
    if moment >= NO_END {
        return "no end".to_owned();
    }
    let timestamp = i64::try_from(moment.get()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| moment.to_string(), |timestamp| timestamp.to_string())
}

fn print(file: &KeyFile, now: UnixSeconds) -> Result<()> {
    let contents = file.load()?;
    show(&contents.keys, contents.api_keys.len(), now);
    Ok(())
}

fn show(keys: &KeySet, api_keys: usize, now: UnixSeconds) {
    let api_keys = match api_keys {
        0 => "none",
        1 => "one in force",
        _ => "one in force, one before it",
    };
    line(format_args!("{}\nAPI keys: {api_keys}", table(keys, now)));
}

pub(crate) fn table(keys: &KeySet, now: UnixSeconds) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["kid", "not before", "expires", "state"]);
    for key in keys.keys() {
        let state = state(key, keys, now);
        table.add_row([key.id().as_str(), &time(key.not_before()), &time(key.expires()), state]);
    }
    table.trim_fmt()
}

fn state(key: &Key, keys: &KeySet, now: UnixSeconds) -> &'static str {
    if now >= key.expires() {
        "expired"
    } else if now < key.not_before() {
        "not yet in force"
    } else if keys.signing_key(now).is_some_and(|signing| signing.id() == key.id()) {
        "signs and is accepted"
    } else {
        "is accepted"
    }
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| anyhow::anyhow!("{error}")).context("no randomness")?;
    Ok(bytes)
}
