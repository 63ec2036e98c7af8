//! A replica becomes the primary, and the primary a replica: what follows for leases, tokens, those
//! who wait, and what is left to be done.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{Server, check_agreement, gauges, wait_until};

/// Has the replica take over in good order, and the primary follow it without a full sync.
#[track_caller]
fn exchange(primary: &Server, replica: &Server) {
    primary.wait_for(replica);
    let (mut old, mut new) = (primary.client(), replica.client());
    new.check("CONFIG RESETSTAT", "OK");
    new.check("REPLICAOF NO ONE", "OK");
    old.check(format!("REPLICAOF 127.0.0.1 {}", replica.port()), "OK");
    wait_until("the old primary is in sync", || {
        old.server_info("replication", "master_link_status") == "up"
    });
    assert_eq!(new.server_info("stats", "sync_full"), "0");
}

#[test]
fn a_promoted_replica_gives_larger_tokens() {
    let primary = Server::start();
    let replica = primary.replica("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET k v EX 100 TAGS 1 a", "OK");
    let token = p.lease("pending LEASE 60000");
    primary.wait_for(&replica);
    r.check("REPLICAOF NO ONE", "OK");
    r.check("CACHE.GETORLOCK k", "[fresh v nil]");
    let next = r.lease("pending");
    assert!(next > token, "{next} after {token}");
    r.check(format!("CACHE.SET pending v TOKEN {token}"), "nil");
    r.check(format!("CACHE.SET pending v TOKEN {next} TAGS 1 a"), "OK");
    r.check("CACHE.INVALIDATE a", ":2");
}

#[test]
fn tokens_outrun_those_of_a_primary_whose_clock_was_ahead() {
    let primary = Server::start();
    let replica = primary.replica("cache.max-lease-time 1");
    let mut r = replica.client();
    r.check("CONFIG SET cache.max-lease-time 60000", "OK");
    r.check("REPLICAOF NO ONE", "OK");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ahead = i64::try_from((now + Duration::from_secs(59)).as_micros()).unwrap();
    assert!(r.lease("k") > ahead);
}

#[test]
fn tokens_grow_over_promotions_that_follow_each_other() {
    let (a, mut last) = (Server::start(), 0);
    let b = a.replica("");
    for (round, (from, to)) in [(&a, &b), (&b, &a), (&a, &b), (&b, &a)].iter().enumerate() {
        let before = from.client().lease(&format!("before{round} LEASE 60000"));
        exchange(from, to);
        let after = to.client().lease(&format!("after{round} LEASE 60000"));
        assert!(last < before && before < after, "{last}, {before}, {after}");
        last = after;
    }
}

#[test]
fn who_waits_is_told_when_the_primary_becomes_a_replica() {
    let primary = Server::start();
    let replica = primary.replica("");
    let token = primary.client().lease("k LEASE 60000");
    let waiters: [_; 3] = primary.waiters("k WAIT 60000");
    exchange(&primary, &replica);
    for mut waiter in waiters {
        let reply = waiter.reply_text();
        assert!(reply.starts_with("-UNBLOCKED"), "{reply}");
    }
    assert!(replica.client().lease("k") > token);
}

/// The new primary knows nothing of the lease, so it can't tell when its key was deleted.
#[test]
fn a_lease_ends_when_its_primary_becomes_a_replica() {
    let a = Server::start();
    let b = a.replica("");
    let mut c = a.client();
    c.check("CACHE.SET stale old PX 100000 PGRACE 100000", "OK");
    c.check("PEXPIRE stale 50000", ":1");
    let tokens = [
        c.lease("k LEASE 60000"),
        c.refresh("stale LEASE 60000", "stale old"),
    ];
    exchange(&a, &b);
    b.client().check("DEL k", ":0");
    exchange(&b, &a);
    c.check(format!("CACHE.SET k late TOKEN {}", tokens[0]), "nil");
    c.check(format!("CACHE.SET stale late TOKEN {}", tokens[1]), "nil");
    assert!(c.lease("k LEASE 1") > tokens[1]);
}

/// A placeholder that only a former primary has would stop what the new one does to its key.
#[test]
fn a_former_primary_keeps_no_placeholders() {
    let primary = Server::start();
    let replica = primary.replica("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET k v TAGS 1 a", "OK");
    p.check("DEBUG SET-ACTIVE-EXPIRE 0", "OK");
    p.lease("short LEASE 1");
    for db in 0..3 {
        p.check(format!("SELECT {db}"), "OK");
        for key in ["taken", "string", "list"] {
            p.lease(&format!("{key} LEASE 60000"));
        }
    }
    exchange(&primary, &replica);
    wait_until("the placeholders are gone", || gauges(&mut p)[0] == 1);
    r.check("SET short s NX", "OK");
    r.check("SET string s NX", "OK");
    r.check("COPY k list", ":1");
    r.check("RENAMENX k taken", ":1");
    check_agreement(&replica, &primary);
    p.check("SELECT 0", "OK");
    p.check("CACHE.MGET taken list", "[v v]");
}

#[test]
fn a_promoted_replica_goes_on_with_what_is_left_to_do() {
    let primary = Server::with("cache.reclaim-inline 0\ncache.reclaim-slice-us 10");
    let replica = primary.replica("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.pipeline((0..5_000).map(|i| format!("CACHE.SET d{i} v TAGS 1 dead")));
    p.pipeline((0..5_000).map(|i| format!("CACHE.SET m{i} v PX 90000 PGRACE 70000 TAGS 1 m")));
    p.check("CACHE.INVALIDATE dead", ":5000");
    p.check("CACHE.MARKSTALE m", ":5000");
    p.check("WAIT 1 10000", ":1");
    r.check("REPLICAOF NO ONE", "OK");
    assert!(gauges(&mut r)[2] > 0, "the dead were too few for this test");
    r.check("CACHE.MGET d7 m7", "[nil nil]");
    r.check("CACHE.GET m7 STALE", "v");
    wait_until("the dead are reclaimed", || r.int("DBSIZE") == 5_000);
    wait_until("the marks are in the keys' expiry", || {
        r.int("PTTL m0") <= 70_000 && r.int("PTTL m4999") <= 70_000
    });
}

/// `FAILOVER` pauses clients until the replica has all, and waits for ever if more keeps coming.
#[test]
fn nothing_is_written_during_a_coordinated_failover() {
    let primary = Server::with("cache.reclaim-inline 0");
    let replica = primary.replica("");
    let (mut p, mut r) = (primary.client(), replica.client());
    let sets = (0..10_000).map(|i| format!("CACHE.SET k{i} v TAGS 1 a"));
    let last = ["CACHE.INVALIDATE a", "FAILOVER"].map(String::from);
    p.pipeline(sets.chain(last));
    wait_until("the servers have changed roles", || {
        r.server_info("replication", "role") == "master"
            && p.server_info("replication", "role") == "slave"
            && p.server_info("replication", "master_link_status") == "up"
    });
    assert_eq!(r.server_info("stats", "sync_full"), "0");
    wait_until("the new primary reclaims", || r.int("DBSIZE") == 0);
    check_agreement(&replica, &primary);
}
