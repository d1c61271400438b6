//! Errors about key files and rotations as a person at the command line needs them: flags in the place of settings, and hints.

use crate::{
    durations::show,
    output::{Hint, command},
    times,
};
use anyhow::{Error, anyhow};
use key_store::{KeyFile, KeyFileError};
use settings::SettingError;
use signing::{RotationPlanError, RotationTimingsError, UnixSeconds};
use std::{path::Path, time::Duration};

/// An error about a key file, with the command that helps.
pub(crate) fn of_file(error: KeyFileError) -> Error {
    let path = error.path().to_string_lossy().into_owned();
    let hint = if error.is_not_found() {
        format!("to make it, run: {}", command(["countersign", "keys", "init", "--keys", &path]))
    } else if error.is_exposed() {
        format!(
            "run: {}. If others may have read it, then also run: {}",
            command(["chmod", "600", &path]),
            command(["countersign", "keys", "rotate", "--emergency", "--keys", &path])
        )
    } else if error.is_changed() {
        format!("to see its keys now, run: {}", command(["countersign", "keys", "show", "--keys", &path]))
    } else {
        return Error::new(error);
    };
    Error::new(error).context(Hint(hint))
}

/// An error about a key file that could not be made.
pub(crate) fn of_new_file(error: KeyFileError) -> Error {
    let path = error.path().display();
    if error.is_already_there() {
        let show = command(["countersign", "keys", "show", "--keys", &error.path().to_string_lossy()]);
        return anyhow!("the key file {path} cannot be made: a file of this name exists")
            .context(Hint(format!("to see its keys, run: {show}")));
    }
    let folder = error.path().parent().unwrap_or(Path::new(""));
    // Linux has folders in which nobody can make a file, and reports that the file does not exist.
    if !error.is_not_found() || folder.is_dir() {
        return Error::new(error);
    }
    let folder = folder.to_string_lossy().into_owned();
    let hint = format!("to make the folder, run: {}", command(["mkdir", "-p", &folder]));
    anyhow!("the key file {path} cannot be made: the folder {folder} does not exist").context(Hint(hint))
}

/// An error about the rotation of a key file.
pub(crate) fn of_file_rotation(error: Error, file: &KeyFile, now: UnixSeconds) -> Error {
    let place = ["--keys", &file.path().to_string_lossy()];
    match error.downcast::<KeyFileError>() {
        Ok(error) => of_file(error),
        Err(error) => match error.downcast::<RotationPlanError>() {
            Ok(error) => of_plan(error, place, now),
            Err(error) => error,
        },
    }
}

/// An error about a setting of the authorizer that an option has made.
pub(crate) fn of_setting(error: &SettingError) -> Error {
    // The longer names first: some begin with another.
    const FLAGS: [(&str, &str); 11] = [
        ("environment variable ", ""),
        ("COUNTERSIGN_NEXT_AUTHORIZER", "--next-authorizer"),
        ("COUNTERSIGN_NEXT_IDENTITY", "--next-identity"),
        ("COUNTERSIGN_NEXT_PAYLOAD", "--next-payload"),
        ("COUNTERSIGN_NEXT_TIMEOUT", "--next-timeout"),
        ("COUNTERSIGN_NEXT_MODE", "--next-mode"),
        ("COUNTERSIGN_JWT_CLAIMS", "--jwt-claims"),
        ("COUNTERSIGN_JWT_MODE", "--jwt-mode"),
        ("COUNTERSIGN_JWT", "--jwt"),
        ("COUNTERSIGN_THEN", "--then"),
        ("COUNTERSIGN_ANSWER", "--answer"),
    ];
    Error::msg(FLAGS.iter().fold(error.to_string(), |text, (name, flag)| text.replace(name, flag)))
}

/// An error about the plan of a rotation. `place` is the flag that names the keys, and its value.
pub(crate) fn of_plan(error: RotationPlanError, place: [&str; 2], now: UnixSeconds) -> Error {
    let emergency = || command(["countersign", "keys", "rotate", "--emergency"].into_iter().chain(place));
    match &error {
        RotationPlanError::NoSigningKey => {
            let hint = format!("to make a key that signs at once, run: {}", emergency());
            anyhow!(
                "a planned rotation needs a key that can sign now, and there is none: every request is refused already"
            )
            .context(Hint(hint))
        }
        RotationPlanError::EndsTooSoon { key, ends, needed } => {
            let hint = format!(
                "set a shorter --lead and --grace, or run: {}, which refuses valid requests until the edges have read the new key",
                emergency()
            );
            anyhow!(
                "the key {key} expires at {}, before the end of this rotation: it is needed until {}",
                times::show(*ends, now),
                times::show(*needed, now)
            )
            .context(Hint(hint))
        }
        RotationPlanError::TooLate { latest, .. } => {
            anyhow!("the rotation took too long: the new keys had to be in place by {}", times::show(*latest, now))
                .context(Hint("run the same command again".to_owned()))
        }
        RotationPlanError::KeySet(_) | RotationPlanError::TooMany { .. } | RotationPlanError::NoPlan(_) => {
            Error::new(error)
        }
    }
}

/// The flags of the times to live, in the words of the command that was run.
pub(crate) struct TtlFlags {
    pub(crate) verifier: &'static str,
    pub(crate) signer: &'static str,
}

/// The inequality that does not hold, in flags.
pub(crate) fn of_timings(error: RotationTimingsError, ttl: &TtlFlags) -> Error {
    let too_short = |flag: &str, given: Duration, least: Duration, sum: &[(&str, Duration)]| {
        let sum: Vec<_> = sum.iter().map(|(flag, duration)| format!("{flag} {}", show(*duration))).collect();
        let least = show(least);
        // Without the spaces it is one word for a shell.
        let hint = format!("set {flag} to {} or more, or one of the others to less", least.replace(' ', ""));
        anyhow!("{flag} is {}, and must be at least {least}: {}", show(given), sum.join(" + ")).context(Hint(hint))
    };
    match error {
        RotationTimingsError::Fraction(_) => Error::new(error),
        RotationTimingsError::Lead { lead, least, verifier_ttl, replication, skew, outage } => too_short(
            "--lead",
            lead,
            least,
            &[(ttl.verifier, verifier_ttl), ("--replication", replication), ("--skew", skew), ("--outage", outage)],
        ),
        RotationTimingsError::Grace { grace, least, signer_ttl, replication, lifetime, skew, outage } => too_short(
            "--grace",
            grace,
            least,
            &[
                (ttl.signer, signer_ttl),
                ("--replication", replication),
                ("--lifetime", lifetime),
                ("--skew", skew),
                ("--outage", outage),
            ],
        ),
    }
}
