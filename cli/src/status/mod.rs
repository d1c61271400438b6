//! `countersign status`: what is in force in a deployed stack, since when, what is due, and what is wrong.
//!
//! It only reads, with the AWS command line, and never a secret: no value of a secret, no header that CloudFront sends to the API
//! beside the signer's own settings.

pub(crate) mod answers;
pub(crate) mod finding;
mod reasons;
mod report;
pub(crate) mod summary;
mod traffic;

pub(crate) use report::times;

use crate::{
    aws::{Aws, AwsOptions},
    output::{self, FormatOption},
    progress::{self, Progress},
    times::{now, rfc3339},
};
use answers::{
    ALARMS, Alarms, Answers, DISTRIBUTION, FUNCTION, Gateway, Metrics, REST_AUTHORIZER, Read, Secret, Stack, Stacks,
    V2_AUTHORIZER,
};
use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use finding::Names;
use serde::de::DeserializeOwned;
use signing::UnixSeconds;
use std::process::ExitCode;
use summary::Status;

pub(crate) const EXAMPLES: &str = "\
Exit status:
  0  Nothing is wrong; there may be notes
  1  Something could not be read, and nothing that was read is wrong
  3  Something is wrong

Examples:
  countersign status --stack my-api                     Show what is in force
  countersign status --stack my-api --profile operator --region eu-west-1
  countersign status --stack my-api --distribution E1A2B3C4D5E6F7
  countersign status --stack my-api --format json | jq -r '.findings[].text'";

/// The Region of the metrics of CloudFront, and of the alarms on them.
const GLOBAL: &str = "us-east-1";

#[derive(Args)]
pub(crate) struct Options {
    /// The name or ARN of the stack of infra/api.yaml
    #[arg(long, value_name = "NAME", help_heading = "Stack")]
    stack: String,
    /// The distribution in front of the API, if the stack has not made it
    #[arg(long, value_name = "ID", help_heading = "Stack")]
    distribution: Option<String>,
    #[command(flatten)]
    aws: AwsOptions,
    #[command(flatten)]
    format: FormatOption,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let mut aws = options.aws.aws();
    let progress = Progress::start(format!("reading stack {}", options.stack));
    let stacks: Stacks = aws.read(&["cloudformation", "describe-stacks", "--stack-name", &options.stack]).await?;
    let stack = stacks.stacks.into_iter().next();
    let stack = stack.with_context(|| format!("stack {} does not exist", options.stack))?;
    let deployed = Deployed::of(&stack)?;
    // All that follows is where the stack is.
    aws.region = Some(&deployed.region);
    let now = now();
    progress::of(calls(&deployed, options.distribution.as_deref()));
    let answers = read(&aws, &deployed, options.distribution.as_deref(), now).await;
    progress.done();
    let status = Status::of(&answers, now);
    report::print(&status, &deployed.names("status"), options.format.format, now)?;
    Ok(ExitCode::from(status.exit_status()))
}

/// A stack of `infra/api.yaml`.
pub(crate) struct Deployed<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) region: String,
    pub(crate) authorizer: String,
    pub(crate) secret: String,
}

impl<'a> Deployed<'a> {
    /// # Errors
    /// If the stack has not the outputs of `infra/api.yaml`.
    pub(crate) fn of(stack: &'a Stack) -> Result<Self> {
        let [authorizer, secret] = ["AuthorizerFunctionName", "SigningSecretArn"].map(|name| output(stack, name));
        let region = stack.region().map(str::to_owned);
        let region = region.with_context(|| format!("the id of stack {} has no Region", stack.stack_name))?;
        Ok(Self { stack, region, authorizer: authorizer?, secret: secret? })
    }

    /// `command` is the one that reports.
    pub(crate) fn names(&'a self, command: &'a str) -> Names<'a> {
        let Self { stack, region, authorizer, secret } = self;
        Names { command, stack: &stack.stack_name, region, secret, authorizer }
    }
}

fn output(stack: &Stack, name: &str) -> Result<String> {
    let value = stack.output(name).map(str::to_owned);
    value.ok_or_else(|| {
        anyhow!(
            "stack {} has no output {name}, in status {}: give the stack of infra/api.yaml",
            stack.stack_name,
            stack.stack_status
        )
    })
}

/// The number of calls: that of the stack, seven that are always made, and the others.
fn calls(deployed: &Deployed<'_>, distribution: Option<&str>) -> u64 {
    let stack = deployed.stack;
    let sent = stack.output("ApiKeySecretArn").or_else(|| stack.output("OriginHeaderSecretArn"));
    let id = distribution.or_else(|| stack.output("DistributionId"));
    7 + [sent.is_some(), id.is_some(), deployed.region != GLOBAL].map(u64::from).iter().sum::<u64>()
}

/// All calls, some at the same time. `distribution` comes before that of the stack.
pub(crate) async fn read(
    aws: &Aws<'_>,
    deployed: &Deployed<'_>,
    distribution: Option<&str>,
    now: UnixSeconds,
) -> Answers {
    let Deployed { stack, region, authorizer, secret } = deployed;
    let sent = stack.output("ApiKeySecretArn").or_else(|| stack.output("OriginHeaderSecretArn"));
    let id = distribution.or_else(|| stack.output("DistributionId"));
    let function = ["lambda", "get-function-configuration", "--function-name", authorizer, "--query", FUNCTION];
    let versions = ["secretsmanager", "list-secret-version-ids", "--secret-id", secret];
    let (function, gateway, of_secret, versions, sent, distribution, here, global, metrics) = tokio::join!(
        ask(aws, &function),
        gateway(aws, stack),
        describe(aws, secret),
        ask(aws, &versions),
        async {
            match sent {
                Some(sent) => Some(describe(aws, sent).await),
                None => None,
            }
        },
        async {
            match id {
                Some(id) => {
                    let read = ask(aws, &["cloudfront", "get-distribution", "--id", id, "--query", DISTRIBUTION]).await;
                    Some((id.to_owned(), read))
                }
                None => None,
            }
        },
        alarms(aws, region),
        async { if region == GLOBAL { Ok(Alarms::default()) } else { alarms(aws, GLOBAL).await } },
        last_hour(aws, authorizer, now),
    );
    let alarms = here.and_then(|here| global.map(|global| vec![here, global]));
    Answers {
        authorizer: function,
        gateway,
        secret: of_secret,
        versions,
        sent,
        distribution,
        alarms,
        metrics,
        stack: (*stack).clone(),
    }
}

/// What API Gateway knows of the authorizer.
async fn gateway(aws: &Aws<'_>, stack: &Stack) -> Read<Gateway> {
    let [kind, api, id] = ["ApiKind", "ApiId", "AuthorizerId"].map(|name| stack.output(name).unwrap_or_default());
    let (service, of, query) = match kind {
        "REST" => ("apigateway", "--rest-api-id", REST_AUTHORIZER),
        _ => ("apigatewayv2", "--api-id", V2_AUTHORIZER),
    };
    ask(aws, &[service, "get-authorizer", of, api, "--authorizer-id", id, "--query", query]).await
}

/// The answer of one call, or its error in one line.
pub(crate) async fn ask<T: DeserializeOwned>(aws: &Aws<'_>, arguments: &[&str]) -> Read<T> {
    aws.read(arguments).await.map_err(|error| output::chain(&error))
}

async fn describe(aws: &Aws<'_>, secret: &str) -> Read<Secret> {
    ask(aws, &["secretsmanager", "describe-secret", "--secret-id", secret]).await
}

async fn alarms(aws: &Aws<'_>, region: &str) -> Read<Alarms> {
    let kinds = ["cloudwatch", "describe-alarms", "--alarm-types", "MetricAlarm", "CompositeAlarm"];
    // Without the option only metric alarms are answered.
    ask(aws, &[&kinds[..], &["--region", region, "--query", ALARMS]].concat()).await
}

async fn last_hour(aws: &Aws<'_>, authorizer: &str, now: UnixSeconds) -> Read<Metrics> {
    let from = rfc3339(UnixSeconds::new(now.get().saturating_sub(3600)));
    // The end is not part of it, and what was counted in this minute is.
    let to = rfc3339(UnixSeconds::new(now.get().saturating_add(60)));
    let queries = traffic::queries(authorizer).to_string();
    let times = ["--start-time", &from, "--end-time", &to, "--metric-data-queries", &queries];
    ask(aws, &[&["cloudwatch", "get-metric-data"], &times[..]].concat()).await
}
