//! The manual of the reasons: the page of the documentation, which is its only source.

use serde::Serialize;
use std::fmt;

const PAGE: &str = include_str!("../../../docs/refusal-reasons.md");

/// The section of a reason, in plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) reason: String,
    /// The heading above it: the rule, or the check after the signature.
    pub(crate) group: String,
    pub(crate) meaning: String,
    /// The likely causes, the most likely first.
    pub(crate) causes: Vec<String>,
    /// What to do, a sentence or more.
    /// How the causes are told apart, if there is a command for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told_apart_by: Option<String>,
    pub(crate) what_to_do: String,
}

/// The section of a reason.
pub(crate) fn entry(reason: &str) -> Option<Entry> {
    all().into_iter().find(|entry| entry.reason == reason)
}

/// All sections, in the order of the page: that of the checks.
pub(crate) fn all() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut group = "";
    for section in PAGE.split("\n#").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        match heading.split_once(' ') {
            Some(("#", name)) => group = name,
            Some(("##", reason)) => entries.extend(read(group, reason, text)),
            _ => {}
        }
    }
    entries
}

/// The names of all groups, in the order of the page.
pub(crate) fn groups() -> Vec<String> {
    let mut groups: Vec<_> = all().into_iter().map(|entry| entry.group).collect();
    groups.dedup();
    groups
}

/// The reasons that differ little from this text or have one of its words, for somebody who has misspelled one.
pub(crate) fn similar(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['_', ' '], "-");
    let words: Vec<_> = text.split('-').filter(|word| word.len() > 2).collect();
    let mut all: Vec<_> = all().into_iter().map(|entry| (distance(&text, &entry.reason), entry.reason)).collect();
    all.retain(|(distance, reason)| *distance <= 2 || words.iter().any(|word| reason.contains(word)));
    all.sort_by_key(|(distance, _)| *distance);
    all.into_iter().map(|(_, reason)| reason).take(6).collect()
}

/// How many letters must be added, removed or changed to make one text of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, a) in a.chars().enumerate().take(64) {
        let mut next = vec![at + 1];
        for (b, pair) in b.chars().zip(row.windows(2)) {
            let [before, above] = pair else { continue };
            let left = next.last().copied().unwrap_or_default();
            next.push((before + usize::from(a != b)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn read(group: &str, reason: &str, text: &str) -> Option<Entry> {
    let parts: Vec<_> = text.split("\n- **").skip(1).filter_map(|part| part.split_once(":** ")).collect();
    let part = |name: &str| parts.iter().find(|(other, _)| *other == name).map(|(_, text)| plain(text));
    Some(Entry {
        reason: reason.to_owned(),
        group: group.to_owned(),
        meaning: part("Meaning")?,
        causes: causes(&part("Likely causes")?),
        what_to_do: part("What to do")?,
        told_apart_by: part("To tell them apart"),
    })
}

/// Each cause is a sentence. The page joins them with `Or`.
fn causes(text: &str) -> Vec<String> {
    let text = text.replace(". Or, ", ". Or ");
    let causes = text.split(". Or ").map(|cause| {
        let mut letters = cause.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        let cause = first + letters.as_str();
        if cause.ends_with('.') { cause } else { cause + "." }
    });
    causes.collect()
}

/// Markdown as text in one line: without links and emphasis. Texts in backquotes stay as they are.
fn plain(markdown: &str) -> String {
    let text = markdown.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::with_capacity(text.len());
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            shown.extend(["`", part, "`"]);
        } else {
            shown.push_str(&without_links(part).replace('*', ""));
        }
    }
    shown
}

/// `[text](place)` as `text`.
fn without_links(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once("](").and_then(|(name, place)| Some((name, place.split_once(')')?.1)));
        let Some((name, after)) = link else { break };
        shown.extend([before, name]);
        rest = after;
    }
    shown + rest
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signing::Rule;

    #[test]
    fn a_section_is_read_in_plain_text() {
        let text = "\n- **Meaning:** The [token](jwt.md)'s\n  `a * b` is *not* it.\n- **Likely causes:** One. Or two\n  `x`. Or, three.\n\
            - **What to do:** Look.\n- **To tell them apart:** `run this`.\n";
        let expected = Entry {
            reason: "a-b".to_owned(),
            group: "G".to_owned(),
            meaning: "The token's `a * b` is not it.".to_owned(),
            causes: ["One.", "Two `x`.", "Three."].map(str::to_owned).to_vec(),
            what_to_do: "Look.".to_owned(),
            told_apart_by: Some("`run this`.".to_owned()),
        };
        assert_eq!(read("G", "a-b", text), Some(expected));
        assert_eq!(read("G", "a-b", "\nProse only.\n"), None);
    }

    #[test]
    fn the_page_is_read_whole() {
        let (entries, sections) = (all(), PAGE.lines().filter(|line| line.starts_with("### ")).count());
        assert_eq!(entries.len(), sections);
        assert!(sections > 80, "{sections}");
        for entry in &entries {
            assert!(!entry.meaning.is_empty() && !entry.causes.is_empty() && !entry.what_to_do.is_empty(), "{entry}");
            let texts = [&entry.meaning, &entry.what_to_do].into_iter().chain(&entry.causes);
            for text in texts.chain(&entry.told_apart_by) {
                assert!(text.ends_with('.') && !text.contains("](") && !text.contains("**"), "{entry}: {text}");
            }
        }
    }

    /// The groups of the page begin with the rules: so a reason in a log leads to its rule.
    #[test]
    fn the_page_begins_with_the_rules_in_their_order() {
        let groups = groups();
        assert_eq!(groups[..Rule::ALL.len()], Rule::ALL.map(|rule| rule.name().to_owned()));
        assert_eq!(entry("query").unwrap().group, Rule::Target.name());
        assert_eq!(entry("signature").unwrap().group, Rule::Signature.name());
    }

    #[test]
    fn a_misspelled_reason_has_similar_ones() {
        for (text, expected) in [
            ("expire", &["expired", "key-expired", "token-expired"][..]),
            ("query_separator", &["query-separator", "query-escape", "query"]),
            ("Expired", &["expired", "key-expired", "token-expired"]),
            ("xy", &[]),
            (&"x".repeat(10_000), &[]),
        ] {
            assert_eq!(similar(text), expected);
        }
    }
}
