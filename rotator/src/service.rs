use crate::{
    config::RotatorConfig,
    error::RotateError,
    event::Demand,
    keys::{KeyRotator, RotateFailure, told},
    platform::Platform,
    report::{KeysOutcome, KeysReport, Moment, Report, VersionReport, worst_first},
    stack::StackUpdater,
};
use key_store::aws::SdkConfig;
use signing::{RotationKind, UnixSeconds};
use std::mem;
use telemetry::{Detail, Event, RotationEnd};

/// The rotator of one function.
#[derive(Debug)]
pub struct Rotator {
    keys: Option<(String, KeyRotator)>,
    stack: Option<StackUpdater>,
    platform: Platform,
}

/// Why an invocation failed, and what it had done until then.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct RotatorFailure {
    /// Why, and what was done until then.
    pub error: String,
    /// One report for each event that was begun; the last one has the error.
    pub reports: Vec<Report>,
}

impl Rotator {
    /// A rotator of the secret and the stack in `config`, in the Region of `aws`.
    pub fn new(config: RotatorConfig, aws: &SdkConfig, platform: Platform) -> Self {
        let keys = config.keys.map(|(secret, schedule)| {
            (secret.arn.to_string(), KeyRotator::new(secret, schedule, aws.clone(), platform.clone()))
        });
        Self { keys, stack: config.stack.map(|name| StackUpdater::new(name, aws, platform.clone())), platform }
    }

    /// Does what an invocation requests. It logs each step, and one line with the whole report, because the answer of
    /// an asynchronous invocation is not shown to anybody.
    ///
    /// `request_id` is Lambda's id of the invocation, which is the same in every retry.
    ///
    /// # Errors
    /// What stopped the rotation. Lambda, SQS or Secrets Manager call again, and the work goes on from the present
    /// state.
    pub async fn rotate(&self, payload: &str, request_id: &str) -> Result<Vec<Report>, RotatorFailure> {
        let begun = (self.platform.now)();
        let mut reports = Vec::new();
        let done = self.handle_all(payload, request_id, &mut reports).await;
        let duration = (self.platform.now)().duration_since(begun).unwrap_or_default();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let kind = worst(&reports);
        let report = (!reports.is_empty()).then(|| serde_json::value::to_raw_value(&reports).ok()).flatten();
        let end = RotationEnd { kind, duration_ms, request_id, report: report.as_deref() };
        self.platform.log(&match &done {
            // The first steps of Secrets Manager's rotation end nothing.
            Ok(()) if reports.iter().all(Report::is_of_a_step) => Event::RotationStep(telemetry::Step::End(end)),
            Ok(()) => Event::RotationDone(end),
            Err(error) => Event::RotationFailed { detail: Detail(error), end },
        });
        match done {
            Ok(()) => Ok(reports),
            Err(error) => Err(RotatorFailure { error, reports }),
        }
    }

    async fn handle_all(&self, payload: &str, request_id: &str, reports: &mut Vec<Report>) -> Result<(), String> {
        for demand in Demand::read(payload, request_id).map_err(|error| error.to_string())? {
            let mut report = match &demand {
                Demand::Scheduled { id, .. } => Report::new("scheduled", id.key_id()),
                Demand::Manual { id, .. } => Report::new("manual", id.key_id()),
                Demand::Step { token, .. } => Report::new("secrets-manager", token),
            };
            let handled = self.handle(demand, &mut report).await;
            // What was done is told with what stopped it.
            let handled = handled.map_err(|error| error + &told(&report.versions));
            report.error = handled.as_ref().err().cloned();
            reports.push(report);
            handled?;
        }
        Ok(())
    }

    async fn handle(&self, demand: Demand, report: &mut Report) -> Result<(), String> {
        match demand {
            Demand::Scheduled { id, time } => {
                self.platform.log(&Event::RotationBegun {
                    trigger: "scheduled",
                    kind: Some(RotationKind::Planned.name()),
                    id: id.key_id().as_str(),
                    time: Some(Detail(&Moment(time).text())),
                    secrets_manager_step: None,
                    comment: None,
                });
                if let Some((_, keys)) = &self.keys {
                    report.take(keys.rotate(&id, RotationKind::Planned).await)?;
                }
                self.finish(report, time, false).await.map_err(|error| error.to_string())
            }
            Demand::Manual { id, rotation, comment } => {
                self.platform.log(&Event::RotationBegun {
                    trigger: "manual",
                    kind: Some(rotation.name()),
                    id: id.key_id().as_str(),
                    time: None,
                    secrets_manager_step: None,
                    comment: comment.as_deref(),
                });
                report.comment = comment;
                let time = match &self.keys {
                    Some((_, keys)) => {
                        let keys_report = report.take(keys.rotate(&id, rotation).await)?;
                        keys.made(keys_report).await.map_err(|error| error.to_string())?
                    }
                    None => self.platform.seconds(),
                };
                self.finish(report, time, self.keys.is_none()).await.map_err(|error| error.to_string())
            }
            Demand::Step { step, secret_id, token } => {
                self.platform.log(&Event::RotationBegun {
                    trigger: "secrets-manager",
                    kind: None,
                    id: token.as_str(),
                    time: None,
                    secrets_manager_step: Some(step.name()),
                    comment: None,
                });
                let not_ours = |why: &str| format!("Secrets Manager asks to rotate {secret_id}, {why}");
                let (arn, keys) = self.keys.as_ref().ok_or_else(|| not_ours("and COUNTERSIGN_ROTATE is api-key"))?;
                if *arn != secret_id {
                    return Err(not_ours("which COUNTERSIGN_SECRET does not name"));
                }
                match keys.step(step, &token).await {
                    Ok(None) => Ok(()),
                    Ok(Some(done)) => {
                        let time = report.take(Ok(done))?.created.0;
                        self.finish(report, time, false).await.map_err(|error| error.to_string())
                    }
                    Err(failure) => report.take(Err(failure)).map(|_| ()),
                }
            }
        }
    }

    /// Updates the stack. Only then it reports a Region that lags, because that is not a reason to keep an API key.
    /// `new` says that the time is that of this call.
    async fn finish(&self, report: &mut Report, time: UnixSeconds, new: bool) -> Result<(), RotateError> {
        let outcome = report.keys.as_ref().map(|keys| keys.outcome);
        if outcome == Some(KeysOutcome::Superseded) {
            return Ok(());
        }
        if let Some(stack) = &self.stack {
            let new = new || outcome == Some(KeysOutcome::Rotated);
            report.stack = Some(stack.update(time, self.platform.seconds(), new, &mut report.warnings).await?);
        }
        match report.keys.as_ref().and_then(KeysReport::lagging) {
            Some(regions) => Err(RotateError::Lagging(regions)),
            None => Ok(()),
        }
    }
}

impl Report {
    /// Records the outcome for the keys, whether it succeeded or not.
    fn take(&mut self, done: Result<KeysReport, Box<RotateFailure>>) -> Result<&KeysReport, String> {
        match done {
            Ok(mut keys) => {
                self.versions = mem::take(&mut keys.versions);
                self.warnings.append(&mut keys.warnings);
                Ok(self.keys.insert(keys))
            }
            Err(failure) => {
                let error = failure.error.to_string();
                self.versions = failure.versions;
                self.warnings.extend(failure.warnings);
                Err(error)
            }
        }
    }
}

/// The worst kind among the versions that became current: an emergency, if there was one.
fn worst(reports: &[Report]) -> Option<&'static str> {
    let versions: Vec<VersionReport> = reports.iter().flat_map(|report| report.versions.iter().cloned()).collect();
    worst_first(&versions).next().map(|version| version.kind)
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
            let config =
                RotatorConfig::read(variables.map(|(name, value)| (OsString::from(name), value.into()))).unwrap();
            let platform = Platform {
                now: Arc::new(|| SystemTime::UNIX_EPOCH),
                new_secret: Arc::new(|| Err(NoRandomness)),
                log: telemetry::Log::none(),
            };
            let rotator = Rotator::new(config, &of_lambda(CallLimits::BRIEF), platform);
            let token = "1ab23456-cde7-8912-34fg-h56i78j9k12l";
            let event = format!(r#"{{"Step":"createSecret","SecretId":"{arn}","ClientRequestToken":"{token}"}}"#);
            let error = rotator.rotate(&event, "r").await.unwrap_err();
            assert_eq!(error.to_string(), format!("Secrets Manager asks to rotate {arn}, {expected}"));
        }
    }
}
