//! How long one decision takes, from the bytes of a REST event to the bytes of the answer, with the keys in memory.
//!
//! Run by `cargo xtask bench`.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use authorizer::{Authorizer, AuthorizerConfig};
use divan::Bencher;
use key_store::{
    KeyFile,
    aws::{CallLimits, of_lambda},
};
use local::{Api, ApiRequest, Routes, rest_event};
use signing::{Key, KeySet, Nonce, Request, UnixSeconds, sign};
use std::{
    ffi::OsString,
    hint::black_box,
    io::{self, Write as _},
    time::{Duration, SystemTime},
};
use telemetry::{Event, Log};

fn main() {
    divan::main();
}

/// A signed GET with the headers that CloudFront and a browser send: an event of about 3.5 KB.
fn event(key: &Key, now: SystemTime) -> String {
    let api = Api {
        region: "eu-west-1",
        account_id: "123456789012",
        api_id: "abc123",
        stage: "prod",
        domain_name: "abc123.execute-api.eu-west-1.amazonaws.com",
        base_path: None,
        routes: Routes::All,
        identity_sources: &[],
    };
    let target = "/prod/pets?type=dog&page=2";
    let request = Request {
        method: "GET".try_into().unwrap(),
        authority: api.domain_name.try_into().unwrap(),
        target: target.try_into().unwrap(),
        viewer_ip: "203.0.113.178".try_into().unwrap(),
        content_digest: None,
    };
    let seconds = UnixSeconds::new(now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    let signature = sign(&request, key, Nonce::new([1; 16]), Duration::from_secs(60), seconds);
    let headers = [
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
        ("Host", api.domain_name),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
        ),
        ("Via", "2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Id", "sIEfafSQxwenKloeWOp-4eyo_-grMyVNzwnkBmx5q7OcvBJV7knerQ=="),
        ("X-Forwarded-For", "203.0.113.178, 130.176.209.37"),
        ("Countersign-Signature-Input", &signature.input),
        ("Countersign-Signature", &signature.signature),
        ("Countersign-Target", target),
        ("Countersign-Viewer-Ip", "203.0.113.178"),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ApiRequest {
        method: "GET",
        target,
        headers: &headers,
        source_ip: "130.176.209.37",
        request_id: "141d6671-99b4-40ca-9997-7a22f01eac74",
        extended_request_id: "ZhFsxGQDDoEEMig=",
    };
    rest_event(&api, &request, now).unwrap().to_string()
}

#[divan::bench]
fn from_event_to_answer(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::new(folder.path().join("keys.json"));
    let key = || Key::new("k1".try_into().unwrap(), &[7; 48], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap();
    file.create(&KeySet::new(vec![key()]).unwrap(), &[]).unwrap();
    let source = OsString::from(format!("file:{}", file.path().display()));
    let config = AuthorizerConfig::read([("COUNTERSIGN_SECRET".into(), source)]).unwrap();
    let authorizer =
        Authorizer::new(config, &of_lambda(CallLimits::BRIEF), Log::new(Some("authorizer".to_owned()), io::sink()));
    let now = SystemTime::now();
    let event = event(&key(), now);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let decide = || {
        let answer = runtime.block_on(authorizer.authorize(&event, now)).unwrap();
        serde_json::to_vec(&answer).unwrap()
    };
    let answer = String::from_utf8(decide()).unwrap();
    assert!(answer.contains(r#""Effect":"Allow""#), "{answer}");
    bencher.bench_local(decide);
}

/// A line of the log about an admitted request, as [`log_line_plainly`] writes it too.
#[divan::bench]
fn log_line(bencher: Bencher<'_, '_>) {
    let log = Log::new(Some("authorizer".to_owned()), io::sink());
    let now = SystemTime::now();
    bencher.bench_local(|| log.write(black_box(&ADMITTED), now));
}

/// The same bytes by one `format!`.
#[divan::bench]
fn log_line_plainly(bencher: Bencher<'_, '_>) {
    let now = SystemTime::now();
    let plainly = || {
        let Event::RequestAdmitted {
            key_id, key_set_age: Some(age), method, request_id, x_amz_cf_id: Some(id), ..
        } = black_box(ADMITTED)
        else {
            unreachable!()
        };
        let timestamp = jiff::Timestamp::try_from(now).unwrap();
        let millis = timestamp.as_millisecond();
        let line = format!(
            "{{\"timestamp\":\"{timestamp:.6}\",\"level\":\"INFO\",\"event\":\"request-admitted\",\"key_id\":\"{key_id}\",\
            \"key_set_age\":{age},\"method\":\"{method}\",\"request_id\":\"{request_id}\",\"x_amz_cf_id\":\"{id}\",\
            \"_aws\":{{\"Timestamp\":{millis},\"CloudWatchMetrics\":[{{\"Namespace\":\"Countersign\",\
            \"Dimensions\":[[\"FunctionName\"]],\"Metrics\":[{{\"Name\":\"Allowed\",\"Unit\":\"Count\"}},\
            {{\"Name\":\"KeySetAge\",\"Unit\":\"Seconds\"}}]}}]}},\"FunctionName\":\"authorizer\",\"Allowed\":1,\
            \"KeySetAge\":{age}}}\n"
        );
        io::sink().write_all(line.as_bytes()).unwrap();
        line
    };
    assert_eq!(plainly().trim_end(), telemetry::line(&ADMITTED, Some("authorizer"), now));
    bencher.bench_local(plainly);
}

const ADMITTED: Event<'static> = Event::RequestAdmitted {
    key_id: "1ab23456-cde7-8912-34fg-h56i78j9k12l",
    key_set_age: Some(59),
    method: "GET",
    request_id: "141d6671-99b4-40ca-9997-7a22f01eac74",
    x_amz_cf_id: Some("4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="),
    omitted: None,
};
