//! Which API and stage a custom domain and base path lead to.
//!
//! An HTTP API does not show its authorizer the mapping key of a custom domain, so a key cannot be read from an event. It must
//! not be guessed either: headers that were signed for `/v1/pets` would open `/v2/pets`.

use crate::{
    received::{ReceivedRequest, ReceivedTarget},
    refusal::Refusal,
    request::Authority,
};
use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

/// The mappings of custom domains: `DOMAIN[/KEY]=API_ID/STAGE[/KEY]`, with commas between them.
///
/// API Gateway removes the key from the path before it looks for a resource. Only a routing rule of a REST API can keep it:
/// then the key is repeated after the stage.
///
/// ```
/// use signing::BasePaths;
///
/// assert!(BasePaths::try_from("api.example.com/v1=abc123/prod,api.example.com=def456/$default").is_ok());
/// assert!(BasePaths::try_from("api.example.com/v1=abc123/prod/v1").is_ok());
/// let error = BasePaths::try_from("api.example.com/v1").unwrap_err();
/// assert_eq!(error.to_string(), "\"api.example.com/v1\" is not of the form DOMAIN[/KEY]=API_ID/STAGE[/KEY]");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePaths(Vec<BasePath>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct BasePath {
    /// In lower case.
    domain: String,
    /// Whole segments, without a slash at either end; empty if the mapping has no key.
    key: String,
    api_id: String,
    stage: String,
    /// Whether the API's resources see the key.
    keeps_key: bool,
}

/// Where a signed path leads, by the mapping of its listed domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped<'b, 't> {
    /// Empty if the mapping has no key.
    pub(crate) key: &'b str,
    /// The path below the key.
    pub(crate) below: &'t str,
    /// Whether the API's resources see the key.
    pub(crate) keeps_key: bool,
}

impl<'t> Mapped<'_, 't> {
    /// The part of this path that the API's resources see.
    pub(crate) fn seen(&self, path: &'t str) -> &'t str {
        if self.keeps_key { path } else { self.below }
    }
}

/// A text is not a list of mappings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} {problem}")]
pub struct BasePathError {
    entry: String,
    problem: &'static str,
}

impl BasePaths {
    /// The mapping that leads a signed path to the API and stage of the event; `None` if the gateway's domain is not listed.
    ///
    /// The key is the longest that is listed for the domain and covers the path, as API Gateway chooses it. It is removed once,
    /// before anything is decoded.
    pub(crate) fn find<'t>(
        &self,
        received: &ReceivedRequest<'_>,
        path: &'t str,
    ) -> Result<Option<Mapped<'_, 't>>, Refusal> {
        if self.0.is_empty() {
            return Ok(None);
        }
        // In the form in which it is signed, and listed: `host:443` is `host`.
        let domain = Authority::try_from(received.domain_name).map_err(|_| Refusal::Host)?;
        let mut of_domain = self.0.iter().filter(|base| base.domain == domain.as_str()).peekable();
        if of_domain.peek().is_none() {
            return Ok(None);
        }
        if !of_domain.clone().any(|base| base.leads_to(received)) {
            return Err(Refusal::BasePath);
        }
        let covering = of_domain.filter_map(|base| Some((base, below(path, &base.key)?)));
        match covering.max_by_key(|(base, _)| base.key.len()) {
            Some((base, below)) if base.leads_to(received) => {
                Ok(Some(Mapped { key: &base.key, below, keeps_key: base.keeps_key }))
            }
            _ => Err(Refusal::Path),
        }
    }

    /// The key, the API and the stage to which a path on this domain leads, if the domain is listed and a key covers the path. It
    /// is for a person who has a request and not its event: the event says which API and stage were reached.
    pub fn leads_to(&self, domain: &str, path: &str) -> Option<(&str, &str, &str)> {
        let domain = Authority::try_from(domain).ok()?;
        let of_domain = self.0.iter().filter(|base| base.domain == domain.as_str());
        let covering = of_domain.filter(|base| below(path, &base.key).is_some());
        let longest = covering.max_by_key(|base| base.key.len())?;
        Some((&longest.key, &longest.api_id, &longest.stage))
    }

    /// Whether a mapping of the gateway's domain leads to the API and stage of the event.
    pub(crate) fn leads_here(&self, received: &ReceivedRequest<'_>) -> bool {
        // The domain is read only if something is listed.
        !self.0.is_empty()
            && Authority::try_from(received.domain_name)
                .is_ok_and(|domain| self.0.iter().any(|base| base.domain == domain.as_str() && base.leads_to(received)))
    }
}

/// What follows a prefix of whole segments; `/` if nothing follows.
pub(crate) fn below<'t>(path: &'t str, prefix: &str) -> Option<&'t str> {
    let rest = if prefix.is_empty() { path } else { path.strip_prefix('/')?.strip_prefix(prefix)? };
    match rest {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

impl TryFrom<&str> for BasePaths {
    type Error = BasePathError;

    fn try_from(text: &str) -> Result<Self, BasePathError> {
        let mut all: Vec<BasePath> = Vec::new();
        for entry in text.split(',') {
            let wrong = |problem| BasePathError { entry: entry.to_owned(), problem };
            let base = BasePath::read(entry).map_err(wrong)?;
            if all.iter().any(|other| (&other.domain, &other.key) == (&base.domain, &base.key)) {
                return Err(wrong("repeats a domain and key: list each pair once"));
            }
            all.push(base);
        }
        Ok(Self(all))
    }
}

impl BasePath {
    /// Whether this mapping leads to the API and stage of the event. Only a REST API can keep the key.
    fn leads_to(&self, received: &ReceivedRequest<'_>) -> bool {
        let can_keep_key = matches!(received.target, ReceivedTarget::Rest { .. });
        self.api_id == received.api_id && self.stage == received.stage && (can_keep_key || !self.keeps_key)
    }

    fn read(entry: &str) -> Result<Self, &'static str> {
        let sides = entry.split_once('=').and_then(|(from, to)| Some((from, to.split_once('/')?)));
        let (from, (api_id, place)) = sides.ok_or("is not of the form DOMAIN[/KEY]=API_ID/STAGE[/KEY]")?;
        let (stage, kept_key) = place.split_once('/').map_or((place, None), |(stage, key)| (stage, Some(key)));
        let (domain, key) = from.split_once('/').map_or((from, None), |(domain, key)| (domain, Some(key)));
        let domain = Authority::try_from(domain).map_err(|_| "has a DOMAIN that is not a host name")?;
        if domain.as_str().contains(".execute-api.") {
            return Err("has the API's own domain as DOMAIN, where the path shows the stage: list only custom domains");
        }
        if key.is_some_and(|key| !key.split('/').all(is_segment)) {
            return Err("has a KEY that is not one or more whole segments without a slash at the end");
        }
        // API Gateway documents letters, digits, `_` and `-` for the name of a stage; only an HTTP API has `$default`.
        if !is_name(api_id) || !(is_name(stage) || stage == "$default") {
            return Err("has an API_ID or a STAGE with characters other than letters, digits, _ and -");
        }
        if kept_key.is_some() && kept_key != key {
            return Err(
                "has another path after STAGE than its KEY: repeat KEY there if a routing rule keeps it in the path, \
                 else end the entry after STAGE",
            );
        }
        Ok(Self {
            domain: domain.as_str().to_owned(),
            keeps_key: kept_key.is_some(),
            key: key.unwrap_or_default().to_owned(),
            api_id: api_id.to_owned(),
            stage: stage.to_owned(),
        })
    }
}

/// The characters that API Gateway takes in a mapping key. Many readers would make another path of a dot segment.
fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;
    use alloc::string::ToString as _;

    const LISTED: &str = "API.example.com=root/prod,api.example.com/v1=one/prod,api.example.com/v1/deep=deep/$default,\
        other.example=root/prod";

    #[test]
    fn a_path_leads_to_the_longest_key_of_its_domain() {
        let paths = BasePaths::try_from(LISTED).unwrap();
        for (domain, path, expected) in [
            ("api.example.com", "/v1/deep/x", Some(("v1/deep", "deep", "$default"))),
            ("API.example.com", "/v1/x", Some(("v1", "one", "prod"))),
            ("api.example.com:443", "/v10", Some(("", "root", "prod"))),
            ("unlisted.example", "/v1", None),
            ("not a host", "/v1", None),
        ] {
            assert_eq!(paths.leads_to(domain, path), expected, "{domain} {path}");
        }
    }

    #[track_caller]
    fn check(domain_name: &str, (api_id, stage): (&str, &str), path: &str, expected: Result<Option<&str>, Refusal>) {
        let target = ReceivedTarget::Http { path: "".into(), query: "".into() };
        let received = ReceivedRequest {
            method: "GET",
            second_method: None,
            domain_name,
            api_id,
            stage,
            headers: &[],
            target: &target,
            time: None,
        };
        let listed = BasePaths::try_from(LISTED).unwrap();
        let found = listed.find(&received, path).map(|mapped| mapped.map(|mapped| mapped.below));
        assert_eq!(found, expected, "{domain_name} {api_id}/{stage} {path}");
    }

    #[test]
    fn the_longest_key_of_whole_segments_is_removed_once() {
        let domain = "api.example.com";
        check(domain, ("one", "prod"), "/v1/pets", Ok(Some("/pets")));
        check("API.Example.COM", ("one", "prod"), "/v1/v1/pets", Ok(Some("/v1/pets")));
        check(domain, ("one", "prod"), "/v1", Ok(Some("/")));
        check(domain, ("one", "prod"), "/v1/", Ok(Some("/")));
        check(domain, ("one", "prod"), "/v1//a", Ok(Some("//a")));
        check(domain, ("one", "prod"), "/v1/deeper", Ok(Some("/deeper")));
        check(domain, ("deep", "$default"), "/v1/deep/a", Ok(Some("/a")));
        check(domain, ("root", "prod"), "/pets", Ok(Some("/pets")));
        check(domain, ("root", "prod"), "/v10/pets", Ok(Some("/v10/pets")));
        check(domain, ("root", "prod"), "/%76%31/pets", Ok(Some("/%76%31/pets")));
        check("api.example.com:443", ("one", "prod"), "/v1/pets", Ok(Some("/pets")));
        check("not-listed.example", ("one", "prod"), "/v1/pets", Ok(None));
        check("api.example.com:8443", ("one", "prod"), "/v1/pets", Ok(None));
    }

    #[test]
    fn a_path_of_another_api_or_stage_is_refused() {
        let domain = "api.example.com";
        for (place, path) in [
            (("root", "prod"), "/v1/pets"),
            (("one", "prod"), "/pets"),
            (("one", "prod"), "/v1/deep"),
            (("one", "prod"), "/V1/pets"),
            (("deep", "$default"), "/v1/pets"),
        ] {
            check(domain, place, path, Err(Refusal::Path));
        }
        check("API.example.com:443", ("one", "prod"), "/pets", Err(Refusal::Path));
        check("api.example.com:443", ("two", "prod"), "/pets", Err(Refusal::BasePath));
        check("not a domain", ("one", "prod"), "/v1/pets", Err(Refusal::Host));
        for place in [("one", "dev"), ("two", "prod"), ("deep", "prod"), ("", "")] {
            check(domain, place, "/v1/pets", Err(Refusal::BasePath));
        }
        check("other.example", ("one", "prod"), "/v1/pets", Err(Refusal::BasePath));
    }

    const OTHER_PATH: &str = "has another path after STAGE than its KEY: repeat KEY there if a routing rule keeps it in the \
        path, else end the entry after STAGE";

    /// REST APIs only: their routing rules can keep the base path.
    #[test]
    fn a_key_that_is_kept_is_part_of_the_path_that_the_api_sees() {
        let listed =
            BasePaths::try_from("a.example/v1=abc/prod/v1,a.example/x/y=abc/prod/x/y,a.example=abc/prod").unwrap();
        let check = |target: &ReceivedTarget<'_>, path, expected| {
            let received = ReceivedRequest {
                method: "GET",
                second_method: None,
                domain_name: "a.example",
                api_id: "abc",
                stage: "prod",
                headers: &[],
                target,
                time: None,
            };
            let found = listed.find(&received, path).map(|mapped| mapped.map(|mapped| mapped.seen(path)));
            assert_eq!(found, expected, "{path}");
        };
        let rest = ReceivedTarget::Rest { path: "".into(), api_path: "".into(), query: Query::default() };
        for path in ["/v1/pets", "/v1", "/v1/", "/x/y/pets", "/x/pets", "/pets"] {
            check(&rest, path, Ok(Some(path)));
        }
        let query = Query::default;
        let http = ReceivedTarget::Http { path: "".into(), query: "".into() };
        let v1 = ReceivedTarget::HttpV1 { path: "".into(), query: query(), shows_repeats: true };
        for target in [http, v1, ReceivedTarget::WebSocket { query: query(), shows_repeats: true }] {
            check(&target, "/v1/pets", Err(Refusal::Path));
            check(&target, "/pets", Ok(Some("/pets")));
        }
    }

    #[test]
    fn a_text_that_is_not_a_list_of_mappings_is_refused_with_its_wrong_entry() {
        for (text, problem) in [
            ("", "is not of the form DOMAIN[/KEY]=API_ID/STAGE[/KEY]"),
            ("a.example/v1=abc", "is not of the form DOMAIN[/KEY]=API_ID/STAGE[/KEY]"),
            ("a.example", "is not of the form DOMAIN[/KEY]=API_ID/STAGE[/KEY]"),
            ("=abc/prod", "has a DOMAIN that is not a host name"),
            ("a b=abc/prod", "has a DOMAIN that is not a host name"),
            (
                "https://a.example=abc/prod",
                "has a KEY that is not one or more whole segments without a slash at the end",
            ),
            ("a.example/=abc/prod", "has a KEY that is not one or more whole segments without a slash at the end"),
            ("a.example/v1/=abc/prod", "has a KEY that is not one or more whole segments without a slash at the end"),
            ("a.example/a//b=abc/prod", "has a KEY that is not one or more whole segments without a slash at the end"),
            ("a.example/..=abc/prod", "has a KEY that is not one or more whole segments without a slash at the end"),
            ("a.example/a%20=abc/prod", "has a KEY that is not one or more whole segments without a slash at the end"),
            ("a.example=/prod", "has an API_ID or a STAGE with characters other than letters, digits, _ and -"),
            ("a.example=abc/", "has an API_ID or a STAGE with characters other than letters, digits, _ and -"),
            ("a.example=abc/$other", "has an API_ID or a STAGE with characters other than letters, digits, _ and -"),
            ("a.example=abc/prod?x", "has an API_ID or a STAGE with characters other than letters, digits, _ and -"),
            ("a.example=abc/prod/x", OTHER_PATH),
            ("a.example/v1=abc/prod/", OTHER_PATH),
            ("a.example/v1=abc/prod/v2", OTHER_PATH),
            ("a.example/v1=abc/prod/v1/", OTHER_PATH),
            ("a.example/a/b=abc/prod/a", OTHER_PATH),
            (
                "abc.execute-api.eu-west-1.amazonaws.com=abc/prod",
                "has the API's own domain as DOMAIN, where the path shows the stage: list only custom domains",
            ),
        ] {
            let error = BasePaths::try_from(text).unwrap_err();
            assert_eq!(error.to_string(), alloc::format!("{text:?} {problem}"));
        }
        for (text, entry, problem) in [
            ("a.example=abc/prod,", "", "is not of the form DOMAIN[/KEY]=API_ID/STAGE[/KEY]"),
            ("a.example=abc/prod, b.example=abc/prod", " b.example=abc/prod", "has a DOMAIN that is not a host name"),
            (
                "a.example/v1=abc/prod,A.example/v1=def/prod",
                "A.example/v1=def/prod",
                "repeats a domain and key: list each pair once",
            ),
        ] {
            let error = BasePaths::try_from(text).unwrap_err();
            assert_eq!(error.to_string(), alloc::format!("{entry:?} {problem}"));
        }
    }
}
