//! Both doors, as anybody finds them.
//!
//! [`probe`] has the list of the requests, [`client`] sends them, [`answer`] says who made an answer, and [`verdict`] what the
//! answers show. Only [`examine`] and the client touch the network and the clock.

mod answer;
mod client;
mod clock;
mod finding;
mod notice;
mod origin_headers;
mod probe;
mod replay;
mod verdict;

use crate::{
    aws::Aws,
    diagnosis,
    doctor::{
        check::{Check, Part},
        targets::{ApiUrl, Targets},
    },
    keys::arn,
    output,
    times::now,
};
use anyhow::{Error, Result};
use clap::Args;
use client::{Client, Sent};
use futures_util::{StreamExt as _, stream};
use key_store::SecretArn;
use notice::notice;
use probe::{Place, Plan, Probe, RequestPath, Source};
use std::time::Duration;
use tokio::time::sleep;

/// How many requests are on their way at the same time: a deployed API must not notice them.
const AT_ONCE: usize = 4;

/// CloudFront counts the age of what it keeps in seconds: after this time the age is not 0.
const UNTIL_OLDER: Duration = Duration::from_millis(1100);

#[derive(Args)]
pub(crate) struct RequestOptions {
    /// The path below the API's URL that is asked for: one that answers GET, and to which any request is harmless
    #[arg(long, value_name = "PATH", default_value = "/", help_heading = "Requests")]
    path: RequestPath,
    /// Also send POST, PUT, PATCH and DELETE to the path, without a signature and without a body. If the API's own URL is open,
    /// they reach the backend
    #[arg(long, help_heading = "Requests")]
    unsafe_methods: bool,
    /// A path below the API's URL whose answer shows the headers of the request, as /echo of the example API. The headers that
    /// CloudFront adds are then sent past it, with the same request and with others
    #[arg(long, value_name = "PATH", help_heading = "Requests")]
    echo: Option<RequestPath>,
    /// Read this secret, sign a GET of the path with its keys, and send its headers past CloudFront, with the same request and with
    /// others. With --stack the API key that CloudFront sends is read too
    #[arg(long, value_name = "ARN", value_parser = arn, help_heading = "Requests")]
    sign_with_secret: Option<SecretArn>,
    /// The API's default endpoint, if --api-url is a custom domain. The stack says it too
    #[arg(long, value_name = "URL", help_heading = "API")]
    default_endpoint: Option<ApiUrl>,
}

/// Sends the requests, and says what the answers show.
pub(crate) async fn examine(aws: &Aws<'_>, targets: &Targets, options: &RequestOptions) -> Vec<Check> {
    match requests(aws, targets, options).await {
        Ok(checks) => checks,
        // Nothing was sent: this machine has no randomness.
        Err(error) => vec![Check::unread(Part::ApiUrl, "all requests", output::chain(&error))],
    }
}

async fn requests(aws: &Aws<'_>, targets: &Targets, options: &RequestOptions) -> Result<Vec<Check>> {
    let default_endpoint = options.default_endpoint.clone().or_else(|| probe::default_endpoint(targets));
    let plan = Plan {
        path: &options.path,
        unsafe_methods: options.unsafe_methods,
        is_websocket: targets.is_websocket(),
        random: probe::random_name()?,
        api: &targets.api_url,
        default_endpoint: default_endpoint.as_ref(),
        viewer: &targets.viewer_url,
    };
    let client = Client::new();
    let (mut direct, viewer) = tokio::join!(at_once(&client, &plan, plan.direct()), through_cloudfront(&client, &plan));
    let (replayed, unread) = replays(aws, targets, &client, &plan, options).await;
    direct.extend(replayed);
    let context = verdict::Context::new(targets, &plan);
    let mut checks = verdict::checks(&context, &direct, &viewer);
    checks.extend(unread);
    Ok(checks)
}

/// The requests that need a signature, and why there are none.
async fn replays(
    aws: &Aws<'_>,
    targets: &Targets,
    client: &Client,
    plan: &Plan<'_>,
    options: &RequestOptions,
) -> (Vec<Sent>, Vec<Check>) {
    let (mut sent, mut unread) = (Vec::new(), Vec::new());
    let mut probes = Vec::new();
    if let Some(path) = &options.echo {
        let echo = client.send(plan.url(Place::CloudFront), plan.echo(path)).await;
        match echo.answer.map_err(Error::msg).and_then(|answer| replay::captured(&answer)) {
            Ok(headers) => probes.extend(replay::probes(plan, Source::Captured, path.as_str(), &headers)),
            Err(error) => unread.push(Check::unread(Part::CloudFront, echo.probe.what(), output::chain(&error))),
        }
    }
    if let Some(secret) = &options.sign_with_secret {
        let path = options.path.as_str();
        match signed(aws, targets, secret, plan, path).await {
            Ok(headers) => probes.extend(replay::probes(plan, Source::Signed, path, &headers)),
            Err(error) => {
                unread.push(Check::unread(Part::ApiUrl, format!("GET {path}, signed"), output::chain(&error)));
            }
        }
    }
    sent.extend(at_once(client, plan, probes).await);
    (sent, unread)
}

/// The headers of a GET of the path as CloudFront would send it.
async fn signed(
    aws: &Aws<'_>,
    targets: &Targets,
    secret: &SecretArn,
    plan: &Plan<'_>,
    path: &str,
) -> Result<Vec<(String, String)>> {
    notice(format_args!("reads the value of the secret {secret}, to sign a GET of {path} with it"));
    let keys = diagnosis::keys_of_secret(secret).await?;
    let beside = match &targets.stack {
        Some(stack) => origin_headers::read(aws, stack).await?,
        None => Vec::new(),
    };
    // The last, because the others may take time.
    let mut headers = replay::signed(&keys, plan.api, path, now())?;
    headers.extend(beside);
    Ok(headers)
}

/// One after the other: the second answer of two may be of the cache, and the last two requests are sent only if CloudFront keeps
/// no errors.
async fn through_cloudfront(client: &Client, plan: &Plan<'_>) -> Vec<Sent> {
    let mut sent = at_once(client, plan, vec![plan.through_cloudfront()]).await;
    let [first, second] = plan.unknown_path();
    sent.push(client.send(plan.url(first.place), first).await);
    sleep(UNTIL_OLDER).await;
    sent.push(client.send(plan.url(second.place), second).await);
    let more = verdict::more_through_cloudfront(plan, &sent);
    sent.extend(at_once(client, plan, more).await);
    sent
}

async fn at_once(client: &Client, plan: &Plan<'_>, probes: Vec<Probe>) -> Vec<Sent> {
    let sending = probes.into_iter().map(|probe| client.send(plan.url(probe.place), probe));
    stream::iter(sending).buffered(AT_ONCE).collect().await
}
