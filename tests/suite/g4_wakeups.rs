//! G4: nobody waits longer than asked, and nobody waits for nothing.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Client, Random, Server};

/// A wait far longer than any of these tests, so that a lost wake-up is seen.
const CALL: &str = "CACHE.GETORLOCK k WAIT 60000 LEASE 60000";

/// What may happen to a key while callers wait for it.
const EVENTS: [&str; 15] = [
    "CACHE.SET k v",
    "CACHE.SET k v EX 100",
    "CACHE.SET k v PXAT 1000",
    "CACHE.SET k v TOKEN {token}",
    "CACHE.SET k v TOKEN {token} TAGS 1 {invalidated}",
    "CACHE.UNLOCK k {token}",
    "CACHE.RENEW k {token} 1",
    "DEL k",
    "EXPIRE k -1",
    "FLUSHALL",
    "FLUSHDB ASYNC",
    "RENAME k other",
    "RENAME ready k",
    "SWAPDB 0 1",
    "MOVE k 2",
];

/// Ends every wait: whoever is promoted stores the value.
fn finish(c: &mut Client, mut waiters: Vec<Client>) {
    waiters.reverse();
    while let Some(mut waiter) = waiters.pop() {
        let reply = waiter.reply_text();
        if let Some(token) = reply.strip_prefix("[miss nil :") {
            c.check(
                format!("CACHE.SET k v TOKEN {}", token.trim_end_matches(']')),
                "OK",
            );
        } else {
            assert_eq!(reply, "[fresh v nil]");
        }
    }
}

#[test]
fn whatever_happens_wakes_somebody() {
    for event in EVENTS {
        for _ in 0..3 {
            let s = Server::start();
            let mut c = s.client();
            c.check("CACHE.SET ready v", "OK");
            let token = c.lease("k LEASE 60000");
            let waiters: [Client; 4] = s.waiters("k WAIT 60000 LEASE 60000");
            c.check("CACHE.INVALIDATE late", ":0");
            let start = Instant::now();
            c.run(
                event
                    .replace("{token}", &token.to_string())
                    .replace("{invalidated}", "late"),
            );
            finish(&mut c, waiters.into());
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{event}: {:?}",
                start.elapsed()
            );
        }
    }
}

#[test]
fn nobody_waits_longer_than_asked() {
    let s = Server::start();
    s.client().lease("k LEASE 60000");
    let waits = [20, 100, 250];
    let mut late = Duration::ZERO;
    for wait in waits {
        let mut callers: Vec<Client> = (0..10).map(|_| s.client()).collect();
        let start = Instant::now();
        callers
            .iter_mut()
            .for_each(|c| c.send(format!("CACHE.GETORLOCK k WAIT {wait}")));
        callers
            .iter_mut()
            .for_each(|c| c.check_reply("[busy nil nil]"));
        assert!(
            start.elapsed() >= Duration::from_millis(wait),
            "{wait}: {:?}",
            start.elapsed()
        );
        late = late.max(start.elapsed() - Duration::from_millis(wait));
    }
    // 100 ms are promised; the rest is for the machine that runs all tests at once.
    assert!(late < Duration::from_millis(300), "{late:?}");
}

/// Callers that store, give up, delete, let expire or go away, each at random.
fn live(s: &Server, seed: u64) {
    let (mut c, mut random) = (s.client(), Random::new(seed));
    for _ in 0..150 {
        let start = Instant::now();
        let reply = c.text(CALL);
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{reply} after {:?}",
            start.elapsed()
        );
        assert_ne!(reply, "[busy nil nil]");
        let Some((_, token)) = reply.trim_end_matches(']').rsplit_once(" :") else {
            c.run(*random.pick(&["DEL k", "CACHE.INVALIDATE t", "FLUSHALL", "PING"]));
            continue;
        };
        match random.below(6) {
            0..3 => drop(c.run(format!("CACHE.SET k v TOKEN {token} PX 5 TAGS 1 t"))),
            3 => drop(c.run(format!("CACHE.UNLOCK k {token}"))),
            4 => drop(c.run(format!("CACHE.RENEW k {token} 2"))),
            _ => drop(c.run("RENAME k elsewhere")),
        }
    }
}

#[test]
fn in_a_crowd_nobody_is_forgotten() {
    let s = &Server::start();
    thread::scope(|scope| {
        for seed in 1..=8 {
            scope.spawn(move || live(s, seed));
        }
    });
    assert_eq!(s.blocked(), 0);
}

#[test]
fn callers_that_go_away_do_not_keep_others_waiting() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 200");
    let waiters: [Client; 20] = s.waiters("k WAIT 60000 LEASE 60000 BOUND");
    let mut stay: Vec<_> = waiters.into_iter().skip(1).step_by(2).collect();
    let mut last = 0;
    while !stay.is_empty() {
        let token = stay.remove(0).promoted();
        assert!(token > last);
        last = token;
    }
}
