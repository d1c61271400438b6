//! The random names that AWS gives to requests.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

/// As in `x-amz-cf-id`: 56 characters of base64 with `==` at the end.
pub(crate) fn cloudfront_id() -> String {
    URL_SAFE.encode(bytes::<40>())
}

/// As in `Via: 1.1 e20527248be1eebaced63108ab7e73d6.cloudfront.net (CloudFront)`.
pub(crate) fn cloudfront_host() -> String {
    hex::encode(bytes::<16>())
}

/// A UUID, version 4 (RFC 9562).
pub(crate) fn request_id() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}

/// As in `requestContext.extendedRequestId`: 16 characters of base64, the last of them `=`.
pub(crate) fn extended_request_id() -> String {
    STANDARD.encode(bytes::<11>())
}

/// As in `X-Amzn-Trace-Id`: the time in seconds, then 96 random bits.
pub(crate) fn trace_id(seconds: u64) -> String {
    format!("Root=1-{seconds:08x}-{}", hex::encode(bytes::<12>()))
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "without random bytes from the system this program cannot run")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(cloudfront_id().len(), 56);
        assert!(cloudfront_id().ends_with("=="));
        assert_eq!(cloudfront_host().len(), 32);
        assert_eq!(extended_request_id().len(), 16);
        assert_eq!(trace_id(0x6670_4feb).len(), "Root=1-66704feb-118151122b2ad2d3488844e7".len());
        let id = request_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id.chars().nth(14), Some('4'));
        assert!(matches!(id.chars().nth(19), Some('8' | '9' | 'a' | 'b')));
        assert_ne!(request_id(), id);
    }
}
