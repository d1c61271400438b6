//! Keys in AWS Secrets Manager, shown and rotated by hand, as the rotator rotates them by a schedule.

use crate::{
    credentials::{new_rotation_id, new_secret},
    explain,
    keys::{
        json,
        rotation::{RotationSummary, describe},
        steps::Steps,
        table::table,
    },
    output::{self, Format, Hint, command, line},
    progress::Progress,
    times::{self, now},
};
use anyhow::{Context as _, Error, Result, bail};
use key_store::{
    SecretArn, SecretLocation, Source,
    aws::{CallLimits, SdkConfig, of_operator},
};
use rotator::{
    Bounds, DryRun, KeyRotator, KeysOutcome, KeysReport, Moment, NoRandomness, Pending, Platform, Report, RotateError,
    RotateFailure, RotationId, Snapshot, StackOutcome, StackReport, StackUpdater, VersionOutcome, VersionReport,
    worst_first,
};
use signing::{RotationKind, RotationSchedule, RotationTimings, UnixSeconds};
use std::{mem, sync::Arc, time::SystemTime};
use telemetry::Log;

/// Prints what is current, what is pending, and the state of the replicas.
pub(crate) async fn show(arn: SecretArn, format: Format) -> Result<()> {
    let secret = SecretLocation { arn, replicas: Vec::new() };
    let aws = sdk_config(&secret.arn).await;
    let arn = secret.arn.to_string();
    let progress = Progress::start(format!("reading {arn}"));
    let snapshot = key_rotator(secret, RotationTimings::DEFAULT.try_into()?, &aws, Log::none()).snapshot().await?;
    progress.done();
    match format {
        Format::Text => print_snapshot(&snapshot, now()),
        Format::Json => output::json(&shown(arn, &snapshot, now()))?,
    }
    Ok(())
}

/// The secret, and the Regions in which functions read it.
pub(crate) fn with_replicas(arn: &SecretArn, regions: Option<&str>) -> Result<SecretLocation> {
    match Source::parse(arn.as_str(), regions) {
        Ok(Source::Secret(secret)) => Ok(secret),
        Ok(Source::File(_)) => bail!("{arn} is not the ARN of a secret"),
        Err(error) => bail!("--regions {:?} {error}", regions.unwrap_or_default()),
    }
}

/// Makes the first key of an empty secret.
pub(crate) async fn init(arn: SecretArn) -> Result<()> {
    let secret = SecretLocation { arn, replicas: Vec::new() };
    let aws = sdk_config(&secret.arn).await;
    let arn = secret.arn.clone();
    let rotator = key_rotator(secret, RotationTimings::DEFAULT.try_into()?, &aws, Log::none());
    let now = now();
    let progress = Progress::start(format!("making the first key of {arn}"));
    let snapshot = rotator.make_first(new_rotation_id(now)?.key_id()).await?;
    progress.done();
    line(format_args!("made the first key of {arn}"));
    print_snapshot(&snapshot, now);
    Ok(())
}

/// The rotation that was asked for. The report is made from what was done, never from this.
pub(crate) struct RotationRequest {
    pub(crate) id: Option<RotationId>,
    pub(crate) rotation: RotationKind,
    pub(crate) stack: Option<String>,
    pub(crate) dry_run: bool,
}

/// Rotates the keys, and the API key of the stack if one is named.
pub(crate) async fn rotate(
    secret: SecretLocation,
    RotationRequest { id, rotation, stack, dry_run }: RotationRequest,
    schedule: RotationSchedule,
    format: Format,
) -> Result<()> {
    let arn = secret.arn.clone();
    let aws = sdk_config(&arn).await;
    let progress = Progress::start(format!("reading {arn}"));
    let log = Log::new(None, Steps::new(schedule.timings().replication));
    let rotator = key_rotator(secret, schedule, &aws, log.clone());
    let now = now();
    let id = id.map_or_else(|| new_rotation_id(now), Ok)?;
    let stack = stack.map(|name| StackUpdater::new(name, &aws, platform(log)));
    if dry_run {
        let look_ahead = LookAhead { rotator: &rotator, stack: stack.as_ref(), arn: &arn, id: &id, rotation, schedule };
        return match format {
            Format::Text => look_ahead.print().await,
            Format::Json => look_ahead.json().await,
        };
    }
    let report = Report::new("manual", id.key_id());
    let mut run = Run { rotator, id, arn, schedule, now, format, report };
    let done = run.rotate(rotation, stack.as_ref()).await;
    progress.done();
    if format == Format::Json {
        run.report.error = done.as_ref().err().map(output::chain);
        output::json(&run.report)?;
    }
    done
}

/// A rotation that runs. Text is printed at each step, JSON only at the end.
struct Run {
    rotator: KeyRotator,
    id: RotationId,
    arn: SecretArn,
    schedule: RotationSchedule,
    now: UnixSeconds,
    format: Format,
    report: Report,
}

impl Run {
    async fn rotate(&mut self, rotation: RotationKind, stack: Option<&StackUpdater>) -> Result<()> {
        let is_text = self.format == Format::Text;
        let keys = match self.rotator.rotate(&self.id, rotation).await {
            Ok(mut keys) => {
                self.report.versions = mem::take(&mut keys.versions);
                self.report.warnings = mem::take(&mut keys.warnings);
                // Printed before anything else can fail.
                if is_text {
                    self.print_versions();
                    self.print_outcome(&keys);
                    print_warnings(&self.report.warnings);
                }
                self.report.keys.insert(keys)
            }
            Err(failure) => {
                let RotateFailure { error, begun, versions, warnings } = *failure;
                (self.report.versions, self.report.warnings) = (versions, warnings);
                // Printed before the error: it is done, whatever failed then.
                if is_text {
                    self.print_versions();
                    print_warnings(&self.report.warnings);
                }
                let error = explained(error, &self.arn, self.now);
                return Err(if begun { stopped(error, &self.id) } else { error });
            }
        };
        if keys.outcome == KeysOutcome::Superseded {
            return Ok(());
        }
        if let Some(stack) = stack {
            // The time of the rotation, not of the current version: another rotation may have come between two runs with one id.
            let mut warnings = Vec::new();
            let updated = async {
                let time = self.rotator.made(keys).await?;
                let new = keys.outcome == KeysOutcome::Rotated;
                Ok::<_, Error>(stack.update(time, now(), new, &mut warnings).await?)
            };
            let updated = updated.await;
            if is_text {
                print_warnings(&warnings);
            }
            self.report.warnings.append(&mut warnings);
            let updated = updated.context("the keys are rotated, and the stack is not updated");
            let updated = self.report.stack.insert(updated.map_err(|error| stopped(error, &self.id))?);
            if is_text {
                print_stack(updated, "CloudFormation updates it now");
            }
        }
        if let Some(lagging) = keys.lagging() {
            bail!("the keys are rotated, and {lagging} does not return them yet: look at the replica");
        }
        if is_text {
            let snapshot = self.rotator.snapshot().await;
            print_snapshot(&snapshot.context("the keys are rotated, and cannot be shown")?, self.now);
        }
        Ok(())
    }

    /// Every version that became current, in order; before that, what that means, emergencies first.
    fn print_versions(&self) {
        for version in worst_first(&self.report.versions) {
            print_version(version, &self.schedule, self.now);
        }
        for VersionReport { version, kind, outcome, .. } in &self.report.versions {
            let left = match outcome {
                VersionOutcome::Rotated => "",
                VersionOutcome::Resumed => ", which was pending",
            };
            line(format_args!("rotated {}: version {version} ({kind}{left})", self.arn));
        }
    }

    /// What became of the rotation that was asked for.
    fn print_outcome(&self, keys: &KeysReport) {
        let (id, kind) = (self.id.key_id(), keys.kind.unwrap_or("of a kind that is not known"));
        match keys.outcome {
            KeysOutcome::Rotated => {}
            KeysOutcome::Already => {
                line(format_args!(
                    "rotation {id} ({kind}) is done already, and nothing is changed: version {}",
                    keys.version
                ));
                if keys.kind == Some(RotationKind::Emergency.name()) {
                    let summary = RotationSummary {
                        rotation: RotationKind::Emergency,
                        new_key: &keys.new_key,
                        signs_from: self.now,
                        old_keys_until: None,
                    };
                    line(format_args!("\n{}\n", describe(&summary, &self.schedule, self.now)));
                }
            }
            KeysOutcome::Superseded => {
                line(format_args!("superseded, and nothing is changed: version {}", keys.version));
            }
        }
    }
}

/// A rotation that is only looked at: what the same command would do without `--dry-run`.
struct LookAhead<'a> {
    rotator: &'a KeyRotator,
    stack: Option<&'a StackUpdater>,
    arn: &'a SecretArn,
    id: &'a RotationId,
    rotation: RotationKind,
    schedule: RotationSchedule,
}

impl LookAhead<'_> {
    async fn print(&self) -> Result<()> {
        let snapshot = self.rotator.snapshot_for(self.rotation).await?;
        let now = now();
        print_snapshot(&snapshot, now);
        let dry_run = self.rotator.dry_run(snapshot, self.id, self.rotation).await?;
        let DryRun { notes, versions, keys, outcome, made } = dry_run;
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
            print_version(version, &self.schedule, now);
        }
        if !versions.is_empty() {
            line(format_args!("then there are\n{}\n", table(&keys, now)));
        }
        let outcome = outcome.map_err(|error| self.would_stop(error, now))?;
        match outcome {
            KeysOutcome::Rotated => {}
            KeysOutcome::Already => line("the keys stay as they are: this rotation is done already"),
            KeysOutcome::Superseded => line("the keys stay as they are"),
        }
        let mut warnings = Vec::new();
        let stack = self.stack(outcome, made, now, &mut warnings).await;
        print_warnings(&warnings);
        if let Some(stack) = stack? {
            print_stack(&stack, "CloudFormation would update it");
        }
        line("nothing is changed: this was a dry run");
        Ok(())
    }

    async fn json(&self) -> Result<()> {
        let snapshot = self.rotator.snapshot_for(self.rotation).await?;
        let now = now();
        let DryRun { notes, versions, keys, outcome, made } =
            self.rotator.dry_run(snapshot, self.id, self.rotation).await?;
        let mut warnings = Vec::new();
        let foreseen = match outcome {
            Ok(outcome) => {
                let stack = self.stack(outcome, made, now, &mut warnings).await;
                stack.map(|stack| (outcome, stack))
            }
            Err(error) => Err(self.would_stop(error, now)),
        };
        let error = foreseen.as_ref().err().map(output::chain);
        let (outcome, stack, done) = match foreseen {
            Ok((outcome, stack)) => (Some(outcome), stack, Ok(())),
            Err(error) => (None, None, Err(error)),
        };
        let (id, keys) = (self.id.key_id().to_string(), json::keys(&keys, now));
        output::json(&json::DryRunReport {
            dry_run: true,
            id,
            notes,
            versions,
            keys,
            outcome,
            stack,
            warnings,
            error,
        })?;
        done
    }

    fn would_stop(&self, error: RotateError, now: UnixSeconds) -> Error {
        explained(error, self.arn, now).context("the rotation would stop")
    }

    /// What would become of the stack.
    async fn stack(
        &self,
        outcome: KeysOutcome,
        made: UnixSeconds,
        now: UnixSeconds,
        warnings: &mut Vec<String>,
    ) -> Result<Option<StackReport>> {
        match self.stack.filter(|_| outcome != KeysOutcome::Superseded) {
            None => Ok(None),
            Some(stack) => {
                let new = outcome == KeysOutcome::Rotated;
                let foreseen = stack.dry_run(made, now, new, warnings).await;
                Ok(Some(foreseen.context("the keys would be rotated, and the stack would not be updated")?))
            }
        }
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

/// A plan that is refused is explained by flags and commands. Other errors are in the rotator's own words.
fn explained(error: RotateError, arn: &SecretArn, now: UnixSeconds) -> Error {
    match error {
        RotateError::Plan(error) => explain::of_plan(error, ["--secret", arn.as_str()], now),
        error => Error::new(error),
    }
}

/// A rotation that stopped halfway: the hint repeats the whole command, with the id under which it continues.
fn stopped(error: Error, id: &RotationId) -> Error {
    let mut words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(at) = words.iter().position(|word| word == "--id" || word.starts_with("--id=")) {
        let whole = words.get(at).is_some_and(|word| word.contains('='));
        words.drain(at..words.len().min(at + if whole { 1 } else { 2 }));
    }
    words.extend(["--id".to_owned(), id.key_id().to_string()]);
    let again = command(words.iter().map(String::as_str));
    error.context("the rotation stopped before its end").context(Hint(format!("to continue it, run: {again}")))
}

/// For the Region of the secret, not for that of the environment.
async fn sdk_config(arn: &SecretArn) -> SdkConfig {
    of_operator(CallLimits::PATIENT, arn.region()).await
}

fn key_rotator(secret: SecretLocation, schedule: RotationSchedule, aws: &SdkConfig, log: Log) -> KeyRotator {
    KeyRotator::new(secret, schedule, aws.clone(), platform(log))
}

/// The log is not printed: what was done is.
fn platform(log: Log) -> Platform {
    let new_secret = || new_secret().map_err(|_| NoRandomness);
    Platform { now: Arc::new(SystemTime::now), new_secret: Arc::new(new_secret), log }
}

fn print_snapshot(Snapshot { current, pending, pending_on_current, replicas }: &Snapshot, now: UnixSeconds) {
    let created = times::show(current.created, now);
    line(format_args!("{}\nversion {} of {created}", table(&current.keys, now), current.id));
    if *pending_on_current {
        line("AWSPENDING is still on it: the next rotation takes it off");
    }
    if let Some(pending) = pending {
        let content = match &pending.content {
            _ if pending.put_aside => "somebody has gone back to the version before it: it is not promoted".to_owned(),
            Ok(version) => {
                let kind = version.planned.as_ref().map_or("of no rotation", |(_, rotation)| rotation.name());
                format!("{kind}, put {}: the next rotation ends or drops it", times::show(version.created, now))
            }
            Err(problem) => problem.clone(),
        };
        line(format_args!("pending: {} ({content})", pending.id));
    }
    for replica in replicas {
        line(format_args!("replica in {}: {}", replica.region, replica.status));
    }
}

fn shown(
    secret: String,
    Snapshot { current, pending, replicas, .. }: &Snapshot,
    now: UnixSeconds,
) -> json::ShownSecret {
    let pending = pending.as_ref().map(|Pending { id, content, put_aside }| {
        let content = content.as_ref();
        let planned = content.ok().and_then(|version| version.planned.as_ref());
        json::ShownPending {
            version: id.clone(),
            kind: planned.map(|(_, rotation)| rotation.name()),
            created: content.ok().map(|version| Moment(version.created)),
            put_aside: *put_aside,
            problem: content.err().cloned(),
        }
    });
    let replicas = replicas.iter().map(|replica| json::ShownReplica {
        region: replica.region.clone(),
        in_sync: replica.in_sync,
        status: replica.status.clone(),
    });
    json::ShownSecret {
        secret,
        version: current.id.clone(),
        created: Moment(current.created),
        keys: json::keys(&current.keys, now),
        pending,
        replicas: replicas.collect(),
    }
}
