//! An error never repeats its source: a program that prints both would print the source twice.

use crate::repository::definitions::{ROOT, sources};
use proc_macro2::TokenTree;
use syn::{
    Attribute, Field, Fields, ImplItem, ItemEnum, ItemImpl, ItemMod, ItemStruct, Member, Meta,
    visit::{self, Visit},
};

#[test]
fn no_error_repeats_its_source() {
    let mut texts = 0;
    let mut repeated = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "rs")) {
        let errors = Errors::of(text);
        texts += errors.texts;
        let file = path.strip_prefix(ROOT).unwrap().display();
        repeated.extend(errors.wrong.iter().map(|wrong| format!("{file}: {wrong}")));
    }
    assert!(texts > 100, "only {texts} texts of errors are read");
    assert!(repeated.is_empty(), "take the source out of the text, or out of the error:\n{}", repeated.join("\n"));
}

/// The texts of the errors of a file, each in an attribute `#[error("…")]` of `thiserror`.
#[derive(Default)]
struct Errors {
    texts: usize,
    /// The errors that repeat a source, or give one by hand, where nobody can see whether the text repeats it.
    wrong: Vec<String>,
}

impl Errors {
    fn of(text: &str) -> Self {
        let mut errors = Self::default();
        errors.visit_file(&syn::parse_file(text).unwrap());
        errors
    }

    fn read(&mut self, name: &str, attributes: &[Attribute], fields: &Fields) {
        let Some(attribute) = attributes.iter().find(|attribute| attribute.path().is_ident("error")) else { return };
        self.texts += 1;
        let Meta::List(list) = &attribute.meta else { return };
        let used: Vec<_> = list.tokens.clone().into_iter().flat_map(names).collect();
        // A transparent error has the text and the source of its field, and adds neither.
        if used == ["transparent"] {
            return;
        }
        let sources = fields.members().zip(fields).filter(|(member, field)| is_source(member, field));
        for (member, _) in sources {
            let member = match member {
                Member::Named(name) => name.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            };
            if used.contains(&member) {
                self.wrong.push(format!("the text of {name} has its source, {member}"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Errors {
    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in &item.variants {
            self.read(&format!("{}::{}", item.ident, variant.ident), &variant.attrs, &variant.fields);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.read(&item.ident.to_string(), &item.attrs, &item.fields);
    }

    /// Only what is compiled for programs.
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of_error = item.trait_.as_ref().is_some_and(|(_, path, _)| path.segments.last().unwrap().ident == "Error");
        let is_source = |item: &ImplItem| matches!(item, ImplItem::Fn(function) if function.sig.ident == "source");
        if of_error && item.items.iter().any(is_source) {
            self.wrong.push("a source is given by hand".to_owned());
        }
        visit::visit_item_impl(self, item);
    }
}

/// As `thiserror` finds it.
fn is_source(member: &Member, field: &Field) -> bool {
    let marked = |name| field.attrs.iter().any(|attribute| attribute.path().is_ident(name));
    marked("source") || marked("from") || matches!(member, Member::Named(name) if name == "source")
}

/// The words of a token, and the names in the braces of a format string: a field is named by both.
fn names(token: TokenTree) -> Vec<String> {
    match token {
        TokenTree::Group(group) => group.stream().into_iter().flat_map(names).collect(),
        TokenTree::Ident(name) => vec![name.to_string()],
        TokenTree::Punct(_) => Vec::new(),
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            let names = text.split('{').skip(1).filter_map(|rest| rest.split(['}', ':']).next());
            let number = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text.as_str());
            names.chain(number).map(str::to_owned).collect()
        }
    }
}

#[test]
fn an_error_that_repeats_its_source_is_found() {
    for (variant, expected) in [
        ("#[error(\"a: {0}\")] A(#[from] B)", 1),
        ("#[error(\"a: {0}\")] A(#[source] B)", 1),
        ("#[error(\"a: {0:?}\")] A(#[source] B)", 1),
        ("#[error(\"a: {}\", .0)] A(#[source] B)", 1),
        ("#[error(\"a: {source}\")] A { source: B }", 1),
        ("#[error(\"a: {}\", short(source))] A { source: B }", 1),
        ("#[error(\"a: {b}\")] A { #[from] b: B }", 1),
        ("#[error(\"a: {b}\", b = .0)] A(#[source] B)", 1),
        ("#[error(\"a: {0}\")] A(B)", 0),
        ("#[error(\"a: {0}\")] A(C, #[source] B)", 0),
        ("#[error(\"a\")] A(#[from] B)", 0),
        ("#[error(\"a at {address}\")] A { address: C, source: B }", 0),
        ("#[error(transparent)] A(#[from] B)", 0),
    ] {
        let errors = Errors::of(&format!("enum E {{ {variant} }}"));
        assert_eq!((errors.wrong.len(), errors.texts), (expected, 1), "{variant}");
    }
    let by_hand = "impl std::error::Error for E { fn source(&self) -> Option<&dyn Error> { None } }";
    assert_eq!(Errors::of(by_hand).wrong.len(), 1);
    assert_eq!(Errors::of("#[error(\"a: {0}\")] struct E(#[source] B);").wrong.len(), 1);
    let inside = |attribute: &str| format!("{attribute} mod m {{ {by_hand} }}");
    assert_eq!([inside(""), inside("#[cfg(test)]")].map(|text| Errors::of(&text).wrong.len()), [1, 0]);
}
