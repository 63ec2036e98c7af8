//! Waiting for a condition, with a deadline instead of a guess.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once on an idle machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(1);

/// Polls `condition` until it holds; fails the test with `what` when the deadline passes.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "in {DEADLINE:?} never: {what}");
        thread::sleep(POLL);
    }
}

/// Tells threads to go on until the one that decides has returned, be it by a panic.
#[derive(Default)]
pub struct Running {
    ended: AtomicBool,
}

impl Running {
    pub fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }

    /// Does the work for whose time the others run.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let _end = End(&self.ended);
        work()
    }
}
