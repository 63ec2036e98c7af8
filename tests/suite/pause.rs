//! What was put off goes on after clients were paused, and nothing is written meanwhile.

use crate::common::{Server, wait_until};

#[test]
fn marks_wait_until_clients_may_write_again() {
    let s = Server::with("cache.reclaim-inline 0\nappendonly yes");
    let mut c = s.client();
    c.pipeline((0..20_000).map(|i| format!("CACHE.SET k{i} v TAGS 1 a")));
    c.send("CACHE.MARKSTALE a");
    c.send("CLIENT PAUSE 300 WRITE");
    c.check_reply(":20000");
    c.check_reply("OK");
    c.check("PING", "PONG");
    wait_until("all are gone", || c.int("DBSIZE") == 0);
}

#[test]
fn a_shorter_lease_ends_for_those_who_wait() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 1 PGRACE 60000", "OK");
    wait_until("the value is stale", || c.text("CACHE.GET k") == "nil");
    let token = c.lease("k FRESH LEASE 60000");
    let [mut waiter] = s.waiters("k FRESH WAIT 60000");
    c.check(format!("CACHE.RENEW k {token} 100"), ":1");
    assert!(waiter.promoted() > token);
}

#[test]
fn replayed_tags_do_not_depend_on_the_time() {
    let mut s = Server::with("appendonly yes\nappendfsync always");
    let mut c = s.client();
    c.check("CACHE.SET k v PX 300", "OK");
    c.check("CACHE.SETTAGS k a", ":1");
    c.check("EXPIRE k 1000", ":1");
    c.check("CACHE.SET short v PX 300", "OK");
    wait_until("the first end is over", || {
        c.text("CACHE.GET short") == "nil"
    });
    s.crash();
    let mut c = s.client();
    c.check("CACHE.TAGS k", "[a]");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET k", "nil");
}
