//! A request that is signed by hand, in the place of the edge.

use crate::credentials::new_nonce;
use anyhow::{Context as _, Result, bail, ensure};
use hyper::Uri;
use key_store::{KeyFile, KeyFileContents};
use signing::{ContentDigest, FieldValue, Method, Request, Target, UnixSeconds, ViewerIp, sign};
use std::{fs, net::IpAddr, path::Path, time::Duration};

/// What goes over the wire, but for headers.
pub(crate) struct UnsignedRequest<'a> {
    /// In upper case.
    pub(crate) method: &'a str,
    /// The API's own URL, stage and all.
    pub(crate) url: &'a str,
    /// The file that holds the body.
    pub(crate) body: Option<&'a Path>,
    /// The address to pass for the viewer's.
    pub(crate) viewer_ip: IpAddr,
}

/// The headers that sign a request, and the key file as it was then.
pub(crate) struct Signed {
    /// Every header to send but those that a client adds by itself, and the API key.
    pub(crate) headers: Vec<(String, String)>,
    contents: KeyFileContents,
}

impl UnsignedRequest<'_> {
    /// Signs with the key of the file that signs now.
    pub(crate) fn sign(&self, keys: &KeyFile, lifetime: Duration, now: UnixSeconds) -> Result<Signed> {
        let method = Method::try_from(self.method).context("METHOD")?;
        ensure!(!method.as_str().contains(|letter: char| letter.is_ascii_lowercase()), "METHOD: is in upper case");
        let (authority, target) = split(self.url)?;
        let body = match self.body {
            Some(_) if matches!(method.as_str(), "GET" | "HEAD") => bail!("a GET or HEAD with a body is refused"),
            Some(path) => fs::read(path).with_context(|| path.display().to_string())?,
            None => Vec::new(),
        };
        let digest = (!matches!(method.as_str(), "GET" | "HEAD")).then(|| ContentDigest::of(&body));
        let viewer_ip = self.viewer_ip.to_string();
        let request = Request {
            method,
            authority: authority.as_str().try_into().context("URL")?,
            target,
            viewer_ip: ViewerIp::try_from(viewer_ip.as_str())?,
            content_digest: digest.as_deref().map(FieldValue::try_from).transpose()?,
        };
        let contents = keys.load()?;
        let key =
            contents.keys.signing_key(now).context("no key of the file may sign now: see countersign keys show")?;
        let headers = sign(&request, key, new_nonce()?, lifetime, now).headers(&request);
        let headers = headers.into_iter().map(|(field, value)| (field.key().to_owned(), value)).collect();
        Ok(Signed { headers, contents })
    }
}

impl Signed {
    /// The header with the API key that CloudFront sends.
    pub(crate) fn api_key(&self) -> Result<(String, String)> {
        let api_key = self.contents.api_keys.first().context("the file has no API key")?;
        Ok(("x-api-key".to_owned(), api_key.expose().to_owned()))
    }
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
