//! One server, and the connections to it.

use std::sync::Arc;
use std::time::Duration;

use redis::Client;
#[cfg(feature = "cluster")]
use redis::Cmd;

#[cfg(feature = "cluster")]
use super::connection::Reply;
use super::pool::{Place, Pool};
use crate::error::{Error, Result};
use crate::settings::Settings;

/// How many connections there are at most for commands that are answered at once.
const CONNECTIONS: usize = 16;

pub(crate) struct Node {
    timeout: Duration,
    commands: Arc<Pool>,
    /// For commands that block: what comes after them on the same connection is held up.
    waiting: Arc<Pool>,
}

impl Node {
    pub(crate) fn new<L>(settings: &Settings, locate: L) -> Self
    where
        L: Fn() -> Result<Client> + Clone + Send + Sync + 'static,
    {
        let connections = settings.connections.unwrap_or(CONNECTIONS);
        Self {
            timeout: settings.timeout,
            commands: Pool::new(settings, connections, locate.clone()),
            waiting: Pool::new(settings, settings.waiting_connections, locate),
        }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn send(&self, command: &Cmd) -> Result<Reply> {
        self.place()?.send(command)
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn send_all(&self, commands: &[Cmd]) -> Result<Vec<Result<Reply>>> {
        self.place()?.send_all(commands)
    }

    /// A place for a command that blocks, or none: all are still taken after `patience`.
    pub(crate) fn waiting_place(&self, patience: Duration) -> Option<Place> {
        self.waiting.take(patience)
    }

    /// A place for commands that are answered at once.
    pub(crate) fn place(&self) -> Result<Place> {
        let place = self.commands.take(self.timeout);
        place.ok_or(Error::Timeout(self.timeout))
    }
}
