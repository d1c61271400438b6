//! The commands of `infra/RUNBOOK.md`, on the stacks that the walk-through of README.md has made.

use crate::infra::{
    shell::{
        blocks::{blocks_of, find},
        machine::{Machine, has_lines},
    },
    support::template::template,
};
use serde_json::json;
use std::time::SystemTime;

/// Lines of the programs, and one of Lambda's own.
const LINES: [&str; 8] = [
    r#"{"event":"request-refused","timestamp":"2026-11-26T10:00:00Z","reason":"path","gateway_source_ip":"192.0.2.1"}"#,
    r#"{"event":"request-would-be-refused","timestamp":"2026-11-26T10:00:00Z","reason":"path","method":"GET","resource":"/pets"}"#,
    r#"{"event":"request-refused-by-token","timestamp":"2026-11-26T10:00:00Z","reason":"token-expired","method":"GET","route_key":"GET /pets"}"#,
    r#"{"event":"refresh-failed","timestamp":"2026-11-26T10:00:00Z","detail":"AccessDenied"}"#,
    r#"{"event":"request-answered-at-edge","timestamp":"2026-11-26T10:00:00Z","status":500,"reason":"no-keys","detail":"a header"}"#,
    r#"{"event":"request-forwarded-unsigned","timestamp":"2026-11-26T10:00:00Z","status":503,"reason":"no-keys","detail":"no keys"}"#,
    r#"{"event":"rotation-failed","timestamp":"2026-11-26T10:00:00Z","detail":"the stack is busy"}"#,
    "Task timed out ERROR Runtime\n",
];

pub(crate) fn walk(machine: &mut Machine) {
    let blocks = blocks_of("RUNBOOK.md", "sh");
    machine.succeeds(&blocks[0]);
    let block = |part: &str| find(&blocks, part);

    // A log without lines, and one that does not exist, are not the same.
    let reasons = block("select(.reason)");
    machine.succeeds(reasons);
    machine.types("STACK=unknown");
    machine.fails(reasons, "does not exist");
    machine.types("STACK=pets");
    for (output, region) in [
        ("AuthorizerLogGroup", "eu-west-1"),
        ("RotatorLogGroup", "eu-west-1"),
        ("SignerLogGroup \"$EDGE_STACK\" us-east-1", "us-east-1"),
    ] {
        let group = machine.types(&format!("output {output}"));
        machine.writes_log(region, &group, &LINES);
    }
    has_lines(
        machine.succeeds(reasons).replace("      1", "1").as_str(),
        &["1 request-refused path 192.0.2.1", "1 request-refused-by-token token-expired -"],
    );

    // The edge's stack is in us-east-1, and has a log in every Region in which the signer ran.
    let runbook = template("RUNBOOK.md");
    let mut commands = runbook.split('`').filter(|code| code.starts_with("lines SignerLogGroup 15"));
    let elsewhere = commands.next().expect("it says how to read another Region");
    let group = machine.types("output SignerLogGroup \"$EDGE_STACK\" us-east-1");
    let line = r#"{"event":"refresh-failed","detail":"in another Region"}"#;
    machine.aws("eu-west-1", &["logs", "create-log-group", "--log-group-name", &group]);
    machine.writes_log("eu-west-1", &group, &[line]);
    assert_eq!(machine.types(elsewhere), line);

    let second_check = machine.succeeds(block("by-next-authorizer"));
    has_lines(
        second_check.replace("      1", "1").as_str(),
        &["1 request-refused-by-token token-expired GET GET /pets"],
    );

    // LocalStack has no distribution: moto's is the output of another stack.
    let looks = block("get-distribution-config");
    let id = machine.makes_a_distribution();
    machine.stub("stub", &json!({"DistributionId": id}));
    machine.types("STACK=stub");
    assert_eq!(machine.succeeds(looks), "default: no function at the origin request false");
    let dimensions = format!("DistributionId={id},Region=Global");
    // Now is not before the end of what is asked for.
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 120;
    let before = before.to_string();
    let datum = [
        "--timestamp",
        &before,
        "--namespace",
        "AWS/CloudFront",
        "--metric-name",
        "4xxErrorRate",
        "--value",
        "7",
        "--dimensions",
        &dimensions,
    ];
    machine.aws("us-east-1", &[&["cloudwatch", "put-metric-data"], &datum[..]].concat());
    let rates = machine.succeeds(block("4xxErrorRate"));
    assert!(rates.contains("\t7.0"), "{rates}");
    machine.types("STACK=pets");

    let throttles = block("--metric-name Throttles");
    machine.answer(&json!([{"program": "aws", "has": ["get-metric-statistics", "eu-west-2"], "out": "3.0\n"},
        {"program": "aws", "has": ["get-metric-statistics"], "out": "None\n"}]));
    has_lines(&machine.succeeds(throttles), &["eu-west-1 None", "eu-west-2 3.0"]);
    let calls = machine.calls();
    assert_eq!(calls.len(), 13);
    assert!(calls.iter().all(|call| call.contains(&"AWS/Lambda".to_owned())), "{calls:?}");
    machine.answer(&json!([]));

    let others: Vec<_> = blocks.iter().filter(|block| block.class() == "run" && !machine.has_run(block)).collect();
    for block in others {
        let printed = machine.succeeds(block);
        assert!(!printed.is_empty(), "{} prints nothing", block.place());
    }
    machine.has_done(&blocks);
}
