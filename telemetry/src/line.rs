//! How an event is written: one JSON object on one line.

use crate::{
    event::Event,
    metric::{JsonText, write_embedded},
};
use jiff::Timestamp;
use std::{
    io::{self, Write as _},
    time::SystemTime,
};

/// The line of an event at `now`, without a line feed. With the name of a function it has the event's metrics.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use telemetry::{Event, line};
/// let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_341_855_250);
/// assert_eq!(
///     line(&Event::KeysRead { secret_age: Some(60), monitor_mode: true }, Some("authorizer"), now),
///     "{\"timestamp\":\"2026-11-22T10:04:15.250000Z\",\"level\":\"INFO\",\"event\":\"keys-read\",\"secret_age\":60,\
///      \"monitor_mode\":true,\"_aws\":{\"Timestamp\":1795341855250,\"CloudWatchMetrics\":[{\"Namespace\":\"Countersign\",\
///      \"Dimensions\":[[\"FunctionName\"]],\"Metrics\":[{\"Name\":\"SecretAge\",\"Unit\":\"Seconds\"},\
///      {\"Name\":\"MonitorMode\",\"Unit\":\"None\"}]}]},\"FunctionName\":\"authorizer\",\"SecretAge\":60,\"MonitorMode\":1}",
/// );
/// ```
pub fn line(event: &Event<'_>, function_name: Option<&str>, now: SystemTime) -> String {
    let mut buffer = Vec::with_capacity(1024);
    // Cannot fail: a buffer takes whatever is written to it.
    let _ = write_line(&mut buffer, event, function_name.map(JsonText::new).as_ref(), now);
    String::from_utf8(buffer).unwrap_or_default()
}

/// Writes the line into the buffer, without a line feed.
pub(crate) fn write_line(
    buffer: &mut Vec<u8>,
    event: &Event<'_>,
    function_name: Option<&JsonText>,
    now: SystemTime,
) -> io::Result<()> {
    let timestamp = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    // Six digits of a second, so that lines are in the order of their times.
    buffer.extend_from_slice(br#"{"timestamp":""#);
    write!(buffer, "{timestamp:.6}")?;
    buffer.extend_from_slice(br#"","level":""#);
    buffer.extend_from_slice(event.level().name().as_bytes());
    buffer.push(b'"');
    // The event is an object with at least its name: its first brace becomes the comma before it, and the last one is the line's.
    let begin = buffer.len();
    serde_json::to_writer(&mut *buffer, event)?;
    if let Some(brace) = buffer.get_mut(begin) {
        *brace = b',';
    }
    buffer.pop();
    if let Some(function_name) = function_name {
        // CloudWatch drops metrics that are two weeks old, so a clock before 1970 needs no better answer.
        let milliseconds = u64::try_from(timestamp.as_millisecond()).unwrap_or_default();
        write_embedded(buffer, &event.measurements(), function_name, milliseconds)?;
    }
    buffer.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Detail, EdgeRemark, RefusedRequest, RotationEnd, SecondCheckRefusal, Step, UnsignedRequest};
    use serde_json::{Value, json, value::RawValue};
    use std::time::Duration;

    const AT: u64 = 1_795_341_855_250;

    fn written(event: &Event<'_>, at: SystemTime) -> Value {
        serde_json::from_str(&line(event, Some("f"), at)).unwrap()
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(AT)
    }

    /// Name and unit of a metric, and its dimension beside `FunctionName`.
    type Kept<'a> = (&'a str, &'a str, Option<&'a str>);

    /// `members` are those of the line without time, level and metadata.
    #[track_caller]
    fn check(event: &Event<'_>, level: &str, metrics: &[Kept<'_>], members: Value) {
        let definition = |(name, unit, _): &Kept<'_>| json!({ "Name": name, "Unit": unit });
        let directive = |sets: Value, metrics: Vec<Value>| json!({ "Namespace": "Countersign", "Dimensions": sets, "Metrics": metrics });
        let mut expected = members;
        expected["timestamp"] = json!("2026-11-22T10:04:15.250000Z");
        expected["level"] = json!(level);
        if !metrics.is_empty() {
            let (divided, undivided): (Vec<&Kept<'_>>, Vec<_>) =
                metrics.iter().partition(|(_, _, dimension)| dimension.is_some());
            let mut directives: Vec<_> = divided
                .iter()
                .map(|metric| {
                    directive(json!([["FunctionName"], ["FunctionName", metric.2]]), vec![definition(metric)])
                })
                .collect();
            if !undivided.is_empty() {
                directives.push(directive(json!([["FunctionName"]]), undivided.into_iter().map(definition).collect()));
            }
            expected["_aws"] = json!({ "Timestamp": AT, "CloudWatchMetrics": directives });
            expected["FunctionName"] = json!("f");
        }
        assert_eq!(written(event, now()), expected);
    }

    fn refused<'a>(reason: &'static str, key_set_age: Option<u64>) -> RefusedRequest<'a> {
        RefusedRequest {
            reason,
            detail: Detail(&"a sentence"),
            key_set_age,
            method: "GET",
            resource: None,
            route_key: Some("GET /pets"),
            request_id: "r",
            x_amz_cf_id: None,
            gateway_source_ip: "192.0.2.1",
        }
    }

    const AGE: (&str, &str, Option<&str>) = ("KeySetAge", "Seconds", None);
    const MODE: (&str, &str, Option<&str>) = ("MonitorMode", "None", None);

    #[test]
    fn an_admitted_request_counts_and_has_the_age_of_the_keys() {
        let admitted = |key_set_age| Event::RequestAdmitted {
            key_id: "k1",
            key_set_age,
            method: "GET",
            request_id: "r",
            x_amz_cf_id: Some("c"),
            omitted: None,
        };
        check(
            &admitted(Some(0)),
            "INFO",
            &[("Allowed", "Count", None), AGE],
            json!({ "event": "request-admitted", "key_id": "k1", "key_set_age": 0, "method": "GET", "request_id": "r", "x_amz_cf_id": "c",
                "Allowed": 1, "KeySetAge": 0 }),
        );
        check(
            &admitted(None),
            "INFO",
            &[("Allowed", "Count", None)],
            json!({ "event": "request-admitted", "key_id": "k1", "method": "GET", "request_id": "r", "x_amz_cf_id": "c", "Allowed": 1 }),
        );
    }

    /// What `refused` becomes in a line.
    fn members(event: &str, reason: &str) -> Value {
        json!({ "event": event, "reason": reason, "detail": "a sentence", "method": "GET", "route_key": "GET /pets",
            "request_id": "r", "gateway_source_ip": "192.0.2.1" })
    }

    fn with(mut members: Value, more: Value) -> Value {
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        members
    }

    #[test]
    fn a_request_that_is_not_admitted_counts_by_its_reason() {
        check(
            &Event::RequestRefused(refused("key-unknown", Some(59))),
            "WARN",
            &[("Refused", "Count", Some("Reason")), AGE, MODE],
            with(
                members("request-refused", "key-unknown"),
                json!({ "key_set_age": 59, "Reason": "key-unknown", "Refused": 1, "KeySetAge": 59, "MonitorMode": 0 }),
            ),
        );
        check(
            &Event::RequestWouldBeRefused(refused("no-keys", None)),
            "WARN",
            &[("WouldRefuse", "Count", Some("Reason")), MODE],
            with(
                members("request-would-be-refused", "no-keys"),
                json!({ "Reason": "no-keys", "WouldRefuse": 1, "MonitorMode": 1 }),
            ),
        );
        check(
            &Event::RequestUndecided(refused("no-keys", None)),
            "ERROR",
            &[("Unavailable", "Count", None)],
            with(members("request-undecided", "no-keys"), json!({ "Unavailable": 1 })),
        );
    }

    /// Without the metric `MonitorMode`, which is the mode of the signature.
    #[test]
    fn a_refusal_of_the_second_check_counts_by_its_reason_and_only_a_401_as_unauthorized() {
        let refusal = |unauthorized| SecondCheckRefusal { request: refused("no-token", Some(59)), unauthorized };
        let by_token = |unauthorized, more| {
            let fields = json!({ "unauthorized": unauthorized, "key_set_age": 59, "Reason": "no-token", "TokenRefused": 1, "KeySetAge": 59 });
            with(with(members("request-refused-by-token", "no-token"), fields), more)
        };
        let refused_and_age = [("TokenRefused", "Count", Some("Reason")), AGE];
        let with_401 = [refused_and_age[0], AGE, ("Unauthorized", "Count", None)];
        check(
            &Event::RequestRefusedByToken(refusal(true)),
            "WARN",
            &with_401,
            by_token(true, json!({ "Unauthorized": 1 })),
        );
        check(&Event::RequestRefusedByToken(refusal(false)), "WARN", &refused_and_age, by_token(false, json!({})));
        check(
            &Event::RequestRefusedByNextAuthorizer(SecondCheckRefusal {
                request: refused("next-denied", None),
                unauthorized: true,
            }),
            "WARN",
            &[("NextRefused", "Count", Some("Reason")), ("Unauthorized", "Count", None)],
            with(
                members("request-refused-by-next-authorizer", "next-denied"),
                json!({ "unauthorized": true, "Reason": "next-denied", "NextRefused": 1, "Unauthorized": 1 }),
            ),
        );
        check(
            &Event::RequestWouldBeRefusedByToken(refused("no-token", None)),
            "WARN",
            &[("TokenWouldRefuse", "Count", Some("Reason"))],
            with(
                members("request-would-be-refused-by-token", "no-token"),
                json!({ "Reason": "no-token", "TokenWouldRefuse": 1 }),
            ),
        );
        check(
            &Event::RequestWouldBeRefusedByNextAuthorizer(refused("next-denied", Some(59))),
            "WARN",
            &[("NextWouldRefuse", "Count", Some("Reason")), AGE],
            with(
                members("request-would-be-refused-by-next-authorizer", "next-denied"),
                json!({ "key_set_age": 59, "Reason": "next-denied", "NextWouldRefuse": 1, "KeySetAge": 59 }),
            ),
        );
    }

    #[test]
    fn a_read_of_the_keys_has_the_mode_as_a_metric_even_without_an_age() {
        check(
            &Event::KeysRead { secret_age: Some(60), monitor_mode: true },
            "INFO",
            &[("SecretAge", "Seconds", None), MODE],
            json!({ "event": "keys-read", "secret_age": 60, "monitor_mode": true, "SecretAge": 60, "MonitorMode": 1 }),
        );
        check(
            &Event::KeysRead { secret_age: None, monitor_mode: false },
            "INFO",
            &[MODE],
            json!({ "event": "keys-read", "monitor_mode": false, "MonitorMode": 0 }),
        );
    }

    #[test]
    fn a_read_of_an_issuer_s_keys_has_no_metric() {
        let issuer = "https://issuer.example";
        check(
            &Event::IssuerKeysRead { issuer, keys: 2, unusable: None },
            "INFO",
            &[],
            json!({ "event": "issuer-keys-read", "issuer": issuer, "keys": 2 }),
        );
        check(
            &Event::IssuerKeysRead { issuer, keys: 1, unusable: Some(Detail(&"a sentence")) },
            "INFO",
            &[],
            json!({ "event": "issuer-keys-read", "issuer": issuer, "keys": 1, "unusable": "a sentence" }),
        );
    }

    #[test]
    fn the_edge_counts_by_status() {
        let (detail, x_amz_cf_id) = (Detail(&"a sentence"), None);
        check(
            &Event::RequestAnsweredAtEdge(UnsignedRequest { reason: "no-key", detail, status: 503, x_amz_cf_id }),
            "WARN",
            &[("EdgeAnswered", "Count", Some("Status"))],
            json!({ "event": "request-answered-at-edge", "reason": "no-key", "detail": "a sentence", "status": 503,
                "Status": "503", "EdgeAnswered": 1 }),
        );
        check(
            &Event::RequestForwardedUnsigned(UnsignedRequest { reason: "target", detail, status: 400, x_amz_cf_id }),
            "WARN",
            &[("EdgeWouldAnswer", "Count", Some("Status"))],
            json!({ "event": "request-forwarded-unsigned", "reason": "target", "detail": "a sentence", "status": 400,
                "Status": "400", "EdgeWouldAnswer": 1 }),
        );
        check(
            &Event::MethodOverrideRemoved(EdgeRemark { detail, x_amz_cf_id: Some("c") }),
            "WARN",
            &[("MethodOverrideRemoved", "Count", None)],
            json!({ "event": "method-override-removed", "detail": "a sentence", "x_amz_cf_id": "c",
                "MethodOverrideRemoved": 1 }),
        );
        check(
            &Event::RefreshFailed { reason: "keys", detail, key_set_age: Some(400), x_amz_cf_id },
            "WARN",
            &[("RefreshFailed", "Count", None), AGE],
            json!({ "event": "refresh-failed", "reason": "keys", "detail": "a sentence", "key_set_age": 400,
                "RefreshFailed": 1, "KeySetAge": 400 }),
        );
        check(
            &Event::BodyTruncated(EdgeRemark { detail, x_amz_cf_id }),
            "INFO",
            &[],
            json!({ "event": "body-truncated", "detail": "a sentence" }),
        );
    }

    #[test]
    fn a_rotation_has_its_report_its_result_and_its_duration() {
        let report = RawValue::from_string("[{\"id\":\"a\"}]".to_owned()).unwrap();
        let end = RotationEnd { kind: Some("planned"), duration_ms: 1250, request_id: "r", report: Some(&report) };
        let metrics = [("Rotation", "Count", Some("Result")), ("RotationDuration", "Milliseconds", None)];
        check(
            &Event::RotationDone(end),
            "INFO",
            &metrics,
            json!({ "event": "rotation-done", "kind": "planned", "duration_ms": 1250, "request_id": "r",
                "report": [{ "id": "a" }], "Result": "done", "Rotation": 1, "RotationDuration": 1250 }),
        );
        check(
            &Event::RotationFailed { detail: Detail(&"why"), end: RotationEnd { kind: None, report: None, ..end } },
            "ERROR",
            &metrics,
            json!({ "event": "rotation-failed", "detail": "why", "duration_ms": 1250, "request_id": "r",
                "Result": "failed", "Rotation": 1, "RotationDuration": 1250 }),
        );
        check(
            &Event::RotationStep(Step::End(end)),
            "INFO",
            &[],
            json!({ "event": "rotation-step", "step": "end", "kind": "planned", "duration_ms": 1250, "request_id": "r",
                "report": [{ "id": "a" }] }),
        );
        for kind in ["planned", "emergency"] {
            let dropped = Detail(&"k1");
            check(
                &Event::KeysRotated { kind, version: "v", id: "i", planned_from: "u", dropped },
                "INFO",
                &[("KeysRotated", "Count", Some("Kind"))],
                json!({ "event": "keys-rotated", "kind": kind, "version": "v", "id": "i", "planned_from": "u",
                    "dropped": "k1", "Kind": kind, "KeysRotated": 1 }),
            );
        }
    }

    #[test]
    fn without_the_name_of_a_function_a_line_has_no_metrics() {
        assert_eq!(
            line(&Event::KeysRead { secret_age: Some(5), monitor_mode: false }, None, SystemTime::UNIX_EPOCH),
            r#"{"timestamp":"1970-01-01T00:00:00.000000Z","level":"INFO","event":"keys-read","secret_age":5,"monitor_mode":false}"#
        );
    }

    #[test]
    fn a_text_stays_on_its_line_whatever_is_in_it() {
        let hostile = "a \"quote\",\na line feed, \u{0} and ä";
        let detail = Detail(&hostile);
        let line = line(&Event::FunctionFailed { detail }, None, now());
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["detail"], hostile);
    }

    #[test]
    fn a_time_out_of_every_range_is_still_written() {
        let event = Event::KeysRead { secret_age: Some(5), monitor_mode: false };
        let timestamp = |at| written(&event, at)["_aws"]["Timestamp"].clone();
        assert_eq!(timestamp(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(1999)), 1);
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(written(&event, far)["timestamp"], "1970-01-01T00:00:00.000000Z");
    }
}
