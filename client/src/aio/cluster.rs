//! What goes to every primary of a cluster. The cluster's own rules are in `docs/cluster.md`: all
//! masters that `CLUSTER NODES` names, also those without slots, and the same ones afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, Value, cmd};

use super::connection::to_server;
use super::link::Link;
use crate::error::{Error, Result};
use crate::invalidated::Invalidated;
use crate::protocol::{command, reply};
use crate::server_stats::together;
use crate::servers::Servers;
use crate::settings::Settings;
use crate::topology::{ATTEMPTS, Address, PAUSE, added_up, concluded, masters};

/// Connections to the primaries, each opened when it is needed.
pub(crate) struct Primaries {
    servers: Servers,
    timeout: Duration,
    connect_timeout: Duration,
    connections: Mutex<HashMap<Address, MultiplexedConnection>>,
}

impl Primaries {
    pub(crate) fn new(servers: Servers, settings: &Settings) -> Self {
        let (timeout, connect_timeout) = (settings.timeout, settings.connect_timeout);
        Self {
            servers,
            timeout,
            connect_timeout,
            connections: Mutex::default(),
        }
    }

    /// Sends a command to all of them, and adds up what they answer.
    pub(crate) async fn tell(&self, command: &Cmd) -> Result<Invalidated> {
        let mut attempt = 1;
        loop {
            let before = self.masters().await?;
            let told = join_all(before.iter().map(|node| self.send(node, command))).await;
            let told = added_up(told)?;
            let settled = told.is_complete() && self.masters().await? == before;
            if settled || attempt == ATTEMPTS {
                return concluded(told, settled);
            }
            tokio::time::sleep(PAUSE * attempt).await;
            attempt += 1;
        }
    }

    /// The counters of all of them together.
    pub(crate) async fn server_stats(&self, command: &Cmd) -> Result<BTreeMap<String, f64>> {
        let masters = self.masters().await?;
        let replies = join_all(masters.iter().map(|node| self.send(node, command))).await;
        let stats = replies
            .into_iter()
            .map(|reply| reply::numbers(reply?, "CACHE.STATS"))
            .collect::<Result<Vec<_>>>()?;
        Ok(together(stats))
    }

    /// Deletes the keys that match, wherever they are.
    pub(crate) async fn clear(&self, link: &Arc<Link>, glob: &str, step: usize) -> Result<u64> {
        let mut deleted = 0;
        for node in self.masters().await? {
            let mut cursor = 0;
            loop {
                let reply = self.send(&node, &command::scan(cursor, glob, step)).await?;
                let (next, keys) = reply::scanned(reply)?;
                deleted += unlink_each(link, &keys).await?;
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(deleted)
    }

    /// The primaries that there are now, as the first node sees them that knows one of each slot.
    /// Connections to others are closed.
    async fn masters(&self) -> Result<BTreeSet<Address>> {
        let mut failure = Error::Unavailable;
        for node in self.known() {
            let reply = self.send(&node, cmd("CLUSTER").arg("NODES")).await;
            match reply.and_then(|reply| masters(reply, &node, self.servers.are_secured())) {
                Ok(masters) => {
                    self.connections().retain(|node, _| masters.contains(node));
                    return Ok(masters);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Nodes to ask: those that were seen last, then those that the application named.
    fn known(&self) -> Vec<Address> {
        let mut known: Vec<Address> = self.connections().keys().cloned().collect();
        known.extend(self.servers.seeds());
        known
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<Address, MultiplexedConnection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, node: &Address, command: &Cmd) -> Result<Value> {
        let outcome = self.try_send(node, command).await;
        if outcome.is_err() {
            self.connections().remove(node);
        }
        outcome
    }

    async fn try_send(&self, node: &Address, command: &Cmd) -> Result<Value> {
        let mut connection = self.connection(node).await?;
        Ok(connection
            .send_packed_command(command)
            .await?
            .extract_error()?)
    }

    async fn connection(&self, node: &Address) -> Result<MultiplexedConnection> {
        let there = self.connections().get(node).cloned();
        if let Some(connection) = there {
            return Ok(connection);
        }
        let client = self.servers.node(node)?;
        let limit = self.connect_timeout;
        let opened = tokio::time::timeout(limit, to_server(&client, Some(self.timeout))).await;
        let connection = opened.unwrap_or(Err(Error::Timeout(limit)))?;
        self.connections().insert(node.clone(), connection.clone());
        Ok(connection)
    }
}

/// Sends each command to the node that has its key, side by side.
pub(crate) async fn send_each(
    connection: &redis::cluster_async::ClusterConnection,
    commands: &[Cmd],
) -> Vec<Result<Value>> {
    let sending = commands.iter().map(|command| {
        let mut connection = connection.clone();
        async move {
            Ok(connection
                .req_packed_command(command)
                .await?
                .extract_error()?)
        }
    });
    join_all(sending).await
}

async fn unlink_each(link: &Arc<Link>, keys: &[Vec<u8>]) -> Result<u64> {
    let commands: Vec<Cmd> = keys
        .iter()
        .map(|key| command::unlink(std::slice::from_ref(key)))
        .collect();
    let mut deleted = 0;
    for reply in link.write_all(&commands).await? {
        deleted += reply::count(&reply?, "UNLINK")?;
    }
    Ok(deleted)
}
