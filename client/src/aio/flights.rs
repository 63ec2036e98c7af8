//! How tasks follow a flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::flights::Landing;
pub(crate) use crate::flights::{Outcome, Route};

pub(crate) type Flights = crate::flights::Flights<Flight>;
pub(crate) type Seat = crate::flights::Seat<Flight>;
pub(crate) type Ticket = crate::flights::Ticket<Flight>;

#[derive(Default)]
pub(crate) struct Flight {
    outcome: watch::Sender<Option<Outcome>>,
}

pub(crate) struct Follower {
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Landing for Flight {
    type Follower = Follower;

    fn follow(flight: &Arc<Self>) -> Follower {
        Follower {
            outcome: flight.outcome.subscribe(),
        }
    }

    fn land(&self, outcome: Outcome) {
        self.outcome.send_if_modified(|current| {
            let is_first = current.is_none();
            current.get_or_insert(outcome);
            is_first
        });
    }

    fn has_followers(&self) -> bool {
        self.outcome.receiver_count() > 0
    }
}

impl Follower {
    /// What became of the flight, or `Alone` if nothing has within `patience`.
    pub(crate) async fn outcome(mut self, patience: Duration) -> Outcome {
        let landed = self.outcome.wait_for(Option::is_some);
        match tokio::time::timeout(patience, landed).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Outcome::Again),
            Ok(Err(_)) => Outcome::Again,
            Err(_) => Outcome::Alone,
        }
    }
}
