//! `CACHE.GETORLOCK` row by row, and what keeps or ends a lease.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Client, Server, show, wait_until};

/// A stale value that stays servable for long.
fn set_stale(c: &mut Client, key: &str) {
    c.check(format!("CACHE.SET {key} old PX 100000 PGRACE 100000"), "OK");
    c.check(format!("PEXPIRE {key} 50000"), ":1");
}

/// A fresh value whose computation took long enough to be refreshed early.
fn set_computed(c: &mut Client, key: &str, options: &str) {
    let token = c.lease(key);
    thread::sleep(Duration::from_millis(20));
    c.check(format!("CACHE.SET {key} v TOKEN {token} {options}"), "OK");
}

/// Polls until the key's lease is to be had, and takes it.
fn lease_when_free(c: &mut Client, words: &str) -> i64 {
    let mut token = None;
    wait_until("the lease is free", || {
        let reply = show(&c.run(format!("CACHE.GETORLOCK {words}")));
        let granted = reply.strip_prefix("[miss nil :");
        token = granted.and_then(|rest| rest.strip_suffix(']')?.parse().ok());
        assert!(token.is_some() || reply == "[busy nil nil]", "{reply}");
        token.is_some()
    });
    token.unwrap()
}

#[test]
fn a_fresh_value_needs_nobody() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    c.check("CACHE.GETORLOCK k", "[fresh v nil]");
    c.check(
        "CACHE.GETORLOCK k WAIT 1000 LEASE 1000 FRESH BOUND",
        "[fresh v nil]",
    );
    c.check("CACHE.SET empty ''", "OK");
    c.check("CACHE.GETORLOCK empty", "[fresh '' nil]");
}

#[test]
fn an_early_draw_makes_one_caller_refresh_a_fresh_value() {
    let s = Server::start();
    let mut c = s.client();
    set_computed(&mut c, "k", "EX 100");
    let token = c.refresh("k EARLY 1000000000", "fresh v");
    c.check("CACHE.GETORLOCK k EARLY 1000000000", "[fresh v nil]");
    assert_eq!(c.info("k").int("lease"), token);
    c.check(format!("CACHE.SET k w TOKEN {token} EX 100"), "OK");
    c.check("CACHE.GETORLOCK k", "[fresh w nil]");
    assert_eq!(c.stats().int("early-refreshes"), 1);
}

#[test]
fn early_draws_only_near_the_end_of_what_was_slow() {
    let s = Server::start();
    let mut c = s.client();
    set_computed(&mut c, "k", "EX 1000");
    for _ in 0..100 {
        c.check("CACHE.GETORLOCK k EARLY 1", "[fresh v nil]");
    }
    set_computed(&mut c, "endless", "");
    c.check("CACHE.GETORLOCK endless EARLY 1000000000", "[fresh v nil]");
    c.check("CACHE.SET unmeasured v EX 100", "OK");
    c.check(
        "CACHE.GETORLOCK unmeasured EARLY 1000000000",
        "[fresh v nil]",
    );
}

#[test]
fn no_early_draw_during_a_backoff() {
    let s = Server::start();
    let mut c = s.client();
    set_computed(&mut c, "k", "EX 100");
    let token = c.refresh("k EARLY 1000000000", "fresh v");
    c.check(format!("CACHE.UNLOCK k {token} BACKOFF 60000"), ":1");
    c.check("CACHE.GETORLOCK k EARLY 1000000000", "[fresh v nil]");
    assert_eq!(c.info("k").text("lease"), "nil");
}

#[test]
fn a_stale_value_is_served_while_one_caller_refreshes_it() {
    let s = Server::start();
    let mut c = s.client();
    set_stale(&mut c, "k");
    let token = c.refresh("k", "stale old");
    c.check("CACHE.GETORLOCK k", "[stale old nil]");
    c.check("CACHE.GETORLOCK k WAIT 10000", "[stale old nil]");
    c.check(format!("CACHE.SET k new TOKEN {token}"), "OK");
    c.check("CACHE.GETORLOCK k", "[fresh new nil]");
}

#[test]
fn a_stale_value_in_backoff_is_served_without_a_lease() {
    let s = Server::start();
    let mut c = s.client();
    set_stale(&mut c, "k");
    let token = c.refresh("k", "stale old");
    c.check(format!("CACHE.UNLOCK k {token} BACKOFF 300"), ":1");
    c.check("CACHE.GETORLOCK k", "[stale old nil]");
    wait_until("the backoff is over", || {
        c.text("CACHE.GETORLOCK k") != "[stale old nil]"
    });
    assert!(c.info("k").int("lease") > token);
}

#[test]
fn nothing_there_gives_one_lease_and_busy() {
    let s = Server::start();
    let (mut c, mut other) = (s.client(), s.client());
    let token = c.lease("k");
    assert!(token > 0 && token < 1 << 53, "{token}");
    other.check("CACHE.GETORLOCK k", "[busy nil nil]");
    c.check("CACHE.GETORLOCK k WAIT 0", "[busy nil nil]");
    c.check("CACHE.GET k", "nil");
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    other.check("CACHE.GETORLOCK k", "[fresh v nil]");
}

#[test]
fn a_backoff_keeps_everybody_from_computing() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    let unlocked = Instant::now();
    c.check(format!("CACHE.UNLOCK k {token} BACKOFF 300"), ":1");
    c.check("CACHE.GETORLOCK k WAIT 20000", "[busy nil nil]");
    c.check(format!("CACHE.SET k v TOKEN {token}"), "nil");
    assert!(lease_when_free(&mut c, "k") > token);
    assert!(
        unlocked.elapsed() >= Duration::from_millis(295),
        "{:?}",
        unlocked.elapsed()
    );
}

#[test]
fn a_store_ends_a_backoff() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    c.check(format!("CACHE.UNLOCK k {token} BACKOFF 60000"), ":1");
    c.check("CACHE.SET k v EX 100", "OK");
    c.check("CACHE.GETORLOCK k", "[fresh v nil]");
    let ttl = c.int("PTTL k");
    assert!(ttl > 60_000, "{ttl}");
}

#[test]
fn tokens_grow() {
    let mut s = Server::start();
    let mut c = s.client();
    let mut last = 0;
    for i in 0..1000 {
        let token = c.lease(&format!("k{}", i % 7));
        assert!(token > last, "{token} after {last}");
        last = token;
        c.check(format!("CACHE.UNLOCK k{} {token}", i % 7), ":1");
    }
    s.restart("NOSAVE");
    assert!(s.client().lease("k") > last);
}

#[test]
fn a_placeholder_lives_as_long_as_its_lease() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k");
    let ttl = c.int("PTTL k");
    assert!((1..=5_000).contains(&ttl), "{ttl}");
    c.check("DBSIZE", ":1");
    c.check("SET k x NX", "nil");
    let granted = Instant::now();
    c.lease("short LEASE 200");
    wait_until("the placeholder expires", || c.int("EXISTS short") == 0);
    assert!(
        granted.elapsed() >= Duration::from_millis(195),
        "{:?}",
        granted.elapsed()
    );
    c.lease("short");
}

#[test]
fn the_lease_of_a_stale_value_ends_on_time() {
    let s = Server::start();
    let mut c = s.client();
    set_stale(&mut c, "k");
    let granted = Instant::now();
    let token = c.refresh("k LEASE 200", "stale old");
    wait_until("the lease is free", || {
        c.text("CACHE.GETORLOCK k") != "[stale old nil]"
    });
    assert!(
        granted.elapsed() >= Duration::from_millis(195),
        "{:?}",
        granted.elapsed()
    );
    assert!(c.info("k").int("lease") > token);
    c.check(format!("CACHE.SET k late TOKEN {token}"), "nil");
}

#[test]
fn lease_times_have_defaults_and_limits() {
    let s = Server::with("cache.lease-time 7000\ncache.max-lease-time 30000");
    let mut c = s.client();
    let token = c.lease("k");
    let ttl = c.int("PTTL k");
    assert!((5_001..=7_000).contains(&ttl), "{ttl}");
    for command in [
        "CACHE.GETORLOCK k2 LEASE 30001".to_owned(),
        "CACHE.GETORLOCK k2 LEASE 0".to_owned(),
        "CACHE.GETORLOCK k2 LEASE -1".to_owned(),
        "CACHE.GETORLOCK k2 LEASE 9223372036854775807".to_owned(),
        "CACHE.GETORLOCK k2 WAIT 300001".to_owned(),
        "CACHE.GETORLOCK k2 WAIT -1".to_owned(),
        "CACHE.GETORLOCK k2 EARLY -1".to_owned(),
        "CACHE.GETORLOCK k2 EARLY nan".to_owned(),
        "CACHE.GETORLOCK k2 EARLY inf".to_owned(),
        "CACHE.GETORLOCK k2 EARLY x".to_owned(),
        format!("CACHE.RENEW k {token} 30001"),
        format!("CACHE.RENEW k {token} 0"),
        format!("CACHE.UNLOCK k {token} BACKOFF 30001"),
        format!("CACHE.UNLOCK k {token} BACKOFF 0"),
    ] {
        let reply = c.text(command.as_str());
        assert!(reply.starts_with("-ERR "), "{command}: {reply}");
    }
    c.check("EXISTS k2", ":0");
    assert_eq!(c.info("k").int("lease"), token);
    c.lease("k2 LEASE 30000");
    c.check(format!("CACHE.RENEW k {token} 30000"), ":1");
}

#[test]
fn renew_moves_the_end_of_the_lease() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 500");
    c.check(format!("CACHE.RENEW k {token} 60000"), ":1");
    assert!(c.int("PTTL k") > 50_000);
    c.check(format!("CACHE.RENEW k {} 1000", token + 1), ":0");
    c.check(format!("CACHE.RENEW k {token} 200"), ":1");
    wait_until("the shortened lease ends", || c.int("EXISTS k") == 0);
    c.check(format!("CACHE.RENEW k {token} 1000"), ":0");
    c.check("EXISTS k", ":0");
}

#[test]
fn unlock_gives_the_lease_up() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.UNLOCK k 1", ":0");
    let token = c.lease("k");
    c.check(format!("CACHE.UNLOCK k {}", token + 1), ":0");
    c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    c.check("EXISTS k", ":0");
    c.check(format!("CACHE.UNLOCK k {token}"), ":0");
    set_stale(&mut c, "stale");
    let token = c.refresh("stale", "stale old");
    c.check(format!("CACHE.UNLOCK stale {token}"), ":1");
    assert!(c.refresh("stale", "stale old") > token);
}

#[test]
fn a_bound_lease_ends_with_its_connection() {
    let s = Server::start();
    let (mut c, mut holder) = (s.client(), s.client());
    let token = holder.lease("k BOUND LEASE 60000");
    set_stale(&mut c, "stale");
    holder.refresh("stale BOUND LEASE 60000", "stale old");
    c.check("CACHE.GETORLOCK k", "[busy nil nil]");
    drop(holder);
    assert!(lease_when_free(&mut c, "k") > token);
    wait_until("the other lease ends", || {
        c.text("CACHE.GETORLOCK stale") != "[stale old nil]"
    });
}

#[test]
fn a_closing_connection_ends_only_its_own_leases() {
    let s = Server::start();
    let (mut c, mut holder, mut other) = (s.client(), s.client(), s.client());
    let first = holder.lease("k BOUND");
    holder.lease("signal BOUND LEASE 60000");
    c.check(format!("CACHE.UNLOCK k {first}"), ":1");
    let second = other.lease("k LEASE 60000");
    let unbound = holder.lease("unbound LEASE 60000");
    drop(holder);
    lease_when_free(&mut c, "signal");
    c.check(format!("CACHE.RENEW k {second} 60000"), ":1");
    c.check(format!("CACHE.RENEW unbound {unbound} 60000"), ":1");
}

#[test]
fn fresh_treats_a_stale_value_as_nothing() {
    let s = Server::start();
    let (mut c, mut other) = (s.client(), s.client());
    set_stale(&mut c, "k");
    let token = c.lease("k FRESH");
    other.check("CACHE.GETORLOCK k", "[stale old nil]");
    other.check("CACHE.GETORLOCK k FRESH", "[busy nil nil]");
    c.check(format!("CACHE.UNLOCK k {token} BACKOFF 60000"), ":1");
    other.check("CACHE.GETORLOCK k FRESH WAIT 20000", "[busy nil nil]");
    other.check("CACHE.GET k STALE", "old");
    c.check("CACHE.SET k new", "OK");
    other.check("CACHE.GETORLOCK k FRESH", "[fresh new nil]");
}

#[test]
fn native_expiry_commands_do_not_alter_a_lease() {
    let s = Server::start();
    let mut c = s.client();
    let granted = Instant::now();
    c.lease("k LEASE 300");
    c.check("PERSIST k", ":1");
    lease_when_free(&mut c, "k");
    assert!(
        granted.elapsed() >= Duration::from_millis(295),
        "{:?}",
        granted.elapsed()
    );
    let granted = Instant::now();
    c.lease("other LEASE 300");
    c.check("EXPIRE other 1000", ":1");
    lease_when_free(&mut c, "other");
    assert!(
        granted.elapsed() >= Duration::from_millis(295),
        "{:?}",
        granted.elapsed()
    );
}

/// The placeholder was kept by `PERSIST`, but its lease has run out: the key counts as absent.
#[test]
fn an_expired_lease_leaves_nothing_whatever_was_done_to_the_ttl() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 100");
    c.check("PERSIST k", ":1");
    wait_until("there is nothing", || c.text("CACHE.INFO k") == "nil");
    c.check("CACHE.SET k v NX", "OK");
}

#[test]
fn a_lease_keeps_the_key_but_not_the_value() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 50000", "OK");
    c.check("PEXPIRE k 200", ":1");
    let token = c.refresh("k LEASE 60000", "stale old");
    assert!(c.int("PTTL k") > 50_000);
    wait_until("the value has gone", || {
        c.text("CACHE.GET k STALE") == "nil"
    });
    c.check("CACHE.GETORLOCK k", "[busy nil nil]");
    c.check("CACHE.EXISTS k", ":0");
    assert_eq!(c.info("k").text("state"), "pending");
    c.check(format!("CACHE.SET k new TOKEN {token}"), "OK");
    c.check("PTTL k", ":-1");
    c.check("CACHE.GET k", "new");
}

#[test]
fn when_the_lease_is_given_up_the_key_ends_with_its_value() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 50000", "OK");
    c.check("PEXPIRE k 300", ":1");
    let token = c.refresh("k LEASE 60000", "stale old");
    c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    c.check("CACHE.GET k STALE", "old");
    wait_until("the value has gone", || c.text("CACHE.INFO k") == "nil");
    assert!(c.lease("k") > token);
}

#[test]
fn out_of_memory_refuses_only_new_placeholders() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    set_stale(&mut c, "stale");
    c.check("CONFIG SET maxmemory 1", "OK");
    c.check("CACHE.GETORLOCK k", "[fresh v nil]");
    c.check(
        "CACHE.GETORLOCK none",
        "-OOM command not allowed when used memory > 'maxmemory'.",
    );
    c.refresh("stale", "stale old");
    c.check("CACHE.GETORLOCK stale", "[stale old nil]");
    c.check("EXISTS none", ":0");
}

#[test]
fn eviction_ends_a_lease() {
    let s = Server::with("maxmemory-policy volatile-ttl");
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    c.check("CONFIG SET maxmemory 1", "OK");
    wait_until("the placeholder is evicted", || c.int("EXISTS k") == 0);
    c.check("CONFIG SET maxmemory 0", "OK");
    c.check(format!("CACHE.RENEW k {token} 1000"), ":0");
    c.check(format!("CACHE.SET k v TOKEN {token}"), "nil");
    assert!(c.lease("k") > token);
}
