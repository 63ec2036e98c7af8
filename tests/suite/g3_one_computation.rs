//! G3: however many ask, one computes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{Client, Server, wait_until};

#[test]
fn two_hundred_callers_cause_one_computation() {
    let s = Server::start();
    let mut c = s.client();
    let mut callers: Vec<Client> = (0..200).map(|_| s.client()).collect();
    for round in 0..3 {
        for caller in &mut callers {
            caller.send(format!("CACHE.GETORLOCK k{round} WAIT 60000 LEASE 60000"));
        }
        wait_until("all but one wait", || s.blocked() == 199);
        let token = c.info(&format!("k{round}")).int("lease");
        c.check(format!("CACHE.SET k{round} v TOKEN {token} EX 100"), "OK");
        let mut replies: Vec<_> = callers.iter_mut().map(Client::reply_text).collect();
        replies.sort();
        assert_eq!(replies[199], format!("[miss nil :{token}]"));
        assert!(
            replies[..199].iter().all(|reply| reply == "[fresh v nil]"),
            "{replies:?}"
        );
    }
    assert_eq!(c.stats().int("leases-granted"), 3);
}

/// Half of the holders fill, half give up; never do two compute the same key at once.
fn take_turns(s: &Server, me: u32, computing: &AtomicU32, computed: &AtomicU32) {
    let mut c = s.client();
    for round in (0..).take_while(|_| computed.load(Ordering::SeqCst) < 300) {
        let reply = c.text("CACHE.GETORLOCK k WAIT 60000 LEASE 60000");
        let Some((_, token)) = reply.trim_end_matches(']').rsplit_once(" :") else {
            assert_eq!(reply, "[fresh v nil]");
            continue;
        };
        assert_eq!(
            computing.fetch_add(1, Ordering::SeqCst),
            0,
            "two compute at once"
        );
        thread::sleep(Duration::from_micros(100));
        computing.fetch_sub(1, Ordering::SeqCst);
        computed.fetch_add(1, Ordering::SeqCst);
        match (round + me) % 2 {
            0 => c.check(format!("CACHE.SET k v TOKEN {token} PX 1"), "OK"),
            _ => c.check(format!("CACHE.UNLOCK k {token}"), ":1"),
        }
    }
}

#[test]
fn holders_never_overlap() {
    let s = &Server::start();
    let (computing, computed) = (&AtomicU32::new(0), &AtomicU32::new(0));
    thread::scope(|scope| {
        for me in 0..8 {
            scope.spawn(move || take_turns(s, me, computing, computed));
        }
    });
}

#[test]
fn no_lease_is_granted_while_another_runs() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k LEASE 60000", "stale old");
    for options in ["", "FRESH", "EARLY 1000000000", "BOUND", "LEASE 1"] {
        let reply = c.text(format!("CACHE.GETORLOCK k {options}"));
        assert!(reply.ends_with(" nil]"), "{options}: {reply}");
    }
    for touch in [
        "CACHE.SETTAGS k b",
        "PERSIST k",
        "CACHE.MARKSTALE b",
        "EXPIRE k 70",
    ] {
        c.run(touch);
        let reply = c.text("CACHE.GETORLOCK k");
        assert!(reply.ends_with(" nil]"), "{touch}: {reply}");
        assert_eq!(c.info("k").int("lease"), token, "{touch}");
    }
}

#[test]
fn a_holder_that_dies_is_followed_by_one_other() {
    let s = Server::start();
    let mut c = s.client();
    let first = c.lease("k LEASE 3000");
    let mut waiters: [Client; 50] = s.waiters("k WAIT 60000 LEASE 60000");
    let next = waiters[0].promoted();
    assert!(next > first);
    assert_eq!(s.blocked(), 49);
    assert_eq!(c.info("k").int("lease"), next);
    c.check(format!("CACHE.SET k v TOKEN {next}"), "OK");
    for waiter in &mut waiters[1..] {
        waiter.check_reply("[fresh v nil]");
    }
}
