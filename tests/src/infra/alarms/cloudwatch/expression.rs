//! CloudWatch's metric math, as far as the templates use it. Any other function or operator is an error, never ignored.
//!
//! The user guide, "Using math expressions with CloudWatch metrics", says what each does. It does not say whether AND or OR
//! goes first, so an expression that mixes them needs parentheses here.

use crate::infra::alarms::cloudwatch::Reading;
use winnow::{
    Parser,
    ascii::{alpha1, digit1, multispace0},
    combinator::{Infix, Prefix, alt, cut_err, delimited, expression, not, opt, preceded, terminated},
    error::{ContextError, ErrMode, ParserError as _},
    token::take_while,
};

/// What an expression is, or is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    /// A value for each period of a time, the oldest first, where there is one.
    Series(Vec<Option<f64>>),
}

/// An expression that is understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    /// The result of another query.
    Id(String),
    Negative(Box<Self>),
    Binary(Box<Self>, Operator, Box<Self>),
    /// Only to know what was in parentheses.
    Group(Box<Self>),
    If(Box<Self>, Box<Self>, Option<Box<Self>>),
    Fill(Box<Self>, Filler),
}

/// What stands in for a value that is missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filler {
    /// The value before.
    Repeat,
    Value(Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    And,
    Or,
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        whole.parse(text).map_err(|error| format!("{text:?} is not understood:\n{error}"))
    }

    /// Its result, from those of the queries that it names.
    pub(crate) fn evaluate(
        &self,
        reading: Reading,
        query: &impl Fn(&str) -> Result<Value, String>,
    ) -> Result<Value, String> {
        let of = |expression: &Self| expression.evaluate(reading, query);
        match self {
            Self::Number(number) => Ok(Value::Scalar(*number)),
            Self::Id(id) => query(id),
            Self::Group(inner) => of(inner),
            Self::Negative(inner) => binary(Value::Scalar(0.0), Operator::Subtract, of(inner)?),
            Self::Binary(left, operator, right) => binary(of(left)?, *operator, of(right)?),
            Self::If(condition, yes, no) => choose(of(condition)?, of(yes)?, no.as_deref().map(of).transpose()?),
            Self::Fill(series, filler) => {
                let Value::Series(values) = of(series)? else { return Err("FILL is of a series".to_owned()) };
                if !reading.fills_empty_series && values.iter().all(Option::is_none) {
                    return Ok(Value::Series(values));
                }
                match filler {
                    Filler::Repeat => {
                        let mut before = None;
                        let repeated = values.into_iter().map(|value| {
                            before = value.or(before);
                            before
                        });
                        Ok(Value::Series(repeated.collect()))
                    }
                    Filler::Value(filler) => {
                        let filler = of(filler)?;
                        let filled = values.iter().enumerate().map(|(at, value)| value.or(filler.at(at)));
                        Ok(Value::Series(filled.collect()))
                    }
                }
            }
        }
    }
}

impl Value {
    fn at(&self, at: usize) -> Option<f64> {
        match self {
            Self::Scalar(number) => Some(*number),
            Self::Series(values) => values.get(at).copied().flatten(),
        }
    }
}

/// "Missing values in a time series are treated as 0", and so are they for a comparison "when only one of the time series has
/// a value"; of a division by zero "the data point is dropped".
fn binary(left: Value, operator: Operator, right: Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            operator.apply(left, right).map(Value::Scalar).ok_or_else(|| "a number is divided by 0".to_owned())
        }
        (Value::Series(left), Value::Scalar(right)) => {
            Ok(Value::Series(left.into_iter().map(|left| operator.apply(left?, right)).collect()))
        }
        (Value::Scalar(left), Value::Series(right)) => {
            Ok(Value::Series(right.into_iter().map(|right| operator.apply(left, right?)).collect()))
        }
        (Value::Series(left), Value::Series(right)) => {
            let pairs = left.into_iter().zip(right);
            let applied = pairs.map(|pair| match pair {
                (None, None) => None,
                (left, right) => operator.apply(left.unwrap_or(0.0), right.unwrap_or(0.0)),
            });
            Ok(Value::Series(applied.collect()))
        }
    }
}

impl Operator {
    /// `None` for a division by zero.
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        let truth = |so: bool| Some(f64::from(u8::from(so)));
        match self {
            Self::Add => Some(left + right),
            Self::Subtract => Some(left - right),
            Self::Multiply => Some(left * right),
            Self::Divide => (right != 0.0).then(|| left / right),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::LessOrEqual => truth(left <= right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::Less => truth(left < right),
            Self::Greater => truth(left > right),
            Self::And => truth(left != 0.0 && right != 0.0),
            Self::Or => truth(left != 0.0 || right != 0.0),
        }
    }
}

/// `IF`, as "Using IF expressions" has it: without a condition there is no value, and a missing value of the first choice is 0.
fn choose(condition: Value, yes: Value, no: Option<Value>) -> Result<Value, String> {
    let condition = match (condition, &yes, &no) {
        (Value::Series(condition), ..) => condition,
        (Value::Scalar(condition), Value::Series(values), _)
        | (Value::Scalar(condition), _, Some(Value::Series(values))) => {
            vec![Some(condition); values.len()]
        }
        (Value::Scalar(_), ..) => return Err("IF needs a series".to_owned()),
    };
    let chosen = condition.into_iter().enumerate().map(|(at, condition)| match condition {
        None => None,
        Some(0.0) => no.as_ref()?.at(at),
        Some(_) => Some(yes.at(at).unwrap_or(0.0)),
    });
    Ok(Value::Series(chosen.collect()))
}

type Parsed<T> = Result<T, ErrMode<ContextError>>;

fn whole(input: &mut &str) -> Parsed<Expression> {
    terminated(operation, multispace0).parse_next(input)
}

fn operation(input: &mut &str) -> Parsed<Expression> {
    use Operator::*;
    let comparison = alt((
        operator("==").map(|()| Infix::Neither(3, |_: &mut _, a, b| joined(a, Equal, b))),
        operator("!=").map(|()| Infix::Neither(3, |_: &mut _, a, b| joined(a, NotEqual, b))),
        operator("<=").map(|()| Infix::Neither(3, |_: &mut _, a, b| joined(a, LessOrEqual, b))),
        operator(">=").map(|()| Infix::Neither(3, |_: &mut _, a, b| joined(a, GreaterOrEqual, b))),
        operator("<").map(|()| Infix::Neither(3, |_: &mut _, a, b| joined(a, Less, b))),
        operator(">").map(|()| Infix::Neither(3, |_: &mut _, a, b| joined(a, Greater, b))),
    ));
    let arithmetic = alt((
        operator("+").map(|()| Infix::Left(5, |_: &mut _, a, b| joined(a, Add, b))),
        operator("-").map(|()| Infix::Left(5, |_: &mut _, a, b| joined(a, Subtract, b))),
        operator("*").map(|()| Infix::Left(7, |_: &mut _, a, b| joined(a, Multiply, b))),
        operator("/").map(|()| Infix::Left(7, |_: &mut _, a, b| joined(a, Divide, b))),
    ));
    let logic = alt((
        alt((operator("&&"), word("AND"))).map(|()| Infix::Left(1, |input: &mut _, a, b| logical(input, a, And, b))),
        alt((operator("||"), word("OR"))).map(|()| Infix::Left(1, |input: &mut _, a, b| logical(input, a, Or, b))),
    ));
    expression(preceded(multispace0, operand))
        .prefix(operator("-").map(|()| Prefix(9, |_: &mut _, inner| Ok(Expression::Negative(Box::new(inner))))))
        .infix(alt((comparison, arithmetic, logic)))
        .parse_next(input)
}

fn joined(left: Expression, operator: Operator, right: Expression) -> Parsed<Expression> {
    Ok(Expression::Binary(Box::new(left), operator, Box::new(right)))
}

fn logical(input: &mut &str, left: Expression, operator: Operator, right: Expression) -> Parsed<Expression> {
    let other = |side: &Expression| matches!(side, Expression::Binary(_, of, _) if *of != operator && matches!(of, Operator::And | Operator::Or));
    if other(&left) || other(&right) {
        return Err(ErrMode::from_input(input).cut());
    }
    joined(left, operator, right)
}

fn operand(input: &mut &str) -> Parsed<Expression> {
    alt((
        (digit1, opt(('.', digit1))).take().parse_to().map(Expression::Number),
        in_parentheses(operation).map(|inner| Expression::Group(Box::new(inner))),
        preceded(word("IF"), cut_err(in_parentheses(choice))),
        preceded(word("FILL"), cut_err(in_parentheses(fill))),
        (take_while(1.., 'a'..='z'), take_while(0.., is_of_word)).take().map(|id: &str| Expression::Id(id.to_owned())),
    ))
    .parse_next(input)
}

fn choice(input: &mut &str) -> Parsed<Expression> {
    let (condition, yes, no) =
        (operation, preceded(comma, operation), opt(preceded(comma, operation))).parse_next(input)?;
    Ok(Expression::If(Box::new(condition), Box::new(yes), no.map(Box::new)))
}

fn fill(input: &mut &str) -> Parsed<Expression> {
    let filler = alt((
        preceded(multispace0, word("REPEAT")).value(Filler::Repeat),
        operation.map(|filler| Filler::Value(Box::new(filler))),
    ));
    let (series, filler) = (operation, preceded(comma, filler)).parse_next(input)?;
    Ok(Expression::Fill(Box::new(series), filler))
}

fn comma(input: &mut &str) -> Parsed<()> {
    (multispace0, ',').void().parse_next(input)
}

fn in_parentheses<'a, T>(
    inner: impl Parser<&'a str, T, ErrMode<ContextError>>,
) -> impl Parser<&'a str, T, ErrMode<ContextError>> {
    delimited((multispace0, '('), inner, (multispace0, ')'))
}

fn operator<'a>(text: &'static str) -> impl Parser<&'a str, (), ErrMode<ContextError>> {
    (multispace0, text).void()
}

/// A whole word in capitals.
fn word<'a>(text: &'static str) -> impl Parser<&'a str, (), ErrMode<ContextError>> {
    (multispace0, alpha1.verify(move |word: &str| word == text), not(take_while(1.., is_of_word))).void()
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}
