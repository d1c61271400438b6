//! The signals that end a program, for a run that has to tidy up first.

use crate::ignored::is_ignored;
use anyhow::Result;
use std::future::pending;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP. From here on they do not end the process. `None` is one that was ignored before: it stays so.
pub(super) struct Signals {
    kinds: [Option<Signal>; 3],
    have_come: bool,
}

impl Signals {
    pub(super) fn new() -> Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let handled = |kind: SignalKind| (!is_ignored(kind.as_raw_value())).then(|| signal(kind)).transpose();
        let [interrupt, terminate, hangup] = kinds.map(handled);
        Ok(Self { kinds: [interrupt?, terminate?, hangup?], have_come: false })
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.kinds;
        tokio::select! {
            () = one(interrupt) => {}
            () = one(terminate) => {}
            () = one(hangup) => {}
        }
        self.have_come = true;
    }

    /// Whether [`next`](Self::next) has had one.
    pub(super) fn have_come(&self) -> bool {
        self.have_come
    }
}

async fn one(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}
