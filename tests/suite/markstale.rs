//! `CACHE.MARKSTALE`: the soft purge.

use std::time::{Duration, Instant};

use crate::common::{Fields, Server, wait_until};

#[test]
fn marked_entries_are_stale_now() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 60000 PGRACE 40000 TAGS 1 a", "OK");
    c.check("CACHE.SET other v EX 60 TAGS 1 b", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("CACHE.GET k STALE", "v");
    c.check("CACHE.EXISTS k", ":1");
    c.check("CACHE.GET other", "v");
    let info = c.info("k");
    assert_eq!(
        (info.text("state").as_str(), info.int("ttl-ms")),
        ("stale", 0)
    );
    c.refresh("k", "stale v");
}

#[test]
fn the_count_adds_up_over_the_tags() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.MARKSTALE none", ":0");
    c.check("CACHE.SET k1 v EX 60 GRACE 60 TAGS 2 a b", "OK");
    c.check("CACHE.SET k2 v EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a b none a", ":3");
    c.check("CACHE.MARKSTALE a", ":2");
    c.check("CACHE.INVALIDATE a", ":2");
}

#[test]
fn without_grace_a_marked_entry_is_gone_at_once() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    c.check("CACHE.SET k v EX 60 TAGS 1 a", "OK");
    c.check("CACHE.SET endless v TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":2");
    c.check("CACHE.MGET k endless", "[nil nil]");
    c.check("CACHE.GET k STALE", "nil");
    c.check("CACHE.EXISTS k endless", ":0");
    c.lease("k LEASE 100");
    wait_until("what is gone is given back", || {
        c.int("DBSIZE") == 0 && c.stats().int("index-bytes") == empty
    });
}

#[test]
fn a_marked_entry_is_served_for_its_grace() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 300 TAGS 1 a", "OK");
    let marked = Instant::now();
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("CACHE.GET k STALE", "v");
    wait_until("its grace is over", || c.text("CACHE.GET k STALE") == "nil");
    assert!(
        marked.elapsed() >= Duration::from_millis(295),
        "{:?}",
        marked.elapsed()
    );
    c.check("CACHE.EXISTS k", ":0");
    c.check("CACHE.INFO k", "nil");
    c.check("CACHE.TAGS k", "nil");
    c.lease("k");
}

#[test]
fn later_marks_neither_prolong_nor_revive() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 300 TAGS 2 a b", "OK");
    let marked = Instant::now();
    c.check("CACHE.MARKSTALE a", ":1");
    let over = |c: &mut crate::common::Client| {
        c.run("CACHE.MARKSTALE a b");
        c.text("CACHE.GET k STALE") == "nil"
    };
    wait_until("the grace of the first mark is over", || over(&mut c));
    assert!(
        marked.elapsed() < Duration::from_secs(5),
        "{:?}",
        marked.elapsed()
    );
    c.run("CACHE.MARKSTALE a b");
    c.check("CACHE.GET k STALE", "nil");
}

#[test]
fn a_mark_never_serves_past_the_end() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 50000 TAGS 1 a", "OK");
    c.check("PEXPIRE k 200", ":1");
    let shortened = Instant::now();
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("CACHE.GET k STALE", "v");
    wait_until("its end has come", || c.text("CACHE.GET k STALE") == "nil");
    assert!(
        shortened.elapsed() < Duration::from_secs(5),
        "{:?}",
        shortened.elapsed()
    );
}

#[test]
fn what_is_stored_after_the_mark_is_fresh() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("CACHE.SET k w EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.GET k", "w");
    c.check("CACHE.SET k2 v EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.GET k2", "v");
    c.check("CACHE.MARKSTALE a", ":2");
    c.check("CACHE.MGET k k2", "[nil nil]");
}

#[test]
fn many_generations_of_marks_keep_apart() {
    let s = Server::start();
    let mut c = s.client();
    for i in 0..50 {
        c.check(format!("CACHE.SET k{i} v EX 60 GRACE 60 TAGS 1 a"), "OK");
        c.check("CACHE.MARKSTALE a", &format!(":{}", i + 1));
        c.check(format!("CACHE.GET k{i}"), "nil");
        c.check(format!("CACHE.GET k{i} STALE"), "v");
    }
    c.check("CACHE.SET young v EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.GET young", "v");
    assert_eq!(Fields::of(c.run("CACHE.TAGINFO a")).int("entries"), 51);
    c.check("CACHE.INVALIDATE a", ":51");
    assert_eq!(c.stats().int("tags"), 0);
}

#[test]
fn keepttl_does_not_keep_the_times_of_a_marked_entry() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("CACHE.SET k w KEEPTTL", "OK");
    c.check("CACHE.GET k", "w");
    c.check("PTTL k", ":-1");
}

#[test]
fn native_expiry_does_not_freshen_a_marked_entry() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v EX 60 GRACE 60 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("EXPIRE k 10000", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("PERSIST k", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("CACHE.GET k STALE", "v");
}

#[test]
fn marks_are_published() {
    let s = Server::start();
    let (mut c, mut listener) = (s.client(), s.client());
    listener.check(
        "SUBSCRIBE __cache@0__:markstale",
        "[subscribe __cache@0__:markstale :1]",
    );
    c.check("CACHE.INVALIDATE ignored", ":0");
    c.check("CACHE.MARKSTALE a b", ":0");
    listener.check_reply("[message __cache@0__:markstale a]");
    listener.check_reply("[message __cache@0__:markstale b]");
}

#[test]
fn a_lease_outlives_the_mark() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k", "stale v");
    c.check("CACHE.MARKSTALE a", ":1");
    c.check(format!("CACHE.RENEW k {token} 5000"), ":1");
    c.check("CACHE.GETORLOCK k", "[stale v nil]");
    c.check(format!("CACHE.SET k w TOKEN {token} TAGS 1 b"), "OK");
}
