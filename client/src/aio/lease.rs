//! The right to compute a value, from its grant to its end: renewed while the computation runs,
//! given up when it fails, panics or is cancelled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::connection::Connection;
use super::core::Core;
use super::flights::Ticket;
use super::waiting::Waiter;
use crate::error::Result;
use crate::failure::{Failure, failure_of};
use crate::protocol::command::{self, Storing, Token};
use crate::protocol::reply;
use crate::stats::Event;

pub(crate) struct Lease {
    core: Arc<Core>,
    key: String,
    token: Token,
    length: Duration,
    /// Callers of this process who wait for the value.
    ticket: Option<Ticket>,
    /// The connection that the lease is bound to, unless that is the one all share.
    waiter: Option<Waiter>,
    /// That one, which must not be closed before the lease has ended.
    _bond: Option<Connection>,
    /// What is still to be given back.
    held: bool,
    backoff: Option<Duration>,
}

/// Renews a lease until it is dropped.
pub(crate) struct Keeper(JoinHandle<()>);

impl Lease {
    /// Waiters are told to compute for themselves if a lease is given up with a backoff, however
    /// short: what can't be kept would otherwise be computed by one of them after the other.
    const UNCACHEABLE: Duration = Duration::from_millis(1);

    pub(crate) fn new(core: &Arc<Core>, key: String, token: Token, length: Duration) -> Self {
        Self {
            core: Arc::clone(core),
            key,
            token,
            length,
            ticket: None,
            waiter: None,
            _bond: None,
            held: true,
            backoff: None,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn for_followers_of(mut self, ticket: Option<Ticket>) -> Self {
        self.ticket = ticket;
        self
    }

    /// On a connection that others use as well.
    pub(crate) fn on(mut self, connection: Connection) -> Self {
        self._bond = Some(connection);
        self
    }

    pub(crate) fn bound_to(mut self, waiter: Waiter) -> Self {
        self.waiter = Some(waiter);
        self
    }

    /// In a task of its own: a computation that is busy for long does not stop it.
    pub(crate) fn keep(&self) -> Keeper {
        self.keep_for(Duration::MAX)
    }

    /// The same for no longer than `limit`. Then it runs out, and somebody else has a turn.
    pub(crate) fn keep_for(&self, limit: Duration) -> Keeper {
        let (core, key, token, length) = (
            Arc::clone(&self.core),
            self.key.clone(),
            self.token,
            self.length,
        );
        Keeper(tokio::spawn(async move {
            let (renewal, started) = (command::renew(&key, token, length), Instant::now());
            while started.elapsed() < limit {
                tokio::time::sleep(length / 3).await;
                // A lease that is lost is noticed by its fill, which is refused.
                if let Ok(redis::Value::Int(0)) = core.link.write(&renewal).await {
                    return;
                }
            }
        }))
    }

    /// Stores the value, and tells the followers. Whether the server has accepted it.
    pub(crate) async fn fill(self, value: Bytes, storing: Storing<'_>) -> bool {
        let fill = self.filling(&value, storing);
        // The token makes it safe to repeat: it is good for one fill.
        let reply = self.core.link.read(&fill).await;
        self.conclude(reply, value)
    }

    /// The command that stores the value, to be sent at once.
    pub(crate) fn filling(&self, value: &[u8], storing: Storing<'_>) -> redis::Cmd {
        // Who joins from here on has begun after the value was sent, and has to ask the server.
        if let Some(ticket) = &self.ticket {
            ticket.close();
        }
        command::set(
            &self.key,
            value,
            &Storing {
                token: Some(self.token),
                ..storing
            },
        )
    }

    /// What follows from the reply to [`filling`](Self::filling).
    pub(crate) fn conclude(mut self, reply: Result<redis::Value>, value: Bytes) -> bool {
        let stored = reply.and_then(|reply| reply::stored(&reply));
        match &stored {
            Ok(true) => self.filled(value),
            Ok(false) => {
                self.held = false;
                self.core.metrics.record(Event::FillRefused);
            }
            Err(error) => {
                tracing::debug!(%error, "could not store a computed value");
                // Without a server the followers are told to ask again: they find out, and share one
                // computation. With one they would wait for each other.
                if failure_of(error) == Failure::OfCommand {
                    self.not_kept();
                }
            }
        }
        self.park();
        matches!(stored, Ok(true))
    }

    fn filled(&mut self, value: Bytes) {
        self.held = false;
        self.core.forget_near(&self.key);
        self.core.metrics.record(Event::Set);
        if let Some(ticket) = self.ticket.take() {
            ticket.share(value);
        }
    }

    /// Nobody is to wait for a value that is not kept.
    fn not_kept(&mut self) {
        self.backoff = Some(Self::UNCACHEABLE);
        if let Some(ticket) = self.ticket.take() {
            ticket.alone();
        }
    }

    /// Gives the lease up after a failure. Without `backoff` the next caller tries at once.
    pub(crate) async fn give_up(mut self, backoff: Option<Duration>) {
        self.backoff = backoff;
        self.unlock().await;
    }

    /// Gives the lease up because the value can't be kept.
    pub(crate) async fn give_up_uncached(self) {
        self.give_up_uncached_for(Self::UNCACHEABLE).await;
    }

    /// The same, and lets nobody wait for a value during the time given.
    pub(crate) async fn give_up_uncached_for(mut self, backoff: Duration) {
        self.not_kept();
        self.backoff = Some(backoff);
        self.unlock().await;
    }

    /// The same without waiting for it.
    pub(crate) fn end_uncached(mut self) {
        self.not_kept();
        // Closed, it would end the lease before the backoff is told.
        self.park();
    }

    async fn unlock(&mut self) {
        if self.core.link.write(&self.unlocking()).await.is_ok() {
            self.held = false;
        }
        self.park();
    }

    fn unlocking(&self) -> redis::Cmd {
        command::unlock(&self.key, self.token, self.backoff)
    }

    fn park(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            waiter.park();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        // Without a runtime the process is about to end, and the lease with its connection.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (core, unlock) = (Arc::clone(&self.core), self.unlocking());
        runtime.spawn(async move { core.link.write(&unlock).await });
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}
