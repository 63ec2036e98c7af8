//! Everything at once for a while: `LARDER_SOAK_SECONDS` (5 unless set).

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Client, Random, Server, show, wait_for_nothing};

const CONNECTIONS: u64 = 6;

fn duration() -> Duration {
    let seconds = env::var("LARDER_SOAK_SECONDS").map_or(5, |s| s.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// Random commands, some of which wait; an error other than these has no excuse.
fn use_until(s: &Server, seed: u64, end: Instant) -> usize {
    let (mut c, mut random, mut token) = (s.client(), Random::new(seed), 1);
    let mut count = 0;
    while Instant::now() < end {
        let mut command = random.command(token);
        if command.starts_with("CACHE.GETORLOCK") && random.below(2) == 0 {
            command.push_str(" WAIT 20 BOUND");
        }
        let reply = show(&c.run(command.as_str()));
        check_reply(&command, &reply);
        if let Some((_, granted)) = reply.trim_end_matches(']').rsplit_once(" :") {
            token = granted.parse().unwrap_or(token);
        }
        if random.below(500) == 0 {
            c = s.client();
        }
        count += 1;
    }
    count
}

fn check_reply(command: &str, reply: &str) {
    let excused = [
        "-ERR no such key",
        "-WRONGTYPE",
        "-ERR source and destination objects",
        "-OOM",
    ];
    let fine = !reply.starts_with('-') || excused.iter().any(|error| reply.starts_with(error));
    assert!(fine, "{command}: {reply}");
}

/// Moves the memory limit up and down, so that entries are evicted now and then.
fn squeeze(c: &mut Client, end: Instant) {
    while Instant::now() < end {
        c.check("CONFIG SET maxmemory 1500000", "OK");
        thread::sleep(Duration::from_millis(20));
        c.check("CONFIG SET maxmemory 0", "OK");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn random_use_by_many_ends_well() {
    let s = &Server::with("maxmemory-policy allkeys-random\ncache.reclaim-inline 1");
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    let end = Instant::now() + duration();
    let count: usize = thread::scope(|scope| {
        let users: Vec<_> = (1..=CONNECTIONS)
            .map(|seed| scope.spawn(move || use_until(s, seed, end)))
            .collect();
        squeeze(&mut c, end);
        users
            .into_iter()
            .map(|user| user.join().expect("a user without complaint"))
            .sum()
    });
    assert!(count > 1_000, "only {count} commands");
    assert_eq!(s.blocked(), 0);
    wait_for_nothing(&mut c, empty);
}
