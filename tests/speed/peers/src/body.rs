//! The floors of a body of 1 MiB: its SHA-256, and the fastest decoder of base64.

use base64_simd::STANDARD;
use sha2::{Digest as _, Sha256};
use speed_common::Bench;
use std::hint::black_box;

fn body() -> Vec<u8> {
    vec![7; 1 << 20]
}

pub(crate) fn sha256() -> Bench {
    let body = body();
    Box::new(move |rounds| {
        for _ in 0..rounds {
            black_box(Sha256::digest(black_box(&body)));
        }
    })
}

pub(crate) fn base64() -> Bench {
    let text = STANDARD.encode_to_string(body());
    Box::new(move |rounds| {
        for _ in 0..rounds {
            black_box(STANDARD.decode_to_vec(black_box(&text)).unwrap());
        }
    })
}
