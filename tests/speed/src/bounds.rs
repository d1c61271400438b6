//! What is compared, and the bound of each: the one table of them.

use Bound::{AtLeast, AtMost, Information};
use Unit::{Bytes, Count, Time};
use serde::Serialize;

/// A comparison, or a count.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Rows of one number are about one subject.
    pub(crate) number: u8,
    pub(crate) what: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) bound: Bound,
    #[serde(skip)]
    pub(crate) unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    /// Ours by theirs, or the count, is at most this.
    AtMost(f64),
    /// Ours is at least this many times as fast as theirs.
    AtLeast(f64),
    /// Ours by theirs, for the reader.
    Information,
}

impl Bound {
    pub(crate) fn holds(self, value: f64) -> Option<bool> {
        match self {
            AtMost(most) => Some(value <= most),
            AtLeast(least) => Some(value >= least),
            Information => None,
        }
    }
}

/// What the values of a row are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    /// Nanoseconds.
    Time,
    Bytes,
    Count,
}

const FLOOR: &str = "SHA-256 compressions";
const JAVASCRIPT: &str = "JavaScript, same job";

const fn row(number: u8, what: &'static str, theirs: &'static str, bound: Bound, unit: Unit) -> Row {
    Row { number, what, theirs, bound, unit }
}

pub(crate) const HMAC: Row = row(1, "HMAC of a signature base", FLOOR, AtMost(1.10), Time);

pub(crate) const SIGN: Row = row(2, "a request is signed", FLOOR, AtMost(2.0), Time);
pub(crate) const SIGN_HTTPSIG: Row = row(2, "a request is signed", "crate httpsig", AtLeast(8.0), Time);

pub(crate) const VERIFY: Row = row(3, "a request is verified, all rules", FLOOR, AtMost(3.0), Time);
pub(crate) const VERIFY_HTTPSIG: Row = row(3, "a request is verified, all rules", "crate httpsig", AtLeast(5.0), Time);
pub(crate) const VERIFY_NPM: Row =
    row(3, "a request is verified, all rules", "npm http-message-signatures", AtLeast(40.0), Time);
pub(crate) const VERIFY_NPM_SIG: Row =
    row(3, "a request is verified, all rules", "npm http-message-sig", AtLeast(40.0), Time);
pub(crate) const VERIFY_PYPI: Row =
    row(3, "a request is verified, all rules", "PyPI http-message-signatures", AtLeast(120.0), Time);

pub(crate) const EVENT: Row =
    row(4, "REST event to answer, with its log line", "bare Rust, same job", AtMost(1.1), Time);
pub(crate) const EVENT_FLOOR: Row =
    row(4, "REST event to answer, with its log line", "JSON scan + compressions", Information, Time);
pub(crate) const EVENT_NODE: Row = row(4, "REST event to answer, with its log line", JAVASCRIPT, AtLeast(4.0), Time);
pub(crate) const EVENT_PYTHON: Row =
    row(4, "REST event to answer, with its log line", "Python, same job", AtLeast(9.0), Time);
pub(crate) const EVENT_TYPED: Row =
    row(4, "REST event to answer, with its log line", "aws_lambda_events structs", AtLeast(2.3), Time);

pub(crate) const LOG: Row = row(5, "a line of the log", "the same by format!", AtMost(1.5), Time);

pub(crate) const EDGE: Row = row(6, "a warm signature in Node", JAVASCRIPT, AtMost(0.7), Time);

pub(crate) const EDGE_FRESH: Row =
    row(7, "fresh edge process, key in a file: first signature", JAVASCRIPT, AtMost(0.5), Time);

pub(crate) const EDGE_FETCHED: Row =
    row(8, "fresh edge process, key fetched: first signature", "JavaScript with AWS SDK", AtMost(0.08), Time);

pub(crate) const AUTHORIZER_FRESH: Row =
    row(9, "fresh authorizer, key fetched: first answer", "bare Rust loop", AtMost(2.5), Time);
pub(crate) const AUTHORIZER_FRESH_NODE: Row =
    row(9, "fresh authorizer, key fetched: first answer", "Node with AWS SDK", Information, Time);
pub(crate) const AUTHORIZER_FRESH_PYTHON: Row =
    row(9, "fresh authorizer, key fetched: first answer", "Python with boto3", Information, Time);

pub(crate) const WARM: Row = row(10, "authorizer: a warm invocation", "bare Rust loop", AtMost(1.5), Time);
pub(crate) const WARM_NODE: Row =
    row(10, "authorizer: a warm invocation", "Node, bare socket loop", AtMost(0.40), Time);
pub(crate) const WARM_PYTHON: Row =
    row(10, "authorizer: a warm invocation", "Python, awslambdaric", AtMost(0.18), Time);
pub(crate) const WARM_SLOW: Row =
    row(10, "authorizer: the slowest 1 % of warm invocations", "bare Rust loop", Information, Time);

pub(crate) const BODY: Row = row(11, "a body of 1 MiB at the edge", "SHA-256 + fastest base64", AtMost(1.3), Time);
pub(crate) const BODY_NODE: Row = row(11, "a body of 1 MiB at the edge", JAVASCRIPT, AtMost(1.0), Time);
/// A quarter of the body, which is then never held whole.
pub(crate) const BODY_HELD: Row = row(11, "held of a body of 1 MiB, beside its text", "", AtMost(262_144.0), Bytes);

pub(crate) const QUERY: Row = row(12, "a byte more of query", "JSON scan", AtMost(4.0), Time);
pub(crate) const HEADERS: Row = row(12, "a header more", "JSON scan", AtMost(2.0), Time);

pub(crate) const SIGN_ALLOCATIONS: Row = row(13, "allocations of a signature", "", AtMost(2.0), Count);
pub(crate) const VERIFY_ALLOCATIONS: Row = row(13, "allocations of a verification", "", AtMost(4.0), Count);
pub(crate) const EVENT_ALLOCATIONS: Row = row(13, "allocations of REST event to answer", "", AtMost(25.0), Count);

const PROGRAM: Bound = AtMost(3_700_000.0);
pub(crate) const ADDON_SIZE: Row = row(14, "size of edge-signer.node", "", PROGRAM, Bytes);
/// It has the clients of two AWS services: of Secrets Manager, and of Lambda for the next authorizer.
pub(crate) const AUTHORIZER_SIZE: Row = row(14, "size of the authorizer", "", AtMost(5_000_000.0), Bytes);
pub(crate) const ROTATOR_SIZE: Row = row(14, "size of the rotator", "", PROGRAM, Bytes);
pub(crate) const EDGE_ZIP_SIZE: Row = row(14, "size of edge-signer.zip", "", AtMost(2_000_000.0), Bytes);

pub(crate) const RESIDENT: Row = row(15, "authorizer: resident memory, warm", "Node", AtMost(0.08), Bytes);
pub(crate) const RESIDENT_PYTHON: Row =
    row(15, "authorizer: resident memory, warm", "Python, awslambdaric", Information, Bytes);

const WITHOUT: &str = "without a second check";
pub(crate) const EDDSA_WARM: Row = row(16, "a warm invocation with a token, EdDSA", WITHOUT, Information, Time);
pub(crate) const ES256_WARM: Row = row(16, "a warm invocation with a token, ES256", WITHOUT, Information, Time);
pub(crate) const RS256_WARM: Row = row(16, "a warm invocation with a token, RS256", WITHOUT, Information, Time);
pub(crate) const NEXT_WARM: Row = row(16, "a warm invocation with a next authorizer", WITHOUT, Information, Time);
pub(crate) const TOKEN_FRESH: Row =
    row(16, "fresh authorizer, issuer's keys fetched: first answer", WITHOUT, Information, Time);
pub(crate) const NEXT_FRESH: Row =
    row(16, "fresh authorizer, next authorizer asked: first answer", WITHOUT, Information, Time);
pub(crate) const TOKEN_RESIDENT: Row = row(16, "resident memory, warm, with a token", WITHOUT, Information, Bytes);
pub(crate) const NEXT_RESIDENT: Row =
    row(16, "resident memory, warm, with a next authorizer", WITHOUT, Information, Bytes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_its_bound_holds() {
        for (bound, value, expected) in [
            (AtMost(2.0), 2.0, Some(true)),
            (AtMost(2.0), 2.01, Some(false)),
            (AtLeast(8.0), 8.0, Some(true)),
            (AtLeast(8.0), 7.99, Some(false)),
            (AtMost(2.0), f64::NAN, Some(false)),
            (AtLeast(2.0), f64::NAN, Some(false)),
            (Information, 1.0, None),
        ] {
            assert_eq!(bound.holds(value), expected, "{value} for {bound:?}");
        }
    }
}
