//! The backend behind the gateway: the built-in example API, or any HTTP server.

use crate::{
    backend::{built_in, request::BackendRequest},
    net::{
        body::Body,
        client::{self, NameCase, SendError},
        headers::header_map,
    },
};
use hyper::{Request, Response, Uri, http::uri::PathAndQuery};
use std::time::Duration;
use tokio::time::timeout;

/// The API behind the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The Pet Store of the AWS example, and `/echo`, which answers with the request as it arrived.
    #[default]
    BuiltIn,
    /// `http://host:port`, optionally with a base path. Only plain HTTP is supported.
    Url(String),
}

/// A URL that is not a [`Backend`].
#[derive(Debug, thiserror::Error)]
#[error("the backend {url:?} is not of the form http://host:port or http://host:port/base: {reason}")]
pub struct BackendError {
    url: String,
    reason: &'static str,
}

/// A [`Backend`] that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    BuiltIn,
    /// `base` has no slash at its end.
    Http {
        authority: String,
        /// The value of `Host`: without the port if that is 80.
        host: String,
        base: String,
    },
}

impl Upstream {
    /// Forwards a request.
    ///
    /// # Errors
    /// See [`SendError`]; a body over its limit ends the exchange.
    pub(crate) async fn answer(
        &self,
        mut request: BackendRequest,
        limit: Duration,
    ) -> Result<Response<Body>, BackendFailure> {
        let Self::Http { authority, host, base } = self else {
            return timeout(limit, built_in::answer(request))
                .await
                .map_err(|_| BackendFailure::Timeout)?
                .map_err(|_| BackendFailure::Network);
        };
        let base = if request.whole_path { "" } else { base };
        let target = format!("{base}{}", request.target);
        // The request to an integration's server has the server's name in `Host`.
        for (name, value) in &mut request.headers {
            if name.eq_ignore_ascii_case("host") {
                *value = host.clone().into_bytes();
            }
        }
        let path = PathAndQuery::try_from(target.as_str()).ok().filter(|path| path.as_str() == target);
        let headers = header_map(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
        let (Some(path), Some(headers)) = (path, headers) else {
            return Err(BackendFailure::Network);
        };
        let mut outgoing = Request::new(request.body);
        *outgoing.method_mut() = request.method;
        *outgoing.uri_mut() = Uri::from(path);
        *outgoing.headers_mut() = headers;
        *outgoing.extensions_mut() = request.extensions;
        client::send(authority, outgoing, NameCase::Kept, limit).await.map_err(|error| match error {
            SendError::Timeout => BackendFailure::Timeout,
            SendError::Connect(_) | SendError::Broken(_) => BackendFailure::Network,
        })
    }
}

/// The two ways in which an integration fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackendFailure {
    Timeout,
    Network,
}

impl TryFrom<&Backend> for Upstream {
    type Error = BackendError;

    fn try_from(backend: &Backend) -> Result<Self, BackendError> {
        let Backend::Url(url) = backend else {
            return Ok(Self::BuiltIn);
        };
        let error = |reason| BackendError { url: url.clone(), reason };
        let uri: Uri = url.parse().map_err(|_| error("it is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(error("the scheme must be http"));
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(|| error("it must have a host, and must not have a user"))?;
        if uri.query().is_some() || url.contains('#') {
            return Err(error("it must not have a query or a fragment"));
        }
        let port = authority.port_u16().unwrap_or(80);
        let authority = format!("{}:{port}", authority.host());
        Ok(Self::Http {
            host: authority.strip_suffix(":80").unwrap_or(&authority).to_owned(),
            authority,
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        #[track_caller]
        fn check(url: &str, authority: &str, host: &str, base: &str) {
            let [authority, host, base] = [authority, host, base].map(str::to_owned);
            let expected = Upstream::Http { authority, host, base };
            assert_eq!(Upstream::try_from(&Backend::Url(url.to_owned())).unwrap(), expected);
        }
        check("http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", "");
        check("http://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:8080", "");
        check("http://localhost/a/b/", "localhost:80", "localhost", "/a/b");
        check("http://[::1]:8080/a", "[::1]:8080", "[::1]:8080", "/a");
        assert_eq!(Upstream::try_from(&Backend::BuiltIn).unwrap(), Upstream::BuiltIn);
    }

    #[test]
    fn other_urls_are_refused() {
        #[track_caller]
        fn check(url: &str, reason: &str) {
            let error = Upstream::try_from(&Backend::Url(url.to_owned())).unwrap_err().to_string();
            let form = "is not of the form http://host:port or http://host:port/base";
            assert_eq!(error, format!("the backend {url:?} {form}: {reason}"));
        }
        check("https://example.com", "the scheme must be http");
        check("127.0.0.1:8080", "the scheme must be http");
        check("/pets", "the scheme must be http");
        check("http://a b", "it is not a URL");
        check("", "it is not a URL");
        check("http://user@host", "it must have a host, and must not have a user");
        check("http://host/?a", "it must not have a query or a fragment");
        check("http://host/#a", "it must not have a query or a fragment");
    }
}
