//! Cluster mode: commands go where their key is, and callers are sent there.

use std::time::{Duration, Instant};

use crate::common::{Client, Cluster, key_slot, wait_until};

/// Each command that has a key, with words it takes. The key is the first node's of two.
const KEYED: &[&str] = &[
    "CACHE.SET k v PX 60000 TAGS 1 a",
    "CACHE.GET k",
    "CACHE.MGET k",
    "CACHE.EXISTS k",
    "CACHE.GETEX k PERSIST",
    "CACHE.TAGS k",
    "CACHE.SETTAGS k b",
    "CACHE.INFO k",
    "CACHE.GETORLOCK k WAIT 1000",
    "CACHE.RENEW k 1 1000",
    "CACHE.UNLOCK k 1",
    "CACHE.APPLYSET k v 1,,,,,",
    "CACHE.APPLYTAGS k b",
];

/// The same command from a client that was sent here by another node.
fn asked(c: &mut Client, words: &str) -> String {
    c.check("ASKING", "OK");
    c.text(words)
}

fn restore(c: &mut Client, key: &str, payload: &[u8]) {
    c.check(
        [&b"RESTORE"[..], key.as_bytes(), b"0", payload, b"REPLACE"],
        "OK",
    );
}

#[test]
fn commands_route_by_their_keys() {
    let cluster = Cluster::of_primaries(1, "");
    let mut c = cluster.client(0);
    c.check("CACHE.SET {a}1 v TAGS 1 any", "OK");
    c.check("CACHE.MGET {a}1 {a}2", "[v nil]");
    let crossed = "-CROSSSLOT Keys in request don't hash to the same slot";
    c.check("CACHE.MGET a b", crossed);
    c.check("CACHE.EXISTS a b", crossed);
    c.check("CACHE.INVALIDATE any other tags", ":1");
    nothing_is_published_by_the_server(&cluster);
    c.check("CLUSTER DELSLOTS 15495", "OK");
    let reply = c.text("CACHE.GET a");
    assert!(reply.starts_with("-CLUSTERDOWN"), "{reply}");
}

fn nothing_is_published_by_the_server(cluster: &Cluster) {
    let (mut c, mut listener) = (cluster.client(0), cluster.client(0));
    listener.run("PSUBSCRIBE __cache@*");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check("CACHE.MARKSTALE a", ":0");
    c.check("PUBLISH __cache@0__:invalidate by-the-client", ":1");
    listener.check_reply("[pmessage __cache@* __cache@0__:invalidate by-the-client]");
}

#[test]
fn callers_are_sent_where_the_key_is() {
    let cluster = Cluster::of_primaries(2, "");
    let (mut a, mut b) = (cluster.client(0), cluster.client(1));
    let slot = key_slot(b"k");
    assert_eq!(a.int("CLUSTER KEYSLOT k"), i64::from(slot));
    let [here, there] = [0, 1].map(|n| format!("{slot} 127.0.0.1:{}", cluster.node(n).port()));
    for words in KEYED {
        b.check(*words, &format!("-MOVED {here}"));
    }
    // While the slot is on its way, the old owner answers for what it still has.
    a.check("CACHE.SET k v TAGS 1 a", "OK");
    cluster.begin_move(slot, 0, 1);
    for words in KEYED {
        let reply = a.text(*words);
        assert!(!reply.starts_with('-'), "{words}: {reply}");
        b.check(*words, &format!("-MOVED {here}"));
    }
    a.check("UNLINK k", ":1");
    for words in KEYED {
        a.check(*words, &format!("-ASK {there}"));
        let reply = asked(&mut b, words);
        assert!(!reply.starts_with('-'), "{words}: {reply}");
    }
    a.check("CACHE.INVALIDATE a b", ":0");
    b.check("CACHE.INVALIDATE a b", ":1");
    keys_are_read_together_where_all_of_them_are(&cluster);
}

/// Of a slot on its way, that is.
fn keys_are_read_together_where_all_of_them_are(cluster: &Cluster) {
    let (mut a, mut b) = (cluster.client(0), cluster.client(1));
    let (slot, port) = (key_slot(b"b"), cluster.node(1).port());
    a.check("CACHE.SET {b}1 v1", "OK");
    a.check("CACHE.SET {b}2 v2", "OK");
    cluster.begin_move(slot, 0, 1);
    a.check("CACHE.MGET {b}1 {b}2", "[v1 v2]");
    assert_eq!(cluster.carry(slot, 0, port, 1), Ok(1));
    let again = "-TRYAGAIN Multiple keys request during rehashing of slot";
    a.check("CACHE.MGET {b}1 {b}2", again);
    assert_eq!(asked(&mut b, "CACHE.EXISTS {b}1 {b}2"), again);
    assert_eq!(cluster.carry(slot, 0, port, 1), Ok(1));
    let together = asked(&mut b, "CACHE.MGET {b}1 {b}2");
    assert_eq!(together, "[v1 v2]");
}

/// An entry on its way missed what happened here.
#[test]
fn an_entry_that_arrives_is_judged_by_what_is_remembered() {
    let cluster = Cluster::of_primaries(1, "cache.max-clock-skew 0");
    let mut c = cluster.client(0);
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
    clocks_that_differ_are_given_the_benefit_of_the_doubt(&mut c);
}

fn clocks_that_differ_are_given_the_benefit_of_the_doubt(c: &mut Client) {
    c.check("CONFIG SET cache.max-clock-skew 60000", "OK");
    c.check("CACHE.INVALIDATE c", ":0");
    c.check("CACHE.SET k v TAGS 1 c", "OK");
    c.check("CACHE.GET k", "v");
    let payload = c.bytes("DUMP k");
    restore(c, "k", &payload);
    c.check("CACHE.GET k STALE", "nil");
    c.check("CACHE.SET other v TAGS 1 d", "OK");
    let payload = c.bytes("DUMP other");
    restore(c, "other", &payload);
    c.check("CACHE.GET other", "v");
}
