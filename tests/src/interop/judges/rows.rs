//! Requests of viewers, and what each judge says of what our edge makes of them.
//!
//! Section numbers without another name are those of RFC 9421.

use hyper::Method;

use Says::{Refused, Verified};

/// What a judge is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    Verified,
    /// Refused, in words that begin like this.
    Refused(&'static str),
}

/// A request of a viewer.
pub(crate) struct Row {
    pub(crate) method: Method,
    pub(crate) target: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static [u8],
    /// What our own authorizer says: `Allow` or `Deny`.
    pub(crate) ours: &'static str,
    pub(crate) python: Says,
    pub(crate) rust: Says,
}

/// A GET without anything particular, with which everybody agrees.
const GET: Row = Row {
    method: Method::GET,
    target: "/echo/pets",
    headers: &[],
    body: b"",
    ours: "Allow",
    python: Verified,
    rust: Verified,
};

/// The body of the examples of RFC 9421 and RFC 9530, and its digests as they stand there.
pub(crate) const HELLO: &[u8] = b"{\"hello\": \"world\"}";
pub(crate) const HELLO_256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
const HELLO_512: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

const POST: Row = Row { method: Method::POST, body: HELLO, ..GET };

/// The Python library takes a URL only in the grammar of RFC 3986.
pub(crate) const NO_URL: Says = Refused("InvalidSignature Invalid URL");

pub(crate) const ROWS: [Row; 27] = [
    GET,
    Row { target: "/echo/pets?type=dog&page=2", ..GET },
    Row { target: "/echo?x=1&x=2&y=&x=1&x", ..GET },
    // The path is what stands there before any escape is decoded, section 2.2.6; so is the query, section 2.2.7.
    Row { target: "/echo/a%2Fb%2fc?q=a%2Fb", ..GET },
    Row { target: "/echo/a%20b?q=a%20b", ..GET },
    Row { target: "/echo/a+b?q=a+b", ..GET },
    Row { target: "/echo/a;b=c?x=1;y=2", ..GET },
    Row { target: "/echo/%7Euser/caf%C3%A9?q=%E2%82%AC&e=%00", ..GET },
    Row { target: "/echo//a/./b/../c", ..GET },
    Row { target: "/echo/a?q=/?&r=@:!$'()*,", ..GET },
    // No query and an empty one have the same base, the lone `?` of section 2.2.7; CloudFront sends on neither's `?`.
    Row { target: "/echo/a?", ..GET },
    POST,
    Row { body: b"", ..POST },
    Row { method: Method::PUT, body: &[0xff; 1000], ..POST },
    Row { method: Method::PATCH, target: "/echo/pets?type=dog", ..POST },
    Row { method: Method::DELETE, body: b"", ..POST },
    Row { method: Method::OPTIONS, body: b"", ..POST },
    // Over the mebibyte that CloudFront shows to a function: without a digest.
    Row { body: &[0xff; 2_000_000], ..POST },
    // A digest of the viewer's own is sent on and covered.
    Row { headers: &[("Content-Digest", HELLO_512)], ..POST },
    // Two digests in two lines are one value with a comma, section 2.1. Both judges verify the signature; but the Rust one
    // reads no digest field of more than one member, which RFC 9530, section 2, makes a dictionary of any length. We are right.
    Row {
        headers: &[("Content-Digest", HELLO_256), ("Content-Digest", HELLO_512)],
        rust: Refused("Failed to parse header value: Content-Digest header should have only one value"),
        ..POST
    },
    // The same, and the Python judge reads no digest beside which stands one of an algorithm that it does not know. A recipient
    // may ignore any of them, RFC 9530, section 2. We are right.
    Row {
        headers: &[("Content-Digest", HELLO_256), ("Content-Digest", "unixsum=:AAA=:")],
        python: Refused("InvalidSignature Unsupported content digest algorithm 'unixsum'"),
        rust: Refused("Failed to parse header value: Content-Digest header should have only one value"),
        ..POST
    },
    // Signatures of a viewer's own, in the form of the RFC and in others. They are not ours, and a library that reads
    // our two names does not see them.
    Row {
        headers: &[
            ("Signature-Agent", "\"https://bot.example\""),
            ("Signature-Input", "bot=(\"@authority\");created=1735689600;keyid=\"k2\";tag=\"web-bot-auth\""),
            ("Signature", "bot=:YQ==:"),
        ],
        ..GET
    },
    Row { headers: &[("Signature", "d2a84f4b8b650937ec8f73cd8be2c74add5a911ba64df27458ed8229da804a26")], ..POST },
    Row {
        headers: &[
            ("Date", "Thu, 26 Nov 2026 06:04:05 GMT"),
            (
                "Signature",
                "keyId=\"https://social.example/u#main-key\",headers=\"(request-target) host date\",signature=\"YQ==\"",
            ),
        ],
        ..POST
    },
    Row {
        headers: &[("Signature-Input", "countersign=(\"@future\");keyid=\"k1\""), ("Signature", ",countersign=")],
        ..GET
    },
    // A target that is no URI: characters outside the grammar (RFC 3986, section 3.3). The Python judge may refuse to
    // speak of such a request at all (RFC 9112, section 3.2). A judge that does not refuse, like the Rust judge, makes
    // the same signature base as we do: the bytes of the wire, sections 2.2.6 and 2.2.7.
    Row { target: "/echo/[a]|b^c?q={1}&[r]=|^2", python: NO_URL, ..GET },
    // How API Gateway decodes this is not known: our authorizer refuses it, whoever signed.
    Row { target: "/echo?a=%ff", ours: "Deny", ..GET },
];
