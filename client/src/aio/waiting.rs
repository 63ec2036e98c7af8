//! Connections for callers who wait in the server. A command that blocks holds up all that comes
//! after it on the same connection, so each of them needs one of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::{first_of, to_server};
use crate::error::{Error, Result};
use crate::servers::Servers;
use crate::settings::Settings;
#[cfg(feature = "cluster")]
use crate::topology::Address;

/// A bounded number of connections.
pub(crate) struct Waiting {
    servers: Servers,
    connect_timeout: Duration,
    idle: Mutex<Vec<Open>>,
    permits: Arc<Semaphore>,
}

struct Open {
    connection: MultiplexedConnection,
    /// Where it leads. A cluster may say of a node only that it is at the same host.
    #[cfg(feature = "cluster")]
    host: String,
}

/// A connection of its own. Dropped, it is closed, which ends a wait and a lease that was granted
/// on it; [`park`](Self::park) keeps it for the next caller.
pub(crate) struct Waiter {
    pool: Arc<Waiting>,
    open: Open,
    is_used: bool,
    _permit: OwnedSemaphorePermit,
}

impl Waiting {
    /// How much later than its `WAIT` the server may answer: it notices timeouts ten times a second.
    const SLACK: Duration = Duration::from_millis(250);

    pub(crate) fn new(servers: Servers, settings: &Settings) -> Self {
        Self {
            servers,
            connect_timeout: settings.connect_timeout,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(settings.waiting_connections.max(1))),
        }
    }

    /// A connection, or none: all are still in use after `patience`.
    pub(crate) async fn waiter(self: &Arc<Self>, patience: Duration) -> Result<Option<Waiter>> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(patience, permit).await else {
            return Ok(None);
        };
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let is_used = idle.is_some();
        let open = match idle {
            Some(open) => open,
            None => self.connect(None).await?,
        };
        Ok(Some(Waiter {
            pool: Arc::clone(self),
            open,
            is_used,
            _permit: permit,
        }))
    }

    /// Closes the connections that nobody waits on: the server may have closed them long ago.
    pub(crate) fn forget_idle(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn connect(&self, to: Option<Client>) -> Result<Open> {
        let connecting = async {
            let candidates = match to {
                Some(client) => vec![client],
                None => self.servers.candidates().await?,
            };
            first_of(candidates.into_iter().map(Open::to)).await
        };
        let limit = self.connect_timeout;
        tokio::time::timeout(limit, connecting)
            .await
            .unwrap_or(Err(Error::Timeout(limit)))
    }
}

impl Open {
    async fn to(client: Client) -> Result<Self> {
        Ok(Self {
            connection: to_server(&client, None).await?,
            #[cfg(feature = "cluster")]
            host: crate::servers::host_of(&client),
        })
    }
}

impl Waiter {
    /// Whether others have waited on this connection before.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Sends a command that blocks for up to `wait`.
    pub(crate) async fn send(&mut self, command: &Cmd, wait: Duration) -> Result<Value> {
        let limit = wait + Waiting::SLACK;
        let reply = self.send_to_owner(command);
        tokio::time::timeout(limit, reply)
            .await
            .unwrap_or(Err(Error::Timeout(limit)))
    }

    #[cfg(not(feature = "cluster"))]
    async fn send_to_owner(&mut self, command: &Cmd) -> Result<Value> {
        Ok(self
            .open
            .connection
            .send_packed_command(command)
            .await?
            .extract_error()?)
    }

    /// Follows the cluster to the node that has the key.
    #[cfg(feature = "cluster")]
    async fn send_to_owner(&mut self, command: &Cmd) -> Result<Value> {
        loop {
            let reply = self
                .open
                .connection
                .send_packed_command(command)
                .await
                .and_then(Value::extract_error);
            let error = match reply {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let (Some("MOVED"), Some((address, _slot))) = (error.code(), error.redirect_node())
            else {
                return Err(error.into());
            };
            let to = Address::parse(address, &self.open.host).ok_or(error)?;
            let owner = self.pool.servers.node(&to)?;
            self.open = self.pool.connect(Some(owner)).await?;
        }
    }

    pub(crate) fn park(self) {
        self.pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.open);
    }
}
