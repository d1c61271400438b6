//! The settings of the functions: environment variables of the authorizer and the rotator, custom headers of the origin at the
//! edge.
//!
//! [`Settings`] reads both in the same way. [`Seconds`] has the default and the range of each setting that is a time, for the
//! functions and for the command line.

mod seconds;

pub use seconds::Seconds;

use std::{borrow::Cow, ffi::OsString, fmt, time::Duration};

const PREFIX: &str = "COUNTERSIGN_";

/// The settings that were given. Not `Debug`: a value could be a secret in the wrong place.
///
/// ```
/// # use settings::{Seconds, SettingError, Settings};
/// # fn main() -> Result<(), SettingError> {
/// let variables = [("PATH", "/bin"), ("StackName", "api"), ("COUNTERSIGN_MODE", "monitor")];
/// let variables = variables.map(|(name, value)| (name.into(), value.into()));
/// let settings = Settings::of_environment(variables, &["StackName"])?;
/// settings.check_names(&["StackName", "COUNTERSIGN_MODE", "COUNTERSIGN_TTL"])?;
/// assert_eq!(settings.get("StackName")?, Some("api"));
/// assert!(settings.word("COUNTERSIGN_MODE", &[("enforce", false), ("monitor", true)], false)?);
/// assert_eq!(settings.seconds("COUNTERSIGN_TTL", &Seconds::VERIFIER_TTL)?.as_secs(), 60);
/// # Ok(())
/// # }
/// ```
pub struct Settings<'a> {
    place: Place,
    given: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Where a setting is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A variable of the process. Names are compared exactly.
    Environment,
    /// A custom header of the origin in CloudFront. Names are compared without case.
    OriginHeader,
}

/// A setting that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {name} {problem}: {instruction}")]
pub struct SettingError {
    place: Place,
    name: String,
    problem: String,
    instruction: String,
}

impl Settings<'static> {
    /// The variables whose names begin with `COUNTERSIGN_`, and the variables named in `others`.
    ///
    /// # Errors
    /// The first of them whose value is not UTF-8.
    pub fn of_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        others: &[&str],
    ) -> Result<Self, SettingError> {
        let mut settings = Self { place: Place::Environment, given: Vec::new() };
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX) || others.contains(name)) else {
                continue;
            };
            let value = value.into_string().map_err(|_| settings.error(name, "is not UTF-8", "set it to text"))?;
            settings.given.push((name.to_owned().into(), value.into()));
        }
        Ok(settings)
    }
}

impl<'a> Settings<'a> {
    /// The custom headers of an origin that are settings of ours, as names and values.
    pub fn of_origin_headers(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = headers.into_iter().filter(|(name, _)| signing::resembles_ours(name));
        let given = ours.map(|(name, value)| (name.into(), value.into())).collect();
        Self { place: Place::OriginHeader, given }
    }

    /// Checks that every setting that is given exists. A misspelled one would otherwise leave a default in force.
    ///
    /// # Errors
    /// The first setting that is not one of `names`.
    pub fn check_names(&self, names: &[&str]) -> Result<(), SettingError> {
        match self.given.iter().find(|(given, _)| !names.iter().any(|name| self.is(given, name))) {
            None => Ok(()),
            Some((given, _)) => {
                Err(self.error(given, "is not a setting", format!("the settings are {}", names.join(", "))))
            }
        }
    }

    /// The value of a setting, if it is given.
    ///
    /// # Errors
    /// If it is given more than once.
    pub fn get(&self, name: &str) -> Result<Option<&str>, SettingError> {
        let mut values = self.given.iter().filter(|(given, _)| self.is(given, name));
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(self.error(name, "has more than one value", "set it once")),
            (value, None) => Ok(value.map(|(_, value)| &**value)),
        }
    }

    fn is(&self, given: &str, name: &str) -> bool {
        match self.place {
            Place::Environment => given == name,
            Place::OriginHeader => given.eq_ignore_ascii_case(name),
        }
    }

    /// A whole number of seconds, or its default if it is not given.
    ///
    /// # Errors
    /// If it is not a whole number, or is outside of its range.
    pub fn seconds(&self, name: &str, setting: &Seconds) -> Result<Duration, SettingError> {
        let Some(value) = self.get(name)? else { return Ok(setting.default) };
        let seconds = value.parse().ok().and_then(|seconds| setting.accept(seconds));
        seconds.ok_or_else(|| self.wrong_value(name, value, &format!("a whole number of seconds from {setting}")))
    }

    /// The meaning of one of `words`, or `default` if the setting is not given.
    ///
    /// # Errors
    /// If it is another word. Case counts.
    pub fn word<T: Clone>(&self, name: &str, words: &[(&str, T)], default: T) -> Result<T, SettingError> {
        let Some(value) = self.get(name)? else { return Ok(default) };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(meaning.clone()),
            None => Err(self.wrong_value(name, value, &alternatives(words.iter().map(|(word, _)| *word)))),
        }
    }

    /// The error about a setting: the problem, like `is missing`, and what to do, like `set it to the name of a stack`.
    ///
    /// Both go into the log. About a setting that could hold a secret, the problem must not repeat its value.
    pub fn error(&self, name: &str, problem: impl Into<String>, instruction: impl Into<String>) -> SettingError {
        SettingError {
            place: self.place,
            name: name.to_owned(),
            problem: problem.into(),
            instruction: instruction.into(),
        }
    }

    /// The value of a header is not repeated: a person who confuses two headers of an origin could put the API key into this one.
    fn wrong_value(&self, name: &str, value: &str, accepted: &str) -> SettingError {
        let problem = match self.place {
            Place::Environment => format!("is {value:?}"),
            Place::OriginHeader => "has a wrong value".to_owned(),
        };
        self.error(name, problem, format!("set it to {accepted}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment variable",
            Self::OriginHeader => "origin custom header",
        })
    }
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives<'w>(words: impl Iterator<Item = &'w str>) -> String {
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
    const MINUTE: Seconds = Seconds::new(Duration::from_secs(7), 1..=60);

    fn environment(variables: &[(&str, &str)]) -> Settings<'static> {
        let all = [&[("PATH", "/bin"), ("StackNames", "x"), ("countersign_a", "x")], variables].concat();
        let all = all.iter().map(|(name, value)| (name.into(), value.into()));
        Settings::of_environment(all, &[STACK]).ok().unwrap()
    }

    #[track_caller]
    fn check<T: PartialEq + fmt::Debug>(found: Result<T, SettingError>, expected: Result<T, &str>) {
        let found = found.map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(|error| format!("environment variable {error}")));
    }

    #[test]
    fn a_variable_is_read_unchanged() {
        let settings = environment(&[(A, " a "), (STACK, "s")]);
        check(settings.get(A), Ok(Some(" a ")));
        check(settings.get(B), Ok(None));
        check(settings.get(STACK), Ok(Some("s")));
        check(settings.check_names(&[A, B, STACK]), Ok(()));
    }

    #[test]
    fn a_variable_that_is_given_twice_is_refused() {
        let settings = environment(&[(A, "1"), (A, "1")]);
        check(settings.get(A), Err("COUNTERSIGN_A has more than one value: set it once"));
    }

    #[test]
    fn a_header_is_found_in_any_case_and_refused_if_it_is_repeated() {
        let headers = [("x-api-key", "k"), ("Countersign-Mode", "monitor"), ("countersign-body", "a")];
        let settings = Settings::of_origin_headers(headers.into_iter().chain([("COUNTERSIGN-BODY", "b")]));
        assert_eq!(settings.get("countersign-mode").unwrap(), Some("monitor"));
        assert_eq!(
            settings.get("countersign-body").unwrap_err().to_string(),
            "origin custom header countersign-body has more than one value: set it once"
        );
    }

    #[test]
    fn a_name_that_only_resembles_a_setting_is_refused() {
        let settings = Settings::of_origin_headers([("Countersign_Mode", "monitor")]);
        assert_eq!(settings.get("countersign-mode").unwrap(), None);
        assert_eq!(
            settings.check_names(&["countersign-mode"]).unwrap_err().to_string(),
            "origin custom header Countersign_Mode is not a setting: the settings are countersign-mode"
        );
    }

    #[test]
    fn seconds_are_a_whole_number_in_the_range() {
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
            let wrong = expected
                .map_err(|value| format!("COUNTERSIGN_A is {value}: set it to a whole number of seconds from 1 to 60"));
            let found = environment(&variables).seconds(A, &MINUTE);
            check(found, wrong.as_ref().map(|&seconds| Duration::from_secs(seconds)).map_err(String::as_str));
        }
    }

    #[test]
    fn only_the_listed_words_are_accepted() {
        let words = [("one", 1), ("two", 2), ("three", 3)];
        check(environment(&[]).word(A, &words, 3), Ok(3));
        check(environment(&[(A, "two")]).word(A, &words, 3), Ok(2));
        for value in ["Two", "two ", ""] {
            let expected = format!("COUNTERSIGN_A is {value:?}: set it to one, two or three");
            check(environment(&[(A, value)]).word(A, &words, 3), Err(&expected));
        }
        check(environment(&[(A, "x")]).word(A, &words[..2], 1), Err("COUNTERSIGN_A is \"x\": set it to one or two"));
        check(environment(&[(A, "x")]).word(A, &words[..1], 1), Err("COUNTERSIGN_A is \"x\": set it to one"));
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused() {
        let settings = environment(&[(A, "1"), ("COUNTERSIGN_X", "the secret")]);
        let expected = "COUNTERSIGN_X is not a setting: the settings are COUNTERSIGN_B, StackName, COUNTERSIGN_A";
        check(settings.check_names(&[B, STACK, A]), Err(expected));
    }

    #[test]
    fn a_setting_that_is_not_utf_8_is_refused() {
        let latin1 = || OsString::from_vec(vec![0xff]);
        let read = |name: OsString| Settings::of_environment([(name, latin1())], &[STACK]).map(|_| ());
        check(read(A.into()), Err("COUNTERSIGN_A is not UTF-8: set it to text"));
        check(read(STACK.into()), Err("StackName is not UTF-8: set it to text"));
        check(read("PATH".into()), Ok(()));
        check(read(latin1()), Ok(()));
    }
}
