//! The answers, as text and as JSON.

use crate::{
    diagnosis::printable::{printable, printable_json},
    doctor::learn::{
        learned::{Learned, Place},
        unknowns::Unknown,
        verdict::Verdict,
    },
    output::{self, Format},
};
use anyhow::Result;
use serde::Serialize;

/// The most differences of a question that the text shows. JSON has all.
const SHOWN: usize = 6;

pub(crate) fn print(learned: &Learned, verdicts: &[(&'static Unknown, Verdict)], format: Format) -> Result<()> {
    match format {
        Format::Text => output::line(text(learned, verdicts)),
        Format::Json => {
            let rows: Vec<_> = verdicts.iter().map(|(unknown, verdict)| Row::of(unknown, verdict)).collect();
            output::line(printable_json(&serde_json::to_string_pretty(&rows)?));
        }
    }
    Ok(())
}

fn text(learned: &Learned, verdicts: &[(&'static Unknown, Verdict)]) -> String {
    let mut lines = vec![format!("Observed on {}", learned.title())];
    if learned.observed_on == Place::Local {
        lines.push("This is what Countersign assumes. It says nothing about AWS.".to_owned());
    }
    for (unknown, verdict) in verdicts {
        lines.extend([String::new(), format!("{}: {}", unknown.id, unknown.question)]);
        let (said, details) = words(learned, verdict);
        lines.push(format!("  {said}"));
        let more = details.len().saturating_sub(SHOWN);
        lines.extend(details.into_iter().take(SHOWN).map(|detail| format!("    {detail}")));
        if more > 0 {
            lines.push(format!("    and {more} more"));
        }
        if matches!(verdict, Verdict::Otherwise(_)) {
            lines.push(format!("  assumed: {}", unknown.assumed));
            lines.push(format!("  so: {}", unknown.if_not));
        }
    }
    let number = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| is(verdict)).count();
    lines.extend([
        String::new(),
        format!(
            "{} as assumed, {} otherwise, {} not observed, {} that a run cannot settle",
            number(|verdict| matches!(verdict, Verdict::AsAssumed(_))),
            number(|verdict| matches!(verdict, Verdict::Otherwise(_))),
            number(|verdict| matches!(verdict, Verdict::NotObserved(_))),
            number(|verdict| matches!(verdict, Verdict::Needs(_))),
        ),
    ]);
    // Parts of it are what AWS answered.
    lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
}

fn words(learned: &Learned, verdict: &Verdict) -> (String, Vec<String>) {
    let is_aws = learned.observed_on == Place::Aws;
    match verdict {
        Verdict::AsAssumed(example) => {
            let said = if is_aws { "settled: AWS does as assumed" } else { "assumed" };
            (said.to_owned(), vec![example.clone()])
        }
        Verdict::Otherwise(differences) => {
            let said = if is_aws { "settled: AWS does otherwise" } else { "local does otherwise than its file says" };
            (said.to_owned(), differences.clone())
        }
        Verdict::NotObserved(requests) => ("not observed: no usable answer to".to_owned(), requests.clone()),
        Verdict::Needs(what) => (format!("not settled by a run: it needs {what}"), Vec::new()),
    }
}

/// `--format json`
#[derive(Serialize)]
struct Row<'a> {
    unknown: &'static str,
    question: &'static str,
    assumed: &'static str,
    if_not: &'static str,
    verdict: &'static str,
    details: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn of(unknown: &'static Unknown, verdict: &'a Verdict) -> Self {
        let (verdict, details) = match verdict {
            Verdict::AsAssumed(example) => ("as-assumed", vec![example.as_str()]),
            Verdict::Otherwise(differences) => ("otherwise", differences.iter().map(String::as_str).collect()),
            Verdict::NotObserved(requests) => ("not-observed", requests.iter().map(String::as_str).collect()),
            Verdict::Needs(what) => ("needs", vec![*what]),
        };
        let Unknown { id, question, assumed, if_not, .. } = unknown;
        Self { unknown: id, question, assumed, if_not, verdict, details }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::learn::{local, unknowns};

    #[test]
    fn a_difference_says_what_it_is_and_what_follows() {
        let mut learned = local();
        learned.observed_on = Place::Aws;
        learned.region = Some("eu-west-1".to_owned());
        learned.on = Some("2026-11-27".to_owned());
        let [first, second, third, ..] = &unknowns::ALL;
        let verdicts = [
            (first, Verdict::Otherwise((0..8).map(|n| format!("GET /{n}\u{1b}[2J: path is \"/x\"")).collect())),
            (second, Verdict::AsAssumed("GET /rest: status is 400".to_owned())),
            (third, Verdict::NotObserved(vec!["GET /rest/echo//x, directly".to_owned()])),
        ];
        let expected = "\
Observed on AWS (eu-west-1, 2026-11-27)

rest-path: Does a REST API show its authorizer the path with its escapes?
  settled: AWS does otherwise
    GET /0\\u{1b}[2J: path is \"/x\"
    GET /1\\u{1b}[2J: path is \"/x\"
    GET /2\\u{1b}[2J: path is \"/x\"
    GET /3\\u{1b}[2J: path is \"/x\"
    GET /4\\u{1b}[2J: path is \"/x\"
    GET /5\\u{1b}[2J: path is \"/x\"
    and 2 more
  assumed: yes: AWS documents it for integrations
  so: `/a%2Fb` is refused, and a captured `/a/b` can be sent again as `/a%2Fb`

rest-broken-escape: What does a REST API do with a `%` in a path that begins no escape?
  settled: AWS does as assumed
    GET /rest: status is 400

rest-slashes: Which slashes of a path does a REST API show?
  not observed: no usable answer to
    GET /rest/echo//x, directly

1 as assumed, 1 otherwise, 1 not observed, 0 that a run cannot settle";
        assert_eq!(text(&learned, &verdicts), expected);
    }
}
