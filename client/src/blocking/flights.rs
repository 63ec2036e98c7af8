//! How threads follow a flight.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::flights::Landing;
pub(crate) use crate::flights::{Outcome, Route};

pub(crate) type Flights = crate::flights::Flights<Flight>;
pub(crate) type Seat = crate::flights::Seat<Flight>;
pub(crate) type Ticket = crate::flights::Ticket<Flight>;

#[derive(Default)]
pub(crate) struct Flight {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    followers: usize,
}

pub(crate) struct Follower {
    flight: Arc<Flight>,
}

impl Landing for Flight {
    type Follower = Follower;

    fn follow(flight: &Arc<Self>) -> Follower {
        flight.state().followers += 1;
        Follower {
            flight: Arc::clone(flight),
        }
    }

    fn land(&self, outcome: Outcome) {
        self.state().outcome.get_or_insert(outcome);
        self.landed.notify_all();
    }

    fn has_followers(&self) -> bool {
        self.state().followers > 0
    }
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// What became of the flight, or `Alone` if nothing has within `patience`.
    pub(crate) fn outcome(self, patience: Duration) -> Outcome {
        let (state, _) = self
            .flight
            .landed
            .wait_timeout_while(self.flight.state(), patience, |state| {
                state.outcome.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.outcome.clone().unwrap_or(Outcome::Alone)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.flight.state().followers -= 1;
    }
}
