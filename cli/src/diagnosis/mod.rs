//! `countersign explain`: why a request was refused, out of a line of the log, an event or a request. And the manual of the reasons.
//!
//! It decides nothing: it shows the same rules the same request. It calls AWS only to read a secret that is named.

mod asked;
mod authorizer_event;
mod cloudfront_event;
mod curl;
mod decision;
mod evidence;
mod input;
mod log_line;
pub(crate) mod manual;
pub(crate) mod printable;
mod report;
mod request;
pub(crate) mod response;

use crate::{
    durations::seconds,
    explain,
    keys::arn,
    local::emulation,
    output::{FormatOption, Hint},
    progress::Progress,
    times::now,
};
use anyhow::{Context as _, Result, anyhow, bail};
use asked::Asked;
use clap::Args;
use input::Input;
use jiff::Timestamp;
use key_store::{
    KeyFile, KeyStore as _, SecretArn, Source,
    aws::{CallLimits, of_operator},
};
use report::Explanation;
use request::WireRequest;
use signing::{BasePaths, KeySet, UnixSeconds, VerificationPolicy};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::timeout;

pub(crate) const EXAMPLES: &str = "\
Examples:
  countersign explain query                        Read about a reason of the log
  countersign explain authorizer.log               Explain the lines of a log
  countersign explain event.json --keys keys.json  Walk through the rules with an authorizer's event
  countersign explain request.txt --api http --stage prod
  countersign explain --format json event.json | jq -r '.explained[].reason'";

/// The longest wait for the keys of a secret.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines of a log that are explained: more cannot be read at once.
const LINES: usize = 50;

#[derive(Args)]
pub(crate) struct Options {
    /// A reason of the log, or a file with lines of the log, an authorizer event, a CloudFront event, an HTTP request, a curl
    /// command or the head of a response. Without it, or with -, standard input is read
    #[arg(value_name = "REASON|FILE")]
    what: Option<String>,
    /// The key file with which the signature is checked
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    keys: Option<PathBuf>,
    /// The secret in AWS Secrets Manager with which the signature is checked. Only this calls AWS
    #[arg(long, value_name = "ARN", value_parser = arn, conflicts_with = "keys", help_heading = "Keys")]
    secret: Option<SecretArn>,
    /// The kind of API, for an HTTP request or a curl command
    #[arg(long, value_enum, value_name = "KIND", default_value = "rest", help_heading = "Request")]
    api: emulation::Api,
    /// The stage of the API, for an HTTP request, a curl command or a CloudFront event
    #[arg(long, value_name = "NAME", help_heading = "Request")]
    stage: Option<String>,
    /// The domain of the API, for an HTTP request or a curl command with another Host
    #[arg(long, value_name = "HOST", help_heading = "Request")]
    domain: Option<String>,
    /// When the gateway received the request: as 2026-11-27T10:00:00Z, or in seconds. An event says it itself
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Request")]
    time: Option<UnixSeconds>,
    /// The authorizer's COUNTERSIGN_BASE_PATHS: DOMAIN[/KEY]=API_ID/STAGE[/KEY], with commas between several
    #[arg(long, value_name = "LIST", value_parser = base_paths, help_heading = "Authorizer")]
    base_paths: Option<BasePaths>,
    /// The authorizer's COUNTERSIGN_MAX_LIFETIME
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = seconds(settings::Seconds::LIFETIME),
        help_heading = "Authorizer"
    )]
    max_lifetime: Duration,
    /// The authorizer's COUNTERSIGN_SKEW
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5s",
        value_parser = seconds(settings::Seconds::SKEW),
        help_heading = "Authorizer"
    )]
    skew: Duration,
    /// The authorizer has COUNTERSIGN_ALLOW_AMBIGUOUS_PATH=true
    #[arg(long, help_heading = "Authorizer")]
    allow_ambiguous_path: bool,
    /// The authorizer has COUNTERSIGN_BODY=require
    #[arg(long, help_heading = "Authorizer")]
    require_digest: bool,
    #[command(flatten)]
    format: FormatOption,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let format = options.format.format;
    if let Some(what) = options.what.as_deref().filter(|what| *what != "-") {
        if let Some(entry) = manual::entry(what) {
            return report::print_entry(&entry, format);
        }
        if !Path::new(what).exists() {
            return Err(neither(what));
        }
    }
    let input = input::read(options.what.as_deref())?;
    let asked = Asked {
        keys: match (options.keys, options.secret) {
            (Some(path), _) => Some(KeyFile::new(path).load().map_err(explain::of_file)?.keys),
            (None, Some(secret)) => Some(of_secret(&secret).await?),
            (None, None) => None,
        },
        policy: VerificationPolicy {
            max_lifetime: options.max_lifetime,
            skew: options.skew,
            allow_ambiguous_path: options.allow_ambiguous_path,
            require_digest: options.require_digest,
            base_paths: options.base_paths.unwrap_or_default(),
        },
        api: options.api.kind(),
        stage: options.stage,
        domain: options.domain,
        time: options.time,
        now: now(),
    };
    report::print(&explained(&input, &asked)?, format)
}

/// The keys of a secret, as a function reads them.
async fn of_secret(arn: &SecretArn) -> Result<KeySet> {
    let _progress = Progress::start(format!("reading the keys of {arn}, for up to {} s", PATIENCE.as_secs()));
    keys_of_secret(arn).await
}

/// The keys of a secret, in a command that shows its progress itself.
pub(crate) async fn keys_of_secret(arn: &SecretArn) -> Result<KeySet> {
    let source = Source::parse(arn.as_str(), None).map_err(|_| anyhow!("{arn} is not the ARN of a secret"))?;
    let store = source.open(&of_operator(CallLimits::PATIENT, arn.region()).await);
    let stored = timeout(PATIENCE, store.read(PATIENCE)).await;
    let stored = stored.with_context(|| format!("{arn} was not read within {} s", PATIENCE.as_secs()))?;
    Ok(stored.with_context(|| format!("{arn} cannot be used"))?.keys)
}

fn explained(input: &Input, asked: &Asked) -> Result<Vec<Explanation>> {
    Ok(vec![match input {
        Input::Log(lines) => return of_log(lines),
        Input::AuthorizerEvent(text) => authorizer_event::explain(text, asked),
        Input::CloudFrontEvent(event) => cloudfront_event::explain(event, asked),
        Input::Request(text) => request::explain("http-request", &WireRequest::parse(text)?, asked)?,
        Input::Curl(text) => {
            let command = curl::parse(text)?;
            let mut explanation = request::explain("curl", &command.request, asked)?;
            if !command.ignored.is_empty() {
                explanation.notes.push(format!("Ignored in the curl command: {}.", command.ignored.join(", ")));
            }
            explanation
        }
        Input::Response(text) => response::explain(text)?,
    }])
}

fn of_log(lines: &[serde_json::Value]) -> Result<Vec<Explanation>> {
    let mut explained: Vec<_> = lines.iter().filter_map(log_line::explain).take(LINES + 1).collect();
    if explained.is_empty() {
        bail!("no line of the log is about a request or a failed read: nothing is to be explained");
    }
    if explained.len() > LINES {
        explained.truncate(LINES);
        if let Some(last) = explained.last_mut() {
            last.notes.push(format!("Only the first {LINES} lines about a request or a failure are explained."));
        }
    }
    Ok(explained)
}

fn neither(what: &str) -> anyhow::Error {
    let error = anyhow!("{what:?} is neither a reason of the log nor a file");
    match &manual::similar(what)[..] {
        [] => error.context(Hint("copy the member reason of a line of the log, or name a file that exists".to_owned())),
        similar => error.context(Hint(format!("similar reasons are {}", similar.join(", ")))),
    }
}

fn time(text: &str) -> Result<UnixSeconds> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok()),
    };
    seconds.map(UnixSeconds::new).context("accepted is a time like 2026-11-27T10:00:00Z, or seconds since 1970")
}

fn base_paths(text: &str) -> Result<BasePaths> {
    Ok(BasePaths::try_from(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_both_forms() {
        for (written, expected) in [
            ("2026-11-26T10:00:00Z", Some(1_795_687_200)),
            ("1795687200", Some(1_795_687_200)),
            ("1969-12-31T23:59:59Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(time(written).ok().map(UnixSeconds::get), expected, "{written}");
        }
    }

    #[test]
    fn many_lines_of_a_log_are_explained_up_to_a_bound() {
        let line = serde_json::json!({ "event": "request-refused", "reason": "query" });
        let noise = serde_json::json!({ "event": "keys-read" });
        let explained = of_log(&[vec![noise.clone()], vec![line.clone(); LINES]].concat()).unwrap();
        assert!(explained.len() == LINES && explained.iter().all(|explanation| explanation.notes.is_empty()));
        let explained = of_log(&vec![line; LINES + 1]).unwrap();
        assert_eq!((explained.len(), explained[LINES - 1].notes.len()), (LINES, 1));
        assert!(of_log(&[noise]).is_err());
    }
}
