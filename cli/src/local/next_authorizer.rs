//! `--next-authorizer`: the user's own Lambda authorizer, which runs on this machine as Lambda would run it.

use crate::{durations::seconds, output::Hint};
use anyhow::{Context as _, Error, Result, anyhow};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use clap::{Args, builder::PossibleValuesParser};
use key_store::aws::SdkConfig;
use local::{InvokeApi, InvokeOptions, UserFunction};
use settings::Seconds;
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use telemetry::Log;
use tempfile::TempDir;
use zip::ZipArchive;

/// Accepted by the API on loopback, which does not check signatures.
const KEY_ID: &str = "AKIDLOCAL";
const SECRET: &str = "local";
const REGION: &str = "us-east-1";

#[derive(Args)]
#[command(next_help_heading = "After the signature")]
pub(crate) struct NextAuthorizerOptions {
    /// Your own Lambda authorizer, which is asked after the signature: the folder or the zip of its code. Needs Node 20 or newer, or
    /// Python 3.9 or newer, if it is not a program
    #[arg(long, value_name = "DIR|ZIP")]
    next_authorizer: Option<PathBuf>,
    /// Its handler [default: index.handler, or lambda_function.lambda_handler]
    #[arg(long, value_name = "FILE.NAME", requires = "next_authorizer")]
    next_handler: Option<String>,
    /// The event that it gets: the same as the authorizer, that of a TOKEN authorizer, or payload format 1.0 [default: same]
    #[arg(
        long,
        value_name = "PAYLOAD",
        value_parser = PossibleValuesParser::new(["same", "token", "1.0"]),
        requires = "next_authorizer"
    )]
    next_payload: Option<String>,
    /// Its identity sources, like method.request.header.Authorization, with commas between them
    #[arg(long, value_name = "SOURCES", requires = "next_authorizer")]
    next_identity: Option<String>,
    /// How long it may take [default: 3s]
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = seconds(Seconds::NEXT_TIMEOUT),
        requires = "next_authorizer"
    )]
    next_timeout: Option<Duration>,
}

/// The user's own authorizer, found.
#[derive(Clone)]
pub(crate) struct NextAuthorizer {
    from: PathBuf,
    function: UserFunction,
    settings: Vec<(&'static str, String)>,
    /// Where a zip is unpacked. Dropping the last one removes the folder.
    _unpacked: Option<Arc<TempDir>>,
}

/// The user's own authorizer behind Lambda's API. Dropping it ends both.
pub(crate) struct RunningNextAuthorizer {
    api: InvokeApi,
    settings: Vec<(&'static str, String)>,
    _unpacked: Option<Arc<TempDir>>,
}

impl NextAuthorizerOptions {
    /// The function that the options name, if they do.
    pub(crate) fn find(self) -> Result<Option<NextAuthorizer>> {
        let Self { next_authorizer, next_handler, next_payload, next_identity, next_timeout } = self;
        let settings = [
            ("COUNTERSIGN_NEXT_PAYLOAD", next_payload),
            ("COUNTERSIGN_NEXT_IDENTITY", next_identity),
            ("COUNTERSIGN_NEXT_TIMEOUT", next_timeout.map(|timeout| timeout.as_secs().to_string())),
        ];
        let settings = settings.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        next_authorizer.map(|from| NextAuthorizer::find(from, next_handler.as_deref(), settings)).transpose()
    }
}

impl NextAuthorizer {
    /// The function in a folder or a zip, which is asked with these settings.
    pub(crate) fn find(from: PathBuf, handler: Option<&str>, settings: Vec<(&'static str, String)>) -> Result<Self> {
        let unpacked =
            if from.is_file() { Some(Arc::new(unpack(&from).map_err(|error| of_flag(&from, error))?)) } else { None };
        let folder = unpacked.as_ref().map_or(from.as_path(), |folder| folder.path());
        let function = UserFunction::find("next", folder, handler).map_err(|error| {
            let hint = "name the folder or the zip of a Lambda function, and its handler with --next-handler";
            of_flag(&from, Error::new(error)).context(Hint(hint.to_owned()))
        })?;
        Ok(Self { from, function, settings, _unpacked: unpacked })
    }

    /// Starts it. What it writes goes to `log`.
    pub(crate) async fn start(self, log: Log) -> Result<RunningNextAuthorizer> {
        let Self { from, function, mut settings, _unpacked } = self;
        let api = InvokeApi::start(function, InvokeOptions::default(), log).await;
        let api = api.map_err(|error| of_flag(&from, Error::new(error)))?;
        settings.push(("COUNTERSIGN_NEXT_AUTHORIZER", api.function_arn().to_owned()));
        for (name, value) in [
            ("AWS_ENDPOINT_URL", api.url().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ] {
            settings.push((name, value.to_owned()));
        }
        Ok(RunningNextAuthorizer { api, settings, _unpacked })
    }
}

impl RunningNextAuthorizer {
    /// The environment of an authorizer that asks it.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The same for an authorizer in this process.
    pub(crate) fn reached_with(&self, aws: &SdkConfig) -> SdkConfig {
        let credentials = Credentials::new(KEY_ID, SECRET, None, None, "local");
        let aws = aws.to_builder().endpoint_url(self.api.url());
        aws.credentials_provider(SharedCredentialsProvider::new(credentials)).build()
    }
}

fn unpack(zip: &Path) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("the folder for the unpacked function cannot be made")?;
    let unpacked = ZipArchive::new(File::open(zip)?).and_then(|mut archive| archive.extract(folder.path()));
    unpacked.context("it is neither a folder nor the zip of a function")?;
    Ok(folder)
}

fn of_flag(from: &Path, error: Error) -> Error {
    anyhow!("--next-authorizer {} cannot be used: {error:#}", from.display())
}
