//! Signing and verifying, and the floor: the compressions of SHA-256 that nobody can leave out.

use hmac::{
    KeyInit as _,
    block_api::HmacCore,
    digest::{
        Output,
        block_api::{Buffer, FixedOutputCore as _, UpdateCore as _},
    },
};
use sha2::{Sha256, block_api::compress256};
use signing::{CheckedRequest, KeySet, Nonce, ReceivedRequest, ReceivedTarget, Request, UnixSeconds};
use speed_common::{Bench, Parts, SECRET, policy};
use std::{fs, hint::black_box, path::Path, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);

fn keys(fixtures: &Path) -> KeySet {
    KeySet::from_json(&fs::read_to_string(fixtures.join("keys.json")).unwrap()).unwrap()
}

pub(crate) fn floor(fixtures: &Path) -> Bench {
    let blocks = vec![[7; 64]; Parts::read(fixtures).unwrap().compressions];
    Box::new(move |rounds| {
        let mut state = [1; 8];
        for _ in 0..rounds {
            compress256(&mut state, black_box(&blocks));
        }
        black_box(state);
    })
}

/// With a key that is prepared, by the same parts of the crate as `signing` uses them.
pub(crate) fn hmac(fixtures: &Path) -> Bench {
    let base = Parts::read(fixtures).unwrap().base;
    let prepared = HmacCore::<Sha256>::new_from_slice(&SECRET).unwrap();
    Box::new(move |rounds| {
        for _ in 0..rounds {
            let mut core = prepared.clone();
            let mut rest = Buffer::<HmacCore<Sha256>>::default();
            rest.digest_blocks(black_box(base.as_bytes()), |blocks| core.update_blocks(blocks));
            let mut mac = Output::<HmacCore<Sha256>>::default();
            core.finalize_fixed_core(&mut rest, &mut mac);
            black_box(mac);
        }
    })
}

/// From the texts of a request to the values of the headers.
pub(crate) fn sign(fixtures: &Path) -> Bench {
    let (parts, keys) = (Parts::read(fixtures).unwrap(), keys(fixtures));
    Box::new(move |rounds| {
        for _ in 0..rounds {
            let parts = black_box(&parts);
            let request = Request {
                method: parts.method.as_str().try_into().unwrap(),
                authority: parts.authority.as_str().try_into().unwrap(),
                target: parts.target.as_str().try_into().unwrap(),
                viewer_ip: parts.viewer_ip.as_str().try_into().unwrap(),
                content_digest: None,
            };
            let now = UnixSeconds::new(parts.created);
            let signature = signing::sign(&request, keys.signing_key(now).unwrap(), Nonce::new([1; 16]), HOUR, now);
            assert!(signature.signature == parts.signature, "the signature is right");
            black_box(signature);
        }
    })
}

/// All seven rules, with the headers of a whole request.
pub(crate) fn verify(fixtures: &Path) -> Bench {
    let (parts, keys) = (Parts::read(fixtures).unwrap(), keys(fixtures));
    Box::new(move |rounds| {
        let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let query = parts
            .query
            .iter()
            .flat_map(|(name, values)| values.iter().map(|value| (name.as_str().into(), value.as_str().into())));
        let target =
            ReceivedTarget::Rest { path: "/prod/pets".into(), api_path: "/pets".into(), query: query.collect() };
        let received = ReceivedRequest {
            method: "GET",
            second_method: Some("GET"),
            domain_name: &parts.authority,
            api_id: "abc123",
            stage: "prod",
            headers: &headers,
            target: &target,
            time: Some(UnixSeconds::new(parts.created + 1)),
        };
        let policy = policy(HOUR);
        for _ in 0..rounds {
            let checked = CheckedRequest::check(black_box(&received), &policy).unwrap();
            black_box(checked.verify(&keys).unwrap());
        }
    })
}
