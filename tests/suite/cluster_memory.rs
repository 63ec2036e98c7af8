//! What a node of a cluster cannot know of an entry that arrives counts as invalidated: a miss, and
//! never a stale value.

use crate::common::{Client, Cluster, Relay, key_slot, wait_until};

/// Node 0 of two has the slot of this key, and hands it to node 1.
const KEY: &str = "{k}1";
/// All clocks here are one.
const NO_SKEW: &str = "cache.max-clock-skew 0";

fn slot() -> u16 {
    key_slot(KEY.as_bytes())
}

fn check_gone(cluster: &Cluster) {
    cluster.move_slot(slot(), 0, 1);
    let read = format!("CACHE.GET {KEY} STALE");
    cluster.client(1).check(read, "nil");
}

/// More tags are invalidated than a node remembers.
#[test]
fn a_tag_may_have_been_forgotten() {
    let cluster = Cluster::of_primaries(2, NO_SKEW);
    let (mut source, mut target) = (cluster.client(0), cluster.client(1));
    source.check(format!("CACHE.SET {KEY} old TAGS 1 a"), "OK");
    cluster.begin_move(slot(), 0, 1);
    let road = Relay::to(cluster.node(1).port());
    source.send(format!("MIGRATE 127.0.0.1 {} {KEY} 0 20000", road.port()));
    road.wait_for_parcel();
    target.check("CACHE.INVALIDATE a", ":0");
    let others: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    target.check(format!("CACHE.INVALIDATE {}", others.join(" ")), ":0");
    wait_until("the tag is forgotten", || {
        target.text("CACHE.TAGINFO a") == "nil"
    });
    road.release();
    source.check_reply("OK");
    source.check("CACHE.INVALIDATE a", ":0");
    check_gone(&cluster);
}

/// A restart ends all memory. What is newer than it is as welcome as ever.
#[test]
fn a_node_may_have_been_restarted() {
    let mut cluster = Cluster::of_primaries(2, NO_SKEW);
    let set = format!("CACHE.SET {KEY} old TAGS 1 a");
    cluster.client(0).check(set, "OK");
    cluster.client(1).check("CACHE.INVALIDATE a", ":0");
    cluster.restart(1);
    cluster.begin_move(slot(), 0, 1);
    let port = cluster.node(1).port();
    assert_eq!(cluster.carry(slot(), 0, port, 1), Ok(1));
    cluster.client(0).check("CACHE.INVALIDATE a", ":0");
    check_gone(&cluster);
    let mut c = cluster.client(1);
    c.check("CACHE.SET {k}2 new TAGS 1 a", "OK");
    cluster.move_slot(slot(), 1, 0);
    cluster.move_slot(slot(), 0, 1);
    c.check("CACHE.GET {k}2", "new");
}

/// A fill is as old as its lease: here its tag was invalidated in between, only not yet where the
/// lease was.
#[test]
fn a_fill_may_have_been_computed_before() {
    let cluster = Cluster::of_primaries(2, NO_SKEW);
    let (mut source, mut target) = (cluster.client(0), cluster.client(1));
    let token = source.lease(KEY);
    target.check("CACHE.INVALIDATE a", ":0");
    wait_a_moment(&mut source);
    source.check(format!("CACHE.SET {KEY} old TOKEN {token} TAGS 1 a"), "OK");
    cluster.begin_move(slot(), 0, 1);
    let port = cluster.node(1).port();
    assert_eq!(cluster.carry(slot(), 0, port, 1), Ok(1));
    source.check("CACHE.INVALIDATE a", ":0");
    check_gone(&cluster);
}

/// So that what follows is measurably later.
fn wait_a_moment(c: &mut Client) {
    c.check("BLPOP {k}nothing 0.005", "nil");
}

/// A file repeats that the entry came, and maybe not that it was removed.
#[test]
fn a_node_may_have_been_killed_before_it_removed_the_entry() {
    let mut cluster = Cluster::of_primaries(1, "appendonly yes\nappendfsync always");
    let mut c = cluster.client(0);
    c.check("CACHE.SET k old TAGS 1 a", "OK");
    let payload = c.bytes("DUMP k");
    c.check("DEL k", ":1");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check("MULTI", "OK");
    c.check([&b"RESTORE"[..], b"k", b"0", &payload], "QUEUED");
    // While clients are paused, nothing is removed.
    c.check("CLIENT PAUSE 60000 WRITE", "QUEUED");
    c.check("EXEC", "[OK OK]");
    cluster.restart(0);
    cluster.client(0).check("CACHE.GET k STALE", "nil");
}
