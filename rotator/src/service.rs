use crate::{
    Config, Event, KeyRotator, KeysReport, Outside, RotateError, StackUpdater,
    pending::name,
    report::{Moment, Report},
};
use key_store::aws::SdkConfig;
use signing::UnixSeconds;

/// The rotator of one function.
#[derive(Debug)]
pub struct Rotator {
    keys: Option<(String, KeyRotator)>,
    stack: Option<StackUpdater>,
    outside: Outside,
}

impl Rotator {
    /// A rotator of what `config` names, where `aws` is.
    pub fn new(config: Config, aws: &SdkConfig, outside: Outside) -> Self {
        let keys = config.keys.map(|(secret, schedule)| {
            (secret.arn.to_string(), KeyRotator::new(secret, schedule, aws.clone(), outside.clone()))
        });
        Self { keys, stack: config.stack.map(|name| StackUpdater::new(name, aws)), outside }
    }

    /// Does what an invocation asks for, and logs each step, and one line about the whole.
    ///
    /// `request_id` is Lambda's name for the invocation, which is the same in every retry.
    ///
    /// # Errors
    /// What stopped it. Lambda, SQS or Secrets Manager call again, and the work goes on from where it is.
    pub async fn rotate(&self, payload: &str, request_id: &str) -> Result<Vec<Report>, RotateError> {
        let begun = (self.outside.now)();
        let done = self.handle_all(payload, request_id).await;
        let duration = (self.outside.now)().duration_since(begun).unwrap_or_default();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        match &done {
            // The first steps of Secrets Manager's rotation end nothing.
            Ok(reports) if reports.iter().all(Report::is_of_a_step) => {
                tracing::info!(step = "end", duration_ms, request_id);
            }
            Ok(_) => tracing::info!(rotation = "done", duration_ms, request_id),
            Err(error) => tracing::error!(rotation = "failed", reason = %error, duration_ms, request_id),
        }
        done
    }

    async fn handle_all(&self, payload: &str, request_id: &str) -> Result<Vec<Report>, RotateError> {
        let mut reports = Vec::new();
        for event in Event::read(payload, request_id)? {
            reports.push(self.handle(event).await?);
        }
        Ok(reports)
    }

    async fn handle(&self, event: Event) -> Result<Report, RotateError> {
        match event {
            Event::Scheduled { id, time } => {
                tracing::info!(step = "begin", trigger = "scheduled", id = %id.key_id(), time = Moment(time).text());
                let keys = match &self.keys {
                    Some((_, keys)) => Some(keys.rotate(&id, signing::Rotation::Planned).await?),
                    None => None,
                };
                self.finish(Report { trigger: "scheduled", reason: None, keys, stack: None }, time).await
            }
            Event::Manual { id, rotation, reason } => {
                let kind = name(rotation);
                tracing::info!(step = "begin", trigger = "manual", rotation_kind = kind, id = %id.key_id(), reason);
                let (keys, time) = match &self.keys {
                    Some((_, keys)) => {
                        let report = keys.rotate(&id, rotation).await?;
                        let time = keys.made(&report).await?;
                        (Some(report), time)
                    }
                    None => (None, self.outside.seconds()),
                };
                self.finish(Report { trigger: "manual", reason, keys, stack: None }, time).await
            }
            Event::Step { step, secret_id, token } => {
                tracing::info!(step = "begin", trigger = "secrets-manager", secrets_manager_step = ?step, id = %token);
                let not_ours =
                    |why: &str| RotateError::NotOurs(format!("Secrets Manager asks to rotate {secret_id}, {why}"));
                let (arn, keys) = self.keys.as_ref().ok_or_else(|| not_ours("and COUNTERSIGN_ROTATE is api-key"))?;
                if *arn != secret_id {
                    return Err(not_ours("which COUNTERSIGN_SECRET does not name"));
                }
                let report = Report { trigger: "secrets-manager", reason: None, keys: None, stack: None };
                match keys.step(step, &token).await? {
                    None => Ok(report),
                    Some(keys) => {
                        let time = keys.created.0;
                        self.finish(Report { keys: Some(keys), ..report }, time).await
                    }
                }
            }
        }
    }

    /// Updates the stack. A Region that lags is told of only then: it is no reason to keep an API key.
    async fn finish(&self, report: Report, time: UnixSeconds) -> Result<Report, RotateError> {
        let stack = match &self.stack {
            Some(stack) => Some(stack.update(time, self.outside.seconds()).await?),
            None => None,
        };
        match report.keys.as_ref().and_then(KeysReport::lagging) {
            Some(regions) => Err(RotateError::Lagging(regions)),
            None => Ok(Report { stack, ..report }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoRandomness;
    use key_store::aws::{CallLimits, of_lambda};
    use std::{ffi::OsString, sync::Arc, time::SystemTime};

    #[tokio::test]
    async fn a_secret_that_is_not_ours_is_refused_by_why() {
        const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf";
        for (arn, rotate, expected) in [
            (ARN, "api-key", "and COUNTERSIGN_ROTATE is api-key"),
            (
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:others-AbCdEf",
                "both",
                "which COUNTERSIGN_SECRET does not name",
            ),
        ] {
            let variables = [("COUNTERSIGN_SECRET", ARN), ("COUNTERSIGN_ROTATE", rotate), ("StackName", "api")];
            let config = Config::read(variables.map(|(name, value)| (OsString::from(name), value.into()))).unwrap();
            let outside =
                Outside { now: Arc::new(|| SystemTime::UNIX_EPOCH), new_secret: Arc::new(|| Err(NoRandomness)) };
            let rotator = Rotator::new(config, &of_lambda(CallLimits::BRIEF), outside);
            let token = "1ab23456-cde7-8912-34fg-h56i78j9k12l";
            let event = format!(r#"{{"Step":"createSecret","SecretId":"{arn}","ClientRequestToken":"{token}"}}"#);
            let error = rotator.rotate(&event, "r").await.unwrap_err();
            assert_eq!(error.to_string(), format!("Secrets Manager asks to rotate {arn}, {expected}"));
        }
    }
}
