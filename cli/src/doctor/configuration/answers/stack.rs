//! Answers about what is beside the API: the resources of the stack, functions, the schedule and the queue.

use crate::status::answers::{At, null_is_default};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// `cloudformation describe-stack-resources`, by [`RESOURCES`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Resource {
    pub(crate) logical: String,
    pub(crate) physical: Option<String>,
    /// Its last change.
    pub(crate) at: Option<At>,
}

pub(crate) const RESOURCES: &str =
    "StackResources[].{Logical: LogicalResourceId, Physical: PhysicalResourceId, At: Timestamp}";

/// `lambda get-function-configuration`, by [`SIGNER`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Signer {
    pub(crate) state: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) runtime: Option<String>,
}

pub(crate) const SIGNER: &str = "{State: State, Reason: StateReason, Runtime: Runtime}";

/// `lambda get-function-concurrency`, by [`CONCURRENCY`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Concurrency {
    /// Absent where nothing is reserved.
    pub(crate) reserved: Option<u64>,
}

pub(crate) const CONCURRENCY: &str = "{Reserved: ReservedConcurrentExecutions}";

/// `lambda get-policy`: a JSON document in a text.
#[derive(Default)]
pub(crate) struct Policy {
    statements: Vec<Value>,
}

pub(crate) const POLICY: &str = "Policy";

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut document: Value = serde_json::from_str(&text).map_err(D::Error::custom)?;
        let statements = match document.get_mut("Statement").map(Value::take) {
            Some(Value::Array(statements)) => statements,
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => Vec::new(),
        };
        Ok(Self { statements })
    }
}

impl Policy {
    /// The statements that let API Gateway call the function, each with the ARN that it is limited to.
    pub(crate) fn of_api_gateway(&self) -> Vec<Option<&str>> {
        let is = |of: &Value, pointer: &str, values: &[&str]| {
            of.pointer(pointer).and_then(Value::as_str).is_some_and(|value| values.contains(&value))
        };
        let for_gateway = |of: &&Value| {
            is(of, "/Effect", &["Allow"])
                && is(of, "/Principal/Service", &["apigateway.amazonaws.com"])
                && is(of, "/Action", &["lambda:InvokeFunction", "lambda:*"])
        };
        self.statements.iter().filter(for_gateway).map(source).collect()
    }
}

/// The names of condition keys are not case-sensitive.
fn source(statement: &Value) -> Option<&str> {
    let conditions = statement.get("Condition")?.as_object()?;
    let keys = conditions.values().filter_map(Value::as_object).flatten();
    keys.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).find_map(|(_, value)| value.as_str())
}

/// `events describe-rule`, by [`RULE`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Rule {
    pub(crate) state: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(crate) schedule: String,
}

pub(crate) const RULE: &str = "{State: State, Schedule: ScheduleExpression}";

/// `lambda list-event-source-mappings`, by [`MAPPINGS`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mapping {
    pub(crate) id: String,
    pub(crate) state: String,
}

pub(crate) const MAPPINGS: &str = "EventSourceMappings[].{Id: UUID, State: State}";

/// `sqs get-queue-attributes`, by [`MESSAGES`].
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Messages(pub(crate) String);

pub(crate) const MESSAGES: &str = "Attributes.ApproximateNumberOfMessages";
