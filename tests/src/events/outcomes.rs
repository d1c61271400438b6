//! Each event as it is, as the edge would have signed it, and with one part changed after that.

use super::{
    edge::{Kind, repeat_header, signed, target},
    files::{File, Source, of_api_gateway, of_other_services},
    subject::{Outcome, Subject},
    table::{NOT_SIGNED, OTHER_SERVICES, Row, SIGNED, Signed},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The event of a row, with the members that it adds.
pub(super) fn complete(row: &Row, files: &BTreeMap<(Source, String), File>) -> Value {
    let mut event = files[&(row.source, row.file.to_owned())].event();
    for (pointer, member) in row.added {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[name] = serde_json::from_str(member).unwrap();
    }
    event
}

/// The event of a row as the edge would have signed it.
pub(super) fn as_signed(row: &Row, files: &BTreeMap<(Source, String), File>) -> Value {
    let event = complete(row, files);
    signed(&event, &target(&event, row.path))
}

#[test]
fn each_file_has_a_row_and_each_row_has_a_file() {
    let files: BTreeSet<_> = of_api_gateway().into_keys().collect();
    let rows: Vec<_> = NOT_SIGNED.iter().map(|(source, file, _)| (*source, (*file).to_owned())).collect();
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), files);
    assert_eq!(rows.len(), files.len(), "a file has two rows");

    // What another program signs is tried with each REQUEST event that the authorizer can read.
    let readable = NOT_SIGNED.iter().filter(|(_, _, outcome)| outcome.starts_with("refused"));
    let readable: BTreeSet<_> = readable.map(|(source, file, _)| (*source, *file)).collect();
    assert_eq!(SIGNED.iter().map(|row| (row.source, row.file)).collect::<BTreeSet<_>>(), readable);
}

/// The page says of each event where its form is from.
#[test]
fn the_readme_names_each_event_of_ours_and_no_other() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/api-gateway/README.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(".json` |"));
    let named: Vec<_> = rows.map(|(name, _)| name.to_owned()).collect();
    let mut sorted = named.clone();
    sorted.sort();
    let ours = of_api_gateway().into_keys().filter(|(source, _)| *source == Source::Ours).map(|(_, name)| name);
    assert_eq!(sorted, ours.collect::<Vec<_>>());
}

fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Admitted { path, .. } => format!("admitted {path}"),
        Outcome::Refused(reason) => format!("refused {reason}"),
        Outcome::Unreadable(reason) => format!("unreadable {reason}"),
    }
}

#[tokio::test]
async fn an_event_that_nobody_signed_is_never_admitted() {
    let subject = Subject::new();
    let files = of_api_gateway();
    let mut wrong = vec![];
    for (source, file, expected) in NOT_SIGNED {
        let found = text(&subject.ask(&files[&(*source, (*file).to_owned())].text).await.outcome);
        if found != *expected {
            wrong.push(format!("{source:?} {file}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Somebody who gives the function an event of another service gets an error that says so.
#[tokio::test]
async fn an_event_of_another_service_is_not_an_authorizer_event() {
    let subject = Subject::new();
    let files = of_other_services();
    assert!(files.len() > 100, "{} files", files.len());
    let found = files.iter().map(async |file| (file.name.as_str(), text(&subject.ask(&file.text).await.outcome)));
    let mut others = vec![];
    for found in found {
        let (name, outcome) = found.await;
        if outcome != "unreadable unsupported-event" {
            others.push((name, outcome));
        }
    }
    let others: Vec<_> = others.iter().map(|(name, outcome)| (*name, outcome.as_str())).collect();
    assert_eq!(others, OTHER_SERVICES);
}

#[tokio::test]
async fn an_event_is_admitted_if_the_edge_signed_its_target() {
    let files = of_api_gateway();
    let mut wrong = vec![];
    for answer in ["simple", "policy"] {
        let subject = Subject::answering(answer);
        for row in SIGNED {
            let event = complete(row, &files);
            let signed_target = target(&event, row.path);
            let found = subject.outcome(&signed(&event, &signed_target)).await;
            let expected = match row.signed {
                Signed::Admitted(path) => Outcome::Admitted { path: path.to_owned(), target: signed_target.clone() },
                Signed::Refused(reason) => Outcome::Refused(reason.to_owned()),
            };
            if found != expected {
                wrong.push(format!("{:?} {}, {answer}: {found:?}, not {expected:?}", row.source, row.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One change to a signed event: its name, and how it is made. It returns `None` if the event does not show that part.
type Change = (&'static str, fn(&mut Value, Kind) -> Option<&'static str>);

/// What a stranger could have sent in the place of what was signed. Each change returns the reason of the refusal.
const CHANGES: &[Change] = &[
    ("another method", |event, kind| {
        let (first, second) = match kind {
            // The method is always GET, and the event does not show one.
            Kind::WebSocket => return None,
            Kind::HttpV2 => ("/requestContext/http/method", None),
            Kind::Rest | Kind::HttpV1 => ("/requestContext/httpMethod", Some("/httpMethod")),
        };
        for pointer in [Some(first), second].into_iter().flatten() {
            *event.pointer_mut(pointer)? = json!("DELETE");
        }
        Some("signature")
    }),
    ("two methods", |event, kind| {
        if !matches!(kind, Kind::Rest | Kind::HttpV1) {
            return None;
        }
        event["httpMethod"] = json!("DELETE");
        Some("method")
    }),
    ("another path", |event, kind| {
        let pointer = match kind {
            Kind::WebSocket => return None,
            Kind::Rest => "/requestContext/path",
            Kind::HttpV1 => "/path",
            Kind::HttpV2 => "/rawPath",
        };
        let path = event.pointer_mut(pointer)?;
        *path = json!(format!("{}x", path.as_str()?));
        Some("path")
    }),
    ("another stage", |event, kind| {
        event["requestContext"]["stage"] = json!("other");
        let is_listed = event["requestContext"]["domainName"].as_str()?.ends_with(".example.com");
        match kind {
            // A stage that is not in the path changes nothing that the signature covers. The stage is chosen by the path,
            // or by a mapping: then the domain must be listed.
            _ if is_listed => Some("base-path"),
            Kind::WebSocket => Some("path"),
            Kind::Rest | Kind::HttpV1 | Kind::HttpV2 => None,
        }
    }),
    ("another query", |event, kind| {
        match kind {
            Kind::HttpV2 => event["rawQueryString"] = json!("other=1"),
            _ => {
                event["queryStringParameters"] = json!({ "other": "1" });
                event["multiValueQueryStringParameters"] = json!({ "other": ["1"] });
            }
        }
        Some("query")
    }),
    ("another host", |event, _| {
        event["requestContext"]["domainName"] = json!("other.execute-api.eu-west-1.amazonaws.com");
        Some("host")
    }),
    ("a second copy of the signature", |event, kind| {
        repeat_header(event, "countersign-signature");
        Some(if kind == Kind::HttpV2 { "label-repeated" } else { "header-repeated" })
    }),
    ("a second copy of the target", |event, kind| {
        repeat_header(event, "countersign-target");
        // Two targets with a comma between them are one target, whose path ends at the first question mark.
        Some(match (kind, event["rawQueryString"].as_str()) {
            (Kind::HttpV2, Some("")) => "path",
            (Kind::HttpV2, _) => "query",
            _ => "header-repeated",
        })
    }),
    ("a second signature under a name with underscores", |event, _| {
        for map in ["headers", "multiValueHeaders"] {
            if let Some(headers) = event[map].as_object_mut() {
                let copy = headers["countersign-signature"].clone();
                headers.insert("Countersign_Signature".to_owned(), copy);
            }
        }
        Some("header-repeated")
    }),
    ("a later time", |event, kind| {
        let pointer = if kind == Kind::HttpV2 { "timeEpoch" } else { "requestTimeEpoch" };
        let time = event["requestContext"][pointer].as_u64()?;
        event["requestContext"][pointer] = json!(time + 3_600_000);
        Some("expired")
    }),
];

#[tokio::test]
async fn an_admitted_event_is_refused_after_one_change() {
    let subject = Subject::new();
    let files = of_api_gateway();
    let mut wrong = vec![];
    for row in SIGNED.iter().filter(|row| matches!(row.signed, Signed::Admitted(_))) {
        let event = as_signed(row, &files);
        let kind = Kind::of(&event);
        for (name, change) in CHANGES {
            let mut changed = event.clone();
            let Some(reason) = change(&mut changed, kind) else { continue };
            let found = subject.outcome(&changed).await;
            if found != Outcome::Refused(reason.to_owned()) {
                wrong.push(format!("{:?} {} with {name}: {found:?}, not {reason}", row.source, row.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
