//! The shapes of a path and of a query.

/// A part of a target.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

const fn shape(name: &'static str, text: &'static str) -> Shape {
    Shape { name, text }
}

impl Shape {
    /// As the page shows it.
    pub(super) fn example(&self) -> String {
        match self.text {
            "" => "nothing".to_owned(),
            text if text.len() > 40 => format!("`{}…`", text.chars().take(8).collect::<String>()),
            text => format!("`{text}`"),
        }
    }
}

pub(super) const NO_QUERY: Shape = shape("none", "");

/// 1,500 bytes after a first one.
macro_rules! long {
    ($first:literal, $hundred:literal) => {
        concat!(
            $first, $hundred, $hundred, $hundred, $hundred, $hundred, $hundred, $hundred, $hundred, $hundred, $hundred,
            $hundred, $hundred, $hundred, $hundred, $hundred
        )
    };
}

/// A path below the stage or the mapping key.
pub(super) const PATHS: &[Shape] = &[
    shape("none", ""),
    shape("only a slash", "/"),
    shape("plain", "/pets/rex"),
    shape("a slash at the end", "/pets/"),
    shape("two slashes inside", "/pets//rex"),
    shape("two slashes in front", "//pets"),
    shape("an escaped slash", "/pets%2Frex"),
    shape("a space", "/red%20dog"),
    shape("a plus sign", "/red+dog"),
    shape("a percent sign", "/50%25"),
    shape("not ASCII", "/caf%C3%A9"),
    shape("dot segments", "/pets/../rex"),
    shape("escaped dot segments", "/pets/%2E%2E/rex"),
    shape("a semicolon", "/pets;a=b"),
    shape("brackets", "/pets[1]"),
    shape("an escaped question mark", "/pets%3Frex"),
    shape("an escaped backslash", "/pets%5Crex"),
    shape("an invalid escape", "/pets%zz"),
    shape("an escape that is not UTF-8", "/caf%E9"),
    shape(
        "1,500 bytes",
        long!(
            "/",
            "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
        ),
    ),
];

pub(super) const QUERIES: &[Shape] = &[
    NO_QUERY,
    shape("plain", "kind=dog&page=2"),
    shape("a repeated name", "kind=dog&kind=cat"),
    shape("an empty value", "kind="),
    shape("a missing value", "kind"),
    shape("an empty name", "=dog"),
    shape("empty pieces", "&kind=dog&&"),
    shape("a semicolon", "kind=dog;page=2"),
    shape("an escaped separator", "kind=dog%26cat%3B"),
    shape("brackets", "kind[]=dog"),
    shape("a question mark", "kind=dog?"),
    shape("a space", "kind=red%20dog"),
    shape("a plus sign", "kind=red+dog"),
    shape("an escaped plus sign", "kind=red%2Bdog"),
    shape("a percent sign", "kind=50%25"),
    shape("not ASCII", "kind=caf%C3%A9"),
    shape("an equals sign in the value", "kind=a=b"),
    shape("an invalid escape", "kind=%zz"),
    shape("an escape that is not UTF-8", "kind=%E9"),
    shape(
        "1,500 bytes",
        long!(
            "q",
            "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
        ),
    ),
];
