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

#[derive(Args)]
pub(crate) struct Options {
    /// The method, in upper case
    method: String,
    /// The API's own URL, stage and all, as it is to go over the wire
    url: String,
    /// The key file to sign with
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// A header to send along; may be given again
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body to send
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Send the file's API key along, as CloudFront does
    #[arg(long)]
    api_key: bool,
    /// The address to pass for the viewer's
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    viewer_ip: IpAddr,
    /// How long the signature is to be good
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = seconds(settings::Seconds::LIFETIME))]
    lifetime: Duration,
    /// Print a whole curl command, and not the headers alone
    #[arg(long)]
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

/// Every header to send but those that a client adds by itself.
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
        ensure!(!given, "--api-key and a header x-api-key: a gateway takes one");
        Some(signed.api_key()?)
    } else {
        None
    };
    Ok(signed.headers.into_iter().chain(api_key).chain(options.headers.iter().cloned()).collect())
}

/// Reads `Name: value`.
fn header(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once(':').context("accepted is NAME:VALUE")?;
    Method::try_from(name).map_err(|_| anyhow::anyhow!("accepted is NAME:VALUE"))?;
    let value = FieldValue::try_from(value)?.as_str();
    let ours = resembles_ours(name) || Field::ALL.iter().any(|field| resembles(name, field.name()));
    let framing = ["host", "content-length", "transfer-encoding"].iter().any(|other| resembles(name, other));
    ensure!(!ours && !framing, "{name} is written by this command, or by the client that sends the request");
    ensure!(!METHOD_OVERRIDES.iter().any(|other| resembles(name, other)), "{name} is refused by the authorizer");
    Ok((name.to_owned(), value.to_owned()))
}
