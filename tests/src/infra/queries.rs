//! The saved queries of `infra/monitoring.yaml`: that each finds in real lines what it is for, and that the runbook says when to run it.

mod language;
mod lines;

use crate::infra::{
    queries::{
        language::{Query, Row},
        lines::Logs,
    },
    support::{
        rows::{MONITORED_HTTP_API, MONITORED_WEBSOCKET_API, monitoring},
        template::{Template, template, text},
    },
};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const AUTHORIZER_LOG: (&str, &str) = ("AuthorizerLogGroup", "pets-AuthorizerLog-1A2B3C");
const ROTATOR_LOG: (&str, &str) = ("RotatorLogGroup", "pets-RotateApiKeysLog-1A2B3C");

/// By the last part of their names: the log group and the text.
fn queries(stack: &Template) -> BTreeMap<String, (Value, String)> {
    let definitions = stack.resources().values().filter(|resource| resource["Type"] == "AWS::Logs::QueryDefinition");
    let named = definitions.map(|definition| {
        let properties = &definition["Properties"];
        let name = text(&properties["Name"]);
        let name = name.strip_prefix("Countersign/pets-monitoring/").expect("a query is in the folder of its stack");
        let query = text(&properties["QueryString"]);
        assert!((1..=10_000).contains(&query.len()), "{name}");
        (name.to_owned(), (properties["LogGroupNames"].clone(), query))
    });
    named.collect()
}

fn all_queries() -> BTreeMap<String, (Value, String)> {
    queries(&monitoring(&[("AWS::StackName", "pets-monitoring"), AUTHORIZER_LOG, ROTATOR_LOG]))
}

/// A stack without the parameters of the log groups, such as one that is updated, has no query of these groups.
#[test]
fn each_query_is_of_one_log() {
    let of = |more: &[(&str, &str)]| {
        let stack = monitoring(&[&[("AWS::StackName", "pets-monitoring")], more].concat());
        queries(&stack).into_iter().map(|(name, (group, _))| (name, group)).collect::<BTreeMap<_, _>>()
    };
    let edge = || BTreeMap::from([("edge-errors".to_owned(), Value::Null)]);
    assert_eq!(of(&[]), edge());
    let mut of_rotator = edge();
    of_rotator.insert("rotations".to_owned(), json!([ROTATOR_LOG.1]));
    assert_eq!(of(&[ROTATOR_LOG]), of_rotator);
    let all = of(&[AUTHORIZER_LOG, ROTATOR_LOG]);
    for (name, group) in &all {
        let expected = of_rotator.get(name).cloned().unwrap_or_else(|| json!([AUTHORIZER_LOG.1]));
        assert_eq!(*group, expected, "{name}");
    }
    for kind in [MONITORED_HTTP_API, MONITORED_WEBSOCKET_API] {
        assert_eq!(of(&[kind, &[AUTHORIZER_LOG, ROTATOR_LOG]].concat()), all);
    }
}

/// Each row that it has for these lines, in their order.
#[test]
fn each_query_finds_what_it_is_for() {
    let expected: [(&str, &[&str]); 12] = [
        (
            "authorizer-errors",
            &[
                "detail: COUNTERSIGN_SECRET is missing; event: function-not-started",
                "detail: the authorizer does not have a usable key set: see the failed reads in this log; event: request-undecided; reason: no-keys",
                "@message: 2026-11-26T10:00:00.000Z 1 Task timed out after 10.00 seconds",
            ],
        ),
        (
            "clocks",
            &[
                "gateway_source_ip: 127.0.0.1; reason: expired; requests: 1",
                "gateway_source_ip: 127.0.0.1; reason: future; requests: 1",
            ],
        ),
        ("cold-starts", &["bin(5m): 2026-11-26T10:00:00Z; invocations: 2; p99: 1.25; slowest: 41.5; starts: 1"]),
        (
            "edge-errors",
            &[
                "event: refresh-failed; example: the key file KEYS cannot be used: No such file or directory (os error 2); reason: keys; requests: 2",
                "event: request-answered-at-edge; example: no key of the set may be used now, or the set could not be read; reason: no-key; requests: 2; status: 503",
                "event: request-forwarded-unsigned; example: no key of the set may be used now, or the set could not be read; reason: no-key; requests: 1; status: 503",
            ],
        ),
        (
            "events",
            &[
                "event: function-started; lines: 7",
                "event: request-admitted; lines: 4",
                "event: request-would-be-refused; lines: 3; reason: header-missing",
                "event: request-refused; lines: 2; reason: path",
                "event: function-not-started; lines: 1",
                "event: keys-read; lines: 1",
                "event: refresh-failed; lines: 1; reason: keys",
                "event: request-refused; lines: 1; reason: expired",
                "event: request-refused; lines: 1; reason: future",
                "event: request-refused-by-token; lines: 1; reason: token-expired",
                "event: request-undecided; lines: 1; reason: no-keys",
                "event: request-would-be-refused-by-next-authorizer; lines: 1; reason: next-denied",
            ],
        ),
        (
            "keys-not-read",
            &[
                "detail: the key file KEYS cannot be used: No such file or directory (os error 2); event: refresh-failed; lines: 1; reason: keys",
                "detail: the authorizer does not have a usable key set: see the failed reads in this log; event: request-undecided; lines: 1; reason: no-keys",
            ],
        ),
        (
            "one-request",
            &[
                "detail: the token expired N s ago; event: request-refused-by-token; gateway_source_ip: 192.0.2.1; method: GET; reason: token-expired; resource: /pets",
                "detail: the token expired N s ago; event: request-would-be-refused-by-next-authorizer; gateway_source_ip: 192.0.2.1; method: GET; reason: next-denied; resource: /pets",
            ],
        ),
        (
            "refusals-by-address",
            &[
                "gateway_source_ip: 127.0.0.1; reason: header-missing; requests: 3",
                "gateway_source_ip: 127.0.0.1; reason: path; requests: 2",
                "gateway_source_ip: 127.0.0.1; reason: expired; requests: 1",
                "gateway_source_ip: 127.0.0.1; reason: future; requests: 1",
            ],
        ),
        (
            "refusals-by-reason",
            &[
                "addresses: 1; event: request-would-be-refused; example: Countersign-Signature-Input is missing; reason: header-missing; requests: 3",
                "addresses: 1; event: request-refused; example: the path at the gateway differs from the signed path; reason: path; requests: 2",
                "addresses: 1; event: request-refused; example: the signature expired N s ago; reason: expired; requests: 1",
                "addresses: 1; event: request-refused; example: created is N s in the future; reason: future; requests: 1",
                "addresses: 1; event: request-undecided; example: the authorizer does not have a usable key set: see the failed reads in this log; reason: no-keys; requests: 1",
            ],
        ),
        (
            "rotations",
            &[
                "detail: AWS denies the call: allow secretsmanager:PutSecretValue on arn:aws:secretsmanager:eu-west-1:123456789012:secret:countersign/keys-AbCd00 in eu-west-1, and kms:GenerateDataKey on its KMS key if that key is your own (AccessDeniedException); event: rotation-failed",
                "event: rotation-begun; kind: planned; trigger: scheduled",
                "event: rotation-done; kind: planned",
                "dropped: none; event: keys-rotated; kind: planned; version: 53dc4d37-cffa-4f76-80c9-000000000001",
                "event: rotation-begun; kind: planned; trigger: scheduled",
            ],
        ),
        (
            "second-check",
            &[
                "event: request-refused-by-token; example: the token expired N s ago; method: GET; path: /pets; reason: token-expired; requests: 1; unauthorized: true",
                "event: request-undecided; example: the authorizer does not have a usable key set: see the failed reads in this log; method: GET; path: /pets/{petId}; reason: no-keys; requests: 1",
            ],
        ),
        (
            "would-refuse",
            &[
                "event: request-would-be-refused; example: Countersign-Signature-Input is missing; method: GET; path: ANY /pets/{petId}; reason: header-missing; requests: 2",
                "event: request-would-be-refused; example: Countersign-Signature-Input is missing; method: GET; path: /pets/{petId}; reason: header-missing; requests: 1",
                "event: request-would-be-refused-by-next-authorizer; example: the token expired N s ago; method: GET; path: /pets; reason: next-denied; requests: 1",
            ],
        ),
    ];
    let found = all_queries().into_keys().map(|name| (name.clone(), found(&name).iter().map(shown).collect()));
    let expected = expected.map(|(name, rows)| (name.to_owned(), rows.iter().map(|row| (*row).to_owned()).collect()));
    assert_eq!(found.collect::<BTreeMap<String, Vec<String>>>(), expected.into());
}

/// What is not the same in each run: times, ids, and how long something took.
const VARIES: [&str; 6] = ["@timestamp", "last", "key_id", "least", "most", "duration_ms"];

fn shown(row: &Row) -> String {
    let varies = |field: &str| VARIES.contains(&field) || field == "@message" && row.contains_key("event");
    let fields = row.iter().filter(|(field, _)| !varies(field));
    let fields = fields.map(|(field, value)| match value {
        Value::String(text) => format!("{field}: {text}"),
        other => format!("{field}: {other}"),
    });
    let text = fields.collect::<Vec<_>>().join("; ");
    let text = Regex::new("/[^ ]*/keys.json").unwrap().replace(&text, "KEYS").into_owned();
    Regex::new("[0-9]+ s ").unwrap().replace_all(&text, "N s ").into_owned()
}

/// The seconds that a query reads out of a sentence: the signer's clock is 90 s wrong, and a signature lives for 60 s.
#[test]
fn the_distance_of_two_clocks_is_found() {
    for (row, around) in found("clocks").iter().zip([30, 90]) {
        for field in ["least", "most"] {
            let seconds: u64 = row[field].as_str().unwrap().parse().unwrap();
            assert!((around - 1..=around + 2).contains(&seconds), "{row:?}");
        }
    }
}

fn found(name: &str) -> Vec<Row> {
    let query = Query::read(&all_queries()[name].1).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    query.run(log(name))
}

fn log(query: &str) -> &'static [Row] {
    match query {
        "rotations" => &Logs::shared().rotator,
        "edge-errors" => &Logs::shared().signer,
        _ => &Logs::shared().authorizer,
    }
}

/// A field with another name would be empty, and nobody would see it.
#[test]
fn each_query_reads_only_fields_that_are_written() {
    for (name, (_, query)) in all_queries() {
        let written: BTreeSet<_> = log(&name).iter().flat_map(Row::keys).collect();
        let reads = Query::read(&query).unwrap().reads;
        let unwritten: Vec<_> = reads.iter().filter(|field| !written.contains(field)).collect();
        assert!(unwritten.is_empty(), "{name}: {unwritten:?}");
    }
}

/// A page that leads to a query that is not there costs a person time at night, and a query that no page names is never run.
#[test]
fn the_runbook_and_the_reference_name_each_query() {
    let names: BTreeSet<_> = all_queries().into_keys().collect();
    let in_sentences = Regex::new(r"[Ss]aved[ \n]+query[ \n]+`([a-z-]+)`").unwrap();
    let runbook = template("RUNBOOK.md");
    let named: BTreeSet<_> = in_sentences.captures_iter(&runbook).map(|found| found[1].to_owned()).collect();
    assert_eq!(named, names);

    let reference = template("../docs/metrics-and-logs.md");
    let (_, table) = reference.split_once("| saved query | ").expect("it has a table of them");
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), names);
}
