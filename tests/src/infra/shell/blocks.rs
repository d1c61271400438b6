//! The blocks of the documents that are for a shell.

use crate::infra::support::template::template;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::{fs, path::Path};

/// A block of a document, as it is printed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    /// The file's name in `infra`.
    pub(crate) document: String,
    /// The line of its fence.
    pub(crate) line: usize,
    /// What its fence says: `sh run`.
    pub(crate) info: String,
    /// Without the indentation of a list.
    pub(crate) text: String,
}

impl Block {
    /// What its fence says after `sh`.
    pub(crate) fn class(&self) -> &str {
        self.info.strip_prefix("sh ").unwrap_or_default()
    }

    pub(crate) fn place(&self) -> String {
        format!("infra/{}:{}", self.document, self.line)
    }
}

/// The names of all documents in `infra`.
pub(crate) fn documents() -> Vec<String> {
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    names
}

/// All fenced blocks of a document whose first word is this.
pub(crate) fn blocks_of(document: &str, language: &str) -> Vec<Block> {
    let all = fenced(document).into_iter();
    all.filter(|block| block.info.split(' ').next() == Some(language)).collect()
}

/// All fenced blocks of a document.
pub(crate) fn fenced(document: &str) -> Vec<Block> {
    let text = template(document);
    let mut blocks = Vec::new();
    let mut inside = None;
    for (event, range) in Parser::new(&text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let line = text.bytes().take(range.start).filter(|byte| *byte == b'\n').count() + 1;
                inside =
                    Some(Block { document: document.to_owned(), line, info: info.into_string(), text: String::new() });
            }
            Event::Text(text) => {
                if let Some(block) = &mut inside {
                    block.text += &text;
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(inside.take()),
            _ => {}
        }
    }
    blocks
}

/// The one block, other than the first, that has this part.
#[track_caller]
pub(crate) fn find<'a>(blocks: &'a [Block], part: &str) -> &'a Block {
    let mut found = blocks[1..].iter().filter(|block| block.text.contains(part));
    let block = found.next().unwrap_or_else(|| panic!("no block has {part:?}"));
    assert_eq!(found.next(), None, "{part:?} is in two blocks");
    block
}
