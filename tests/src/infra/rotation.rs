//! What `infra/api.yaml` promises of the rotation, and the templates of their logs, in rows.

use crate::infra::support::{
    rows::{api, check, edge, monitoring},
    template::Template,
};
use serde_json::{Value, json};

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
        ];
        check(&stack, &rows);
        let told = stack.value()["Outputs"]["ApiKeyRotationSchedule"]["Value"].as_str().unwrap();
        let alarms = monitoring(&[("ApiKeyRotationSchedule", told)]);
        check(&alarms, &[("RotationOverdueAlarm", "/Properties/Threshold", json!(overdue))]);
    }
    let raw = Template::raw("api.yaml");
    let allowed = raw.value()["Parameters"]["ApiKeyRotationSchedule"]["AllowedValues"].clone();
    assert_eq!(allowed, json!(rows.map(|(schedule, ..)| schedule)));
    let alarms = Template::raw("monitoring.yaml");
    assert_eq!(alarms.value()["Parameters"]["ApiKeyRotationSchedule"]["AllowedValues"], allowed);
    for map in [&raw.value()["Mappings"]["ScheduleMap"], &alarms.value()["Mappings"]["OverdueAfter"]] {
        for kind in map.as_object().unwrap().values() {
            assert_eq!(kind.as_object().unwrap().len(), rows.len());
        }
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
    let may_send = json!([{
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }]);
    let id = "51af3dc0-da77-11e4-872e-1234567db123";
    let stack_id = format!("arn:aws:cloudformation:eu-central-1:123456789012:stack/pets/{id}");
    let source = format!("arn:aws:sqs:eu-central-1:123456789012:countersign-rotations-{id}");
    let allows = json!({"redrivePermission": "byQueue", "sourceQueueArns": [source]});
    let rotator = "RotateApiKeysFunction";
    let rows = [
        ("RotateApiKeysScheduledJob", "/Properties/Targets/0/Arn", queue.clone()),
        ("RotateApiKeysScheduledJob", "/Properties/Targets/0/DeadLetterConfig/Arn", letters.clone()),
        ("RotateApiKeysScheduledJob", "/Properties/Targets/1", Value::Null),
        ("RotationQueue", "/Properties/VisibilityTimeout", json!(900)),
        ("RotationQueue", "/Properties/RedrivePolicy", json!({"maxReceiveCount": 8, "deadLetterTargetArn": letters})),
        ("RotationQueue", "/Properties/QueueName", json!(format!("countersign-rotations-{id}"))),
        // No other queue puts its letters into these two.
        ("RotationQueue", "/Properties/RedriveAllowPolicy", json!({"redrivePermission": "denyAll"})),
        ("RotationDeadLetters", "/Properties/RedriveAllowPolicy", allows),
        ("RotationDeadLetters", "/Properties/MessageRetentionPeriod", json!(1_209_600)),
        (
            "RotationQueuesPolicy",
            "/Properties/Queues",
            json!([{"Ref": "RotationQueue"}, {"Ref": "RotationDeadLetters"}]),
        ),
        ("RotationQueuesPolicy", "/Properties/PolicyDocument/Statement", may_send),
        ("RotationTrigger", "/Properties/EventSourceArn", queue),
        ("RotationTrigger", "/Properties/FunctionName", json!({"Ref": rotator})),
        ("RotationTrigger", "/Properties/BatchSize", json!(1)),
        (rotator, "/Properties/ReservedConcurrentExecutions", Value::Null),
        (rotator, "/Properties/Environment/Variables/StackName", json!("pets")),
    ];
    let stack = api(&[("AWS::StackName", "pets"), ("AWS::StackId", &stack_id)]);
    check(&stack, &rows);
    // The queue must not hand a message to a second one while the first is at it.
    let timeout = stack.resource(rotator)["Properties"]["Timeout"].as_u64().unwrap();
    assert!((300..=900).contains(&timeout));
    let one = api(&[("ReserveRotatorConcurrency", "true")]);
    check(&one, &[(rotator, "/Properties/ReservedConcurrentExecutions", json!(1))]);
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
    for (stack, output, log) in [
        (api(&[]), "AuthorizerLogGroup", "AuthorizerLog"),
        (api(&[]), "RotatorLogGroup", "RotateApiKeysLog"),
        (edge(&[]), "SignerLogGroup", "EdgeSignerLog"),
    ] {
        assert_eq!(stack.value()["Outputs"][output]["Value"], json!({"Ref": log}), "{output}");
    }
}
