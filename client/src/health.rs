//! What outcomes say about the server, for the circuit breaker and the statistics.

use std::sync::Arc;
use std::time::Instant;

use crate::breaker::Breaker;
use crate::error::{Error, Result};
use crate::failure::{Failure, failure_of};
use crate::settings::Settings;
use crate::stats::{Event, Metrics};

pub(crate) struct Health {
    name: String,
    breaker: Breaker,
    metrics: Arc<Metrics>,
}

impl Health {
    pub(crate) fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        Self {
            name: settings.name.clone(),
            breaker: Breaker::new(settings.failures_to_open, settings.probe_every),
            metrics,
        }
    }

    /// Whether the server is left alone.
    pub(crate) fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Whether it is time to look for a server that is left alone, and this caller's turn.
    pub(crate) fn is_probe_due(&self) -> bool {
        self.breaker.allows(Instant::now())
    }

    pub(crate) fn judge<T>(&self, outcome: Result<T>) -> Result<T> {
        match outcome.as_ref().err().map(failure_of) {
            None | Some(Failure::OfCommand) => self.breaker.succeeded(),
            Some(Failure::OfServer) => self.failed(),
        }
        if outcome.is_err() {
            self.metrics.record(Event::Error);
        }
        outcome
    }

    /// The same for the replies to several commands: each that is an error is counted.
    pub(crate) fn judge_all<T>(&self, outcome: Result<Vec<Result<T>>>) -> Result<Vec<Result<T>>> {
        self.judge(outcome)
            .inspect(|replies| self.count_errors(replies))
    }

    /// Counts those replies that are errors.
    pub(crate) fn count_errors<T>(&self, replies: &[Result<T>]) {
        for _ in replies.iter().filter(|reply| reply.is_err()) {
            self.metrics.record(Event::Error);
        }
    }

    fn failed(&self) {
        let was_open = self.breaker.is_open();
        self.breaker.failed(Instant::now());
        if !was_open && self.breaker.is_open() {
            tracing::warn!(cache = %self.name, "Redis fails; answering from the source until it is back");
        }
    }
}

/// Whether the connection broke, as an idle one does that the server has closed long ago.
pub(crate) fn was_cut<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Redis(error)) if error.is_connection_dropped() && !error.is_connection_refusal())
}
