//! The parts of the authorizer events of all kinds of API.

use crate::gateway::{
    rejections::Rejection,
    routes::{Routed, Routes},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The parts of an event about the API.
#[derive(Clone, Debug)]
pub struct Api<'a> {
    /// The Region, as in the method or route ARN.
    pub region: &'a str,
    /// The owner's account: twelve digits.
    pub account_id: &'a str,
    /// The API's id; also the first label of its domain.
    pub api_id: &'a str,
    /// The stage. On the API's own domain it is the first segment of the path on the wire; an HTTP API's stage
    /// `$default` is not a segment.
    pub stage: &'a str,
    /// The domain of the request, as in `Host`.
    pub domain_name: &'a str,
    /// On a custom domain, the prefix of the path on the wire instead of the stage: empty, or `/KEY`. `None` on the
    /// API's own domain.
    pub base_path: Option<&'a str>,
    /// The routes.
    pub routes: Routes,
    /// Names of the headers that are the authorizer's identity sources. A REST API's event does not show them.
    pub identity_sources: &'a [&'a str],
}

/// A request as the API received it.
#[derive(Clone, Debug)]
pub struct ApiRequest<'a> {
    /// The method as the gateway reads it.
    pub method: &'a str,
    /// The target on the wire, stage or base path included: `/prod/pets?type=dog`.
    pub target: &'a str,
    /// Every header in the sender's case and order, and the headers that the gateway adds.
    pub headers: &'a [(String, String)],
    /// The source address of the connection.
    pub source_ip: &'a str,
    /// `requestContext.requestId`.
    pub request_id: &'a str,
    /// `requestContext.extendedRequestId`, which an HTTP API's event of payload format 2.0 does not have.
    pub extended_request_id: &'a str,
}

/// The place in an API at which a request arrives.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// The path on the wire, as this kind of API reads it.
    pub(crate) wire_path: &'a str,
    /// The part after the stage or the base path: empty, or with a slash first.
    pub(crate) below: &'a str,
    /// Without its `?`.
    pub(crate) query: &'a str,
    pub(crate) routed: Routed<'a>,
}

impl Api<'_> {
    /// The part after the stage or the base path, byte for byte and in whole segments: empty, or with a slash first.
    ///
    /// It is not known whether the real gateway compares before or after decoding.
    pub(crate) fn below<'a>(&self, path: &'a str) -> Result<&'a str, Rejection> {
        let (below, outside) = match (self.base_path, self.stage) {
            (Some(base_path), _) => (path.strip_prefix(base_path), Rejection::OutsideBasePath),
            (None, "$default") => (Some(path), Rejection::OutsideStage),
            (None, stage) => {
                (path.strip_prefix('/').and_then(|path| path.strip_prefix(stage)), Rejection::OutsideStage)
            }
        };
        below.filter(|below| below.is_empty() || below.starts_with('/')).ok_or(outside)
    }

    /// The first label of the domain. On the API's own domain that is its id.
    pub(crate) fn domain_prefix(&self) -> &str {
        match self.base_path {
            Some(_) => self.domain_name.split(['.', ':']).next().unwrap_or_default(),
            None => self.api_id,
        }
    }
}

/// A path with exactly one slash at its start.
pub(crate) fn with_one_slash(path: &str) -> &str {
    let slashes = path.len() - path.trim_start_matches('/').len();
    path.get(slashes.saturating_sub(1)..).filter(|path| !path.is_empty()).unwrap_or("/")
}

/// A method or route ARN. `below` is what [`Api::below`] returns, as it came: percent-encoding kept, one leading slash
/// removed.
pub(crate) fn arn(api: &Api<'_>, method: &str, below: &str) -> String {
    let Api { region, account_id, api_id, stage, .. } = api;
    let path = below.strip_prefix('/').unwrap_or(below);
    format!("arn:aws:execute-api:{region}:{account_id}:{api_id}/{stage}/{method}/{path}")
}

/// The parameters of a query: decoded, the values of each name in their order. Empty pieces are skipped, `+` and `%20`
/// are spaces.
///
/// Not known for either kind of API: whether `flag` looks like `flag=` (here it does), how an escape like `%zz` is
/// decoded (here it stays unchanged), and how bytes that are not UTF-8 are decoded (here U+FFFD).
pub(crate) fn parameters(query: &str, separators: &[char]) -> BTreeMap<String, Vec<String>> {
    let pieces = query.split(separators);
    grouped(pieces.flat_map(|piece| form_urlencoded::parse(piece.as_bytes()).into_owned()))
}

/// The values of each name in their order.
pub(crate) fn grouped(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        all.entry(name).or_default().push(value);
    }
    all
}

/// A map with the last value of each name, and its `multiValue…` sibling.
pub(crate) fn last_and_all(all: BTreeMap<String, Vec<String>>) -> (Map<String, Value>, Map<String, Value>) {
    let last = all.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone().into()))).collect();
    (last, all.into_iter().map(|(name, values)| (name, values.into())).collect())
}

pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    u64::try_from(since_epoch(time).as_millis()).unwrap_or(u64::MAX)
}

/// `17/Jun/2024:15:02:03 +0000`.
pub(crate) fn request_time(time: SystemTime) -> String {
    let time = Timestamp::try_from(UNIX_EPOCH + since_epoch(time)).unwrap_or(Timestamp::MAX);
    time.strftime("%d/%b/%Y:%H:%M:%S %z").to_string()
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_times() {
        #[track_caller]
        fn check(seconds: u64, expected: &str) {
            assert_eq!(request_time(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        check(0, "01/Jan/1970:00:00:00 +0000");
        check(951_782_399, "28/Feb/2000:23:59:59 +0000");
        check(951_782_400, "29/Feb/2000:00:00:00 +0000");
        check(1_718_636_523, "17/Jun/2024:15:02:03 +0000");
        check(1_735_689_599, "31/Dec/2024:23:59:59 +0000");
        check(4_107_542_400, "01/Mar/2100:00:00:00 +0000");
    }

    fn api<'a>(stage: &'a str, base_path: Option<&'a str>) -> Api<'a> {
        let (region, account_id, api_id) = ("eu-west-1", "123456789012", "a1");
        let domain_name = "api.example:8081";
        Api { region, account_id, api_id, stage, domain_name, base_path, routes: Routes::All, identity_sources: &[] }
    }

    #[test]
    fn stages_and_base_paths_are_whole_segments() {
        #[track_caller]
        fn check(api: &Api<'_>, path: &str, expected: Result<&str, Rejection>) {
            assert_eq!(api.below(path), expected, "{path}");
        }
        check(&api("prod", None), "/prod", Ok(""));
        check(&api("prod", None), "/prod//a", Ok("//a"));
        check(&api("$default", None), "/a", Ok("/a"));
        for (path, stage) in
            [("/production", "prod"), ("prod/a", "prod"), ("/", "prod"), ("a", "$default"), ("//prod/a", "prod")]
        {
            check(&api(stage, None), path, Err(Rejection::OutsideStage));
        }
        for stage in ["prod", "$default"] {
            check(&api(stage, Some("")), "/a", Ok("/a"));
            check(&api(stage, Some("/v1/x")), "/v1/x", Ok(""));
            check(&api(stage, Some("/v1/x")), "/v1/x//a", Ok("//a"));
            for path in ["/", "/v1", "/v1/xy", "/v1//x", "//v1/x", "/V1/x", "/prod/v1/x", "/%761/x", "v1/x"] {
                check(&api(stage, Some("/v1/x")), path, Err(Rejection::OutsideBasePath));
            }
        }
    }

    #[test]
    fn the_first_label_is_the_domains_prefix() {
        assert_eq!(api("prod", None).domain_prefix(), "a1");
        assert_eq!(api("prod", Some("")).domain_prefix(), "api");
        assert_eq!(Api { domain_name: "localhost:8081", ..api("prod", Some("")) }.domain_prefix(), "localhost");
    }

    #[test]
    fn leading_slashes_become_one() {
        for (path, expected) in
            [("", "/"), ("/", "/"), ("///", "/"), ("/a//b/", "/a//b/"), ("//a", "/a"), ("///a", "/a")]
        {
            assert_eq!(with_one_slash(path), expected, "{path}");
        }
    }
}
