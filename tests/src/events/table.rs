//! The table: each file, and what is answered.

use super::files::Source::{self, LambdaEvents, Ours};

/// Each file of API Gateway, and what is answered to it as it is: no event has our headers.
pub(super) const NOT_SIGNED: &[(Source, &str, &str)] = &[
    // Authorizer events.
    (LambdaEvents, "custom-auth-request-type-request", MISSING),
    (LambdaEvents, "custom-auth-request", "unreadable token-authorizer"),
    (LambdaEvents, "v2-custom-authorizer-v1-request", MISSING),
    (LambdaEvents, "v2-custom-authorizer-v2-request", MISSING),
    (LambdaEvents, "v2-custom-authorizer-v2-request-null-maps", MISSING),
    (LambdaEvents, "v2-custom-authorizer-v2-request-without-cookies", MISSING),
    (LambdaEvents, "v2-custom-authorizer-v2-request-without-identity-source", MISSING),
    // Lambda's own context was merged into it, and with it the version of the function.
    (LambdaEvents, "v2-custom-authorizer-websocket-request", UNSUPPORTED),
    // What an authorizer answers.
    (LambdaEvents, "custom-auth-response", UNSUPPORTED),
    (LambdaEvents, "custom-auth-response-with-condition", UNSUPPORTED),
    (LambdaEvents, "custom-auth-response-with-single-value-action", UNSUPPORTED),
    (LambdaEvents, "custom-auth-response-with-single-value-resource", UNSUPPORTED),
    // Integration events and answers of an integration.
    (LambdaEvents, "console-request", UNSUPPORTED),
    (LambdaEvents, "console-test-request", UNSUPPORTED),
    (LambdaEvents, "request", UNSUPPORTED),
    (LambdaEvents, "request-catch-all", UNSUPPORTED),
    (LambdaEvents, "request-multi-value-parameters", UNSUPPORTED),
    (LambdaEvents, "response", UNSUPPORTED),
    (LambdaEvents, "restapi-openapi-request", UNSUPPORTED),
    (LambdaEvents, "sam-http-request", UNSUPPORTED),
    (LambdaEvents, "sam-rest-request", UNSUPPORTED),
    (LambdaEvents, "v2-request-iam", UNSUPPORTED),
    (LambdaEvents, "v2-request-jwt-authorizer", UNSUPPORTED),
    (LambdaEvents, "v2-request-lambda-authorizer", UNSUPPORTED),
    (LambdaEvents, "v2-request-multi-value-parameters", UNSUPPORTED),
    (LambdaEvents, "v2-request-no-authorizer", UNSUPPORTED),
    (LambdaEvents, "websocket-request", UNSUPPORTED),
    (LambdaEvents, "websocket-request-disconnect-route", UNSUPPORTED),
    (LambdaEvents, "websocket-request-without-method", UNSUPPORTED),
    (Ours, "rest-authorizer", MISSING),
    (Ours, "rest-authorizer-root", MISSING),
    (Ours, "rest-authorizer-trailing-slash", MISSING),
    (Ours, "rest-authorizer-inner-slashes", MISSING),
    (Ours, "rest-authorizer-slash-after-stage", MISSING),
    (Ours, "rest-authorizer-two-slashes-first", MISSING),
    (Ours, "rest-authorizer-escapes", MISSING),
    (Ours, "rest-authorizer-query", MISSING),
    (Ours, "rest-authorizer-repeated-header", MISSING),
    (Ours, "rest-authorizer-base-path", MISSING),
    (Ours, "rest-authorizer-base-path-and-stage", MISSING),
    (Ours, "rest-token-authorizer", "unreadable token-authorizer"),
    (Ours, "rest-integration", UNSUPPORTED),
    (Ours, "http-v2-authorizer", MISSING),
    (Ours, "http-v2-authorizer-named-stage", MISSING),
    (Ours, "http-v2-authorizer-mapping-key", MISSING),
    (Ours, "http-v2-authorizer-decoded-path", MISSING),
    (Ours, "http-v2-authorizer-query-and-cookies", MISSING),
    (Ours, "http-v2-integration", UNSUPPORTED),
    (Ours, "http-v1-authorizer", MISSING),
    (Ours, "http-v1-authorizer-with-lists", MISSING),
    (Ours, "http-v1-authorizer-named-stage", MISSING),
    (Ours, "http-v1-authorizer-mapping-key", MISSING),
    (Ours, "http-v1-integration", UNSUPPORTED),
    (Ours, "websocket-connect-authorizer", MISSING),
    (Ours, "websocket-connect-authorizer-query", MISSING),
    (Ours, "websocket-connect-authorizer-mapping-key", MISSING),
    (Ours, "websocket-connect-authorizer-unlisted-domain", MISSING),
    (Ours, "websocket-connect-integration", UNSUPPORTED),
    (Ours, "websocket-message-integration", UNSUPPORTED),
];

const MISSING: &str = "refused header-missing";
const UNSUPPORTED: &str = "unreadable unsupported-event";

/// The events of other services that do not get `unsupported-event`: a member that the authorizer reads is not a text there.
pub(super) const OTHER_SERVICES: &[(&str, &str)] = &[("example-cognito-event", "unreadable not-json")];

/// A REQUEST event, and what is answered if the edge signed its target.
pub(super) struct Row {
    pub(super) source: Source,
    pub(super) file: &'static str,
    /// Members that AWS's example leaves out: JSON pointers and values.
    pub(super) added: &'static [(&'static str, &'static str)],
    /// The path on the wire, if the event does not show it.
    pub(super) path: Option<&'static str>,
    pub(super) signed: Signed,
}

/// What is answered to a signed event.
#[derive(Clone, Copy)]
pub(super) enum Signed {
    /// Admitted, and this path is passed on.
    Admitted(&'static str),
    /// Refused for this reason.
    Refused(&'static str),
}

/// Each REQUEST event that the authorizer can read.
pub(super) const SIGNED: &[Row] = &[
    // AWS's example of a REST API shows neither a domain nor a time, and its path does not have the stage.
    row(LambdaEvents, "custom-auth-request-type-request", Signed::Refused("request-time")),
    Row {
        added: &[("/requestContext/requestTimeEpoch", "1795341845123")],
        ..row(LambdaEvents, "custom-auth-request-type-request", Signed::Refused("host"))
    },
    Row {
        added: &[
            ("/requestContext/requestTimeEpoch", "1795341845123"),
            ("/requestContext/domainName", r#""s4x3opwd6i.execute-api.us-east-1.amazonaws.com""#),
        ],
        ..row(LambdaEvents, "custom-auth-request-type-request", Signed::Admitted("/request"))
    },
    row(LambdaEvents, "v2-custom-authorizer-v1-request", Signed::Refused("repeats-hidden")),
    row(LambdaEvents, "v2-custom-authorizer-v2-request", Signed::Admitted("/my/path")),
    row(LambdaEvents, "v2-custom-authorizer-v2-request-null-maps", Signed::Admitted("/my/path")),
    row(LambdaEvents, "v2-custom-authorizer-v2-request-without-cookies", Signed::Admitted("/my/path")),
    row(LambdaEvents, "v2-custom-authorizer-v2-request-without-identity-source", Signed::Admitted("/my/path")),
    row(Ours, "rest-authorizer", Signed::Admitted("/pets")),
    row(Ours, "rest-authorizer-root", Signed::Admitted("/")),
    row(Ours, "rest-authorizer-trailing-slash", Signed::Admitted("/pets/")),
    row(Ours, "rest-authorizer-inner-slashes", Signed::Admitted("/pets//7")),
    row(Ours, "rest-authorizer-slash-after-stage", Signed::Admitted("//pets")),
    Row { path: Some("//prod/pets"), ..row(Ours, "rest-authorizer-two-slashes-first", Signed::Admitted("/pets")) },
    row(Ours, "rest-authorizer-escapes", Signed::Admitted("/pets/test%2Balias@example.com/plus/a+b")),
    row(Ours, "rest-authorizer-query", Signed::Admitted("/pets")),
    row(Ours, "rest-authorizer-repeated-header", Signed::Admitted("/pets")),
    row(Ours, "rest-authorizer-base-path", Signed::Admitted("/pets")),
    // A mapping without a stage takes the stage from the path. It is listed as if it had one, and so the stage stays.
    row(Ours, "rest-authorizer-base-path-and-stage", Signed::Admitted("/prod/pets")),
    row(Ours, "http-v2-authorizer", Signed::Admitted("/pets")),
    row(Ours, "http-v2-authorizer-named-stage", Signed::Admitted("/pets")),
    Row { path: Some("/v1/pets"), ..row(Ours, "http-v2-authorizer-mapping-key", Signed::Admitted("/pets")) },
    // Without the key that the event does not show, nothing is listed.
    row(Ours, "http-v2-authorizer-mapping-key", Signed::Refused("path")),
    row(Ours, "http-v2-authorizer-decoded-path", Signed::Admitted("/capture/space%20value")),
    row(Ours, "http-v2-authorizer-query-and-cookies", Signed::Admitted("/pets")),
    row(Ours, "http-v1-authorizer", Signed::Refused("repeats-hidden")),
    row(Ours, "http-v1-authorizer-with-lists", Signed::Admitted("/pets")),
    row(Ours, "http-v1-authorizer-named-stage", Signed::Admitted("/pets")),
    row(Ours, "http-v1-authorizer-mapping-key", Signed::Refused("base-path-unknown")),
    row(Ours, "websocket-connect-authorizer", Signed::Admitted("/")),
    row(Ours, "websocket-connect-authorizer-query", Signed::Admitted("/")),
    Row { path: Some("/v1"), ..row(Ours, "websocket-connect-authorizer-mapping-key", Signed::Admitted("/")) },
    Row { path: Some("/v1/"), ..row(Ours, "websocket-connect-authorizer-mapping-key", Signed::Admitted("/")) },
    Row { path: Some("/v1/x"), ..row(Ours, "websocket-connect-authorizer-mapping-key", Signed::Refused("path")) },
    row(Ours, "websocket-connect-authorizer-mapping-key", Signed::Refused("path")),
    row(Ours, "websocket-connect-authorizer-unlisted-domain", Signed::Refused("base-path-unlisted")),
];

const fn row(source: Source, file: &'static str, signed: Signed) -> Row {
    Row { source, file, added: &[], path: None, signed }
}
