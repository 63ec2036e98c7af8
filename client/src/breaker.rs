//! The circuit breaker: a server that keeps failing is left alone, apart from a probe now and then.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The bit that tells an open breaker from a count of failures.
const OPEN: u64 = 1 << 63;

/// Opens after a number of failures in a row and closes with the first success.
///
/// All of its state is one word: below [`OPEN`] the failures in a row, above it when the next probe
/// is due. So there are no two values that could contradict each other, and nothing is ordered by
/// it: relaxed access suffices.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: AtomicU64,
    threshold: u64,
    probe_every: Duration,
    /// From where the times in `state` are counted: about when it opened first.
    origin: OnceLock<Instant>,
}

impl Breaker {
    /// Opens after `threshold` failures in a row (0 counts as 1) and then lets a probe through every
    /// `probe_every`.
    pub(crate) fn new(threshold: u32, probe_every: Duration) -> Self {
        Self {
            state: AtomicU64::new(0),
            threshold: u64::from(threshold.max(1)),
            probe_every,
            origin: OnceLock::new(),
        }
    }

    /// Whether the server may be asked: always while closed; while open, by one caller in every
    /// `probe_every`.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let state = self.state.load(Relaxed);
        if state < OPEN {
            return true;
        }
        // Whoever moves the due time is the probe. A breaker that has closed meanwhile lets its
        // callers through from the next call on.
        self.nanoseconds(now) >= state - OPEN
            && self
                .state
                .compare_exchange(state, self.opened(now), Relaxed, Relaxed)
                .is_ok()
    }

    /// The server has answered.
    pub(crate) fn succeeded(&self) {
        // No store in the usual case: it would take the cache line away from all other cores.
        if self.state.load(Relaxed) != 0 {
            self.state.store(0, Relaxed);
        }
    }

    /// The server has not answered. The probes of an open breaker keep their rhythm.
    pub(crate) fn failed(&self, now: Instant) {
        let count_up = |state| match state {
            OPEN.. => None,
            failures if failures + 1 >= self.threshold => Some(self.opened(now)),
            failures => Some(failures + 1),
        };
        // It is an error only if the breaker is open already.
        let _ = self.state.fetch_update(Relaxed, Relaxed, count_up);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Relaxed) >= OPEN
    }

    /// The state of a breaker whose next probe is due `probe_every` after `now`.
    fn opened(&self, now: Instant) -> u64 {
        let due = self
            .nanoseconds(now)
            .saturating_add(saturated(self.probe_every));
        OPEN + due.min(OPEN - 1)
    }

    fn nanoseconds(&self, now: Instant) -> u64 {
        let origin = self.origin.get_or_init(|| now);
        saturated(now.saturating_duration_since(*origin))
    }
}

/// Nanoseconds, up to 584 years of them.
fn saturated(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(threshold: u32, now: Instant) -> Breaker {
        let breaker = Breaker::new(threshold, SECOND);
        for _ in 0..threshold {
            breaker.failed(now);
        }
        assert!(breaker.is_open());
        breaker
    }

    #[test]
    fn opens_after_that_many_failures_in_a_row() {
        let now = Instant::now();
        let breaker = Breaker::new(3, SECOND);
        for _ in 0..2 {
            breaker.failed(now);
            assert!(breaker.allows(now) && !breaker.is_open());
        }
        breaker.failed(now);
        assert!(breaker.is_open() && !breaker.allows(now));
    }

    #[test]
    fn a_success_starts_the_count_anew() {
        let now = Instant::now();
        let breaker = Breaker::new(2, SECOND);
        for _ in 0..10 {
            breaker.failed(now);
            assert!(!breaker.is_open());
            breaker.succeeded();
        }
    }

    #[test]
    fn a_threshold_of_zero_opens_with_the_first_failure() {
        let breaker = Breaker::new(0, SECOND);
        assert!(!breaker.is_open());
        breaker.failed(Instant::now());
        assert!(breaker.is_open());
    }

    #[test]
    fn lets_one_probe_through_in_each_period() {
        let now = Instant::now();
        let breaker = opened(1, now);
        assert!(!breaker.allows(now + SECOND / 2));
        for period in 1..5 {
            assert!(breaker.allows(now + period * SECOND), "period {period}");
            assert!(!breaker.allows(now + period * SECOND), "period {period}");
        }
    }

    #[test]
    fn a_failed_probe_leaves_it_open_and_a_good_one_closes_it() {
        let now = Instant::now();
        let breaker = opened(2, now);
        assert!(breaker.allows(now + SECOND));
        breaker.failed(now + SECOND);
        assert!(breaker.is_open());

        assert!(breaker.allows(now + 2 * SECOND));
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.allows(now + 2 * SECOND));

        breaker.failed(now + 2 * SECOND);
        assert!(!breaker.is_open(), "the count begins at zero again");
    }

    #[test]
    fn failures_that_come_late_do_not_postpone_the_probe() {
        let now = Instant::now();
        let breaker = opened(1, now);
        breaker.failed(now + SECOND / 2);
        assert!(breaker.allows(now + SECOND));
    }

    #[test]
    fn a_period_without_end_is_no_overflow() {
        let now = Instant::now();
        let breaker = Breaker::new(1, Duration::MAX);
        breaker.failed(now);
        assert!(breaker.is_open() && !breaker.allows(now + 1000 * SECOND));
    }

    #[test]
    fn of_many_threads_one_is_the_probe() {
        let now = Instant::now();
        let breaker = opened(1, now);
        for period in 1..=200 {
            let probes = AtomicU32::new(0);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        if breaker.allows(now + period * SECOND) {
                            probes.fetch_add(1, Relaxed);
                        }
                    });
                }
            });
            assert_eq!(probes.into_inner(), 1, "period {period}");
        }
    }

    #[test]
    fn no_failure_of_many_threads_is_lost() {
        let now = Instant::now();
        let breaker = Breaker::new(4_001, SECOND);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| breaker.failed(now)));
            }
        });
        assert!(!breaker.is_open());
        breaker.failed(now);
        assert!(breaker.is_open());
    }
}
