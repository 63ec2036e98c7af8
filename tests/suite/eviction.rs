//! Memory that is used up, under every policy: what is evicted leaves the index and loses its lease;
//! what may not be evicted stays and is served.

use crate::common::{Client, Server, wait_for_nothing, wait_until};

const OUT_OF_MEMORY: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

/// A value of 400 bytes.
fn value() -> String {
    "x".repeat(400)
}

/// Stores entries until some have been evicted; every tenth call leases a key that holds nothing.
/// Gives the leases.
fn overflow(c: &mut Client) -> Vec<(String, i64)> {
    let used: u64 = c.server_info("memory", "used_memory").parse().unwrap();
    c.check(format!("CONFIG SET maxmemory {}", used + 300_000), "OK");
    let mut leases = Vec::new();
    for i in 0..2_000 {
        let (value, tag) = (value(), i % 7);
        c.check(
            format!("CACHE.SET k{i} {value} EX 1000 GRACE 100 TAGS 2 t{tag} own{i}"),
            "OK",
        );
        if i % 10 == 0 {
            leases.push((format!("p{i}"), c.lease(&format!("p{i} LEASE 60000"))));
        }
    }
    leases
}

/// After an overflow: the index holds what the keys are, and a lease is as good as its key.
fn check_evicted(c: &mut Client, leases: &[(String, i64)]) {
    let evicted: u64 = c.server_info("stats", "evicted_keys").parse().unwrap();
    assert!(evicted > 100, "only {evicted} evicted");
    assert_eq!(c.complaints(), None);
    c.check("CONFIG SET maxmemory 0", "OK");
    wait_until("the index follows", || {
        c.stats().int("entries") == c.int("DBSIZE")
    });
    for i in 0..2_000 {
        let there = c.int(format!("EXISTS k{i}"));
        c.check(format!("CACHE.INVALIDATE own{i}"), &format!(":{there}"));
    }
    for (key, token) in leases {
        let there = c.int(format!("EXISTS {key}"));
        c.check(format!("CACHE.UNLOCK {key} {token}"), &format!(":{there}"));
    }
}

#[test]
fn the_index_follows_when_anything_may_be_evicted() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let s = Server::with(&format!("maxmemory-policy {policy}"));
        let mut c = s.client();
        let empty = c.stats().int("index-bytes");
        let leases = overflow(&mut c);
        check_evicted(&mut c, &leases);
        wait_for_nothing(&mut c, empty);
    }
}

#[test]
fn entries_without_an_end_stay_when_only_others_may_be_evicted() {
    for policy in [
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] {
        let s = Server::with(&format!("maxmemory-policy {policy}"));
        let mut c = s.client();
        let empty = c.stats().int("index-bytes");
        c.pipeline((0..100).map(|i| format!("CACHE.SET endless{i} v TAGS 2 endless t1")));
        let leases = overflow(&mut c);
        check_evicted(&mut c, &leases);
        c.check("CACHE.INVALIDATE endless", ":100");
        wait_for_nothing(&mut c, empty);
    }
}

#[test]
fn a_full_server_that_may_not_evict_serves_and_invalidates() {
    let s = Server::with("maxmemory-policy noeviction");
    let mut c = s.client();
    c.pipeline((0..50).map(|i| format!("CACHE.SET k{i} v{i} EX 1000 GRACE 100 TAGS 1 t{}", i % 2)));
    let given_up = c.lease("given-up LEASE 60000");
    let filled = c.lease("filled LEASE 60000");
    c.check("CONFIG SET maxmemory 1", "OK");

    c.check("CACHE.SET new v", OUT_OF_MEMORY);
    c.check("CACHE.SET k0 v", OUT_OF_MEMORY);
    c.check(format!("CACHE.SET filled v TOKEN {filled}"), OUT_OF_MEMORY);
    c.check("CACHE.GETORLOCK new", OUT_OF_MEMORY);
    c.check("CACHE.GETORLOCK filled", "[busy nil nil]");
    c.check("CACHE.GETORLOCK k1", "[fresh v1 nil]");
    for i in 0..50 {
        c.check(format!("CACHE.GET k{i}"), &format!("v{i}"));
    }
    c.check("CACHE.GETEX k1 EX 500", "v1");
    c.check(format!("CACHE.RENEW filled {filled} 30000"), ":1");
    c.check(format!("CACHE.UNLOCK given-up {given_up}"), ":1");
    c.check("RENAME k1 k51", "OK");
    c.check("CACHE.MARKSTALE t1", ":25");
    c.check("CACHE.GET k51 STALE", "v1");
    let refresh = c.refresh("k51", "stale v1");
    c.check("CACHE.INVALIDATE t0", ":25");
    wait_until("the dead are reclaimed", || c.stats().int("entries") == 26);

    c.check("CONFIG SET maxmemory 0", "OK");
    c.check(format!("CACHE.SET filled v TOKEN {filled}"), "OK");
    c.check(
        format!("CACHE.SET k51 again TOKEN {refresh} TAGS 1 t1"),
        "OK",
    );
    c.check("CACHE.GET k51", "again");
}

#[test]
fn when_a_lease_is_evicted_the_next_waiter_gets_one() {
    let s = Server::with("maxmemory-policy volatile-ttl");
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut first, mut second] = s.waiters("k WAIT 20000 LEASE 60000");
    // Sent together, so that there is memory again before anybody is woken.
    let squeeze = ["CONFIG SET maxmemory 1", "PING", "CONFIG SET maxmemory 0"];
    c.pipeline(squeeze);
    let next = first.promoted();
    assert!(next > token);
    assert_eq!(s.blocked(), 1);
    c.check(format!("CACHE.SET k old TOKEN {token}"), "nil");
    c.check(format!("CACHE.SET k new TOKEN {next}"), "OK");
    second.check_reply("[fresh new nil]");
}
