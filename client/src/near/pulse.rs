//! Whether the server was heard lately.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(super) struct Pulse {
    origin: Instant,
    /// Nanoseconds after the origin.
    until: AtomicU64,
    lasts: Duration,
}

impl Pulse {
    /// How many beats there are in the time that one lasts.
    const BEATS: u32 = 4;

    pub(super) fn new(lasts: Duration) -> Self {
        Self {
            origin: Instant::now(),
            until: AtomicU64::new(0),
            lasts,
        }
    }

    /// A question was sent at `asked` and has been answered. Counted from the question on: all that
    /// happened on the server until then was told before the answer.
    pub(super) fn felt(&self, asked: Instant) {
        let until = self.since_origin(asked + self.lasts);
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    pub(super) fn stops(&self) {
        self.until.store(0, Ordering::Release);
    }

    pub(super) fn is_felt(&self, now: Instant) -> bool {
        self.since_origin(now) < self.until.load(Ordering::Acquire)
    }

    pub(super) fn lasts(&self) -> Duration {
        self.lasts
    }

    pub(super) fn pause(&self) -> Duration {
        self.lasts / Self::BEATS
    }

    fn since_origin(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.origin).as_nanos();
        u64::try_from(elapsed).unwrap_or(u64::MAX)
    }
}
