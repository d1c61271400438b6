//! `countersign sign`: signs one request by hand, for a call past CloudFront.

use crate::{durations::whole_seconds, output::line, times::now};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use hyper::Uri;
use key_store::KeyFile;
use signing::{
    ContentDigest, Field, FieldValue, METHOD_OVERRIDES, Method, Nonce, Request, Target, ViewerIp, resembles,
    resembles_ours, sign,
};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

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
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = whole_seconds::<1, 300>)]
    lifetime: Duration,
    /// Print a whole curl command, and not the headers alone
    #[arg(long)]
    curl: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let headers = signed_headers(options)?;
    if options.curl {
        line(curl(options, &headers)?);
    } else {
        for (name, value) in headers {
            line(format_args!("{name}: {value}"));
        }
    }
    Ok(())
}

/// The headers of a request without a body, with the API key.
pub(crate) fn by_hand(method: &str, url: &str, file: &KeyFile) -> Result<Vec<(String, String)>> {
    signed_headers(&Options {
        method: method.to_owned(),
        url: url.to_owned(),
        keys: file.path().to_owned(),
        headers: Vec::new(),
        body: None,
        api_key: true,
        viewer_ip: Ipv4Addr::LOCALHOST.into(),
        lifetime: Duration::from_secs(6),
        curl: false,
    })
}

/// Every header to send but those that a client adds by itself.
fn signed_headers(options: &Options) -> Result<Vec<(String, String)>> {
    let method = Method::try_from(options.method.as_str()).context("METHOD")?;
    ensure!(!method.as_str().contains(|letter: char| letter.is_ascii_lowercase()), "METHOD: is in upper case");
    let (authority, target) = split(&options.url)?;
    let body = match &options.body {
        Some(_) if matches!(method.as_str(), "GET" | "HEAD") => bail!("a GET or HEAD with a body is refused"),
        Some(path) => fs::read(path).with_context(|| path.display().to_string())?,
        None => Vec::new(),
    };
    let digest = (!matches!(method.as_str(), "GET" | "HEAD")).then(|| ContentDigest::of(&body));
    let viewer_ip = options.viewer_ip.to_string();
    let request = Request {
        method,
        authority: authority.as_str().try_into().context("URL")?,
        target,
        viewer_ip: ViewerIp::try_from(viewer_ip.as_str())?,
        content_digest: digest.as_deref().map(FieldValue::try_from).transpose()?,
    };
    let contents = KeyFile::new(&options.keys).load()?;
    let now = now();
    let key = contents.keys.signing_key(now).context("no key of the file may sign now: see countersign keys show")?;
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let headers = sign(&request, key, Nonce::new(nonce), options.lifetime, now).headers(&request);

    let mut all: Vec<_> = headers.into_iter().map(|(field, value)| (field.key().to_owned(), value)).collect();
    if options.api_key {
        let given = options.headers.iter().any(|(name, _)| resembles(name, "x-api-key"));
        ensure!(!given, "--api-key and a header x-api-key: a gateway takes one");
        let api_key = contents.api_keys.first().context("the file has no API key")?;
        all.push(("x-api-key".to_owned(), api_key.expose().to_owned()));
    }
    all.extend(options.headers.iter().cloned());
    Ok(all)
}

/// The authority and the target of a URL, the target byte for byte as it stands there.
fn split(url: &str) -> Result<(String, Target<'_>)> {
    let uri: Uri = url.parse().context("URL")?;
    let authority = uri.authority().context("URL: has no host: accepted is https://HOST/STAGE/…")?.as_str();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    let good = uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && loopback);
    ensure!(good, "URL: accepted is https:// or, on loopback, http://");
    ensure!(!authority.contains('@'), "URL: may not hold a user");
    let (_, rest) = url.split_once("://").context("URL")?;
    let target = rest.get(authority.len()..).context("URL")?;
    let target = if target.is_empty() { "/" } else { target };
    let target = Target::try_from(target).context("URL")?;
    ensure!(target.query() != Some(""), "URL: a bare ? at its end is refused by the authorizer: leave it off");
    Ok((authority.to_owned(), target))
}

/// A command for a POSIX shell. HTTP/1.1, since REST APIs match the names of identity sources by case, and the target as it
/// stands in the URL.
fn curl(options: &Options, headers: &[(String, String)]) -> Result<String> {
    let mut words =
        ["curl", "--http1.1", "--globoff", "--path-as-is", "--request", &options.method].map(str::to_owned).to_vec();
    if options.method == "HEAD" {
        words.push("--head".to_owned());
    }
    for (name, value) in headers {
        words.extend(["--header".to_owned(), format!("{name}: {value}")]);
    }
    if let Some(body) = &options.body {
        let path = body.to_str().context("the path of the body is not UTF-8")?;
        ensure!(body.is_file(), "{path} is no file that curl could read once more");
        words.extend(["--data-binary".to_owned(), format!("@{path}")]);
    }
    words.push(options.url.clone());
    Ok(shlex::try_join(words.iter().map(String::as_str))?)
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
