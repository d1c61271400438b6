//! The embedded metric format: CloudWatch makes metrics out of the lines of a log.
//!
//! Its specification: a directive names a namespace, sets of dimensions and metrics. Each metric is kept once for each set.

use crate::infra::alarms::cloudwatch::metrics::{Metric, Minute};
use serde_json::Value;

/// Adds the metrics of a line, if it has any.
#[track_caller]
pub(crate) fn add_line(minute: &mut Minute, line: &Value) {
    let Some(embedded) = line.get("_aws") else { return };
    assert!(embedded["Timestamp"].is_u64(), "{line}");
    for directive in list(&embedded["CloudWatchMetrics"]) {
        for set in list(&directive["Dimensions"]) {
            let names = list(set).iter().map(text);
            let dimensions: Vec<_> = names.map(|name| (name, text(&line[name]))).collect();
            for metric in list(&directive["Metrics"]) {
                let name = text(&metric["Name"]);
                let value = line[name].as_f64().unwrap_or_else(|| panic!("{name} is not a number: {line}"));
                minute.put(Metric::new(text(&directive["Namespace"]), name, &dimensions), value);
            }
        }
    }
}

#[track_caller]
fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::alarms::cloudwatch::metrics::Statistic;
    use serde_json::json;

    #[test]
    fn a_metric_is_kept_once_for_each_set_of_dimensions() {
        let line = json!({
            "event": "x",
            "_aws": {"Timestamp": 1, "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["F"], ["F", "R"]], "Metrics": [{"Name": "Refused", "Unit": "Count"}]},
                {"Namespace": "N", "Dimensions": [["F"]], "Metrics": [{"Name": "Age", "Unit": "Seconds"}]},
            ]},
            "F": "f", "R": "expired", "Refused": 1, "Age": 7,
        });
        let mut minute = Minute::default();
        add_line(&mut minute, &line);
        add_line(&mut minute, &line);
        add_line(&mut minute, &json!({"event": "without metrics", "Refused": 1}));
        let (alone, by) = ([("F", "f")], [("F", "f"), ("R", "expired")]);
        let kept = [("Age", &alone[..], 14.0), ("Refused", &alone, 2.0), ("Refused", &by, 2.0)];
        let expected = kept.map(|(name, dimensions, sum)| (Metric::new("N", name, dimensions), sum));
        assert_eq!(minute.all(Statistic::Sum), expected);
    }
}
