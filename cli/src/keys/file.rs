//! `--keys`: keys in a file.

use crate::{
    explain, key_file,
    keys::{
        json,
        rotation::{RotationSummary, bounds, describe},
        table::table,
    },
    output::{self, Format, line},
    progress::Progress,
    times::now,
};
use anyhow::Result;
use key_store::KeyFile;
use signing::{KeySet, RotationKind, RotationSchedule, UnixSeconds};

/// Makes the file, and prints what is in it.
pub(crate) fn init(file: &KeyFile) -> Result<()> {
    key_file::create(file, now())?;
    line(format_args!("made {}", file.path().display()));
    show(file, Format::Text)
}

/// Prints what is in the file.
pub(crate) fn show(file: &KeyFile, format: Format) -> Result<()> {
    let now = now();
    let contents = file.load().map_err(explain::of_file)?;
    match format {
        Format::Text => print(&contents.keys, contents.api_keys.len(), now),
        Format::Json => output::json(&shown(file, &contents.keys, contents.api_keys.len(), now))?,
    }
    Ok(())
}

/// The rotation that was asked for.
pub(crate) struct RotationRequest {
    pub(crate) rotation: RotationKind,
    pub(crate) dry_run: bool,
}

/// Rotates the keys, and the API key beside them.
pub(crate) fn rotate(
    file: &KeyFile,
    RotationRequest { rotation, dry_run }: RotationRequest,
    schedule: &RotationSchedule,
    format: Format,
) -> Result<()> {
    let now = now();
    let explained = |error| explain::of_file_rotation(error, file, now);
    let rotation = key_file::plan(file, rotation, schedule, now).map_err(explained)?;
    // Carried out before it is printed: perhaps nobody reads that.
    if !dry_run {
        let path = file.path().display();
        let _progress = Progress::start(format!("waiting for another process that rotates {path}"));
        key_file::apply(file, &rotation, now).map_err(explained)?;
    }
    let plan = &rotation.plan;
    let summary = RotationSummary::of_plan(plan, now);
    match format {
        Format::Text => {
            print(&plan.keys, rotation.api_keys.len(), now);
            line(format_args!("\n{}\n", describe(&summary, schedule, now)));
            if dry_run {
                line("nothing is changed: this was a dry run");
            } else {
                line(format_args!("rotated {}", file.path().display()));
            }
        }
        Format::Json => {
            output::json(&json::RotatedFile {
                dry_run,
                kind: plan.rotation.name(),
                new_key: plan.new_key.to_string(),
                dropped: rotation.dropped.iter().map(ToString::to_string).collect(),
                bounds: bounds(&summary, schedule, now),
                then: shown(file, &plan.keys, rotation.api_keys.len(), now),
            })?;
        }
    }
    Ok(())
}

fn print(keys: &KeySet, api_keys: usize, now: UnixSeconds) {
    let api_keys = match api_keys {
        0 => "none",
        1 => "one in force",
        _ => "one in force, one before it",
    };
    line(format_args!("{}\nAPI keys: {api_keys}", table(keys, now)));
}

fn shown(file: &KeyFile, keys: &KeySet, api_keys: usize, now: UnixSeconds) -> json::ShownFile {
    json::ShownFile { file: file.path().display().to_string(), keys: json::keys(keys, now), api_keys }
}
