//! What `doctor` and `status` find: how bad it is, in words, and what mends it.

use crate::output::styled;
use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// It may be as it should be: the operator must know it.
    Note,
    /// It is not as it should be: the command ends with status 3.
    Wrong,
    /// Requests that CloudFront did not sign can reach the API: the command ends with status 3.
    Open,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Wrong => "wrong",
            Self::Open => "open",
        }
    }
}

/// A finding as it is reported, in JSON too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// Its name: `authorizer-monitors`.
    pub(crate) finding: &'static str,
    pub(crate) severity: Severity,
    /// A sentence with the values in question. It may have characters that a terminal obeys.
    pub(crate) text: String,
    /// A command, or a section of a page.
    pub(crate) next: String,
}

impl Found {
    /// The two lines for people. They may have characters that a terminal obeys.
    pub(crate) fn lines(&self) -> [String; 2] {
        [format!("{}: {}", self.severity.word(), self.text), format!("  next: {}", self.next)]
    }
}

/// The state of one line of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    Ok,
    Note,
    Wrong,
    Open,
    /// It could not be read.
    Unread,
}

impl Mark {
    /// That of a line with these findings: the worst.
    pub(crate) fn of(severities: impl IntoIterator<Item = Severity>) -> Self {
        match severities.into_iter().max() {
            None => Self::Ok,
            Some(Severity::Note) => Self::Note,
            Some(Severity::Wrong) => Self::Wrong,
            Some(Severity::Open) => Self::Open,
        }
    }

    /// The first column of a line, with its colour on a terminal: four characters wide.
    pub(crate) fn column(self) -> String {
        let (sign, style) = match self {
            Self::Ok => ("ok", AnsiColor::Green.on_default()),
            Self::Note => ("note", AnsiColor::Yellow.on_default()),
            Self::Wrong => ("!", AnsiColor::Red.on_default().bold()),
            Self::Open => ("OPEN", AnsiColor::Red.on_default().bold()),
            Self::Unread => ("?", Style::new().bold()),
        };
        format!("{}{}", styled(style, sign), " ".repeat(4_usize.saturating_sub(sign.len())))
    }
}

/// The exit status of a report: that something is wrong matters more than that not all could be read.
pub(crate) fn exit_status(severities: impl IntoIterator<Item = Severity>, all_read: bool) -> u8 {
    match (severities.into_iter().any(|severity| severity >= Severity::Wrong), all_read) {
        (true, _) => 3,
        (false, false) => 1,
        (false, true) => 0,
    }
}
