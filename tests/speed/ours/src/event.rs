//! The authorizer's decision about an event, and the floor of reading one.

use authorizer::{Authorizer, AuthorizerConfig, Response};
use key_store::aws::{CallLimits, of_lambda};
use serde::de::IgnoredAny;
use speed_common::Bench;
use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    hint::black_box,
    path::Path,
    time::SystemTime,
};
use telemetry::Log;
use tokio::runtime::{Builder, Runtime};

/// From the bytes of an event to the bytes of the answer, with the line of the log.
pub(crate) fn decide(fixtures: &Path, event: &str) -> Bench {
    let source = OsString::from(format!("file:{}/keys.json", fixtures.display()));
    let config = AuthorizerConfig::read([("COUNTERSIGN_SECRET".into(), source)]).unwrap();
    let log = Log::new(Some("authorizer".to_owned()), OpenOptions::new().write(true).open("/dev/null").unwrap());
    let authorizer = Authorizer::new(config, &of_lambda(CallLimits::BRIEF), log);
    let event = fs::read_to_string(fixtures.join(event)).unwrap();
    let runtime = runtime();
    let bytes = |answer: &Response| serde_json::to_vec(answer).unwrap();
    let admitted = bytes(&runtime.block_on(authorizer.authorize(&event, SystemTime::now())).unwrap());
    let text = String::from_utf8_lossy(&admitted);
    assert!(text.contains(r#""Effect":"Allow""#) && text.contains(r#""verified""#), "{text}");
    Box::new(move |rounds| {
        runtime.block_on(async {
            for _ in 0..rounds {
                let answer = authorizer.authorize(black_box(&event), SystemTime::now()).await.unwrap();
                assert!(black_box(bytes(&answer)).len() == admitted.len(), "every request is admitted");
            }
        });
    })
}

/// The floor of reading an event: its JSON, with nothing kept.
pub(crate) fn scan(fixtures: &Path, event: &str) -> Bench {
    let event = fs::read(fixtures.join(event)).unwrap();
    Box::new(move |rounds| {
        for _ in 0..rounds {
            black_box(serde_json::from_slice::<IgnoredAny>(black_box(&event)).unwrap());
        }
    })
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}
