//! Keys in AWS Secrets Manager, shown and rotated by hand, as the rotator does it by schedule.

use crate::{
    credentials::{new_rotation_id, new_secret},
    keys::{
        rotation::{RotationSummary, describe},
        table::table,
    },
    output::{WithHint, line},
    times::{self, now},
};
use anyhow::{Context as _, Result, bail};
use key_store::{
    SecretArn, SecretLocation, Source,
    aws::{CallLimits, SdkConfig, of_operator},
};
use rotator::{
    Bounds, DryRun, KeyRotator, KeysOutcome, KeysReport, NoRandomness, Platform, RotateFailure, RotationId, Snapshot,
    StackOutcome, StackReport, StackUpdater, VersionOutcome, VersionReport, worst_first,
};
use signing::{RotationKind, RotationSchedule, RotationTimings, UnixSeconds};
use std::{sync::Arc, time::SystemTime};
use telemetry::Log;

/// Prints what is current, what is pending, and how the replicas are.
pub(crate) async fn show(arn: SecretArn) -> Result<()> {
    let secret = SecretLocation { arn, replicas: Vec::new() };
    let aws = sdk_config(&secret.arn).await;
    print_snapshot(&key_rotator(secret, RotationTimings::DEFAULT.try_into()?, &aws).snapshot().await?, now());
    Ok(())
}

/// The secret, and the Regions in which functions read it.
pub(crate) fn with_replicas(arn: &SecretArn, regions: Option<&str>) -> Result<SecretLocation> {
    match Source::parse(arn.as_str(), regions).context("--regions")? {
        Source::Secret(secret) => Ok(secret),
        Source::File(_) => bail!("{arn} is not the ARN of a secret"),
    }
}

/// Makes the first key of an empty secret.
pub(crate) async fn init(arn: SecretArn) -> Result<()> {
    let secret = SecretLocation { arn, replicas: Vec::new() };
    let aws = sdk_config(&secret.arn).await;
    let arn = secret.arn.clone();
    let rotator = key_rotator(secret, RotationTimings::DEFAULT.try_into()?, &aws);
    let now = now();
    let snapshot = rotator.make_first(new_rotation_id(now)?.key_id()).await?;
    line(format_args!("made the first key of {arn}"));
    print_snapshot(&snapshot, now);
    Ok(())
}

/// The rotation that was asked for. The report is made from what was done, never from this.
pub(crate) struct RotationRequest {
    pub(crate) id: Option<RotationId>,
    pub(crate) rotation: RotationKind,
    pub(crate) stack: Option<String>,
}

/// Rotates the keys, and the API key of the stack where one is named.
pub(crate) async fn rotate(
    secret: SecretLocation,
    request: RotationRequest,
    schedule: RotationSchedule,
    dry_run: bool,
) -> Result<()> {
    let RotationRequest { id, rotation, stack } = request;
    let arn = secret.arn.clone();
    let aws = sdk_config(&arn).await;
    let rotator = key_rotator(secret, schedule, &aws);
    let now = now();
    let id = id.map_or_else(|| new_rotation_id(now), Ok)?;
    let stack = stack.map(|name| StackUpdater::new(name, &aws, platform()));
    if dry_run {
        return print_dry_run(&rotator, stack.as_ref(), (&id, rotation), &schedule).await;
    }
    let report = match rotator.rotate(&id, rotation).await {
        Ok(report) => report,
        Err(failure) => {
            let RotateFailure { error, begun, versions, warnings } = *failure;
            // Told before the error: it is done, whatever came then.
            print_versions(&versions, &arn, &schedule, now);
            print_warnings(&warnings);
            let error = anyhow::Error::new(error);
            return Err(if begun { error.context(resume_hint(&id)) } else { error });
        }
    };
    // Told before anything else can fail.
    print_report(&report, &id, &arn, &schedule, now);
    if report.outcome == KeysOutcome::Superseded {
        return Ok(());
    }
    if let Some(stack) = stack {
        let rotated = "the keys are rotated, and the stack is not updated";
        // Not when what is current was put there: another rotation may have come between two runs with one id.
        let mut warnings = Vec::new();
        let updated = async {
            let time = rotator.made(&report).await?;
            let new = report.outcome == KeysOutcome::Rotated;
            Ok::<_, anyhow::Error>(stack.update(time, times::now(), new, &mut warnings).await?)
        };
        let updated = updated.await;
        print_warnings(&warnings);
        let report = updated.context(rotated).map_err(|error| error.context(resume_hint(&id)))?;
        print_stack(&report, "CloudFormation updates it now");
    }
    if let Some(lagging) = report.lagging() {
        bail!("the keys are rotated, and {lagging} does not return them yet: look at the replica");
    }
    print_snapshot(&rotator.snapshot().await.context("the keys are rotated, and cannot be shown")?, now);
    Ok(())
}

/// Shows what the same command would do without `--dry-run`.
async fn print_dry_run(
    rotator: &KeyRotator,
    stack: Option<&StackUpdater>,
    (id, rotation): (&RotationId, RotationKind),
    schedule: &RotationSchedule,
) -> Result<()> {
    let snapshot = rotator.snapshot_for(rotation).await?;
    let now = now();
    print_snapshot(&snapshot, now);
    let DryRun { notes, versions, keys, outcome, made } = rotator.dry_run(snapshot, id, rotation).await?;
    line("\nthe next rotation would do this:");
    for note in &notes {
        line(format_args!("note: {note}"));
    }
    for version in &versions {
        let what = match version.outcome {
            VersionOutcome::Rotated => "a new version",
            VersionOutcome::Resumed => "the pending version",
        };
        line(format_args!("{what} {} becomes current ({})", version.version, version.kind));
    }
    for version in worst_first(&versions) {
        print_version(version, schedule, now);
    }
    if !versions.is_empty() {
        line(format_args!("then there are\n{}\n", table(&keys, now)));
    }
    let new = matches!(outcome, Ok(KeysOutcome::Rotated));
    match outcome {
        Ok(KeysOutcome::Rotated) => {}
        Ok(KeysOutcome::Already) => line("the keys stay as they are: this rotation is done already"),
        Ok(KeysOutcome::Superseded) => line("the keys stay as they are"),
        Err(error) => return Err(anyhow::Error::new(error).context("then it would stop")),
    }
    if let Some(stack) = stack.filter(|_| !matches!(outcome, Ok(KeysOutcome::Superseded))) {
        let mut warnings = Vec::new();
        let foreseen = stack.dry_run(made, now, new, &mut warnings).await;
        print_warnings(&warnings);
        print_stack(&foreseen.context("then it would stop at the stack")?, "CloudFormation would update it");
    }
    line("nothing is changed: this was a dry run");
    Ok(())
}

/// What a rotation has done, the worst first, and then what became of the one that was asked for.
fn print_report(report: &KeysReport, id: &RotationId, arn: &SecretArn, schedule: &RotationSchedule, now: UnixSeconds) {
    print_versions(&report.versions, arn, schedule, now);
    let (id, kind) = (id.key_id(), report.kind.unwrap_or("of a kind that is not known"));
    match report.outcome {
        KeysOutcome::Rotated => {}
        KeysOutcome::Already => {
            line(format_args!(
                "rotation {id} ({kind}) is done already, and nothing is changed: version {}",
                report.version
            ));
            if report.kind == Some("emergency") {
                let summary = RotationSummary {
                    rotation: RotationKind::Emergency,
                    new_key: &report.new_key,
                    signs_from: now,
                    old_keys_until: None,
                };
                line(format_args!("\n{}\n", describe(&summary, schedule, now)));
            }
        }
        KeysOutcome::Superseded => line(format_args!("superseded, and nothing is changed: version {}", report.version)),
    }
    print_warnings(&report.warnings);
}

/// Every version that became current, in order; then what that means, the worst first.
fn print_versions(versions: &[VersionReport], arn: &SecretArn, schedule: &RotationSchedule, now: UnixSeconds) {
    for version in worst_first(versions) {
        print_version(version, schedule, now);
    }
    for VersionReport { version, kind, outcome, .. } in versions {
        let left = match outcome {
            VersionOutcome::Rotated => "",
            VersionOutcome::Resumed => ", which was pending",
        };
        line(format_args!("rotated {arn}: version {version} ({kind}{left})"));
    }
}

fn print_version(version: &VersionReport, schedule: &RotationSchedule, now: UnixSeconds) {
    let rotation = if version.is_emergency() { RotationKind::Emergency } else { RotationKind::Planned };
    // As the version has it: another may have planned it, by other timings.
    let (signs_from, old_keys_until) = match &version.bounds {
        Bounds::Planned { new_key_signs_from, old_keys_accepted_until } => {
            (new_key_signs_from.0, old_keys_accepted_until.map(|end| end.0))
        }
        Bounds::Emergency { .. } => (now, None),
    };
    let summary = RotationSummary { rotation, new_key: &version.new_key, signs_from, old_keys_until };
    let described = describe(&summary, schedule, now);
    line(format_args!("\n{described}\nkeys dropped: {}\n", version.dropped()));
}

fn print_warnings(warnings: &[String]) {
    for warning in warnings {
        line(format_args!("warning: {warning}"));
    }
}

fn print_stack(StackReport { name, outcome, timestamp, .. }: &StackReport, updating: &str) {
    let outcome = match outcome {
        StackOutcome::Updating => updating,
        StackOutcome::NoUpdates => "CloudFormation says that there is nothing to update",
        StackOutcome::Already => "it has been updated by this rotation or a later one",
        StackOutcome::SameSecond => {
            "another rotation of the same second has updated it, so that its API key is that rotation's and is not turned over \
            a second time"
        }
        StackOutcome::BeingCreated => "it is being created, with an API key that is new",
    };
    line(format_args!("stack {name}, Timestamp {timestamp}: {outcome}\n"));
}

/// The whole command once more, with the id under which it goes on.
fn resume_hint(id: &RotationId) -> WithHint {
    let mut words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(at) = words.iter().position(|word| word == "--id" || word.starts_with("--id=")) {
        let whole = words.get(at).is_some_and(|word| word.contains('='));
        words.drain(at..words.len().min(at + if whole { 1 } else { 2 }));
    }
    words.extend(["--id".to_owned(), id.key_id().to_string()]);
    let quoted = words.iter().map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), Into::into));
    WithHint {
        failed: "the rotation broke off",
        hint: format!("to go on where this broke off, run: {}", quoted.collect::<Vec<_>>().join(" ")),
    }
}

/// Where the secret is, whatever Region the caller works in.
async fn sdk_config(arn: &SecretArn) -> SdkConfig {
    of_operator(CallLimits::PATIENT, arn.region()).await
}

fn key_rotator(secret: SecretLocation, schedule: RotationSchedule, aws: &SdkConfig) -> KeyRotator {
    KeyRotator::new(secret, schedule, aws.clone(), platform())
}

/// Nothing is logged: what was done is printed.
fn platform() -> Platform {
    let new_secret = || new_secret().map_err(|_| NoRandomness);
    Platform { now: Arc::new(SystemTime::now), new_secret: Arc::new(new_secret), log: Log::none() }
}

fn print_snapshot(Snapshot { current, pending, pending_on_current, replicas }: &Snapshot, now: UnixSeconds) {
    line(format_args!("{}\nversion {} of {}", table(&current.keys, now), current.id, times::show(current.created)));
    if *pending_on_current {
        line("AWSPENDING is still on it: the next rotation takes it off");
    }
    if let Some(pending) = pending {
        let content = match &pending.content {
            _ if pending.put_aside => "somebody has gone back to the version before it: it is not promoted".to_owned(),
            Ok(version) => {
                let kind = match version.planned {
                    Some((_, RotationKind::Planned)) => "planned",
                    Some((_, RotationKind::Emergency)) => "emergency",
                    None => "of no rotation",
                };
                format!("{kind}, put {}: the next rotation ends or drops it", times::show(version.created))
            }
            Err(problem) => problem.clone(),
        };
        line(format_args!("pending: {} ({content})", pending.id));
    }
    for replica in replicas {
        line(format_args!("replica in {}: {}", replica.region, replica.status));
    }
}
