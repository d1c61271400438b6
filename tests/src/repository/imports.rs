//! One style of imports, which rustfmt's stable options cannot hold: one `use` for all that a file takes from one crate.

use super::definitions::{ROOT, sources};
use std::{collections::BTreeSet, path::Path};

#[test]
fn a_file_imports_from_each_crate_once() {
    let mut repeated = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "rs")) {
        for line in repeated_imports(text) {
            repeated.push(format!("{}: {line}", path.strip_prefix(Path::new(ROOT)).unwrap().display()));
        }
    }
    assert!(repeated.is_empty(), "merge these with the import before them:\n{}", repeated.join("\n"));
}

/// The lines that import from a crate, or the parent module, from which the same module imports already. Blocks of `pub use`
/// are lists in reading order, and attributes apply to one import.
fn repeated_imports(text: &str) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let mut repeated = Vec::new();
    let mut before = "";
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("mod ") || line.trim_start().starts_with("fn ") {
            seen.retain(|&(other, _)| other <= indent);
        }
        if let Some(import) = line.trim_start().strip_prefix("use ") {
            let root = import.split([':', ';', ' ']).next().unwrap_or_default();
            if !before.trim_start().starts_with("#[") && !seen.insert((indent, root)) {
                repeated.push(line);
            }
        }
        before = line;
    }
    repeated
}

#[test]
fn a_repeated_import_is_found() {
    for (text, expected) in [
        ("use std::fmt;\nuse std::io;\n", 1),
        ("use std::{fmt, io};\nuse signing::Key;\n", 0),
        ("use std::fmt;\nmod tests {\n    use std::io;\n}\n", 0),
        ("mod tests {\n    use super::*;\n    use super::super::x;\n}\n", 1),
        ("#[cfg(test)]\nuse std::fmt;\n#[cfg(unix)]\nuse std::io;\n", 0),
        ("fn a() {\n    use std::fmt;\n}\nfn b() {\n    use std::fmt;\n}\n", 0),
    ] {
        assert_eq!(repeated_imports(text).len(), expected, "{text}");
    }
}
