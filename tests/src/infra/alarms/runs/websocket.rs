//! The runs of a REST API, with the metrics that API Gateway would write if it were a WebSocket API.
//!
//! A connection begins with a GET. The edge and the authorizer treat it like a GET to a REST API. Only API Gateway counts it in another
//! way ("Monitor WebSocket API execution with CloudWatch metrics"): `ConnectCount` is what reaches the integration of
//! `$connect`, `ClientError` what it answers itself with 4xx before that, `IntegrationError` an integration's answer of 4xx or 5xx,
//! `ExecutionError` a failure to call the integration. Believed: a failed authorizer is in `ExecutionError` too, and
//! the 401 for its error `Unauthorized` in `ClientError`.

use crate::infra::alarms::{
    cloudwatch::metrics::{Metric, Minute, Statistic, Timeline},
    runs::servers::{API_NAME, AUTHORIZER},
};

/// The messages of a connection in its first minute.
const MESSAGES: f64 = 3.0;

/// The API's id and stage.
const PLACE: [(&str, &str); 2] = [("ApiId", "local12345"), ("Stage", "prod")];

/// A minute of messages on open connections. API Gateway counts each message a second time, under this name.
pub(crate) fn messages(answer: &str) -> Minute {
    let mut minute = Minute::default();
    for name in ["MessageCount", answer] {
        put(&mut minute, name, 30.0);
    }
    minute
}

/// More connections than those messages, each unsigned and admitted.
pub(crate) fn connections_in_monitor_mode() -> Minute {
    let mut minute = Minute::default();
    put(&mut minute, "ConnectCount", 60.0);
    minute.put(Metric::new("Countersign", "WouldRefuse", &[("FunctionName", AUTHORIZER)]), 60.0);
    minute
}

/// What happened at a REST API, counted as at a WebSocket API. `at_calling` says whether the integration could not be called, or answered
/// with errors.
pub(crate) fn counted(rest: &Timeline, at_calling: bool) -> Timeline {
    let mut timeline = rest.without("AWS/ApiGateway");
    for minute in 0..rest.minutes {
        let sum = |namespace: &str, name: &str, dimensions: &[(&str, &str)]| {
            let at = i64::from(minute);
            rest.get(&Metric::new(namespace, name, dimensions), Statistic::Sum, at..at + 1).unwrap_or(0.0)
        };
        let gateway = |name: &str| sum("AWS/ApiGateway", name, &[("ApiName", API_NAME), ("Stage", "prod")]);
        let function = [("FunctionName", AUTHORIZER)];
        let admitted = sum("Countersign", "Allowed", &function) + sum("Countersign", "WouldRefuse", &function);
        // A failed invocation whose answer is 401 is a refusal.
        let failed = sum("AWS/Lambda", "Errors", &function) - sum("Countersign", "Unauthorized", &function);
        let refused = (gateway("Count") - admitted - failed).clamp(0.0, gateway("4XXError"));
        let answers = gateway("4XXError") - refused + gateway("5XXError") - failed;
        // Not from $connect: messages on connections that are open.
        let others = gateway("Count") - admitted - failed - refused;
        let mut counts = Minute::default();
        for (name, count) in [
            ("ConnectCount", admitted),
            ("ClientError", refused),
            ("ExecutionError", if at_calling { failed + answers } else { failed }),
            ("IntegrationError", if at_calling { 0.0 } else { answers }),
            ("MessageCount", (admitted - answers).max(0.0) * MESSAGES + others),
        ] {
            put(&mut counts, name, count);
        }
        timeline.add([minute], &counts);
    }
    timeline
}

/// What did not happen has no value.
fn put(minute: &mut Minute, name: &str, count: f64) {
    if count > 0.0 {
        minute.put(Metric::new("AWS/ApiGateway", name, &PLACE), count);
    }
}
