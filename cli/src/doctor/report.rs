//! The report, as text and as JSON.

use crate::{
    diagnosis::printable::{printable, printable_json},
    doctor::{
        check::{self, Check, Outcome, Part},
        targets::Targets,
    },
    finding::{Found, Mark, Severity},
    output::{self, Format},
    times::rfc3339,
};
use anyhow::Result;
use serde::Serialize;
use signing::UnixSeconds;

/// The widest first column.
const WHAT: usize = 34;

/// The longest value of a line. JSON has all of it.
const VALUE: usize = 90;

pub(crate) fn print(targets: &Targets, checks: &[Check], format: Format, now: UnixSeconds) -> Result<()> {
    match format {
        Format::Text => output::line(text(targets, checks)),
        Format::Json => {
            let report = Report::of(targets, checks, now);
            output::line(printable_json(&serde_json::to_string_pretty(&report)?));
        }
    }
    Ok(())
}

fn text(targets: &Targets, checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or_default().min(WHAT);
    let mut lines = Vec::new();
    for part in Part::ALL {
        let of_part: Vec<_> = checks.iter().filter(|check| check.part == part).collect();
        if of_part.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(printable(&heading(part, targets)));
        lines.extend(of_part.into_iter().map(|check| row(check, width)));
    }
    let found = check::findings(checks);
    let after = found.into_iter().flat_map(Found::lines).chain(unread(checks));
    let after: Vec<_> = after.map(|line| printable(&line)).collect();
    if !after.is_empty() {
        lines.push(String::new());
        lines.extend(after);
    }
    lines.join("\n")
}

fn heading(part: Part, targets: &Targets) -> String {
    let title = part.title();
    match part {
        Part::ApiUrl => format!("{title}: {}", targets.api_url),
        Part::CloudFront => format!("{title}: {}", targets.viewer_url),
        Part::Configuration => title.to_owned(),
    }
}

fn row(check: &Check, width: usize) -> String {
    let value = match &check.outcome {
        Outcome::Seen { value, .. } => value,
        Outcome::Unread(_) => "not examined",
    };
    let cut = value.chars().count() > VALUE;
    let value: String = value.chars().take(VALUE).collect();
    let what = printable(&check.what);
    format!("{} {what:<width$}  {}{}", check.mark().column(), printable(&value), if cut { "…" } else { "" })
}

fn unread(checks: &[Check]) -> impl Iterator<Item = String> {
    checks.iter().filter_map(|check| match &check.outcome {
        Outcome::Unread(error) => Some(format!("not examined: {}: {error}", check.what)),
        Outcome::Seen { .. } => None,
    })
}

/// `--format json`
#[derive(Serialize)]
struct Report<'a> {
    api_url: String,
    viewer_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'a str>,
    at: String,
    /// Whether something is wrong: the exit status is 3.
    wrong: bool,
    checks: Vec<ReportCheck<'a>>,
    findings: Vec<&'a Found>,
}

#[derive(Serialize)]
struct ReportCheck<'a> {
    part: &'static str,
    what: &'a str,
    state: Mark,
    /// What was seen, or why nothing was seen.
    value: &'a str,
}

impl<'a> Report<'a> {
    fn of(targets: &'a Targets, checks: &'a [Check], now: UnixSeconds) -> Self {
        let findings = check::findings(checks);
        let lines = checks.iter().map(|check| ReportCheck {
            part: check.part.name(),
            what: &check.what,
            state: check.mark(),
            value: match &check.outcome {
                Outcome::Seen { value, .. } => value,
                Outcome::Unread(error) => error,
            },
        });
        Self {
            api_url: targets.api_url.to_string(),
            viewer_url: targets.viewer_url.to_string(),
            stack: targets.stack.as_ref().map(|stack| &*stack.stack_name),
            at: rfc3339(now),
            wrong: findings.iter().any(|found| found.severity >= Severity::Wrong),
            checks: lines.collect(),
            findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// 2026-11-26T10:00:00Z
    const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);

    fn targets() -> Targets {
        Targets {
            api_url: "https://abc123.execute-api.eu-west-1.amazonaws.com/prod".parse().unwrap(),
            viewer_url: "https://d111111abcdef8.cloudfront.net".parse().unwrap(),
            distribution: None,
            stack: None,
        }
    }

    fn checks() -> Vec<Check> {
        let answered = Found {
            finding: "answered-unsigned",
            severity: Severity::Open,
            text: "GET /pets/ is answered 200".to_owned(),
            next: "infra/attach.md".to_owned(),
        };
        let note =
            Found { finding: "n", severity: Severity::Note, text: "a\u{1b}[2Jb".to_owned(), next: "c".to_owned() };
        vec![
            Check::seen(Part::ApiUrl, "GET /pets", "401 Unauthorized", vec![note.clone()]),
            Check::seen(Part::ApiUrl, "GET /pets/", "x".repeat(91), vec![answered]),
            Check::unread(Part::CloudFront, "GET /pets", "it does not answer within 10 s"),
            Check::seen(Part::Configuration, "TTL", "0", vec![note]),
        ]
    }

    #[test]
    fn the_parts_come_first_and_the_worst_finding_first_after_them() {
        let expected = format!(
            "\
The API's own URL: https://abc123.execute-api.eu-west-1.amazonaws.com/prod
note GET /pets   401 Unauthorized
OPEN GET /pets/  {}…

Through CloudFront: https://d111111abcdef8.cloudfront.net
?    GET /pets   not examined

Configuration
note TTL         0

open: GET /pets/ is answered 200
  next: infra/attach.md
note: a\\u{{1b}}[2Jb
  next: c
not examined: GET /pets: it does not answer within 10 s",
            "x".repeat(90)
        );
        assert_eq!(text(&targets(), &checks()), expected);
        assert_eq!(check::exit_status(&checks()), 3);
    }

    #[test]
    fn json_has_all_of_it() {
        let (targets, checks) = (targets(), checks());
        let report = serde_json::to_value(Report::of(&targets, &checks, NOW)).unwrap();
        assert_eq!((&report["wrong"], &report["at"]), (&json!(true), &json!("2026-11-26T10:00:00Z")));
        assert_eq!(report["checks"][1]["value"], "x".repeat(91));
        assert_eq!(
            report["checks"][2],
            json!({"part": "cloudfront", "what": "GET /pets", "state": "unread", "value": "it does not answer within 10 s"})
        );
        assert_eq!(report["findings"].as_array().unwrap().len(), 2);
        assert_eq!(
            report["findings"][0],
            json!({"finding": "answered-unsigned", "severity": "open", "text": "GET /pets/ is answered 200", "next": "infra/attach.md"})
        );
    }
}
