//! Keys that outlive their value because of a lease: the value ends when it would have ended,
//! wherever it is carried and whatever is done to the key's expiry.

use crate::common::{Client, Server, wait_until};

/// `k` is stale for `grace` ms at most, and kept for a minute by a lease; gives the token.
fn hold(c: &mut Client, grace: u64) -> i64 {
    c.check(format!("CACHE.SET k v PX 1 PGRACE {grace} TAGS 1 a"), "OK");
    wait_until("the value is stale", || c.text("CACHE.GET k") == "nil");
    let token = c.refresh("k LEASE 60000", "stale v");
    assert!(c.int("PTTL k") > 50_000);
    token
}

/// The same, and its value is over.
fn hollow(c: &mut Client) -> i64 {
    let token = hold(c, 30);
    wait_until("the value is over", || c.text("CACHE.GET k STALE") == "nil");
    assert_eq!(c.info("k").text("state"), "pending");
    token
}

/// The entry of a key is stale and will be gone within `ms`.
fn check_stale(c: &mut Client, key: &str, ms: u64) {
    c.check(format!("CACHE.GET {key}"), "nil");
    c.check(format!("CACHE.GET {key} STALE"), "v");
    let gone = std::time::Instant::now() + std::time::Duration::from_millis(ms);
    wait_until("the value ends when it did", || {
        c.text(format!("CACHE.GET {key} STALE")) == "nil"
    });
    assert!(std::time::Instant::now() < gone + std::time::Duration::from_secs(1));
}

#[test]
fn a_copy_ends_when_its_original_does() {
    let s = Server::start();
    let mut c = s.client();
    hold(&mut c, 500);
    c.check("COPY k copy", ":1");
    check_stale(&mut c, "copy", 500);
    hollow(&mut c);
    c.check("COPY k over", ":1");
    c.check("CACHE.GET over STALE", "nil");
}

#[test]
fn a_new_name_does_not_prolong_a_value() {
    let s = Server::start();
    let mut c = s.client();
    hold(&mut c, 500);
    c.check("RENAME k renamed", "OK");
    check_stale(&mut c, "renamed", 500);
    hollow(&mut c);
    c.check("RENAME k over", "OK");
    c.check("CACHE.GET over STALE", "nil");
}

#[test]
fn a_payload_keeps_the_end_of_its_value() {
    let s = Server::start();
    let mut c = s.client();
    hold(&mut c, 1_000);
    let payload = c.bytes("DUMP k");
    let ttl = c.int("PTTL k").to_string();
    for key in ["near", "far"] {
        let words = [b"RESTORE", key.as_bytes(), ttl.as_bytes(), &payload[..]];
        c.check(words, "OK");
    }
    c.check("CACHE.GET near", "nil");
    check_stale(&mut c, "far", 1_000);
    c.check("CACHE.GET near STALE", "nil");
}

#[test]
fn a_rewritten_file_keeps_the_end_of_a_value() {
    let mut s = Server::with("appendonly yes\nappendfsync always\naof-use-rdb-preamble no");
    let mut c = s.client();
    hollow(&mut c);
    c.check("RENAME k over", "OK");
    hold(&mut c, 20_000);
    c.rewrite_aof();
    s.crash();
    let mut c = s.client();
    c.check("CACHE.MGET k over", "[nil nil]");
    c.check("CACHE.GET over STALE", "nil");
    c.check("CACHE.GET k STALE", "v");
}

#[test]
fn a_value_that_is_over_does_not_come_back_by_a_new_expiry() {
    for command in ["PERSIST k", "EXPIRE k 1000", "PEXPIRE k 70000"] {
        let primary = Server::start();
        let replica = primary.replica("");
        let (mut p, mut r) = (primary.client(), replica.client());
        let token = hollow(&mut p);
        p.check(command, ":1");
        p.check("CACHE.GET k STALE", "nil");
        assert_eq!(p.info("k").int("lease"), token, "{command} alters no lease");
        wait_until("the key is no more than its lease", || {
            (1..=60_000).contains(&p.int("PTTL k"))
        });
        primary.wait_for(&replica);
        wait_until("the replica has not got it", || r.int("EXISTS k") == 0);
        p.check(format!("CACHE.SET k new TOKEN {token}"), "OK");
        primary.wait_for(&replica);
        r.check("CACHE.GET k", "new");
    }
}

#[test]
fn a_marked_entry_goes_even_if_its_key_was_told_to_stay() {
    for command in ["PERSIST m", "EXPIRE m 500"] {
        let s = Server::start();
        let mut c = s.client();
        c.check("CACHE.SET m v PX 5000 PGRACE 300 TAGS 1 a", "OK");
        c.check("CACHE.MARKSTALE a", ":1");
        wait_until("the mark is in the entry", || c.int("PTTL m") <= 300);
        c.check(command, ":1");
        c.check("CACHE.GET m", "nil");
        wait_until("the entry is removed", || c.int("EXISTS m") == 0);
    }
}

#[test]
fn a_marked_entry_with_a_lease_keeps_both() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET m v PX 5000 PGRACE 100 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    let token = c.refresh("m LEASE 60000", "stale v");
    c.check("PERSIST m", ":1");
    wait_until("the value is over", || c.text("CACHE.GET m STALE") == "nil");
    assert_eq!(c.info("m").int("lease"), token);
    assert!((50_000..=60_000).contains(&c.int("PTTL m")));
}

#[test]
fn a_marked_payload_goes_even_if_it_was_restored_for_ever() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET m v PX 5000 PGRACE 300 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    let payload = c.bytes("DUMP m");
    c.check([b"RESTORE", &b"r"[..], b"0", &payload[..]], "OK");
    c.check("CACHE.GET r", "nil");
    wait_until("the entry is removed", || c.int("EXISTS r") == 0);
}

/// What an AOF repeats was decided when it happened, not when it is read.
#[test]
fn a_new_expiry_holds_although_it_is_replayed_after_the_old_end() {
    let mut s = Server::with("appendonly yes\nappendfsync always");
    let mut c = s.client();
    hold(&mut c, 3_000);
    let old_end = std::time::Instant::now() + std::time::Duration::from_secs(3);
    c.rewrite_aof();
    c.check("PEXPIRE k 100000", ":1");
    c.check("CACHE.GET k STALE", "v");
    wait_until("the old end has passed", || {
        std::time::Instant::now() > old_end
    });
    s.crash();
    s.client().check("CACHE.GET k STALE", "v");
}
