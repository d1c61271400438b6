//! What the answers can show, and what mends it.

use crate::finding::{Found, Severity};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $severity:ident;)*) => {
        /// What the answers can show, in the order of the page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$kind,)*];

            pub(crate) fn code(self) -> &'static str {
                match self {
                    $(Self::$kind => $code,)*
                }
            }

            pub(crate) fn severity(self) -> Severity {
                match self {
                    $(Self::$kind => Severity::$severity,)*
                }
            }
        }
    };
}

kinds! {
    /// The backend answered a request that nobody signed.
    AnsweredUnsigned = "answered-unsigned", Open;
    /// The backend answered a request with a forged signature.
    ForgedAdmitted = "forged-admitted", Open;
    /// The backend answered at the default endpoint.
    DefaultEndpointOpen = "default-endpoint-open", Open;
    /// The headers of one request opened another one.
    ReplayAdmitted = "replay-admitted", Open;
    /// The authorizer fails in the place of a decision.
    AuthorizerFails = "authorizer-fails", Wrong;
    /// CloudFront forwards requests without a signature.
    ViewerUnsigned = "viewer-unsigned", Wrong;
    /// The authorizer refuses what comes through CloudFront.
    ViewerRefused = "viewer-refused", Wrong;
    /// The authorizer refuses what this command has signed with the keys of the secret.
    SignatureRefused = "signature-refused", Wrong;
    /// API Gateway refuses what comes through CloudFront, because of the Host.
    HostForwarded = "host-forwarded", Wrong;
    /// CloudFront does not add the stage.
    StageMissing = "stage-missing", Wrong;
    /// API Gateway refuses what comes through CloudFront because of the API key.
    ApiKeyRefused = "api-key-refused", Wrong;
    /// Only requests with a query are refused.
    QueryRefused = "query-refused", Wrong;
    /// A viewer's headers make CloudFront's request invalid.
    ViewerHeadersRefused = "viewer-headers-refused", Wrong;
    /// CloudFront blocks the request.
    Blocked = "blocked", Wrong;
    /// The edge signer says that its configuration is wrong.
    EdgeMisconfigured = "edge-misconfigured", Wrong;
    /// The edge signer has no keys.
    EdgeNoKeys = "edge-no-keys", Wrong;
    /// CloudFront cannot run the edge signer.
    EdgeFails = "edge-fails", Wrong;
    /// CloudFront gets no answer from the origin.
    OriginUnreachable = "origin-unreachable", Wrong;
    /// The backend fails.
    BackendFails = "backend-fails", Wrong;
    /// CloudFront keeps errors.
    ErrorCached = "error-cached", Wrong;
    /// CloudFront answers a page in the place of an error.
    ErrorHidden = "error-hidden", Wrong;
    /// The clocks of both doors differ.
    ClocksDiffer = "clocks-differ", Wrong;
    /// The clock of this machine differs from both.
    ClockHere = "clock-here", Note;
    /// CloudFront keeps answers.
    AnswerCached = "answer-cached", Note;
    /// A preflight is answered.
    PreflightAnswered = "preflight-answered", Note;
    /// The same request is admitted again.
    ReplayPossible = "replay-possible", Note;
    /// A replay shows nothing.
    ReplayInconclusive = "replay-inconclusive", Note;
    /// The path does not exist.
    PathUnknown = "path-unknown", Note;
    /// API Gateway refused for another reason than the signature.
    RefusedOtherwise = "refused-otherwise", Note;
    /// Some requests were not sent.
    NotSent = "not-sent", Note;
    /// It is not known who answered.
    AnswerUnclear = "answer-unclear", Note;
    /// The answers are not those of API Gateway.
    NotApiGateway = "not-api-gateway", Note;
    /// The answers are not those of CloudFront.
    NotCloudFront = "not-cloudfront", Note;
    /// The default endpoint is not known.
    DefaultEndpointUnknown = "default-endpoint-unknown", Note;
}

impl Kind {
    pub(crate) fn found(self, text: impl Into<String>) -> Found {
        Found { finding: self.code(), severity: self.severity(), text: text.into(), next: self.next().to_owned() }
    }

    /// What the operator does next.
    fn next(self) -> &'static str {
        match self {
            Self::AnsweredUnsigned | Self::ForgedAdmitted => {
                "put the authorizer on every method and every route, $default included, deploy the API, and let the backend refuse \
                 requests without the authorizer's context: infra/attach.md, 1, 2 and 8"
            }
            Self::DefaultEndpointOpen => "close it: infra/attach.md, 5. Closing the default endpoint",
            Self::ReplayAdmitted => {
                "set the TTL of the authorizer's answers to 0, and deploy the API: `countersign status` shows the TTL"
            }
            Self::AuthorizerFails => "infra/RUNBOOK.md: The authorizer has no usable keys",
            Self::ViewerUnsigned => {
                "let the cache behavior call the edge signer at the origin request: infra/attach.md, 4. An existing distribution"
            }
            Self::ViewerRefused | Self::SignatureRefused => {
                "the log of the authorizer has the reason: infra/attach.md, 6. The order on a live API, has the command, and \
                 `countersign explain REASON` the cause"
            }
            Self::HostForwarded => {
                "use the origin request policy AllViewerExceptHostHeader: infra/attach.md, 4. An existing distribution"
            }
            Self::StageMissing => "set the origin path to the stage: infra/attach.md, 4. An existing distribution",
            Self::ApiKeyRefused => "infra/attach.md, 4. An existing distribution: Changing the API key by hand",
            Self::QueryRefused => {
                "forward all of the query, with the origin request policy AllViewerExceptHostHeader: infra/attach.md, 4. An existing \
                 distribution"
            }
            Self::ViewerHeadersRefused => {
                "associate the present version of the edge signer: infra/README.md, A new version, and back"
            }
            Self::Blocked => "look at the web ACL, the restrictions and the accepted methods of the distribution",
            Self::EdgeMisconfigured => "infra/RUNBOOK.md: The edge is not configured",
            Self::EdgeNoKeys => "infra/RUNBOOK.md: The edge has no usable keys",
            Self::EdgeFails => "infra/RUNBOOK.md: The edge function fails",
            Self::OriginUnreachable => "look at the domain, the protocol and the timeouts of the origin",
            Self::BackendFails => "look at the backend: the request passed the authorizer",
            Self::ErrorCached => {
                "set the error caching minimum TTL to 0 for 400, 403, 404, 405, 414 and 500 to 504, and run this command again: \
                 infra/attach.md, 4. An existing distribution"
            }
            Self::ErrorHidden => {
                "remove ResponsePagePath for 401 and 403 from the custom error responses of the distribution, and run this command again"
            }
            Self::ClocksDiffer => "a proxy or a cache makes one of the answers: look at what is before the API",
            Self::ClockHere => {
                "set the clock of this machine before you use `countersign sign`: a signature says when it was made"
            }
            Self::AnswerCached => "nothing, if that is meant: such answers need no signature",
            Self::PreflightAnswered => {
                "nothing, if the API answers preflights by itself: infra/README.md, CORS, and answers that the edge makes"
            }
            Self::ReplayPossible => "nothing: SECURITY.md says what a replay can do",
            Self::ReplayInconclusive => {
                "with --sign-with-secret also give --stack, whose API key is then read; or give --echo with a path of an API that echoes its \
                 headers: infra/example.yaml has one"
            }
            Self::PathUnknown => "give --path with a path that answers GET",
            Self::RefusedOtherwise => {
                "so the authorizer is not shown to work: `countersign doctor --stack NAME` reads which methods have it"
            }
            Self::NotSent => {
                "`countersign doctor --stack NAME` reads the error caching minimum TTL and the policies of the distribution"
            }
            Self::AnswerUnclear => {
                "look for the request in the authorizer's log, by the time: if there is no line, the request did not reach the authorizer"
            }
            Self::NotApiGateway => "give --api-url with the URL of the API itself: the output BackDoor of the stack",
            Self::NotCloudFront => {
                "give --distribution with the name of the distribution: its DNS name must lead to CloudFront, not to the API"
            }
            Self::DefaultEndpointUnknown => {
                "give --default-endpoint with https://API_ID.execute-api.REGION.amazonaws.com/STAGE, or --stack"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and severities of the page are those of the code.
    #[test]
    fn the_page_lists_every_finding() {
        let page = include_str!("../../../../docs/doctor.md");
        let table = page.split("\n## Findings at the doors\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<_> = Kind::ALL
            .iter()
            .map(|kind| {
                let found = kind.found("");
                format!("| `{}` | {} |", found.finding, serde_json::to_value(found.severity).unwrap().as_str().unwrap())
            })
            .collect();
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(expected) {
            assert!(row.starts_with(&expected), "{row} {expected}");
        }
    }

    /// The sections that are named are there.
    #[test]
    fn the_runbook_has_every_section_that_is_named() {
        let runbook = include_str!("../../../../infra/RUNBOOK.md");
        let nexts: Vec<_> = Kind::ALL.iter().map(|kind| kind.next()).collect();
        let named: Vec<_> = nexts.iter().filter_map(|next| next.strip_prefix("infra/RUNBOOK.md: ")).collect();
        assert!(named.len() >= 4, "{named:?}");
        for section in named {
            assert!(runbook.lines().any(|line| line.trim_start_matches('#').trim() == section), "{section}");
        }
    }
}
