//! The pages of `docs` that list what is in the code list all of it, as it is there.

use crate::repository::{
    definitions::read,
    markdown::{Document, Kind},
};
use pulldown_cmark::HeadingLevel;
use settings::Seconds;
use std::collections::BTreeSet;
use telemetry::{METRICS, Unit};

/// Where `fn reason` names the codes of the log.
const REASONS: [&str; 8] = [
    "signing/src/refusal.rs",
    "authorizer/src/origin_header/refusal.rs",
    "authorizer/src/jwt/refusal.rs",
    "authorizer/src/delegate/failure.rs",
    "authorizer/src/then.rs",
    "authorizer/src/failure.rs",
    "authorizer/src/event.rs",
    "edge-signer/src/decision.rs",
];

/// What could not be read, in the event `refresh-failed`.
const READS: [&str; 3] = ["keys", "origin-header", "token-keys"];

/// Every reason that the log can have, out of the enums.
pub(crate) fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::from(READS.map(str::to_owned));
    for file in REASONS {
        codes.extend(reasons(&read(file)));
    }
    assert!(codes.len() > 60, "{codes:?}");
    codes
}

#[test]
fn every_reason_has_its_section() {
    let codes = codes();
    let document = Document::open("docs/refusal-reasons.md");
    let sections = document.headings().into_iter().filter(|(level, ..)| *level == HeadingLevel::H3);
    let sections: Vec<_> = sections.map(|(_, text, _)| text.to_owned()).collect();
    let missing: Vec<_> = codes.iter().filter(|code| !sections.contains(code)).collect();
    let unknown: Vec<_> = sections.iter().filter(|section| !codes.contains(*section)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "without a section: {missing:?}; without a code: {unknown:?}");
    assert_eq!(sections.len(), codes.len(), "a section is there twice");
}

/// The form in which `countersign explain` reads a section. The last part is there if a command tells the causes apart.
#[test]
fn the_section_of_a_reason_has_three_parts_or_four() {
    const PARTS: [&str; 3] = ["Meaning: ", "Likely causes: ", "What to do: "];
    let document = Document::open("docs/refusal-reasons.md");
    let mut blocks = document.blocks.iter().peekable();
    while let Some(heading) = blocks.next() {
        if heading.kind != Kind::Heading(HeadingLevel::H3) {
            continue;
        }
        for part in PARTS {
            let text = blocks.next().map(|block| block.cells[0].text.as_str()).unwrap_or_default();
            assert!(text.starts_with(part) && text.ends_with('.'), "{}: {part}{text}", heading.cells[0].text);
        }
        if let Some(block) = blocks.next_if(|block| block.cells[0].text.starts_with("To tell them apart: ")) {
            assert!(!block.cells[0].code.is_empty(), "{}: no command", heading.cells[0].text);
        }
        let rest = blocks.peek().is_none_or(|block| matches!(block.kind, Kind::Heading(_)));
        assert!(rest, "{}: more than these parts", heading.cells[0].text);
    }
}

/// Each setting with its default and its range.
#[test]
fn every_setting_is_in_its_table() {
    let document = Document::open("docs/configuration.md");
    for (heading, files, times) in [
        (
            "custom header",
            &["edge-signer/src/config.rs"][..],
            &[
                ("countersign-lifetime", Seconds::LIFETIME),
                ("countersign-ttl", Seconds::SIGNER_TTL),
                ("countersign-max-stale", Seconds::SIGNER_MAX_STALE),
            ][..],
        ),
        (
            "variable",
            &["authorizer/src/config.rs"],
            &[
                ("COUNTERSIGN_TTL", Seconds::VERIFIER_TTL),
                ("COUNTERSIGN_MAX_STALE", Seconds::VERIFIER_MAX_STALE),
                ("COUNTERSIGN_MAX_LIFETIME", Seconds::LIFETIME),
                ("COUNTERSIGN_SKEW", Seconds::SKEW),
            ],
        ),
        (
            "variable about what follows",
            &["authorizer/src/then/config.rs", "authorizer/src/jwt/config.rs", "authorizer/src/delegate/config.rs"],
            &[("COUNTERSIGN_JWT_SKEW", Seconds::TOKEN_SKEW), ("COUNTERSIGN_NEXT_TIMEOUT", Seconds::NEXT_TIMEOUT)],
        ),
        (
            "variable of the rotator",
            &["rotator/src/config.rs"],
            &[
                ("COUNTERSIGN_LEAD", Seconds::LEAD),
                ("COUNTERSIGN_GRACE", Seconds::GRACE),
                ("COUNTERSIGN_TTL", Seconds::VERIFIER_TTL),
                ("COUNTERSIGN_MAX_LIFETIME", Seconds::LIFETIME),
                ("COUNTERSIGN_SKEW", Seconds::SKEW),
                ("COUNTERSIGN_OUTAGE", Seconds::OUTAGE),
                ("COUNTERSIGN_MAX_STALE", Seconds::VERIFIER_MAX_STALE),
                ("COUNTERSIGN_REPLICATION", Seconds::REPLICATION),
            ],
        ),
    ] {
        let tables = document.tables();
        let table = tables.iter().find(|table| table[0].cells[0].text == heading).expect(heading);
        let rows: Vec<_> = table[1..].iter().map(|row| [0, 1, 2].map(|at| row.cells[at].text.as_str())).collect();
        let listed: BTreeSet<_> = rows.iter().map(|[name, ..]| (*name).to_owned()).collect();
        // This one belongs to the whole function.
        let known = files.iter().flat_map(|file| settings_of(&read(file)));
        let known = known.filter(|name| name != "COUNTERSIGN_ANSWER" || files == ["authorizer/src/config.rs"]);
        assert_eq!(listed, known.collect::<BTreeSet<_>>(), "{files:?}");
        for [name, default, range] in rows {
            match times.iter().find(|(other, _)| *other == name) {
                Some((_, seconds)) => {
                    assert_eq!(range, seconds.to_string(), "{files:?}: {name}");
                    let stale_is_outage = default == "as COUNTERSIGN_OUTAGE" && name == "COUNTERSIGN_MAX_STALE";
                    assert!(stale_is_outage || default == seconds.default.as_secs().to_string(), "{files:?}: {name}");
                }
                None => assert!(!range.starts_with(|c: char| c.is_ascii_digit()), "{files:?}: {name}"),
            }
        }
    }
}

#[test]
fn every_metric_is_in_its_table() {
    let document = Document::open("docs/metrics-and-logs.md");
    let tables = document.tables();
    let table = tables.iter().find(|table| table[0].cells[0].text == "metric").expect("there is the table");
    let listed: Vec<_> =
        table[1..].iter().map(|row| (row.cells[0].text.as_str(), row.cells[1].text.as_str())).collect();
    let known: BTreeSet<_> = METRICS.iter().map(|metric| (metric.name, unit(metric.unit))).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(listed.len(), known.len(), "a metric is there twice");
}

/// A command that looks for an event, and a sentence about one, name an event of the table.
#[test]
fn every_event_that_is_named_is_in_its_table() {
    let page = Document::open("docs/metrics-and-logs.md");
    let tables = page.tables();
    let table = tables.iter().find(|table| table[0].cells[0].text == "event").expect("there is the table");
    let known: BTreeSet<_> = table[1..].iter().flat_map(|row| &row.cells[0].code).map(String::as_str).collect();
    let logged = events(&read("telemetry/src/event.rs"));
    assert_eq!(known.iter().map(|event| (*event).to_owned()).collect::<BTreeSet<_>>(), logged);
    let is_known = |name: &str| match name.strip_suffix('*') {
        Some(beginning) => known.iter().any(|event| event.starts_with(beginning)),
        None => known.contains(name),
    };
    let mut named = 0;
    for document in Document::all() {
        let code = document.blocks.iter().flat_map(|block| block.cells.iter().flat_map(|cell| &cell.code));
        let code = code.map(String::as_str).filter(|span| {
            ["request-", "rotation-", "function-"].iter().any(|start| span.starts_with(start))
                && *span != "request-time"
        });
        let looked_for = document.text.split("$.event = \"").skip(1).filter_map(|rest| rest.split('"').next());
        for name in code.chain(looked_for) {
            assert!(is_known(name), "{} names the event {name}", document.path);
            named += 1;
        }
    }
    assert!(named > 20, "only {named} are found");
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "Count",
        Unit::Seconds => "Seconds",
        Unit::Milliseconds => "Milliseconds",
        Unit::None => "None",
    }
}

/// The events that the log has, by the names of their variants.
fn events(code: &str) -> BTreeSet<String> {
    let (_, rest) = code.split_once("pub enum Event<'a> {\n").unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = variants.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    variants.map(|line| kebab(line.split([' ', '(', ',']).next().unwrap())).collect()
}

/// `RequestAdmitted` as `request-admitted`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// The codes that the functions of this name return.
fn reasons(code: &str) -> Vec<String> {
    let functions = code.split("fn reason(").skip(1).filter_map(|rest| rest.split("\n    }\n").next());
    let texts = functions.flat_map(|function| function.split("=> \"").skip(1));
    texts.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// The names of the settings that a file reads, each a constant.
fn settings_of(code: &str) -> BTreeSet<String> {
    let constants = code.lines().filter(|line| line.starts_with("const ")).filter_map(|line| line.split('"').nth(1));
    let names = constants.filter(|name| name.to_ascii_lowercase().starts_with("countersign") || *name == "StackName");
    names.map(str::to_owned).collect()
}

#[test]
fn a_code_is_read_out_of_its_match() {
    let code = "    pub const fn reason(&self) -> &'static str {\n        match self {\n            Self::A => \"a-b\",\n            \
        Self::B { .. } => \"c\",\n            Self::C(c) => c.reason(),\n        }\n    }\n\n    fn other() { x => \"d\" }\n";
    assert_eq!(reasons(code), ["a-b", "c"]);
}
