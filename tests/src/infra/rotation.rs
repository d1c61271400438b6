//! What `infra/api.yaml` promises of the rotation and its alarms, and `infra/edge.yaml` of its own alarms, in rows.

use crate::infra::support::{
    rows::{TOPIC, api, check, edge, every_api, every_edge},
    template::{Template, text},
};
use serde_json::{Value, json};
use settings::Seconds;
use std::collections::BTreeSet;
use telemetry::{METRICS, NAMESPACE};

/// The article's map, value by value; and the age of the keys, in seconds, at which a rotation is overdue: a day after it was due.
#[test]
fn each_schedule_has_its_rate_and_a_time_from_which_it_is_overdue() {
    const DAY: u64 = 86_400;
    let rows = [
        ("Daily", "rate(1 day)", 2 * DAY),
        ("Fortnightly", "rate(14 days)", 15 * DAY),
        ("Monthly", "rate(30 days)", 31 * DAY),
        ("Bimonthly", "rate(60 days)", 61 * DAY),
        ("Quarterly", "rate(90 days)", 91 * DAY),
    ];
    for (schedule, rate, overdue) in rows {
        let stack = api(&[("ApiKeyRotationSchedule", schedule)]);
        let rows = [
            ("RotateApiKeysScheduledJob", "/Properties/ScheduleExpression", json!(rate)),
            ("RotateApiKeysScheduledJob", "/Properties/State", json!("ENABLED")),
            ("RotationOverdueAlarm", "/Properties/Threshold", json!(overdue)),
        ];
        check(&stack, &rows);
    }
    let raw = Template::raw("api.yaml");
    let allowed = raw.value()["Parameters"]["ApiKeyRotationSchedule"]["AllowedValues"].clone();
    assert_eq!(allowed, json!(rows.map(|(schedule, ..)| schedule)));
    let map = &raw.value()["Mappings"]["ScheduleMap"];
    for kind in map.as_object().unwrap().values() {
        assert_eq!(kind.as_object().unwrap().len(), rows.len());
    }
}

/// The schedule reaches the rotator, and what the rotator cannot do now is tried again for two hours and then kept.
#[test]
fn the_schedule_reaches_the_rotator_through_a_queue() {
    // A queue is known by its URL, which ends in its name.
    let arn = |queue: &str| {
        let name = json!({"Fn::Select": [4, {"Fn::Split": ["/", {"Ref": queue}]}]});
        json!({"Fn::Sub": ["arn:aws:sqs:eu-central-1:123456789012:${Queue}", {"Queue": name}]})
    };
    let (queue, letters) = (arn("RotationQueue"), arn("RotationDeadLetters"));
    let rule = json!({"Fn::Sub": "arn:aws:events:eu-central-1:123456789012:rule/${RotateApiKeysScheduledJob}"});
    let may_send = |queue: &str| {
        json!([{
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn(queue),
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }])
    };
    let rotator = "RotateApiKeysFunction";
    let rows = [
        ("RotateApiKeysScheduledJob", "/Properties/Targets/0/Arn", queue.clone()),
        ("RotateApiKeysScheduledJob", "/Properties/Targets/0/DeadLetterConfig/Arn", letters.clone()),
        ("RotateApiKeysScheduledJob", "/Properties/Targets/1", Value::Null),
        ("RotationQueue", "/Properties/VisibilityTimeout", json!(900)),
        ("RotationQueue", "/Properties/RedrivePolicy", json!({"maxReceiveCount": 8, "deadLetterTargetArn": letters})),
        ("RotationDeadLetters", "/Properties/MessageRetentionPeriod", json!(1_209_600)),
        ("RotationQueuePolicy", "/Properties/Queues", json!([{"Ref": "RotationQueue"}])),
        ("RotationQueuePolicy", "/Properties/PolicyDocument/Statement", may_send("RotationQueue")),
        ("RotationDeadLettersPolicy", "/Properties/Queues", json!([{"Ref": "RotationDeadLetters"}])),
        ("RotationDeadLettersPolicy", "/Properties/PolicyDocument/Statement", may_send("RotationDeadLetters")),
        ("RotationTrigger", "/Properties/EventSourceArn", queue),
        ("RotationTrigger", "/Properties/FunctionName", json!({"Ref": rotator})),
        ("RotationTrigger", "/Properties/BatchSize", json!(1)),
        (rotator, "/Properties/ReservedConcurrentExecutions", Value::Null),
        (rotator, "/Properties/Environment/Variables/StackName", json!("pets")),
    ];
    let stack = api(&[("AWS::StackName", "pets")]);
    check(&stack, &rows);
    // The queue must not hand a message to a second one while the first is at it.
    let timeout = stack.resource(rotator)["Properties"]["Timeout"].as_u64().unwrap();
    assert!((300..=900).contains(&timeout));
    let one = api(&[("ReserveRotatorConcurrency", "true")]);
    check(&one, &[(rotator, "/Properties/ReservedConcurrentExecutions", json!(1))]);
}

/// An alarm on a metric that is never written would never ring.
#[test]
fn each_alarm_is_about_a_metric_that_is_written() {
    for stack in every_api().iter().chain(every_edge()) {
        for (name, alarm) in alarms(stack) {
            for (namespace, metric, dimensions) in metrics(alarm) {
                if namespace != NAMESPACE {
                    let known = OTHERS.contains(&(namespace, metric));
                    assert!(known, "{name}: {namespace} {metric}");
                    continue;
                }
                let kept = METRICS.iter().filter(|kept| kept.name == metric);
                let by: Vec<_> = kept.map(|kept| kept.by.map(|dimension| format!("{dimension:?}"))).collect();
                let mut others = dimensions.clone();
                assert!(others.remove("FunctionName") && others.len() <= 1, "{name}: {metric} by {dimensions:?}");
                let other = others.pop_first();
                let is_kept = by.iter().any(|by| other.is_none() || *by == other);
                assert!(is_kept, "{name}: {metric} is not kept by {dimensions:?}");
            }
        }
    }
}

/// AWS's own, as its documentation names them. LambdaLimitExceededError is written in two ways by dashboards that CloudFront made.
const OTHERS: [(&str, &str); 8] = [
    ("AWS/CloudFront", "5xxErrorRate"),
    ("AWS/CloudFront", "LambdaExecutionError"),
    ("AWS/CloudFront", "LambdaLimitExceededError"),
    ("AWS/CloudFront", "LambdaLimitExceededErrors"),
    ("AWS/CloudFront", "LambdaValidationError"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
];

#[test]
fn every_problem_for_the_operator_raises_an_alarm() {
    let authorizer = json!([{"Name": "FunctionName", "Value": {"Ref": "Authorizer"}}]);
    let failed = json!([{"Name": "FunctionName", "Value": {"Ref": "RotateApiKeysFunction"}}, {"Name": "Result", "Value": "failed"}]);
    let letters = json!([{"Name": "QueueName", "Value": {"Fn::Select": [4, {"Fn::Split": ["/", {"Ref": "RotationDeadLetters"}]}]}}]);
    let stack = api(&[("RefusalsAlarm", "7"), ("AlarmTopicArn", TOPIC)]);
    for (alarm, metric, dimensions, statistic, threshold) in [
        ("RefusalsAlarmOfAuthorizer", "Refused", &authorizer, "Sum", 7),
        ("UnavailableAlarm", "Unavailable", &authorizer, "Sum", 0),
        ("KeySetAgeAlarm", "KeySetAge", &authorizer, "Maximum", 600),
        ("AuthorizerErrorsAlarm", "Errors", &authorizer, "Sum", 0),
        ("AuthorizerThrottledAlarm", "Throttles", &authorizer, "Sum", 0),
        ("RotationFailedAlarm", "Rotation", &failed, "Sum", 0),
        ("RotationOverdueAlarm", "SecretAge", &authorizer, "Maximum", 172_800),
        ("DeadLettersAlarm", "ApproximateNumberOfMessagesVisible", &letters, "Maximum", 0),
    ] {
        let rows = [
            (alarm, "/Properties/MetricName", json!(metric)),
            (alarm, "/Properties/Dimensions", dimensions.clone()),
            (alarm, "/Properties/Statistic", json!(statistic)),
            (alarm, "/Properties/Threshold", json!(threshold)),
        ];
        check(&stack, &rows);
    }
    assert_eq!(alarms(&stack).len(), 8);
    let (ttl, max_stale) = (Seconds::VERIFIER_TTL.default.as_secs(), Seconds::VERIFIER_MAX_STALE.default.as_secs());
    let rings = 600;
    assert!(ttl < rings && rings < max_stale, "it rings before keys are given up");

    let distribution = "E1A2B3C4D5E6F7";
    let stack = edge(&[("DistributionId", distribution)]);
    let global = json!([{"Name": "DistributionId", "Value": distribution}, {"Name": "Region", "Value": "Global"}]);
    let answered = |status: &str| json!([{"Name": "FunctionName", "Value": {"Ref": "EdgeSigner"}}, {"Name": "Status", "Value": status}]);
    for (alarm, metric, dimensions) in [
        ("EdgeAnsweredAlarm", "EdgeAnswered", &answered("503")),
        ("EdgeMisconfiguredAlarm", "EdgeAnswered", &answered("500")),
        ("EdgeExecutionErrorAlarm", "LambdaExecutionError", &global),
        ("EdgeValidationErrorAlarm", "LambdaValidationError", &global),
        ("EdgeErrorRateAlarm", "5xxErrorRate", &global),
    ] {
        check(
            &stack,
            &[(alarm, "/Properties/MetricName", json!(metric)), (alarm, "/Properties/Dimensions", dimensions.clone())],
        );
    }
    assert_eq!(alarms(&stack).len(), 6);
    assert_eq!(alarms(&edge(&[])).len(), 2);
}

/// Missing data does not raise an alarm, because an unused API does not write metrics; and each alarm notifies the
/// topic at its begin and end, if there is one.
#[test]
fn every_alarm_reaches_the_topic() {
    for stack in every_api().iter().chain(every_edge()) {
        for (name, alarm) in alarms(stack) {
            assert_eq!(alarm["Properties"]["TreatMissingData"], "notBreaching", "{name}");
            assert_eq!(alarm["Properties"]["ComparisonOperator"], "GreaterThanThreshold", "{name}");
            assert!(alarm["Properties"]["AlarmDescription"].is_string(), "{name}");
            let told = stack.value()["Conditions"]["HasAlarmTopic"] == true;
            for actions in ["AlarmActions", "OKActions"] {
                let topics = alarm["Properties"][actions].as_array().map_or(0, Vec::len);
                assert_eq!(topics, usize::from(told), "{name}: {actions}");
            }
        }
    }
    check(&api(&[]), &[("UnavailableAlarm", "/Properties/AlarmActions", Value::Null)]);
    check(&api(&[("AlarmTopicArn", TOPIC)]), &[("UnavailableAlarm", "/Properties/AlarmActions", json!([TOPIC]))]);
}

/// The rotator does not wait for the update that it has started: EventBridge reports its end.
#[test]
fn a_failed_update_is_reported_to_the_topic() {
    let id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/pets/51af3dc0-da77-11e4-872e-1234567db123";
    let stack = api(&[("AlarmTopicArn", TOPIC), ("AWS::StackId", id)]);
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
    assert!(!api(&[]).resources().contains_key("StackUpdateFailedRule"));
}

#[test]
fn logs_are_kept_as_long_as_asked() {
    let asked = [("LogRetentionDays", "14")];
    for (stack, logs) in [(api(&asked), &["AuthorizerLog", "RotateApiKeysLog"][..]), (edge(&asked), &["EdgeSignerLog"])]
    {
        for log in logs {
            check(
                &stack,
                &[(log, "/Type", json!("AWS::Logs::LogGroup")), (log, "/Properties/RetentionInDays", json!(14))],
            );
        }
    }
    let rows = [
        ("Authorizer", "/Properties/LoggingConfig/LogGroup", json!({"Ref": "AuthorizerLog"})),
        ("RotateApiKeysFunction", "/Properties/LoggingConfig/LogGroup", json!({"Ref": "RotateApiKeysLog"})),
    ];
    check(&api(&[]), &rows);
}

/// The dashboard is a text: only this test finds a mistake in it.
#[test]
fn the_dashboard_shows_metrics_that_are_written() {
    let stack = api(&[("AWS::StackName", "pets")]);
    check(&stack, &[("Dashboard", "/Properties/DashboardName", json!("Countersign-pets"))]);
    let body: Value = serde_json::from_str(&text(&stack.resource("Dashboard")["Properties"]["DashboardBody"])).unwrap();
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        assert!(widget["properties"]["region"].is_string() && widget["properties"]["title"].is_string());
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            match &metric[0] {
                Value::String(namespace) if namespace == NAMESPACE => {
                    shown.insert(metric[1].as_str().unwrap().to_owned());
                }
                Value::String(_) => {}
                expression => {
                    let text = expression["expression"].as_str().unwrap();
                    let (_, rest) = text.split_once("MetricName=\"").expect("a search names its metric");
                    shown.insert(rest.split('"').next().unwrap().to_owned());
                    assert!(
                        text.contains("FunctionName=\"signer\"") || text.contains("FunctionName=\"${Authorizer}\""),
                        "{text}"
                    );
                }
            }
        }
    }
    let written: BTreeSet<_> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(shown.difference(&written).count(), 0, "{shown:?}");
    for metric in
        ["Allowed", "Refused", "WouldRefuse", "Unavailable", "KeySetAge", "SecretAge", "EdgeAnswered", "Rotation"]
    {
        assert!(shown.contains(metric), "{metric}");
    }
}

fn alarms(stack: &Template) -> Vec<(&str, &Value)> {
    let resources = stack.resources().iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    resources.map(|(name, resource)| (name.as_str(), resource)).collect()
}

/// The metrics of an alarm: namespace, name, and the names of its dimensions.
fn metrics(alarm: &Value) -> Vec<(&str, &str, BTreeSet<String>)> {
    let properties = &alarm["Properties"];
    let of_expression = properties["Metrics"].as_array().into_iter().flatten();
    let of_expression = of_expression.filter_map(|metric| metric.pointer("/MetricStat/Metric"));
    let alone = properties.get("MetricName").map(|_| properties);
    of_expression
        .chain(alone)
        .map(|metric| {
            let dimensions = metric["Dimensions"].as_array().unwrap().iter();
            let dimensions = dimensions.map(|dimension| dimension["Name"].as_str().unwrap().to_owned());
            (metric["Namespace"].as_str().unwrap(), metric["MetricName"].as_str().unwrap(), dimensions.collect())
        })
        .collect()
}
