//! Which file of a crate uses which other file, read from the sources.
//!
//! A name belongs to the file that defines it, and not to a file that re-exports it. The reader follows paths in `use`
//! declarations and in bodies, macros among them, from `crate`, `self`, `super`, a child module or an imported name. It
//! does not see a method, for which no path is written. It ignores code that is compiled only for tests, and over `mod`
//! declarations, which use nothing.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

/// A module of a crate: the names that lead to it from the root.
type Module = Vec<String>;

/// The modules of a crate.
#[derive(Default)]
pub(crate) struct Modules {
    /// The file of each.
    files: BTreeMap<Module, String>,
    /// What a name in a module was imported as: each path with the names before it.
    imports: BTreeMap<(Module, String), Vec<Path>>,
    /// What each module imports by `*`.
    globs: BTreeMap<Module, Vec<Path>>,
    /// The names that a module defines.
    defined: BTreeSet<(Module, String)>,
    /// Each path, with the module that holds it.
    paths: Vec<(Module, Path)>,
}

/// The names of a path; a last one of `*` for all in it.
type Path = Vec<String>;

impl Modules {
    /// Reads a crate from this file on. `source` returns the text of a file, or `None` if there is no such file.
    #[track_caller]
    pub(crate) fn read(root: &str, source: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut modules = Self::default();
        modules.read_file(vec![], root, true, source);
        modules
    }

    /// For each file the other files that it uses.
    pub(crate) fn uses(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut uses: BTreeMap<_, BTreeSet<_>> = self.files.values().map(|file| (file.as_str(), [].into())).collect();
        for (module, path) in &self.paths {
            let file = self.files[module].as_str();
            let used = self.owner(module, path, &mut BTreeSet::new()).map(|owner| self.files[&owner].as_str());
            uses.entry(file).or_default().extend(used.filter(|used| *used != file));
        }
        uses
    }

    /// The module that defines what a path names; `None` if it is a module, or of another crate.
    fn owner(&self, from: &Module, path: &[String], seen: &mut BTreeSet<(Module, Path)>) -> Option<Module> {
        if !seen.insert((from.clone(), path.to_vec())) {
            return None;
        }
        let first = path.first()?;
        let (module, rest) = start(from, path);
        let is_known =
            || self.child(from, first).is_some() || self.imports.contains_key(&(from.clone(), first.clone()));
        if rest.len() == path.len() && !is_known() {
            return None;
        }
        self.within(module, rest, seen)
    }

    /// The module that defines what these names lead to from that module.
    fn within(&self, module: Module, names: &[String], seen: &mut BTreeSet<(Module, Path)>) -> Option<Module> {
        let (name, rest) = names.split_first()?;
        if name == "*" {
            return Some(module);
        }
        if name == "self" {
            return None;
        }
        if let Some(child) = self.child(&module, name) {
            return self.within(child, rest, seen);
        }
        if self.defined.contains(&(module.clone(), name.clone())) {
            return Some(module);
        }
        let imports = self.imports.get(&(module.clone(), name.clone())).into_iter().flatten();
        let globs = self.globs.get(&module).into_iter().flatten();
        let globs = globs.map(|glob| [&glob[..glob.len() - 1], slice::from_ref(name)].concat());
        for (path, must_define) in imports.map(|path| (path.clone(), false)).chain(globs.map(|path| (path, true))) {
            let is_module = self.module_of(&module, &path);
            if let Some(of) = is_module {
                return self.within(of, rest, seen);
            }
            if let Some(owner) = self.owner(&module, &path, seen)
                && (!must_define
                    || path.last().is_some_and(|name| self.defined.contains(&(owner.clone(), name.clone()))))
            {
                return Some(owner);
            }
        }
        // Of another crate, or made by a macro: a name that this module gives.
        Some(module)
    }

    /// The module that a path names, if it names one.
    fn module_of(&self, from: &Module, path: &[String]) -> Option<Module> {
        let (mut module, names) = start(from, path);
        for name in names.iter().filter(|name| *name != "self") {
            module = self.child(&module, name)?;
        }
        Some(module)
    }

    fn child(&self, module: &Module, name: &str) -> Option<Module> {
        let child = [&module[..], &[name.to_owned()]].concat();
        self.files.contains_key(&child).then_some(child)
    }

    /// Reads a file. The children of a root and of `mod.rs` are beside it, those of another file in the folder of its name.
    #[track_caller]
    fn read_file(&mut self, module: Module, file: &str, is_root: bool, source: &dyn Fn(&str) -> Option<String>) {
        let text = source(file).unwrap_or_else(|| panic!("there is no file {file}"));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let folder = if is_root || name == "mod.rs" { folder } else { file.trim_end_matches(".rs") };
        self.files.insert(module.clone(), file.to_owned());
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (child, folder) in self.read_tokens(&module, file, folder, &tokens) {
            let name = child.last().map_or("", String::as_str);
            let path = format!("{folder}/{name}");
            let path = path.trim_start_matches('/');
            let candidates = [format!("{path}.rs"), format!("{path}/mod.rs")];
            let found = candidates.iter().find(|candidate| source(candidate).is_some());
            let found = found.unwrap_or_else(|| panic!("{file} declares {name}, and there is no {}", candidates[0]));
            self.read_file(child, found, false, source);
        }
    }

    /// Reads what is in a module or in a body of one; returns the modules that are in files of their own, with their folders.
    fn read_tokens(
        &mut self,
        module: &Module,
        file: &str,
        folder: &str,
        tokens: &[TokenTree],
    ) -> Vec<(Module, String)> {
        let mut children = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if let Some(end) = attribute(&tokens[at..]) {
                let attribute = &tokens[at + end - 1];
                at += end;
                if is_for_tests(attribute) {
                    at += item(&tokens[at..]);
                }
                continue;
            }
            match &tokens[at] {
                // What follows `use<` are lifetimes.
                TokenTree::Ident(word)
                    if word == "use" && !tokens.get(at + 1).is_some_and(|next| is_punct(next, '<')) =>
                {
                    let end = at + tokens[at..].iter().position(|token| is_punct(token, ';')).expect("a use ends");
                    for (path, alias) in use_tree(&tokens[at + 1..end]) {
                        self.import(module, path, alias);
                    }
                    at = end;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    if let (Some(TokenTree::Ident(name)), Some(next)) = (tokens.get(at + 1), tokens.get(at + 2)) {
                        let name = name.to_string();
                        let child = [&module[..], slice::from_ref(&name)].concat();
                        if let TokenTree::Group(body) = next {
                            self.files.insert(child.clone(), file.to_owned());
                            let inside: Vec<_> = body.stream().into_iter().collect();
                            children.extend(self.read_tokens(&child, file, &format!("{folder}/{name}"), &inside));
                        } else {
                            children.push((child, folder.to_owned()));
                        }
                        at += 2;
                    }
                }
                TokenTree::Ident(word) => {
                    if DEFINING.contains(&word.to_string().as_str())
                        && let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
                    {
                        self.defined.insert((module.clone(), name.to_string()));
                    }
                    let (path, end) = path(&tokens[at..]);
                    if path.len() > 1 && follows_no_path(&tokens[..at]) {
                        self.paths.push((module.clone(), path));
                    }
                    at += end - 1;
                }
                TokenTree::Group(group) => {
                    let inside: Vec<_> = group.stream().into_iter().collect();
                    children.extend(self.read_tokens(module, file, folder, &inside));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
        children
    }

    fn import(&mut self, module: &Module, path: Path, alias: Option<String>) {
        let last = path.iter().rev().find(|name| *name != "self").cloned();
        if path.last().is_some_and(|name| name == "*") {
            self.globs.entry(module.clone()).or_default().push(path.clone());
        } else if let Some(name) = alias.or(last) {
            // A name that is imported under itself leads nowhere: it is a crate's.
            if path != [name.clone()] {
                self.imports.entry((module.clone(), name)).or_default().push(path.clone());
            }
        }
        self.paths.push((module.clone(), path));
    }
}

/// Where a path begins, after `crate`, `self` and `super`, and the names that follow.
fn start<'p>(from: &Module, path: &'p [String]) -> (Module, &'p [String]) {
    let (mut module, mut rest) = (from.clone(), path);
    while let [first, after @ ..] = rest {
        match first.as_str() {
            "crate" => module.clear(),
            "super" => drop(module.pop()),
            "self" => {}
            _ => break,
        }
        rest = after;
    }
    (module, rest)
}

/// The words before a name that is defined.
const DEFINING: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

/// How many tokens an attribute takes that begins here.
fn attribute(tokens: &[TokenTree]) -> Option<usize> {
    match tokens {
        [hash, TokenTree::Group(_), ..] if is_punct(hash, '#') => Some(2),
        [hash, bang, TokenTree::Group(_), ..] if is_punct(hash, '#') && is_punct(bang, '!') => None,
        _ => None,
    }
}

/// `[cfg(test)]`, or `[cfg(all(test, …))]`.
fn is_for_tests(attribute: &TokenTree) -> bool {
    let text: String = attribute.to_string().split_whitespace().collect();
    text == "[cfg(test)]" || text.starts_with("[cfg(all(test,")
}

/// How many tokens the item takes that begins here, after its first attribute.
fn item(tokens: &[TokenTree]) -> usize {
    let mut at = 0;
    while let Some(end) = attribute(&tokens[at..]) {
        at += end;
    }
    let to_semicolon = ["use", "const", "static", "type", "let"];
    let words = tokens[at..]
        .iter()
        .take_while(|token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace));
    let is_function = words.clone().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
    let to_semicolon = !is_function
        && words
            .into_iter()
            .any(|token| matches!(token, TokenTree::Ident(word) if to_semicolon.contains(&word.to_string().as_str())));
    let ends = |token: &TokenTree| {
        let is_body = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        is_punct(token, ';') || (is_body && !to_semicolon)
    };
    at + tokens[at..].iter().position(ends).map_or(tokens.len() - at, |end| end + 1)
}

/// Whether there is no `::` before the next token.
fn follows_no_path(before: &[TokenTree]) -> bool {
    !matches!(before, [.., first, second] if is_joint_colon(first) && is_punct(second, ':'))
}

/// The path that begins with this name, and how many tokens it takes.
fn path(tokens: &[TokenTree]) -> (Path, usize) {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        names.push(name.to_string());
        match tokens.get(at + 1..at + 4) {
            Some([first, second, TokenTree::Ident(_)]) if is_joint_colon(first) && is_punct(second, ':') => at += 3,
            _ => break,
        }
    }
    (names, at + 1)
}

/// Each path of a `use` declaration, with the name that `as` gives it.
fn use_tree(tokens: &[TokenTree]) -> Vec<(Path, Option<String>)> {
    let mut paths = Vec::new();
    for part in tokens.split(|token| is_punct(token, ',')) {
        // What begins with `::` is of another crate.
        if part.first().is_none_or(|first| is_punct(first, ':')) {
            continue;
        }
        let mut names = Vec::new();
        let mut alias = None;
        let mut inside = None;
        let mut rest = part.iter();
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => alias = rest.next().map(ToString::to_string),
                TokenTree::Ident(word) => names.push(word.to_string()),
                TokenTree::Group(group) => inside = Some(group.stream()),
                token if is_punct(token, '*') => names.push("*".to_owned()),
                _ => {}
            }
        }
        match inside {
            Some(inside) => {
                let inside: Vec<_> = inside.into_iter().collect();
                let longer = use_tree(&inside).into_iter().map(|(rest, alias)| ([&names[..], &rest].concat(), alias));
                paths.extend(longer);
            }
            None => paths.push((names, alias)),
        }
    }
    paths
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn is_joint_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint)
}
