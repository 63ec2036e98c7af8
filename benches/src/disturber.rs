//! A client that invalidates a tag every millisecond.

use crate::requests::Requests;
use crate::wire::{Tally, Wire};
use larder_test_support::Running;
use std::thread;
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(1);

/// Does `work` while tags are invalidated, 1,000 times a second if the server keeps up.
pub(crate) fn while_invalidating<T>(port: u16, work: impl FnOnce() -> T) -> T {
    let running = Running::default();
    thread::scope(|scope| {
        scope.spawn(|| invalidate(port, &running));
        running.during(work)
    })
}

/// Each time the tag has an entry, so that there is something to invalidate.
fn invalidate(port: u16, running: &Running) {
    let mut requests = Requests::default();
    requests.command(&[b"CACHE.SET", b"elsewhere", b"", b"TAGS", b"1", b"elsewhere"]);
    requests.command(&[b"CACHE.INVALIDATE", b"elsewhere"]);
    requests.end();
    let mut wire = Wire::connect(port);
    let mut due = Instant::now();
    while running.goes_on() {
        for batch in requests.batches(1) {
            wire.send(batch.bytes);
            wire.skip_replies(batch.replies, &mut Tally::default());
        }
        due += PERIOD;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
