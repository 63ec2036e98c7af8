//! One thread for each cache renews its leases while their computations run.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use super::link::Link;
use crate::protocol::command::{self, Token};

/// Begins with the first lease and ends with the cache.
pub(crate) struct Keeper {
    link: Arc<Link>,
    rounds: Arc<Rounds>,
}

#[derive(Default)]
struct Rounds {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    renewals: Vec<Renewal>,
    next_number: u64,
    runs: bool,
    ended: bool,
}

struct Renewal {
    number: u64,
    command: Cmd,
    every: Duration,
    due: Instant,
}

/// A lease is renewed until this is dropped.
pub(crate) struct Kept {
    rounds: Arc<Rounds>,
    number: u64,
}

impl Keeper {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            rounds: Arc::default(),
        }
    }

    pub(crate) fn keep(&self, key: &str, token: Token, length: Duration) -> Kept {
        let mut state = self.rounds.state();
        let number = state.next_number;
        state.next_number += 1;
        let every = length / 3;
        state.renewals.push(Renewal {
            number,
            command: command::renew(key, token, length),
            every,
            due: Instant::now() + every,
        });
        if !state.runs {
            state.runs = self.start();
        }
        drop(state);
        self.rounds.changed.notify_one();
        Kept {
            rounds: Arc::clone(&self.rounds),
            number,
        }
    }

    fn start(&self) -> bool {
        let (link, rounds) = (Arc::clone(&self.link), Arc::clone(&self.rounds));
        let thread = thread::Builder::new().name("larder-keeper".to_owned());
        let started = thread.spawn(move || rounds.run(&link));
        // The next lease tries again.
        started
            .inspect_err(|error| tracing::warn!(%error, "leases are not renewed"))
            .is_ok()
    }
}

impl Rounds {
    fn run(&self, link: &Arc<Link>) {
        while let Some((numbers, renewals)) = self.next_due() {
            let replies = link.read_all(&renewals).unwrap_or_default();
            for (number, reply) in numbers.into_iter().zip(replies) {
                // A lease that is lost is noticed by its fill, which is refused.
                if matches!(reply, Ok(reply) if reply.value == Value::Int(0)) {
                    self.forget(number);
                }
            }
        }
    }

    /// Waits for renewals that are due: all of them together, so that a node that hangs holds those of
    /// the others up once, not once for each lease it has. None when the cache is gone.
    fn next_due(&self) -> Option<(Vec<u64>, Vec<Cmd>)> {
        let mut state = self.state();
        while !state.ended {
            let now = Instant::now();
            let due = state.renewals.iter_mut().filter(|lease| lease.due <= now);
            let due: (Vec<_>, Vec<_>) = due.map(|lease| lease.put_off(now)).unzip();
            if !due.0.is_empty() {
                return Some(due);
            }
            let next = state.renewals.iter().map(|lease| lease.due).min();
            let pause = next.map_or(Duration::MAX, |next| next - now);
            (state, _) = self
                .changed
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn forget(&self, number: u64) {
        self.state()
            .renewals
            .retain(|renewal| renewal.number != number);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renewal {
    /// What is to be sent now, and again after a while.
    fn put_off(&mut self, now: Instant) -> (u64, Cmd) {
        self.due = now + self.every;
        (self.number, self.command.clone())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.rounds.forget(self.number);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.rounds.state().ended = true;
        self.rounds.changed.notify_one();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::health::Health;
    use crate::servers::Servers;
    use crate::settings::Settings;
    use crate::stats::Metrics;

    fn link() -> Arc<Link> {
        let settings = Arc::new(Settings::default());
        let health = Arc::new(Health::new(&settings, Metrics::new("keeper")));
        let servers = Servers::one("redis://127.0.0.1:1").unwrap();
        Arc::new(Link::new(servers, settings, health))
    }

    #[test]
    fn one_thread_begins_with_the_first_lease_and_ends_with_the_cache() {
        let link = link();
        let keeper = Keeper::new(Arc::clone(&link));
        assert_eq!(Arc::strong_count(&link), 2);
        let kept = [1, 2, 3].map(|token| keeper.keep("k", token, Duration::from_secs(60)));
        assert_eq!(Arc::strong_count(&link), 3, "this, the keeper, its thread");
        drop(kept);
        assert!(keeper.rounds.state().renewals.is_empty());
        drop(keeper);
        let deadline = Instant::now() + Duration::from_secs(20);
        while Arc::strong_count(&link) > 1 {
            assert!(Instant::now() < deadline, "the thread goes on");
            thread::yield_now();
        }
    }
}
