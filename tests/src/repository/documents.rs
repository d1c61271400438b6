//! The files, types, functions and tests that the documents name are there, so that the documents cannot rot.

use crate::{
    infra::support::template::template,
    repository::definitions::{ROOT, defines, is_test, read, sources, words},
};
use std::path::Path;

const SECURITY: &str = include_str!("../../../SECURITY.md");
const DOCUMENTS: [(&str, &str); 3] = [
    ("SECURITY.md", SECURITY),
    ("ARCHITECTURE.md", include_str!("../../../ARCHITECTURE.md")),
    ("CONTRIBUTING.md", include_str!("../../../CONTRIBUTING.md")),
];

/// Each threat has code that answers it and a test that shows it, and the end of the page says which file holds them.
#[test]
fn every_threat_has_its_code_and_its_test() {
    let named: Vec<_> = SECURITY.lines().filter_map(definition).collect();
    for (label, file) in &named {
        assert!(defines(&read(file), label), "{file} has no {label}");
        let uses = labels(SECURITY).filter(|other| other == label).count();
        assert!(uses > 1, "nothing but the end of the page names {label}");
    }
    let file_of = |label: &str| {
        let mut files = named.iter().filter(|(known, _)| *known == label);
        match (files.next(), files.next()) {
            (Some((_, file)), None) => *file,
            _ => panic!("the end of the page does not say which one file holds {label}"),
        }
    };
    for label in labels(SECURITY) {
        file_of(label);
    }

    let rows = SECURITY.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<Vec<_>> = rows.map(|row| row.trim_matches('|').split(" | ").collect()).collect();
    let threats = rows.iter().filter(|row| !["shown by", "---"].contains(&row[2]));
    assert!(threats.clone().count() > 30);
    for row in threats {
        assert_eq!(row.len(), 4, "{row:?}");
        let (code, tests) = (labels(row[1]), labels(row[2]));
        assert!(code.count() > 0, "no code answers {row:?}");
        assert!(tests.clone().count() > 0, "no test shows {row:?}");
        for test in tests {
            let file = file_of(test);
            assert!(is_test(&read(file), test), "{test} in {file} is no test");
        }
    }
}

/// What looks like a path or like a name in our code is there.
#[test]
fn what_the_documents_name_is_there() {
    let sources = sources();
    for (document, text) in DOCUMENTS {
        for line in prose(text).filter(|line| definition(line).is_none()) {
            // A file without its folder is in that of the path before it in the line, if there is one.
            let mut folder = None;
            for span in line.split('`').skip(1).step_by(2) {
                let there = match Name::of(span) {
                    Some(Name::Path(path)) => {
                        let path = Path::new(ROOT).join(path);
                        let found = path.exists();
                        folder = if path.is_file() { path.parent().map(Into::into) } else { Some(path) };
                        found
                    }
                    Some(Name::File(file)) => match &folder {
                        Some(folder) => folder.join(file).exists(),
                        None => {
                            Path::new(ROOT).join(file).exists() || sources.iter().any(|(path, _)| path.ends_with(file))
                        }
                    },
                    Some(Name::Item(item)) => sources.iter().any(|(_, text)| defines(text, item)),
                    Some(Name::Word(word)) => sources.iter().any(|(_, text)| words(text).any(|other| other == word)),
                    None => true,
                };
                assert!(there, "{document} names {span}, which is not there: {line}");
            }
        }
    }
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let of_infra = [("infra/README.md", template("README.md")), ("infra/attach.md", template("attach.md"))];
    let of_infra = of_infra.iter().map(|(document, text)| (*document, text.as_str()));
    for (document, text) in
        DOCUMENTS.into_iter().chain([("README.md", include_str!("../../../README.md"))]).chain(of_infra)
    {
        let links = prose(text).flat_map(|line| line.split("](").skip(1));
        for link in links.filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { document.to_owned() } else { led_to(document, file) };
            assert!(link.starts_with("https://") || Path::new(ROOT).join(&file).exists(), "{document} links to {link}");
            let text = if anchor.is_empty() { String::new() } else { read(&file) };
            let mut anchors = prose(&text).filter(|line| line.starts_with('#')).map(anchor_of);
            assert!(anchor.is_empty() || anchors.any(|other| other == anchor), "{document} links to {link}");
        }
    }
}

/// What a text in backquotes names.
enum Name<'a> {
    /// From the root of the repository.
    Path(&'a str),
    /// Without its folder.
    File(&'a str),
    /// A function, a type, a constant or a variant, with the type that it belongs to.
    Item(&'a str),
    /// A test, a field, an attribute.
    Word(&'a str),
}

impl<'a> Name<'a> {
    fn of(span: &'a str) -> Option<Self> {
        let file = [".rs", ".py", ".md", ".mjs", ".toml", ".json"].iter().any(|end| span.ends_with(end));
        let path = span.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        let called = span.split_once('(').map(|(name, _)| name);
        let name = called.unwrap_or(span);
        let words = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
        // A type has letters of both sizes; what is in capitals alone is a method or a setting.
        let of_a_type = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
        let of_others = ["Debug", "Option", "Authorization", "Cookie", "Host", "Unreleased"].contains(&name);
        match span {
            _ if path
                && span.contains('/')
                && !["/", "target/", "dist/"].iter().any(|start| span.starts_with(start)) =>
            {
                Some(Self::Path(span))
            }
            _ if path && file => Some(Self::File(span)),
            _ if words && (called.is_some() || of_a_type) && !of_others => Some(Self::Item(name)),
            _ if words && name.contains('_') && !name.contains(|c: char| c.is_uppercase() || c == ':') => {
                Some(Self::Word(name))
            }
            _ => None,
        }
    }
}

/// A line at the end of SECURITY.md: a name, and the file that holds it.
fn definition(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("[`")?.split_once("`]: ")
}

/// The names that lead to such a line.
fn labels(text: &str) -> impl Iterator<Item = &str> + Clone {
    let rests = text.split("[`").skip(1);
    rests.filter_map(|rest| Some(rest.split_once("`]")?.0))
}

/// The lines that are in no block of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(str::lines)
}

/// What a heading is called in a link.
fn anchor_of(heading: &str) -> String {
    let heading = heading.trim_start_matches(['#', ' ']).to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

/// Where a link in a document leads: from its own folder.
fn led_to(document: &str, link: &str) -> String {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    match link.strip_prefix("../") {
        Some(above) => above.to_owned(),
        None if folder.is_empty() => link.to_owned(),
        None => format!("{folder}/{link}"),
    }
}
