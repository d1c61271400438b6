//! The examples of CloudWatch's user guide, to the letter.

use crate::infra::alarms::cloudwatch::{
    Reading,
    alarm::Alarm,
    composite::Rule,
    expression::{Expression, Operator, Value},
    metrics::{Metric, Minute, Timeline},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const EXAMPLE: Reading = Reading { more_periods: 2, fills_empty_series: true, late: 0, late_in_logs: 0 };

fn properties(more: Json) -> Json {
    let mut properties = json!({
        "AlarmDescription": "x",
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [{"Name": "D", "Value": "d"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    });
    for (name, value) in more.as_object().unwrap() {
        match value {
            Json::Null => properties.as_object_mut().unwrap().remove(name),
            value => properties.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    properties
}

#[track_caller]
fn alarm(more: Json) -> Alarm {
    Alarm::read(&properties(more)).unwrap()
}

/// `0`, `X` and `-` as in the guide's tables.
fn points(text: &str) -> Vec<Option<f64>> {
    let value = |point| match point {
        "0" => Some(0.0),
        "X" => Some(2.0),
        "-" => None,
        number => Some(number.parse().unwrap()),
    };
    text.split(' ').map(value).collect()
}

/// "Configuring how CloudWatch alarms treat missing data": three of three, and two of three.
#[test]
fn missing_data_is_treated_as_in_the_tables_of_the_guide() {
    for (to_alarm, rows) in [
        (
            3,
            &[
                ("0 - X - X", false, false),
                ("0 - - - -", false, false),
                ("- - - - -", true, false),
                ("0 X X - X", true, true),
                ("- - - - X", true, false),
                ("X - - - -", true, false),
            ][..],
        ),
        (
            2,
            &[
                ("0 - X - X", true, true),
                ("0 0 X 0 X", true, true),
                ("0 - X - -", true, false),
                ("- - - - 0", true, false),
                ("- - - - X", true, false),
            ],
        ),
    ] {
        for &(row, breaching, not_breaching) in rows {
            for (missing, expected) in [("breaching", breaching), ("notBreaching", not_breaching)] {
                let alarm = alarm(json!({"DatapointsToAlarm": to_alarm, "TreatMissingData": missing}));
                assert_eq!(alarm.state(&points(row)), expected, "{to_alarm} of 3, {missing}: {row}");
            }
        }
    }
}

/// The figure in "Evaluating an alarm": three of three, over a threshold of three units.
#[test]
fn an_alarm_rings_while_enough_periods_breach() {
    let alarm = alarm(json!({"Threshold": 3}));
    let mut timeline = Timeline::idle(11);
    for (minute, value) in (0..).zip([2.0, 2.0, 4.0, 5.0, 4.0, 2.0, 2.0, 2.0, 4.0, 2.0]) {
        let mut values = Minute::default();
        values.put(Metric::new("N", "M", &[("D", "d")]), value);
        timeline.add([minute], &values);
    }
    for reading in Reading::ALL {
        let rings: Vec<_> = (1..11).filter(|&minute| alarm.rings(&timeline, minute, reading).unwrap()).collect();
        assert_eq!(rings, [5], "when the third is over");
    }
}

/// "The window advances each time the alarm is evaluated, forming a rolling time window."
#[test]
fn a_period_ends_in_each_minute() {
    let alarm = alarm(json!({"Period": 300, "EvaluationPeriods": 1, "Threshold": 3}));
    let mut timeline = Timeline::idle(20);
    let mut values = Minute::default();
    values.put(Metric::new("N", "M", &[("D", "d")]), 2.0);
    timeline.add([7, 10], &values);
    let reading = Reading { more_periods: 0, ..EXAMPLE };
    let rings: Vec<_> = (1..20).filter(|&minute| alarm.rings(&timeline, minute, reading).unwrap()).collect();
    assert_eq!(rings, [11, 12], "as long as both are of the last five minutes");
}

/// Each minute, but alarms that look at more than a day only once in an hour.
#[test]
fn an_alarm_that_looks_at_days_is_evaluated_each_hour() {
    for (period, periods, minutes) in [(60, 3, 1), (86_400, 1, 1), (43_200, 3, 60), (86_400, 7, 60)] {
        let alarm = alarm(json!({"Period": period, "EvaluationPeriods": periods}));
        assert_eq!(alarm.interval(), minutes, "{periods} of {period} s");
    }
    let metric = Metric::new("N", "M", &[("D", "d")]);
    assert_eq!(alarm(json!({})).metrics(), [&metric].into());
}

#[track_caller]
fn evaluate(text: &str, series: &[(&str, &str)], reading: Reading) -> Result<Value, String> {
    let series: BTreeMap<_, _> = series.iter().copied().collect();
    let query = |id: &str| series.get(id).map(|values| Value::Series(points(values))).ok_or_else(|| id.to_owned());
    Expression::parse(text)?.evaluate(reading, &query)
}

#[test]
fn expressions_are_evaluated_as_in_the_examples_of_the_guide() {
    let compared = [("metric1", "30 20 0 0"), ("metric2", "20 - 20 -")];
    let choices = [("metric1", "1 1 0 0 -"), ("metric2", "30 - 0 0 30"), ("metric3", "0 0 20 - 20")];
    for (text, series, expected) in [
        ("(metric1 < metric2)", &compared[..], "0 0 1 0"),
        ("(metric1 >= 30)", &compared, "1 0 0 0"),
        ("(metric1 > 15 AND metric2 > 15)", &compared, "1 0 0 0"),
        ("metric1 > 15 || metric2 > 15", &compared, "1 1 1 0"),
        ("IF(metric1, metric2, metric3)", &choices, "30 0 20 - -"),
        ("IF(metric1, 5, metric3)", &choices, "5 5 20 - -"),
        ("IF(metric1, metric2, 5)", &choices, "30 0 5 5 -"),
        ("IF(metric1, metric2)", &choices, "30 0 - - -"),
        // The guide says these in words.
        ("metric1 + metric2", &compared, "50 20 20 0"),
        ("metric1 - -metric2 * 2", &compared, "70 20 40 0"),
        ("100 * (metric1 + 10) / metric2", &compared, "200 - 50 -"),
        ("metric1 / (metric1 - 20)", &compared, "3 - 0 0"),
        ("FILL(metric2, 7)", &compared, "20 7 20 7"),
        ("FILL(metric2, REPEAT)", &compared, "20 20 20 20"),
        ("FILL(metric2, metric1)", &compared, "20 20 20 0"),
        ("FILL(m, REPEAT)", &[("m", "- 1 - 0 -")], "- 1 1 0 0"),
        ("FILL(m, 0) + FILL(n, 0)", &[("m", "- 1 -"), ("n", "- - 2")], "0 1 2"),
    ] {
        assert_eq!(evaluate(text, series, EXAMPLE), Ok(Value::Series(points(expected))), "{text}");
    }
    let empty = Reading { fills_empty_series: false, ..EXAMPLE };
    assert_eq!(evaluate("FILL(m, 0)", &[("m", "- -")], empty), Ok(Value::Series(vec![None; 2])));
    assert_eq!(evaluate("FILL(m, 0)", &[("m", "- 1")], empty), Ok(Value::Series(points("0 1"))));
    assert_eq!(evaluate("2 * 3 - 1", &[], EXAMPLE), Ok(Value::Scalar(5.0)));
}

#[test]
fn what_is_not_understood_is_refused() {
    for text in [
        "",
        "m1 +",
        "m1 m2",
        "(m1",
        "M1",
        "m1 % 2",
        "m1 ^ 2",
        "MAX(m1)",
        "max(m1)",
        "SUM([m1, m2])",
        "RATE(m1)",
        "METRICS()",
        "FILL(m1)",
        "FILL(m1, LINEAR)",
        "FILL(m1, REPEATED)",
        "IF(m1)",
        "IF(m1, 1, 2, 3)",
        "if(m1, 1)",
        "m1 < 1 < 2",
        "m1 AND m2 OR m3",
        "m1 OR m2 AND m3",
        "m1 AND NOT m2",
        "NOT m1",
        "SEARCH('x', 'Sum')",
        "REPEAT",
    ] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
    let told = Expression::parse("100 * MAX(m1)").unwrap_err();
    assert!(told.contains("100 * MAX(m1)\n      ^"), "{told}");
    for (text, expected) in [
        ("m2", "m2"),
        ("1 / 0", "a number is divided by 0"),
        ("FILL(1, 0)", "FILL is of a series"),
        ("IF(1, 2, 3)", "IF needs a series"),
    ] {
        assert_eq!(evaluate(text, &[("m1", "1")], EXAMPLE), Err(expected.to_owned()), "{text}");
    }
    let mixed = Expression::parse("(m1 AND m2) OR m3").unwrap();
    assert!(matches!(mixed, Expression::Binary(_, Operator::Or, _)), "{mixed:?}");
}

#[test]
fn an_alarm_that_is_not_understood_is_refused() {
    let query = |id: &str, period: u32| {
        let metric = json!({"Namespace": "N", "MetricName": "M", "Dimensions": []});
        json!({"Id": id, "ReturnData": false, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}})
    };
    let of_queries = |queries: &[Json]| json!({"Namespace": null, "MetricName": null, "Dimensions": null, "Statistic": null, "Period": null, "Metrics": queries});
    let result = |text: &str| json!({"Id": "result", "Expression": text});
    let rings = |more: Json| {
        let mut timeline = Timeline::idle(10);
        let mut values = Minute::default();
        values.put(Metric::new("N", "M", &[]), 2.0);
        timeline.add(0..10, &values);
        Alarm::read(&properties(more))?.rings(&timeline, 10, EXAMPLE)
    };
    assert_eq!(rings(of_queries(&[result("a + b"), query("a", 60), query("b", 60)])), Ok(true));
    for (more, expected) in [
        (json!({"Unit": "Count"}), "unknown field `Unit`"),
        (json!({"EvaluationWindow": {}}), "unknown field `EvaluationWindow`"),
        (json!({"ExtendedStatistic": "p99"}), "unknown field `ExtendedStatistic`"),
        (json!({"TreatMissingData": "ignore"}), "unknown variant `ignore`"),
        (json!({"TreatMissingData": null}), "missing field `TreatMissingData`"),
        (json!({"ComparisonOperator": "GreaterThanUpperThreshold"}), "unknown variant `GreaterThanUpperThreshold`"),
        (json!({"Statistic": "p99"}), "unknown variant `p99`"),
        (json!({"Dimensions": [{"Name": "D", "Value": {"Ref": "X"}}]}), "invalid type: map"),
        (json!({"Period": 90}), "3 of 3 periods of 90 s are not possible"),
        (json!({"DatapointsToAlarm": 4}), "4 of 3 periods of 60 s are not possible"),
        (json!({"Period": 1800, "EvaluationPeriods": 49}), "49 periods of 1800 s are too long"),
        (json!({"Period": 86400, "EvaluationPeriods": 8}), "8 periods of 86400 s are too long"),
        (json!({"Metrics": [query("a", 60)]}), "it watches either one metric"),
        (of_queries(&[query("a", 60)]), "one query returns data, and all have one period: []"),
        (of_queries(&[result("a + b"), query("a", 60), query("b", 300)]), "one query returns data, and all have one"),
        (of_queries(&[result("a"), query("a", 60), query("a", 60)]), "a is there twice"),
        (of_queries(&[result("a + b"), query("a", 60)]), "no query has the id b"),
        (of_queries(&[result("result + a"), query("a", 60)]), "the queries of result go round in a circle"),
        (of_queries(&[result("1 + 1"), query("a", 60)]), "an alarm watches a series, not a number"),
        (of_queries(&[result("RATE(a)"), query("a", 60)]), "\"RATE(a)\" is not understood"),
    ] {
        let told = rings(more.clone()).unwrap_err();
        assert!(told.starts_with(expected), "{more}: {told}");
    }
}

#[test]
fn a_rule_holds_as_its_alarms_ring() {
    let rings = |name: &str| ["a", "b", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:c"].contains(&name);
    for (text, expected) in [
        ("ALARM(a)", true),
        ("ALARM(\"a\") AND ALARM(d)", false),
        ("ALARM(a) AND NOT ALARM(d)", true),
        ("OK(d) OR OK(a)", true),
        ("NOT (ALARM(a) OR ALARM(d))", false),
        ("ALARM(d) AND ALARM(e) OR ALARM(a)", true),
        ("ALARM(\"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:c\")", true),
    ] {
        assert_eq!(Rule::parse(text).unwrap().holds(&rings), expected, "{text}");
    }
    let mut properties = json!({"AlarmDescription": "x", "AlarmRule": "ALARM(a)"});
    assert_eq!(Rule::read(&properties), Rule::parse("ALARM(a)"));
    properties["ActionsSuppressor"] = json!("b");
    assert!(Rule::read(&properties).unwrap_err().starts_with("unknown field `ActionsSuppressor`"));
    assert_eq!(Rule::parse("ALARM(b) AND NOT OK(a)").unwrap().alarms().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    for text in ["", "ALARM", "ALARM()", "ALARM(a) ALARM(b)", "INSUFFICIENT_DATA(a)", "AT_LEAST(1, ALARM, (a, b))", "a"]
    {
        assert!(Rule::parse(text).is_err(), "{text}");
    }
}
