//! The options of both servers, and the checks that AWS would make.

use crate::{
    backend::upstream::{Backend, BackendError},
    edge::rules,
    gateway::{api_keys::ApiKeys, domain::Domain},
};
use std::{io, net::SocketAddr, str::FromStr};
use telemetry::Log;

/// The options of both servers. Not `Debug`: custom headers hold secrets.
#[derive(Clone)]
pub struct Options {
    /// The address for viewers, on this machine's loopback; port 0 takes a free port.
    pub edge: SocketAddr,
    /// The address of the gateway, CloudFront's origin; likewise.
    pub gateway: SocketAddr,
    /// The kind of API of the gateway.
    pub api: ApiKind,
    /// The stage: `prod`, or an HTTP API's `$default`. Without a custom domain a named stage is also CloudFront's
    /// origin path.
    pub stage: String,
    /// A custom domain instead of the API's own, and the key below which it maps the stage. The key is then
    /// CloudFront's origin path. The name is never looked up: the gateway listens at its address, and requires the name
    /// in `Host`.
    pub domain: Option<Domain>,
    /// The API's id in events and ARNs: `local12345`.
    pub api_id: String,
    /// The origin's custom headers: the signer's configuration and the API key.
    pub custom_headers: Vec<(String, String)>,
    /// The API keys that the gateway accepts. CloudFront sends the first in `x-api-key`. `None` if methods do not need
    /// an API key.
    pub api_keys: Option<ApiKeys>,
    /// Whether the gateway requires a signature before it calls the authorizer.
    pub identity_sources: IdentitySources,
    /// The backend behind the gateway. With the built-in backend the API has its routes, else the API has every route.
    pub backend: Backend,
    /// The name in the authorizer's context whose value replaces the backend's whole path, as `countersignPath`: the
    /// parameter mapping `overwrite:path` = `$context.authorizer.NAME` of an HTTP API's HTTP_PROXY integration. The query
    /// stays as received.
    pub overwrite_path: Option<String>,
    /// The form of the authorizer's answer at an HTTP API with payload format 2.0. All other kinds always have a policy.
    pub answer: Answer,
    /// Whether the API's resources and its backend see the key of the custom domain: a routing rule that does not strip
    /// the base path. REST APIs only.
    pub keeps_base_path: bool,
    /// A routing rule of the custom domain, which comes before its mapping. REST APIs only.
    pub routing_rule: Option<RoutingRule>,
    /// The log of both servers, and of functions that run in this process.
    pub log: Log,
}

/// The kinds of API that can be behind CloudFront here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKind {
    /// A REST API: its authorizer is not shown the raw query and answers with a policy.
    Rest,
    /// An HTTP API with payload format 2.0: its authorizer is not shown the raw path and answers in the form of
    /// [`Options::answer`].
    Http,
    /// An HTTP API with payload format 1.0: its authorizer is shown neither the raw path nor the raw query and answers with
    /// a policy.
    HttpV1,
    /// A WebSocket API: its authorizer is called for `$connect` only, is shown neither the path nor the raw query, and answers
    /// with a policy.
    WebSocket,
}

impl ApiKind {
    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "a REST API",
            Self::Http => "an HTTP API",
            Self::HttpV1 => "an HTTP API with payload format 1.0",
            Self::WebSocket => "a WebSocket API",
        }
    }
}

/// The form of an authorizer's answer to an HTTP API's event of payload format 2.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// `{"isAuthorized": …}`: the API has `EnableSimpleResponses`.
    #[default]
    Simple,
    /// An IAM policy about the `routeArn`.
    Policy,
}

/// A routing rule of a REST API's custom domain: a request with this header reaches this stage of the same API. The real
/// value may have wildcards, and a rule up to two headers; here the whole value is compared.
///
/// ```
/// let rule: local::RoutingRule = "x-version=beta:test".parse().unwrap();
/// assert_eq!((rule.header.as_str(), rule.value.as_str(), rule.stage.as_str()), ("x-version", "beta", "test"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingRule {
    /// The name of the header, in any case.
    pub header: String,
    /// Its whole value.
    pub value: String,
    /// The stage that the request then reaches.
    pub stage: String,
}

/// A text that is not a [`RoutingRule`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the routing rule {text:?} is not of the form HEADER=VALUE:STAGE, like x-version=beta:test: {reason}")]
pub struct RoutingRuleError {
    text: String,
    reason: &'static str,
}

impl FromStr for RoutingRule {
    type Err = RoutingRuleError;

    fn from_str(text: &str) -> Result<Self, RoutingRuleError> {
        let error = |reason| RoutingRuleError { text: text.to_owned(), reason };
        let (header, rest) = text.split_once('=').ok_or_else(|| error("it has no ="))?;
        let (value, stage) = rest.rsplit_once(':').ok_or_else(|| error("it has no : before the stage"))?;
        if value.is_empty() || !rules::is_sendable(&header.to_ascii_lowercase(), value) {
            return Err(error("the name or the value of the header cannot be sent over HTTP"));
        }
        check_name("the stage", stage)
            .map_err(|_| error("the stage is not 1 to 128 characters of A–Z, a–z, 0–9, `_` and `-`"))?;
        let [header, value, stage] = [header, value, stage].map(str::to_owned);
        Ok(Self { header, value, stage })
    }
}

/// The authorizer's identity sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentitySources {
    /// `Countersign-Signature`: without it the gateway itself answers 401. For enforce mode. A REST API finds the
    /// header only in exactly this case, an HTTP API in any case.
    Signature,
    /// None: every request reaches the authorizer. For monitor mode.
    None,
}

impl Options {
    /// The prefix of every path on the wire: `/STAGE`, the key of the custom domain, or empty.
    pub fn wire_base(&self) -> String {
        match (&self.domain, self.stage.as_str()) {
            (Some(domain), _) => domain.base_path().to_owned(),
            (None, "$default") => String::new(),
            (None, stage) => format!("/{stage}"),
        }
    }
}

/// Why the servers were not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The server cannot listen on an address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// An address that other machines could reach: the servers speak plain HTTP.
    #[error("{0} is not an address of this machine's loopback, like 127.0.0.1:0")]
    NotLoopback(SocketAddr),
    /// The URL is not a backend.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A stage or an API id that is not valid.
    #[error("{what} {value:?} is not 1 to 128 characters of A–Z, a–z, 0–9, `_` and `-`")]
    Name {
        /// The name of the option.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// API keys are requested for a kind of API that does not have them.
    #[error("{} cannot have API keys: only REST APIs and WebSocket APIs have API keys and usage plans", .0.name())]
    ApiKeys(ApiKind),
    /// The stage `$default` of an API that is not an HTTP API.
    #[error("{} cannot have the stage \"$default\": only HTTP APIs have it", .0.name())]
    DefaultStage(ApiKind),
    /// A parameter mapping of the path is requested for a kind of API that does not have it.
    #[error("{} cannot overwrite the path with a parameter mapping: only HTTP APIs have `overwrite:path`", .0.name())]
    OverwritePath(ApiKind),
    /// Answers with a policy are requested for a kind of API that does not have the choice.
    #[error("{} has no choice of the authorizer's answer, which is a policy: only HTTP APIs with payload format 2.0 have it", .0.name())]
    Answer(ApiKind),
    /// The base path should be kept at a kind of API that always strips it.
    #[error("{} cannot keep the base path: only the custom domain of a REST API can", .0.name())]
    KeptBasePath(ApiKind),
    /// The base path should be kept, and there is none.
    #[error("a base path that is kept needs a custom domain with a key")]
    NoBasePathToKeep,
    /// A routing rule is requested for a kind of API that does not have it.
    #[error("{} cannot have a routing rule by header: only the custom domain of a REST API can", .0.name())]
    RoutingRule(ApiKind),
    /// A routing rule is requested for the API's own name.
    #[error("a routing rule needs a custom domain")]
    NoDomainForRoutingRule,
    /// CloudFront would refuse a custom header.
    #[error("the origin's custom header {name:?} {reason}")]
    CustomHeader {
        /// Its name.
        name: String,
        /// The problem.
        reason: &'static str,
    },
}

/// An HTTP API's stage may also be `$default`.
pub(crate) fn check_stage(options: &Options) -> Result<(), StartError> {
    match (options.api, options.stage.as_str()) {
        (ApiKind::Http | ApiKind::HttpV1, "$default") => Ok(()),
        (kind @ (ApiKind::Rest | ApiKind::WebSocket), "$default") => Err(StartError::DefaultStage(kind)),
        (_, stage) => check_name("the stage", stage),
    }
}

/// The options that only some kinds of API have.
pub(crate) fn check_kind(options: &Options) -> Result<(), StartError> {
    let kind = options.api;
    let is_rest = kind == ApiKind::Rest;
    if matches!(kind, ApiKind::Http | ApiKind::HttpV1) && options.api_keys.is_some() {
        return Err(StartError::ApiKeys(kind));
    }
    if !matches!(kind, ApiKind::Http | ApiKind::HttpV1) && options.overwrite_path.is_some() {
        return Err(StartError::OverwritePath(kind));
    }
    if options.answer == Answer::Policy && kind != ApiKind::Http {
        return Err(StartError::Answer(kind));
    }
    if options.keeps_base_path && !is_rest {
        return Err(StartError::KeptBasePath(kind));
    }
    if options.keeps_base_path && options.domain.as_ref().is_none_or(|domain| domain.base_path().is_empty()) {
        return Err(StartError::NoBasePathToKeep);
    }
    match &options.routing_rule {
        Some(_) if !is_rest => Err(StartError::RoutingRule(kind)),
        Some(_) if options.domain.is_none() => Err(StartError::NoDomainForRoutingRule),
        Some(rule) => check_name("the stage of the routing rule", &rule.stage),
        None => Ok(()),
    }
}

/// API Gateway's rule for stage names, taken for the id as well: neither needs escaping in a path or an ARN.
pub(crate) fn check_name(what: &'static str, value: &str) -> Result<(), StartError> {
    let fits = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits && (1..=128).contains(&value.len()) {
        Ok(())
    } else {
        Err(StartError::Name { what, value: value.to_owned() })
    }
}

/// Names come back in lower case.
pub(crate) fn check_custom_headers(headers: &[(String, String)]) -> Result<Vec<(String, String)>, StartError> {
    let mut checked: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let error = |reason| StartError::CustomHeader { name: name.clone(), reason };
        let lower = name.to_ascii_lowercase();
        if checked.len() == rules::CUSTOM_HEADERS {
            return Err(error("is one too many: an origin can have at most 10"));
        }
        if value.chars().count() > rules::CUSTOM_HEADER_CHARACTERS {
            return Err(error("has a value of over 1,783 characters"));
        }
        if !rules::is_sendable(&lower, value) {
            return Err(error("cannot be sent over HTTP"));
        }
        if lower == "host" || rules::is_disallowed(&lower) || rules::is_read_only(&lower) {
            return Err(error("is reserved by CloudFront"));
        }
        if checked.iter().any(|(other, _)| *other == lower) {
            return Err(error("appears twice"));
        }
        checked.push((lower, value.clone()));
    }
    Ok(checked)
}
