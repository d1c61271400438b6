//! How often signing and verifying allocate: memory is a third of their time.

use signing::{
    BasePaths, CheckedRequest, ContentDigest, Field, Key, KeySet, Nonce, Query, ReceivedRequest, ReceivedTarget,
    Request, UnixSeconds, VerificationPolicy, sign,
};
use std::{hint::black_box, time::Duration};

const NOW: UnixSeconds = UnixSeconds::new(1_795_341_845);

/// The two members of the signature.
const SIGN: u64 = 2;

/// The signed query, and the signature base.
const VERIFY: u64 = 2;

#[test]
fn signing_allocates_its_two_members_and_verifying_the_query_and_the_base() {
    let key =
        Key::new("2026-11-22".try_into().unwrap(), &[7; 32], UnixSeconds::new(0), UnixSeconds::new(2_000_000_000));
    let key = key.unwrap();
    let secret = "BwcH".repeat(10) + "Bwc";
    let json = format!(r#"{{"kty":"oct","alg":"HS256","kid":"2026-11-22","nbf":0,"exp":2000000000,"k":"{secret}"}}"#);
    let keys = KeySet::from_json(&json).unwrap();
    let digest = ContentDigest::of(b"{}");
    let request = Request {
        method: "POST".try_into().unwrap(),
        authority: "abc123.execute-api.eu-west-1.amazonaws.com".try_into().unwrap(),
        target: "/prod/pets?type=dog&page=2".try_into().unwrap(),
        viewer_ip: "203.0.113.7".try_into().unwrap(),
        content_digest: Some(digest.as_str().try_into().unwrap()),
    };
    let lifetime = Duration::from_secs(60);
    let signs = || black_box(sign(&request, &key, Nonce::new([1; 16]), lifetime, NOW));
    assert_eq!(allocation_counter::measure(|| drop(signs())).count_total, SIGN);

    let signed = signs().headers(&request);
    let mut headers: Vec<_> = signed.iter().map(|(field, value)| (Field::name(*field), value.as_str())).collect();
    headers.push(("host", "abc123.execute-api.eu-west-1.amazonaws.com"));
    let query: Query<'_> =
        [("page", "2"), ("type", "dog")].into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let received = ReceivedRequest {
        method: "POST",
        second_method: Some("POST"),
        domain_name: "abc123.execute-api.eu-west-1.amazonaws.com",
        api_id: "abc123",
        stage: "prod",
        headers: &headers,
        target: &ReceivedTarget::Rest { path: "/prod/pets".into(), api_path: "/pets".into(), query },
        time: Some(NOW),
    };
    let policy = VerificationPolicy {
        max_lifetime: lifetime,
        skew: Duration::from_secs(5),
        allow_ambiguous_path: false,
        require_digest: true,
        base_paths: BasePaths::default(),
    };
    let counted = allocation_counter::measure(|| {
        let checked = CheckedRequest::check(&received, &policy).unwrap();
        black_box(checked.verify(&keys).unwrap());
    });
    assert_eq!(counted.count_total, VERIFY, "{counted:?}");
}
