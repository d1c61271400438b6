//! The settings of a program on `provided.al2023`: environment variables, read once at its start.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    ops::RangeInclusive,
    time::Duration,
};

const PREFIX: &str = "COUNTERSIGN_";

/// The variables that are ours, each to be taken once. Not `Debug`: somebody may have set a secret.
///
/// ```
/// # use telemetry::{Environment, EnvironmentError};
/// # use std::time::Duration;
/// # fn main() -> Result<(), EnvironmentError> {
/// let variables = [("PATH", "/bin"), ("StackName", "api"), ("COUNTERSIGN_MODE", "monitor")];
/// let variables = variables.map(|(name, value)| (name.into(), value.into()));
/// let mut environment = Environment::read(variables, &["StackName"])?;
/// assert_eq!(environment.take("StackName").as_deref(), Some("api"));
/// assert!(environment.word("COUNTERSIGN_MODE", &[("enforce", false), ("monitor", true)], false)?);
/// assert_eq!(environment.seconds("COUNTERSIGN_TTL", Duration::from_secs(60), 1..=3600)?.as_secs(), 60);
/// environment.finish()
/// # }
/// ```
pub struct Environment {
    others: &'static [&'static str],
    values: BTreeMap<String, String>,
    asked: Vec<&'static str>,
}

/// An environment variable that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable} is {found}: accepted is {accepted}")]
pub struct EnvironmentError {
    variable: String,
    found: String,
    accepted: String,
}

impl Environment {
    /// Keeps the variables whose names begin with `COUNTERSIGN_` and those named in `others`; more are not looked at.
    ///
    /// # Errors
    /// The first of them whose value is not UTF-8.
    pub fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        others: &'static [&'static str],
    ) -> Result<Self, EnvironmentError> {
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX) || others.contains(name)) else {
                continue;
            };
            let value = value.into_string().map_err(|_| EnvironmentError::new(name, "not UTF-8", "text"))?;
            values.insert(name.to_owned(), value);
        }
        Ok(Self { others, values, asked: Vec::new() })
    }

    /// The value of a variable, where it is set.
    pub fn take(&mut self, name: &'static str) -> Option<String> {
        debug_assert!(name.starts_with(PREFIX) || self.others.contains(&name), "{name} was not kept");
        self.asked.push(name);
        self.values.remove(name)
    }

    /// A whole number of seconds in `range`, or `default` where nothing is set.
    ///
    /// # Errors
    /// Where it is another text.
    pub fn seconds(
        &mut self,
        name: &'static str,
        default: Duration,
        range: RangeInclusive<u64>,
    ) -> Result<Duration, EnvironmentError> {
        let Some(value) = self.take(name) else { return Ok(default) };
        match value.parse() {
            Ok(seconds) if range.contains(&seconds) => Ok(Duration::from_secs(seconds)),
            _ => {
                let accepted = format!("a whole number of seconds from {} to {}", range.start(), range.end());
                Err(EnvironmentError::new(name, format!("{value:?}"), accepted))
            }
        }
    }

    /// What one of `words` stands for, or `default` where nothing is set.
    ///
    /// # Errors
    /// Where it is none of them, letter by letter.
    pub fn word<T: Clone>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, EnvironmentError> {
        let Some(value) = self.take(name) else { return Ok(default) };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meant)) => Ok(meant.clone()),
            None => Err(EnvironmentError::new(name, format!("{value:?}"), either(words.iter().map(|(word, _)| *word)))),
        }
    }

    /// Ends the reading: what is set has been asked for, or is a mistake that nobody would notice.
    ///
    /// # Errors
    /// The first variable that nobody took, with the names of those that there are.
    pub fn finish(self) -> Result<(), EnvironmentError> {
        match self.values.keys().next() {
            None => Ok(()),
            Some(name) => Err(EnvironmentError::new(name, "not known", format!("one of {}", self.asked.join(", ")))),
        }
    }
}

impl EnvironmentError {
    /// A wrong value that only its reader can tell: what was `found`, and what is `accepted`.
    ///
    /// `found` goes into the log: of a variable that could hold a secret it says what is wrong, and never the value.
    pub fn new(variable: &str, found: impl Into<String>, accepted: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), found: found.into(), accepted: accepted.into() }
    }
}

/// The name of the function that this process runs, which Lambda sets; `local` outside of Lambda.
///
/// A replica of Lambda@Edge is called `us-east-1.NAME`, and whether it is told so itself is not documented. As a dimension its
/// function has one name everywhere, so what is before the last dot is left out: a name that one gives a function has no dot.
pub fn function_name() -> String {
    named(std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").as_deref())
}

/// No dimension may be empty.
fn named(name: Option<&OsStr>) -> String {
    let name = name.and_then(OsStr::to_str).unwrap_or_default();
    let own = name.rsplit('.').next().filter(|own| !own.is_empty());
    own.unwrap_or("local").to_owned()
}

/// `a`, `a or b`, `a, b or c`.
fn either<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.collect();
    match words.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    const A: &str = "COUNTERSIGN_A";
    const B: &str = "COUNTERSIGN_B";
    const STACK: &str = "StackName";

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let all = [&[("PATH", "/bin"), ("StackNames", "x"), ("countersign_a", "x")], variables].concat();
        Environment::read(all.iter().map(|(name, value)| (name.into(), value.into())), &[STACK]).unwrap()
    }

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(found: Result<T, EnvironmentError>, expected: Result<T, &str>) {
        let found = found.map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(|error| format!("environment variable {error}")));
    }

    #[test]
    fn a_variable_is_taken_as_it_is_set() {
        let mut environment = environment(&[(A, " a "), (STACK, "s")]);
        assert_eq!(environment.take(A), Some(" a ".to_owned()));
        assert_eq!(environment.take(A), None, "it is taken");
        assert_eq!(environment.take(B), None);
        assert_eq!(environment.take(STACK), Some("s".to_owned()));
        check(environment.finish(), Ok(()));
    }

    #[test]
    fn seconds_are_a_whole_number_in_the_range() {
        let default = Duration::from_secs(7);
        let table = [
            (None, Ok(7)),
            (Some("1"), Ok(1)),
            (Some("60"), Ok(60)),
            (Some("0"), Err("\"0\"")),
            (Some("61"), Err("\"61\"")),
            (Some("-1"), Err("\"-1\"")),
            (Some("1.5"), Err("\"1.5\"")),
            (Some("1m"), Err("\"1m\"")),
            (Some(""), Err("\"\"")),
            (Some("99999999999999999999"), Err("\"99999999999999999999\"")),
        ];
        for (value, expected) in table {
            let variables: Vec<_> = value.map(|value| (A, value)).into_iter().collect();
            let wrong = expected.map_err(|value| {
                format!("COUNTERSIGN_A is {value}: accepted is a whole number of seconds from 1 to 60")
            });
            let found = environment(&variables).seconds(A, default, 1..=60);
            check(found, wrong.as_ref().map(|&seconds| Duration::from_secs(seconds)).map_err(String::as_str));
        }
    }

    #[test]
    fn a_word_is_one_of_those_that_there_are() {
        let words = [("one", 1), ("two", 2), ("three", 3)];
        check(environment(&[]).word(A, &words, 3), Ok(3));
        check(environment(&[(A, "two")]).word(A, &words, 3), Ok(2));
        for value in ["Two", "two ", ""] {
            let expected = format!("COUNTERSIGN_A is {value:?}: accepted is one, two or three");
            check(environment(&[(A, value)]).word(A, &words, 3), Err(&expected));
        }
        check(environment(&[(A, "x")]).word(A, &words[..2], 1), Err("COUNTERSIGN_A is \"x\": accepted is one or two"));
        check(environment(&[(A, "x")]).word(A, &words[..1], 1), Err("COUNTERSIGN_A is \"x\": accepted is one"));
    }

    #[test]
    fn what_nobody_took_is_not_known() {
        let mut environment = environment(&[(A, "1"), ("COUNTERSIGN_X", "the secret")]);
        environment.take(B);
        environment.take(STACK);
        environment.take(A);
        let expected = "COUNTERSIGN_X is not known: accepted is one of COUNTERSIGN_B, StackName, COUNTERSIGN_A";
        check(environment.finish(), Err(expected));
    }

    #[test]
    fn what_is_not_utf_8_is_refused_where_it_is_ours() {
        let latin1 = || OsString::from_vec(vec![0xff]);
        let read = |name: OsString| Environment::read([(name, latin1())], &[STACK]).map(|_| ());
        check(read(A.into()), Err("COUNTERSIGN_A is not UTF-8: accepted is text"));
        check(read(STACK.into()), Err("StackName is not UTF-8: accepted is text"));
        check(read("PATH".into()), Ok(()));
        check(read(latin1()), Ok(()));
    }

    #[test]
    fn a_function_has_one_name_wherever_it_runs() {
        for (name, expected) in [
            (None, "local"),
            (Some(""), "local"),
            (Some("edge_1-a"), "edge_1-a"),
            (Some("us-east-1.edge_1-a"), "edge_1-a"),
            (Some("a.us-east-1.edge"), "edge"),
            (Some("us-east-1."), "local"),
        ] {
            assert_eq!(named(name.map(OsStr::new)), expected, "{name:?}");
        }
    }
}
