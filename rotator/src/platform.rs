//! What a rotator gets from its program: the time, randomness and the log.

use key_store::unix_seconds;
use signing::UnixSeconds;
use std::{fmt, sync::Arc, time::SystemTime};
use telemetry::{Detail, Event, Log, Step};
use zeroize::Zeroizing;

/// What a rotator gets from its program.
#[derive(Clone)]
pub struct Platform {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// The secret of a new key.
    pub new_secret: Arc<dyn Fn() -> Result<Zeroizing<[u8; 48]>, NoRandomness> + Send + Sync>,
    /// The log.
    pub log: Log,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Platform")
    }
}

impl Platform {
    /// The present second.
    pub(crate) fn seconds(&self) -> UnixSeconds {
        unix_seconds((self.now)())
    }

    /// Writes a line of the log.
    pub(crate) fn log(&self, event: &Event<'_>) {
        self.log.write(event, (self.now)());
    }

    /// Writes a line of the log about a step.
    pub(crate) fn log_step(&self, step: Step<'_>) {
        self.log(&Event::RotationStep(step));
    }

    /// Puts a warning into the log and into the report, once, however many rounds a rotation takes.
    pub(crate) fn warn(&self, warnings: &mut Vec<String>, step: &str, detail: String) {
        if !warnings.contains(&detail) {
            self.log(&Event::RotationWarning { step, version: None, detail: Detail(&detail) });
            warnings.push(detail);
        }
    }
}

/// The system does not give random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system does not give random bytes for a new key")]
pub struct NoRandomness;
