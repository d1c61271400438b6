//! Damaged events: each gets a refusal or an error with a reason, none is admitted for something that was not signed, and no
//! credential in them reaches the log or an error.

use super::{
    changes::{Damaged, of_members, of_text},
    edge::{signed, target},
    files::of_api_gateway,
    marked::{assert_no_marker, marked},
    outcomes::{as_signed, complete},
    subject::{Outcome, Subject},
    table::{SIGNED, Signed},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A bound that only an endless or quadratic reader reaches, on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(10);

async fn ask(subject: &Subject, file: &str, damaged: &Damaged) -> Outcome {
    let begun = Instant::now();
    let said = subject.ask(&damaged.text).await;
    let what = || format!("{file}: {}", damaged.what);
    assert!(begun.elapsed() < LONGEST, "{} took {:?}", what(), begun.elapsed());
    assert_no_marker(&said, &what);
    said.outcome
}

#[tokio::test]
async fn a_damaged_event_that_nobody_signed_is_never_admitted() {
    let subject = Subject::new();
    let mut asked = 0;
    for ((_, name), file) in of_api_gateway() {
        let event = marked(&file.event());
        for damaged in of_members(&event).chain(of_text(&event.to_string())) {
            let outcome = ask(&subject, &name, &damaged).await;
            assert!(!matches!(outcome, Outcome::Admitted { .. }), "{name} {}: {outcome:?}", damaged.what);
            asked += 1;
        }
    }
    assert!(asked > 50_000, "{asked} events");
}

/// A part that the rules do not need may be missing. Whatever is changed, only the target that was signed is admitted.
#[tokio::test]
async fn a_damaged_event_that_was_signed_is_admitted_only_for_what_was_signed() {
    let subject = Subject::new();
    let files = of_api_gateway();
    let (mut admitted, mut refused) = (0, 0);
    for row in SIGNED.iter().filter(|row| matches!(row.signed, Signed::Admitted(_))) {
        let event = marked(&complete(row, &files));
        let event = signed(&event, &target(&event, row.path));
        let Outcome::Admitted { path, target } = subject.outcome(&event).await else {
            panic!("{} is refused", row.file)
        };
        let signed_path = target.split_once('?').map_or(&*target, |(path, _)| path);
        // Where an event does not show its stage, the whole signed path is passed on, less one of two slashes.
        let paths = [&*path, signed_path, signed_path.strip_prefix('/').unwrap()];
        for damaged in of_members(&event) {
            match ask(&subject, row.file, &damaged).await {
                Outcome::Admitted { path, target: passed_on } => {
                    let what = || format!("{} {}", row.file, damaged.what);
                    assert_eq!(passed_on, target, "{}", what());
                    assert!(paths.contains(&&*path), "{}: {path}", what());
                    admitted += 1;
                }
                Outcome::Refused(_) | Outcome::Unreadable(_) => refused += 1,
            }
        }
    }
    assert!(admitted > 1_000 && refused > 1_000, "{admitted} admitted, {refused} not");
}

/// The query of a signed request is compared with another one.
#[tokio::test]
async fn no_credential_of_a_signed_request_reaches_the_log() {
    let subject = Subject::new();
    let files = of_api_gateway();
    for row in SIGNED {
        let text = marked(&as_signed(row, &files)).to_string();
        ask(&subject, row.file, &Damaged { what: "with another query".to_owned(), text }).await;
    }
}

/// Lambda's largest event has 6 MB.
#[tokio::test]
async fn an_event_of_six_megabytes_is_answered() {
    const SIZE: usize = 6_000_000;
    let subject = Subject::new();
    let files = of_api_gateway();
    let row = SIGNED.iter().find(|row| row.file == "rest-authorizer").unwrap();
    let event = as_signed(row, &files);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut event = event.clone();
        change(&mut event);
        event.to_string()
    };
    let long = |text: &str| text.repeat(SIZE / text.len());
    let lists = "multiValueHeaders";
    for (what, text, expected) in [
        ("a long header", with(&|event| event[lists]["x-long"] = json!([long("x")])), "admitted"),
        ("a long signature", with(&|event| event[lists]["countersign-signature"] = json!([long("x")])), "refused"),
        ("a long path", with(&|event| event["requestContext"]["path"] = json!(long("/x"))), "refused"),
        (
            "many headers",
            with(&|event| {
                let headers = event[lists].as_object_mut().unwrap();
                headers.extend((0..SIZE / 20).map(|at| (format!("x-{at}"), json!(["x"]))));
            }),
            "admitted",
        ),
        (
            "many signatures",
            with(&|event| event[lists]["countersign-signature"] = json!(vec!["x"; SIZE / 4])),
            "refused",
        ),
        (
            "many parameters",
            with(&|event| event["multiValueQueryStringParameters"]["x"] = json!(vec!["x"; SIZE / 4])),
            "refused",
        ),
        ("spaces before the event", format!("{}{event}", long(" ")), "admitted"),
        ("only spaces", long(" "), "unreadable"),
        ("only brackets", long("["), "unreadable"),
        ("only quotation marks", long("\""), "unreadable"),
    ] {
        let outcome = ask(&subject, row.file, &Damaged { what: what.to_owned(), text }).await;
        let found = match outcome {
            Outcome::Admitted { .. } => "admitted",
            Outcome::Refused(_) => "refused",
            Outcome::Unreadable(_) => "unreadable",
        };
        assert_eq!(found, expected, "{what}: {outcome:?}");
    }
}
