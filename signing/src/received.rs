//! What a gateway shows of a request.

use crate::time::UnixSeconds;
use alloc::{borrow::Cow, vec::Vec};

/// A request as a gateway shows it to its authorizer. Not `Debug`: its headers hold the credentials of viewers.
#[derive(Clone)]
pub struct ReceivedRequest<'a> {
    /// The method of the request context.
    pub method: &'a str,
    /// The method that the event names a second time, if it does.
    pub second_method: Option<&'a str>,
    /// The gateway's own name, to which the request came: `requestContext.domainName`.
    pub domain_name: &'a str,
    /// The API to which it came: `requestContext.apiId`.
    pub api_id: &'a str,
    /// The stage to which it came: `requestContext.stage`.
    pub stage: &'a str,
    /// All headers, one entry for each value, the names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The target, as far as the gateway shows it.
    pub target: &'a ReceivedTarget<'a>,
    /// When the gateway received the request.
    pub time: Option<UnixSeconds>,
}

/// What a gateway shows of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedTarget<'a> {
    /// API Gateway's REST APIs.
    Rest {
        /// `requestContext.path`: the path on the wire, byte for byte, with the stage or base path, less one of two leading
        /// slashes.
        path: Cow<'a, str>,
        /// `path`: the same path without the stage, if the request came to the API's own domain; on a custom domain,
        /// the same path.
        api_path: Cow<'a, str>,
        /// `multiValueQueryStringParameters`.
        query: Query<'a>,
    },
    /// API Gateway's HTTP APIs, payload format 2.0.
    Http {
        /// `rawPath`: the path, percent-decoded, with the stage if it has a name, and without the mapping key of a
        /// custom domain.
        path: Cow<'a, str>,
        /// `rawQueryString`: the query, byte for byte.
        query: Cow<'a, str>,
    },
    /// API Gateway's HTTP APIs, payload format 1.0.
    HttpV1 {
        /// `path`: the path, percent-decoded. On the API's own domain it has the stage, if the stage has a name. On a custom
        /// domain it is not known whether it has the stage or the mapping key.
        path: Cow<'a, str>,
        /// `multiValueQueryStringParameters`.
        query: Query<'a>,
        /// Whether the event has all values of headers and parameters. If it has only one value of each, it does not show
        /// that one is repeated.
        shows_repeats: bool,
    },
    /// The `$connect` route of API Gateway's WebSocket APIs, which shows no path.
    WebSocket {
        /// `multiValueQueryStringParameters`.
        query: Query<'a>,
        /// As in [`Self::HttpV1`].
        shows_repeats: bool,
    },
}

/// A query as REST APIs, WebSocket APIs and payload format 1.0 show it: decoded names, each with a value. The order of
/// different names does not count, and the order of the values of one name does.
///
/// ```
/// use signing::Query;
///
/// let query = |pairs: &[(&'static str, &'static str)]| pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect::<Query>();
/// assert_eq!(query(&[("a", "1"), ("b", "2"), ("a", "3")]), query(&[("b", "2"), ("a", "1"), ("a", "3")]));
/// assert_ne!(query(&[("a", "1"), ("a", "3")]), query(&[("a", "3"), ("a", "1")]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl Query<'_> {
    /// Each name with a value, sorted by name.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Cow<'a, str>)> for Query<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> From<Vec<(Cow<'a, str>, Cow<'a, str>)>> for Query<'a> {
    fn from(mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Self {
        // A stable sort: the values of one name stay in their order.
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(pairs)
    }
}
