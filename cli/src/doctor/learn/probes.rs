//! The requests: which targets, at which kinds of API, and on which ways.

use serde::{Deserialize, Serialize};

/// A kind of API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Rest,
    /// With payload format 2.0.
    Http,
    /// With payload format 1.0.
    HttpV1,
    #[serde(rename = "websocket")]
    WebSocket,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Rest, Self::Http, Self::HttpV1, Self::WebSocket];

    /// Its word in the results, which is the name of its stage too.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Http => "http",
            Self::HttpV1 => "http-v1",
            Self::WebSocket => "websocket",
        }
    }
}

/// The way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// To the API's own URL.
    Direct,
    CloudFront,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Direct, Self::CloudFront];

    /// In a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Direct => "directly",
            Self::CloudFront => "through CloudFront",
        }
    }
}

/// One request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Its name in the results.
    pub(crate) id: &'static str,
    /// Below the stage, as it is sent, byte for byte.
    below: &'static str,
    pub(crate) header: Option<(&'static str, &'static str)>,
    /// Whether a second slash comes before the stage.
    slash_before_stage: bool,
}

const fn probe(id: &'static str, below: &'static str) -> Probe {
    Probe { id, below, header: None, slash_before_stage: false }
}

/// Without doubt in it: the first request, and the measure of the others.
pub(crate) const PLAIN: Probe = probe("plain", "/echo");

pub(crate) const ALL: [Probe; 25] = [
    PLAIN,
    probe("trailing-slash", "/echo/"),
    probe("second-slash", "//echo"),
    probe("trailing-escaped-slash", "/echo%2F"),
    Probe { slash_before_stage: true, ..probe("slash-before-stage", "/echo") },
    probe("escaped-slash", "/echo/a%2Fb"),
    probe("escaped-space", "/echo/a%20b"),
    probe("escaped-utf-8", "/echo/%C3%A9"),
    probe("escaped-question-mark", "/echo/a%3Fb"),
    probe("broken-escape", "/echo/p%zz"),
    probe("inner-slashes", "/echo//x"),
    probe("slash-at-the-end", "/echo/x/"),
    probe("query-flag", "/echo?flag"),
    probe("query-empty-value", "/echo?a="),
    probe("query-brackets", "/echo?a[]=1"),
    probe("query-repeated", "/echo?a=1&b=2&a=3"),
    probe("query-space", "/echo?a=b+c%20d%2Be"),
    probe("query-broken-escape", "/echo?a=%zz"),
    probe("query-not-utf-8", "/echo?a=%E9"),
    probe("query-raw-utf-8", "/echo?a=é"),
    probe("query-semicolon", "/echo?a;b"),
    probe("query-semicolon-between-pairs", "/echo?a=1;b=2"),
    Probe { header: Some(("X-HTTP-Method-Override", "PUT")), ..probe("method-override", "/echo") },
    Probe { header: Some(("X-Learn", "hello")), ..probe("header", "/echo") },
    Probe { header: Some(("X-Learn", "unauthorized")), ..probe("unauthorized", "/echo") },
];

impl Probe {
    /// The one of that name.
    pub(crate) fn named(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|probe| probe.id == id)
    }

    /// Whether it is sent there.
    pub(crate) fn is_sent(&self, kind: Kind, way: Way) -> bool {
        // Before the stage, CloudFront would find another API.
        (way == Way::Direct || !self.slash_before_stage)
            && (kind != Kind::WebSocket || !self.slash_before_stage && self.at_web_socket().is_some())
    }

    /// The part of the target below the stage.
    pub(crate) fn below(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::WebSocket => self.at_web_socket().unwrap_or_default(),
            _ => self.below,
        }
    }

    /// The target at a URL with this path, which has no slash at its end.
    pub(crate) fn target(&self, kind: Kind, base: &str) -> String {
        format!("{}{base}{}", if self.slash_before_stage { "/" } else { "" }, self.below(kind))
    }

    /// The target as API Gateway gets it: the path of the API's URL is its stage.
    pub(crate) fn wire_target(&self, kind: Kind) -> String {
        self.target(kind, &format!("/{}", kind.word()))
    }

    /// A WebSocket API has no path below its stage.
    fn at_web_socket(&self) -> Option<&'static str> {
        let below = self.below.strip_prefix("/echo")?;
        (below.is_empty() || below == "/" || below.starts_with('?')).then_some(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_probe_has_a_name_of_its_own_and_a_target_of_its_own() {
        let names: BTreeSet<_> = ALL.iter().map(|probe| probe.id).collect();
        assert_eq!(names.len(), ALL.len());
        let sent: BTreeSet<_> = ALL.iter().map(|probe| (probe.wire_target(Kind::Rest), probe.header)).collect();
        assert_eq!(sent.len(), ALL.len());
    }

    #[test]
    fn targets() {
        #[track_caller]
        fn check(id: &str, kind: Kind, ways: &[Way], wire: &str) {
            let probe = Probe::named(id).unwrap();
            let sent: Vec<_> = Way::ALL.into_iter().filter(|way| probe.is_sent(kind, *way)).collect();
            assert_eq!(sent, ways);
            if !ways.is_empty() {
                assert_eq!(probe.wire_target(kind), wire);
            }
        }
        check("escaped-slash", Kind::Rest, &Way::ALL, "/rest/echo/a%2Fb");
        check("slash-before-stage", Kind::HttpV1, &[Way::Direct], "//http-v1/echo");
        check("query-flag", Kind::WebSocket, &Way::ALL, "/websocket?flag");
        check("trailing-slash", Kind::WebSocket, &Way::ALL, "/websocket/");
        check("unauthorized", Kind::WebSocket, &Way::ALL, "/websocket");
        check("escaped-slash", Kind::WebSocket, &[], "");
        check("slash-before-stage", Kind::WebSocket, &[], "");
        assert_eq!(Probe::named("query-flag").unwrap().target(Kind::Http, ""), "/echo?flag");
        assert_eq!(Probe::named("other"), None);
    }
}
