//! What no document of AWS says, in rows, and which requests settle each.
//!
//! `docs/learn.md` has the same rows, and SECURITY.md names them: a test compares them.

use crate::doctor::learn::{
    learned::{METHOD_OVERRIDE, PAST_AUTHORIZER},
    probes::{
        Kind::{self, Http, HttpV1, Rest, WebSocket},
        Way,
    },
};

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// Its name.
    pub(crate) id: &'static str,
    pub(crate) question: &'static str,
    /// The answer that Countersign assumes, and from where it is.
    pub(crate) assumed: &'static str,
    /// What happens if it is another.
    pub(crate) if_not: &'static str,
    pub(crate) settled_by: SettledBy,
}

/// What settles a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SettledBy {
    /// Requests at these kinds of API, and what of the answers.
    Requests {
        kinds: &'static [Kind],
        ways: &'static [Way],
        probes: &'static [&'static str],
        values: &'static [&'static str],
    },
    /// A run does not settle it: it needs this.
    Needs(&'static str),
}

/// The rows that [`verdict`](super::verdict) knows.
pub(crate) const BACK_DOORS: &str = "back-doors";
pub(crate) const SOURCE_ADDRESS: &str = "source-address";
pub(crate) const WEBSOCKET_CLOUDFRONT: &str = "websocket-cloudfront";

const BOTH: &[Way] = &Way::ALL;
const DIRECT: &[Way] = &[Way::Direct];
const THROUGH_CLOUDFRONT: &[Way] = &[Way::CloudFront];

const fn requests(
    kinds: &'static [Kind],
    ways: &'static [Way],
    probes: &'static [&'static str],
    values: &'static [&'static str],
) -> SettledBy {
    SettledBy::Requests { kinds, ways, probes, values }
}

const ESCAPES: &[&str] = &["escaped-slash", "escaped-space", "escaped-utf-8", "escaped-question-mark"];
const SLASHES: &[&str] = &["inner-slashes", "slash-at-the-end", "slash-before-stage"];
const MORE_SLASHES: &[&str] = &["trailing-slash", "second-slash", "trailing-escaped-slash"];
const QUERY_NAMES: &[&str] = &["query-flag", "query-empty-value", "query-brackets", "query-repeated", "query-space"];
const QUERY_ESCAPES: &[&str] = &["query-broken-escape", "query-not-utf-8", "query-raw-utf-8"];
const SEMICOLONS: &[&str] = &["query-semicolon", "query-semicolon-between-pairs"];
const WHOLE_QUERY: &[&str] = &[
    "query-flag",
    "query-empty-value",
    "query-brackets",
    "query-space",
    "query-broken-escape",
    "query-not-utf-8",
    "query-raw-utf-8",
    "query-semicolon",
];
const MAPS: &[&str] = &["status", "/multiValueQueryStringParameters"];
const REFUSED: &str = "requests with such a target are refused";

pub(crate) const ALL: [Unknown; 31] = [
    Unknown {
        id: "rest-path",
        question: "Does a REST API show its authorizer the path with its escapes?",
        assumed: "yes: AWS documents it for integrations",
        if_not: "`/a%2Fb` is refused, and a captured `/a/b` can be sent again as `/a%2Fb`",
        settled_by: requests(&[Rest], BOTH, ESCAPES, &["status", "/requestContext/path", "/path"]),
    },
    Unknown {
        id: "rest-broken-escape",
        question: "What does a REST API do with a `%` in a path that begins no escape?",
        assumed: "it answers 400: one report",
        if_not: "nothing: the path is compared as it is shown",
        settled_by: requests(&[Rest], BOTH, &["broken-escape"], &["status", "/requestContext/path"]),
    },
    Unknown {
        id: "rest-slashes",
        question: "Which slashes of a path does a REST API show?",
        assumed: "all, but one of two before the stage: recordings",
        if_not: "requests with such a path are refused, or `countersignPath` is longer than the path that the resources see",
        settled_by: requests(&[Rest], DIRECT, SLASHES, &["status", "/requestContext/path", "/path"]),
    },
    Unknown {
        id: "rest-arn",
        question: "Does the method ARN of a REST API keep escapes?",
        assumed: "yes: recordings of integrations",
        if_not: "nothing: the ARN is not compared; the next authorizer gets it as it is",
        settled_by: requests(&[Rest], DIRECT, ESCAPES, &["/methodArn"]),
    },
    Unknown {
        id: "rest-query",
        question: "How does a REST API show `?flag`, `?a=`, `?a[]=1`, repeated names and spaces?",
        assumed: "`flag` as `flag=`, all else decoded: recordings of some",
        if_not: REFUSED,
        settled_by: requests(&[Rest], BOTH, QUERY_NAMES, MAPS),
    },
    Unknown {
        id: "rest-query-escape",
        question: "How does a REST API show escapes in a query that are broken or not UTF-8, and a query that is not ASCII?",
        assumed: "not known: broken escapes are refused",
        if_not: REFUSED,
        settled_by: requests(&[Rest], BOTH, QUERY_ESCAPES, MAPS),
    },
    Unknown {
        id: "rest-query-semicolon",
        question: "Does `;` separate parameters at a REST API, and is what is behind it kept?",
        assumed: "yes: documented; reports say that it is lost",
        if_not: REFUSED,
        settled_by: requests(&[Rest], BOTH, SEMICOLONS, MAPS),
    },
    Unknown {
        id: "rest-unauthorized",
        question: "What does a REST API answer if its authorizer fails with `Unauthorized`?",
        assumed: "401: documented",
        if_not: "viewers with a bad token get 500; nothing is admitted",
        settled_by: requests(&[Rest], DIRECT, &["unauthorized"], &["status"]),
    },
    Unknown {
        id: "http-path",
        question: "Does an HTTP API show the path decoded, and cut at a decoded `?`?",
        assumed: "yes: documented, and reports",
        if_not: REFUSED,
        settled_by: requests(&[Http], BOTH, ESCAPES, &["status", "/rawPath", "/requestContext/http/path"]),
    },
    Unknown {
        id: "http-broken-escape",
        question: "What does an HTTP API do with a `%` in a path that begins no escape?",
        assumed: "it shows it unchanged: not known",
        if_not: "nothing: such a path is refused in any case",
        settled_by: requests(&[Http], BOTH, &["broken-escape"], &["status", "/rawPath"]),
    },
    Unknown {
        id: "http-slashes",
        question: "Which slashes of a path does an HTTP API show?",
        assumed: "all; a second one before the stage is 403: not known",
        if_not: REFUSED,
        settled_by: requests(&[Http], DIRECT, SLASHES, &["status", "/rawPath"]),
    },
    Unknown {
        id: "http-arn",
        question: "Does the route ARN of an HTTP API keep escapes?",
        assumed: "yes: not known",
        if_not: "nothing: the ARN is not compared; the next authorizer gets it as it is",
        settled_by: requests(&[Http], DIRECT, ESCAPES, &["/routeArn"]),
    },
    Unknown {
        id: "http-query",
        question: "Does an HTTP API show each query byte for byte?",
        assumed: "yes: documented",
        if_not: REFUSED,
        settled_by: requests(&[Http], BOTH, WHOLE_QUERY, &["status", "/rawQueryString"]),
    },
    Unknown {
        id: "http-unauthorized",
        question: "What does an HTTP API answer if its authorizer fails with `Unauthorized`?",
        assumed: "500, and never 401: not known",
        if_not: "nothing: our authorizer answers an HTTP API with a refusal",
        settled_by: requests(&[Http, HttpV1], DIRECT, &["unauthorized"], &["status"]),
    },
    Unknown {
        id: "http-v1-path",
        question: "Does payload format 1.0 show the path decoded, and with a named stage?",
        assumed: "yes, in both members: reports",
        if_not: "requests to such an API are refused",
        settled_by: requests(&[HttpV1], BOTH, ESCAPES, &["status", "/path", "/requestContext/path"]),
    },
    Unknown {
        id: "http-v1-query",
        question: "How does payload format 1.0 show a query?",
        assumed: "as a REST API, but `;` does not separate: not known",
        if_not: REFUSED,
        settled_by: requests(&[HttpV1], BOTH, WHOLE_QUERY, MAPS),
    },
    Unknown {
        id: "http-v1-arn",
        question: "Does the method ARN of payload format 1.0 keep escapes?",
        assumed: "yes: not known",
        if_not: "nothing: the ARN is not compared; the next authorizer gets it as it is",
        settled_by: requests(&[HttpV1], DIRECT, ESCAPES, &["/methodArn"]),
    },
    Unknown {
        id: "websocket-query",
        question: "Does a WebSocket API show its query as a REST API does?",
        assumed: "yes: published events",
        if_not: REFUSED,
        settled_by: requests(&[WebSocket], BOTH, WHOLE_QUERY, MAPS),
    },
    Unknown {
        id: "websocket-unauthorized",
        question: "What does a WebSocket API answer if its authorizer fails with `Unauthorized`?",
        assumed: "401: documented for REST APIs",
        if_not: "viewers with a bad token get 500; nothing is admitted",
        settled_by: requests(&[WebSocket], DIRECT, &["unauthorized"], &["status"]),
    },
    Unknown {
        id: WEBSOCKET_CLOUDFRONT,
        question: "Does CloudFront forward the handshake of a WebSocket API?",
        assumed: "yes: users report it, with an edge function too",
        if_not: "no client can connect; no connection is admitted by mistake",
        settled_by: requests(&[WebSocket], THROUGH_CLOUDFRONT, &["plain"], &["status", "answered_by"]),
    },
    Unknown {
        id: BACK_DOORS,
        question: "Does a slash more, or an escaped one, get past the authorizer?",
        assumed: "no; one report says so of a slash at the end, at HTTP APIs",
        if_not: "the backend must refuse requests without the authorizer's context",
        settled_by: requests(&[Rest, Http, HttpV1], DIRECT, MORE_SLASHES, &[PAST_AUTHORIZER]),
    },
    Unknown {
        id: SOURCE_ADDRESS,
        question: "Is `context.identity.sourceIp` as the only identity source never missing?",
        assumed: "yes: as in monitor mode",
        if_not: "requests without a signature get 401 in monitor mode",
        settled_by: requests(&[Rest, Http, HttpV1, WebSocket], BOTH, &["plain"], &["status", "answered_by"]),
    },
    Unknown {
        id: "event-members",
        question: "Which members has the event of each kind of API?",
        assumed: "those of published events",
        if_not: "an event without a member that is read is refused",
        settled_by: requests(&[Rest, Http, HttpV1, WebSocket], DIRECT, &["plain"], &["/members"]),
    },
    Unknown {
        id: "header-names",
        question: "In which case does each kind of API show the name of a header?",
        assumed: "in the sender's; at HTTP APIs in lower case",
        if_not: "nothing: names are counted in any case",
        settled_by: requests(&[Rest, Http, HttpV1, WebSocket], DIRECT, &["header"], &["/headers"]),
    },
    Unknown {
        id: "method-override",
        question: "Does CloudFront remove `X-HTTP-Method-Override`?",
        assumed: "no; one report says so",
        if_not: "nothing: the edge function removes it in any case",
        settled_by: requests(&[Rest], THROUGH_CLOUDFRONT, &["method-override"], &["status", METHOD_OVERRIDE]),
    },
    Unknown {
        id: "custom-domain",
        question: "What do events of a custom domain show of a mapping key and of the stage?",
        assumed: "HTTP APIs the stage and never the key, REST APIs the key and never the stage",
        if_not: "requests to a listed domain are refused",
        settled_by: SettledBy::Needs("a custom domain with a certificate"),
    },
    Unknown {
        id: "routing-rule",
        question: "Does a routing rule that removes the base path show the path with it?",
        assumed: "yes, as an API mapping does",
        if_not: "such a request is refused, with a reason of its own",
        settled_by: SettledBy::Needs("a custom domain with a certificate"),
    },
    Unknown {
        id: "edge-event",
        question: "Does CloudFront keep the custom headers that the edge function deletes from the origin, and is the request id that of `x-amz-cf-id`?",
        assumed: "yes, and yes",
        if_not: "the origin sees where the keys are; or the two lines of the log about a request have two ids",
        settled_by: SettledBy::Needs("an edge function, whose copies AWS deletes hours after a run"),
    },
    Unknown {
        id: "promotion",
        question: "Does a call to promote a key take effect while its answer is awaited?",
        assumed: "yes",
        if_not: "a call that is delayed for long shortens the tolerated outage by as much",
        settled_by: SettledBy::Needs("a rotation in Secrets Manager"),
    },
    Unknown {
        id: "stack-update",
        question: "Does DescribeStacks show a new parameter as soon as its update begins?",
        assumed: "yes",
        if_not: "a retry waits until the update has ended",
        settled_by: SettledBy::Needs("an update of the stack of `infra/api.yaml`"),
    },
    Unknown {
        id: "runtime-authorities",
        question: "Have Lambda's runtimes the authorities of the system where rustls looks for them?",
        assumed: "yes",
        if_not: "no keys can be read, which shows at the first request",
        settled_by: SettledBy::Needs("a function of Countersign on AWS"),
    },
];

/// The rows of the page, in the form of its table.
#[cfg(test)]
pub(crate) fn rows() -> Vec<String> {
    let by = |settled_by: &SettledBy| match settled_by {
        SettledBy::Requests { .. } => "this run".to_owned(),
        SettledBy::Needs(what) => format!("not by a run: it needs {what}"),
    };
    let row = |unknown: &Unknown| {
        let Unknown { id, question, assumed, if_not, settled_by } = unknown;
        format!("| `{id}` | {question} | {assumed} | {if_not} | {} |", by(settled_by))
    };
    ALL.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::learn::probes::{self, Probe};
    use std::collections::BTreeSet;

    #[test]
    fn each_row_has_a_name_of_its_own_and_requests_that_are_sent() {
        let names: BTreeSet<_> = ALL.iter().map(|unknown| unknown.id).collect();
        assert_eq!(names.len(), ALL.len());
        for Unknown { id, settled_by, .. } in &ALL {
            let SettledBy::Requests { kinds, ways, probes, values } = settled_by else { continue };
            assert!(![kinds.len(), ways.len(), probes.len(), values.len()].contains(&0), "{id}");
            for probe in *probes {
                let probe = Probe::named(probe).unwrap_or_else(|| panic!("{id}: {probe}"));
                for kind in *kinds {
                    assert!(ways.iter().any(|way| probe.is_sent(*kind, *way)), "{id}: {}", probe.id);
                }
            }
        }
    }

    #[test]
    fn each_probe_settles_something() {
        let used = ALL.iter().flat_map(|unknown| match &unknown.settled_by {
            SettledBy::Requests { probes, .. } => probes.to_vec(),
            SettledBy::Needs(_) => Vec::new(),
        });
        let used: BTreeSet<_> = used.collect();
        assert_eq!(used, probes::ALL.iter().map(|probe| probe.id).collect());
    }

    #[test]
    fn the_page_has_these_rows() {
        let page = include_str!("../../../../docs/learn.md");
        let table: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(table, rows());
    }

    /// Each row about what is believed of AWS names the question that a run settles, or that it does not.
    #[test]
    fn the_page_about_security_names_these_rows() {
        let page = include_str!("../../../../SECURITY.md");
        let (_, section) = page.split_once("\n### What is believed of AWS\n").unwrap();
        let (section, _) = section.split_once("\n### ").unwrap();
        let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
        assert!(rows.len() > 5, "{rows:?}");
        for row in rows {
            let (_, named) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
            for name in named.split(", ") {
                let name = name.trim_matches('`');
                assert!(ALL.iter().any(|unknown| unknown.id == name), "{name:?} in {row}");
            }
        }
    }
}
