//! A call to the fake AWS, and what a service says to it.

/// The account of everything in it.
pub(crate) const ACCOUNT: &str = "123456789012";

/// One call, as it was made and what became of it; never a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) region: String,
    /// The secret or the stack, as the call names it.
    pub(crate) concerns: String,
    /// The version that it is about, or the token of an update.
    pub(crate) version: Option<String>,
    /// The labels that it names.
    pub(crate) stages: Vec<String>,
    /// Whether anything has changed by it.
    pub(crate) effect: bool,
    /// `ok`, the code of an error, or what happened instead of an answer.
    pub(crate) answer: String,
}

/// Which API of AWS is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Service {
    SecretsManager,
    CloudFormation,
}

/// What a service says to a call that it does.
pub(crate) struct Answer {
    pub(crate) body: String,
    pub(crate) effect: bool,
}

impl Answer {
    /// To a call that only reads.
    pub(crate) fn unchanged(body: String) -> Self {
        Self { body, effect: false }
    }
}

/// What a service says to a call that it does not do.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }
}
