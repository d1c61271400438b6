//! The status, as text and as JSON.

use crate::{
    diagnosis::printable::{printable, printable_json},
    output::{self, Format, styled},
    status::{
        finding::{Names, Severity},
        summary::{Line, Mark, Status},
    },
    times::{rfc3339, show},
};
use anyhow::Result;
use clap::builder::styling::{AnsiColor, Style};
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
    let found = status.findings.iter().flat_map(|finding| {
        let word = if finding.severity() == Severity::Wrong { "wrong" } else { "note" };
        [format!("{word}: {}", finding.text(now)), format!("  next: {}", finding.mend(names))]
    });
    let after: Vec<_> = found.chain(unread).map(|line| printable(&line)).collect();
    if !after.is_empty() {
        lines.push(String::new());
        lines.extend(after);
    }
    lines.join("\n")
}

fn row(line: &Line, now: UnixSeconds) -> String {
    let Line { what, value, since, due, mark } = line;
    let (sign, style) = match mark {
        Mark::Ok => ("ok", AnsiColor::Green.on_default()),
        Mark::Note => ("note", AnsiColor::Yellow.on_default()),
        Mark::Wrong => ("!", AnsiColor::Red.on_default().bold()),
        Mark::Unread => ("?", Style::new().bold()),
    };
    let cut = value.chars().count() > VALUE;
    let value: String = value.chars().take(VALUE).collect();
    let mut text = format!(
        "{}{} {what:<13}  {}",
        styled(style, sign),
        " ".repeat(4_usize.saturating_sub(sign.len())),
        printable(&value)
    );
    if cut {
        text.push('…');
    }
    for (word, moment) in [("since", since), ("due", due)] {
        if let Some(moment) = moment {
            text.push_str(&format!(", {word} {}", show(*moment, now)));
        }
    }
    text
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
    findings: Vec<ReportFinding>,
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
    /// `ok`, `note`, `wrong` or `unread`.
    state: &'static str,
}

#[derive(Serialize)]
struct ReportFinding {
    finding: &'static str,
    severity: Severity,
    text: String,
    next: String,
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
            state: match line.mark {
                Mark::Ok => "ok",
                Mark::Note => "note",
                Mark::Wrong => "wrong",
                Mark::Unread => "unread",
            },
        };
        let findings = status.findings.iter().map(|finding| ReportFinding {
            finding: finding.code(),
            severity: finding.severity(),
            text: finding.text(now),
            next: finding.mend(names),
        });
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
