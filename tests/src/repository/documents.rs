//! The files, types, functions and tests that the documents name are there, so that the documents cannot rot.

use crate::repository::{
    definitions::{ROOT, defines, is_test, read, sources, words},
    markdown::{Cell, Document},
};
use std::path::{Component, Path, PathBuf};

/// The documents that name our own code. Others also name that of AWS and of its tools.
const OF_THE_CODE: [&str; 3] = ["SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Each threat has code that answers it and a test that shows it, and the end of the page says which file holds them.
#[test]
fn every_threat_has_its_code_and_its_test() {
    let document = Document::open("SECURITY.md");
    let named: Vec<_> = document.text.lines().filter_map(definition).collect();
    for (label, file) in &named {
        assert!(defines(&read(file), label), "{file} has no {label}");
        assert!(document.links().any(|(_, link)| link.text == *label), "nothing but the end of the page names {label}");
        // Markdown takes the first, whatever the size of its letters.
        let same = named.iter().filter(|(other, _)| other.eq_ignore_ascii_case(label)).count();
        assert_eq!(same, 1, "the end of the page does not say which one file holds {label}");
    }
    let labels = |cell: &Cell| {
        let links = cell.links.iter().filter(|link| named.iter().any(|(label, _)| *label == link.text));
        links.map(|link| (link.text.clone(), link.to.clone())).collect::<Vec<_>>()
    };

    let threats =
        document.tables().into_iter().filter(|table| table[0].cells.get(2).is_some_and(|cell| cell.text == "shown by"));
    let threats: Vec<_> = threats.flat_map(|table| table.into_iter().skip(1)).collect();
    assert!(threats.len() > 50, "only {} threats are read", threats.len());
    for row in threats {
        let (code, tests) = (labels(&row.cells[1]), labels(&row.cells[2]));
        assert!(!code.is_empty(), "no code answers the threat of line {}", row.line);
        assert!(!tests.is_empty(), "no test shows the threat of line {}", row.line);
        for (test, file) in tests {
            assert!(is_test(&read(&file), &test), "{test} in {file} is not a test");
        }
    }
}

/// What looks like a path or like a name in our code is there.
#[test]
fn what_the_documents_name_is_there() {
    let sources = sources();
    for path in OF_THE_CODE {
        let document = Document::open(path);
        for block in &document.blocks {
            // A file without its folder is in that of the path before it, if there is one.
            let mut folder = None;
            for span in block.cells.iter().flat_map(|cell| &cell.code) {
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
                assert!(there, "{path}:{} names {span}, which is not there", block.line);
            }
        }
    }
}

/// The documents for users name paths of the repository, and settings, headers and values of ours.
#[test]
fn what_the_documents_for_users_name_is_there() {
    let sources = sources();
    let mut checked = 0;
    for document in Document::all().iter().filter(|document| !OF_THE_CODE.contains(&document.path.as_str())) {
        for block in &document.blocks {
            for span in block.cells.iter().flat_map(|cell| &cell.code) {
                let plain = |more: &[u8]| span.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
                let of_ours = |path: &str| Path::new(ROOT).join(path.split('/').next().unwrap_or_default()).exists();
                let there = if span.contains('/') && plain(b"/._-") && !span.starts_with(['/', '.']) && of_ours(span) {
                    ["target/", "dist/"].iter().any(|start| span.starts_with(start))
                        || Path::new(ROOT).join(span).exists()
                } else if span.ends_with(".rs") && plain(b"._-") {
                    sources.iter().any(|(path, _)| path.ends_with(span))
                } else if span.to_ascii_lowercase().starts_with("countersign")
                    && plain(b"_-")
                    && !span.contains("STACK")
                {
                    sources.iter().any(|(_, text)| text.contains(span.as_str()))
                } else {
                    continue;
                };
                checked += 1;
                assert!(there, "{}:{} names {span}, which is not there", document.path, block.line);
            }
        }
    }
    assert!(checked > 100, "only {checked} names are found");
}

#[test]
fn the_links_of_the_documents_lead_somewhere() {
    let documents = Document::all();
    let mut checked = 0;
    for document in &documents {
        for (line, link) in document.links().filter(|(_, link)| !link.to.starts_with("https://")) {
            let (file, anchor) = link.to.split_once('#').unwrap_or((&link.to, ""));
            let file = if file.is_empty() { document.path.clone() } else { led_to(&document.path, file) };
            let there = Path::new(ROOT).join(&file).exists()
                && (anchor.is_empty() || headings(&documents, &file).contains(&anchor.to_owned()));
            assert!(there, "{}:{line} links to {}", document.path, link.to);
            checked += 1;
        }
    }
    assert!(checked > 300, "only {checked} links are found");
}

/// What this finds a reader sees as bars between words.
#[test]
fn every_table_is_one_to_markdown() {
    let changelog = Document::open("CHANGELOG.md");
    let faults: Vec<_> = Document::all().iter().chain([&changelog]).flat_map(Document::broken_tables).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A stranger knows after three minutes whether it fits. What is more has a page in `docs`.
#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!((120..=180).contains(&lines), "README.md has {lines} lines");
}

/// No page of `docs` is one that nobody finds.
#[test]
fn the_readme_links_to_every_page_of_docs() {
    let readme = Document::open("README.md");
    for document in Document::all().iter().filter(|document| document.path.starts_with("docs/")) {
        let mut links = readme.links().map(|(_, link)| link.to.split('#').next().unwrap_or_default());
        assert!(links.any(|to| to == document.path), "README.md does not link to {}", document.path);
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

/// What the headings of a document are called in links.
fn headings(documents: &[Document], path: &str) -> Vec<String> {
    let document = documents.iter().find(|document| document.path == path);
    document.map(|document| document.headings().into_iter().map(|(_, _, anchor)| anchor).collect()).unwrap_or_default()
}

/// Where a link in a document leads: from its own folder.
fn led_to(document: &str, link: &str) -> String {
    let mut path = PathBuf::from(document);
    path.pop();
    for part in Path::new(link).components() {
        if part == Component::ParentDir {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path.to_str().unwrap().to_owned()
}
