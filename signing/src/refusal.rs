use crate::{Component, Field, KeyId, Parameter, UnixSeconds};

/// Why a request is not admitted: the first rule that does not hold, in the order in which they are checked.
///
/// It is for the log and for a metric. Whoever sent the request is told nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // Rule 1: the headers.
    /// The header is missing: none has its exact name, case aside.
    #[error("{0} is missing")]
    Missing(Field),
    /// The header and those whose names resemble it are more than one.
    #[error("{0} is there {1} times, with names that differ in case and in _ for - counted")]
    Repeated(Field, usize),
    /// `Countersign-Signature-Input` is not a dictionary of inner lists, or `Countersign-Signature` not one of byte sequences
    /// (RFC 9421, section 4).
    #[error("{0} does not parse at byte {1}")]
    Unparsable(Field, usize),
    /// The dictionary has no member `countersign`.
    #[error("{0} has no member countersign")]
    LabelMissing(Field),
    /// The dictionary has more than one member `countersign`.
    #[error("{0} has more than one member countersign")]
    LabelRepeated(Field),
    /// The dictionary has a member beside `countersign`.
    #[error("{0} has a member beside countersign")]
    LabelUnknown(Field),
    /// The gateway would act on another method than the signed one.
    #[error("{0} would override the method")]
    MethodOverride(&'static str),
    /// A hop behind the authorizer would remove a header that the verdict rests on (RFC 9110, section 7.6.1).
    #[error("Connection lists {0}, which a hop behind the authorizer would remove")]
    ConnectionOption(&'static str),
    /// Two hops could read two lists.
    #[error("Connection is not a list of tokens")]
    ConnectionMalformed,
    /// A GET or HEAD with a body, which the edge never sees and so cannot cover.
    #[error("a GET or HEAD with a body")]
    Body,

    // Rule 2: what is covered.
    /// A component that is not in the profile.
    #[error("covered component {index} (from 0) is not in the profile")]
    ComponentUnknown {
        /// Its place in the list.
        index: usize,
    },
    /// A component with parameters, which change what it means (RFC 9421, section 2.1).
    #[error("{0} is covered with parameters")]
    ComponentParameters(Component),
    /// A component that is covered twice.
    #[error("{0} is covered twice")]
    ComponentRepeated(Component),
    /// A component that has to be covered and is not.
    #[error("{0} is not covered")]
    ComponentMissing(Component),
    /// Content-Digest is covered and not there.
    #[error("Content-Digest is covered and not there")]
    DigestAbsent,
    /// The header has bytes that cannot stand in a signature base.
    #[error("Content-Digest is not visible ASCII")]
    DigestMalformed,
    /// The policy requires a covered digest of every method but GET and HEAD.
    #[error("Content-Digest is not covered, and the policy requires it of every method but GET and HEAD")]
    DigestRequired,
    /// Not an IPv4 or IPv6 address.
    #[error("Countersign-Viewer-Ip is no IP address")]
    ViewerIp,

    // Rule 3: the parameters.
    /// A parameter that is not in the profile.
    #[error("signature parameter {index} (from 0) is not in the profile")]
    ParameterUnknown {
        /// Its place in the list.
        index: usize,
    },
    /// A parameter that stands twice.
    #[error("parameter {0} stands twice")]
    ParameterRepeated(Parameter),
    /// A parameter that is required and not there.
    #[error("parameter {0} is missing")]
    ParameterMissing(Parameter),
    /// A parameter of another type, or out of its range or alphabet.
    #[error("parameter {0} is of the wrong type")]
    ParameterType(Parameter),
    /// `alg` is not `hmac-sha256`.
    #[error("alg is not hmac-sha256")]
    Algorithm,
    /// `tag` is not `countersign`.
    #[error("tag is not countersign")]
    Tag,
    /// The member of Signature has parameters, of which the profile knows none.
    #[error("the signature has parameters")]
    SignatureParameters,

    // Rule 4: the time.
    /// It does not end after it begins.
    #[error("expires {expires} is not after created {created}")]
    Lifetime {
        /// `created`
        created: UnixSeconds,
        /// `expires`
        expires: UnixSeconds,
    },
    /// It lives longer than the policy allows.
    #[error("the lifetime of {seconds} s is over the maximum")]
    LifetimeTooLong {
        /// `expires` − `created`
        seconds: u64,
    },
    /// The event does not say when the gateway got the request.
    #[error("the event has no request time")]
    RequestTime,
    /// It was made later than now, by more than the clocks may differ.
    #[error("created {seconds} s in the future")]
    Future {
        /// `created` − now
        seconds: u64,
    },
    /// Its time is over, by more than the clocks may differ.
    #[error("expired {seconds} s ago")]
    Expired {
        /// now − `expires`
        seconds: u64,
    },

    // Rule 5: the target.
    /// There is not one Host that is the domain name of the gateway.
    #[error("Host is not the gateway's domain name")]
    Host,
    /// The event tells two methods, or one that is none.
    #[error("the event's methods differ or are malformed")]
    Method,
    /// Countersign-Target is no request target.
    #[error("Countersign-Target is no request target")]
    Target,
    /// The target ends in a `?` with nothing behind it.
    #[error("Countersign-Target ends in a bare question mark")]
    BareQuestionMark,
    /// The gateway's domain is listed, and none of its mappings leads to the event's API and stage.
    #[error("the domain's listed base paths do not lead to the API and stage of the event")]
    BasePath,
    /// The gateway shows paths decoded, and this one could be another once it is.
    #[error("the signed path has an escape that is ambiguous once the gateway has decoded it")]
    PathAmbiguous,
    /// The gateway received another path.
    #[error("the gateway received another path than was signed")]
    Path,
    /// The signed query has an escape of which it is not known how the gateway decodes it.
    #[error("the signed query has an invalid escape, whose decoding at the gateway is not known")]
    QueryEscape,
    /// The gateway received another query.
    #[error("the gateway received another query than was signed")]
    Query,

    // Rule 6: the key.
    /// No key of that id.
    #[error("key {0} is not in the key set")]
    KeyUnknown(KeyId),
    /// Signed before the key might be used.
    #[error("key {0} may not yet be used")]
    KeyNotYetValid(KeyId),
    /// The key is no longer accepted.
    #[error("key {0} has expired")]
    KeyExpired(KeyId),

    // Rule 7: the signature.
    /// Something covered was altered, or the secret is another.
    #[error("the signature is not that of the request")]
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
            Self::PathAmbiguous => "path-ambiguous",
            Self::Path => "path",
            Self::QueryEscape => "query-escape",
            Self::Query => "query",
            Self::KeyUnknown(_) => "key-unknown",
            Self::KeyNotYetValid(_) => "key-not-yet-valid",
            Self::KeyExpired(_) => "key-expired",
            Self::Signature => "signature",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn a_header_a_component_and_a_parameter_are_told_by_name() {
        for (refusal, expected) in [
            (Refusal::Missing(Field::CountersignTarget), "Countersign-Target is missing"),
            (Refusal::ComponentMissing(Component::ViewerIp), "countersign-viewer-ip is not covered"),
            (Refusal::ParameterMissing(Parameter::KeyId), "parameter keyid is missing"),
        ] {
            assert_eq!(refusal.to_string(), expected);
        }
    }
}
