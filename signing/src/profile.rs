//! The names of the wire format: the headers, the covered components, the parameters.

use core::fmt;

/// The dictionary label and the `tag` of our signatures.
pub const LABEL: &str = "countersign";

/// The only `alg`.
pub(crate) const ALGORITHM: &str = "hmac-sha256";

/// The prefix of our headers.
const HEADER_PREFIX: &str = "countersign-";

/// Headers that make API Gateway act on another method than the one on the request line, in lower case.
pub const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Other headers that the rules know.
pub(crate) const HOST: &str = "host";
pub(crate) const CONNECTION: &str = "connection";
const CONTENT_LENGTH: &str = "content-length";
const TRANSFER_ENCODING: &str = "transfer-encoding";

/// Whether some reader could take one header name for the other: names that differ only in case, or in `_` for `-`.
/// Many backends make one variable of these (RFC 3875, section 4.1.18).
///
/// A header with such a name may be removed, or count against a request. It is never accepted as the header, whose name
/// must be exact, case aside ([`str::eq_ignore_ascii_case`]).
pub fn resembles(a: &str, b: &str) -> bool {
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    a.len() == b.len() && a.bytes().map(folded).eq(b.bytes().map(folded))
}

/// Whether some reader could take a header for one of ours by its name. The edge removes such a header from a viewer's
/// request.
pub fn resembles_ours(name: &str) -> bool {
    name.get(..HEADER_PREFIX.len()).is_some_and(|start| resembles(start, HEADER_PREFIX))
}

/// Whether a request says that a body follows: it has `Transfer-Encoding`, or a `Content-Length` other than `0`, or a
/// header whose name resembles one of them.
pub fn announces_body<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
    headers
        .into_iter()
        .any(|(name, value)| resembles(name, TRANSFER_ENCODING) || (resembles(name, CONTENT_LENGTH) && value != "0"))
}

/// Whether a name is as long as one of those that a verifier looks for. Most headers are passed over by this alone.
pub(crate) fn has_known_length(name: &str) -> bool {
    #[expect(clippy::indexing_slicing, reason = "the compiler runs this loop")]
    const LENGTHS: u64 = {
        let [a, b, c] = METHOD_OVERRIDES;
        let others = [a, b, c, TRANSFER_ENCODING, CONTENT_LENGTH, HOST, CONNECTION];
        let (mut lengths, mut at) = (0, 0);
        while at < others.len() {
            lengths |= 1 << others[at].len();
            at += 1;
        }
        at = 0;
        while at < Field::ALL.len() {
            lengths |= 1 << Field::ALL[at].name().len();
            at += 1;
        }
        lengths
    };
    name.len() < 64 && LENGTHS >> name.len() & 1 == 1
}

/// The headers of a signature, and the headers that it needs.
///
/// The signature has header names of its own, and the syntax of RFC 9421: a viewer may send `Signature` and
/// `Signature-Input` for the API, in the form of that RFC or in another, and they arrive unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `Countersign-Signature-Input`: the syntax of `Signature-Input` (RFC 9421, section 4.1), with one member.
    SignatureInput,
    /// `Countersign-Signature`: the syntax of `Signature` (RFC 9421, section 4.2), with one member.
    Signature,
    /// The exact target that the edge signed, which gateways hide from an authorizer.
    CountersignTarget,
    /// The viewer's address as CloudFront saw it.
    CountersignViewerIp,
    /// `Content-Digest` (RFC 9530).
    ContentDigest,
}

impl Field {
    /// All fields, in the order in which a missing one is reported.
    pub const ALL: [Self; 5] = [
        Self::SignatureInput,
        Self::Signature,
        Self::CountersignTarget,
        Self::CountersignViewerIp,
        Self::ContentDigest,
    ];

    /// The header's name in lower case, by which CloudFront's events know it and RFC 9421 covers it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignatureInput => "countersign-signature-input",
            Self::Signature => "countersign-signature",
            Self::CountersignTarget => "countersign-target",
            Self::CountersignViewerIp => "countersign-viewer-ip",
            Self::ContentDigest => "content-digest",
        }
    }

    /// The header's name as the edge sends it. REST APIs match the names of identity sources by case.
    pub const fn key(self) -> &'static str {
        match self {
            Self::SignatureInput => "Countersign-Signature-Input",
            Self::Signature => "Countersign-Signature",
            Self::CountersignTarget => "Countersign-Target",
            Self::CountersignViewerIp => "Countersign-Viewer-Ip",
            Self::ContentDigest => "Content-Digest",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What a signature covers (RFC 9421, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `@method`
    Method,
    /// `@authority`
    Authority,
    /// `@path`
    Path,
    /// `@query`
    Query,
    /// `countersign-viewer-ip`
    ViewerIp,
    /// `content-digest`, if and only if that header is present.
    ContentDigest,
}

impl Component {
    /// All components, in the order in which the edge covers them.
    pub const ALL: [Self; 6] =
        [Self::Method, Self::Authority, Self::Path, Self::Query, Self::ViewerIp, Self::ContentDigest];

    /// The component's identifier.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "@method",
            Self::Authority => "@authority",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::ViewerIp => Field::CountersignViewerIp.name(),
            Self::ContentDigest => Field::ContentDigest.name(),
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.name() == name)
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The parameters of a signature. All are required (RFC 9421, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the parameter of its name")]
pub enum Parameter {
    Created,
    Expires,
    Nonce,
    Alg,
    KeyId,
    Tag,
}

impl Parameter {
    pub(crate) const ALL: [Self; 6] = [Self::Created, Self::Expires, Self::Nonce, Self::Alg, Self::KeyId, Self::Tag];

    /// The parameter's key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Expires => "expires",
            Self::Nonce => "nonce",
            Self::Alg => "alg",
            Self::KeyId => "keyid",
            Self::Tag => "tag",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
