//! What the templates promise of their alarms, in rows.

use crate::infra::support::{
    rows::{
        DISTRIBUTION, GLOBAL_TOPIC, MONITORED_HTTP_API, MONITORED_WEBSOCKET_API, TOPIC, api, check, edge,
        every_other_stack, front, monitoring,
    },
    template::{Template, template, text},
};
use serde_json::{Value, json};
use settings::Seconds;
use std::collections::{BTreeMap, BTreeSet};

/// Each alarm, and the actions that it has: `AlarmActions`, `OKActions`.
#[test]
fn every_alarm_reaches_the_topic_of_its_region() {
    let both: &[&str] = &["AlarmActions", "OKActions"];
    let of_api = [
        // Two alarms with one cause, which the third reports.
        ("UnavailableAlarm", &[][..]),
        ("KeySetAgeAlarm", &[]),
        ("NoKeysAlarm", both),
        ("NothingAdmittedAlarm", both),
        ("RefusedShareAlarm", both),
        ("SomebodyIsTryingAlarm", both),
        ("Gateway4xxAlarm", both),
        ("Gateway5xxAlarm", both),
        ("AuthorizerErrorsAlarm", both),
        ("AuthorizerThrottledAlarm", both),
        // Half an hour without a failure is not a success.
        ("RotationFailedAlarm", &["AlarmActions"]),
        ("RotationOverdueAlarm", both),
        ("DeadLettersAlarm", both),
        ("MonitorModeAlarm", both),
    ];
    let of_edge = ["EdgeAnsweredAlarm", "EdgeMisconfiguredAlarm", "EdgeUnsignedAlarm"].map(|name| (name, both));
    let of_front = [
        "EdgeExecutionErrorAlarm",
        "EdgeValidationErrorAlarm",
        "EdgeThrottledAlarm",
        "Viewer4xxAlarm",
        "Viewer5xxAlarm",
    ]
    .map(|name| (name, both));
    for (stack, topic, expected) in [
        (monitoring(&[("AlarmTopicArn", TOPIC)]), TOPIC, &of_api[..]),
        (monitoring(&[MONITORED_HTTP_API, &[("AlarmTopicArn", TOPIC)]].concat()), TOPIC, &of_api),
        (monitoring(&[MONITORED_WEBSOCKET_API, &[("AlarmTopicArn", TOPIC)]].concat()), TOPIC, &of_api),
        (edge(&[("AlarmTopicArn", GLOBAL_TOPIC)]), GLOBAL_TOPIC, &of_edge),
        (front(&[DISTRIBUTION, ("AlarmTopicArn", GLOBAL_TOPIC)]), GLOBAL_TOPIC, &of_front),
        (front(&[("AlarmTopicArn", GLOBAL_TOPIC)]), GLOBAL_TOPIC, &[]),
    ] {
        let found = alarms(&stack).into_iter().map(|(name, alarm)| {
            let properties = alarm["Properties"].as_object().unwrap();
            let actions = both.iter().filter(|actions| properties.get(**actions).is_some());
            let actions: Vec<_> =
                actions.inspect(|actions| assert_eq!(properties[**actions], json!([topic]), "{name}")).collect();
            (name, actions)
        });
        let expected = expected.iter().map(|(name, actions)| (*name, actions.iter().collect()));
        assert_eq!(found.collect::<BTreeMap<_, Vec<_>>>(), expected.collect());
    }
    for stack in [monitoring(&[]), edge(&[]), front(&[DISTRIBUTION])] {
        let has_actions = |alarm: &Value| both.iter().any(|actions| alarm["Properties"].get(*actions).is_some());
        assert!(alarms(&stack).iter().all(|(_, alarm)| !has_actions(alarm)), "there is no topic");
    }
}

/// An unused API writes no metrics.
#[test]
fn missing_data_raises_no_alarm() {
    for stack in every_other_stack() {
        for (name, alarm) in alarms(stack) {
            if alarm["Type"] == "AWS::CloudWatch::Alarm" {
                assert_eq!(alarm["Properties"]["TreatMissingData"], "notBreaching", "{name}");
            }
        }
    }
}

/// What a person reads at night: the alarm's own words, and the page that they end with.
#[test]
fn every_alarm_ends_with_its_page_of_the_runbook() {
    const PARTS: [&str; 5] = ["What it means.", "Valid requests refused?", "Time.", "Look.", "Mend."];
    let runbook = template("RUNBOOK.md");
    let pages: BTreeMap<_, _> =
        runbook.split("\n### ").skip(1).map(|page| page.split_once('\n').expect("a heading has a page")).collect();
    for (heading, page) in &pages {
        let (page, _) = page.split_once("\n## ").unwrap_or((page, ""));
        let parts = page.lines().filter_map(|line| line.strip_prefix("- **")?.split("**").next()).collect::<Vec<_>>();
        assert_eq!(parts, PARTS, "{heading}");
    }
    let mut missing: BTreeSet<_> = pages.keys().copied().collect();
    for stack in every_other_stack() {
        for (name, alarm) in alarms(stack) {
            let description = alarm["Properties"]["AlarmDescription"].as_str().unwrap();
            let (words, heading) = description.split_once(" infra/RUNBOOK.md: ").expect(name);
            assert!(words.ends_with('.'), "{name}: {words}");
            assert!(pages.contains_key(heading), "{name}: the runbook has no page {heading}");
            let row = runbook.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            assert!(row.expect(name).contains(&format!("[{heading}](")), "{name}: the table leads to another page");
            missing.remove(heading);
        }
    }
    // EventBridge reports the one, with no words of ours. The other is about refusals, which are not an outage.
    assert_eq!(
        missing,
        ["An update of the stack failed", "The check after the signature refuses or cannot decide"].into()
    );
}

/// Two alarms ring when there are no keys, and the topic is told once. A composite cannot watch another Region.
#[test]
fn the_alarms_of_missing_keys_are_one_message() {
    let rule = json!({"Fn::Sub": r#"ALARM("${UnavailableAlarm}") OR ALARM("${KeySetAgeAlarm}")"#});
    check(&monitoring(&[]), &[("NoKeysAlarm", "/Properties/AlarmRule", rule)]);
    let (ttl, max_stale) = (Seconds::VERIFIER_TTL.default.as_secs(), Seconds::VERIFIER_MAX_STALE.default.as_secs());
    let rings = monitoring(&[]).resource("KeySetAgeAlarm")["Properties"]["Threshold"].as_u64().unwrap();
    assert!(ttl < rings && rings < max_stale, "it rings before keys are given up");
}

#[test]
fn the_thresholds_are_the_parameters() {
    let asked = [
        ("RequestsFloor", "11"),
        ("RefusalsAlarm", "12"),
        ("RefusedShare", "13"),
        ("Gateway4xxShare", "14"),
        ("Gateway5xxShare", "15"),
    ];
    let stack = monitoring(&asked);
    for (alarm, threshold) in
        [("SomebodyIsTryingAlarm", 12), ("RefusedShareAlarm", 13), ("Gateway4xxAlarm", 14), ("Gateway5xxAlarm", 15)]
    {
        check(&stack, &[(alarm, "/Properties/Threshold", json!(threshold))]);
    }
    for alarm in ["NothingAdmittedAlarm", "RefusedShareAlarm", "Gateway4xxAlarm", "Gateway5xxAlarm"] {
        let expression = stack.resource(alarm)["Properties"]["Metrics"][0]["Expression"].as_str().unwrap();
        assert!(expression.contains(">= 11"), "{alarm}: {expression}");
    }
    let stack = front(&[DISTRIBUTION, ("RequestsFloor", "11"), ("Viewer4xxShare", "16"), ("Viewer5xxShare", "17")]);
    for (alarm, threshold, expression) in [
        ("Viewer4xxAlarm", 16, "IF(FILL(requests, 0) >= 11, rate, 0)"),
        ("Viewer5xxAlarm", 17, "IF(requests >= 11, rate, 0)"),
    ] {
        check(
            &stack,
            &[
                (alarm, "/Properties/Threshold", json!(threshold)),
                (alarm, "/Properties/Metrics/0/Expression", json!(expression)),
            ],
        );
    }
}

/// REST APIs have their metrics by name, the others by id, and each has other names for errors.
#[test]
fn each_kind_of_api_has_its_own_metrics() {
    let dimensions = |name: &str, value: &str, stage: &str| json!([{"Name": name, "Value": value}, {"Name": "Stage", "Value": stage}]);
    for (stack, requests, errors, dimensions) in [
        (monitoring(&[]), "Count", ["4XXError", "5XXError"], dimensions("ApiName", "Pets", "prod")),
        (monitoring(MONITORED_HTTP_API), "Count", ["4xx", "5xx"], dimensions("ApiId", "abc123", "$default")),
        (
            monitoring(MONITORED_WEBSOCKET_API),
            "ConnectCount",
            ["ClientError", "ExecutionError"],
            dimensions("ApiId", "abc123", "prod"),
        ),
    ] {
        for (alarm, metric) in ["Gateway4xxAlarm", "Gateway5xxAlarm"].iter().zip(errors) {
            let rows = [
                (*alarm, "/Properties/Metrics/1/MetricStat/Metric/MetricName", json!(requests)),
                (alarm, "/Properties/Metrics/1/MetricStat/Metric/Dimensions", dimensions.clone()),
                (alarm, "/Properties/Metrics/2/MetricStat/Metric/MetricName", json!(metric)),
                (alarm, "/Properties/Metrics/2/MetricStat/Metric/Dimensions", dimensions.clone()),
            ];
            check(&stack, &rows);
        }
        let rows = [
            ("NothingAdmittedAlarm", "/Properties/Metrics/1/MetricStat/Metric/MetricName", json!(errors[0])),
            ("NothingAdmittedAlarm", "/Properties/Metrics/2/MetricStat/Metric/MetricName", json!(errors[1])),
        ];
        check(&stack, &rows);
    }
    let more = ["MessageCount", "IntegrationError"];
    for (stack, expected) in
        [(monitoring(&[]), [Value::Null, Value::Null]), (monitoring(MONITORED_WEBSOCKET_API), more.map(Value::from))]
    {
        let metrics = stack.resource("Gateway5xxAlarm")["Properties"]["Metrics"].as_array().unwrap();
        let named = |name: &str| {
            metrics.iter().map(|query| &query["MetricStat"]["Metric"]["MetricName"]).find(|of| *of == name).cloned()
        };
        assert_eq!(more.map(|name| named(name).unwrap_or_default()), expected);
        let shown = text(&stack.resource("Dashboard")["Properties"]["DashboardBody"]);
        assert_eq!(
            more.map(|name| shown.contains(&format!("\"{name}\", \"ApiId\", \"abc123\", \"Stage\", \"prod\"]"))),
            expected.map(|name| name != Value::Null)
        );
    }
}

/// All outputs of the stack of an API are handed on together: what has the name of a parameter is its value.
#[test]
fn its_parameters_are_outputs_of_the_stack_of_an_api() {
    let given_by_hand = [
        "ApiName",
        // front.yaml's output, or the web ACL of a distribution of one's own.
        "WebAclArn",
        "AlarmTopicArn",
        "RequestsFloor",
        "RefusalsAlarm",
        "RefusedShare",
        "Gateway4xxShare",
        "Gateway5xxShare",
    ];
    let parameters = Template::raw("monitoring.yaml").value()["Parameters"].clone();
    let outputs = api(&[]).value()["Outputs"].clone();
    for name in parameters.as_object().unwrap().keys() {
        let is_output = outputs.get(name).is_some();
        assert_ne!(is_output, given_by_hand.contains(&&**name), "{name}");
    }
    let stack = monitoring(&[("RotationDeadLettersArn", "arn:aws:sqs:eu-west-1:123456789012:letters")]);
    check(
        &stack,
        &[("DeadLettersAlarm", "/Properties/Dimensions", json!([{"Name": "QueueName", "Value": "letters"}]))],
    );
}

/// The rotator does not wait for the update that it has started: EventBridge reports its end.
#[test]
fn a_failed_update_is_reported_to_the_topic() {
    let id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/51af3dc0-da77-11e4-872e-1234567db123";
    let stack = monitoring(&[("AlarmTopicArn", TOPIC), ("ApiStackId", id)]);
    let pattern = json!({
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {
            "stack-id": [id],
            "status-details": {"status": [
                "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE",
            ]},
        },
    });
    let rows = [
        ("StackUpdateFailedRule", "/Properties/EventPattern", pattern),
        ("StackUpdateFailedRule", "/Properties/Targets", json!([{"Id": "alarm-topic", "Arn": TOPIC}])),
        ("StackUpdateFailedRule", "/Properties/State", json!("ENABLED")),
    ];
    check(&stack, &rows);
    assert!(!monitoring(&[]).resources().contains_key("StackUpdateFailedRule"));
}

const ALARMS: [&str; 2] = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];

fn alarms(stack: &Template) -> Vec<(&str, &Value)> {
    let resources =
        stack.resources().iter().filter(|(_, resource)| ALARMS.iter().any(|kind| resource["Type"] == *kind));
    resources.map(|(name, resource)| (name.as_str(), resource)).collect()
}
