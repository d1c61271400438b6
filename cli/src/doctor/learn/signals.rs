//! The signals that end a program, for a run that has to tidy up first.

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP. From here on they do not end the process.
pub(super) struct Signals {
    kinds: [Signal; 3],
    have_come: bool,
}

impl Signals {
    pub(super) fn new() -> Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self { kinds: [interrupt?, terminate?, hangup?], have_come: false })
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.kinds;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        self.have_come = true;
    }

    /// Whether [`next`](Self::next) has had one.
    pub(super) fn have_come(&self) -> bool {
        self.have_come
    }
}
