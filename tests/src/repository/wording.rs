//! The words of what users read: phrases that a reader whose first language is another has to read twice are counted.
//!
//! The ceilings are what the comments of rustls, webpki and tower-http have.

use crate::repository::{
    definitions::{ROOT, sources},
    markdown::Document,
};
use std::path::Path;

/// Phrases, each a sequence of words, and how often all of them together may be there in 10,000 words.
const CEILINGS: [(&[&str], usize); 4] =
    [(&["is no", "are no"], 2), (&["that is none"], 0), (&["whoever"], 0), (&["of which"], 1)];

#[test]
fn the_documents_are_in_plain_words() {
    let texts = Document::all().into_iter().map(|document| (document.path.clone(), document.prose()));
    check("documents", 15_000, texts.flat_map(|(path, text)| numbered(&path, &text)));
}

#[test]
fn the_errors_are_in_plain_words() {
    let of_a_program =
        |path: &Path| path.extension().is_some_and(|end| end == "rs") && !shown(path).starts_with("tests/");
    let texts = sources().into_iter().filter(|(path, _)| of_a_program(path));
    check("errors", 1_000, texts.flat_map(|(path, text)| errors(&shown(&path), &text)));
}

#[test]
fn the_help_of_the_commands_is_in_plain_words() {
    let texts = sources().into_iter().filter(|(path, _)| shown(path).starts_with("cli/src/"));
    check("help", 300, texts.flat_map(|(path, text)| help(&shown(&path), &text)));
}

/// Fails above the ceilings, and prints what is there with its place.
#[track_caller]
fn check(group: &str, at_least: usize, lines: impl Iterator<Item = Line>) {
    let words: Vec<Word> = lines.flat_map(|line| words(&line)).collect();
    let count = words.iter().filter(|word| !word.text.is_empty()).count();
    assert!(count >= at_least, "only {count} words are read");
    let mut above = false;
    println!("{group}: {count} words");
    for (phrases, ceiling) in CEILINGS {
        let found: Vec<String> = phrases.iter().flat_map(|phrase| find(&words, phrase)).collect();
        println!("  {}: {}, of {ceiling} in 10,000 words", phrases.join(", "), found.len());
        found.iter().for_each(|place| println!("    {place}"));
        above |= found.len() * 10_000 > ceiling * count;
    }
    assert!(!above, "above the ceiling: say it in other words");
}

/// A path from the root of the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap().to_string_lossy().into_owned()
}

/// A line of prose, and where it is.
struct Line {
    place: String,
    text: String,
    /// Whether it goes on with the sentence of the line before.
    continues: bool,
}

#[derive(Debug)]
struct Word {
    place: String,
    text: String,
    /// Whether nothing but space is between this word and the one before.
    follows: bool,
}

fn numbered(path: &str, text: &str) -> Vec<Line> {
    let lines = (1..).zip(text.lines());
    lines.map(|(at, line)| Line { place: format!("{path}:{at}"), text: line.to_owned(), continues: true }).collect()
}

fn words(line: &Line) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut follows = line.continues;
    for piece in line.text.split_inclusive(|c: char| !c.is_alphabetic() && c != '\'') {
        let word = piece.trim_end_matches(|c: char| !c.is_alphabetic() && c != '\'');
        if !word.is_empty() {
            words.push(Word { place: line.place.clone(), text: word.to_lowercase(), follows });
            follows = true;
        }
        follows &= piece.split_at(word.len()).1.chars().all(char::is_whitespace);
    }
    // What ends a line ends the sentence, for the next line: an empty one stands for it.
    if !follows || line.text.trim().is_empty() {
        words.push(Word { place: line.place.clone(), text: String::new(), follows: false });
    }
    words
}

/// Where a phrase is. `is no longer` is another.
fn find(words: &[Word], phrase: &str) -> Vec<String> {
    let phrase: Vec<_> = phrase.split(' ').collect();
    let length = phrase.len();
    let hits = (0..(words.len() + 1).saturating_sub(length)).filter(|&at| {
        let here = &words[at..at + length];
        let longer = words.get(at + length).is_some_and(|word| word.follows && word.text == "longer");
        here.iter().map(|word| word.text.as_str()).eq(phrase.iter().copied())
            && here[1..].iter().all(|word| word.follows)
            && !(longer && phrase[length - 1] == "no")
    });
    hits.map(|at| format!("{} {}", words[at].place, phrase.join(" "))).collect()
}

/// The texts of `#[error("…")]`.
fn errors(path: &str, code: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (start, begin) in code.match_indices("#[error(") {
        let rest = code.split_at(start + begin.len()).1;
        let Some(literal) = rest.trim_start().strip_prefix('"') else { continue };
        let mut escaped = false;
        let end = literal.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        // A text goes on behind a `\` at the end of a line.
        let text = literal.split_at(end.expect("a text ends")).0.replace("\\\n", "\n");
        let at = code.split_at(code.len() - literal.len()).0.matches('\n').count() + 1;
        for (index, text) in text.lines().enumerate() {
            lines.push(Line { place: format!("{path}:{}", at + index), text: text.to_owned(), continues: index > 0 });
        }
    }
    lines
}

/// The comments that clap prints: those of its types, and of their fields and variants.
fn help(path: &str, code: &str) -> Vec<Line> {
    const DERIVED: [&str; 4] = ["Parser", "Args", "Subcommand", "ValueEnum"];
    let mut lines = Vec::new();
    let mut of_type = Vec::new();
    let mut inside = false;
    let mut before_was_comment = false;
    for (at, line) in (1..).zip(code.lines()) {
        let comment = line.trim_start().strip_prefix("///");
        let entry = comment.map(|text| Line {
            place: format!("{path}:{at}"),
            text: text.to_owned(),
            continues: before_was_comment,
        });
        before_was_comment = entry.is_some();
        match entry {
            Some(entry) if inside => lines.push(entry),
            Some(entry) => of_type.push(entry),
            None if line.starts_with("#[derive(") && DERIVED.iter().any(|name| line.contains(name)) => {
                lines.append(&mut of_type);
                inside = true;
            }
            None if line == "}" => inside = false,
            None if !line.starts_with('#') => of_type.clear(),
            None => {}
        }
    }
    lines
}

#[test]
fn a_phrase_is_found_over_the_ends_of_lines_and_nowhere_else() {
    let found = |text: &str, phrase| find(&numbered("x", text).iter().flat_map(words).collect::<Vec<_>>(), phrase);
    assert_eq!(found("It is\nno key. Whoever", "is no"), ["x:1 is no"]);
    assert_eq!(found("It is\nno key. Whoever", "whoever"), ["x:2 whoever"]);
    for text in ["It is.\nNo key", "It is\n\nno key", "It is, no key", "It is no longer", "This no key", "| is | no |"]
    {
        assert!(found(text, "is no").is_empty(), "{text}");
    }
}

#[test]
fn the_texts_of_errors_and_of_help_are_read() {
    let texts = |lines: Vec<Line>| {
        lines.into_iter().map(|line| format!("{} {}", line.place, line.text.trim())).collect::<Vec<_>>()
    };
    let code = "/// No help.\n#[error(\"a \\\"b\\\" \\\n    c\")]\nA,\n#[error(transparent)]\nB,\n#[error(\n    \"d\"\n)]\nC,\n";
    assert_eq!(texts(errors("x", code)), ["x:2 a \\\"b\\\"", "x:3 c", "x:8 d"]);
    let code = "/// No.\nfn f() {}\n\n/// Yes.\n#[derive(Args)]\nstruct A {\n    /// Its field,\n    /// too.\n    a: u8,\n}\n\n/// No.\nstruct B {\n    /// No.\n    b: u8,\n}\n";
    assert_eq!(texts(help("x", code)), ["x:4 Yes.", "x:7 Its field,", "x:8 too."]);
}
