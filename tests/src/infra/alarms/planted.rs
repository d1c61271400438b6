//! Faults that are planted into alarms: the check of the table finds each.

use crate::infra::alarms::{
    deployed::{Alarms, Kind, Properties},
    situations::Situation,
    table::{Row, disagreements},
};
use serde_json::{Value, json};

/// The alarms with one fault, and what it is. Each fault is in the alarm of that name.
fn faulty(properties: &Properties, name: &str) -> Vec<(String, Properties)> {
    let (kind, right) = &properties[name];
    let with = |what: String, wrong: Value| {
        let mut faulty = properties.clone();
        faulty.insert(name.to_owned(), (*kind, wrong));
        (what, faulty)
    };
    match kind {
        Kind::Metric => faulty_metric_alarm(right).into_iter().map(|(what, wrong)| with(what, wrong)).collect(),
        Kind::Composite => {
            let rule = right["AlarmRule"].as_str().unwrap();
            let rules = rule.split(" OR ").map(|part| rule.replace(part, "ALARM(\"RotationFailedAlarm\")"));
            let rules = rules.chain([rule.replace("ALARM", "OK"), rule.replace(" OR ", " AND ")]);
            rules.map(|wrong| with(wrong.clone(), changed(right, "/AlarmRule", json!(wrong)))).collect()
        }
    }
}

fn faulty_metric_alarm(right: &Value) -> Vec<(String, Value)> {
    let threshold = right["Threshold"].as_f64().unwrap();
    let comparison = right["ComparisonOperator"].as_str().unwrap();
    let turned = match comparison.strip_prefix("Greater") {
        Some(rest) => format!("Less{rest}"),
        None => comparison.replace("Less", "Greater"),
    };
    let mut faults = vec![(turned.clone(), changed(right, "/ComparisonOperator", json!(turned)))];
    // An alarm whose threshold is 0 already cannot have a lower one: no metric here is negative.
    for wrong in [1000.0 * threshold.max(1.0), 0.0].into_iter().filter(|&wrong| wrong != threshold) {
        faults.push((format!("the threshold {wrong}"), changed(right, "/Threshold", json!(wrong))));
    }
    let queries = right["Metrics"].as_array().map_or(0, Vec::len);
    let of_queries = |name: &'static str| (0..queries).map(move |at| format!("/Metrics/{at}/MetricStat/{name}"));
    for place in of_queries("Metric/MetricName").chain(["/MetricName".to_owned()]) {
        if let Some(metric) = right.pointer(&place).and_then(Value::as_str) {
            let misspelled = format!("{metric}z");
            faults.push((misspelled.clone(), changed(right, &place, json!(misspelled))));
        }
    }
    let places: Vec<_> =
        of_queries("Period").chain(["/Period".to_owned()]).filter(|place| right.pointer(place).is_some()).collect();
    let period = if right.pointer(&places[0]).unwrap() == 86_400 { 3_600 } else { 86_400 };
    let other = places.iter().fold(right.clone(), |wrong, place| changed(&wrong, place, json!(period)));
    faults.push((format!("the period {period}"), other));
    faults
}

fn changed(right: &Value, place: &str, value: Value) -> Value {
    let mut wrong = right.clone();
    *wrong.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place} in {right}")) = value;
    wrong
}

/// Asserts that every fault of every alarm is found. Returns all, each as its alarm and what is wrong in it.
#[track_caller]
pub(crate) fn check(table: &[Row], properties: &Properties, situations: &[Situation]) -> Vec<(String, String)> {
    let (mut planted, mut missed) = (Vec::new(), Vec::new());
    for name in properties.keys() {
        for (what, faulty) in faulty(properties, name) {
            let alarms = Alarms::read(&faulty).unwrap();
            if disagreements(table, &alarms, name, situations).next().is_none() {
                missed.push(format!("{name} with {what}"));
            }
            planted.push((name.clone(), what));
        }
    }
    assert!(missed.is_empty(), "the check does not find:\n{}", missed.join("\n"));
    planted
}
