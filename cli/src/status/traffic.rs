//! The requests of the last hour, as the authorizer's metrics count them.

use crate::{
    diagnosis::manual,
    status::{answers::Metrics, finding::Finding, reasons::Reasons},
};
use serde_json::{Value, json};

/// The metrics that are summed up, by id and name.
const METRICS: [(&str, &str); 7] = [
    ("allowed", "Allowed"),
    ("refused", "Refused"),
    ("would", "WouldRefuse"),
    ("token", "TokenRefused"),
    ("next", "NextRefused"),
    ("unauthorized", "Unauthorized"),
    ("unavailable", "Unavailable"),
];

/// Those that are also summed up by reason, and the groups of the manual that have their reasons. Their ids are the name, an underscore
/// and the reason.
const BY_REASON: [(&str, &[&str]); 4] =
    [("refused", &SIGNATURE), ("would", &SIGNATURE), ("token", &AFTER_IT), ("next", &AFTER_IT)];

const SIGNATURE: [&str; 9] = [
    "Headers",
    "What is covered",
    "Signature parameters",
    "Time",
    "Target of the request",
    "The key",
    "The signature",
    "The origin's secret header",
    "The answer",
];

const AFTER_IT: [&str; 3] = ["The token", "The next authorizer", "The answer"];

/// What `cloudwatch get-metric-data` is asked for: fewer than the 500 that it accepts.
pub(crate) fn queries(authorizer: &str) -> Value {
    let query = |id: String, name: &str, reason: Option<&str>| {
        let mut dimensions = vec![json!({"Name": "FunctionName", "Value": authorizer})];
        dimensions.extend(reason.map(|reason| json!({"Name": "Reason", "Value": reason})));
        let metric = json!({"Namespace": telemetry::NAMESPACE, "MetricName": name, "Dimensions": dimensions});
        json!({"Id": id, "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}})
    };
    let all = METRICS.iter().map(|(id, name)| query((*id).to_owned(), name, None));
    let by_reason = METRICS.iter().flat_map(|(id, name)| {
        reasons_of(id).into_iter().map(move |reason| query(by_reason(id, &reason), name, Some(&reason)))
    });
    all.chain(by_reason).collect()
}

/// The reasons by which a metric is summed up.
fn reasons_of(id: &str) -> Vec<String> {
    let groups = BY_REASON.iter().find(|(of, _)| *of == id).map_or(&[][..], |(_, groups)| groups);
    let entries = manual::all().into_iter().filter(|entry| groups.contains(&&*entry.group));
    entries.map(|entry| entry.reason).collect()
}

/// An id has letters, digits and underscores.
fn by_reason(id: &str, reason: &str) -> String {
    format!("{id}_{}", reason.replace('-', "_"))
}

/// The text of the line, and what is wrong.
pub(crate) fn summary(metrics: &Metrics) -> (String, Vec<Finding>) {
    let [allowed, refused, would, token, next, unauthorized, unavailable] = METRICS.map(|(id, _)| metrics.sum(id));
    let reasons = |ids: &[&str]| counted(metrics, ids);
    let mut findings = Vec::new();
    if unavailable > 0 {
        findings.push(Finding::Unavailable { requests: unavailable });
    }
    // A request that the second check refused had a valid signature.
    if refused > 0 && allowed + would + token + next == 0 {
        findings.push(Finding::NothingAdmitted { refused, reasons: reasons(&["refused"]) });
    } else {
        let reasons = reasons(&["refused", "token", "next"]);
        if !reasons.is_empty() {
            findings.push(Finding::Refused { reasons });
        }
    }
    if would > 0 {
        findings.push(Finding::WouldRefuse { requests: would, reasons: reasons(&["would"]) });
    }
    let value = format!(
        "{allowed} admitted, {refused} refused, {would} would be, {} after it, {unauthorized} were 401, {unavailable} undecided",
        token + next
    );
    (value, findings)
}

/// How many requests have each reason, by these metrics together.
fn counted(metrics: &Metrics, ids: &[&str]) -> Reasons {
    let mut counted: Vec<(String, u64)> = Vec::new();
    for (id, reason) in ids.iter().flat_map(|id| reasons_of(id).into_iter().map(move |reason| (id, reason))) {
        let requests = metrics.sum(&by_reason(id, &reason));
        match counted.iter_mut().find(|(of, _)| *of == reason) {
            Some((_, all)) => *all = all.saturating_add(requests),
            None => counted.push((reason, requests)),
        }
    }
    Reasons::new(counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn metrics(sums: &[(&str, f64)]) -> Metrics {
        let results: Vec<_> = sums.iter().map(|(id, sum)| json!({"Id": id, "Values": [sum]})).collect();
        serde_json::from_value(json!({"MetricDataResults": results})).unwrap()
    }

    fn reasons(all: &[(&str, u64)]) -> Reasons {
        Reasons::new(all.iter().map(|(reason, requests)| ((*reason).to_owned(), *requests)).collect())
    }

    #[track_caller]
    fn check(sums: &[(&str, f64)], expected: &[Finding]) {
        assert_eq!(summary(&metrics(sums)).1, expected);
    }

    #[test]
    fn the_traffic_of_the_last_hour_is_judged() {
        check(&[], &[]);
        let none = Reasons::default;
        check(&[("refused", 4.0)], &[Finding::NothingAdmitted { refused: 4, reasons: none() }]);
        // Their signatures were valid.
        check(&[("refused", 4.0), ("token", 1.0)], &[]);
        check(&[("refused", 4.0), ("next", 1.0)], &[]);
        check(&[("would", 5.0)], &[Finding::WouldRefuse { requests: 5, reasons: none() }]);
        check(&[("unavailable", 6.0)], &[Finding::Unavailable { requests: 6 }]);
    }

    #[test]
    fn the_most_frequent_reason_is_first() {
        let counted = [("refused", 4.0), ("refused_expired", 1.0), ("refused_key_unknown", 3.0)];
        let all = reasons(&[("key-unknown", 3), ("expired", 1)]);
        check(&counted, &[Finding::NothingAdmitted { refused: 4, reasons: all.clone() }]);
        check(&[&counted[..], &[("allowed", 9.0)]].concat(), &[Finding::Refused { reasons: all.clone() }]);
        assert_eq!((all.text(), all.first()), ("key-unknown 3, expired 1".to_owned(), Some("key-unknown")));
        let token = [("allowed", 1.0), ("token", 2.0), ("token_token_expired", 2.0)];
        check(&token, &[Finding::Refused { reasons: reasons(&[("token-expired", 2)]) }]);
    }

    #[test]
    fn each_query_has_an_id_of_its_own_that_cloudwatch_accepts() {
        let queries = queries("api-Authorizer-1");
        let ids: Vec<_> = queries.as_array().unwrap().iter().map(|query| query["Id"].as_str().unwrap()).collect();
        let groups = manual::groups();
        assert!(BY_REASON.iter().flat_map(|(_, of)| *of).all(|of| groups.iter().any(|group| group == of)));
        assert!(ids.contains(&"refused_expired") && ids.contains(&"token_token_expired"), "{ids:?}");
        assert!(ids.len() <= 500, "{}", ids.len());
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let accepted = |id: &str| {
            id.starts_with(|c: char| c.is_ascii_lowercase())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        assert!(ids.iter().all(|id| accepted(id)), "{ids:?}");
        // Linux accepts 128 KiB in one argument.
        assert!(queries.to_string().len() < 100_000, "{}", queries.to_string().len());
    }
}
