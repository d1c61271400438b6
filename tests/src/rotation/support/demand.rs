//! What asks for a rotation, and what the rotator is configured to do.

use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use serde_json::json;
use signing::RotationTimings;
use std::time::Duration;

/// Where the secret and the stack are.
pub(crate) const REGION: &str = "eu-west-1";

pub(crate) const FIRST: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const OTHER: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const EMERGENCY: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const NEXT: &str = "44444444-4444-4444-8444-444444444444";

/// What the rotator is configured to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// `COUNTERSIGN_ROTATE`
    pub(crate) rotate: &'static str,
    /// `COUNTERSIGN_LEAD`
    pub(crate) lead: u64,
}

impl Setting {
    pub(crate) const BOTH: Self = Self { rotate: "both", lead: 3600 };
    pub(crate) const SECRET: Self = Self { rotate: "secret", ..Self::BOTH };
    pub(crate) const API_KEY: Self = Self { rotate: "api-key", ..Self::BOTH };

    pub(crate) fn keys(self) -> bool {
        self.rotate != "api-key"
    }

    pub(crate) fn stack(self) -> bool {
        self.rotate != "secret"
    }

    pub(crate) fn timings(self) -> RotationTimings {
        RotationTimings { lead: Duration::from_secs(self.lead), ..RotationTimings::DEFAULT }
    }
}

/// Something that asks for one rotation, in one invocation or in Secrets Manager's four.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// The `kid` of its key, and the first part of that of a key that is made for it again.
    pub(crate) id: String,
    pub(crate) emergency: bool,
    /// Lambda's id of the invocations.
    pub(crate) request: String,
    pub(crate) payloads: Vec<String>,
    /// Of a schedule.
    pub(crate) time: Option<i64>,
}

impl Demand {
    /// By EventBridge.
    pub(crate) fn scheduled(id: &str, time: i64) -> Self {
        let event = json!({
            "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012",
            "time": text(time), "region": REGION, "resources": [], "detail": {},
        });
        let request = format!("request-of-{id}");
        Self { id: id.to_owned(), emergency: false, request, payloads: vec![event.to_string()], time: Some(time) }
    }

    /// The same through SQS, each time under a new request.
    pub(crate) fn through_sqs(id: &str, time: i64) -> Self {
        let scheduled = Self::scheduled(id, time);
        let record = json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "h", "body": scheduled.payloads[0],
            "attributes": {}, "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:rotations", "awsRegion": REGION,
        });
        Self { payloads: vec![json!({"Records": [record]}).to_string()], ..scheduled }
    }

    /// By Secrets Manager.
    pub(crate) fn steps(id: &str, arn: &str) -> Self {
        let steps = ["createSecret", "setSecret", "testSecret", "finishSecret"];
        let event = |step| json!({"Step": step, "SecretId": arn, "ClientRequestToken": id}).to_string();
        let request = format!("request-of-{id}");
        Self { id: id.to_owned(), emergency: false, request, payloads: steps.map(event).into(), time: None }
    }

    /// By a person; `kind` is `planned` or `emergency`.
    pub(crate) fn manual(id: &str, kind: &str) -> Self {
        let event = json!({"rotate": kind, "comment": "a test"}).to_string();
        let emergency = kind == "emergency";
        Self { id: id.to_owned(), emergency, request: id.to_owned(), payloads: vec![event], time: None }
    }

    /// Whether a key, or a version, is this rotation's.
    pub(crate) fn has_made(&self, id: &str) -> bool {
        let rest = id.strip_prefix(&self.id);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// As RFC 3339 has it.
pub(crate) fn text(time: i64) -> String {
    DateTime::from_secs(time).fmt(DateTimeFormat::DateTime).unwrap()
}
