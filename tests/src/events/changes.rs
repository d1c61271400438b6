//! Every way in which these tests damage an event: each member, by its JSON pointer, with each change.

use serde_json::{Value, json};

/// More than `serde_json` reads of nested arrays.
const DEPTH: usize = 200;

/// Stands for text that a `Value` cannot hold, until the event is written.
const PLACE: &str = "\u{1}place";
const FIRST: &str = "\u{1}first";
const LAST: &str = "~~last";

/// A damaged event: what was done, and its text, which need not be JSON.
pub(super) struct Damaged {
    pub(super) what: String,
    pub(super) text: String,
}

/// Each change of each member of an event.
pub(super) fn of_members(event: &Value) -> impl Iterator<Item = Damaged> {
    let replacements = replacements();
    pointers(event).into_iter().flat_map(move |pointer| {
        let mut damaged = vec![Damaged { what: format!("without {pointer}"), text: without(event, &pointer) }];
        let mut replaced = event.clone();
        *replaced.pointer_mut(&pointer).unwrap() = json!(PLACE);
        let replaced = replaced.to_string();
        let (before, after) = replaced.split_once(&quoted(PLACE)).unwrap();
        damaged.extend(replacements.iter().map(|(name, text)| Damaged {
            what: format!("{pointer} is {name}"),
            text: [before, text, after].concat(),
        }));
        damaged.extend([FIRST, LAST].into_iter().flat_map(|place| repeated(event, &pointer, place)));
        damaged
    })
}

/// The text of an event cut off at each of many places, and other texts that are not an event.
pub(super) fn of_text(text: &str) -> impl Iterator<Item = Damaged> {
    let cut = text
        .char_indices()
        .step_by(41)
        .map(|(at, _)| Damaged { what: format!("the first {at} bytes"), text: text.get(..at).unwrap().to_owned() });
    let nested = [("arrays", "[", "]"), ("objects", "{\"a\":", "}")].map(|(name, open, close)| Damaged {
        what: format!("100,000 {name} in each other"),
        text: format!("{}1{}", open.repeat(100_000), close.repeat(100_000)),
    });
    let others = ["", " ", "null", "true", "1", "\"\"", "[]", "{}", "{\"type\":\"REQUEST\"}", "\u{feff}{}", "NaN"];
    let others = others.map(|text| Damaged { what: format!("{text:?}"), text: text.to_owned() });
    let twice = Damaged { what: "the event twice".to_owned(), text: format!("{text}{text}") };
    cut.chain(nested).chain(others).chain([twice])
}

/// The JSON that takes the place of a member, with a name.
fn replacements() -> Vec<(&'static str, String)> {
    vec![
        ("null", "null".to_owned()),
        ("true", "true".to_owned()),
        ("0", "0".to_owned()),
        ("-1", "-1".to_owned()),
        ("1.5", "1.5".to_owned()),
        ("2^64", "18446744073709551616".to_owned()),
        ("a number out of range", "1e999".to_owned()),
        ("a number of 400 digits", "9".repeat(400)),
        ("an empty text", r#""""#.to_owned()),
        ("another text", r#""other""#.to_owned()),
        ("a long text", format!("\"{}\"", "x".repeat(2_000))),
        ("a NUL", r#""\u0000""#.to_owned()),
        ("a lone surrogate", r#""\ud800""#.to_owned()),
        ("surrogates in the wrong order", r#""\udc00\ud800""#.to_owned()),
        ("a line feed", r#""a\nb""#.to_owned()),
        ("an empty list", "[]".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("a list of null", "[null]".to_owned()),
        ("a list of a text", r#"["other"]"#.to_owned()),
        ("an object of null", r#"{"a":null}"#.to_owned()),
        ("an object of an empty list", r#"{"a":[]}"#.to_owned()),
        ("an object of an object", r#"{"a":{"b":"c"}}"#.to_owned()),
        ("deep arrays", format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH))),
    ]
}

/// The pointers of all members and elements, the event itself excepted.
pub(super) fn pointers(event: &Value) -> Vec<String> {
    fn walk(value: &Value, pointer: &str, all: &mut Vec<String>) {
        let members: Vec<(String, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(name, member)| (escaped(name), member)).collect(),
            Value::Array(elements) => elements.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
            _ => vec![],
        };
        for (name, member) in members {
            let pointer = format!("{pointer}/{name}");
            all.push(pointer.clone());
            walk(member, &pointer, all);
        }
    }
    let mut all = vec![];
    walk(event, "", &mut all);
    all
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

fn without(event: &Value, pointer: &str) -> String {
    let mut event = event.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.remove(&unescaped(name))),
        Value::Array(elements) => drop(elements.remove(name.parse().unwrap())),
        _ => unreachable!(),
    }
    event.to_string()
}

/// The member a second time, before or after the others, once with its own value and twice with another.
fn repeated(event: &Value, pointer: &str, place: &str) -> Vec<Damaged> {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut twice = event.clone();
    let Some(members) = twice.pointer_mut(parent).and_then(Value::as_object_mut) else { return vec![] };
    members.insert(place.to_owned(), json!(PLACE));
    let text = twice.to_string().replace(&quoted(place), &quoted(&unescaped(name)));
    let (before, after) = text.split_once(&quoted(PLACE)).unwrap();
    let seconds = [event.pointer(pointer).unwrap().to_string(), quoted("other"), "null".to_owned()];
    let repeat = |second: String| Damaged {
        what: format!("{pointer} twice, {place:?} {second}"),
        text: [before, &second, after].concat(),
    };
    seconds.map(repeat).into()
}

fn quoted(text: &str) -> String {
    json!(text).to_string()
}
