//! Restarts from a snapshot and from every kind of append-only file.

use crate::common::{Client, Server, Setup, show, wait_for_memory, wait_until};

const AOF: &str = "appendonly yes\nappendfsync always\nauto-aof-rewrite-percentage 0\n";

/// Entries in every state; gives the token of a lease that is out.
fn fill(c: &mut Client) -> i64 {
    c.check("CACHE.SET fresh v PX 100000 PGRACE 50000 TAGS 2 a b", "OK");
    c.check("CACHE.SET endless w TAGS 1 a", "OK");
    c.check(
        [
            &b"CACHE.SET"[..],
            b"binary",
            b"\0\r\n\xff",
            b"TAGS",
            b"1",
            b"\xfe\0",
        ],
        "OK",
    );
    c.check("CACHE.SET stale v PX 100000 PGRACE 50000", "OK");
    c.check("PEXPIRE stale 40000", ":1");
    c.check("CACHE.SET marked v PX 100000 PGRACE 50000 TAGS 1 m", "OK");
    c.check("CACHE.MARKSTALE m", ":1");
    c.check("CACHE.SET retagged v TAGS 1 x", "OK");
    c.check("CACHE.SETTAGS retagged y", ":1");
    c.check("CACHE.SET dead v TAGS 1 d", "OK");
    c.check("CACHE.INVALIDATE d", ":1");
    c.check("SELECT 2", "OK");
    c.check("CACHE.SET elsewhere v TAGS 1 a", "OK");
    c.check("SELECT 0", "OK");
    c.lease("pending LEASE 60000")
}

/// Checks what [`fill`] left, with the lease gone.
#[track_caller]
fn check_restored(c: &mut Client, token: i64) {
    c.check(
        "CACHE.MGET fresh endless stale marked retagged dead",
        "[v w nil nil v nil]",
    );
    c.check("CACHE.GET stale STALE", "v");
    c.check("CACHE.GET marked STALE", "v");
    c.check("CACHE.GET dead STALE", "nil");
    assert_eq!(c.bytes("CACHE.GET binary"), b"\0\r\n\xff");
    c.check("CACHE.TAGS binary", r"[\xfe\x00]");
    assert_eq!(c.sorted("CACHE.TAGS fresh"), ["a", "b"]);
    c.check("CACHE.TAGS retagged", "[y]");
    assert_eq!(c.info("fresh").int("grace-ms"), 50_000);
    assert!((60_000..=100_000).contains(&c.info("fresh").int("ttl-ms")));
    c.check("PTTL endless", ":-1");
    c.check(format!("CACHE.SET pending late TOKEN {token}"), "nil");
    assert!(c.lease("pending") > token);
    c.check("CACHE.INVALIDATE b y", ":2");
    c.check("CACHE.MGET fresh retagged endless", "[nil nil w]");
    c.check("SELECT 2", "OK");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET elsewhere", "nil");
}

#[test]
fn a_snapshot_keeps_everything_but_leases() {
    let mut s = Server::with("cache.reclaim-inline 0");
    let token = fill(&mut s.client());
    s.restart("SAVE");
    check_restored(&mut s.client(), token);
}

#[test]
fn the_append_only_file_keeps_everything_but_leases() {
    for preamble in ["yes", "no"] {
        let mut s = Server::with(&format!("{AOF}aof-use-rdb-preamble {preamble}"));
        let token = fill(&mut s.client());
        s.crash();
        check_restored(&mut s.client(), token);
    }
}

#[test]
fn a_rewritten_append_only_file_keeps_everything_but_leases() {
    for preamble in ["yes", "no"] {
        let mut s = Server::with(&format!("{AOF}aof-use-rdb-preamble {preamble}"));
        let mut c = s.client();
        let token = fill(&mut c);
        c.rewrite_aof();
        s.crash();
        check_restored(&mut s.client(), token);
    }
}

#[test]
fn what_follows_a_rewrite_is_kept_too() {
    for preamble in ["yes", "no"] {
        let mut s = Server::with(&format!("{AOF}aof-use-rdb-preamble {preamble}"));
        let mut c = s.client();
        c.check("CACHE.SET k1 v TAGS 1 a", "OK");
        c.check("CACHE.SET k2 v PX 100000 PGRACE 100000 TAGS 1 b", "OK");
        c.check("CACHE.SET k3 v TAGS 1 c", "OK");
        c.rewrite_aof();
        c.check("CACHE.INVALIDATE a", ":1");
        c.check("CACHE.MARKSTALE b", ":1");
        c.check("CACHE.SETTAGS k3 d", ":1");
        c.check("CACHE.SET k1 again TAGS 1 a", "OK");
        s.crash();
        let mut c = s.client();
        c.check("CACHE.MGET k1 k2 k3", "[again nil v]");
        c.check("CACHE.GET k2 STALE", "v");
        c.check("CACHE.TAGS k3", "[d]");
        c.check("CACHE.INVALIDATE a c", ":1");
        c.check("CACHE.MGET k1 k3", "[nil v]");
    }
}

#[test]
fn times_pass_while_the_server_is_down() {
    for lines in ["", AOF] {
        let mut s = Server::with(lines);
        let mut c = s.client();
        c.check("CACHE.SET k v PX 100000 PGRACE 40000 TAGS 1 a", "OK");
        let end = c.int("PEXPIRETIME k");
        c.check("CACHE.SET short v PX 1 PGRACE 100000 TAGS 1 a", "OK");
        c.check("CACHE.SET gone v PX 1 TAGS 1 gone", "OK");
        wait_until("it is stale", || c.text("CACHE.GET short") == "nil");
        s.restart("SAVE");
        let mut c = s.client();
        c.check("PEXPIRETIME k", &format!(":{end}"));
        c.check("CACHE.MGET k short gone", "[v nil nil]");
        c.check("CACHE.GET short STALE", "v");
        assert_eq!(c.stats().int("entries"), 2);
        c.check("CACHE.TAGINFO gone", "nil");
    }
}

#[test]
fn the_age_and_the_measured_time_are_kept() {
    let mut s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    wait_until("some time is spent", || c.int("PTTL k") < 4_960);
    c.check(format!("CACHE.SET k v TOKEN {token} EX 100"), "OK");
    let compute = c.info("k").int("compute-ms");
    assert!(compute >= 30, "{compute}");
    wait_until("the value ages", || c.info("k").int("age-ms") >= 50);
    s.restart("SAVE");
    let info = s.client().info("k");
    assert_eq!(info.int("compute-ms"), compute);
    assert!(info.int("age-ms") >= 50, "{info:?}");
}

#[test]
fn load_policy_stale_makes_the_loaded_stale() {
    for lines in ["", AOF] {
        let mut s = Server::with(&format!("cache.load-policy stale\n{lines}"));
        let mut c = s.client();
        c.check("CACHE.SET graced v PX 100000 PGRACE 50000 TAGS 1 a", "OK");
        c.check("CACHE.SET plain v EX 100 TAGS 1 a", "OK");
        s.restart("SAVE");
        let mut c = s.client();
        c.check("CACHE.MGET graced plain", "[nil nil]");
        c.check("CACHE.GET graced STALE", "v");
        c.check("CACHE.GET plain STALE", "nil");
        c.check("CACHE.SET graced w EX 100", "OK");
        c.check("CACHE.GET graced", "w");
    }
}

#[test]
fn load_policy_drop_forgets_the_loaded() {
    for lines in ["", AOF] {
        let mut s = Server::with(&format!("cache.load-policy drop\n{lines}"));
        let mut c = s.client();
        let empty = c.stats().int("index-bytes");
        c.check("CACHE.SET k v TAGS 1 a", "OK");
        c.check("SET string x", "OK");
        s.restart("SAVE");
        let mut c = s.client();
        c.check("CACHE.GET k STALE", "nil");
        c.check("CACHE.EXISTS k", ":0");
        wait_until("the dropped are reclaimed", || c.int("DBSIZE") == 1);
        c.check("GET string", "x");
        let stats = c.stats();
        assert_eq!((stats.int("entries"), stats.int("tags")), (0, 0));
        wait_for_memory(&mut c, empty);
    }
}

#[test]
fn a_placeholder_in_a_snapshot_is_removed_after_loading() {
    let mut s = Server::start();
    s.client().lease("pending LEASE 60000");
    s.restart("SAVE");
    let mut c = s.client();
    c.check("CACHE.INFO pending", "nil");
    wait_until("the placeholder is removed", || c.int("DBSIZE") == 0);
}

#[test]
fn the_dead_in_a_snapshot_are_reclaimed_after_loading() {
    let mut s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    // Saved before the reclaimer gets a chance.
    c.pipeline((0..400).map(|i| format!("CACHE.SET k{i} v TAGS 1 a")));
    let replies = c.pipeline(["CACHE.INVALIDATE a", "SAVE"].map(String::from));
    assert_eq!(show(&replies[0]), ":400");
    assert_eq!(show(&replies[1]), "OK");
    s.crash();
    let mut c = s.client();
    c.check("CACHE.GET k7 STALE", "nil");
    wait_until("the dead are reclaimed", || c.int("DBSIZE") == 0);
    wait_for_memory(&mut c, empty);
}

#[test]
fn a_snapshot_without_entries_needs_no_module() {
    let mut s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("SET string x", "OK");
    wait_until("the entry is reclaimed", || c.int("DBSIZE") == 1);
    s.restart_with(
        "SAVE",
        &Setup {
            without_module: true,
            ..Setup::default()
        },
    );
    s.client().check("GET string", "x");
}

#[test]
fn tokens_grow_over_restarts() {
    let mut s = Server::start();
    let mut last = 0;
    for how in ["SAVE", "NOSAVE", "SAVE"] {
        let token = s.client().lease("k");
        assert!(token > last);
        last = token;
        s.restart(how);
    }
}
