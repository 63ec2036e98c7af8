//! One caller per key and process: the others of this process wait for it here, not in Redis.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

/// The keys that somebody in this process is getting right now.
#[derive(Default)]
pub(crate) struct Flights {
    flying: Mutex<Flying>,
}

#[derive(Default)]
struct Flying {
    by_server: ByKey,
    around_it: ByKey,
}

type ByKey = HashMap<String, Arc<Flight>>;

/// Callers of one route do not join flights of the other. Who goes around the server hears of no
/// invalidation: what he brings may be older than one that a caller by way of the server begins after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    /// Under a lease, or waiting in the server.
    ByServer,
    /// To the source, since the server does not answer.
    AroundIt,
}

struct Flight {
    outcome: watch::Sender<Outcome>,
}

/// What the followers of a flight are told.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Pending,
    /// Here is the value, stored form.
    Shared(Bytes),
    /// Ask once more: there may be a value now, or nobody who computes it.
    Again,
    /// The value can't be shared: compute for yourself.
    Alone,
}

/// Who came first has the ticket; the others follow.
pub(crate) enum Seat {
    Leader(Ticket),
    Follower(Follower),
}

/// The leader's side. Dropped without a word, it sends the followers back to ask again.
pub(crate) struct Ticket {
    flights: Arc<Flights>,
    route: Route,
    key: String,
    flight: Arc<Flight>,
}

pub(crate) struct Follower {
    outcome: watch::Receiver<Outcome>,
}

impl Flights {
    pub(crate) fn board(self: &Arc<Self>, route: Route, key: &str) -> Seat {
        let mut flying = self.flying();
        let flying = flying.on(route);
        if let Some(flight) = flying.get(key) {
            return Seat::Follower(Follower {
                outcome: flight.outcome.subscribe(),
            });
        }
        let flight = Arc::new(Flight {
            outcome: watch::Sender::new(Outcome::Pending),
        });
        flying.insert(key.to_owned(), Arc::clone(&flight));
        Seat::Leader(Ticket {
            flights: Arc::clone(self),
            route,
            key: key.to_owned(),
            flight,
        })
    }

    /// A ticket for who has a lease, unless somebody else has it.
    pub(crate) fn lead(self: &Arc<Self>, key: &str) -> Option<Ticket> {
        match self.board(Route::ByServer, key) {
            Seat::Leader(ticket) => Some(ticket),
            Seat::Follower(_) => None,
        }
    }

    /// Lets nobody join a flight for `key` any more: what it brings may be older than what this
    /// process has just done to the key.
    pub(crate) fn close(&self, key: &str) {
        let mut flying = self.flying();
        flying.by_server.remove(key);
        flying.around_it.remove(key);
    }

    pub(crate) fn close_all(&self) {
        *self.flying() = Flying::default();
    }

    fn flying(&self) -> MutexGuard<'_, Flying> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flying {
    fn on(&mut self, route: Route) -> &mut ByKey {
        match route {
            Route::ByServer => &mut self.by_server,
            Route::AroundIt => &mut self.around_it,
        }
    }
}

impl Ticket {
    /// Whether anybody would profit from [`share`](Self::share).
    pub(crate) fn has_followers(&self) -> bool {
        self.flight.outcome.receiver_count() > 0
    }

    /// Lets nobody join any more.
    pub(crate) fn close(&self) {
        let mut flying = self.flights.flying();
        let flying = flying.on(self.route);
        if flying
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flying.remove(&self.key);
        }
    }

    pub(crate) fn share(self, value: Bytes) {
        self.end(Outcome::Shared(value));
    }

    pub(crate) fn alone(self) {
        self.end(Outcome::Alone);
    }

    fn end(&self, outcome: Outcome) {
        self.close();
        self.flight.outcome.send_if_modified(|current| {
            let pending = matches!(current, Outcome::Pending);
            if pending {
                *current = outcome;
            }
            pending
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Outcome::Again);
    }
}

impl Follower {
    /// What became of the flight, or `Alone` if nothing has within `patience`.
    pub(crate) async fn outcome(mut self, patience: Duration) -> Outcome {
        let landed = self
            .outcome
            .wait_for(|outcome| !matches!(outcome, Outcome::Pending));
        match tokio::time::timeout(patience, landed).await {
            Ok(Ok(outcome)) => outcome.clone(),
            Ok(Err(_)) => Outcome::Again,
            Err(_) => Outcome::Alone,
        }
    }
}
