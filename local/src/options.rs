//! What to start, and what of it AWS would not take.

use crate::{
    backend::upstream::{Backend, BackendError},
    edge::rules,
    gateway::{api_keys::ApiKeys, domain::Domain},
};
use std::{io, net::SocketAddr};
use telemetry::Log;

/// What to start. Not `Debug`: custom headers hold secrets.
#[derive(Clone)]
pub struct Options {
    /// Where viewers ask: an address of this machine's loopback; port 0 takes a free one.
    pub edge: SocketAddr,
    /// Where the gateway is, CloudFront's origin; likewise.
    pub gateway: SocketAddr,
    /// Which kind of API the gateway is.
    pub api: ApiKind,
    /// The stage: `prod`, or an HTTP API's `$default`. Without a custom domain a named one is also CloudFront's origin
    /// path.
    pub stage: String,
    /// A custom domain in the place of the API's own, and the key below which it maps the stage, which is then CloudFront's
    /// origin path. Nothing looks the name up: the gateway listens where it listens, and asks for it in `Host`.
    pub domain: Option<Domain>,
    /// The API's id in events and ARNs: `local12345`.
    pub api_id: String,
    /// The origin's custom headers: the signer's configuration and the API key.
    pub custom_headers: Vec<(String, String)>,
    /// Which API keys the gateway takes and CloudFront sends in `x-api-key`; none where methods need none.
    pub api_keys: Option<ApiKeys>,
    /// Whether the gateway asks for a signature before it calls the authorizer.
    pub identity_sources: IdentitySources,
    /// What stands behind the gateway. In front of the built-in one the API has that one's routes, else it has all.
    pub backend: Backend,
    /// The name in the authorizer's context whose value replaces the backend's whole path, as `countersignPath`: the
    /// parameter mapping `overwrite:path` = `$context.authorizer.NAME` of an HTTP API's HTTP_PROXY integration. The query
    /// stays as received.
    pub overwrite_path: Option<String>,
    /// The log of both servers, and of functions that run in this process.
    pub log: Log,
}

/// The two kinds of API that can stand behind CloudFront here.
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
    /// `Countersign-Signature`: without it the gateway answers 401 by itself. For enforce mode.
    /// A REST API finds it in exactly this case only, an HTTP API in any.
    Signature,
    /// None: every request reaches the authorizer. For monitor mode.
    None,
}

impl Options {
    /// What every path on the wire begins with: `/STAGE`, the key of the custom domain, or nothing.
    pub fn wire_base(&self) -> String {
        match (&self.domain, self.stage.as_str()) {
            (Some(domain), _) => domain.base_path().to_owned(),
            (None, "$default") => String::new(),
            (None, stage) => format!("/{stage}"),
        }
    }
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// An address that others could reach: what runs here speaks plain HTTP.
    #[error("{0} is not an address of this machine's loopback, as 127.0.0.1:0 is")]
    NotLoopback(SocketAddr),
    /// The backend is not one.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A stage or an API id that would not be one.
    #[error("{what} {value:?} is not 1 to 128 of A–Z, a–z, 0–9, `_` and `-`")]
    Name {
        /// Which of the options.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// API keys are asked for where there are none.
    #[error("an HTTP API has no API keys: they and usage plans exist on REST APIs only")]
    ApiKeys,
    /// The stage `$default` of a REST API.
    #[error("a REST API cannot have the stage \"$default\": only HTTP APIs have it")]
    DefaultStage,
    /// A parameter mapping of the path is asked for where there is none.
    #[error("a REST API cannot overwrite the path by a parameter mapping: only HTTP APIs have `overwrite:path`")]
    OverwritePath,
    /// CloudFront would refuse a custom header.
    #[error("the origin's custom header {name:?} {reason}")]
    CustomHeader {
        /// Its name.
        name: String,
        /// What is wrong with it.
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
            return Err(error("is one too many: an origin has at most 10"));
        }
        if value.chars().count() > rules::CUSTOM_HEADER_CHARACTERS {
            return Err(error("has a value of over 1,783 characters"));
        }
        if !rules::is_sendable(&lower, value) {
            return Err(error("cannot go over the wire"));
        }
        if lower == "host" || rules::is_disallowed(&lower) || rules::is_read_only(&lower) {
            return Err(error("is one that CloudFront keeps for itself"));
        }
        if checked.iter().any(|(other, _)| *other == lower) {
            return Err(error("stands twice"));
        }
        checked.push((lower, value.clone()));
    }
    Ok(checked)
}
