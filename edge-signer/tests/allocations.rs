//! How often a warm request at the edge allocates, from the text that Node passes in to the text that it gets.

use edge_signer::{EdgeSigner, codec};
use key_store::{
    KeyFile,
    aws::{CallLimits, of_lambda},
};
use signing::{Key, KeySet, Nonce, UnixSeconds};
use std::{
    hint::black_box,
    time::{Duration, SystemTime},
};

const NOW: Duration = Duration::from_secs(1_795_341_845);

#[tokio::test]
async fn a_warm_request_allocates_its_parts_its_values_and_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let until = UnixSeconds::new(2_000_000_000);
    let key = Key::new("2026-11-22".try_into().unwrap(), &[7; 32], UnixSeconds::new(0), until).unwrap();
    KeyFile::new(&path).create(&KeySet::new(vec![key]).unwrap(), &[]).unwrap();
    let (nonce, now) = (Nonce::new([9; 16]), SystemTime::UNIX_EPOCH + NOW);
    let signer = EdgeSigner::new(0, of_lambda(CallLimits::BRIEF));
    let custom = format!("countersign-secret\nfile:{}\nx-api-key\nk", path.display());

    for (body, most) in [(None, 13), (Some("e30="), 19)] {
        let (method, encoding) = if body.is_some() { ("POST", "base64\nfalse") } else { ("GET", "\n") };
        let text = format!(
            "origin-request\nid\n1\n{method}\n/pets\ntype=dog\n203.0.113.7\nhttps\n/prod\n{encoding}\n\
            2\nhost\nabc.execute-api.eu-west-1.amazonaws.com\naccept\n*/*\n{custom}"
        );
        let lines = u32::try_from(text.split('\n').count()).unwrap();
        let data = body.unwrap_or_default().as_bytes();
        let cold = signer.handle(&codec::decode(&text, lines, data).unwrap(), nonce, now).await;
        assert_eq!(cold.log, []);
        let counted = allocation_counter::measure(|| {
            let request = codec::decode(&text, lines, data).unwrap();
            let decision = signer.handle_warm(&request, nonce, now).unwrap();
            black_box(codec::encode(&decision, request.request_id, "f", now));
        });
        assert!(counted.count_total <= most, "at most {most} for {body:?}: {counted:?}");
    }
}
