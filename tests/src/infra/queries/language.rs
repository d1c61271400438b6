//! The part of the query language of CloudWatch Logs Insights that the saved queries use, as AWS's user guide describes it.
//!
//! Only AWS runs the real language. moto knows `fields`, `sort` and `limit` of it, and passes over every other command in silence.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html>

use regex::Regex;
use serde_json::{Value, json};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    mem,
};

/// An event of a log, or a row of a result. A field that has no value is missing.
pub(crate) type Row = BTreeMap<String, Value>;

/// A query that was understood.
#[derive(Debug)]
pub(crate) struct Query {
    commands: Vec<Command>,
    /// The fields of the log that it reads.
    pub(crate) reads: BTreeSet<String>,
}

impl Query {
    /// Why it is not one: a command, a function or an operator that is not known here, or a field that nothing has made.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader { tokens: tokens(text)?, ..Reader::default() };
        reader.tokens.reverse();
        let mut commands = vec![reader.command()?];
        while !reader.tokens.is_empty() {
            reader.symbol("|")?;
            commands.push(reader.command()?);
        }
        Ok(Self { commands, reads: reader.reads })
    }

    /// What it finds. Rows that its order does not distinguish are in the order of what they are grouped by.
    pub(crate) fn run(&self, events: &[Row]) -> Vec<Row> {
        let (mut rows, mut shown) = (events.to_vec(), BTreeSet::new());
        for command in &self.commands {
            match command {
                Command::Fields(columns) => {
                    for row in &mut rows {
                        let made = columns.iter().filter_map(|column| Some((column.name.clone(), column.value(row)?)));
                        row.extend(made.collect::<Vec<_>>());
                    }
                    shown.extend(columns.iter().map(|column| column.name.clone()));
                }
                Command::Filter(condition) => rows.retain(|row| condition.holds(row)),
                Command::Parse { field, pattern } => {
                    for row in &mut rows {
                        let text = text(row.get(field));
                        let Some(found) = pattern.captures(&text) else { continue };
                        let made = pattern.capture_names().flatten().map(|name| (name.to_owned(), json!(&found[name])));
                        row.extend(made);
                    }
                }
                Command::Stats { made, by } => {
                    rows = grouped(mem::take(&mut rows), made, by);
                    shown.clear();
                }
                Command::Sort { field, descending } => {
                    rows.sort_by(|one, other| {
                        let order = compared(one.get(field), other.get(field));
                        if *descending { order.reverse() } else { order }
                    });
                }
                Command::Limit(most) => rows.truncate(*most),
            }
        }
        if !shown.is_empty() {
            rows.iter_mut().for_each(|row| row.retain(|name, _| shown.contains(name)));
        }
        rows
    }
}

#[derive(Debug)]
enum Command {
    Fields(Vec<Column>),
    Filter(Condition),
    Parse { field: String, pattern: Regex },
    Stats { made: Vec<(Aggregate, String)>, by: Vec<Column> },
    Sort { field: String, descending: bool },
    Limit(usize),
}

/// A field, or the first of several that has a value, or the beginning of a period of minutes.
#[derive(Debug)]
struct Column {
    of: Vec<String>,
    bin: Option<u64>,
    name: String,
}

impl Column {
    fn value(&self, row: &Row) -> Option<Value> {
        let value = self.of.iter().find_map(|field| row.get(field))?;
        let Some(minutes) = self.bin else { return Some(value.clone()) };
        let at: jiff::Timestamp = text(Some(value)).parse().expect("@timestamp is a time");
        let period = i64::try_from(minutes * 60).unwrap();
        Some(json!(jiff::Timestamp::from_second(at.as_second() / period * period).unwrap().to_string()))
    }
}

#[derive(Debug)]
enum Condition {
    Equal(String, String),
    In(String, Vec<String>),
    Like(String, Regex),
    Present(String),
    Any(Vec<Condition>),
}

impl Condition {
    fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Equal(field, expected) => row.get(field).is_some_and(|value| text(Some(value)) == *expected),
            Self::In(field, words) => row.get(field).is_some_and(|value| words.contains(&text(Some(value)))),
            Self::Like(field, pattern) => row.get(field).is_some_and(|value| pattern.is_match(&text(Some(value)))),
            Self::Present(field) => row.contains_key(field),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(row)),
        }
    }
}

#[derive(Debug)]
enum Aggregate {
    /// Of all rows.
    Rows,
    Count(String),
    CountDistinct(String),
    Latest(String),
    Min(String),
    Max(String),
    Percentile(String, u64),
}

impl Aggregate {
    fn of(&self, rows: &[Row]) -> Option<Value> {
        let values = |field: &String| rows.iter().filter_map(|row| row.get(field).cloned()).collect::<Vec<_>>();
        let sorted = |field: &String| {
            let mut values = values(field);
            values.sort_by(|one, other| compared(Some(one), Some(other)));
            values
        };
        match self {
            Self::Rows => Some(json!(rows.len())),
            Self::Count(field) => Some(json!(values(field).len())),
            Self::CountDistinct(field) => {
                Some(json!(values(field).iter().map(|value| text(Some(value))).collect::<BTreeSet<_>>().len()))
            }
            Self::Latest(field) => {
                let with = rows.iter().filter(|row| row.contains_key(field));
                let latest = with.max_by(|one, other| compared(one.get("@timestamp"), other.get("@timestamp")));
                latest.and_then(|row| row.get(field).cloned())
            }
            Self::Min(field) => sorted(field).first().cloned(),
            Self::Max(field) => sorted(field).last().cloned(),
            Self::Percentile(field, percent) => {
                let values = sorted(field);
                let place = values.len() * usize::try_from(*percent).unwrap() / 100;
                values.get(place.min(values.len().saturating_sub(1))).cloned()
            }
        }
    }
}

fn grouped(rows: Vec<Row>, made: &[(Aggregate, String)], by: &[Column]) -> Vec<Row> {
    let mut groups: BTreeMap<Vec<Option<String>>, (Row, Vec<Row>)> = BTreeMap::new();
    for row in rows {
        let values = by.iter().map(|column| (column.name.clone(), column.value(&row))).collect::<Vec<_>>();
        let key = values.iter().map(|(_, value)| value.as_ref().map(|value| text(Some(value)))).collect();
        let group = groups.entry(key).or_insert_with(|| {
            let begun = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
            (begun.collect(), Vec::new())
        });
        group.1.push(row);
    }
    let finished = groups.into_values().map(|(mut begun, rows)| {
        begun.extend(made.iter().filter_map(|(aggregate, name)| Some((name.clone(), aggregate.of(&rows)?))));
        begun
    });
    finished.collect()
}

/// Numbers as numbers, also if a text holds one.
fn compared(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let number = |value: Option<&Value>| text(value).parse::<f64>().ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => text(one).cmp(&text(other)),
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A command, a function, an operator or a field: letters, digits, `@`, `.`, and `_` in a function.
    Word(String),
    /// In backticks.
    Field(String),
    Text(String),
    Pattern(String),
    Number(u64),
    Minutes(u64),
    Symbol(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let forms = Regex::new(concat!(
        r##"^(?:(?<space>[ \n]+|#[^\n]*)|`(?<field>[^`]+)`|"(?<text>[^"\\]*)"|/(?<pattern>(?:[^/\\]|\\.)+)/"##,
        r"|(?<word>[A-Za-z@][A-Za-z0-9@._]*)|(?<minutes>[0-9]+)m|(?<number>[0-9]+)|(?<symbol>[|,()=*]|\[|\]))",
    ))
    .unwrap();
    let (mut rest, mut tokens) = (text, Vec::new());
    while !rest.is_empty() {
        let form = forms.captures(rest).ok_or_else(|| format!("not understood: {rest}"))?;
        let part = |name: &str| form.name(name).map(|part| part.as_str().to_owned());
        let number = |name: &str| part(name).map(|digits| digits.parse().expect("a short number"));
        rest = rest.strip_prefix(&form[0]).expect("a form is at the beginning");
        let token = (part("word").map(Token::Word))
            .or_else(|| part("field").map(Token::Field))
            .or_else(|| part("text").map(Token::Text))
            .or_else(|| part("pattern").map(Token::Pattern))
            .or_else(|| number("minutes").map(Token::Minutes))
            .or_else(|| number("number").map(Token::Number))
            .or_else(|| part("symbol").map(Token::Symbol));
        tokens.extend(token);
    }
    Ok(tokens)
}

#[derive(Default)]
struct Reader {
    /// The next one is the last.
    tokens: Vec<Token>,
    reads: BTreeSet<String>,
    /// The names that the query has made.
    made: BTreeSet<String>,
    /// After `stats` the fields of the log are not there any more.
    is_grouped: bool,
}

impl Reader {
    fn command(&mut self) -> Result<Command, String> {
        match self.word()?.as_str() {
            "fields" => Ok(Command::Fields(self.list(Self::column)?)),
            "filter" => Ok(Command::Filter(self.condition()?)),
            "parse" => self.parse(),
            "stats" => self.stats(),
            "sort" => self.sort(),
            "limit" => match self.tokens.pop() {
                Some(Token::Number(most)) => Ok(Command::Limit(usize::try_from(most).unwrap())),
                other => Err(format!("limit {other:?}")),
            },
            other => Err(format!("the command {other}")),
        }
    }

    fn parse(&mut self) -> Result<Command, String> {
        let field = self.field()?;
        let pattern = self.pattern()?;
        self.made.extend(pattern.capture_names().flatten().map(str::to_owned));
        Ok(Command::Parse { field, pattern })
    }

    fn stats(&mut self) -> Result<Command, String> {
        let made = self.list(|reader| {
            let aggregate = reader.aggregate()?;
            reader.keyword("as")?;
            Ok((aggregate, reader.name()?))
        })?;
        self.keyword("by")?;
        let by = self.list(Self::column)?;
        self.is_grouped = true;
        self.made =
            made.iter().map(|(_, name)| name.clone()).chain(by.iter().map(|column| column.name.clone())).collect();
        Ok(Command::Stats { made, by })
    }

    fn sort(&mut self) -> Result<Command, String> {
        let field = self.field()?;
        match self.word()?.as_str() {
            "asc" => Ok(Command::Sort { field, descending: false }),
            "desc" => Ok(Command::Sort { field, descending: true }),
            other => Err(format!("sort … {other}")),
        }
    }

    fn aggregate(&mut self) -> Result<Aggregate, String> {
        let function = self.word()?;
        self.symbol("(")?;
        let aggregate = match function.as_str() {
            "count" if self.takes("*") => Aggregate::Rows,
            "count" => Aggregate::Count(self.field()?),
            "count_distinct" => Aggregate::CountDistinct(self.field()?),
            "latest" => Aggregate::Latest(self.field()?),
            "min" => Aggregate::Min(self.field()?),
            "max" => Aggregate::Max(self.field()?),
            "pct" => {
                let field = self.field()?;
                self.symbol(",")?;
                match self.tokens.pop() {
                    Some(Token::Number(percent)) => Aggregate::Percentile(field, percent),
                    other => return Err(format!("pct(…, {other:?})")),
                }
            }
            other => return Err(format!("the function {other}")),
        };
        self.symbol(")")?;
        Ok(aggregate)
    }

    fn column(&mut self) -> Result<Column, String> {
        let mut column = if self.function("coalesce")? {
            let of = self.list(Self::field)?;
            self.symbol(")")?;
            Column { of, bin: None, name: String::new() }
        } else if self.function("bin")? {
            let Some(Token::Minutes(minutes)) = self.tokens.pop() else { return Err("bin of no period".to_owned()) };
            self.symbol(")")?;
            Column { of: vec!["@timestamp".to_owned()], bin: Some(minutes), name: format!("bin({minutes}m)") }
        } else {
            let field = self.field()?;
            Column { of: vec![field.clone()], bin: None, name: field }
        };
        if self.tokens.last() == Some(&Token::Word("as".to_owned())) {
            self.keyword("as")?;
            column.name = self.name()?;
        }
        if column.name.is_empty() { Err("coalesce(…) without a name".to_owned()) } else { Ok(column) }
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let mut any = vec![self.comparison()?];
        while self.tokens.last() == Some(&Token::Word("or".to_owned())) {
            self.keyword("or")?;
            any.push(self.comparison()?);
        }
        Ok(Condition::Any(any))
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        if self.function("ispresent")? {
            let field = self.field()?;
            self.symbol(")")?;
            return Ok(Condition::Present(field));
        }
        let field = self.field()?;
        match self.tokens.pop() {
            Some(Token::Symbol(symbol)) if symbol == "=" => Ok(Condition::Equal(field, self.text()?)),
            Some(Token::Word(word)) if word == "like" => Ok(Condition::Like(field, self.pattern()?)),
            Some(Token::Word(word)) if word == "in" => {
                self.symbol("[")?;
                let words = self.list(Self::text)?;
                self.symbol("]")?;
                Ok(Condition::In(field, words))
            }
            other => Err(format!("the operator {other:?}")),
        }
    }

    /// A field of the log, or what the query has made. "Any log field named in a query that has characters other than the @ sign, the
    /// period, and alphanumeric characters must be surrounded by backtick characters."
    fn field(&mut self) -> Result<String, String> {
        let name = match self.tokens.pop() {
            Some(Token::Word(name)) if name.contains('_') => return Err(format!("{name} without backticks")),
            Some(Token::Word(name) | Token::Field(name)) => name,
            other => return Err(format!("{other:?} for a field")),
        };
        if !self.made.contains(&name) {
            if self.is_grouped {
                return Err(format!("{name} after stats"));
            }
            self.reads.insert(name.clone());
        }
        Ok(name)
    }

    /// A name that the query makes.
    fn name(&mut self) -> Result<String, String> {
        let name = self.word()?;
        if name.contains(['_', '@', '.']) || self.reads.contains(&name) {
            return Err(format!("as {name}"));
        }
        self.made.insert(name.clone());
        Ok(name)
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = vec![item(self)?];
        while self.takes(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn function(&mut self, name: &str) -> Result<bool, String> {
        let is_next = self.tokens.last() == Some(&Token::Word(name.to_owned()));
        if is_next {
            self.keyword(name)?;
            self.symbol("(")?;
        }
        Ok(is_next)
    }

    fn pattern(&mut self) -> Result<Regex, String> {
        match self.tokens.pop() {
            Some(Token::Pattern(pattern)) => Regex::new(&pattern).map_err(|error| error.to_string()),
            other => Err(format!("{other:?} for a pattern")),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        match self.tokens.pop() {
            Some(Token::Text(text)) => Ok(text),
            other => Err(format!("{other:?} for a text")),
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.tokens.pop() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("{other:?} for a word")),
        }
    }

    fn keyword(&mut self, expected: &str) -> Result<(), String> {
        let word = self.word()?;
        if word == expected { Ok(()) } else { Err(format!("{word} for {expected}")) }
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_next = self.tokens.last() == Some(&Token::Symbol(symbol.to_owned()));
        if is_next {
            self.tokens.pop();
        }
        is_next
    }

    fn symbol(&mut self, expected: &str) -> Result<(), String> {
        if self.takes(expected) { Ok(()) } else { Err(format!("{:?} for {expected}", self.tokens.last())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: Value) -> Vec<Row> {
        serde_json::from_value(values).unwrap()
    }

    #[track_caller]
    fn check(query: &str, expected: Value) {
        let events = rows(json!([
            {"@timestamp": "2026-11-26T10:01:00Z", "a": "x", "n": 9, "s_t": "took 20 s"},
            {"@timestamp": "2026-11-26T10:04:59Z", "a": "y", "n": 10, "s_t": "took 3 s"},
            {"@timestamp": "2026-11-26T10:05:00Z", "a": "x", "n": 2},
        ]));
        let query = Query::read(query).unwrap();
        assert_eq!(query.run(&events), rows(expected));
    }

    #[test]
    fn each_command_does_what_the_guide_says() {
        check("fields a | filter n = \"10\"", json!([{"a": "y"}]));
        check("fields a, n # all\n| sort n desc | limit 2", json!([{"a": "y", "n": 10}, {"a": "x", "n": 9}]));
        check("filter a in [\"y\", \"z\"] or n = \"2\" | fields n | sort n asc", json!([{"n": 2}, {"n": 10}]));
        check("filter ispresent(`s_t`) | fields n", json!([{"n": 9}, {"n": 10}]));
        check("fields coalesce(`s_t`, a) as b | filter b like /^took 3|x/", json!([{"b": "took 3 s"}, {"b": "x"}]));
        check(
            "parse `s_t` /took (?<t>[0-9]+)/ | stats count(*) as rows, count(t) as with, min(t) as least, max(t) as most by a",
            json!([
                {"a": "x", "rows": 2, "with": 1, "least": "20", "most": "20"},
                {"a": "y", "rows": 1, "with": 1, "least": "3", "most": "3"},
            ]),
        );
        check(
            "stats count_distinct(a) as kinds, latest(n) as last, pct(n, 99) as p99 by bin(5m)",
            json!([
                {"bin(5m)": "2026-11-26T10:00:00Z", "kinds": 2, "last": 10, "p99": 10},
                {"bin(5m)": "2026-11-26T10:05:00Z", "kinds": 1, "last": 2, "p99": 2},
            ]),
        );
    }

    #[test]
    fn a_mistake_is_found() {
        for (query, reason) in [
            ("field a", "the command field"),
            ("fields s_t", "s_t without backticks"),
            ("filter a == \"x\"", "Some(Symbol(\"=\")) for a text"),
            ("filter a = 'x'", "not understood: 'x'"),
            ("stats total(a) as n by b", "the function total"),
            ("stats count(*) as n by b | sort a desc", "a after stats"),
            ("stats count(*) as n by b | filter c = \"d\"", "c after stats"),
            ("sort a down", "sort … down"),
            ("fields a filter b = \"c\"", "Some(Word(\"filter\")) for |"),
            ("fields a, b as a", "as a"),
        ] {
            assert_eq!(Query::read(query).unwrap_err(), reason, "{query}");
        }
        let reads = Query::read("fields a as b | filter c = \"d\" | stats count(*) as e by b").unwrap().reads;
        assert_eq!(reads, ["a", "c"].map(str::to_owned).into());
    }
}
