//! The open connections, by their ids.

use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use tokio::sync::mpsc;

/// How many commands may wait for one connection; a caller of `@connections` then waits too.
const WAITING: usize = 32;

/// What `@connections` asks of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Send(Bytes),
    Close,
}

/// No connection with this id is open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// What is known of an open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) connected: SystemTime,
    pub(crate) last_active: SystemTime,
    pub(crate) source_ip: String,
    pub(crate) user_agent: Option<String>,
}

/// The open connections. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<HashMap<String, Connection>>>);

struct Connection {
    commands: mpsc::Sender<Command>,
    about: About,
}

impl Connections {
    /// A connection opens. Its commands come out of the receiver.
    pub(crate) fn open(&self, id: &str, about: About) -> mpsc::Receiver<Command> {
        let (commands, received) = mpsc::channel(WAITING);
        self.lock().insert(id.to_owned(), Connection { commands, about });
        received
    }

    /// A connection has ended.
    pub(crate) fn close(&self, id: &str) {
        self.lock().remove(id);
    }

    /// A frame came or went.
    pub(crate) fn touch(&self, id: &str, now: SystemTime) {
        if let Some(connection) = self.lock().get_mut(id) {
            connection.about.last_active = now;
        }
    }

    pub(crate) fn about(&self, id: &str) -> Result<About, Gone> {
        self.lock().get(id).map(|connection| connection.about.clone()).ok_or(Gone)
    }

    /// Gives a connection a command, and waits if too many others wait already.
    pub(crate) async fn command(&self, id: &str, command: Command) -> Result<(), Gone> {
        let commands = self.lock().get(id).map(|connection| connection.commands.clone()).ok_or(Gone)?;
        commands.send(command).await.map_err(|_| Gone)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
