//! The rows of `COUNTERSIGN_THEN`: which check follows the signature, and where.

use crate::{
    jwt::Scope,
    then::path::{Covering, Form, Prefix, like, plain},
};
use std::{cmp::Reverse, collections::BTreeSet};

/// More rows than an API has routes at most (API Gateway's quota of routes and resources is 300).
const ROWS: usize = 300;

/// The methods of API Gateway's `ANY`, which are also those that CloudFront sends. A row for another one would never hold.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// What a request must pass after its signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Required {
    /// A token of the viewer. Of each list it must have one scope.
    pub(crate) jwt: Option<Vec<Vec<Scope>>>,
    /// The next authorizer.
    pub(crate) next: bool,
}

impl Required {
    pub(crate) fn is_nothing(&self) -> bool {
        self.jwt.is_none() && !self.next
    }

    fn and(&mut self, other: &Self) {
        if let Some(lists) = &other.jwt {
            let all = self.jwt.get_or_insert_default();
            for list in lists {
                if !all.contains(list) {
                    all.push(list.clone());
                }
            }
        }
        self.next |= other.next;
    }
}

/// The rows, the most special first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    /// What all rows together require.
    strictest: Required,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    place: Place,
    required: Required,
}

/// Where a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// `*`, or `OPTIONS *` for one method: where no row names the route.
    Elsewhere { method: Option<Box<str>> },
    /// `$default` or `$connect`, `GET /pets/{id}`, `ANY /{proxy+} /public/*`.
    Route {
        /// `None` is each method.
        method: Option<Box<str>>,
        route: Box<str>,
        below: Option<Prefix>,
    },
}

/// The place of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// The path of the route or resource, like `/pets/{id}` or `$default`, as the API's owner wrote it; `None` if the event does
    /// not have it.
    pub(crate) route: Option<&'a str>,
    /// The path that the route sees, if it is known.
    pub(crate) path: Option<(&'a str, Form)>,
    /// The path that was signed.
    pub(crate) signed_path: Option<&'a str>,
    /// Whether a header may change the method or the path behind the gateway.
    pub(crate) may_be_changed: bool,
}

impl Rows {
    /// One check for every request.
    pub(crate) fn everywhere(required: Required) -> Self {
        Self { strictest: required.clone(), rows: vec![Row { place: Place::Elsewhere { method: None }, required }] }
    }

    /// What the request must pass: what the most special row that holds requires. It is what all rows together require if no row
    /// holds, or if another server could take the request for one of another row.
    pub(crate) fn required<'a>(&self, asked: impl FnOnce() -> Asked<'a>) -> &Required {
        match &self.rows[..] {
            [Row { place: Place::Elsewhere { method: None }, required }] => required,
            _ => self.found(asked()).unwrap_or(&self.strictest),
        }
    }

    fn found(&self, asked: Asked<'_>) -> Option<&Required> {
        let asked_route = asked.route?;
        if asked.may_be_changed {
            return None;
        }
        let signed_path = match asked.signed_path {
            Some(path) => Some(plain(path, Form::Sent)?),
            None => None,
        };
        // A path that is known must be plain for each row. A path that is not known matters only to rows that name one.
        let path = match asked.path {
            Some((path, form)) => Some(plain(path, form)?),
            None => None,
        };
        let may_be_of = |route: &str| match (&path, &signed_path) {
            (Some(path), _) => may_be_of(route, asked_route, path),
            // It may begin with a mapping key.
            (None, Some(path)) => path
                .match_indices('/')
                .filter_map(|(at, _)| path.get(at..))
                .any(|path| may_be_of(route, asked_route, path)),
            (None, None) => false,
        };
        let mut found = None;
        for row in &self.rows {
            let holds = match &row.place {
                Place::Route { route, method, .. } if !is_same_route(route, asked_route) => {
                    let has_method = method
                        .as_ref()
                        .is_none_or(|method| takes(method, asked.method) || method.eq_ignore_ascii_case(asked.method));
                    if has_method && may_be_of(route) {
                        return None;
                    }
                    false
                }
                Place::Route { method: Some(method), .. } | Place::Elsewhere { method: Some(method) }
                    if !takes(method, asked.method) =>
                {
                    // Some servers do not distinguish `get` from `GET`.
                    if method.eq_ignore_ascii_case(asked.method) {
                        return None;
                    }
                    false
                }
                Place::Elsewhere { .. } | Place::Route { below: None, .. } => true,
                Place::Route { below: Some(prefix), .. } => match prefix.covers(path.as_deref()?) {
                    Covering::Yes => true,
                    Covering::Perhaps => return None,
                    Covering::No => false,
                },
            };
            if holds && found.is_none() {
                found = Some(&row.required);
            }
        }
        found
    }

    /// All that any row requires.
    pub(crate) fn strictest(&self) -> &Required {
        &self.strictest
    }
}

/// Whether a row for a method holds for a request. Servers answer HEAD as they answer GET.
fn takes(method: &str, asked: &str) -> bool {
    method == asked || (method == "GET" && asked == "HEAD")
}

/// A text is not a list of rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{row:?} {problem}")]
pub(crate) struct RowError {
    row: String,
    problem: &'static str,
}

impl TryFrom<&str> for Rows {
    type Error = RowError;

    fn try_from(text: &str) -> Result<Self, RowError> {
        let mut rows: Vec<Row> = Vec::new();
        for text in text.split(',') {
            let wrong = |problem| RowError { row: text.to_owned(), problem };
            let row = Row::read(text.trim()).map_err(wrong)?;
            if rows.iter().any(|other| other.place.is_same_as(&row.place)) {
                return Err(wrong("names the place of another row: have one row for each place"));
            }
            if rows.len() == ROWS {
                return Err(wrong("is row 301: have at most 300 rows"));
            }
            rows.push(row);
        }
        rows.sort_by_key(|row| row.place.rank());
        let mut strictest = Required::default();
        for row in &rows {
            strictest.and(&row.required);
        }
        Ok(Self { rows, strictest })
    }
}

impl Row {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (place, check) = text.split_once('=').map_or(("*", text), |(place, check)| (place.trim(), check.trim()));
        Ok(Self { required: required(check)?, place: Place::read(place)? })
    }
}

/// `none`, `jwt`, `jwt(read write)` or `lambda`.
fn required(check: &str) -> Result<Required, &'static str> {
    const FORM: &str = "does not end with a check";
    let jwt = |lists| Required { jwt: Some(lists), next: false };
    match check {
        "none" => Ok(Required::default()),
        "lambda" => Ok(Required { jwt: None, next: true }),
        "jwt" => Ok(jwt(Vec::new())),
        _ => {
            let scopes = check.strip_prefix("jwt(").and_then(|scopes| scopes.strip_suffix(')')).ok_or(FORM)?;
            let scopes: Result<BTreeSet<Scope>, _> = scopes.split_ascii_whitespace().map(Scope::try_from).collect();
            let scopes = scopes.map_err(|_| "has a scope that is not a scope of OAuth 2.0 (RFC 6749, section 3.3)")?;
            if scopes.is_empty() {
                return Err("has an empty list of scopes: write jwt, or jwt(SCOPE)");
            }
            if scopes.iter().any(|scope| scope.as_str().contains(['(', ')'])) {
                return Err("has a scope with a parenthesis, which is not supported here");
            }
            Ok(jwt(vec![scopes.into_iter().collect()]))
        }
    }
}

impl Place {
    fn read(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::Elsewhere { method: None });
        }
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let (method, route) = match first {
            "" => return Err(FORM),
            _ if first.starts_with('$') => (None, first),
            "ANY" => (None, words.next().ok_or(FORM)?),
            method if METHODS.contains(&method) => (Some(method.into()), words.next().ok_or(FORM)?),
            method if method.bytes().all(|byte| byte.is_ascii_uppercase()) && words.next().is_some() => {
                return Err("names a method other than DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT");
            }
            _ => return Err(FORM),
        };
        if route.starts_with('$') && !matches!(route, "$default" | "$connect") {
            return Err("names a route other than $default and $connect");
        }
        let prefix = words.next();
        if route == "*" && prefix.is_none() {
            return Ok(Self::Elsewhere { method });
        }
        if words.next().is_some() || !(route.starts_with('/') || route.starts_with('$')) {
            return Err(FORM);
        }
        if route.contains(['*', '?', '#', '%', '\\', ';']) {
            return Err("has a route with a character that no route has: a path like /public/* goes behind the route");
        }
        let below = prefix.map(Prefix::read).transpose()?;
        if let Some(prefix) = &below {
            let is_greedy = route == "$default" || route.ends_with("+}");
            if !is_greedy {
                return Err(
                    "has a path behind a route that has one path only: it needs $default, or a route that ends with {proxy+}",
                );
            }
            if !is_below(prefix, route) {
                return Err("has a path that its route does not reach");
            }
        }
        Ok(Self::Route { method, route: route.into(), below })
    }

    /// Whether two rows hold for the same requests. Letter case does not count in a path, because then one path would be both.
    fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Elsewhere { method }, Self::Elsewhere { method: method2 }) => method == method2,
            (Self::Route { method, route, below }, Self::Route { method: method2, route: route2, below: below2 }) => {
                let lower =
                    |prefix: &Option<Prefix>| prefix.as_ref().map(|prefix| prefix.as_str().to_ascii_lowercase());
                method == method2 && is_same_route(route, route2) && lower(below) == lower(below2)
            }
            _ => false,
        }
    }

    /// The most special first: the longest path, and then HEAD before GET, and each method before `ANY`.
    fn rank(&self) -> impl Ord + use<> {
        let of_method = |method: &Option<Box<str>>| match method.as_deref() {
            Some("HEAD") => 0,
            Some(_) => 1,
            None => 2,
        };
        match self {
            Self::Route { method, below, .. } => {
                let length = below.as_ref().map_or(0, |prefix| prefix.as_str().len());
                (false, Reverse(length), of_method(method))
            }
            Self::Elsewhere { method } => (true, Reverse(0), of_method(method)),
        }
    }
}

const FORM: &str = "does not begin with a place: *, METHOD *, $default, $connect, METHOD /route or ANY /route, and a path like /public/* \
    behind a route that ends with {proxy+}";

/// Whether two texts name one route. The name of a parameter does not matter: an API has one parameter at a place at most.
fn is_same_route(route: &str, other: &str) -> bool {
    fn kind(segment: &str) -> &str {
        match (segment.starts_with('{'), segment.ends_with("+}"), segment.ends_with('}')) {
            (true, true, _) => "{+}",
            (true, _, true) => "{}",
            _ => segment,
        }
    }
    route.split('/').map(kind).eq(other.split('/').map(kind))
}

/// Whether a server may take a path for one of `route`, although it has reached another route: API Gateway prefers `route`, and
/// distinguishes case and a slash at the end.
fn may_be_of(route: &str, reached: &str, path: &str) -> bool {
    is_preferred(route, reached) && covers(route, path) == Covering::Perhaps
}

/// Whether API Gateway takes the route before the other where both fit: a name before a parameter, and a greedy route last.
fn is_preferred(route: &str, other: &str) -> bool {
    fn rank(segment: &str) -> u8 {
        if segment.ends_with("+}") { 2 } else { u8::from(segment.starts_with('{')) }
    }
    if other == "$default" {
        return route.starts_with('/');
    }
    let mut ranks = route.split('/').map(rank).zip(other.split('/').map(rank));
    ranks.find(|(one, other)| one != other).is_some_and(|(one, other)| one < other)
}

/// How a decoded path is related to a route.
fn covers(route: &str, path: &str) -> Covering {
    let mut rest = path.split('/').skip(1).peekable();
    let mut covering = Covering::Yes;
    for name in route.split('/').skip(1) {
        let Some(segment) = rest.next().filter(|segment| !segment.is_empty()) else { return Covering::No };
        if name.ends_with("+}") {
            return covering;
        }
        // A slash at the end is an empty segment.
        let is_last = rest.peek().is_none_or(|segment| segment.is_empty());
        match like(segment, name, is_last) {
            _ if name.starts_with('{') => {}
            Covering::Yes => {}
            Covering::Perhaps => covering = Covering::Perhaps,
            Covering::No => return Covering::No,
        }
    }
    match rest.next() {
        None => covering,
        Some("") => Covering::Perhaps,
        Some(_) => Covering::No,
    }
}

/// Whether a greedy route reaches a path. A parameter of the route is any segment.
fn is_below(prefix: &Prefix, route: &str) -> bool {
    if route == "$default" {
        return true;
    }
    let mut below = prefix.segments();
    let parameter = |segment: &str| segment.starts_with('{');
    let greedy = |segment: &str| segment.ends_with("+}");
    route
        .split('/')
        .skip(1)
        .take_while(|segment| !greedy(segment))
        .all(|segment| below.next().is_some_and(|named| parameter(segment) || named == segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requirement as the grammar writes it.
    fn written(required: &Required) -> String {
        let lists = required.jwt.iter().flatten();
        let lists: Vec<_> =
            lists.map(|list| format!("({})", list.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "))).collect();
        let jwt = required.jwt.as_ref().map(|_| format!("jwt{}", lists.concat()));
        let words: Vec<_> = jwt.into_iter().chain(required.next.then(|| "lambda".to_owned())).collect();
        if words.is_empty() { "none".to_owned() } else { words.join("+") }
    }

    fn asked<'a>(method: &'a str, route: &'a str, path: &'a str) -> Asked<'a> {
        let path = Some((path, Form::Sent));
        Asked { method, route: Some(route), path, signed_path: None, may_be_changed: false }
    }

    #[track_caller]
    fn check(rows: &str, asked: Asked<'_>, expected: &str) {
        let rows = Rows::try_from(rows).unwrap();
        assert_eq!(written(rows.required(|| asked)), expected, "{asked:?}");
    }

    const ROWS: &str = "GET /pets/{id}=jwt(read write),ANY /pets/{id}=jwt(write),GET /health=none,\
        ANY /{proxy+}=lambda,ANY /{proxy+} /public/*=none,ANY /{proxy+} /public/own/*=jwt, GET /{proxy+} /public/own/*=lambda";
    const STRICTEST: &str = "jwt(read write)(write)+lambda";

    #[test]
    fn the_most_special_row_that_holds_decides() {
        for (method, route, path, expected) in [
            ("GET", "/pets/{id}", "/pets/7", "jwt(read write)"),
            ("GET", "/pets/{petId}", "/pets/7", "jwt(read write)"),
            ("DELETE", "/pets/{id}", "/pets/7", "jwt(write)"),
            ("GET", "/health", "/health", "none"),
            ("GET", "/{proxy+}", "/x", "lambda"),
            ("GET", "/{any+}", "/x", "lambda"),
            ("GET", "/{proxy+}", "/public/x", "none"),
            ("GET", "/{proxy+}", "/public", "none"),
            ("GET", "/{proxy+}", "/publications/x", "lambda"),
            ("GET", "/{proxy+}", "/a/public/x", "lambda"),
            ("POST", "/{proxy+}", "/public/own/x", "jwt"),
            ("GET", "/{proxy+}", "/public/own/x", "lambda"),
            ("GET", "/{proxy+}", "/public/owner/x", "none"),
            // The path that is not named by any row of the route.
            ("GET", "/health", "/public/x", "none"),
        ] {
            check(ROWS, asked(method, route, path), expected);
        }
    }

    #[test]
    fn a_request_that_matches_no_row_must_pass_what_all_rows_require() {
        for (method, route, path) in [
            ("POST", "/health", "/health"),
            ("GET", "/other", "/other"),
            ("GET", "/pets/{id+}", "/pets/7"),
            ("GET", "/pets", "/pets"),
            ("GET", "/Health", "/Health"),
            ("GET", "$default", "/health"),
            ("GET", "", ""),
        ] {
            check(ROWS, asked(method, route, path), STRICTEST);
        }
        check(ROWS, Asked { route: None, ..asked("GET", "", "/health") }, STRICTEST);
        check("GET /health=none,*=jwt", asked("POST", "/health", "/health"), "jwt");
        check("GET /health=jwt,*=none", Asked { route: None, ..asked("GET", "", "/health") }, "jwt");
    }

    #[test]
    fn a_request_that_a_server_may_take_for_another_must_pass_what_all_rows_require() {
        for path in [
            "/public/../own",
            "/public/..%2fown",
            "/public/%2e%2e/own",
            "/public/..;/own",
            "/public//own",
            "//public/x",
            "/public\\x",
            "/public%5Cx",
            "/public%2Fx",
            "/%70ublic/x",
            "/Public/x",
            "/public.json",
            "/PUBLIC",
            "/public/%C0%AF",
            "/public/%E0%80%AF",
            "/public/own::$INDEX_ALLOCATION/x",
            "/public/x%",
            "",
        ] {
            check(ROWS, asked("GET", "/{proxy+}", path), STRICTEST);
        }
        let plain = asked("GET", "/{proxy+}", "/public/x");
        check(ROWS, plain, "none");
        check(ROWS, Asked { signed_path: Some("/public/x"), ..plain }, "none");
        check(ROWS, Asked { signed_path: Some("/v1/public/x"), ..plain }, "none");
        check(ROWS, Asked { signed_path: Some("/public/..%3F/x"), ..plain }, STRICTEST);
        check(ROWS, Asked { path: Some(("/public/%41", Form::Decoded)), ..plain }, STRICTEST);
        check(ROWS, Asked { path: Some(("/public/a b", Form::Decoded)), ..plain }, "none");
        check(ROWS, Asked { may_be_changed: true, ..plain }, STRICTEST);
        check(ROWS, Asked { method: "get", ..plain }, STRICTEST);
        check("GET /health=jwt,*=none", asked("get", "/health", "/health"), "jwt");
        check("GET /health=jwt,*=none", asked("gEt", "/{x+}", "/x"), "none");
        check("$default /admin/*=jwt,*=none", asked("GET", "$default", "/Admin/x"), "jwt");
        check("$default /admin/*=jwt,*=none", asked("GET", "$default", "/administration"), "none");
    }

    /// Many servers compare routes without case, or accept a slash or an ending behind them: API Gateway does not, so the request
    /// reaches a wider route.
    #[test]
    fn a_request_that_a_server_may_take_for_one_of_a_narrower_route_must_pass_what_all_rows_require() {
        const ROWS: &str = "GET /pets/{id}=jwt,GET /pets/mine=lambda,ANY /admin/{proxy+}=jwt,ANY /Login=jwt,\
            GET /shop/{x}/{proxy+}=jwt,$default=none,ANY /{proxy+}=none";
        for route in ["$default", "/{proxy+}"] {
            for (path, is_certain) in [
                ("/PETS/1", false),
                ("/pets/1/", false),
                ("/Pets/1.json", false),
                ("/pets.json/1", true),
                ("/Admin/users", false),
                ("/ADMIN/users/1/", false),
                ("/login", false),
                ("/Login/", false),
                ("/Login.json", false),
                ("/log%C4%B1n", false),
                ("/SHOP/a/b", false),
                ("/SHOP/a", true),
                ("/administrators/users", true),
                ("/logins", true),
                ("/Pets", true),
                ("/pets/1/toys", true),
                ("/a/pets/1", true),
                ("/", true),
                // API Gateway would take the narrower route, so the API does not have it.
                ("/pets/1", true),
                ("/admin/users", true),
                ("/admin/users/", true),
            ] {
                check(ROWS, asked("GET", route, path), if is_certain { "none" } else { "jwt+lambda" });
            }
            check(ROWS, asked("POST", route, "/PETS/1"), "none");
            check(ROWS, asked("POST", route, "/LOGIN"), "jwt+lambda");
            // On a domain that is not listed, the signed path may begin with a mapping key.
            for (signed, is_certain) in [
                ("/v1/PETS/1", false),
                ("/PETS/1", false),
                ("/a/b/pets/1/", false),
                ("/v1/pets/1", true),
                ("/v1/x", true),
            ] {
                let unlisted = Asked { path: None, signed_path: Some(signed), ..asked("GET", route, "") };
                check(ROWS, unlisted, if is_certain { "none" } else { "jwt+lambda" });
            }
        }
        check(ROWS, asked("GET", "/pets/{id}", "/pets/Mine"), "jwt+lambda");
        check(ROWS, asked("GET", "/pets/{id}", "/pets/yours"), "jwt");
        check(ROWS, asked("GET", "/pets/mine", "/pets/mine"), "lambda");
        check(
            "GET /pets/{id}=jwt(read),$default=none,*=lambda",
            asked("GET", "$default", "/PETS/1"),
            "jwt(read)+lambda",
        );
    }

    #[test]
    fn a_row_for_get_holds_for_head_too() {
        for (rows, method, expected) in [
            ("GET /a=jwt,ANY /a=none", "HEAD", "jwt"),
            ("GET /a=jwt,ANY /a=none", "POST", "none"),
            ("GET /a=jwt,HEAD /a=none,*=lambda", "HEAD", "none"),
            ("HEAD /a=none,GET /a=jwt,*=lambda", "GET", "jwt"),
            ("GET *=jwt,*=none", "HEAD", "jwt"),
            ("GET *=jwt,HEAD *=none", "HEAD", "none"),
        ] {
            check(rows, asked(method, "/a", "/a"), expected);
        }
        check("GET /pets=jwt,*=none", asked("HEAD", "/{proxy+}", "/PETS"), "jwt");
    }

    #[test]
    fn a_row_for_one_method_holds_where_no_row_names_the_route() {
        const ROWS: &str = "OPTIONS *=none,OPTIONS /pets=jwt,ANY /cats=jwt(a),*=jwt(b)";
        for (method, route, expected) in [
            ("OPTIONS", "/dogs", "none"),
            ("OPTIONS", "/pets", "jwt"),
            ("OPTIONS", "/cats", "jwt(a)"),
            ("GET", "/cats", "jwt(a)"),
            ("GET", "/pets", "jwt(b)"),
            ("options", "/dogs", "jwt(a)(b)"),
        ] {
            check(ROWS, asked(method, route, route), expected);
        }
        check("GET *=none", asked("POST", "/a", "/a"), "none");
        check("GET *=none,POST *=jwt", asked("PUT", "/a", "/a"), "jwt");
        check("OPTIONS *=none,*=jwt", asked("OPTIONS", "/{proxy+}", "/a/../b"), "jwt");
        check("OPTIONS *=none,*=jwt", Asked { route: None, ..asked("OPTIONS", "", "/a") }, "jwt");
    }

    #[test]
    fn a_path_that_is_not_known_matters_only_to_rows_that_name_one() {
        let unknown = |route| Asked { path: None, ..asked("GET", route, "") };
        check(ROWS, unknown("/health"), "none");
        check(ROWS, unknown("/pets/{id}"), "jwt(read write)");
        check(ROWS, unknown("/{proxy+}"), STRICTEST);
        check("$connect=jwt", unknown("$connect"), "jwt");
        check("$connect=jwt,*=none", unknown("$connect"), "jwt");
        check("$default /a/*=none,$default=jwt", unknown("$default"), "jwt");
        check("$default /a/*=jwt,$default=none", unknown("$default"), "jwt");
    }

    #[test]
    fn one_check_for_all_is_not_asked_about_the_request() {
        for (rows, expected) in [("none", "none"), ("jwt", "jwt"), ("*=jwt(a b)", "jwt(a b)"), ("lambda", "lambda")] {
            let rows = Rows::try_from(rows).unwrap();
            assert_eq!(written(rows.required(|| unreachable!("{rows:?}"))), expected);
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic() {
        // Whole words of the grammar reach further than letters would.
        const WORDS: [&str; 24] = [
            "GET", "get", "ANY", " ", "*", "=", ",", "/", "/a", "/{id}", "/{p+}", "$default", "$connect", "none",
            "lambda", "jwt", "(", ")", "read", "%2e", "..", ";", "\u{17f}", "\0",
        ];
        arbtest::arbtest(|input| {
            let mut text = String::new();
            for _ in 0..input.arbitrary_len::<u8>()? {
                text += if input.ratio(1, 8)? { input.arbitrary::<&str>()? } else { *input.choose(&WORDS)? };
            }
            let half = text.len() / 2;
            let path = text.get(half..).unwrap_or_default();
            let _ = plain(&text, Form::Sent);
            let _ = Prefix::read(&text).map(|prefix| prefix.covers(path));
            if let Ok(rows) = Rows::try_from(&*text) {
                // What decides is never more than all rows together.
                let required = rows.required(|| asked("GET", path, path)).clone();
                let mut both = rows.strictest().clone();
                both.and(&required);
                assert_eq!(both, *rows.strictest(), "{text}");
            }
            Ok(())
        });
    }

    #[test]
    fn a_wrong_row_is_repeated_with_its_problem() {
        const CHECK: &str = "does not end with a check";
        const CHARACTER: &str =
            "has a route with a character that no route has: a path like /public/* goes behind the route";
        for (text, row, problem) in [
            ("", "", CHECK),
            ("jwt,", "", CHECK),
            ("JWT", "JWT", CHECK),
            ("jwt()", "jwt()", "has an empty list of scopes: write jwt, or jwt(SCOPE)"),
            ("jwt(a", "jwt(a", CHECK),
            ("jwt(a))", "jwt(a))", "has a scope with a parenthesis, which is not supported here"),
            ("jwt(a,b)", "jwt(a", CHECK),
            ("jwt(\"a\")", "jwt(\"a\")", "has a scope that is not a scope of OAuth 2.0 (RFC 6749, section 3.3)"),
            ("none=*", "none=*", CHECK),
            ("GET /a=jwt=none", "GET /a=jwt=none", CHECK),
            ("GET /a=", "GET /a=", CHECK),
            ("=jwt", "=jwt", FORM),
            ("/a=jwt", "/a=jwt", FORM),
            ("GET=jwt", "GET=jwt", FORM),
            ("get /a=jwt", "get /a=jwt", FORM),
            ("GET a=jwt", "GET a=jwt", FORM),
            ("GET  /a=jwt", "GET  /a=jwt", FORM),
            ("GET /a /b/* /c=jwt", "GET /a /b/* /c=jwt", FORM),
            ("$disconnect=jwt", "$disconnect=jwt", "names a route other than $default and $connect"),
            ("ANY $defaults=jwt", "ANY $defaults=jwt", "names a route other than $default and $connect"),
            ("GET $connected /a/*=jwt", "GET $connected /a/*=jwt", "names a route other than $default and $connect"),
            (
                "GTE /pets=jwt",
                "GTE /pets=jwt",
                "names a method other than DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT",
            ),
            (
                "TRACE *=none",
                "TRACE *=none",
                "names a method other than DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT",
            ),
            ("GET /a/*=jwt", "GET /a/*=jwt", CHARACTER),
            ("GET /a%20b=jwt", "GET /a%20b=jwt", CHARACTER),
            (
                "GET /a /a/b/*=jwt",
                "GET /a /a/b/*=jwt",
                "has a path behind a route that has one path only: it needs $default, or a route that ends with {proxy+}",
            ),
            ("ANY /a/{proxy+} /b/*=jwt", "ANY /a/{proxy+} /b/*=jwt", "has a path that its route does not reach"),
            ("ANY /{p+} /a=jwt", "ANY /{p+} /a=jwt", "has a path that is not of the form /SEGMENT/*"),
            ("GET /a=jwt,GET /a=none", "GET /a=none", "names the place of another row: have one row for each place"),
            (
                "GET /{a}=jwt, GET /{b}=none",
                " GET /{b}=none",
                "names the place of another row: have one row for each place",
            ),
            (
                "$default /a/*=jwt,$default /A/*=none",
                "$default /A/*=none",
                "names the place of another row: have one row for each place",
            ),
            ("none,*=jwt", "*=jwt", "names the place of another row: have one row for each place"),
            ("ANY *=none,*=jwt", "*=jwt", "names the place of another row: have one row for each place"),
            ("GET * /a/*=none", "GET * /a/*=none", FORM),
        ] {
            let error = Rows::try_from(text).unwrap_err();
            assert_eq!(error.to_string(), format!("{row:?} {problem}"), "{text}");
        }
        let many: Vec<_> = (0..301).map(|number| format!("GET /{number}=none")).collect();
        assert!(Rows::try_from(&*many[..300].join(",")).is_ok());
        assert!(
            Rows::try_from(&*many.join(",")).unwrap_err().to_string().ends_with("is row 301: have at most 300 rows")
        );
        for text in ["ANY /a/{proxy+} /a/b/*=jwt", "ANY /{v}/{proxy+} /v1/b/*=jwt", "$default /a/*=jwt", "$connect=jwt"]
        {
            assert!(Rows::try_from(text).is_ok(), "{text}");
        }
    }
}
