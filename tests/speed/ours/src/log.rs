//! The line of the log about an admitted request, and the same bytes written plainly.

use jiff::Timestamp;
use speed_common::Bench;
use std::{
    fs::{File, OpenOptions},
    hint::black_box,
    io::Write as _,
    time::SystemTime,
};
use telemetry::{Event, Log};

const KEY_ID: &str = "2026-11-22";
const AGE: u64 = 5;
const METHOD: &str = "GET";
const REQUEST_ID: &str = "141d6671-99b4-40ca-9997-7a22f01eac74";
const X_AMZ_CF_ID: &str = "sIEfafSQxwenKloeWOp-4eyo_-grMyVNzwnkBmx5q7OcvBJV7knerQ==";
const ADMITTED: Event<'static> = Event::RequestAdmitted {
    key_id: KEY_ID,
    key_set_age: Some(AGE),
    method: METHOD,
    request_id: REQUEST_ID,
    x_amz_cf_id: Some(X_AMZ_CF_ID),
    omitted: None,
};

pub(crate) fn line() -> Bench {
    let log = Log::new(Some("authorizer".to_owned()), nowhere());
    Box::new(move |rounds| {
        for _ in 0..rounds {
            log.write(black_box(&ADMITTED), SystemTime::now());
        }
    })
}

/// By one `format!` and one write.
pub(crate) fn line_plainly() -> Bench {
    let now = SystemTime::now();
    assert_eq!(plainly(KEY_ID, now).trim_end(), telemetry::line(&ADMITTED, Some("authorizer"), now));
    Box::new(move |rounds| {
        let mut file = nowhere();
        for _ in 0..rounds {
            file.write_all(plainly(black_box(KEY_ID), SystemTime::now()).as_bytes()).unwrap();
        }
    })
}

fn plainly(key_id: &str, now: SystemTime) -> String {
    let timestamp = Timestamp::try_from(now).unwrap();
    let milliseconds = timestamp.as_millisecond();
    format!(
        "{{\"timestamp\":\"{timestamp:.6}\",\"level\":\"INFO\",\"event\":\"request-admitted\",\"key_id\":\"{key_id}\",\
        \"key_set_age\":{AGE},\"method\":\"{METHOD}\",\"request_id\":\"{REQUEST_ID}\",\"x_amz_cf_id\":\"{X_AMZ_CF_ID}\",\
        \"_aws\":{{\"Timestamp\":{milliseconds},\"CloudWatchMetrics\":[{{\"Namespace\":\"Countersign\",\
        \"Dimensions\":[[\"FunctionName\"]],\"Metrics\":[{{\"Name\":\"Allowed\",\"Unit\":\"Count\"}},\
        {{\"Name\":\"KeySetAge\",\"Unit\":\"Seconds\"}}]}}]}},\"FunctionName\":\"authorizer\",\"Allowed\":1,\
        \"KeySetAge\":{AGE}}}\n"
    )
}

fn nowhere() -> File {
    OpenOptions::new().write(true).open("/dev/null").unwrap()
}
