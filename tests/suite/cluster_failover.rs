//! A replica takes over: what was invalidated before stays dead, and callers get answers.

use crate::common::{Cluster, Router, wait_until};

/// Two keys in the slot of each of the two shards.
const KEYS: [&str; 4] = ["{k}1", "{k}2", "{b}1", "{b}2"];

/// Entries under the tag `old`, which all primaries and their replicas then hear is invalid, and
/// one under `new`.
fn store_and_invalidate(router: &mut Router) {
    for key in KEYS {
        router.check(&format!("CACHE.SET {key} v TAGS 1 old"), "OK");
    }
    router.check("CACHE.SET {k}1 v TAGS 1 new", "OK");
    router.everywhere("CACHE.INVALIDATE old", 1);
}

fn check_what_is_left(router: &mut Router) {
    router.check("CACHE.GET {k}1", "v");
    for key in &KEYS[1..] {
        router.check(&format!("CACHE.GET {key} STALE"), "nil");
    }
}

#[test]
fn a_replica_takes_over_in_agreement() {
    let cluster = Cluster::with_replicas(2, "");
    let mut router = cluster.router();
    store_and_invalidate(&mut router);
    let token = cluster.client(0).lease("{k}2 LEASE 60000");
    cluster.client(0).lease("{k}3 LEASE 60000");
    let [mut waiter] = cluster.node(0).waiters("{k}2 WAIT 60000");
    cluster.fail_over(0, "");
    assert_eq!(cluster.primary(0), 2);
    // The server itself lets go of those who wait at a node that is no primary any more.
    let reply = waiter.reply_text();
    assert!(reply.starts_with("-UNBLOCKED"), "{reply}");
    check_no_placeholder_is_in_the_way(&cluster);
    check_what_is_left(&mut router);
    router.check(&format!("CACHE.SET {{k}}2 v TOKEN {token}"), "nil");
    assert!(cluster.client(2).lease("{k}2") > token);
    router.everywhere("CACHE.INVALIDATE new", 0);
    router.check("CACHE.GET {k}1 STALE", "nil");
}

/// The former primary 0 applies what the new one, 2, does with a key that it had leased.
fn check_no_placeholder_is_in_the_way(cluster: &Cluster) {
    let mut former = cluster.client(0);
    former.check("READONLY", "OK");
    wait_until("the placeholder is gone", || former.int("EXISTS {k}3") == 0);
    cluster.client(2).check("SET {k}3 s NX", "OK");
    cluster.node(2).wait_for(cluster.node(0));
    former.check("GET {k}3", "s");
    cluster.client(2).check("DEL {k}3", ":1");
}

#[test]
fn a_replica_takes_over_from_a_primary_that_was_killed() {
    let mut cluster = Cluster::with_replicas(2, "");
    let mut router = cluster.router();
    store_and_invalidate(&mut router);
    cluster.kill(0);
    let unreached = router.try_everywhere("CACHE.INVALIDATE new", 0);
    let unreached = unreached.expect_err("a primary is dead");
    let port = cluster.node(0).port().to_string();
    assert!(unreached.starts_with(&port), "{unreached}");
    cluster.client(2).check("CLUSTER FAILOVER TAKEOVER", "OK");
    cluster.wait_for_heir(2);
    check_what_is_left(&mut router);
    cluster.revive(0);
    assert_eq!(cluster.replica(0), 0);
    check_what_is_left(&mut router);
    router.everywhere("CACHE.INVALIDATE new", 1);
    router.check("CACHE.GET {k}1 STALE", "nil");
}
