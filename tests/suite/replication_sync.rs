//! How a replica gets what it does not have: everything, what it missed, or through another one.

use crate::common::{Client, Server, check_agreement, gauges, wait_until};

const BACKLOG: &str = "repl-backlog-size 8mb";

/// Entries in every state, in two databases; gives the tokens of the leases on `pending` and
/// `leased`.
fn fill(c: &mut Client) -> [i64; 2] {
    for command in [
        "SELECT 2",
        "CACHE.SET elsewhere v TAGS 1 a",
        "SELECT 0",
        "CACHE.SET fresh v PX 100000 PGRACE 50000 TAGS 2 a b",
        "CACHE.SET marked v PX 100000 PGRACE 50000 TAGS 1 m",
        "CACHE.SET leased old PX 100000 PGRACE 100000 TAGS 1 l",
        "CACHE.SET dead v TAGS 1 d",
    ] {
        c.check(command, "OK");
    }
    c.check("PEXPIRE leased 50000", ":1");
    c.check("CACHE.MARKSTALE m", ":1");
    let leases = [
        c.lease("pending LEASE 60000"),
        c.refresh("leased LEASE 20000", "stale old"),
    ];
    c.check("CACHE.INVALIDATE d", ":1");
    leases
}

/// Checks what a replica has got of [`fill`].
#[track_caller]
fn check_filled(r: &mut Client) {
    r.check("CACHE.MGET fresh marked leased dead", "[v nil nil nil]");
    r.check("CACHE.GET marked STALE", "v");
    r.check("CACHE.GET leased STALE", "old");
    r.check("CACHE.GET dead STALE", "nil");
    r.check("CACHE.INFO pending", "nil");
    assert_eq!(r.info("leased").text("lease"), "nil");
    r.check("CACHE.TAGS elsewhere", "nil");
    r.check("SELECT 2", "OK");
    r.check("CACHE.TAGS elsewhere", "[a]");
    r.check("SELECT 0", "OK");
}

/// Ends the leases of [`fill`], so that nothing but what both sides have is left.
fn end_leases(c: &mut Client, [pending, leased]: [i64; 2]) {
    c.check(format!("CACHE.SET pending v TOKEN {pending}"), "OK");
    c.check(format!("CACHE.UNLOCK leased {leased}"), ":1");
}

#[track_caller]
fn wait_for_link(replica: &Server) {
    let mut r = replica.client();
    wait_until("the replica is in sync", || {
        r.server_info("replication", "master_link_status") == "up"
    });
}

#[test]
fn every_kind_of_transfer_brings_the_state_of_every_entry() {
    for send in ["yes", "no"] {
        for load in ["disabled", "on-empty-db", "swapdb"] {
            let primary = Server::with(&format!(
                "repl-diskless-sync {send}\ncache.reclaim-inline 0\ncache.reclaim-slice-us 10"
            ));
            let mut p = primary.client();
            let leases = fill(&mut p);
            let replica = primary.replica(&format!("repl-diskless-load {load}"));
            let mut r = replica.client();
            check_filled(&mut r);
            end_leases(&mut p, leases);
            check_agreement(&primary, &replica);
            r.check("CACHE.GET pending", "v");
        }
    }
}

#[test]
fn a_value_whose_key_is_kept_by_a_lease_ends_on_both_sides_at_once() {
    let primary = Server::start();
    let mut p = primary.client();
    p.check("CACHE.SET k old PX 1 PGRACE 1500", "OK");
    wait_until("it is stale", || p.text("CACHE.GET k") == "nil");
    p.refresh("k LEASE 60000", "stale old");
    let replica = primary.replica("");
    let mut r = replica.client();
    r.check("CACHE.GET k STALE", "old");
    wait_until("the value is over", || p.text("CACHE.GET k STALE") == "nil");
    r.check("CACHE.GET k STALE", "nil");
    r.check("REPLICAOF NO ONE", "OK");
    r.lease("k LEASE 1");
}

/// What the replica held before must leave its index, however the new data set is loaded.
#[test]
fn a_full_sync_replaces_what_the_replica_had() {
    for load in ["disabled", "on-empty-db", "swapdb"] {
        let primary = Server::start();
        let other = Server::with(&format!("repl-diskless-load {load}"));
        let (mut p, mut r) = (primary.client(), other.client());
        p.check("CACHE.SET k v EX 100 GRACE 50 TAGS 2 a b", "OK");
        r.pipeline((0..300).map(|i| format!("CACHE.SET old{i} v TAGS 2 a old{i}")));
        r.lease("own LEASE 60000");
        r.check(format!("REPLICAOF 127.0.0.1 {}", primary.port()), "OK");
        wait_for_link(&other);
        check_agreement(&primary, &other);
        assert_eq!(gauges(&mut r), [1, 2, 0], "{load}");
        p.check("CACHE.INVALIDATE a", ":1");
        check_agreement(&primary, &other);
        assert_eq!(gauges(&mut r), [0, 0, 0], "{load}");
    }
}

#[test]
fn a_transfer_that_breaks_off_leaves_nothing_half_done() {
    for load in ["on-empty-db", "swapdb"] {
        let mut primary = Server::with("repl-diskless-sync yes\nrdb-key-save-delay 2000");
        let mut p = primary.client();
        p.pipeline((0..2_000).map(|i| format!("CACHE.SET k{i} v TAGS 2 a own{i}")));
        let replica = Server::with(&format!("repl-diskless-load {load}"));
        let mut r = replica.client();
        if load == "swapdb" {
            r.check("CACHE.SET own v TAGS 1 a", "OK");
        }
        r.check(format!("REPLICAOF 127.0.0.1 {}", primary.port()), "OK");
        wait_until("the transfer has begun", || {
            r.server_info("replication", "master_sync_in_progress") == "1"
        });
        primary.kill();
        wait_until("the replica has given up", || {
            r.server_info("replication", "master_sync_in_progress") == "0"
                && r.server_info("persistence", "loading") == "0"
        });
        r.check("CACHE.MGET k0 k1999", "[nil nil]");
        r.check("CACHE.VERIFY", "[]");
        primary.start_again();
        primary.client().check("CACHE.SET new v TAGS 1 a", "OK");
        wait_for_link(&replica);
        check_agreement(&primary, &replica);
        assert_eq!(gauges(&mut r), [1, 1, 0], "{load}");
    }
}

#[test]
fn a_partial_sync_brings_what_was_missed() {
    let primary = Server::with(BACKLOG);
    let replica = primary.replica("");
    let (mut p, mut r) = (primary.client(), replica.client());
    let leases = fill(&mut p);
    p.check("CACHE.SET other v PX 100000 PGRACE 90000 TAGS 1 o", "OK");
    primary.wait_for(&replica);
    replica.freeze();
    p.check("CLIENT KILL TYPE replica", ":1");
    p.check("CACHE.INVALIDATE a", ":1");
    p.check("CACHE.MARKSTALE o", ":1");
    p.check("CACHE.SETTAGS leased x", ":1");
    p.check("RENAME other moved", "OK");
    end_leases(&mut p, leases);
    replica.thaw();
    wait_until("the replica has caught up", || {
        r.text("CACHE.GET pending") == "v"
    });
    r.check("CACHE.GET fresh STALE", "nil");
    r.check("CACHE.GET moved STALE", "v");
    check_agreement(&primary, &replica);
    assert_eq!(p.server_info("stats", "sync_partial_ok"), "1");
    assert_eq!(p.server_info("stats", "sync_full"), "1");
}

/// A restarted replica reads its own snapshot, and is sent only what came after it.
#[test]
fn a_restarted_replica_goes_on_where_its_snapshot_ends() {
    let primary = Server::with(BACKLOG);
    let mut replica = primary.replica("");
    let mut p = primary.client();
    let leases = fill(&mut p);
    primary.wait_for(&replica);
    replica.restart("SAVE");
    p.check("CACHE.INVALIDATE b", ":1");
    end_leases(&mut p, leases);
    wait_for_link(&replica);
    primary.wait_for(&replica);
    replica
        .client()
        .check("CACHE.MGET fresh pending", "[nil v]");
    check_agreement(&primary, &replica);
    assert_eq!(p.server_info("stats", "sync_full"), "1");
}

#[test]
fn a_replica_of_a_replica_gets_everything() {
    let primary = Server::with(BACKLOG);
    let middle = primary.replica(BACKLOG);
    let (mut p, mut m) = (primary.client(), middle.client());
    let leases = fill(&mut p);
    let last = middle.replica("");
    primary.wait_for(&last);
    check_filled(&mut last.client());
    m.check("CLIENT KILL TYPE replica", ":1");
    p.check("CACHE.INVALIDATE a", ":1");
    end_leases(&mut p, leases);
    check_agreement(&primary, &middle);
    check_agreement(&primary, &last);
    last.client().check("CACHE.MGET fresh pending", "[nil v]");
}

#[test]
fn what_a_replica_has_confirmed_can_be_read_there() {
    let primary = Server::start();
    let replica = primary.replica("");
    let (mut p, mut r) = (primary.client(), replica.client());
    for round in 0..20 {
        p.check(
            format!("CACHE.SET k {round} EX 100 GRACE 50 TAGS 1 a"),
            "OK",
        );
        p.check("WAIT 1 10000", ":1");
        r.check("CACHE.GET k", &round.to_string());
        p.check("CACHE.MARKSTALE a", ":1");
        p.check("WAIT 1 10000", ":1");
        r.check("CACHE.GET k", "nil");
        p.check("CACHE.INVALIDATE a", ":1");
        p.check("WAIT 1 10000", ":1");
        r.check("CACHE.GET k STALE", "nil");
    }
}
