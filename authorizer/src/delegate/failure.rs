//! Why the user's own authorizer did not decide about a request.

use std::time::Duration;

/// The user's own authorizer did not answer in a form that can be handed on. The request must not be allowed.
///
/// The texts have settings, names of AWS and the code's own words. They never have a part of the event or of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegateFailure {
    /// An identity source is missing, so the function was not asked. API Gateway answers 401 in this case. A TOKEN event has room for
    /// one value only.
    #[error(
        "the identity source {0} of the next authorizer is missing, empty or (for a TOKEN event) repeated, so the function was not \
        asked"
    )]
    IdentityMissing(String),
    /// The function ended with the error message `Unauthorized`. API Gateway answers 401 in this case.
    #[error("the next authorizer ended with the error Unauthorized")]
    Unauthorized,
    /// The event cannot be written in the payload format of `COUNTERSIGN_NEXT_PAYLOAD`.
    #[error("the event cannot be written as COUNTERSIGN_NEXT_PAYLOAD says: it {0}")]
    EventNotConvertible(&'static str),
    /// AWS does not let this function call it.
    #[error("{0}")]
    NotAllowed(String),
    /// Lambda throttled the function.
    #[error("Lambda throttled the next authorizer: raise its reserved concurrency, or the account's limit")]
    Throttled,
    /// The answer did not come within `COUNTERSIGN_NEXT_TIMEOUT`.
    #[error(
        "the next authorizer did not answer within {} s: make it faster, or raise COUNTERSIGN_NEXT_TIMEOUT and the timeout of \
        this function",
        .0.as_secs()
    )]
    TimedOut(Duration),
    /// Lambda cannot be reached, or what answers is not Lambda.
    #[error("{0}")]
    Unreachable(String),
    /// Lambda did not start the function.
    #[error(
        "Lambda did not run the next authorizer ({code}): check the ARN in COUNTERSIGN_NEXT_AUTHORIZER, and the function's state"
    )]
    NotRun {
        /// The error code of AWS.
        code: String,
    },
    /// The function ended with an error, or was ended by Lambda.
    #[error("the next authorizer ended with an error{}: see its log", of_type(.error_type.as_deref()))]
    Failed {
        /// The type of the error, if it has the form of such a name.
        error_type: Option<String>,
    },
    /// The answer is not one that API Gateway accepts for this kind of event.
    #[error("the answer of the next authorizer is not accepted: {0}")]
    Answer(&'static str),
}

impl DelegateFailure {
    /// The reason as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::IdentityMissing(_) => "next-identity-missing",
            Self::Unauthorized => "next-unauthorized",
            Self::EventNotConvertible(_) => "next-event-not-convertible",
            Self::NotAllowed(_) => "next-not-allowed",
            Self::Throttled => "next-throttled",
            Self::TimedOut(_) => "next-timed-out",
            Self::Unreachable(_) => "next-unreachable",
            Self::NotRun { .. } => "next-not-run",
            Self::Failed { .. } => "next-failed",
            Self::Answer(_) => "next-answer",
        }
    }
}

/// The type of a function's error, if it looks like the name of a type: `TypeError`, `Runtime.ExitError`, `jwt.exceptions.DecodeError`.
///
/// The function's code chooses this text, and careless code could put a token into it. A token is not made of letters and dots
/// with such a beginning or end.
pub(super) fn error_type(text: &str) -> Option<String> {
    const LONGEST: usize = 64;
    const BEGINNINGS: [&str; 4] = ["Runtime.", "Sandbox.", "Function.", "Extension."];
    const ENDS: [&str; 2] = ["Error", "Exception"];
    let of_a_name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'.' || byte == b'_';
    let known =
        BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) || ENDS.iter().any(|end| text.ends_with(end));
    (known && text.len() <= LONGEST && text.bytes().all(of_a_name)).then(|| text.to_owned())
}

/// AWS's error code, or the word for another text.
pub(super) fn code(text: Option<&str>) -> String {
    let of_a_code =
        |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.filter(of_a_code).unwrap_or("unknown error").to_owned()
}

fn of_type(error_type: Option<&str>) -> String {
    error_type.map(|name| format!(" of type {name}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_type_is_repeated() {
        for name in [
            "Error",
            "TypeError",
            "Runtime.ExitError",
            "Sandbox.Timedout",
            "jwt.exceptions.DecodeError",
            "My_Exception",
        ] {
            assert_eq!(error_type(name).as_deref(), Some(name));
        }
        let long = format!("{}Error", "x".repeat(60));
        for text in
            ["", "string", "eyJhbGciOi.eyJzdWIi.c2ln", "hunter2Error", "Error: token", "Error\n", "ÉError", &long]
        {
            assert_eq!(error_type(text), None, "{text}");
        }
    }

    #[test]
    fn each_reason_begins_with_next() {
        let all = [
            DelegateFailure::IdentityMissing("x".to_owned()),
            DelegateFailure::Unauthorized,
            DelegateFailure::EventNotConvertible("x"),
            DelegateFailure::NotAllowed("x".to_owned()),
            DelegateFailure::Throttled,
            DelegateFailure::TimedOut(Duration::from_secs(3)),
            DelegateFailure::Unreachable("x".to_owned()),
            DelegateFailure::NotRun { code: code(Some("a b")) },
            DelegateFailure::Failed { error_type: None },
            DelegateFailure::Answer("x"),
        ];
        let reasons: std::collections::BTreeSet<_> = all.iter().map(DelegateFailure::reason).collect();
        assert_eq!(reasons.len(), all.len());
        assert!(reasons.iter().all(|reason| reason.starts_with("next-")), "{reasons:?}");
        assert!(all.iter().all(|failure| failure.to_string() != "Unauthorized"));
        let missing = "the identity source x of the next authorizer is missing, empty or (for a TOKEN event) repeated, so the function \
            was not asked";
        assert_eq!(all[0].to_string(), missing);
    }
}
