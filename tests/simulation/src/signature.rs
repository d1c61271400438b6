//! Real signatures, for a part of the requests: what the keys decide must be what the signature decides.

use signing::{
    BasePaths, CheckedRequest, Field, KeySet, Nonce, Query, ReceivedRequest, ReceivedTarget, Refusal, Request,
    UnixSeconds, VerificationPolicy, sign,
};
use std::{borrow::Cow, time::Duration};

const HOST: &str = "abc123.execute-api.eu-west-1.amazonaws.com";
const TARGET: &str = "/prod/pets?type=dog";
const VIEWER: &str = "203.0.113.7";

/// Signs at `created` with a key of `signer`, and verifies at `received` with the keys of `verifier`.
pub(crate) fn sign_and_verify(
    (signer, created): (&signing::Key, UnixSeconds),
    (verifier, received): (&KeySet, UnixSeconds),
    lifetime: Duration,
    skew: Duration,
) -> Result<(), Refusal> {
    let request = Request {
        method: "GET".try_into().expect("a method"),
        authority: HOST.try_into().expect("a host"),
        target: TARGET.try_into().expect("a target"),
        viewer_ip: VIEWER.try_into().expect("an address"),
        content_digest: None,
    };
    let signature = sign(&request, signer, Nonce::new([7; 16]), lifetime, created);
    let target = ReceivedTarget::Rest {
        path: Cow::Borrowed("/prod/pets"),
        api_path: Cow::Borrowed("/pets"),
        query: Query::from(vec![(Cow::Borrowed("type"), Cow::Borrowed("dog"))]),
    };
    let received = ReceivedRequest {
        method: "GET",
        second_method: None,
        domain_name: HOST,
        api_id: "abc123",
        stage: "prod",
        headers: &[
            ("host", HOST),
            (Field::CountersignTarget.name(), TARGET),
            (Field::CountersignViewerIp.name(), VIEWER),
            (Field::SignatureInput.name(), &signature.input),
            (Field::Signature.name(), &signature.signature),
        ],
        target: &target,
        time: Some(received),
    };
    let policy = VerificationPolicy {
        max_lifetime: lifetime,
        skew,
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    };
    CheckedRequest::check(&received, &policy)?.verify(verifier).map(drop)
}
