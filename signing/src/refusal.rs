use crate::{Component, Field, KeyId, Parameter, Rule, UnixSeconds, time::Rfc3339};

/// Why a request is not admitted: the first rule that does not hold, in the order in which they are checked.
///
/// It is for the log and for a metric. The sender of the request does not learn it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // Rule 1: the headers.
    /// The header is missing: no header has its exact name, case aside.
    #[error("{0} is missing")]
    Missing(Field),
    /// There is more than one header with this name or a name that resembles it.
    #[error("{0} appears {1} times, counting names that differ from it only in case or in _ for -")]
    Repeated(Field, usize),
    /// `Countersign-Signature-Input` is not a dictionary of inner lists, or `Countersign-Signature` not one of byte sequences
    /// (RFC 9421, section 4).
    #[error("{0} does not parse at byte {1}")]
    Unparsable(Field, usize),
    /// The dictionary has no member `countersign`.
    #[error("{0} has no member named countersign")]
    LabelMissing(Field),
    /// The dictionary has more than one member `countersign`.
    #[error("{0} has more than one member named countersign")]
    LabelRepeated(Field),
    /// The dictionary has a member other than `countersign`.
    #[error("{0} has a member other than countersign")]
    LabelUnknown(Field),
    /// The event has only one value of each header or query parameter.
    #[error(
        "the event shows only one value of each header or query parameter, so it does not show whether one is repeated"
    )]
    RepeatsHidden,
    /// The gateway would act on another method than the signed one.
    #[error("the header {0} would override the method")]
    MethodOverride(&'static str),
    /// A hop behind the authorizer would remove a header on which the verdict depends (RFC 9110, section 7.6.1).
    #[error("Connection lists {0}, which a hop behind the authorizer would remove")]
    ConnectionOption(&'static str),
    /// Two hops could read different lists.
    #[error("Connection is not a list of tokens")]
    ConnectionMalformed,
    /// A GET or HEAD request with a body, which the edge never sees and so cannot cover.
    #[error("a GET or HEAD request announces a body")]
    Body,

    // Rule 2: what is covered.
    /// A covered component is not in the profile.
    #[error("the covered component at index {index} is not in the profile")]
    ComponentUnknown {
        /// Its place in the list.
        index: usize,
    },
    /// A covered component has parameters, which change its meaning (RFC 9421, section 2.1).
    #[error("{0} is covered with parameters: the profile allows none")]
    ComponentParameters(Component),
    /// A component is covered twice.
    #[error("{0} is covered twice")]
    ComponentRepeated(Component),
    /// A required component is not covered.
    #[error("{0} is not covered")]
    ComponentMissing(Component),
    /// Content-Digest is covered but missing.
    #[error("Content-Digest is covered but missing")]
    DigestAbsent,
    /// The header has bytes that cannot be part of a signature base.
    #[error("Content-Digest has characters other than visible ASCII, spaces and tabs")]
    DigestMalformed,
    /// The policy requires a covered digest of every method but GET and HEAD.
    #[error("Content-Digest is not covered, and the policy requires it of every method but GET and HEAD")]
    DigestRequired,
    /// The header is not an IPv4 or IPv6 address.
    #[error("Countersign-Viewer-Ip is not an IP address")]
    ViewerIp,

    // Rule 3: the parameters.
    /// A parameter is not in the profile.
    #[error("the signature parameter at index {index} is not in the profile")]
    ParameterUnknown {
        /// Its place in the list.
        index: usize,
    },
    /// A parameter appears twice.
    #[error("parameter {0} appears twice")]
    ParameterRepeated(Parameter),
    /// A required parameter is missing.
    #[error("parameter {0} is missing")]
    ParameterMissing(Parameter),
    /// A parameter has another type, or a value outside of its range or alphabet.
    #[error("parameter {0} has a wrong type, or its value is out of range or has a character that is not allowed")]
    ParameterType(Parameter),
    /// `alg` is not `hmac-sha256`.
    #[error("alg is not hmac-sha256")]
    Algorithm,
    /// `tag` is not `countersign`.
    #[error("tag is not countersign")]
    Tag,
    /// The member of `Countersign-Signature` has parameters. The profile allows none.
    #[error("the signature has parameters: the profile allows none")]
    SignatureParameters,

    // Rule 4: the time.
    /// The signature does not end after it begins.
    #[error("expires {} is not after created {}", Rfc3339(*expires), Rfc3339(*created))]
    Lifetime {
        /// `created`
        created: UnixSeconds,
        /// `expires`
        expires: UnixSeconds,
    },
    /// The signature is valid for longer than the policy allows.
    #[error("the lifetime of {seconds} s is longer than the policy allows")]
    LifetimeTooLong {
        /// `expires` − `created`
        seconds: u64,
    },
    /// The event does not say when the gateway received the request.
    #[error("the event has no request time")]
    RequestTime,
    /// The signature was made later than now, by more than the tolerance for clocks.
    #[error("created is {seconds} s in the future")]
    Future {
        /// `created` − now
        seconds: u64,
    },
    /// The signature has expired, by more than the tolerance for clocks.
    #[error("the signature expired {seconds} s ago")]
    Expired {
        /// now − `expires`
        seconds: u64,
    },

    // Rule 5: the target.
    /// The request does not have exactly one Host, or it is not the domain name of the gateway.
    #[error("the request does not have exactly one Host that is the gateway's domain name")]
    Host,
    /// The event names two methods, or one that is not a method.
    #[error("the methods in the event differ or are malformed")]
    Method,
    /// Countersign-Target is not a request target.
    #[error("Countersign-Target is not a request target")]
    Target,
    /// The target ends in a `?` with nothing after it.
    #[error("Countersign-Target ends in a question mark without a query")]
    BareQuestionMark,
    /// The gateway's domain is listed, but none of its mappings leads to the API and stage of the event.
    #[error("none of the base paths listed for the domain leads to the API and stage of the event")]
    BasePath,
    /// The event shows neither path nor mapping key, and its custom domain is not listed.
    #[error("the event does not show the path, and its domain is not listed with its base paths")]
    BasePathUnlisted,
    /// Payload format 1.0 shows a path, and it is not known whether the stage or the mapping key of a custom domain is part
    /// of it. Only a domain that is listed without a key, for the stage `$default`, has neither.
    #[error(
        "it is not known how payload format 1.0 shows the path of a custom domain, unless the domain is listed without a key for the \
         stage $default"
    )]
    BasePathUnknown,
    /// A REST API shows the path without the base path of its custom domain. Recordings show it with the base path.
    #[error("the path at the gateway is the signed path without its base path, which REST APIs are not known to show")]
    BasePathHidden,
    /// The gateway shows paths decoded, and this path could become another path by decoding.
    #[error("the signed path has a percent-escape that is ambiguous after the gateway decodes it")]
    PathAmbiguous,
    /// The gateway received another path.
    #[error("the path at the gateway differs from the signed path")]
    Path,
    /// The signed query has an escape, and how the gateway decodes it is not known.
    #[error("the signed query has an invalid percent-escape, and how the gateway decodes it is not known")]
    QueryEscape,
    /// The signed query has a `;`, and it is not known whether the gateway takes it for a separator.
    #[error("the signed query has a `;`, and it is not known whether the gateway takes it for a separator")]
    QuerySeparator,
    /// The gateway received another query.
    #[error("the query at the gateway differs from the signed query")]
    Query,

    // Rule 6: the key.
    /// The key set has no key with this id.
    #[error("key {0} is not in the key set")]
    KeyUnknown(KeyId),
    /// The signature was made before the key became valid.
    #[error("key {0} was not yet valid when the request was signed")]
    KeyNotYetValid(KeyId),
    /// The key is no longer accepted.
    #[error("key {0} has expired")]
    KeyExpired(KeyId),

    // Rule 7: the signature.
    /// A covered part was changed, or the secret is another.
    #[error("the signature does not match the request")]
    Signature,
}

impl Refusal {
    /// The reason as one word: for logs, and few enough for the dimension of a metric.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing(_) => "header-missing",
            Self::Repeated(..) => "header-repeated",
            Self::Unparsable(..) => "header-unparsable",
            Self::LabelMissing(_) => "label-missing",
            Self::LabelRepeated(_) => "label-repeated",
            Self::LabelUnknown(_) => "label-unknown",
            Self::RepeatsHidden => "repeats-hidden",
            Self::MethodOverride(_) => "method-override",
            Self::ConnectionOption(_) => "connection-option",
            Self::ConnectionMalformed => "connection-malformed",
            Self::Body => "body-on-get",
            Self::ComponentUnknown { .. } => "component-unknown",
            Self::ComponentParameters(_) => "component-parameters",
            Self::ComponentRepeated(_) => "component-repeated",
            Self::ComponentMissing(_) => "component-missing",
            Self::DigestAbsent => "digest-absent",
            Self::DigestMalformed => "digest-malformed",
            Self::DigestRequired => "digest-required",
            Self::ViewerIp => "viewer-ip",
            Self::ParameterUnknown { .. } => "parameter-unknown",
            Self::ParameterRepeated(_) => "parameter-repeated",
            Self::ParameterMissing(_) => "parameter-missing",
            Self::ParameterType(_) => "parameter-type",
            Self::Algorithm => "algorithm",
            Self::Tag => "tag",
            Self::SignatureParameters => "signature-parameters",
            Self::Lifetime { .. } => "lifetime",
            Self::LifetimeTooLong { .. } => "lifetime-too-long",
            Self::RequestTime => "request-time",
            Self::Future { .. } => "future",
            Self::Expired { .. } => "expired",
            Self::Host => "host",
            Self::Method => "method",
            Self::Target => "target",
            Self::BareQuestionMark => "bare-question-mark",
            Self::BasePath => "base-path",
            Self::BasePathUnlisted => "base-path-unlisted",
            Self::BasePathUnknown => "base-path-unknown",
            Self::BasePathHidden => "base-path-hidden",
            Self::PathAmbiguous => "path-ambiguous",
            Self::Path => "path",
            Self::QueryEscape => "query-escape",
            Self::QuerySeparator => "query-separator",
            Self::Query => "query",
            Self::KeyUnknown(_) => "key-unknown",
            Self::KeyNotYetValid(_) => "key-not-yet-valid",
            Self::KeyExpired(_) => "key-expired",
            Self::Signature => "signature",
        }
    }

    /// The rule that does not hold.
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Missing(_)
            | Self::Repeated(..)
            | Self::Unparsable(..)
            | Self::LabelMissing(_)
            | Self::LabelRepeated(_)
            | Self::LabelUnknown(_)
            | Self::RepeatsHidden
            | Self::MethodOverride(_)
            | Self::ConnectionOption(_)
            | Self::ConnectionMalformed
            | Self::Body => Rule::Headers,
            Self::ComponentUnknown { .. }
            | Self::ComponentParameters(_)
            | Self::ComponentRepeated(_)
            | Self::ComponentMissing(_)
            | Self::DigestAbsent
            | Self::DigestMalformed
            | Self::DigestRequired
            | Self::ViewerIp => Rule::Covered,
            Self::ParameterUnknown { .. }
            | Self::ParameterRepeated(_)
            | Self::ParameterMissing(_)
            | Self::ParameterType(_)
            | Self::Algorithm
            | Self::Tag
            | Self::SignatureParameters => Rule::Parameters,
            Self::Lifetime { .. }
            | Self::LifetimeTooLong { .. }
            | Self::RequestTime
            | Self::Future { .. }
            | Self::Expired { .. } => Rule::Time,
            Self::Host
            | Self::Method
            | Self::Target
            | Self::BareQuestionMark
            | Self::BasePath
            | Self::BasePathUnlisted
            | Self::BasePathUnknown
            | Self::BasePathHidden
            | Self::PathAmbiguous
            | Self::Path
            | Self::QueryEscape
            | Self::QuerySeparator
            | Self::Query => Rule::Target,
            Self::KeyUnknown(_) | Self::KeyNotYetValid(_) | Self::KeyExpired(_) => Rule::Key,
            Self::Signature => Rule::Signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn a_refusal_names_its_header_component_or_parameter() {
        for (refusal, expected) in [
            (Refusal::Missing(Field::CountersignTarget), "Countersign-Target is missing"),
            (Refusal::ComponentMissing(Component::ViewerIp), "countersign-viewer-ip is not covered"),
            (Refusal::ParameterMissing(Parameter::KeyId), "parameter keyid is missing"),
            (
                Refusal::Lifetime {
                    created: UnixSeconds::new(1_795_341_845),
                    expires: UnixSeconds::new(1_795_341_845),
                },
                "expires 2026-11-22T10:04:05Z is not after created 2026-11-22T10:04:05Z",
            ),
        ] {
            assert_eq!(refusal.to_string(), expected);
        }
    }
}
