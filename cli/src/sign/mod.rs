//! `countersign sign`: signs one request by hand, for a call past CloudFront.

mod curl;
pub(crate) mod request;

use crate::{
    durations::seconds,
    output::line,
    sign::{curl::curl, request::UnsignedRequest},
    times::now,
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use key_store::KeyFile;
use signing::{Field, FieldValue, METHOD_OVERRIDES, Method, resembles, resembles_ours};
use std::{net::IpAddr, path::PathBuf, time::Duration};

pub(crate) const EXAMPLES: &str = "\
Examples:
  countersign sign GET https://abc123.execute-api.eu-west-1.amazonaws.com/prod/pets --keys keys.json
  countersign sign GET http://127.0.0.1:8081/prod/pets --keys keys.json --api-key --curl
  countersign sign POST http://127.0.0.1:8081/prod/pets --keys keys.json --api-key --curl \\
    --header 'Content-Type: application/json' --body pet.json
  countersign sign GET ws://127.0.0.1:8081/prod --keys keys.json --api-key --curl";

#[derive(Args)]
pub(crate) struct Options {
    /// The method, in upper case
    method: String,
    /// The API's own URL, with the stage, byte for byte as the client sends it. For a WebSocket also `ws://` or `wss://`
    url: String,
    /// The key file to sign with
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    keys: PathBuf,
    /// Also send the API key of the key file, as CloudFront does
    #[arg(long, help_heading = "Keys")]
    api_key: bool,
    /// Another header to send. Can be repeated
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header, help_heading = "Request")]
    headers: Vec<(String, String)>,
    /// A file with the body to send
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    body: Option<PathBuf>,
    /// The address that is signed as the viewer's
    #[arg(long, value_name = "IP", default_value = "127.0.0.1", value_parser = viewer_ip, help_heading = "Request")]
    viewer_ip: IpAddr,
    /// How long the signature is valid
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = seconds(settings::Seconds::LIFETIME),
        help_heading = "Timings"
    )]
    lifetime: Duration,
    /// Print a whole curl command, not only the headers
    #[arg(long, help_heading = "Output")]
    curl: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let headers = headers(options)?;
    if options.curl {
        line(curl(&options.method, &options.url, &headers, options.body.as_deref())?);
    } else {
        for (name, value) in headers {
            line(format_args!("{name}: {value}"));
        }
    }
    Ok(())
}

/// Every header to send, without those that a client adds itself.
fn headers(options: &Options) -> Result<Vec<(String, String)>> {
    let request = UnsignedRequest {
        method: &options.method,
        url: &options.url,
        body: options.body.as_deref(),
        viewer_ip: options.viewer_ip,
    };
    let signed = request.sign(&KeyFile::new(&options.keys), options.lifetime, now())?;
    let api_key = if options.api_key {
        let given = options.headers.iter().any(|(name, _)| resembles(name, "x-api-key"));
        ensure!(!given, "--api-key cannot be used with --header x-api-key: the gateway accepts one API key");
        Some(signed.api_key()?)
    } else {
        None
    };
    Ok(signed.headers.into_iter().chain(api_key).chain(options.headers.iter().cloned()).collect())
}

fn viewer_ip(text: &str) -> Result<IpAddr> {
    text.parse().ok().context("accepted is an IPv4 or IPv6 address")
}

/// Reads `Name: value`.
fn header(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once(':').context("accepted is NAME:VALUE")?;
    // A name is a token, as a method is.
    Method::try_from(name).ok().with_context(|| format!("{name:?} is not the name of a header"))?;
    let value = FieldValue::try_from(value).ok().context("the value must be visible ASCII, spaces and tabs")?.as_str();
    let ours = resembles_ours(name) || Field::ALL.iter().any(|field| resembles(name, field.name()));
    let framing = ["host", "content-length", "transfer-encoding"].iter().any(|other| resembles(name, other));
    ensure!(!ours && !framing, "{name} is set by this command, or by the client that sends the request");
    ensure!(!METHOD_OVERRIDES.iter().any(|other| resembles(name, other)), "{name} is refused by the authorizer");
    Ok((name.to_owned(), value.to_owned()))
}
