//! What `explain` has found, as text and as JSON. All texts in it may be a stranger's: they are printed as [`printable`].

use crate::{
    diagnosis::{
        manual::Entry,
        printable::{printable, printable_json},
    },
    output::{self, Format, styled},
};
use anyhow::Result;
use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

/// The width of the output.
const WIDTH: usize = 100;
/// The width of the first column.
const STATE: usize = 12;
const NAME: usize = 28;

/// What was found in one line of a log, one event or one request.
#[derive(Default, Serialize)]
pub(crate) struct Explanation {
    /// The form of the input.
    pub(crate) form: &'static str,
    /// The request, or the line.
    pub(crate) subject: String,
    /// What became of it, or would.
    pub(crate) verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The reason in a sentence, with the value in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The meaning of the reason, out of the manual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meaning: Option<String>,
    /// The rules in their order, and the checks after them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) times: Vec<Moment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) signature_base: Vec<BaseLine>,
    /// The most likely first: those that the input shows are before those of the manual.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) causes: Vec<Cause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told_apart_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what_to_do: Option<String>,
    /// What was assumed, and what was ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// A rule, or a check after the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Held,
    Failed,
    /// It was not reached, and it would hold if the rules before it held.
    WouldHold,
    /// It was not reached, and it would fail too.
    WouldFail,
    NotReached,
    /// This command cannot ask it.
    NotChecked,
}

/// A time in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Moment {
    pub(crate) name: &'static str,
    pub(crate) at: String,
}

/// A line of the signature base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BaseLine {
    pub(crate) name: &'static str,
    pub(crate) as_signed: String,
    pub(crate) as_received: String,
    pub(crate) differs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cause {
    pub(crate) cause: String,
    /// Whether the input shows it: the others are those of the manual.
    pub(crate) seen_here: bool,
    /// The command that tells it from the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    /// How the cause of the manual begins that this one repeats with more detail.
    #[serde(skip)]
    pub(crate) instead_of: Option<&'static str>,
}

impl Cause {
    /// A cause that the input shows.
    pub(crate) fn shown(cause: impl Into<String>, command: Option<String>) -> Self {
        Self { cause: cause.into(), seen_here: true, command, instead_of: None }
    }

    /// In the place of the cause of the manual that begins like this.
    pub(crate) fn instead_of(self, beginning: &'static str) -> Self {
        Self { instead_of: Some(beginning), ..self }
    }
}

impl Explanation {
    /// Adds the section of the manual, its causes after those that the input shows.
    pub(crate) fn with_manual(mut self, entry: Option<Entry>) -> Self {
        let Some(entry) = entry else { return self };
        let repeated: Vec<_> = self.causes.iter().filter_map(|cause| cause.instead_of).collect();
        let is_new = |cause: &String| !repeated.iter().any(|beginning| cause.starts_with(beginning));
        let of_manual = entry.causes.into_iter().filter(is_new);
        self.causes.extend(of_manual.map(|cause| Cause { cause, seen_here: false, command: None, instead_of: None }));
        self.meaning = Some(entry.meaning);
        self.told_apart_by = entry.told_apart_by.and_then(|text| self.without_itself(&text));
        self.what_to_do = Some(entry.what_to_do);
        self
    }

    /// Without what this command has just done: only a line of a log has less than an event.
    fn without_itself(&self, told_apart_by: &str) -> Option<String> {
        const ITSELF: &str = "`countersign explain EVENT`";
        if self.form == "log-line" {
            return Some(told_apart_by.to_owned());
        }
        let sentences = told_apart_by.trim_end_matches('.').split(". ").filter(|sentence| !sentence.contains(ITSELF));
        let rest = sentences.collect::<Vec<_>>().join(". ");
        (!rest.is_empty()).then(|| format!("{rest}."))
    }
}

/// Prints all.
pub(crate) fn print(explained: &[Explanation], format: Format) -> Result<()> {
    match format {
        Format::Text => {
            let text: Vec<_> = explained.iter().map(text).collect();
            output::line(text.join("\n\n"));
        }
        Format::Json => {
            #[derive(Serialize)]
            struct Explained<'a> {
                explained: &'a [Explanation],
            }
            json(&Explained { explained })?;
        }
    }
    Ok(())
}

/// Prints the section of a reason.
pub(crate) fn print_entry(entry: &Entry, format: Format) -> Result<()> {
    match format {
        Format::Text => {
            let mut page = Page::default();
            page.line(bold(), &format!("{} · {}", entry.reason, entry.group));
            page.paragraph("", &entry.meaning);
            page.causes(entry.causes.iter().map(|cause| (cause.as_str(), None, false)));
            page.section("To tell them apart", entry.told_apart_by.as_deref());
            page.section("What to do", Some(&entry.what_to_do));
            output::line(page.0.trim_end());
        }
        Format::Json => json(entry)?,
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Result<()> {
    output::line(printable_json(&serde_json::to_string_pretty(value)?));
    Ok(())
}

fn text(explained: &Explanation) -> String {
    let mut page = Page::default();
    page.paragraph("", &explained.subject);
    page.line(
        bold(),
        &match &explained.reason {
            Some(reason) => format!("{}: {reason}", explained.verdict),
            None => explained.verdict.clone(),
        },
    );
    for sentence in explained.detail.iter().chain(&explained.meaning) {
        page.paragraph("  ", sentence);
    }
    page.steps(&explained.rules);
    page.times(&explained.times);
    page.base(&explained.signature_base);
    page.causes(explained.causes.iter().map(|cause| (cause.cause.as_str(), cause.command.as_deref(), cause.seen_here)));
    page.section("To tell them apart", explained.told_apart_by.as_deref());
    page.section("What to do", explained.what_to_do.as_deref());
    if !explained.notes.is_empty() {
        page.heading("Notes");
        explained.notes.iter().for_each(|note| page.item("- ", note));
    }
    page.0.trim_end().to_owned()
}

/// Text of at most [`WIDTH`] columns, with colours on a terminal.
#[derive(Default)]
struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        self.0.push('\n');
        self.line(bold(), text);
    }

    fn line(&mut self, style: Style, text: &str) {
        self.0.push_str(&styled(style, &printable(text)));
        self.0.push('\n');
    }

    fn paragraph(&mut self, indent: &str, text: &str) {
        for line in wrapped(&printable(text), WIDTH - indent.len()) {
            self.0.push_str(&format!("{indent}{line}\n"));
        }
    }

    /// A text with a mark before it, and its other lines below its first word.
    fn item(&mut self, mark: &str, text: &str) {
        let indent = mark.chars().count() + 2;
        for (at, line) in wrapped(&printable(text), WIDTH - indent).into_iter().enumerate() {
            let start = if at == 0 { format!("  {mark}") } else { " ".repeat(indent) };
            self.0.push_str(&format!("{start}{line}\n"));
        }
    }

    fn section(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.heading(name);
            self.paragraph("  ", text);
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        if steps.is_empty() {
            return;
        }
        self.heading("Rules, in their order");
        for Step { name, state, detail } in steps {
            let (word, style) = state.shown();
            let indent = 2 + STATE + NAME;
            let mut lines = wrapped(&printable(detail.as_deref().unwrap_or_default()), WIDTH - indent).into_iter();
            let first = format!("{:NAME$}{}", printable(name), lines.next().unwrap_or_default());
            self.0.push_str(&format!("  {}{}\n", styled(style, &format!("{word:STATE$}")), first.trim_end()));
            for line in lines {
                self.0.push_str(&format!("{}{line}\n", " ".repeat(indent)));
            }
        }
    }

    fn times(&mut self, times: &[Moment]) {
        if times.is_empty() {
            return;
        }
        self.heading("Times");
        for Moment { name, at } in times {
            self.0.push_str(&format!("  {name:STATE$}{}\n", printable(at)));
        }
    }

    /// As signed and as received side by side, a difference marked before the line and at its first character.
    fn base(&mut self, lines: &[BaseLine]) {
        const LABEL: usize = 25;
        const COLUMN: usize = 35;
        if lines.is_empty() {
            return;
        }
        self.heading("Signature base");
        self.line(Style::new(), format!("    {:LABEL$}{:COLUMN$} as received", "", "as signed").trim_end());
        let mut has_other_form = false;
        for BaseLine { name, as_signed, as_received, differs } in lines {
            let (signed, received) = (printable(as_signed), printable(as_received));
            let (mark, style) = match (*differs, signed == received) {
                (true, _) => ("≠", failed()),
                (false, true) => ("=", Style::new()),
                (false, false) => ("≈", Style::new()),
            };
            has_other_form |= mark == "≈";
            // What is the same and long goes over both columns.
            let (left, right) = if mark == "=" && signed.chars().count() > COLUMN - 1 {
                (pieces(&signed, 2 * COLUMN), Vec::new())
            } else {
                (pieces(&signed, COLUMN - 1), pieces(&received, COLUMN))
            };
            for at in 0..left.len().max(right.len()).max(1) {
                let cell = |side: &[String]| side.get(at).cloned().unwrap_or_default();
                let (mark, label) = if at == 0 { (mark, format!("\"{name}\":")) } else { (" ", String::new()) };
                let line = format!("  {mark} {label:LABEL$}{:COLUMN$} {}", cell(&left), cell(&right));
                self.line(style, line.trim_end());
            }
            if *differs {
                let same = signed.chars().zip(received.chars()).take_while(|(a, b)| a == b).count();
                let indent = " ".repeat(4 + LABEL);
                let place = match signed == received {
                    true => "the difference is in a value that is not shown".to_owned(),
                    false => format!("the first difference is at character {}", same + 1),
                };
                self.line(failed(), &format!("{indent}{place}"));
            }
        }
        if has_other_form {
            self.paragraph("  ", "≈ is the same to the rules: the gateway shows it decoded, or in another order.");
        }
    }

    fn causes<'a>(&mut self, causes: impl Iterator<Item = (&'a str, Option<&'a str>, bool)>) {
        let mut causes = causes.peekable();
        if causes.peek().is_none() {
            return;
        }
        self.heading("Likely causes");
        for (number, (cause, command, seen_here)) in (1..).zip(causes) {
            let mark = if seen_here { format!("{number}. Seen here: ") } else { format!("{number}. ") };
            self.item(&mark, cause);
            if let Some(command) = command {
                // One line, however long: it is there to be copied.
                self.0.push_str(&format!("     $ {}\n", printable(command)));
            }
        }
    }
}

impl State {
    fn shown(self) -> (&'static str, Style) {
        match self {
            Self::Held => ("held", AnsiColor::Green.on_default()),
            Self::Failed => ("failed", failed()),
            Self::WouldHold => ("would hold", AnsiColor::Green.on_default().dimmed()),
            Self::WouldFail => ("would fail", AnsiColor::Red.on_default()),
            Self::NotReached => ("not reached", Style::new().dimmed()),
            Self::NotChecked => ("not checked", Style::new().dimmed()),
        }
    }
}

fn bold() -> Style {
    Style::new().bold()
}

fn failed() -> Style {
    AnsiColor::Red.on_default().bold()
}

/// Lines of whole words, each of at most so many characters; a longer word is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in text.split(' ').flat_map(|word| pieces(word, width)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + piece.chars().count() <= width => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.push(piece),
        }
    }
    lines
}

/// The text in pieces of at most so many characters.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(width).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation() -> Explanation {
        let step = |name: &str, state, detail: Option<&str>| Step {
            name: name.to_owned(),
            state,
            detail: detail.map(str::to_owned),
        };
        Explanation {
            form: "authorizer-event",
            subject: "GET a.example/\u{1b}[2J".to_owned(),
            verdict: "refused".to_owned(),
            reason: Some("query".to_owned()),
            detail: Some("the query differs".to_owned()),
            rules: vec![
                step("Time", State::Held, None),
                step("Target of the request", State::Failed, Some(&"long words ".repeat(12))),
                step("The key", State::NotReached, Some("no keys were given: --keys FILE")),
            ],
            times: vec![Moment { name: "created", at: "2026-11-26T10:00:00Z (now)".to_owned() }],
            signature_base: vec![
                BaseLine {
                    name: "@method",
                    as_signed: "GET".to_owned(),
                    as_received: "GET".to_owned(),
                    differs: false,
                },
                BaseLine {
                    name: "@query",
                    as_signed: format!("?a=1&{}", "b".repeat(90)),
                    as_received: "?a=2".to_owned(),
                    differs: true,
                },
            ],
            causes: vec![
                Cause::shown("The parameter b is missing.", Some("date -u".to_owned())),
                Cause { cause: "Another.".to_owned(), seen_here: false, command: None, instead_of: None },
            ],
            what_to_do: Some("Look.".to_owned()),
            notes: vec!["A note.".to_owned()],
            ..Explanation::default()
        }
    }

    #[test]
    fn a_text_has_at_most_100_columns_and_nothing_that_a_terminal_obeys() {
        let shown = text(&explanation());
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        for part in [
            "GET a.example/\\u{1b}[2J",
            "refused: query",
            "  failed      Target of the request",
            "  not reached The key                     no keys were given: --keys FILE",
            "  created     2026-11-26T10:00:00Z (now)",
            "  = \"@method\":",
            "  ≠ \"@query\":",
            "the first difference is at character 4",
            "  1. Seen here: The parameter b is missing.",
            "     $ date -u",
            "  2. Another.",
            "What to do\n  Look.",
            "Notes\n  - A note.",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }

    #[test]
    fn words_are_wrapped_and_a_long_one_is_cut() {
        for (text, width, expected) in [
            ("", 5, &[][..]),
            ("a bc def", 5, &["a bc", "def"]),
            ("abcdefg hi", 3, &["abc", "def", "g", "hi"]),
            ("äöü é", 3, &["äöü", "é"]),
        ] {
            assert_eq!(wrapped(text, width), expected, "{text}");
        }
    }
}
