//! The update of the stack: a new `Timestamp` makes a new API key, and CloudFront sends the new key from then on.

use crate::{
    platform::Platform,
    report::{Moment, StackOutcome, StackReport},
};
use aws_sdk_cloudformation::{
    Client,
    config::{Builder, Region},
    error::{ProvideErrorMetadata, SdkError},
    types::{Capability, Parameter, Stack},
};
use key_store::aws::{Call, SdkConfig, explain};
use signing::UnixSeconds;
use std::{error::Error, fmt::Debug};
use telemetry::Step;

const TIMESTAMP: &str = "Timestamp";

/// The stack, in the Region of the rotator.
#[derive(Debug)]
pub struct StackUpdater {
    name: String,
    region: String,
    client: Client,
    platform: Platform,
}

/// Why the stack is not updated, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// Another update is running; it ends by itself.
    #[error(
        "stack {name} is {status}, so its API key is not rotated yet: send the same event again when this has \
    ended"
    )]
    Busy {
        /// The stack.
        name: String,
        /// Its status.
        status: String,
    },
    /// Another call has sent the same update in the same second.
    #[error(
        "another call has updated stack {0} in the same second, for another rotation or for the same event: send the same \
        event again to see the result"
    )]
    SameSecond(String),
    /// Only a person can repair this state.
    #[error("stack {name} is {status}: {advice}")]
    Stuck {
        /// The stack.
        name: String,
        /// Its status.
        status: String,
        /// What to do.
        advice: &'static str,
    },
    /// The stack is not one of Countersign's stacks.
    #[error("stack {0} has no parameter Timestamp: set StackName to the name of the stack of the API")]
    NoTimestamp(String),
    /// AWS refused the call, or the call failed.
    #[error("{0}")]
    Aws(String),
}

/// The next thing to do about a stack.
#[derive(Debug, PartialEq)]
enum Next {
    Nothing(StackOutcome),
    Update { parameters: Vec<Parameter>, capabilities: Vec<Capability> },
}

/// The `Timestamp` of a rotation: like `2026-11-22T06-04-05Z`, since it becomes a part of names.
pub(crate) fn timestamp(time: UnixSeconds) -> String {
    Moment(time).text().replace(':', "-")
}

impl StackUpdater {
    /// The stack of that name or ARN, where `aws` is.
    pub fn new(name: String, aws: &SdkConfig, platform: Platform) -> Self {
        let arn_region = name.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).map(str::to_owned);
        let region = arn_region.or_else(|| aws.region().map(ToString::to_string)).unwrap_or_default();
        let config = Builder::from(aws).region(Region::new(region.clone())).build();
        Self { name, region, client: Client::from_conf(config), platform }
    }

    /// Gives the stack a new `Timestamp` and changes nothing else. CloudFormation goes on by itself. `new` says that
    /// this call has made the rotation: then only another rotation of the same second can have set its `Timestamp`.
    /// Warnings for the operator are added to `warnings`, whether the update succeeds or not.
    ///
    /// # Errors
    /// If the stack cannot be updated now, or not without a person.
    pub async fn update(
        &self,
        time: UnixSeconds,
        now: UnixSeconds,
        new: bool,
        warnings: &mut Vec<String>,
    ) -> Result<StackReport, StackError> {
        let now = timestamp(now);
        let timestamp = timestamp(time);
        let stack = self.describe().await?;
        let status = status_of(&stack);
        self.platform.log_step(Step::DescribeStack { stack: &self.name, status: &status });
        for detail in of_owners(&self.name, &stack) {
            self.platform.warn(warnings, "describe-stack", detail);
        }
        let outcome = match next(&self.name, &stack, &timestamp, &now, new)? {
            Next::Nothing(outcome) => outcome,
            Next::Update { parameters, capabilities } => {
                self.send_update(token(&timestamp, &now), parameters, capabilities, &status).await?
            }
        };
        let step = Step::UpdateStack { stack: &self.name, stack_timestamp: &timestamp, outcome: outcome.name() };
        self.platform.log_step(step);
        Ok(StackReport { name: self.name.clone(), outcome, timestamp, status })
    }

    /// What [`StackUpdater::update`] would report. This call changes nothing.
    ///
    /// # Errors
    /// As for [`StackUpdater::update`].
    pub async fn dry_run(
        &self,
        time: UnixSeconds,
        now: UnixSeconds,
        new: bool,
        warnings: &mut Vec<String>,
    ) -> Result<StackReport, StackError> {
        let now = timestamp(now);
        let timestamp = timestamp(time);
        let stack = self.describe().await?;
        warnings.extend(of_owners(&self.name, &stack));
        let outcome = match next(&self.name, &stack, &timestamp, &now, new)? {
            Next::Nothing(outcome) => outcome,
            Next::Update { .. } => StackOutcome::Updating,
        };
        Ok(StackReport { name: self.name.clone(), outcome, timestamp, status: status_of(&stack) })
    }

    async fn describe(&self) -> Result<Stack, StackError> {
        let answer = self.client.describe_stacks().stack_name(&self.name).send().await;
        let answer = answer.map_err(|error| self.failed("cloudformation:DescribeStacks", &error))?;
        let stack = answer.stacks.unwrap_or_default().into_iter().next();
        stack.ok_or_else(|| StackError::Aws(format!("stack {} does not exist in {}", self.name, self.region)))
    }

    async fn send_update(
        &self,
        token: String,
        parameters: Vec<Parameter>,
        capabilities: Vec<Capability>,
        status: &str,
    ) -> Result<StackOutcome, StackError> {
        // No role: CloudFormation would use a given role for every later operation, by anybody.
        let update = self.client.update_stack().stack_name(&self.name).use_previous_template(true);
        let update = update.set_parameters(Some(parameters)).set_capabilities(Some(capabilities));
        let answer = update.client_request_token(token).send().await;
        match answer {
            Ok(_) => Ok(StackOutcome::Updating),
            Err(error) => {
                let words = error.as_service_error().and_then(|error| error.message()).unwrap_or_default();
                if words.contains("No updates are to be performed") {
                    return Ok(StackOutcome::NoUpdates);
                }
                // The token has the second of the rotation and the present second.
                if error.code() == Some("TokenAlreadyExistsException") {
                    return Err(StackError::SameSecond(self.name.clone()));
                }
                // The stack has become busy since it was read.
                if words.contains("can not be updated") {
                    let status = format!("no longer {status}");
                    return Err(StackError::Busy { name: self.name.clone(), status });
                }
                Err(self.failed("cloudformation:UpdateStack", &error))
            }
        }
    }

    fn failed<E, R>(&self, action: &str, error: &SdkError<E, R>) -> StackError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: Debug + 'static,
    {
        let call = Call { action, resource: &format!("stack {}", self.name), region: &self.region };
        StackError::Aws(explain(error, call))
    }
}

/// The name of one try: the SDK may send it again, and CloudFormation recognises it. A later try needs another name,
/// because CloudFormation does not accept a name twice, not even if that update was rolled back.
fn token(timestamp: &str, now: &str) -> String {
    format!("countersign-{timestamp}-at-{now}")
}

fn status_of(stack: &Stack) -> String {
    stack.stack_status.as_ref().map_or("in an unknown state", |status| status.as_str()).to_owned()
}

/// Warnings about a stack whose update does more, or less, than it seems.
fn of_owners(name: &str, stack: &Stack) -> Vec<String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let role = given(&stack.role_arn).map(|role| {
        format!(
            "stack {name} has the service role {role}. CloudFormation uses this role for every update, so everybody who may \
            update the stack can do what the role may do. The role cannot be removed: create the stack again without one"
        )
    });
    let parent = given(&stack.root_id).or_else(|| given(&stack.parent_id)).map(|root| {
        format!(
            "stack {name} is nested in {root}: the next update of that stack resets its Timestamp, and with it the API key. \
            Set StackName to the root stack, and give that stack a parameter Timestamp that it passes on"
        )
    });
    role.into_iter().chain(parent).collect()
}

/// Decides by the stack's state. `timestamp` is that of the rotation, `now` that of the present moment; `new` says that
/// this call has made the rotation.
fn next(name: &str, stack: &Stack, timestamp: &str, now: &str, new: bool) -> Result<Next, StackError> {
    let status = status_of(stack);
    let status = status.as_str();
    let key = |parameter: &Parameter| parameter.parameter_key.clone().unwrap_or_default();
    let parameters = stack.parameters.as_deref().unwrap_or_default();
    let present = parameters.iter().find(|parameter| key(parameter) == TIMESTAMP);
    let present = present.ok_or_else(|| StackError::NoTimestamp(name.to_owned()))?;
    let present = present.parameter_value.as_deref().unwrap_or_default();

    let stuck = |advice| Err(StackError::Stuck { name: name.to_owned(), status: status.to_owned(), advice });
    match status {
        "CREATE_IN_PROGRESS" => return Ok(Next::Nothing(StackOutcome::BeingCreated)),
        "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => {
            return stuck("its creation failed: find the cause in its events, delete it, and create it again");
        }
        "DELETE_COMPLETE" | "DELETE_FAILED" | "DELETE_IN_PROGRESS" => {
            return stuck("it is deleted, or its deletion has begun: turn the schedule off, or create the stack again");
        }
        "UPDATE_ROLLBACK_FAILED" => {
            return stuck(
                "an update and its rollback failed: repair the cause that its events show, then run \
                `aws cloudformation continue-update-rollback`",
            );
        }
        "UPDATE_FAILED" | "IMPORT_ROLLBACK_FAILED" => {
            return stuck(
                "a change failed and was not rolled back: repair the cause that its events show, then update the stack or \
                roll it back",
            );
        }
        "REVIEW_IN_PROGRESS" => {
            return stuck("its first change set was never executed: execute it, or delete the stack");
        }
        // With any `Timestamp` now, the stack is going back to its old state.
        undoing if undoing.contains("ROLLBACK") && undoing.ends_with("_IN_PROGRESS") => {
            return Err(StackError::Busy { name: name.to_owned(), status: status.to_owned() });
        }
        _ => {}
    }
    // This rotation's own update, or a later one: whether it is still running or not, there is nothing more to do. A
    // time in the future is not of a rotation, and is not waited for.
    if is_timestamp(present) && present >= timestamp && (present == timestamp || present <= now) {
        let by_another = new && present == timestamp;
        return Ok(Next::Nothing(if by_another { StackOutcome::SameSecond } else { StackOutcome::Already }));
    }
    if status.ends_with("_IN_PROGRESS") {
        return Err(StackError::Busy { name: name.to_owned(), status: status.to_owned() });
    }
    let parameters = parameters.iter().map(|parameter| {
        let parameter_key = key(parameter);
        let builder = Parameter::builder();
        if parameter_key == TIMESTAMP {
            builder.parameter_key(parameter_key).parameter_value(timestamp).build()
        } else {
            builder.parameter_key(parameter_key).use_previous_value(true).build()
        }
    });
    Ok(Next::Update { parameters: parameters.collect(), capabilities: stack.capabilities.clone().unwrap_or_default() })
}

/// Whether the rotator has written it: then later ones are greater. A person may have written anything.
fn is_timestamp(text: &str) -> bool {
    let form = "0000-00-00T00-00-00Z";
    let fits = |(form, byte): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && form.bytes().zip(text.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudformation::types::StackStatus;

    /// The time of the rotation, and that of its retry.
    const TIME: &str = "2026-11-22T06-04-05Z";
    const NOW: &str = "2026-11-22T07-00-00Z";

    fn stack(status: &str, timestamp: &str) -> Stack {
        let parameter = |key: &str, value: &str| Parameter::builder().parameter_key(key).parameter_value(value).build();
        Stack::builder()
            .stack_status(StackStatus::from(status))
            .parameters(parameter("ApiURL", "api.example/prod"))
            .parameters(parameter(TIMESTAMP, timestamp))
            .parameters(parameter("Hidden", "****"))
            .capabilities(Capability::CapabilityNamedIam)
            .build()
    }

    #[test]
    fn only_the_timestamp_is_new() {
        for present in
            ["2026-11-22T06-04-04Z", "2026-11-22", "tomorrow", "", "2026-11-22T06:04:06Z", "2027-01-01T00-00-00Z"]
        {
            for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"] {
                let previous = |key: &str| Parameter::builder().parameter_key(key).use_previous_value(true).build();
                let expected = Next::Update {
                    parameters: vec![
                        previous("ApiURL"),
                        Parameter::builder().parameter_key(TIMESTAMP).parameter_value(TIME).build(),
                        previous("Hidden"),
                    ],
                    capabilities: vec![Capability::CapabilityNamedIam],
                };
                assert_eq!(next("s", &stack(status, present), TIME, NOW, false), Ok(expected), "{present} {status}");
            }
        }
    }

    #[test]
    fn an_update_that_is_done_is_not_repeated() {
        for present in [TIME, "2026-11-22T06-04-06Z", NOW] {
            for status in ["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"] {
                let decided = next("s", &stack(status, present), TIME, NOW, false);
                assert_eq!(decided, Ok(Next::Nothing(StackOutcome::Already)), "{present} {status}");
            }
        }
        let created = next("s", &stack("CREATE_IN_PROGRESS", "2026-11-22"), TIME, NOW, false);
        assert_eq!(created, Ok(Next::Nothing(StackOutcome::BeingCreated)));
    }

    /// A rotation that this call has made has not updated the stack before.
    #[test]
    fn another_rotation_of_the_same_second_is_told_from_this_one() {
        for (present, new, expected) in [
            (TIME, true, StackOutcome::SameSecond),
            (TIME, false, StackOutcome::Already),
            ("2026-11-22T06-04-06Z", true, StackOutcome::Already),
        ] {
            for status in ["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS"] {
                let decided = next("s", &stack(status, present), TIME, NOW, new);
                assert_eq!(decided, Ok(Next::Nothing(expected)), "{present} {new} {status}");
            }
        }
    }

    #[test]
    fn a_service_role_and_a_parent_are_warned_of() {
        let plain = stack("UPDATE_COMPLETE", TIME);
        assert_eq!(of_owners("s", &plain), Vec::<String>::new());
        let mut with = plain.clone();
        with.role_arn = Some("arn:aws:iam::123456789012:role/cfn".to_owned());
        let [role] = &of_owners("s", &with)[..] else { panic!("one warning") };
        assert!(role.starts_with("stack s has the service role arn:aws:iam::123456789012:role/cfn. "), "{role}");
        for (root, parent) in [(Some("root"), Some("parent")), (None, Some("root")), (Some("root"), None)] {
            let mut nested = plain.clone();
            (nested.root_id, nested.parent_id) = (root.map(str::to_owned), parent.map(str::to_owned));
            let [parent] = &of_owners("s", &nested)[..] else { panic!("one warning") };
            assert!(parent.starts_with("stack s is nested in root: "), "{parent}");
        }
    }

    #[test]
    fn a_stack_that_cannot_be_updated_says_why_and_what_to_do() {
        for (status, expected) in [
            ("UPDATE_IN_PROGRESS", "so its API key is not rotated yet: send the same event again"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "so its API key is not rotated yet: send the same event again"),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "so its API key is not rotated yet: send the same event again"),
            (
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                "so its API key is not rotated yet: send the same event again",
            ),
            ("ROLLBACK_IN_PROGRESS", "so its API key is not rotated yet: send the same event again"),
            ("ROLLBACK_COMPLETE", "its creation failed: find the cause in its events"),
            ("ROLLBACK_FAILED", "its creation failed: find the cause in its events"),
            ("CREATE_FAILED", "its creation failed: find the cause in its events"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
            ("UPDATE_FAILED", "a change failed and was not rolled back"),
            ("IMPORT_ROLLBACK_FAILED", "a change failed and was not rolled back"),
            ("DELETE_IN_PROGRESS", "turn the schedule off"),
            ("DELETE_FAILED", "turn the schedule off"),
            ("REVIEW_IN_PROGRESS", "execute it, or delete the stack"),
        ] {
            let error = next("api", &stack(status, "2026-11-22"), TIME, NOW, false).unwrap_err().to_string();
            assert!(error.starts_with(&format!("stack api is {status}")) && error.contains(expected), "{error}");
        }
        for undoing in ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"] {
            assert!(
                matches!(next("api", &stack(undoing, TIME), TIME, NOW, false), Err(StackError::Busy { .. })),
                "{undoing}"
            );
        }
        let foreign = Stack::builder().stack_status(StackStatus::CreateComplete).build();
        assert_eq!(next("api", &foreign, TIME, NOW, false), Err(StackError::NoTimestamp("api".to_owned())));
    }

    /// In the form that CloudFormation accepts: a letter or digit, then letters, digits and hyphens, at most 128.
    #[test]
    fn each_try_has_a_token_of_its_own() {
        assert_eq!(token(TIME, NOW), "countersign-2026-11-22T06-04-05Z-at-2026-11-22T07-00-00Z");
        assert_ne!(token(TIME, NOW), token(TIME, TIME));
        assert!(token(TIME, NOW).bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_timestamp_is_the_whole_time() {
        assert_eq!(timestamp(UnixSeconds::new(1_795_327_445)), TIME);
        assert!(is_timestamp(TIME));
        for other in ["2026-11-22", "2026-11-22T06:04:05Z", "2026-11-22T06-04-05", "2026-11-2xT06-04-05Z"] {
            assert!(!is_timestamp(other), "{other}");
        }
    }
}
