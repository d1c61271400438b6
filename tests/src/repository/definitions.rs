//! The files of the repository, and what is defined in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A file by its path from the root of the repository.
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every file of Rust, and every template, in the repository.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from(ROOT)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") || name.ends_with(".yaml") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files
}

/// Whether a file defines this: a template a resource; one of Rust `name`, or `Type::name` in a block of that type. A
/// module in front of it only distinguishes two items with the same name.
pub(crate) fn defines(text: &str, label: &str) -> bool {
    if text.contains(&format!("\n  {label}:\n    Type: AWS::")) {
        return true;
    }
    let (front, name) = label.rsplit_once("::").unwrap_or(("", label));
    let owner = front.rsplit("::").next().unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    if !owner.starts_with(char::is_uppercase) {
        return lines.iter().any(|line| heads(line, name));
    }
    let of_owner = |line: &str| line.ends_with('{') && !line.starts_with(' ') && words(line).any(|word| word == owner);
    let blocks = (0..lines.len()).filter(|at| of_owner(lines[*at]));
    let mut inside = blocks.flat_map(|at| lines[at + 1..].iter().take_while(|line| **line != "}"));
    inside.any(|line| heads(line, name) || is_variant(line, name))
}

/// Whether a file of Rust has a test of that name.
pub(crate) fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let at = lines.iter().position(|line| heads(line, name)).unwrap_or_default();
    let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

/// Whether the definition of `name` begins in this line.
fn heads(line: &str, name: &str) -> bool {
    let words: Vec<_> = words(line).collect();
    let keywords = ["fn", "struct", "enum", "trait", "type", "const"];
    let mut pairs = words.windows(2);
    !line.trim_start().starts_with("//") && pairs.any(|pair| keywords.contains(&pair[0]) && pair[1] == name)
}

fn is_variant(line: &str, name: &str) -> bool {
    let rest = line.trim_start().strip_prefix(name);
    rest.is_some_and(|rest| rest.starts_with([',', '(']) || rest.starts_with(" {"))
}

/// The words of a line of code.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty())
}
