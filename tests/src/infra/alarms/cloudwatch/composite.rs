//! The rule of a composite alarm, as PutCompositeAlarm documents it.

use serde::Deserialize;
use serde_json::{Value as Json, from_value};
use std::collections::BTreeSet;
use winnow::{
    Parser,
    ascii::multispace0,
    combinator::{Infix, Prefix, alt, delimited, expression, fail, preceded, terminated},
    error::{ContextError, ErrMode},
    token::take_while,
};

/// A rule about the states of other alarms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    Alarm(String),
    /// In the state OK. Alarms that do not ring are: none here is without data, because missing data is not breaching.
    Ok(String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// The properties of `AWS::CloudWatch::CompositeAlarm` that are understood. Any other is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Properties {
    alarm_rule: String,
    #[serde(rename = "AlarmDescription")]
    _description: Json,
    #[serde(rename = "AlarmActions")]
    _alarm_actions: Option<Json>,
    #[serde(rename = "OKActions")]
    _ok_actions: Option<Json>,
}

impl Rule {
    /// The rule of an alarm with these properties.
    pub(crate) fn read(properties: &Json) -> Result<Self, String> {
        let Properties { alarm_rule, .. } = from_value(properties.clone()).map_err(|error| error.to_string())?;
        Self::parse(&alarm_rule)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        terminated(rule, multispace0).parse(text).map_err(|error| format!("{text:?} is not understood:\n{error}"))
    }

    /// The names of the alarms that it is about.
    pub(crate) fn alarms(&self) -> BTreeSet<&str> {
        match self {
            Self::Alarm(name) | Self::Ok(name) => BTreeSet::from([name.as_str()]),
            Self::Not(inner) => inner.alarms(),
            Self::And(left, right) | Self::Or(left, right) => left.alarms().into_iter().chain(right.alarms()).collect(),
        }
    }

    /// Whether it holds, where these alarms ring.
    pub(crate) fn holds(&self, rings: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Alarm(name) => rings(name),
            Self::Ok(name) => !rings(name),
            Self::Not(inner) => !inner.holds(rings),
            Self::And(left, right) => left.holds(rings) && right.holds(rings),
            Self::Or(left, right) => left.holds(rings) || right.holds(rings),
        }
    }
}

type Parsed<T> = Result<T, ErrMode<ContextError>>;

fn rule(input: &mut &str) -> Parsed<Rule> {
    expression(preceded(multispace0, operand))
        .prefix(preceded(multispace0, "NOT").map(|_| Prefix(3, |_: &mut _, inner| Ok(Rule::Not(Box::new(inner))))))
        .infix(alt((
            preceded(multispace0, "AND")
                .map(|_| Infix::Left(2, |_: &mut _, a, b| Ok(Rule::And(Box::new(a), Box::new(b))))),
            preceded(multispace0, "OR")
                .map(|_| Infix::Left(1, |_: &mut _, a, b| Ok(Rule::Or(Box::new(a), Box::new(b))))),
            fail,
        )))
        .parse_next(input)
}

fn operand(input: &mut &str) -> Parsed<Rule> {
    alt((
        preceded("ALARM", name).map(Rule::Alarm),
        preceded("OK", name).map(Rule::Ok),
        delimited('(', rule, (multispace0, ')')),
    ))
    .parse_next(input)
}

/// A name in parentheses, with or without quotes; it can be an ARN.
fn name(input: &mut &str) -> Parsed<String> {
    let plain = || take_while(1.., |c: char| c.is_ascii_alphanumeric() || "-_.:/${}".contains(c));
    let name = alt((delimited('"', plain(), '"'), plain()));
    delimited(('(', multispace0), name.map(str::to_owned), (multispace0, ')')).parse_next(input)
}
