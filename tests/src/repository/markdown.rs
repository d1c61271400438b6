//! The documents of the repository, read as Markdown.

use crate::repository::definitions::{ROOT, read};
use pulldown_cmark::{BrokenLink, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::{fs, ops::Range, path::Path};

/// A document and its blocks of prose.
pub(crate) struct Document {
    /// From the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Headings, paragraphs, items and rows of tables, in their order. Blocks of code are not prose.
    pub(crate) blocks: Vec<Block>,
    /// Where the tables and the blocks of code are in the text.
    tables: Vec<Range<usize>>,
    code: Vec<Range<usize>>,
}

/// A piece of prose.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// From 1.
    pub(crate) line: usize,
    /// Where it is in the text.
    range: Range<usize>,
    /// One, but for the row of a table.
    pub(crate) cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Heading(HeadingLevel),
    Prose,
    /// The first row of a table, which has so many columns.
    Head(usize),
    Row(usize),
}

/// What a reader sees of a cell, or of a whole block.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// The texts in backquotes.
    pub(crate) code: Vec<String>,
    pub(crate) links: Vec<Link>,
}

#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) to: String,
}

impl Document {
    /// Every document that a user or a contributor reads, but for the changelog: `README.md` first.
    pub(crate) fn all() -> Vec<Self> {
        let root = ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned);
        let of_folders = ["docs", "infra"].into_iter().flat_map(|folder| {
            let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> = names.filter(|name| name.ends_with(".md")).collect();
            names.sort();
            names.into_iter().map(move |name| format!("{folder}/{name}"))
        });
        let all: Vec<_> = root.into_iter().chain(of_folders).map(|path| Self::open(&path)).collect();
        assert!(all.len() > 10, "only {} documents are found", all.len());
        all
    }

    /// A document by its path from the root of the repository.
    pub(crate) fn open(path: &str) -> Self {
        Self::parse(path, read(path))
    }

    #[track_caller]
    pub(crate) fn parse(path: &str, text: String) -> Self {
        let mut broken = Vec::new();
        let mut document = Self {
            path: path.to_owned(),
            text: String::new(),
            blocks: Vec::new(),
            tables: Vec::new(),
            code: Vec::new(),
        };
        // What looks like a reference and is none is text to Markdown: `[Unreleased]`, and a name that the page forgot.
        let note = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            if link.reference.starts_with('`') {
                broken.push(link.reference.to_string());
            }
            None
        };
        let parser = Parser::new_with_broken_link_callback(&text, Options::ENABLE_TABLES, Some(note));
        let mut reader =
            Reader { document: &mut document, text: &text, open: None, columns: 0, links: 0, in_code: false };
        for (event, range) in parser.into_offset_iter() {
            reader.take(event, range);
        }
        assert!(broken.is_empty(), "{path} does not say where these lead: {broken:?}");
        document.text = text;
        document
    }

    /// Each heading, and what it is called in a link.
    pub(crate) fn headings(&self) -> Vec<(HeadingLevel, &str, String)> {
        let mut all: Vec<(_, &str, String)> = Vec::new();
        for block in &self.blocks {
            if let Kind::Heading(level) = block.kind {
                let text = block.cells[0].text.as_str();
                let anchor = anchor(text);
                let same = all.iter().filter(|(_, other, _)| *other == text).count();
                all.push((level, text, if same == 0 { anchor } else { format!("{anchor}-{same}") }));
            }
        }
        all
    }

    /// The tables: of each the rows, beginning with its head.
    pub(crate) fn tables(&self) -> Vec<Vec<&Block>> {
        let mut tables: Vec<Vec<&Block>> = Vec::new();
        for block in &self.blocks {
            match (block.kind, tables.last_mut()) {
                (Kind::Head(_), _) => tables.push(vec![block]),
                (Kind::Row(_), Some(table)) => table.push(block),
                _ => {}
            }
        }
        tables
    }

    /// All links, with their lines.
    pub(crate) fn links(&self) -> impl Iterator<Item = (usize, &Link)> {
        let cells = self.blocks.iter().flat_map(|block| block.cells.iter().map(|cell| (block.line, cell)));
        cells.flat_map(|(line, cell)| cell.links.iter().map(move |link| (line, link)))
    }

    /// Faults that Markdown does not complain about: a reader sees bars in the place of a table, or a row with cells missing.
    pub(crate) fn broken_tables(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut start = 0;
        for (line, text) in (1..).zip(self.text.split_inclusive('\n')) {
            let bar = start + text.len() - text.trim_start().len();
            let mut known = self.tables.iter().chain(&self.code);
            if text.trim_start().starts_with('|') && !known.any(|range| range.contains(&bar)) {
                faults.push(format!("{}:{line} begins with a bar and is in no table", self.path));
            }
            start += text.len();
        }
        for block in &self.blocks {
            let (Kind::Head(columns) | Kind::Row(columns)) = block.kind else { continue };
            let row = self.text.get(block.range.clone()).unwrap().trim();
            let bars = row.matches('|').count() - row.matches("\\|").count();
            if !(row.starts_with('|') && row.ends_with('|')) || bars != columns + 1 {
                faults.push(format!("{}:{} is not a row of {columns} cells: {row}", self.path, block.line));
            }
        }
        faults
    }

    /// The text with everything blanked that is not prose: code, and where links lead. Lines stay where they are.
    pub(crate) fn prose(&self) -> String {
        let mut kept = vec![b' '; self.text.len()];
        for (at, byte) in self.text.bytes().enumerate() {
            if byte == b'\n' {
                kept[at] = byte;
            }
        }
        let options = Options::ENABLE_TABLES;
        let mut in_code = false;
        for (event, range) in Parser::new_ext(&self.text, options).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::End(TagEnd::CodeBlock) => in_code = false,
                Event::Text(_) if !in_code => kept[range.clone()].copy_from_slice(&self.text.as_bytes()[range]),
                // A name in the middle of a sentence: what is before and behind it is not next to each other.
                Event::Code(_) => kept[range.start] = b'`',
                _ => {}
            }
        }
        String::from_utf8(kept).unwrap()
    }
}

struct Reader<'a> {
    document: &'a mut Document,
    text: &'a str,
    open: Option<Block>,
    columns: usize,
    links: usize,
    in_code: bool,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => {
                self.close();
                self.document.code.push(range);
                self.in_code = true;
            }
            Event::End(TagEnd::CodeBlock) => self.in_code = false,
            Event::Start(Tag::Table(columns)) => {
                self.close();
                self.document.tables.push(range);
                self.columns = columns.len();
            }
            Event::Start(Tag::Heading { level, .. }) => self.begin(Kind::Heading(level), range),
            Event::Start(Tag::TableHead) => self.begin(Kind::Head(self.columns), range),
            Event::Start(Tag::TableRow) => self.begin(Kind::Row(self.columns), range),
            Event::Start(Tag::TableCell) => self.open.as_mut().unwrap().cells.push(Cell::default()),
            Event::Start(Tag::Link { dest_url, .. }) => {
                let link = Link { text: String::new(), to: dest_url.into_string() };
                self.cell(range).links.push(link);
                self.links += 1;
            }
            Event::End(TagEnd::Link) => self.links -= 1,
            Event::Text(text) if !self.in_code => self.add(&text, range),
            Event::SoftBreak | Event::HardBreak => self.add(" ", range),
            Event::Code(code) => {
                self.add(&code, range.clone());
                self.cell(range).code.push(code.into_string());
            }
            Event::Start(Tag::Emphasis | Tag::Strong)
            | Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::TableCell) => {}
            Event::Start(_) | Event::End(_) => self.close(),
            _ => {}
        }
    }

    fn begin(&mut self, kind: Kind, range: Range<usize>) {
        self.close();
        let line = self.text.split_at(range.start).0.matches('\n').count() + 1;
        self.open = Some(Block { kind, line, range, cells: Vec::new() });
    }

    fn close(&mut self) {
        self.document.blocks.extend(self.open.take());
    }

    /// The cell to which the next text belongs. In a list without empty lines no event says that a paragraph begins.
    fn cell(&mut self, range: Range<usize>) -> &mut Cell {
        if self.open.is_none() {
            self.begin(Kind::Prose, range);
        }
        let cells = &mut self.open.as_mut().unwrap().cells;
        if cells.is_empty() {
            cells.push(Cell::default());
        }
        cells.last_mut().unwrap()
    }

    fn add(&mut self, text: &str, range: Range<usize>) {
        let in_link = self.links > 0;
        let cell = self.cell(range);
        cell.text += text;
        if in_link && let Some(link) = cell.links.last_mut() {
            link.text += text;
        }
    }
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, faults: &[&str]) {
        assert_eq!(Document::parse("x.md", text.to_owned()).broken_tables(), faults, "{text}");
    }

    #[test]
    fn a_table_that_markdown_does_not_see_as_one_is_a_fault() {
        check("| a | b |\n| --- | --- |\n| 1 | `2` |\n\nText | with a bar\n\n```\n| code\n```\n", &[]);
        check("| a | b |\n| --- | --- |\n| 1 | 2 |\n\n| 3 | 4 |\n", &["x.md:5 begins with a bar and is in no table"]);
        check("- item\n\n  | a |\n  | --- |\n  | 1 |\n", &[]);
        check(
            "| a | b |\n| --- |\n",
            &["x.md:1 begins with a bar and is in no table", "x.md:2 begins with a bar and is in no table"],
        );
        check("| a | b |\n| --- | --- |\n| 1 |\n", &["x.md:3 is not a row of 2 cells: | 1 |"]);
        check("| a | b |\n| --- | --- |\n| 1 | `2|3` |\n", &["x.md:3 is not a row of 2 cells: | 1 | `2|3` |"]);
        check("| a |\n| --- |\n| 1 |\nText\n", &["x.md:4 is not a row of 1 cells: Text"]);
    }

    #[test]
    fn headings_links_and_code_are_read() {
        let text = "# A `b`, c\n\nSee [`x`] and\n[the y](z.md#q).\n\n- [w](v)\n\n# A `b`, c\n\n[`x`]: src/x.rs\n";
        let document = Document::parse("x.md", text.to_owned());
        let headings = document.headings();
        let anchors: Vec<_> = headings.iter().map(|(_, text, anchor)| (*text, anchor.as_str())).collect();
        assert_eq!(anchors, [("A b, c", "a-b-c"), ("A b, c", "a-b-c-1")]);
        let links: Vec<_> = document.links().map(|(line, link)| (line, link.text.as_str(), link.to.as_str())).collect();
        assert_eq!(links, [(3, "x", "src/x.rs"), (3, "the y", "z.md#q"), (6, "w", "v")]);
        assert_eq!(document.blocks[1].cells[0].text, "See x and the y.");
        assert_eq!(document.blocks[1].cells[0].code, ["x"]);
        assert_eq!(document.prose().lines().nth(2).map(str::trim_end), Some("See  `    and"));
    }

    #[test]
    #[should_panic(expected = "does not say where these lead")]
    fn a_name_that_leads_nowhere_is_a_fault() {
        Document::parse("x.md", "See [`x`].\n".to_owned());
    }
}
