//! The events that start a rotation: of a schedule, of Secrets Manager, or of a person.

use aws_lambda_events::{
    eventbridge::EventBridgeEvent, secretsmanager::SecretsManagerSecretRotationEvent, sqs::SqsEvent,
};
use serde_json::Value;
use signing::{Key, KeyId, KeySet, RotationKind, UnixSeconds};

/// One demand for a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A schedule of EventBridge, directly or through SQS.
    Scheduled {
        /// The event's id, the same for every retry.
        id: RotationId,
        /// The event's time.
        time: UnixSeconds,
    },
    /// Secrets Manager rotates the secret, in four calls.
    Step {
        /// One of the four steps.
        step: Step,
        /// The secret's ARN.
        secret_id: String,
        /// The id of the new version.
        token: KeyId,
    },
    /// A person requests the rotation.
    Manual {
        /// The given id, or Lambda's id of the invocation: the same in every retry of Lambda.
        id: RotationId,
        /// Why.
        rotation: RotationKind,
        /// In their words.
        comment: Option<String>,
    },
}

/// The steps of Secrets Manager's own rotation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `createSecret`
    Create,
    /// `setSecret`
    Set,
    /// `testSecret`
    Test,
    /// `finishSecret`
    Finish,
}

impl Step {
    /// Its name in Secrets Manager's events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

/// The name of one rotation: it becomes the `kid` of the new key and the id of the new version, so that a retry finds
/// its own work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationId(KeyId);

impl RotationId {
    /// The `kid` of the key that this rotation makes. If it must make another key, the `kid` of that has the attempt
    /// too.
    pub fn key_id(&self) -> &KeyId {
        &self.0
    }

    /// The version id of an attempt, from 1, and the `kid` of its key. If the version of an attempt is dead, the next
    /// attempt has another id.
    ///
    /// The `kid` changes too, because the first key may have been valid until an emergency dropped it: an authorizer
    /// reads the keys again for an unknown `kid`, but not for a known `kid` with another secret.
    #[expect(clippy::expect_used, reason = "cannot fail: 60 characters of a kid, a hyphen, three digits")]
    pub(crate) fn token(&self, attempt: u8) -> KeyId {
        match attempt {
            0 | 1 => self.0.clone(),
            attempt => format!("{}-{attempt}", self.0).as_str().try_into().expect("a kid"),
        }
    }

    /// The attempt of a version id or a `kid`.
    pub(crate) fn attempt(&self, token: &str) -> Option<u8> {
        (1..=u8::MAX).find(|attempt| self.token(*attempt).as_str() == token)
    }

    /// The key that this rotation has made, if it is in the set.
    pub(crate) fn key_in<'a>(&self, keys: &'a KeySet) -> Option<&'a KeyId> {
        keys.keys().iter().map(Key::id).find(|kid| self.attempt(kid.as_str()).is_some())
    }
}

impl TryFrom<&str> for RotationId {
    type Error = RotationIdError;

    fn try_from(text: &str) -> Result<Self, RotationIdError> {
        // Secrets Manager accepts 32 to 64 characters for a version id; the rest is for the attempt.
        if !(32..=60).contains(&text.len()) {
            return Err(RotationIdError);
        }
        Ok(Self(text.try_into().map_err(|_| RotationIdError)?))
    }
}

/// The text cannot be the id of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a rotation must have 32 to 60 characters of A-Z a-z 0-9 . _ -")]
pub struct RotationIdError;

/// The event is not one that the rotator accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event is {0}: accepted are a scheduled event of EventBridge, directly or through SQS, a rotation of Secrets Manager, \
    and {{\"rotate\": \"planned\" or \"emergency\", \"comment\": \"…\"}}"
)]
pub struct EventError(&'static str);

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 500;

impl Demand {
    /// Reads what an invocation was given: one event, or those of an SQS batch.
    ///
    /// # Errors
    /// The kind of the payload instead.
    pub fn read(payload: &str, request_id: &str) -> Result<Vec<Self>, EventError> {
        let payload: Value = serde_json::from_str(payload).map_err(|_| EventError("not JSON"))?;
        if payload.get("Records").is_none() {
            return Ok(vec![Self::one(payload, request_id)?]);
        }
        let batch: SqsEvent = serde_json::from_value(payload).map_err(|_| EventError("not a batch of SQS messages"))?;
        let of_sqs = |source: &Option<String>| source.as_deref() == Some("aws:sqs");
        if batch.records.is_empty() || !batch.records.iter().all(|record| of_sqs(&record.event_source)) {
            return Err(EventError("not a batch of SQS messages"));
        }
        let each = batch.records.iter().map(|record| {
            let body = record.body.as_deref().unwrap_or_default();
            let body = serde_json::from_str(body).map_err(|_| EventError("an SQS message that is not JSON"))?;
            match Self::one(body, record.message_id.as_deref().unwrap_or_default())? {
                Self::Step { .. } => {
                    Err(EventError("a rotation of Secrets Manager through SQS, which Secrets Manager does not use"))
                }
                // More people and programs may send to the queue than may drop every key.
                Self::Manual { rotation: RotationKind::Emergency, .. } => Err(EventError(
                    "an emergency through SQS, which may start only planned rotations (invoke the function directly, \
                    or run `countersign keys rotate --emergency`)",
                )),
                event => Ok(event),
            }
        });
        each.collect()
    }

    fn one(payload: Value, request_id: &str) -> Result<Self, EventError> {
        let has = |name: &str| payload.get(name).is_some();
        match (has("detail-type"), has("Step"), has("rotate")) {
            (true, false, false) => Self::scheduled(payload),
            (false, true, false) => Self::step(payload),
            (false, false, true) => Self::manual(payload, request_id),
            _ => Err(EventError("of an unknown kind")),
        }
    }

    fn scheduled(payload: Value) -> Result<Self, EventError> {
        const WRONG: EventError = EventError("a scheduled event without a valid id or time");
        let event: EventBridgeEvent = serde_json::from_value(payload).map_err(|_| WRONG)?;
        // From a rule, or from EventBridge Scheduler.
        let scheduled = ["aws.events", "aws.scheduler"].contains(&event.source.as_str());
        if !scheduled || event.detail_type != "Scheduled Event" {
            return Err(EventError("from EventBridge, but not from a schedule"));
        }
        let (Some(id), Some(time)) = (event.id, event.time) else { return Err(WRONG) };
        let id = id.as_str().try_into().map_err(|_| WRONG)?;
        let time = u64::try_from(time.timestamp()).map_err(|_| WRONG)?;
        Ok(Self::Scheduled { id, time: UnixSeconds::new(time) })
    }

    fn step(payload: Value) -> Result<Self, EventError> {
        let wrong = |_| EventError("not a rotation of Secrets Manager");
        let event: SecretsManagerSecretRotationEvent = serde_json::from_value(payload).map_err(wrong)?;
        let step = match event.step.as_str() {
            "createSecret" => Step::Create,
            "setSecret" => Step::Set,
            "testSecret" => Step::Test,
            "finishSecret" => Step::Finish,
            _ => return Err(EventError("an unknown step of Secrets Manager")),
        };
        let token = event.client_request_token.as_str().try_into();
        let token = token.map_err(|_| EventError("a step whose ClientRequestToken cannot be a kid"))?;
        Ok(Self::Step { step, secret_id: event.secret_id, token })
    }

    fn manual(payload: Value, request_id: &str) -> Result<Self, EventError> {
        let mut members = match payload {
            Value::Object(members) => members,
            _ => return Err(EventError("a manual event that is not an object")),
        };
        let mut text = |name: &str, wrong: &'static str| match members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(EventError(wrong)),
        };
        let rotate = text("rotate", "a manual event whose `rotate` is not a string")?.unwrap_or_default();
        let comment = text("comment", "a manual event whose `comment` is not a string")?;
        let id = text("id", "a manual event whose `id` is not a string")?;
        if !members.is_empty() {
            return Err(EventError("a manual event with more than `rotate`, `comment` and `id`"));
        }
        let rotation = RotationKind::from_name(&rotate)
            .ok_or(EventError("a manual event whose `rotate` is neither planned nor emergency"))?;
        if comment.as_ref().is_some_and(|comment| comment.len() > MAX_COMMENT) {
            return Err(EventError("a manual event with a comment of over 500 bytes"));
        }
        let id = match &id {
            Some(id) => id.as_str().try_into().map_err(|_| {
                EventError("a manual event whose `id` does not have 32 to 60 characters of A-Z a-z 0-9 . _ -")
            }),
            None => {
                request_id.try_into().map_err(|_| EventError("a manual event whose invocation does not have an id"))
            }
        }?;
        Ok(Self::Manual { id, rotation, comment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa";
    const REQUEST: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";

    fn read(payload: &Value) -> Result<Vec<Demand>, EventError> {
        Demand::read(&payload.to_string(), REQUEST)
    }

    /// As AWS documents it.
    fn scheduled() -> Value {
        json!({
            "version": "0",
            "id": ID,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": "2015-10-08T16:53:06Z",
            "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule"],
            "detail": {}
        })
    }

    fn step(name: &str) -> Value {
        json!({
            "Step": name,
            "SecretId": "arn:aws:secretsmanager:us-east-1:111122223333:secret:id-ABCD1E",
            "ClientRequestToken": "1ab23456-cde7-8912-34fg-h56i78j9k12l",
            "RotationToken": "abcd1234-efgh-5678-ijkl-8ab4515a7db0"
        })
    }

    fn sqs(bodies: &[&Value]) -> Value {
        let record = |body: &&Value| {
            json!({
                "messageId": REQUEST,
                "receiptHandle": "AQEB",
                "body": body.to_string(),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
                "awsRegion": "us-east-2"
            })
        };
        json!({"Records": bodies.iter().map(record).collect::<Vec<_>>()})
    }

    #[test]
    fn each_trigger_is_read() {
        let id = || RotationId::try_from(ID).unwrap();
        let by_schedule = || Demand::Scheduled { id: id(), time: UnixSeconds::new(1_444_323_186) };
        assert_eq!(read(&scheduled()), Ok(vec![by_schedule()]));
        assert_eq!(read(&sqs(&[&scheduled(), &scheduled()])), Ok(vec![by_schedule(), by_schedule()]));

        for (name, expected) in [
            ("createSecret", Step::Create),
            ("setSecret", Step::Set),
            ("testSecret", Step::Test),
            ("finishSecret", Step::Finish),
        ] {
            let expected = Demand::Step {
                step: expected,
                secret_id: "arn:aws:secretsmanager:us-east-1:111122223333:secret:id-ABCD1E".to_owned(),
                token: "1ab23456-cde7-8912-34fg-h56i78j9k12l".try_into().unwrap(),
            };
            assert_eq!(read(&step(name)), Ok(vec![expected]));
        }

        let manual = |rotation, comment: Option<&str>| Demand::Manual {
            id: REQUEST.try_into().unwrap(),
            rotation,
            comment: comment.map(str::to_owned),
        };
        let leaked = json!({"rotate": "emergency", "comment": "in a log"});
        assert_eq!(read(&leaked), Ok(vec![manual(RotationKind::Emergency, Some("in a log"))]));
        assert_eq!(read(&json!({"rotate": "planned"})), Ok(vec![manual(RotationKind::Planned, None)]));
        let named = || Demand::Manual { id: id(), rotation: RotationKind::Planned, comment: None };
        assert_eq!(read(&json!({"rotate": "planned", "id": ID})), Ok(vec![named()]));
        let mut by_scheduler = scheduled();
        by_scheduler["source"] = json!("aws.scheduler");
        by_scheduler["detail"] = json!("{}");
        assert_eq!(read(&by_scheduler), Ok(vec![by_schedule()]));
        let planned = json!({"rotate": "planned", "id": ID});
        assert_eq!(
            read(&sqs(&[&planned, &json!({"rotate": "planned"})])),
            Ok(vec![named(), manual(RotationKind::Planned, None)])
        );
    }

    #[test]
    fn an_event_that_is_not_a_trigger_is_refused_with_its_kind() {
        const EMERGENCY: &str = "an emergency through SQS, which may start only planned rotations (invoke the function \
        directly, or run `countersign keys rotate --emergency`)";
        let with = |mut event: Value, name: &str, value: Value| {
            event[name] = value;
            event
        };
        let table = [
            (json!(null), "of an unknown kind"),
            (json!([]), "of an unknown kind"),
            (json!({}), "of an unknown kind"),
            (with(scheduled(), "rotate", json!("planned")), "of an unknown kind"),
            (with(scheduled(), "source", json!("aws.ec2")), "from EventBridge, but not from a schedule"),
            (with(scheduled(), "detail-type", json!("Other")), "from EventBridge, but not from a schedule"),
            (with(scheduled(), "id", json!(null)), "a scheduled event without a valid id or time"),
            (with(scheduled(), "id", json!("short")), "a scheduled event without a valid id or time"),
            (with(scheduled(), "id", json!("x".repeat(61))), "a scheduled event without a valid id or time"),
            (with(scheduled(), "time", json!(null)), "a scheduled event without a valid id or time"),
            (with(scheduled(), "time", json!("1969-12-31T23:59:59Z")), "a scheduled event without a valid id or time"),
            (with(scheduled(), "time", json!("today")), "a scheduled event without a valid id or time"),
            (step("deleteSecret"), "an unknown step of Secrets Manager"),
            (with(step("setSecret"), "SecretId", json!(null)), "not a rotation of Secrets Manager"),
            (
                with(step("setSecret"), "ClientRequestToken", json!("a b")),
                "a step whose ClientRequestToken cannot be a kid",
            ),
            (json!({"rotate": "all"}), "a manual event whose `rotate` is neither planned nor emergency"),
            (json!({"rotate": true}), "a manual event whose `rotate` is not a string"),
            (json!({"rotate": null}), "a manual event whose `rotate` is neither planned nor emergency"),
            (json!({"rotate": "planned", "id": 7}), "a manual event whose `id` is not a string"),
            (json!({"rotate": "planned", "comment": ["x"]}), "a manual event whose `comment` is not a string"),
            (json!({"rotate": "planned", "why": "x"}), "a manual event with more than `rotate`, `comment` and `id`"),
            (
                json!({"rotate": "planned", "comment": "x".repeat(501)}),
                "a manual event with a comment of over 500 bytes",
            ),
            (
                json!({"rotate": "planned", "id": "short"}),
                "a manual event whose `id` does not have 32 to 60 characters of A-Z a-z 0-9 . _ -",
            ),
            (json!({"Records": []}), "not a batch of SQS messages"),
            (json!({"Records": [{"eventSource": "aws:s3"}]}), "not a batch of SQS messages"),
            (with(sqs(&[&scheduled()]), "Records", json!("x")), "not a batch of SQS messages"),
            (sqs(&[&json!("text")]), "of an unknown kind"),
            (sqs(&[&scheduled(), &json!({})]), "of an unknown kind"),
            (sqs(&[&json!({"rotate": "emergency"})]), EMERGENCY),
            (sqs(&[&scheduled(), &json!({"rotate": "emergency", "id": ID, "comment": "leaked"})]), EMERGENCY),
            (
                sqs(&[&step("createSecret")]),
                "a rotation of Secrets Manager through SQS, which Secrets Manager does not use",
            ),
        ];
        for (payload, expected) in table {
            assert_eq!(read(&payload), Err(EventError(expected)), "{payload}");
        }
        assert_eq!(Demand::read("", REQUEST), Err(EventError("not JSON")));
        let anonymous = Demand::read("{\"rotate\":\"planned\"}", "");
        assert_eq!(anonymous, Err(EventError("a manual event whose invocation does not have an id")));
    }

    #[test]
    fn an_attempt_has_a_version_id_of_its_own() {
        let id = RotationId::try_from(ID).unwrap();
        assert_eq!([id.token(1).as_str(), id.token(2).as_str()], [ID, &format!("{ID}-2")]);
        for (kid, own) in [(ID.to_owned(), true), (format!("{ID}-2"), true), (format!("{ID}-x"), false)] {
            let key = |kid: &str| {
                Key::new(kid.try_into().unwrap(), &[1; 32], UnixSeconds::new(0), UnixSeconds::new(u64::MAX)).unwrap()
            };
            let keys = KeySet::new(vec![key("other"), key(&kid)]).unwrap();
            assert_eq!(id.key_in(&keys).map(KeyId::as_str), own.then_some(kid.as_str()));
        }
        assert_eq!([id.attempt(ID), id.attempt(&format!("{ID}-7")), id.attempt("other")], [Some(1), Some(7), None]);
        let longest = RotationId::try_from("x".repeat(60).as_str()).unwrap();
        assert_eq!(longest.token(u8::MAX).as_str().len(), 64);
    }
}
