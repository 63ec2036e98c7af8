//! G1: once `CACHE.INVALIDATE` has replied, nobody sees what it killed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::common::{Running, Server};

const ROUNDS: u64 = 1_500;

const READS: [&str; 5] = [
    "CACHE.GET k",
    "CACHE.GET k STALE",
    "CACHE.MGET k1 k2 k",
    "CACHE.GETEX k1 EX 1000",
    "CACHE.GETORLOCK k2 LEASE 1",
];

/// The generations in a reply, whose values are `v` and a number.
fn generations(reply: &str) -> impl Iterator<Item = u64> {
    reply
        .split([' ', '[', ']'])
        .filter_map(|word| word.strip_prefix('v')?.parse().ok())
}

/// Reads while it runs; what it sees may never be older than what was killed before it asked.
fn read(s: &Server, command: &str, oldest: &AtomicU64, running: &Running) -> u64 {
    let (mut c, mut seen) = (s.client(), 0);
    while running.goes_on() {
        let oldest = oldest.load(Ordering::SeqCst);
        for generation in generations(&c.text(command)) {
            assert!(
                generation >= oldest,
                "{command} gave {generation} after {oldest}"
            );
            seen += 1;
        }
    }
    seen
}

fn invalidate(s: &Server, oldest: &AtomicU64) {
    let mut c = s.client();
    for generation in 0..ROUNDS {
        c.pipeline(["k", "k1", "k2"].map(|key| format!("CACHE.SET {key} v{generation} TAGS 1 t")));
        c.text("CACHE.INVALIDATE other t");
        oldest.store(generation + 1, Ordering::SeqCst);
    }
}

#[test]
fn no_read_after_the_reply_sees_an_older_value() {
    let s = &Server::with("cache.reclaim-inline 0");
    let (oldest, running) = (&AtomicU64::new(0), &Running::default());
    let seen: u64 = thread::scope(|scope| {
        let readers = READS.map(|command| scope.spawn(move || read(s, command, oldest, running)));
        running.during(|| invalidate(s, oldest));
        readers
            .map(|reader| reader.join().expect("a reader without complaint"))
            .iter()
            .sum()
    });
    assert!(
        seen > 0,
        "the readers never saw a value, so they have shown nothing"
    );
}
