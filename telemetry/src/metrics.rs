//! Metrics in the log: CloudWatch's embedded metric format.
//!
//! CloudWatch Logs makes metrics of a line of JSON that says, under `_aws`, which of its members are numbers to keep and which
//! are their dimensions: see the [specification]. So a line tells an operator and counts at once, and no function needs the
//! right, or the time, to call CloudWatch. [`METRICS`] says which line counts as what.
//!
//! Each value of a dimension is a metric of its own, and is paid for. **Nothing that a stranger sends may become one:** what a
//! [`Dimension`] takes from a line is a word that the code writes itself, or the status of an answer that it made.
//!
//! [specification]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Countersign";

/// Every metric of every function.
pub static METRICS: [Metric; 13] = [
    Metric {
        name: "Allowed",
        unit: Unit::Count,
        dimensions: &[ALONE],
        meaning: "the authorizer has verified a request and admitted it",
        line: Line::With("decision", &["admitted"]),
        value: Number::One,
    },
    Metric {
        name: "Refused",
        unit: Unit::Count,
        dimensions: &[ALONE, BY_REASON],
        meaning: "the authorizer has refused a request",
        line: Line::With("decision", &["refused"]),
        value: Number::One,
    },
    Metric {
        name: "WouldRefuse",
        unit: Unit::Count,
        dimensions: &[ALONE, BY_REASON],
        meaning: "in monitor mode the authorizer has admitted what it would refuse",
        line: Line::With("decision", &["would-refuse"]),
        value: Number::One,
    },
    Metric {
        name: "Unavailable",
        unit: Unit::Count,
        dimensions: &[ALONE],
        meaning: "the authorizer has no usable key set, or no usable value of the origin's header, and API Gateway answers 500",
        line: Line::With("decision", &["unavailable"]),
        value: Number::One,
    },
    Metric {
        name: "KeySetAge",
        unit: Unit::Seconds,
        dimensions: &[ALONE],
        meaning: "how old the keys were by which the authorizer decided, or with which the edge stays after a failed read",
        line: Line::Any,
        value: Number::Of("key_set_age"),
    },
    Metric {
        name: "SecretAge",
        unit: Unit::Seconds,
        dimensions: &[ALONE],
        meaning: "the authorizer has read the keys, and the current version of their secret was made so long ago",
        line: Line::With("notice", &["keys-read"]),
        value: Number::Of("secret_age"),
    },
    Metric {
        name: "RefreshFailed",
        unit: Unit::Count,
        dimensions: &[ALONE],
        meaning: "the keys could not be read again, at the edge or by the authorizer, or a value of the origin's header",
        line: Line::With("notice", &["refresh-failed"]),
        value: Number::One,
    },
    Metric {
        name: "EdgeAnswered",
        unit: Unit::Count,
        dimensions: &[ALONE, BY_STATUS],
        meaning: "the edge has answered a request that it could not sign",
        line: Line::With("notice", &["answered"]),
        value: Number::One,
    },
    Metric {
        name: "EdgeWouldAnswer",
        unit: Unit::Count,
        dimensions: &[ALONE, BY_STATUS],
        meaning: "in monitor mode the edge has sent on, unsigned, what it would answer",
        line: Line::With("notice", &["unsigned"]),
        value: Number::One,
    },
    Metric {
        name: "MethodOverrideRemoved",
        unit: Unit::Count,
        dimensions: &[ALONE],
        meaning: "the edge has removed a viewer's header that names another method",
        line: Line::With("notice", &["method-override-removed"]),
        value: Number::One,
    },
    Metric {
        name: "Rotation",
        unit: Unit::Count,
        dimensions: &[ALONE, BY_RESULT],
        meaning: "the rotator has ended, with this result",
        line: ROTATION,
        value: Number::One,
    },
    Metric {
        name: "KeysRotated",
        unit: Unit::Count,
        dimensions: &[ALONE, BY_KIND],
        meaning: "the rotator has made a version of the signing secret current, of this kind; one rotation may make more than one",
        line: Line::With("became_current", &["planned", "emergency"]),
        value: Number::One,
    },
    Metric {
        name: "RotationDuration",
        unit: Unit::Milliseconds,
        dimensions: &[ALONE],
        meaning: "how long the rotator took",
        line: ROTATION,
        value: Number::Of("duration_ms"),
    },
];

const ALONE: &[Dimension] = &[Dimension::FunctionName];
const BY_REASON: &[Dimension] = &[Dimension::FunctionName, Dimension::Reason];
const BY_STATUS: &[Dimension] = &[Dimension::FunctionName, Dimension::Status];
const BY_RESULT: &[Dimension] = &[Dimension::FunctionName, Dimension::Result];
const BY_KIND: &[Dimension] = &[Dimension::FunctionName, Dimension::Kind];
const ROTATION: Line = Line::With("rotation", &["done", "failed"]);

/// One metric: its name and unit in CloudWatch, and which lines of the log have it.
#[derive(Debug)]
pub struct Metric {
    /// Its name, in [`NAMESPACE`].
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// The sets of dimensions under which it is kept; each is a metric to CloudWatch.
    pub dimensions: &'static [&'static [Dimension]],
    /// What has happened, or what is measured.
    pub meaning: &'static str,
    line: Line,
    value: Number,
}

/// A unit of CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How often.
    Count,
    /// A time.
    Seconds,
    /// A time.
    Milliseconds,
}

/// What a metric is kept apart by. The values of each are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The function, as Lambda names it to itself.
    FunctionName,
    /// The line's `reason`: the one word of a refusal.
    Reason,
    /// The line's `status`: that of an answer which the edge makes.
    Status,
    /// The line's `rotation`: `done` or `failed`.
    Result,
    /// The line's `became_current`: `planned` or `emergency`.
    Kind,
}

/// The lines that have a metric.
#[derive(Debug)]
enum Line {
    /// Those with one of these values in this field.
    With(&'static str, &'static [&'static str]),
    /// All.
    Any,
}

/// The value of a metric.
#[derive(Debug)]
enum Number {
    One,
    /// The number in this field; without one there is no metric.
    Of(&'static str),
}

/// Adds to a line of the log the metrics that [`METRICS`] says it has; a line without any is left as it is.
///
/// `function_name` is [`function_name`](crate::function_name)'s: not empty, and none that a stranger chose.
///
/// ```
/// # use serde_json::{Value, json};
/// # use std::time::{Duration, SystemTime};
/// let Value::Object(mut line) = json!({"decision": "refused", "reason": "expired"}) else { unreachable!() };
/// telemetry::embed(&mut line, "authorizer", SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_341_855_250));
/// let expected = json!({
///     "decision": "refused",
///     "reason": "expired",
///     "_aws": {
///         "Timestamp": 1_795_341_855_250_u64,
///         "CloudWatchMetrics": [{
///             "Namespace": "Countersign",
///             "Dimensions": [["FunctionName"], ["FunctionName", "Reason"]],
///             "Metrics": [{"Name": "Refused", "Unit": "Count"}],
///         }],
///     },
///     "FunctionName": "authorizer",
///     "Reason": "expired",
///     "Refused": 1,
/// });
/// assert_eq!(Value::from(line), expected);
/// ```
pub fn embed(line: &mut Map<String, Value>, function_name: &str, at: SystemTime) {
    // Metrics of the same dimensions share a directive, so that the line stays short.
    let mut directives: Vec<(Vec<&[Dimension]>, Vec<Value>)> = Vec::new();
    let mut members = Map::new();
    for metric in &METRICS {
        let Some(value) = metric.value(line) else { continue };
        let mut sets = Vec::with_capacity(metric.dimensions.len());
        for &set in metric.dimensions {
            // Of a value that has not its form the metric is kept without it.
            let values: Option<Vec<_>> = set.iter().map(|dimension| dimension.value(line, function_name)).collect();
            if let Some(values) = values {
                members.extend(set.iter().map(|dimension| dimension.name().to_owned()).zip(values));
                sets.push(set);
            }
        }
        members.insert(metric.name.to_owned(), value);
        let definition = json!({ "Name": metric.name, "Unit": metric.unit.name() });
        match directives.iter_mut().find(|(others, _)| *others == sets) {
            Some((_, definitions)) => definitions.push(definition),
            None => directives.push((sets, vec![definition])),
        }
    }
    if directives.is_empty() {
        return;
    }
    let directives = directives.into_iter().map(|(sets, definitions)| {
        let sets: Vec<Vec<_>> = sets.into_iter().map(|set| set.iter().map(|it| it.name()).collect()).collect();
        json!({ "Namespace": NAMESPACE, "Dimensions": sets, "Metrics": definitions })
    });
    // Milliseconds since 1970. CloudWatch drops what is two weeks old, so a clock before that needs no better answer.
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let timestamp = u64::try_from(since).unwrap_or(u64::MAX);
    line.insert(
        "_aws".to_owned(),
        json!({ "Timestamp": timestamp, "CloudWatchMetrics": directives.collect::<Vec<_>>() }),
    );
    line.extend(members);
}

impl Metric {
    fn value(&self, line: &Map<String, Value>) -> Option<Value> {
        let has = match self.line {
            Line::Any => true,
            Line::With(field, values) => line.get(field)?.as_str().is_some_and(|value| values.contains(&value)),
        };
        if !has {
            return None;
        }
        match self.value {
            Number::One => Some(Value::from(1)),
            Number::Of(field) => line.get(field).filter(|value| value.is_number()).cloned(),
        }
    }
}

impl Unit {
    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Dimension {
    /// Its name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FunctionName => "FunctionName",
            Self::Reason => "Reason",
            Self::Status => "Status",
            Self::Result => "Result",
            Self::Kind => "Kind",
        }
    }

    fn value(self, line: &Map<String, Value>, function_name: &str) -> Option<Value> {
        let word = |field| line.get(field)?.as_str().filter(|text| is_word(text)).map(Value::from);
        match self {
            Self::FunctionName => Some(function_name.into()),
            Self::Reason => word("reason"),
            Self::Status => {
                let status = line.get("status")?.as_u64().filter(|status| (100..=599).contains(status))?;
                Some(status.to_string().into())
            }
            Self::Result => word("rotation"),
            Self::Kind => word("became_current"),
        }
    }
}

/// Words like `header-missing`, as the code writes them: a text made of what somebody sent would hardly be one.
fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, time::Duration};

    const AT: u64 = 1_795_341_855_250;

    fn embedded(line: &Value, at: SystemTime) -> Value {
        let Value::Object(mut line) = line.clone() else { panic!("{line} is no object") };
        embed(&mut line, "f", at);
        line.into()
    }

    /// Its sets of dimensions, and its metrics with their units.
    type Directive<'a> = (&'a [&'a [&'a str]], &'a [(&'a str, &'a str)]);

    /// `added` is what the line has in its root more than before.
    #[track_caller]
    fn check(line: Value, directives: &[Directive<'_>], added: Value) {
        let directives: Vec<_> = directives
            .iter()
            .map(|(sets, metrics)| {
                let metrics: Vec<_> =
                    metrics.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
                json!({ "Namespace": "Countersign", "Dimensions": sets, "Metrics": metrics })
            })
            .collect();
        let mut expected = line.clone();
        expected["_aws"] = json!({ "Timestamp": AT, "CloudWatchMetrics": directives });
        expected.as_object_mut().unwrap().extend(added.as_object().unwrap().clone());
        assert_eq!(embedded(&line, SystemTime::UNIX_EPOCH + Duration::from_millis(AT)), expected);
    }

    const NAME: &[&str] = &["FunctionName"];
    const REASON: &[&str] = &["FunctionName", "Reason"];
    const STATUS: &[&str] = &["FunctionName", "Status"];
    const RESULT: &[&str] = &["FunctionName", "Result"];
    const KIND: &[&str] = &["FunctionName", "Kind"];

    #[test]
    fn a_line_has_the_metrics_of_the_table() {
        let age = ("KeySetAge", "Seconds");
        check(
            json!({ "decision": "admitted", "key_id": "k", "key_set_age": 0 }),
            &[(&[NAME], &[("Allowed", "Count"), age])],
            json!({ "FunctionName": "f", "Allowed": 1, "KeySetAge": 0 }),
        );
        check(
            json!({ "decision": "refused", "reason": "key-unknown", "key_set_age": 59 }),
            &[(&[NAME, REASON], &[("Refused", "Count")]), (&[NAME], &[age])],
            json!({ "FunctionName": "f", "Reason": "key-unknown", "Refused": 1, "KeySetAge": 59 }),
        );
        check(
            json!({ "decision": "would-refuse", "reason": "no-keys" }),
            &[(&[NAME, REASON], &[("WouldRefuse", "Count")])],
            json!({ "FunctionName": "f", "Reason": "no-keys", "WouldRefuse": 1 }),
        );
        check(
            json!({ "decision": "unavailable", "reason": "no-keys" }),
            &[(&[NAME], &[("Unavailable", "Count")])],
            json!({ "FunctionName": "f", "Unavailable": 1 }),
        );
        check(
            json!({ "notice": "refresh-failed", "detail": "down", "key_set_age": 400 }),
            &[(&[NAME], &[age, ("RefreshFailed", "Count")])],
            json!({ "FunctionName": "f", "RefreshFailed": 1, "KeySetAge": 400 }),
        );
        check(
            json!({ "notice": "keys-read", "secret_age": 604_800 }),
            &[(&[NAME], &[("SecretAge", "Seconds")])],
            json!({ "FunctionName": "f", "SecretAge": 604_800 }),
        );
        check(
            json!({ "notice": "answered", "status": 503 }),
            &[(&[NAME, STATUS], &[("EdgeAnswered", "Count")])],
            json!({ "FunctionName": "f", "Status": "503", "EdgeAnswered": 1 }),
        );
        check(
            json!({ "notice": "unsigned", "status": 400 }),
            &[(&[NAME, STATUS], &[("EdgeWouldAnswer", "Count")])],
            json!({ "FunctionName": "f", "Status": "400", "EdgeWouldAnswer": 1 }),
        );
        check(
            json!({ "notice": "method-override-removed" }),
            &[(&[NAME], &[("MethodOverrideRemoved", "Count")])],
            json!({ "FunctionName": "f", "MethodOverrideRemoved": 1 }),
        );
        for result in ["done", "failed"] {
            check(
                json!({ "rotation": result, "duration_ms": 1250 }),
                &[(&[NAME, RESULT], &[("Rotation", "Count")]), (&[NAME], &[("RotationDuration", "Milliseconds")])],
                json!({ "FunctionName": "f", "Result": result, "Rotation": 1, "RotationDuration": 1250 }),
            );
        }
        for kind in ["planned", "emergency"] {
            check(
                json!({ "step": "promote", "became_current": kind, "version": "v" }),
                &[(&[NAME, KIND], &[("KeysRotated", "Count")])],
                json!({ "FunctionName": "f", "Kind": kind, "KeysRotated": 1 }),
            );
        }
        check(
            json!({ "rotation": "done" }),
            &[(&[NAME, RESULT], &[("Rotation", "Count")])],
            json!({ "FunctionName": "f", "Result": "done", "Rotation": 1 }),
        );
    }

    #[test]
    fn a_line_without_metrics_is_left_as_it_is() {
        let table = [
            json!({}),
            json!({ "decision": "error", "reason": "the event is of a TOKEN authorizer" }),
            json!({ "decision": "not-started", "reason": "environment variable" }),
            json!({ "decision": ["admitted"] }),
            json!({ "decision": "Admitted" }),
            json!({ "notice": "body-truncated", "status": 503 }),
            json!({ "key_set_age": "59" }),
            json!({ "key_set_age": null }),
            json!({ "notice": "keys-read" }),
            json!({ "secret_age": 5 }),
            json!({ "rotation": "planned", "duration_ms": 5 }),
            json!({ "duration_ms": 5 }),
            json!({ "became_current": "other" }),
            json!({ "message": "decision=admitted", "reason": "refused" }),
        ];
        for line in table {
            assert_eq!(embedded(&line, SystemTime::UNIX_EPOCH), line);
        }
    }

    /// What is no word of the code's counts, but not apart.
    #[test]
    fn what_a_stranger_could_send_is_no_dimension() {
        let long = "a".repeat(33);
        for reason in ["", "GET /pets", "k1", "Path", "a_b", "ä", "a\nb", "203.0.113.7", &long] {
            check(
                json!({ "decision": "refused", "reason": reason, "method": "path" }),
                &[(&[NAME], &[("Refused", "Count")])],
                json!({ "FunctionName": "f", "Refused": 1 }),
            );
        }
        for status in [json!("503"), json!(99), json!(600), json!(-1), json!(503.5), json!(null)] {
            check(
                json!({ "notice": "answered", "status": status }),
                &[(&[NAME], &[("EdgeAnswered", "Count")])],
                json!({ "FunctionName": "f", "EdgeAnswered": 1 }),
            );
        }
    }

    #[test]
    fn a_time_that_no_clock_should_tell_is_a_number_still() {
        let line = json!({ "decision": "admitted" });
        let timestamp = |at| embedded(&line, at)["_aws"]["Timestamp"].clone();
        assert_eq!(timestamp(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
        assert_eq!(timestamp(SystemTime::UNIX_EPOCH + Duration::from_micros(1999)), 1);
    }

    /// The numbers are the specification's; they hold for any line, since a line has a metric once at most.
    #[test]
    fn the_table_keeps_the_limits_of_the_format() {
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        assert!(METRICS.len() <= 100, "metrics in a directive");
        assert!((1..=1024).contains(&NAMESPACE.len()));
        for Metric { name, dimensions, meaning, .. } in &METRICS {
            assert!((1..=1024).contains(&name.len()) && !meaning.is_empty());
            assert!(!dimensions.is_empty() && dimensions.iter().all(|set| set.len() <= 30), "{name}");
            assert_eq!(dimensions[0], [Dimension::FunctionName], "{name}: kept under a name that is always there");
            let members = dimensions.iter().flat_map(|set| set.iter()).map(|dimension| dimension.name());
            assert!(members.clone().all(|member| member.len() <= 250 && !names.contains(member)), "{name}");
        }
    }
}
