//! `--keys`: keys in a file.

use crate::{
    key_file,
    keys::{
        rotation::{RotationSummary, describe},
        table::table,
    },
    output::line,
    times::now,
};
use anyhow::Result;
use key_store::KeyFile;
use signing::{KeySet, RotationKind, RotationSchedule, UnixSeconds};

/// Makes the file, and prints what is in it.
pub(crate) fn init(file: &KeyFile) -> Result<()> {
    key_file::create(file, now())?;
    line(format_args!("made {}", file.path().display()));
    show(file)
}

/// Prints what is in the file.
pub(crate) fn show(file: &KeyFile) -> Result<()> {
    let now = now();
    let contents = file.load()?;
    print(&contents.keys, contents.api_keys.len(), now);
    Ok(())
}

/// Rotates the keys, and the API key beside them.
pub(crate) fn rotate(file: &KeyFile, kind: RotationKind, schedule: &RotationSchedule, dry_run: bool) -> Result<()> {
    let now = now();
    let rotation = key_file::plan(file, kind, schedule, now)?;
    // Done before it is told: what is printed may reach nobody.
    if !dry_run {
        key_file::apply(file, &rotation, now)?;
    }
    print(&rotation.plan.keys, rotation.api_keys.len(), now);
    let described = describe(&RotationSummary::of_plan(&rotation.plan, now), schedule, now);
    line(format_args!("\n{described}\n"));
    if dry_run {
        line("nothing is changed: this was a dry run");
    } else {
        line(format_args!("rotated {}", file.path().display()));
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
