//! The authorizer that is asked, with its log.

use crate::support::keys::Keys;
use authorizer::{Authorizer, AuthorizerConfig, AuthorizerError};
use key_store::aws::{CallLimits, of_lambda};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use telemetry::{Log, MemoryLog};

/// Only the cache of keys uses it: the rules use the time in the event.
const NOW: Duration = Duration::from_secs(1_795_341_845);

/// The custom domains of the events.
const BASE_PATHS: &str = "api.example.com/v1=abc123/prod,api.example.com/v2=abc123/prod,http.example.com/v1=abc123/prod,\
    socket.example.com/v1=abc123/prod";

/// An authorizer that enforces, with its keys in a file.
pub(super) struct Subject {
    authorizer: Authorizer,
    log: MemoryLog,
    _keys: Keys,
}

/// What the authorizer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The values that are passed on to the API.
    Admitted {
        /// `countersignPath`
        path: String,
        /// `countersignTarget`
        target: String,
    },
    /// The reason in the log.
    Refused(String),
    /// The reason of the event error in the log.
    Unreadable(String),
}

/// What the authorizer answers, and each text that an operator or a caller of the function sees.
pub(super) struct Said {
    pub(super) outcome: Outcome,
    /// The lines of the log, and the error in both of its forms.
    pub(super) texts: Vec<String>,
}

impl Subject {
    pub(super) fn new() -> Self {
        Self::answering("simple")
    }

    /// With this `COUNTERSIGN_ANSWER`.
    pub(super) fn answering(answer: &str) -> Self {
        let keys = Keys::new();
        let source = keys.source();
        let settings = [
            ("COUNTERSIGN_SECRET", source.as_str()),
            ("COUNTERSIGN_BASE_PATHS", BASE_PATHS),
            ("COUNTERSIGN_ANSWER", answer),
        ];
        let config = AuthorizerConfig::read(settings.map(|(name, value)| (name.into(), value.into()))).unwrap();
        let log = MemoryLog::default();
        let authorizer = Authorizer::new(
            config,
            &of_lambda(CallLimits::BRIEF),
            Log::new(Some("authorizer".to_owned()), log.clone()),
        );
        Self { authorizer, log, _keys: keys }
    }

    /// Asks about an event. The answer and the log must agree: one line is about the event, and it says what is answered.
    pub(super) async fn ask(&self, event: &str) -> Said {
        let answer = self.authorizer.authorize(event, SystemTime::UNIX_EPOCH + NOW).await;
        let mut texts = self.log.take_lines();
        let lines: Vec<Value> = texts.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let decisions: Vec<_> = lines.iter().filter(|line| line["event"] != "keys-read").collect();
        let [line] = &decisions[..] else { panic!("one line about the event, not {lines:?}") };
        let reason = || line["reason"].as_str().unwrap().to_owned();
        let outcome = match &answer {
            Err(AuthorizerError::Event(error)) => {
                assert_eq!((&line["event"], &*reason()), (&"event-unreadable".into(), error.reason()));
                Outcome::Unreadable(reason())
            }
            Err(error) => panic!("the keys are there: {error}"),
            Ok(response) => {
                let response = serde_json::to_value(response).unwrap();
                match (line["event"].as_str().unwrap(), allows(&response)) {
                    ("request-admitted", true) => {
                        let text = |name: &str| response["context"][name].as_str().unwrap_or_default().to_owned();
                        assert_eq!(text("countersign"), "verified");
                        Outcome::Admitted { path: text("countersignPath"), target: text("countersignTarget") }
                    }
                    ("request-refused", false) => Outcome::Refused(reason()),
                    other => panic!("the answer is not what the log says: {other:?}, {response}"),
                }
            }
        };
        texts.extend(answer.err().into_iter().flat_map(|error| [error.to_string(), format!("{error:?}")]));
        Said { outcome, texts }
    }

    pub(super) async fn outcome(&self, event: &Value) -> Outcome {
        self.ask(&event.to_string()).await.outcome
    }
}

/// Whether an answer, which has one of two forms, lets the request pass.
fn allows(response: &Value) -> bool {
    match (response["isAuthorized"].as_bool(), response["policyDocument"]["Statement"][0]["Effect"].as_str()) {
        (Some(allowed), None) => allowed,
        (None, Some("Allow")) => true,
        (None, Some("Deny")) => false,
        _ => panic!("the answer has an unknown form: {response}"),
    }
}
