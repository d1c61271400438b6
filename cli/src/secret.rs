//! Keys in AWS Secrets Manager, shown and rotated by hand, as the rotator does it by schedule.

use crate::{
    keys::{new_secret, now, random, table, time},
    output::line,
    rotation::describe,
};
use anyhow::{Context as _, Result, bail};
use key_store::{
    Secret, SecretArn, Source,
    aws::{CallLimits, SdkConfig, of_operator},
};
use rotator::{KeyRotator, NoRandomness, Outside, RotateError, RotationId, Snapshot, StackOutcome, StackUpdater};
use signing::{Key, Rotation, RotationNumbers, RotationSchedule, UnixSeconds};
use std::{sync::Arc, time::SystemTime};

/// Prints what is current, what is pending, and how the replicas are.
pub(crate) async fn show(arn: SecretArn) -> Result<()> {
    let secret = Secret { arn, replicas: Vec::new() };
    let aws = aws(&secret.arn).await;
    print(&key_rotator(secret, RotationNumbers::DEFAULT.try_into()?, &aws).snapshot().await?, now());
    Ok(())
}

/// The secret, and the Regions in which functions read it.
pub(crate) fn with_replicas(arn: &SecretArn, regions: Option<&str>) -> Result<Secret> {
    match Source::parse(arn.as_str(), regions).context("--regions")? {
        Source::Secret(secret) => Ok(secret),
        Source::File(_) => bail!("{arn} is no secret"),
    }
}

/// Rotates the keys, and the API key of the stack where one is named.
pub(crate) async fn rotate(
    secret: Secret,
    stack: Option<String>,
    id: Option<RotationId>,
    rotation: Rotation,
    schedule: RotationSchedule,
    dry_run: bool,
) -> Result<()> {
    let arn = secret.arn.clone();
    let aws = aws(&arn).await;
    let rotator = key_rotator(secret, schedule, &aws);
    let now = now();
    let id = id.map_or_else(|| rotation_id(now), Ok)?;
    if dry_run {
        let snapshot = rotator.snapshot().await?;
        print(&snapshot, now);
        let plan = rotator.plan(&snapshot, id.key_id(), rotation)?;
        line(format_args!("\nthen there are\n{}", table(&plan.keys, now)));
        let signs = plan.keys.get(id.key_id()).map_or(now, Key::not_before);
        line(format_args!("\n{}\n", describe(rotation, id.key_id().as_str(), signs, &schedule, now)));
        line("nothing is changed: this was a dry run");
        return Ok(());
    }
    let go_on = || format!("to go on where this broke off, run it again with --id {}", id.key_id());
    let report = match rotator.rotate(&id, rotation).await {
        Ok(report) => report,
        // Nothing has begun.
        Err(error @ (RotateError::Plan(_) | RotateError::NotInSync { .. } | RotateError::NoReplica { .. })) => {
            return Err(error.into());
        }
        Err(error) => return Err(error).with_context(go_on),
    };
    // Told before anything else can fail.
    line(format_args!("rotated {arn}: version {}", report.version));
    let signs = report.keys.iter().find(|key| key.kid == report.new_key).map_or(now, |key| key.signs_from.0);
    line(format_args!("\n{}\n", describe(rotation, &report.new_key, signs, &schedule, now)));
    if let Some(name) = stack {
        let rotated = || format!("the keys are rotated; {}", go_on());
        // Not when what is current was put there: another rotation may have come between two runs with one id.
        let time = rotator.made(&report).await.with_context(rotated)?;
        let report = StackUpdater::new(name, &aws).update(time, now).await.with_context(rotated)?;
        let outcome = match report.outcome {
            StackOutcome::Updating => "CloudFormation updates it now",
            StackOutcome::NoUpdates => "CloudFormation says that there is nothing to update",
            StackOutcome::Already => "it has been updated by this rotation or a later one",
            StackOutcome::BeingCreated => "it is being created, with an API key that is new",
        };
        line(format_args!("stack {}, Timestamp {}: {outcome}\n", report.name, report.timestamp));
    }
    if let Some(lagging) = report.lagging() {
        bail!("the keys are rotated, and {lagging} does not return them yet: look at the replica");
    }
    print(&rotator.snapshot().await.context("the keys are rotated, and cannot be shown")?, now);
    Ok(())
}

/// Where the secret is, whatever Region the caller works in.
async fn aws(arn: &SecretArn) -> SdkConfig {
    of_operator(CallLimits::PATIENT, arn.region()).await
}

fn key_rotator(secret: Secret, schedule: RotationSchedule, aws: &SdkConfig) -> KeyRotator {
    let new_secret = || new_secret().map_err(|_| NoRandomness);
    let outside = Outside { now: Arc::new(SystemTime::now), new_secret: Arc::new(new_secret) };
    KeyRotator::new(secret, schedule, aws.clone(), outside)
}

/// Its time, and enough that two of one second differ.
fn rotation_id(now: UnixSeconds) -> Result<RotationId> {
    let random: String = random::<6>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{random}", time(now).replace(':', "-")).as_str().try_into()?)
}

fn print(Snapshot { current, pending, replicas }: &Snapshot, now: UnixSeconds) {
    line(format_args!("{}\nversion {} of {}", table(&current.keys, now), current.id, time(current.created)));
    if let Some(pending) = pending {
        let content = match &pending.content {
            Ok(version) => format!("planned {}: the next rotation ends or drops it", time(version.created)),
            Err(problem) => problem.clone(),
        };
        line(format_args!("pending: {} ({content})", pending.id));
    }
    for replica in replicas {
        line(format_args!("replica in {}: {}", replica.region, replica.status));
    }
}
