//! A request that is signed by hand, in the place of the edge.

use crate::{
    credentials::new_nonce,
    explain,
    output::{Hint, command},
};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use hyper::Uri;
use key_store::{KeyFile, KeyFileContents};
use signing::{ContentDigest, FieldValue, Method, Request, Target, UnixSeconds, ViewerIp, sign};
use std::{fs, net::IpAddr, path::Path, time::Duration};

/// What goes over the wire, without headers.
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

/// The headers that sign a request, and what the key file held then.
pub(crate) struct Signed {
    /// Every header to send, without those that a client adds itself and without the API key.
    pub(crate) headers: Vec<(String, String)>,
    contents: KeyFileContents,
}

impl UnsignedRequest<'_> {
    /// Signs with the key of the file that signs now.
    pub(crate) fn sign(&self, keys: &KeyFile, lifetime: Duration, now: UnixSeconds) -> Result<Signed> {
        let method = self.method;
        let method =
            Method::try_from(method).ok().with_context(|| format!("METHOD {method:?} is not an HTTP method"))?;
        if method.as_str().contains(|letter: char| letter.is_ascii_lowercase()) {
            let upper = method.as_str().to_ascii_uppercase();
            return Err(anyhow!("METHOD {:?} is not in upper case", method.as_str())
                .context(Hint(format!("write {upper}: a signature covers the method byte for byte"))));
        }
        let (authority, target) = split(self.url)?;
        ensure!(
            !is_websocket(self.url) || method.as_str() == "GET",
            "METHOD {:?} cannot be used with {:?}: a WebSocket begins with GET",
            method.as_str(),
            self.url
        );
        let body = match self.body {
            Some(_) if matches!(method.as_str(), "GET" | "HEAD") => {
                bail!("--body cannot be used with {}: the authorizer refuses a body there", method.as_str())
            }
            Some(path) => fs::read(path).with_context(|| format!("--body {} cannot be read", path.display()))?,
            None => Vec::new(),
        };
        let digest = (!matches!(method.as_str(), "GET" | "HEAD")).then(|| ContentDigest::of(&body));
        let viewer_ip = self.viewer_ip.to_string();
        let request = Request {
            method,
            authority: authority.as_str().try_into().ok().with_context(|| {
                format!("URL {:?} has a host that cannot be signed: accepted are A-Z a-z 0-9 - . _ ~ : [ ]", self.url)
            })?,
            target,
            viewer_ip: ViewerIp::try_from(viewer_ip.as_str())?,
            content_digest: digest.as_deref().map(FieldValue::try_from).transpose()?,
        };
        let contents = keys.load().map_err(explain::of_file)?;
        let key = contents.keys.signing_key(now).ok_or_else(|| {
            let path = keys.path();
            let show = command(["countersign", "keys", "show", "--keys", &path.to_string_lossy()]);
            anyhow!("no key of {} can sign now", path.display())
                .context(Hint(format!("to see when each key signs, run: {show}")))
        })?;
        let headers = sign(&request, key, new_nonce()?, lifetime, now).headers(&request);
        let headers = headers.into_iter().map(|(field, value)| (field.key().to_owned(), value)).collect();
        Ok(Signed { headers, contents })
    }
}

impl Signed {
    /// The header with the API key that CloudFront sends.
    pub(crate) fn api_key(&self) -> Result<(String, String)> {
        let api_key =
            self.contents.api_keys.first().context("--api-key cannot be used: the key file has no API key")?;
        Ok(("x-api-key".to_owned(), api_key.expose().to_owned()))
    }
}

/// Whether a URL is that of a WebSocket. The handshake is signed as the GET that it is.
pub(crate) fn is_websocket(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).unwrap_or_default();
    scheme.eq_ignore_ascii_case("ws") || scheme.eq_ignore_ascii_case("wss")
}

/// The authority and the target of a URL, the target byte for byte as it is there.
fn split(url: &str) -> Result<(String, Target<'_>)> {
    let wrong = |why: &str| anyhow!("URL {url:?} {why}");
    let uri: Uri = url.parse().map_err(|_| wrong("is not a URL: accepted is https://HOST/STAGE/PATH"))?;
    let authority = uri.authority().ok_or_else(|| wrong("has no host: accepted is https://HOST/STAGE/PATH"))?.as_str();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    // Schemes have no case (RFC 3986, section 3.1).
    let is = |scheme: &str| uri.scheme_str().is_some_and(|found| found.eq_ignore_ascii_case(scheme));
    let accepted = is("https") || is("wss") || (loopback && (is("http") || is("ws")));
    ensure!(accepted, wrong("must begin with https:// or wss://, or with http:// or ws:// and a loopback address"));
    ensure!(!authority.contains('@'), wrong("must not hold the name of a user"));
    let rest = url.split_once("://").and_then(|(_, rest)| rest.get(authority.len()..));
    let target = rest.ok_or_else(|| wrong("is not a URL: accepted is https://HOST/STAGE/PATH"))?;
    let target = if target.is_empty() { "/" } else { target };
    let target = Target::try_from(target).map_err(|error| wrong(&format!("cannot be signed: its path is {error}")))?;
    if target.query() == Some("") {
        return Err(
            wrong("ends with a bare ?, which the authorizer refuses").context(Hint("leave the ? off".to_owned()))
        );
    }
    Ok((authority.to_owned(), target))
}
