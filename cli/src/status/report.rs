//! The status, as text and as JSON.

use crate::{
    diagnosis::printable::{printable, printable_json},
    finding::{Found, Mark},
    output::{self, Format},
    status::{
        finding::Names,
        summary::{Line, Status},
    },
    times::{rfc3339, show},
};
use anyhow::Result;
use serde::Serialize;
use signing::UnixSeconds;

/// The longest value: the rows of `Then` may have 1,200 characters. JSON has all of it.
const VALUE: usize = 90;

pub(crate) fn print(status: &Status, names: &Names<'_>, format: Format, now: UnixSeconds) -> Result<()> {
    match format {
        Format::Text => output::line(text(status, names, now)),
        Format::Json => {
            let report = Report::of(status, names, now);
            output::line(printable_json(&serde_json::to_string_pretty(&report)?));
        }
    }
    Ok(())
}

fn text(status: &Status, names: &Names<'_>, now: UnixSeconds) -> String {
    let mut lines: Vec<String> = status.lines.iter().map(|line| row(line, now)).collect();
    let unread: Vec<_> = status.unread.iter().map(|(what, error)| format!("not read: {what}: {error}")).collect();
    let found = status.findings().into_iter().flat_map(|finding| finding.found(names, now).lines());
    let after: Vec<_> = found.chain(unread).map(|line| printable(&line)).collect();
    if !after.is_empty() {
        lines.push(String::new());
        lines.extend(after);
    }
    lines.join("\n")
}

fn row(line: &Line, now: UnixSeconds) -> String {
    let Line { what, value, since, due, mark, findings: _ } = line;
    let cut = value.chars().count() > VALUE;
    let value: String = value.chars().take(VALUE).collect();
    let ellipsis = if cut { "…" } else { "" };
    format!("{} {what:<13}  {}{ellipsis}{}", mark.column(), printable(&value), times(*since, *due, now))
}

/// `, since …, due …`, as far as they are known.
pub(crate) fn times(since: Option<UnixSeconds>, due: Option<UnixSeconds>, now: UnixSeconds) -> String {
    let known = [("since", since), ("due", due)].into_iter().filter_map(|(word, moment)| Some((word, moment?)));
    known.map(|(word, moment)| format!(", {word} {}", show(moment, now))).collect()
}

/// `--format json`
#[derive(Serialize)]
struct Report {
    stack: String,
    region: String,
    at: String,
    /// Whether something is wrong: the exit status is 3.
    wrong: bool,
    lines: Vec<ReportLine>,
    findings: Vec<Found>,
    unread: Vec<ReportUnread>,
}

#[derive(Serialize)]
struct ReportLine {
    what: &'static str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    state: Mark,
}

#[derive(Serialize)]
struct ReportUnread {
    what: &'static str,
    error: String,
}

impl Report {
    fn of(status: &Status, names: &Names<'_>, now: UnixSeconds) -> Self {
        let line = |line: &Line| ReportLine {
            what: line.what,
            value: line.value.clone(),
            since: line.since.map(rfc3339),
            due: line.due.map(rfc3339),
            state: line.mark,
        };
        let findings = status.findings().into_iter().map(|finding| finding.found(names, now));
        let unread = status.unread.iter().map(|(what, error)| ReportUnread { what, error: error.clone() });
        Self {
            stack: names.stack.to_owned(),
            region: names.region.to_owned(),
            at: rfc3339(now),
            wrong: status.is_wrong(),
            lines: status.lines.iter().map(line).collect(),
            findings: findings.collect(),
            unread: unread.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::finding::Finding;
    use serde_json::json;

    /// 2026-11-26T10:00:00Z
    const NOW: UnixSeconds = UnixSeconds::new(1_795_687_200);
    const NAMES: Names<'_> =
        Names { command: "status", stack: "api", region: "eu-west-1", secret: "arn:keys", authorizer: "f" };

    fn line(what: &'static str, value: &str, mark: Mark) -> Line {
        Line { what, value: value.to_owned(), since: None, due: None, mark, findings: Vec::new() }
    }

    fn status() -> Status {
        let hour = |hours: u64| Some(UnixSeconds::new(NOW.get() + hours * 3600));
        let keys = Line { since: Some(NOW), due: hour(2), ..line("keys", "rotated Daily", Mark::Ok) };
        let failed = Finding::StackFailed { status: "UPDATE_ROLLBACK_COMPLETE\u{1b}[2J".to_owned() };
        let stack = line("stack", "api UPDATE_ROLLBACK_COMPLETE", Mark::Wrong);
        let then = line("then", &"x".repeat(91), Mark::Note);
        let lines = vec![
            Line { findings: vec![failed], ..stack },
            Line { findings: vec![Finding::NoAlarms], ..then },
            keys,
            line("edge", "not read", Mark::Unread),
        ];
        Status { lines, unread: vec![("edge", "aws x: denied".to_owned())] }
    }

    #[test]
    fn the_lines_are_first_and_what_is_wrong_comes_after_them() {
        let expected = format!(
            "\
!    stack          api UPDATE_ROLLBACK_COMPLETE
note then           {}…
ok   keys           rotated Daily, since 2026-11-26T10:00:00Z (now), due 2026-11-26T12:00:00Z (in 2 h)
?    edge           not read

wrong: the stack is in UPDATE_ROLLBACK_COMPLETE\\u{{1b}}[2J: its last change failed and was undone, or it is deleted
  next: infra/RUNBOOK.md: An update of the stack failed
note: no alarm is about this authorizer
  next: deploy infra/monitoring.yaml: infra/README.md says how
not read: edge: aws x: denied",
            "x".repeat(90)
        );
        assert_eq!(text(&status(), &NAMES, NOW), expected);
    }

    #[test]
    fn json_has_all_of_it() {
        let report = serde_json::to_value(Report::of(&status(), &NAMES, NOW)).unwrap();
        assert_eq!(
            (&report["stack"], &report["region"], &report["wrong"]),
            (&json!("api"), &json!("eu-west-1"), &json!(true))
        );
        assert_eq!(report["at"], "2026-11-26T10:00:00Z");
        assert_eq!(report["lines"][1]["value"], "x".repeat(91));
        assert_eq!(
            report["lines"][2],
            json!({"what": "keys", "value": "rotated Daily", "since": "2026-11-26T10:00:00Z", "due": "2026-11-26T12:00:00Z", "state": "ok"})
        );
        assert_eq!(report["findings"][1]["finding"], "no-alarms");
        assert_eq!(report["unread"], json!([{"what": "edge", "error": "aws x: denied"}]));
    }

    /// The example of the page.
    #[test]
    fn the_page_shows_what_is_printed() {
        let at = |seconds_ago: u64| Some(UnixSeconds::new(NOW.get() - seconds_ago));
        let due = |seconds: u64| Some(UnixSeconds::new(NOW.get() + seconds));
        let since = |what, value, mark, seconds_ago| Line { since: at(seconds_ago), ..line(what, value, mark) };
        let rings = Finding::AlarmRings {
            name: "pets-monitoring-RotationFailedAlarm-1A2B3C".to_owned(),
            text: "A rotation failed. infra/RUNBOOK.md: A rotation failed".to_owned(),
            since: at(48 * 60),
        };
        let lines = vec![
            since("stack", "pets UPDATE_COMPLETE", Mark::Ok, 10_788),
            Line {
                findings: vec![Finding::AuthorizerMonitors],
                ..since("signature", "edge monitor, authorizer monitor", Mark::Note, 10_797)
            },
            line("gateway", "REST abc123/prod, answers not cached", Mark::Ok),
            since("then", "nothing follows the signature", Mark::Ok, 10_797),
            Line { due: due(75_600), ..since("keys", "rotated Daily", Mark::Ok, 10_800) },
            line("replicas", "us-east-1 InSync", Mark::Ok),
            Line { due: due(75_604), ..since("API key", "rotated Daily", Mark::Ok, 10_796) },
            since("edge", "E1A2B3C4D5E6F7: signer:7 signs 1 of 1 behaviors", Mark::Ok, 10_792),
            Line { findings: vec![rings], ..since("alarms", "1 of 14 ring", Mark::Wrong, 48 * 60) },
            line("last hour", "1204 admitted, 3 refused, 0 would be, 0 after it, 0 were 401, 0 undecided", Mark::Ok),
        ];
        let status = Status { lines, unread: Vec::new() };
        let page = include_str!("../../../docs/status.md");
        assert_eq!(page.split("```\n").nth(3).unwrap().trim_end(), text(&status, &NAMES, NOW));
    }
}
