//! The options of both servers, and the checks that AWS would make.

use crate::{
    backend::upstream::{Backend, BackendError},
    edge::rules,
    gateway::{api_keys::ApiKeys, domain::Domain},
};
use std::{io, net::SocketAddr};
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
    /// The log of both servers, and of functions that run in this process.
    pub log: Log,
}

/// The two kinds of API that can be behind CloudFront here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKind {
    /// A REST API: its authorizer is shown no raw query and answers with a policy.
    Rest,
    /// An HTTP API with payload format 2.0: its authorizer is shown no raw path and answers in the simple form.
    Http,
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
    #[error("an HTTP API cannot have API keys: only REST APIs have API keys and usage plans")]
    ApiKeys,
    /// The stage `$default` of a REST API.
    #[error("a REST API cannot have the stage \"$default\": only HTTP APIs have it")]
    DefaultStage,
    /// A parameter mapping of the path is requested for a kind of API that does not have it.
    #[error("a REST API cannot overwrite the path with a parameter mapping: only HTTP APIs have `overwrite:path`")]
    OverwritePath,
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
        (ApiKind::Http, "$default") => Ok(()),
        (ApiKind::Rest, "$default") => Err(StartError::DefaultStage),
        (_, stage) => check_name("the stage", stage),
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
