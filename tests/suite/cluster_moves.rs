//! Slots that move: what entries keep on the way, and what becomes of those who wait for one.

use crate::common::{Client, Cluster, key_slot, wait_until};

/// The slots of `{k}`, `{b}`, `{two}` and `{six}` are node 0's of two.
fn slot(tag: &str) -> u16 {
    key_slot(tag.as_bytes())
}

/// One entry of every kind.
fn store_all_kinds(c: &mut Client, big: &str) {
    let life = "PX 100000 PGRACE 90000";
    c.check("CACHE.SET {k}plain v", "OK");
    c.check(format!("CACHE.SET {{k}}tagged v {life} TAGS 2 x y"), "OK");
    c.check(format!("CACHE.SET {{k}}marked v {life} TAGS 1 m"), "OK");
    c.check("CACHE.MARKSTALE m", ":1");
    c.check(format!("CACHE.SET {{k}}leased v {life} TAGS 1 l"), "OK");
    c.check("CACHE.MARKSTALE l", ":1");
    c.refresh("{k}leased LEASE 60000", "stale v");
    c.check(format!("CACHE.SET {{k}}big {big} TAGS 1 x"), "OK");
    c.lease("{k}pending LEASE 60000");
}

fn check_all_kinds(c: &mut Client, big: &str) {
    c.check("CACHE.GET {k}plain", "v");
    c.check("CACHE.GET {k}tagged", "v");
    assert_eq!(c.sorted("CACHE.TAGS {k}tagged"), ["x", "y"]);
    assert_eq!(c.info("{k}tagged").int("grace-ms"), 90_000);
    for key in ["{k}marked", "{k}leased"] {
        c.check(format!("CACHE.GET {key}"), "nil");
        c.check(format!("CACHE.GET {key} STALE"), "v");
        assert_eq!(c.info(key).text("lease"), "nil");
    }
    c.check("CACHE.GET {k}big", big);
    c.check("CACHE.INFO {k}pending", "nil");
}

#[test]
fn entries_of_every_kind_survive_the_way_there_and_back() {
    let cluster = Cluster::of_primaries(2, "");
    let big = "x".repeat(300_000);
    store_all_kinds(&mut cluster.client(0), &big);
    let index_bytes = cluster.client(1).stats().int("index-bytes");
    for (from, to) in [(0, 1), (1, 0)] {
        assert!(cluster.move_slot(slot("k"), from, to) >= 5);
        let (mut source, mut target) = (cluster.client(from), cluster.client(to));
        check_all_kinds(&mut target, &big);
        wait_until("the placeholder that came along is removed", || {
            target.int("DBSIZE") == 5 && target.stats().int("entries-dead") == 0
        });
        assert_eq!(source.int("DBSIZE"), 0);
        let stats = source.stats();
        assert_eq!([stats.int("entries"), stats.int("tags")], [0, 0]);
    }
    // No tag was invalidated there, so none has to be remembered.
    let left = cluster.client(1).stats().int("index-bytes");
    assert_eq!(left, index_bytes);
    assert_eq!(cluster.router().everywhere("CACHE.INVALIDATE x", 0), 2);
    let mut c = cluster.client(0);
    c.check("CACHE.GET {k}tagged STALE", "nil");
    c.check("CACHE.GET {k}big STALE", "nil");
}

#[test]
fn leases_and_those_who_wait_stay_behind() {
    let cluster = Cluster::of_primaries(2, "");
    a_fill_is_refused_where_its_lease_is_not(&cluster);
    nobody_is_promoted_while_the_slot_is_handed_over(&cluster);
    they_are_sent_off_when_their_key_goes(&cluster);
    they_are_sent_off_when_the_slot_is_taken_away(&cluster);
}

fn a_fill_is_refused_where_its_lease_is_not(cluster: &Cluster) {
    let mut router = cluster.router();
    let [token, other] =
        ["{k}1", "{k}2"].map(|key| cluster.client(0).lease(&format!("{key} LEASE 60000")));
    cluster.begin_move(slot("k"), 0, 1);
    // Until it is carried over, the key is at home and can be filled.
    router.check(&format!("CACHE.SET {{k}}2 v TOKEN {other}"), "OK");
    let carried = cluster.carry(slot("k"), 0, cluster.node(1).port(), 10);
    assert_eq!(carried, Ok(2));
    router.check(&format!("CACHE.SET {{k}}1 v TOKEN {token}"), "nil");
    one_can_wait_at_the_new_node_already(cluster);
    cluster.end_move(slot("k"), 1);
    router.check(&format!("CACHE.SET {{k}}1 v TOKEN {token}"), "nil");
    let token = cluster.client(1).lease("{k}1 LEASE 60000");
    router.check(&format!("CACHE.SET {{k}}1 v TOKEN {token}"), "OK");
    router.check("CACHE.GET {k}1", "v");
    router.check("CACHE.GET {k}2", "v");
}

/// They are answered where they asked, also before the slot is that node's.
fn one_can_wait_at_the_new_node_already(cluster: &Cluster) {
    let mut c = cluster.client(1);
    c.check("ASKING", "OK");
    let token = c.lease("{k}3 LEASE 60000");
    let mut waiter = cluster.client(1);
    waiter.check("ASKING", "OK");
    waiter.send("CACHE.GETORLOCK {k}3 WAIT 60000");
    wait_until("the caller waits", || cluster.node(1).blocked() == 1);
    let fill = format!("CACHE.SET {{k}}3 v TOKEN {token}");
    cluster.router().check(&fill, "OK");
    waiter.check_reply("[fresh v nil]");
}

/// The next holder has to be found by the server that gets the slot.
fn nobody_is_promoted_while_the_slot_is_handed_over(cluster: &Cluster) {
    let token = cluster.client(0).lease("{b}1 LEASE 60000");
    let waiters: [Client; 2] = cluster.node(0).waiters("{b}1 WAIT 60000");
    cluster.begin_move(slot("b"), 0, 1);
    let unlock = format!("CACHE.UNLOCK {{b}}1 {token}");
    cluster.client(0).check(unlock, ":1");
    check_sent_off(cluster, waiters);
}

fn they_are_sent_off_when_their_key_goes(cluster: &Cluster) {
    cluster.client(0).lease("{two}1 LEASE 60000");
    let waiters: [Client; 2] = cluster.node(0).waiters("{two}1 WAIT 60000");
    cluster.move_slot(slot("two"), 0, 1);
    check_sent_off(cluster, waiters);
}

/// A node can lose a slot without having been asked, and deletes what it has of it.
fn they_are_sent_off_when_the_slot_is_taken_away(cluster: &Cluster) {
    let (mut a, mut b) = (cluster.client(0), cluster.client(1));
    a.lease("{six}1 LEASE 60000");
    let waiters: [Client; 2] = cluster.node(0).waiters("{six}1 WAIT 60000");
    let (old, new, slot) = (a.text("CLUSTER MYID"), b.text("CLUSTER MYID"), slot("six"));
    b.check(format!("CLUSTER SETSLOT {slot} IMPORTING {old}"), "OK");
    b.check(format!("CLUSTER SETSLOT {slot} NODE {new}"), "OK");
    check_sent_off(cluster, waiters);
}

/// The first node has nothing for them, and nothing left.
fn check_sent_off(cluster: &Cluster, waiters: [Client; 2]) {
    for mut waiter in waiters {
        waiter.check_reply("[busy nil nil]");
    }
    let mut c = cluster.client(0);
    wait_until("nothing is left", || {
        c.int("DBSIZE") == 0 && c.stats().int("entries") == 0
    });
}
