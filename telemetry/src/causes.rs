use std::{error::Error, fmt, iter};

/// An error and its causes in one line, for a log or a terminal: `a: b: c`.
///
/// Each text is there once. Our own errors never repeat their source; errors of other crates sometimes do.
///
/// ```
/// # use std::{error::Error, io};
/// # use telemetry::Causes;
/// #[derive(Debug)]
/// struct NotSent(io::Error);
///
/// impl std::fmt::Display for NotSent {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str("the request is not sent")
///     }
/// }
///
/// impl Error for NotSent {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(&self.0)
///     }
/// }
///
/// let error = NotSent(io::Error::other("the line is busy"));
/// assert_eq!(Causes(&error).to_string(), "the request is not sent: the line is busy");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = String::new();
        for text in iter::successors(Some(self.0), |&error| error.source()).map(ToString::to_string) {
            if told.is_empty() {
                told = text;
            } else if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
        }
        f.write_str(&told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and the errors behind it.
    #[derive(Debug)]
    struct Chain(&'static str, Option<Box<Self>>);

    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Chain {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            let source = self.1.as_deref()?;
            Some(source)
        }
    }

    #[track_caller]
    fn check(texts: &[&'static str], expected: &str) {
        let behind = |source, text: &&'static str| Some(Box::new(Chain(text, source)));
        let error = texts.iter().rev().fold(None, behind).unwrap();
        assert_eq!(Causes(&*error).to_string(), expected);
    }

    #[test]
    fn each_cause_is_told_once() {
        check(&["the port is busy"], "the port is busy");
        check(&["--edge", "cannot listen", "in use (os error 98)"], "--edge: cannot listen: in use (os error 98)");
        check(&["cannot listen: in use", "in use"], "cannot listen: in use");
        check(&["in use at path /x", "in use", "a reason"], "in use at path /x: a reason");
        check(&["a", "b: c", "b", "c"], "a: b: c");
    }

    #[test]
    fn an_error_without_a_text_is_left_out() {
        check(&["", "--edge", "", "in use"], "--edge: in use");
        check(&[""], "");
    }
}
