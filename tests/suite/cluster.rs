//! Cluster mode: routing, entries that come from another server, slots that leave.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::common::{Client, Server, wait_until};

fn node(lines: &str) -> Server {
    // By default the bus is 10000 ports higher, where there may be no port any more.
    let bus = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    Server::with(&format!("cluster-enabled yes\ncluster-port {bus}\n{lines}"))
}

fn wait_until_ok(c: &mut Client) {
    wait_until("the cluster is up", || {
        let info = c.bytes("CLUSTER INFO");
        String::from_utf8_lossy(&info).contains("cluster_state:ok")
    });
}

/// A node that owns all slots.
fn single(lines: &str) -> Server {
    let s = node(lines);
    let mut c = s.client();
    c.check("CLUSTER ADDSLOTSRANGE 0 16383", "OK");
    wait_until_ok(&mut c);
    s
}

/// Two nodes that know each other; the first owns all slots.
fn pair() -> (Server, Server) {
    let (first, second) = (single(""), node(""));
    let bus = second.client().text("CONFIG GET cluster-port");
    let bus = bus
        .trim_matches(['[', ']'])
        .split(' ')
        .nth(1)
        .unwrap()
        .to_owned();
    first.client().check(
        format!("CLUSTER MEET 127.0.0.1 {} {bus}", second.port()),
        "OK",
    );
    wait_until_ok(&mut second.client());
    (first, second)
}

/// Begins to hand the slot of a key over.
fn hand_over(from: &Server, to: &Server, key: &str) -> i64 {
    let (mut a, mut b) = (from.client(), to.client());
    let slot = a.int(format!("CLUSTER KEYSLOT {key}"));
    let (source, target) = (a.text("CLUSTER MYID"), b.text("CLUSTER MYID"));
    b.check(format!("CLUSTER SETSLOT {slot} IMPORTING {source}"), "OK");
    a.check(format!("CLUSTER SETSLOT {slot} MIGRATING {target}"), "OK");
    slot
}

fn restore(c: &mut Client, key: &str, payload: &[u8]) {
    c.check(
        [&b"RESTORE"[..], key.as_bytes(), b"0", payload, b"REPLACE"],
        "OK",
    );
}

#[test]
fn commands_route_by_their_keys() {
    let s = single("");
    let mut c = s.client();
    c.check("CACHE.SET {a}1 v TAGS 1 any", "OK");
    c.check("CACHE.MGET {a}1 {a}2", "[v nil]");
    let crossed = "-CROSSSLOT Keys in request don't hash to the same slot";
    c.check("CACHE.MGET a b", crossed);
    c.check("CACHE.EXISTS a b", crossed);
    c.check("CACHE.INVALIDATE any other tags", ":1");
    c.check("CLUSTER DELSLOTS 15495", "OK");
    let reply = c.text("CACHE.GET a");
    assert!(reply.starts_with("-CLUSTERDOWN"), "{reply}");
}

#[test]
fn a_server_without_the_slot_sends_callers_away() {
    let (first, second) = pair();
    let mut c = second.client();
    for command in [
        "CACHE.GET k",
        "CACHE.SET k v TAGS 1 a",
        "CACHE.GETORLOCK k WAIT 1000",
    ] {
        let reply = c.text(command);
        assert!(
            reply.ends_with(&format!("127.0.0.1:{}", first.port())),
            "{command}: {reply}"
        );
        assert!(reply.starts_with("-MOVED "), "{command}: {reply}");
    }
    c.check("CACHE.INVALIDATE a", ":0");
}

#[test]
fn nothing_is_published_by_the_server() {
    let s = single("");
    let (mut c, mut listener) = (s.client(), s.client());
    listener.run("PSUBSCRIBE __cache@*");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check("CACHE.MARKSTALE a", ":0");
    c.check("PUBLISH __cache@0__:invalidate by-the-client", ":1");
    listener.check_reply("[pmessage __cache@* __cache@0__:invalidate by-the-client]");
}

/// An entry on its way missed what happened here.
#[test]
fn an_entry_that_arrives_is_judged_by_what_is_remembered() {
    let s = single("cache.max-clock-skew 0");
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 100000 TAGS 2 a b", "OK");
    let payload = c.bytes("DUMP k");
    c.check("DEL k", ":1");
    restore(&mut c, "k", &payload);
    c.check("CACHE.GET k", "v");
    c.check("DEL k", ":1");
    c.check("CACHE.INVALIDATE b", ":0");
    restore(&mut c, "k", &payload);
    c.check("CACHE.GET k STALE", "nil");
    // A payload counts in milliseconds, and the same one is taken for too early.
    let invalidated = Instant::now();
    wait_until("the clock moves on", || {
        invalidated.elapsed() > Duration::from_millis(2)
    });
    c.check("CACHE.SET k v PX 100000 PGRACE 100000 TAGS 1 b", "OK");
    let payload = c.bytes("DUMP k");
    c.check("DEL k", ":1");
    restore(&mut c, "k", &payload);
    c.check("CACHE.GET k", "v");
    c.check("DEL k", ":1");
    c.check("CACHE.MARKSTALE b", ":0");
    restore(&mut c, "k", &payload);
    c.check("CACHE.GET k", "nil");
}

#[test]
fn clocks_that_differ_are_given_the_benefit_of_the_doubt() {
    let s = single("cache.max-clock-skew 60000");
    let mut c = s.client();
    c.check("CACHE.INVALIDATE a", ":0");
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("CACHE.GET k", "v");
    let payload = c.bytes("DUMP k");
    restore(&mut c, "k", &payload);
    c.check("CACHE.GET k STALE", "nil");
    c.check("CACHE.SET other v TAGS 1 b", "OK");
    let payload = c.bytes("DUMP other");
    restore(&mut c, "other", &payload);
    c.check("CACHE.GET other", "v");
}

#[test]
fn a_migrated_entry_keeps_tags_and_grace() {
    let (first, second) = pair();
    let (mut a, mut b) = (first.client(), second.client());
    a.check("CACHE.SET k v PX 100000 PGRACE 50000 TAGS 2 x y", "OK");
    let slot = hand_over(&first, &second, "k");
    a.check(
        format!("MIGRATE 127.0.0.1 {} k 0 5000", second.port()),
        "OK",
    );
    let target = b.text("CLUSTER MYID");
    b.check(format!("CLUSTER SETSLOT {slot} NODE {target}"), "OK");
    b.check("CACHE.GET k", "v");
    assert_eq!(b.sorted("CACHE.TAGS k"), ["x", "y"]);
    assert_eq!(b.info("k").int("grace-ms"), 50_000);
    assert_eq!((a.stats().int("entries"), a.stats().int("tags")), (0, 0));
    b.check("CACHE.INVALIDATE x", ":1");
    b.check("CACHE.GET k STALE", "nil");
}

/// The next holder has to be found by the server that gets the slot.
#[test]
fn nobody_is_promoted_while_the_slot_is_handed_over() {
    let (first, second) = pair();
    let mut a = first.client();
    let token = a.lease("k LEASE 60000");
    let waiters: [Client; 2] = first.waiters("k WAIT 60000");
    hand_over(&first, &second, "k");
    a.check(format!("CACHE.UNLOCK k {token}"), ":1");
    for mut waiter in waiters {
        waiter.check_reply("[busy nil nil]");
    }
}
