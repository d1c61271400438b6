//! Other targets on which somebody could try the headers of a signed request, and what is other about them.

use super::doors::{Kind, Place};

/// A request that is not the signed one.
pub(super) struct Other {
    /// What is other about it.
    pub(super) change: &'static str,
    pub(super) place: Place,
    pub(super) target: String,
}

/// Other paths on the same API, stage and mapping.
pub(super) fn other_paths(place: &Place, target: &str) -> Vec<Other> {
    let base = place.base;
    let below = target.strip_prefix(base).unwrap_or(target);
    let mut others: Vec<(&'static str, String)> = Vec::new();
    let (before, last) = below.rsplit_once('/').unwrap_or(("", below));
    let mut letters = last.chars();
    if let Some(letter) = letters.next().filter(char::is_ascii_alphabetic) {
        let escape = format!("%{:02X}", u32::from(letter));
        others.push(("a letter as an escape", format!("{base}{before}/{escape}{}", letters.as_str())));
    }
    if !before.is_empty() && !last.is_empty() {
        others.push(("`/` as `%2F`", format!("{base}{before}%2F{last}")));
    }
    for (escape, text, name) in [
        ("%2F", "/", "`%2F` as `/`"),
        ("%5C", "\\", "`%5C` as `\\`"),
        ("%20", "+", "`%20` as `+`"),
        ("+", "%20", "`+` as `%20`"),
        ("%25", "%", "`%25` as `%`"),
        ("%2E", ".", "`%2E` as `.`"),
        ("%C3", "%c3", "an escape in lower case"),
        ("%2F", "%2f", "an escape in lower case"),
        ("%5C", "%5c", "an escape in lower case"),
        ("%2E", "%2e", "an escape in lower case"),
        ("%3F", "%3f", "an escape in lower case"),
        ("//", "/", "`//` as `/`"),
        ("pets/../rex", "rex", "dot segments resolved"),
    ] {
        if below.contains(escape) {
            others.push((name, format!("{base}{}", below.replace(escape, text))));
        }
    }
    others.push(("more after `%3F`", format!("{target}%3F/../other")));
    others.push(("a second slash in front", format!("/{target}")));
    others.push(("a slash more at the end", format!("{target}/")));
    others.push(("a slash less at the end", target.strip_suffix('/').unwrap_or(target).to_owned()));
    others.push(("another path", format!("{base}/other")));
    others.push(("another case", target.to_uppercase()));
    let others = others.into_iter().filter(|(_, other)| other != target && other.starts_with('/'));
    others.map(|(change, target)| Other { change, place: *place, target }).collect()
}

/// The same path at another stage, another API or another mapping key.
pub(super) fn other_places(place: &Place, target: &str) -> Vec<Other> {
    let below = target.strip_prefix(place.base).unwrap_or(target);
    let at = |change, place: Place, base: &str| Other { change, place, target: format!("{base}{below}") };
    if place.base_path.is_none() {
        let dev = Place { stage: "dev", base: "/dev", ..*place };
        return if place.stage == "$default" { Vec::new() } else { vec![at("another stage", dev, "/dev")] };
    }
    let second = Place { base_path: Some("/v2"), base: "/v2", ..*place };
    let mut others = vec![
        at("another key of the same stage", second, "/v2"),
        at("another key of another API", Place { api_id: "def456", ..second }, "/v2"),
    ];
    // A routing rule of a REST API does this for a header of the request.
    if place.kind == Kind::Rest {
        others.push(at("a header that chooses another stage", Place { stage: "dev", ..*place }, place.base));
        others.push(at("a header that chooses another API", Place { api_id: "def456", ..*place }, place.base));
    }
    others
}

/// Other queries of the same path.
pub(super) fn other_queries(place: &Place, target: &str) -> Vec<Other> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pieces: Vec<&str> = query.split('&').collect();
    let mut others: Vec<(&'static str, String)> = Vec::new();
    if let [first, second] = pieces[..] {
        let same_name = first.split('=').next() == second.split('=').next();
        let name = if same_name { "another order of values" } else { "another order of names" };
        others.push((name, format!("{second}&{first}")));
        others.push(("`;` for `&`", format!("{first};{second}")));
        others.push(("one value less", first.to_owned()));
    }
    for (text, other, name) in [
        (";", "&", "`&` for `;`"),
        ("%20", "+", "`+` for `%20`"),
        ("+", "%20", "`%20` for `+`"),
        ("%2B", "+", "`+` for `%2B`"),
        ("%2B", "%2b", "an escape in lower case"),
        ("%C3", "%c3", "an escape in lower case"),
        ("%26", "&", "`&` for `%26`"),
        ("%25", "%", "`%` for `%25`"),
        ("[]", "%5B%5D", "`%5B%5D` for `[]`"),
        ("dog", "do%67", "a letter as an escape"),
        ("q", "%71", "a letter as an escape"),
    ] {
        if query.contains(text) {
            others.push((name, query.replacen(text, other, 1)));
        }
    }
    if query == "kind" {
        others.push(("`=` added", "kind=".to_owned()));
    }
    if query == "kind=" {
        others.push(("`=` left out", "kind".to_owned()));
    }
    if query.is_empty() {
        others.push(("a bare `?`", String::new()));
        others.push(("a bare `?&`", "&".to_owned()));
    } else {
        others.push(("empty pieces", format!("{query}&&")));
        others.push(("no query", String::new()));
    }
    if query.starts_with('&') {
        others.push(("no empty pieces", "kind=dog".to_owned()));
    }
    others.push(("another parameter", if query.is_empty() { "x=1".to_owned() } else { format!("{query}&x=1") }));
    others.push((
        "another parameter behind `;`",
        if query.is_empty() { ";x=1".to_owned() } else { format!("{query};x=1") },
    ));
    let others = others.into_iter().filter(|(_, other)| other != query || query.is_empty());
    others
        .map(|(change, query)| {
            let target = if change == "no query" { path.to_owned() } else { format!("{path}?{query}") };
            Other { change, place: *place, target }
        })
        .collect()
}
