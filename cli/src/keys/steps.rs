//! The log of a rotation, as the line about what the command waits for. Nothing else reads this log: what was done is printed.

use crate::{durations::show, progress};
use serde::Deserialize;
use std::{
    io::{self, Write},
    time::Duration,
};

/// The log's writer.
pub(super) struct Steps {
    /// How long replication may take.
    replication: Duration,
    /// How often in a row the secret was read.
    reads: usize,
}

/// What a line of the log has here.
#[derive(Deserialize)]
struct Logged<'a> {
    event: &'a str,
    step: Option<&'a str>,
}

impl Steps {
    pub(super) fn new(replication: Duration) -> Self {
        Self { replication, reads: 0 }
    }

    /// What the rotation does after this line.
    fn after(&mut self, line: &[u8]) -> Option<String> {
        let Logged { event, step } = serde_json::from_slice(line).ok()?;
        self.reads = if step == Some("read") { self.reads + 1 } else { 0 };
        let for_up_to = || format!("for up to {}", show(self.replication));
        Some(match (event, step) {
            // It is read again and again.
            ("rotation-step", Some("read")) if self.reads > 1 => {
                format!("waiting until the replication of the secret ends, {}", for_up_to())
            }
            ("rotation-step", Some("read" | "overtaken")) => "planning the rotation".to_owned(),
            ("rotation-step", Some("plan")) => "storing the new keys".to_owned(),
            ("rotation-step", Some("put" | "rehearse")) => {
                "promoting the new keys; after Ctrl-C the next rotation ends or drops them".to_owned()
            }
            ("keys-rotated", _) => format!("the keys are rotated; reading them in each Region, {}", for_up_to()),
            ("rotation-step", Some("read-back" | "describe-stack" | "update-stack")) => {
                "the keys are rotated; asking for the state".to_owned()
            }
            _ => return None,
        })
    }
}

impl Write for Steps {
    /// A log writes whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(what) = self.after(line) {
            progress::now(what);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{Arc, Mutex},
        time::SystemTime,
    };
    use telemetry::{Detail, Event, Log, Step};

    /// Writes down what the steps say.
    struct Said(Steps, Arc<Mutex<Vec<Option<String>>>>);

    impl Write for Said {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let said = self.0.after(line);
            self.1.lock().unwrap().push(said);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_step_says_what_comes_after_it() {
        let said = Arc::default();
        let log = Log::new(None, Said(Steps::new(Duration::from_secs(60)), Arc::clone(&said)));
        let step = Event::RotationStep;
        let read = || step(Step::Read { current: "a", pending: None });
        let mut expected = Vec::new();
        for (event, after) in [
            (read(), Some("planning the rotation")),
            (read(), Some("waiting until the replication of the secret ends, for up to 1m")),
            (
                step(Step::Plan { kind: "planned", planned_from: "a", new_key: "b", signs_from: 0 }),
                Some("storing the new keys"),
            ),
            (
                step(Step::Put { version: "b", outcome: "pending" }),
                Some("promoting the new keys; after Ctrl-C the next rotation ends or drops them"),
            ),
            (
                step(Step::Rehearse { version: "b", keys: 2 }),
                Some("promoting the new keys; after Ctrl-C the next rotation ends or drops them"),
            ),
            // By another rotation, so that this one begins again.
            (step(Step::Overtaken { version: "b", planned_from: "a" }), Some("planning the rotation")),
            (read(), Some("planning the rotation")),
            (
                Event::KeysRotated {
                    kind: "planned",
                    version: "b",
                    id: "b",
                    planned_from: "a",
                    dropped: Detail(&"none"),
                },
                Some("the keys are rotated; reading them in each Region, for up to 1m"),
            ),
            (step(Step::ReadBack { regions: 2, in_step: true }), Some("the keys are rotated; asking for the state")),
            (Event::RotationWarning { step: "take-off", version: None, detail: Detail(&"a") }, None),
        ] {
            log.write(&event, SystemTime::UNIX_EPOCH);
            expected.push(after.map(str::to_owned));
        }
        assert_eq!(*said.lock().unwrap(), expected);
    }
}
