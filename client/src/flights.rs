//! One caller per key and process: the others of this process wait for it here, not in Redis. Tasks and
//! threads wait in ways of their own, which is what a [`Landing`] is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The keys that somebody in this process is getting right now.
#[derive(Default)]
pub(crate) struct Flights<L> {
    flying: Mutex<Flying<L>>,
}

#[derive(Default)]
struct Flying<L> {
    by_server: ByKey<L>,
    around_it: ByKey<L>,
}

type ByKey<L> = HashMap<String, Arc<L>>;

/// Callers of one route do not join flights of the other. Who goes around the server hears of no
/// invalidation: what he brings may be older than one that a caller by way of the server begins after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    /// Under a lease, or waiting in the server.
    ByServer,
    /// To the source, since the server does not answer.
    AroundIt,
}

/// What the followers of a flight are told.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Here is the value, stored form.
    Shared(Bytes),
    /// Ask once more: there may be a value now, or nobody who computes it.
    Again,
    /// The value can't be shared, or did not come in time: compute for yourself.
    Alone,
}

/// How the outcome of a flight gets to its followers.
pub(crate) trait Landing: Default {
    type Follower;

    fn follow(flight: &Arc<Self>) -> Self::Follower;

    /// The first outcome counts.
    fn land(&self, outcome: Outcome);

    fn has_followers(&self) -> bool;
}

/// Who came first has the ticket; the others follow.
pub(crate) enum Seat<L: Landing> {
    Leader(Ticket<L>),
    Follower(L::Follower),
}

/// The leader's side. Dropped without a word, it sends the followers back to ask again.
pub(crate) struct Ticket<L: Landing> {
    flights: Arc<Flights<L>>,
    route: Route,
    key: String,
    flight: Arc<L>,
}

impl<L: Landing> Flights<L> {
    pub(crate) fn board(self: &Arc<Self>, route: Route, key: &str) -> Seat<L> {
        let mut flying = self.flying();
        let flying = flying.on(route);
        if let Some(flight) = flying.get(key) {
            return Seat::Follower(L::follow(flight));
        }
        let flight = Arc::<L>::default();
        flying.insert(key.to_owned(), Arc::clone(&flight));
        Seat::Leader(Ticket {
            flights: Arc::clone(self),
            route,
            key: key.to_owned(),
            flight,
        })
    }

    /// A ticket for who has a lease, unless somebody else has it.
    pub(crate) fn lead(self: &Arc<Self>, key: &str) -> Option<Ticket<L>> {
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

    fn flying(&self) -> MutexGuard<'_, Flying<L>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Flying<L> {
    fn on(&mut self, route: Route) -> &mut ByKey<L> {
        match route {
            Route::ByServer => &mut self.by_server,
            Route::AroundIt => &mut self.around_it,
        }
    }
}

impl<L: Landing> Ticket<L> {
    /// Whether anybody would profit from [`share`](Self::share).
    pub(crate) fn has_followers(&self) -> bool {
        self.flight.has_followers()
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
        self.flight.land(outcome);
    }
}

impl<L: Landing> Drop for Ticket<L> {
    fn drop(&mut self) {
        self.end(Outcome::Again);
    }
}
