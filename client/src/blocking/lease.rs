//! The right to compute a value, from its grant to its end: renewed while the computation runs,
//! given up when it fails or panics.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::connection::Held;
use super::core::Core;
use super::flights::Ticket;
use super::keeper::Kept;
use super::pool::Place;
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
    /// What is still to be given back.
    held: bool,
    backoff: Option<Duration>,
    _bond: Bond,
}

/// A lease ends when the connection closes on which it was granted, so it keeps that open, even if the
/// pool has given it up. Others may send on it meanwhile: whoever computes takes no connection away
/// from the pool, so a computation that uses the cache itself never waits for its own connection.
pub(crate) struct Bond {
    _connection: Held,
    /// A connection for waiting: what blocks is not to be sent on it before the lease has ended, because
    /// closing it is the only way to end a wait.
    _place: Option<Place>,
}

impl Bond {
    pub(crate) fn shared(connection: Held) -> Self {
        Self {
            _connection: connection,
            _place: None,
        }
    }

    pub(crate) fn own(connection: Held, place: Place) -> Self {
        Self {
            _connection: connection,
            _place: Some(place),
        }
    }
}

impl Lease {
    /// Waiters are told to compute for themselves if a lease is given up with a backoff, however
    /// short: what can't be kept would otherwise be computed by one of them after the other.
    const UNCACHEABLE: Duration = Duration::from_millis(1);

    pub(crate) fn new(
        core: &Arc<Core>,
        key: String,
        token: Token,
        length: Duration,
        bond: Bond,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            key,
            token,
            length,
            ticket: None,
            held: true,
            backoff: None,
            _bond: bond,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn for_followers_of(mut self, ticket: Option<Ticket>) -> Self {
        self.ticket = ticket;
        self
    }

    pub(crate) fn keep(&self) -> Kept {
        self.core.keeper.keep(&self.key, self.token, self.length)
    }

    /// Stores the value, and tells the followers. Whether the server has accepted it.
    pub(crate) fn fill(self, value: Bytes, storing: Storing<'_>) -> bool {
        let fill = self.filling(&value, storing);
        // The token makes it safe to repeat: it is good for one fill.
        let reply = self.core.link.read(&fill);
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
        matches!(stored, Ok(true))
    }

    fn filled(&mut self, value: Bytes) {
        self.held = false;
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
    pub(crate) fn give_up(mut self, backoff: Option<Duration>) {
        self.backoff = backoff;
    }

    /// Gives the lease up because the value can't be kept.
    pub(crate) fn give_up_uncached(mut self) {
        self.not_kept();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.held {
            let unlock = command::unlock(&self.key, self.token, self.backoff);
            // If this fails, the lease ends with its connection.
            let _ = self.core.link.write(&unlock);
        }
    }
}
