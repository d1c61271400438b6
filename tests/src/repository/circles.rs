//! No file of a crate uses itself, directly or through other files.

use crate::repository::modules::Modules;
use cargo_metadata::MetadataCommand;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
};

#[test]
fn no_file_of_a_crate_is_in_a_circle() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let source = |file: &str| fs::read_to_string(metadata.workspace_root.join(file)).ok();
    let mut read = 0;
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            let root = target.src_path.strip_prefix(&metadata.workspace_root).unwrap();
            let modules = Modules::read(root.as_str(), &source);
            let uses = modules.uses();
            read += uses.len();
            found.extend(circles(&uses).into_iter().map(|circle| format!("{}: {circle}", package.name)));
        }
    }
    assert!(read > 150, "only {read} files are read");
    assert!(found.is_empty(), "import from the module below, or move what both need into it:\n{}", found.join("\n"));
}

/// The shortest circle through each file that is in one, each once, beginning with its first file.
fn circles(uses: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut circles = BTreeSet::new();
    for start in uses.keys() {
        let mut came_from = BTreeMap::new();
        let mut next = VecDeque::from([*start]);
        while let Some(file) = next.pop_front() {
            for used in &uses[file] {
                if !came_from.contains_key(used) {
                    came_from.insert(*used, file);
                    next.push_back(used);
                }
            }
        }
        if came_from.contains_key(start) {
            let mut circle = vec![came_from[start]];
            while circle.last() != Some(start) {
                circle.push(came_from[circle[circle.len() - 1]]);
            }
            circle.reverse();
            let first = circle.iter().min().and_then(|least| circle.iter().position(|file| file == least));
            circle.rotate_left(first.unwrap_or_default());
            circle.push(circle[0]);
            circles.insert(circle.join(" → "));
        }
    }
    circles.into_iter().collect()
}

/// The circles in a crate of these files; the first file is its root.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let source = |file: &str| files.iter().find(|(name, _)| *name == file).map(|(_, text)| (*text).to_owned());
    assert_eq!(circles(&Modules::read(files[0].0, &source).uses()), expected, "{files:?}");
}

#[test]
fn a_circle_is_found_however_its_paths_are_written() {
    const AB: &[&str] = &["a.rs → b.rs → a.rs"];
    let root = ("lib.rs", "mod a; mod b;");
    for (a, expected) in [
        ("pub struct A;", &[][..]),
        ("use crate::b::B; pub struct A;", AB),
        ("use crate::{b::{B}}; pub struct A;", AB),
        ("use crate::{b::{self, C as D}, a::A as X}; pub struct A;", AB),
        ("use super::b::B; pub struct A;", AB),
        ("use self::super::b::B; pub struct A;", AB),
        ("use crate::b::*; pub struct A;", AB),
        ("pub struct A; fn f() { crate::b::f(); }", AB),
        ("pub struct A; fn f() -> Vec<super::b::B> { vec![] }", AB),
        ("pub struct A; fn f() { assert!(g(1, || crate::b::f())); }", AB),
        ("pub struct A; mod c { fn f() { super::super::b::f() } }", AB),
        ("use crate::b; pub struct A; fn f() { b::f(); }", AB),
        ("use crate::b as other; pub struct A; fn f() { other::f(); }", AB),
        ("pub struct A; fn f() { use crate::b::f; }", AB),
        ("#[derive(Debug)] pub struct A(#[allow(dead_code, reason = \"\")] pub crate::b::B);", AB),
        // What is for tests only, of another crate, or no code.
        ("pub struct A; #[cfg(test)] mod tests { use super::*; use crate::b::B; }", &[]),
        ("pub struct A; #[cfg(test)] use crate::b::B;", &[]),
        ("pub struct A; #[cfg(test)] #[track_caller] fn f() { crate::b::f(); }", &[]),
        ("pub struct A; #[cfg(all(test, unix))] const B: [u8; { crate::b::N }] = [crate::b::B; 1];", &[]),
        ("pub struct A; // crate::b::f()\n/// [`crate::b::f`]\nfn f() { \"crate::b::f()\"; }", &[]),
        ("pub struct A; fn f() { ::b::f(); other::b::f(); self.b.f(); }", &[]),
        ("use other::b::B; use ::b::C; pub struct A;", &[]),
        ("pub(crate) struct A; pub(in crate::b) fn f() {}", &[]),
        // And what comes after it is read again.
        ("#[cfg(test)] use crate::{a::A}; pub struct A; fn f() { crate::b::f(); }", AB),
        ("#[cfg(test)] fn g() {} pub struct A; fn f() { crate::b::f(); }", AB),
        ("#![cfg(test)] use crate::b::B; pub struct A;", AB),
        ("#[cfg(not(test))] use crate::b::B; pub struct A;", AB),
        ("#[cfg(any(test, unix))] use crate::b::B; pub struct A;", AB),
    ] {
        check(&[root, ("a.rs", a), ("b.rs", "use crate::a::A; pub struct B; pub fn f() {}")], expected);
    }
}

#[test]
fn a_name_is_of_the_file_that_defines_it() {
    let b = ("b.rs", "use crate::A; pub struct B;");
    // Through the root, under a name of its own, by a glob, and through two files.
    let root = "mod a; mod b; pub use a::A;";
    check(&[("lib.rs", root), ("a.rs", "use crate::b::B; pub struct A;"), b], &["a.rs → b.rs → a.rs"]);
    let root = "mod a; mod b; pub use a::Z as A;";
    check(&[("lib.rs", root), ("a.rs", "use crate::b::B; pub struct Z;"), b], &["a.rs → b.rs → a.rs"]);
    let root = "mod a; mod b; pub use a::*;";
    check(&[("lib.rs", root), ("a.rs", "use crate::b::B; pub struct A;"), b], &["a.rs → b.rs → a.rs"]);
    let root = ("lib.rs", "mod a; mod b; mod c; pub use c::A;");
    let c = ("c.rs", "pub use crate::a::A;");
    check(&[root, ("a.rs", "use crate::b::B; pub struct A;"), b, c], &["a.rs → b.rs → a.rs"]);
    // A root that only declares and re-exports is in no circle; one that defines what its children use is.
    let root = "mod a; mod b; pub use a::A; pub use b::B;";
    check(&[("lib.rs", root), ("a.rs", "pub struct A;"), b], &[]);
    let root = "mod a; pub use a::A; pub struct R;";
    check(&[("lib.rs", root), ("a.rs", "use crate::R; pub struct A;")], &["a.rs → lib.rs → a.rs"]);
}

#[test]
fn a_parent_and_its_children_are_ordinary_files() {
    let root = ("src/lib.rs", "mod a;");
    let child = ("src/a/b.rs", "use super::C; pub struct B;");
    check(
        &[root, ("src/a.rs", "mod b; pub use b::B; mod c; pub use c::C;"), child, ("src/a/c.rs", "pub struct C;")],
        &[],
    );
    check(&[root, ("src/a.rs", "mod b; pub struct C;"), child], &[]);
    let circle = &["src/a.rs → src/a/b.rs → src/a.rs"];
    check(&[root, ("src/a.rs", "mod b; use b::B; pub struct C;"), child], circle);
    check(&[root, ("src/a.rs", "mod b; pub struct C(b::B);"), child], circle);
    check(&[root, ("src/a/mod.rs", "mod b; pub struct C(b::B);"), child], &["src/a/b.rs → src/a/mod.rs → src/a/b.rs"]);
    // A module in braces is of the file that it is in.
    check(&[root, ("src/a.rs", "pub struct C; mod inner { use super::C; pub struct D; } use inner::D;")], &[]);
}

#[test]
fn a_circle_of_three_files_is_reported_once() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::C; pub struct B;"),
        ("c.rs", "use crate::a::A; pub struct C;"),
        ("d.rs", "use crate::a::A;"),
    ];
    check(&files, &["a.rs → b.rs → c.rs → a.rs"]);
}
