//! What is examined: two URLs, and the names that AWS knows.

use crate::{
    aws::Aws,
    output::Hint,
    status::{
        Deployed,
        answers::{Stack, Stacks},
    },
};
use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use clap::Args;
use hyper::Uri;
use std::{
    fmt::{self, Display},
    net::IpAddr,
    str::FromStr,
};

/// What the command line says of the API.
#[derive(Args)]
pub(crate) struct TargetOptions {
    /// The API's own URL, with the stage or the base path
    #[arg(long, value_name = "URL", required_unless_present_any = ["stack", "learn"], help_heading = "API")]
    api_url: Option<ApiUrl>,
    /// The distribution: its URL, its domain name, or its id, which the AWS command line looks up
    #[arg(long, value_name = "ID|URL", required_unless_present_any = ["stack", "learn"], help_heading = "API")]
    distribution: Option<DistributionArgument>,
    /// The name or ARN of the stack of infra/api.yaml: its configuration is examined too
    #[arg(long, value_name = "NAME", help_heading = "API")]
    stack: Option<String>,
}

/// Both doors of one API.
pub(crate) struct Targets {
    /// The API's own URL, without a slash at its end.
    pub(crate) api_url: ApiUrl,
    /// CloudFront's.
    pub(crate) viewer_url: ApiUrl,
    /// The id of the distribution, if it was given or the stack has made it.
    pub(crate) distribution: Option<String>,
    /// The stack of `infra/api.yaml`.
    pub(crate) stack: Option<Stack>,
}

impl Targets {
    /// Completes the options with what the stack and CloudFront answer.
    ///
    /// # Errors
    /// If the stack or the distribution cannot be read, or one of the two URLs is not known.
    pub(crate) async fn find(aws: &Aws<'_>, options: &TargetOptions) -> Result<Self> {
        let stack = match &options.stack {
            Some(name) => Some(stack(aws, name).await?),
            None => None,
        };
        // Of another stack nothing below is known.
        stack.as_ref().map(Deployed::of).transpose()?;
        let output = |name: &str| stack.as_ref().and_then(|stack| stack.output(name));
        let api_url = match (&options.api_url, output("BackDoor")) {
            (Some(url), _) => url.clone(),
            (None, Some(url)) => url.parse().context("the output BackDoor of the stack")?,
            (None, None) => bail!("the stack has no output BackDoor: give --api-url"),
        };
        let (distribution, viewer_url) = match &options.distribution {
            Some(DistributionArgument::Url(url)) => (output("DistributionId").map(str::to_owned), url.clone()),
            Some(DistributionArgument::Id(id)) => (Some(id.clone()), domain_name(aws, id).await?),
            None => match (output("DistributionId"), output("CFDistribution")) {
                (Some(id), Some(name)) => (Some(id.to_owned()), format!("https://{name}").parse()?),
                _ => {
                    let hint = Hint("give --distribution with the id or the URL of your distribution".to_owned());
                    return Err(anyhow!("the stack has not made a distribution").context(hint));
                }
            },
        };
        Ok(Self { api_url, viewer_url, distribution, stack })
    }
}

impl Targets {
    /// Whether the API is a WebSocket API, by its URL or by the stack.
    pub(crate) fn is_websocket(&self) -> bool {
        let kind = self.stack.as_ref().and_then(|stack| stack.output("ApiKind"));
        kind == Some("WEBSOCKET") || self.api_url.is_websocket() || self.viewer_url.is_websocket()
    }
}

async fn stack(aws: &Aws<'_>, name: &str) -> Result<Stack> {
    let stacks: Stacks = aws.read(&["cloudformation", "describe-stacks", "--stack-name", name]).await?;
    stacks.stacks.into_iter().next().with_context(|| format!("stack {name} does not exist"))
}

async fn domain_name(aws: &Aws<'_>, id: &str) -> Result<ApiUrl> {
    let query = "Distribution.DomainName";
    let name: String = aws.read(&["cloudfront", "get-distribution", "--id", id, "--query", query]).await?;
    format!("https://{name}").parse()
}

/// An absolute URL of `https` or `wss`, or of `http` or `ws` on this machine, without a query and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiUrl(Uri);

impl ApiUrl {
    /// The scheme, `https` or `http`.
    pub(crate) fn scheme(&self) -> &str {
        if matches!(self.0.scheme_str(), Some("http" | "ws")) { "http" } else { "https" }
    }

    /// Whether it is the URL of a WebSocket.
    pub(crate) fn is_websocket(&self) -> bool {
        matches!(self.0.scheme_str(), Some("ws" | "wss"))
    }

    /// The host without the brackets of an IPv6 address, and the port.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let default = if self.scheme() == "http" { 80 } else { 443 };
        (self.0.host().unwrap_or_default().trim_matches(['[', ']']), self.0.port_u16().unwrap_or(default))
    }

    /// `host` or `host:port`.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    /// The path, without a slash at its end: the stage or the base path, or nothing.
    pub(crate) fn base(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }
}

impl FromStr for ApiUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let uri: Uri = text.parse().ok().with_context(|| format!("{text:?} is not a URL"))?;
        let host = uri.host().unwrap_or_default();
        let is_here = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let scheme = uri.scheme_str().unwrap_or_default();
        ensure!(!host.is_empty() && !scheme.is_empty(), "{text:?} must begin with https://");
        ensure!(
            matches!(scheme, "https" | "wss") || matches!(scheme, "http" | "ws") && is_here,
            "accepted are https:// and wss://, and http:// and ws:// only on this machine"
        );
        ensure!(uri.query().is_none() && !text.contains('#'), "the URL must not have a query or a fragment");
        ensure!(
            !uri.authority().is_some_and(|authority| authority.as_str().contains('@')),
            "the URL must not have a user"
        );
        Ok(Self(uri))
    }
}

impl Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.0.scheme_str().unwrap_or("https"), self.authority(), self.base())
    }
}

/// `--distribution`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DistributionArgument {
    Id(String),
    Url(ApiUrl),
}

impl FromStr for DistributionArgument {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.contains("://") {
            return text.parse().map(Self::Url);
        }
        if text.contains('.') {
            return format!("https://{text}").parse().map(Self::Url);
        }
        let is_id = (2..=32).contains(&text.len())
            && text.starts_with('E')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        ensure!(is_id, "accepted is an id as E1A2B3C4D5E6F7, a domain name, or a URL");
        Ok(Self::Id(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_absolute_and_of_https() {
        for (text, shown) in [
            (
                "https://abc123.execute-api.eu-west-1.amazonaws.com/prod/",
                "https://abc123.execute-api.eu-west-1.amazonaws.com/prod",
            ),
            ("https://api.example.com", "https://api.example.com"),
            ("http://127.0.0.1:8081/prod", "http://127.0.0.1:8081/prod"),
            ("http://[::1]:8081", "http://[::1]:8081"),
            ("wss://api.example.com/", "wss://api.example.com"),
            ("ws://127.0.0.1:8081/prod", "ws://127.0.0.1:8081/prod"),
        ] {
            assert_eq!(text.parse::<ApiUrl>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "/prod",
            "api.example.com",
            "http://api.example.com",
            "ws://api.example.com",
            "ftp://127.0.0.1",
            "https://a/?x",
            "https://a/#x",
            "https://u:p@a/",
        ] {
            assert!(text.parse::<ApiUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_distribution_is_an_id_or_a_url() {
        let id = |text: &str| DistributionArgument::Id(text.to_owned());
        let url = |text: &str| DistributionArgument::Url(text.parse().unwrap());
        for (text, expected) in [
            ("E1A2B3C4D5E6F7", id("E1A2B3C4D5E6F7")),
            ("d111111abcdef8.cloudfront.net", url("https://d111111abcdef8.cloudfront.net")),
            ("https://www.example.com/", url("https://www.example.com/")),
        ] {
            assert_eq!(text.parse::<DistributionArgument>().unwrap(), expected);
        }
        for text in ["", "E", "e1a2b3", "E1 2", "--id", "http://www.example.com"] {
            assert!(text.parse::<DistributionArgument>().is_err(), "{text}");
        }
    }
}
