//! The edge signer without Node: the texts that the addon gets, and the text that it returns.

use crate::event::runtime;
use edge_signer::{Action, EdgeSigner, codec};
use key_store::aws::{CallLimits, of_lambda};
use serde_json::Value;
use signing::Nonce;
use speed_common::Bench;
use std::{fs, hint::black_box, path::Path, time::SystemTime};

pub(crate) fn sign(fixtures: &Path, event: &str) -> Bench {
    let event: Value = serde_json::from_str(&fs::read_to_string(fixtures.join(event)).unwrap()).unwrap();
    let (text, lines, body) = described(&event);
    let signer = EdgeSigner::new(0, of_lambda(CallLimits::BRIEF));
    let nonce = || Nonce::new([1; 16]);
    let request = codec::decode(&text, lines, body.as_bytes()).unwrap();
    let decision = runtime().block_on(signer.handle(&request, nonce(), SystemTime::now()));
    assert!(matches!(&decision.action, Action::Forward(edits) if edits.set.len() >= 4), "{decision:?}");
    Box::new(move |rounds| {
        for _ in 0..rounds {
            let now = SystemTime::now();
            let request = codec::decode(black_box(&text), lines, black_box(body.as_bytes())).unwrap();
            let decision = signer.handle_warm(&request, nonce(), now).unwrap();
            black_box(codec::encode(&decision, "id", "edge-signer", now));
        }
    })
}

/// As `index.mjs` joins the strings of an event.
fn described(event: &Value) -> (String, u32, String) {
    let of = |pointer: &str| event.pointer(&format!("/Records/0/cf/{pointer}")).unwrap_or(&Value::Null);
    let text = |pointer: &str| of(pointer).as_str().unwrap_or_default().to_owned();
    let pairs = |pointer: &str| -> Vec<String> {
        let headers = of(pointer).as_object().unwrap();
        let value = |header: &Value| header.get("value").and_then(Value::as_str).unwrap().to_owned();
        let each = headers.iter().flat_map(|(name, values)| {
            values.as_array().unwrap().iter().flat_map(move |header| [name.clone(), value(header)])
        });
        each.collect()
    };
    let headers = pairs("request/headers");
    let truncated = of("request/body/inputTruncated").as_bool().map(|truncated| truncated.to_string());
    let mut lines = vec![text("config/eventType"), text("config/requestId"), "1".to_owned()];
    let request =
        ["method", "uri", "querystring", "clientIp", "origin/custom/protocol", "origin/custom/path", "body/encoding"];
    lines.extend(request.map(|member| text(&format!("request/{member}"))));
    lines.extend([truncated.unwrap_or_default(), (headers.len() / 2).to_string()]);
    lines.extend(headers);
    lines.extend(pairs("request/origin/custom/customHeaders"));
    let count = u32::try_from(lines.len()).unwrap();
    (lines.join("\n"), count, text("request/body/data"))
}
