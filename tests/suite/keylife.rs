//! What the server does to keys by itself, and what entries, tags and gauges make of it.

use crate::common::{
    Client, Fields, Server, gauges, show, wait_for_memory, wait_for_nothing, wait_until,
};

fn set_tagged(c: &mut Client, key: &str) {
    c.check(
        format!("CACHE.SET {key} v PX 100000 PGRACE 50000 TAGS 2 a b"),
        "OK",
    );
}

#[track_caller]
fn check_tagged(c: &mut Client, key: &str) {
    c.check(format!("CACHE.GET {key}"), "v");
    assert_eq!(c.sorted(format!("CACHE.TAGS {key}")), ["a", "b"]);
    let info = c.info(key);
    assert_eq!(info.int("grace-ms"), 50_000);
    assert!((90_000..=100_000).contains(&info.int("ttl-ms")), "{info:?}");
    let members = c.run("CACHE.TAGSCAN a 0 COUNT 1000");
    assert!(show(&members).contains(key), "{members:?}");
}

#[test]
fn a_copy_is_an_entry_of_its_own() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    set_tagged(&mut c, "k");
    c.check("COPY k twin", ":1");
    check_tagged(&mut c, "twin");
    assert_eq!(gauges(&mut c), [2, 2, 0]);
    c.check("DEL k", ":1");
    check_tagged(&mut c, "twin");
    c.check("COPY twin k DB 1", ":1");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET twin", "nil");
    c.check("SELECT 1", "OK");
    check_tagged(&mut c, "k");
    c.check("CACHE.SET other w TAGS 1 c", "OK");
    c.check("COPY k other REPLACE", ":1");
    check_tagged(&mut c, "other");
    c.check("CACHE.TAGINFO c", "nil");
    wait_for_nothing(&mut c, empty);
}

#[test]
fn a_renamed_entry_keeps_all_but_its_name() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    set_tagged(&mut c, "k");
    c.check("CACHE.SET over w TAGS 1 c", "OK");
    c.check("RENAME k moved", "OK");
    check_tagged(&mut c, "moved");
    assert_eq!(gauges(&mut c), [2, 3, 0]);
    c.check("RENAME moved over", "OK");
    check_tagged(&mut c, "over");
    assert_eq!(gauges(&mut c), [1, 2, 0]);
    c.check("RENAMENX over again", ":1");
    c.check("RENAME again again", "OK");
    check_tagged(&mut c, "again");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET again", "nil");
    c.check("EXISTS again", ":0");
    wait_for_nothing(&mut c, empty);
}

#[test]
fn a_moved_entry_counts_where_it_is() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    c.check("SELECT 1", "OK");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check("SELECT 0", "OK");
    set_tagged(&mut c, "k");
    c.check("MOVE k 1", ":1");
    c.check("CACHE.TAGINFO a", "nil");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check("SELECT 1", "OK");
    check_tagged(&mut c, "k");
    assert_eq!(gauges(&mut c), [1, 2, 0]);
    c.check("CACHE.INVALIDATE b", ":1");
    c.check("CACHE.GET k", "nil");
    wait_for_nothing(&mut c, empty);
}

#[test]
fn swapped_databases_take_their_tags_along() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    set_tagged(&mut c, "k");
    c.check("CACHE.SET other w TAGS 1 c", "OK");
    c.check("SWAPDB 0 1", "OK");
    c.check("CACHE.TAGINFO a", "nil");
    c.check("CACHE.INVALIDATE a b c", ":0");
    c.check("SELECT 1", "OK");
    check_tagged(&mut c, "k");
    assert_eq!(Fields::of(c.run("CACHE.TAGINFO c")).int("entries"), 1);
    c.check("CACHE.SETTAGS k d", ":1");
    c.check("CACHE.INVALIDATE c", ":1");
    c.check("CACHE.GET other", "nil");
    c.check("CACHE.INVALIDATE d", ":1");
    c.check("CACHE.GET k", "nil");
    wait_for_nothing(&mut c, empty);
}

/// Entries that wait for the reclaimer move with their database, too.
#[test]
fn swapping_databases_does_not_mislead_the_reclaimer() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("SELECT 1", "OK");
    for i in 0..300 {
        c.check(format!("CACHE.SET k{i} alive TAGS 1 a"), "OK");
    }
    c.check("SELECT 0", "OK");
    for i in 0..300 {
        c.check(format!("CACHE.SET k{i} dead TAGS 1 a"), "OK");
    }
    c.check("MULTI", "OK");
    c.check("CACHE.INVALIDATE a", "QUEUED");
    c.check("SWAPDB 0 1", "QUEUED");
    c.check("EXEC", "[:300 OK]");
    c.check("CACHE.GET k7", "alive");
    c.check("SELECT 1", "OK");
    c.check("CACHE.GET k7", "nil");
    wait_until("the dead are reclaimed", || c.int("DBSIZE") == 0);
    c.check("SELECT 0", "OK");
    c.check("DBSIZE", ":300");
    assert_eq!(gauges(&mut c), [300, 1, 0]);
}

#[test]
fn flushing_clears_the_index() {
    for flush in [
        "FLUSHALL SYNC",
        "FLUSHALL ASYNC",
        "FLUSHDB SYNC",
        "FLUSHDB ASYNC",
    ] {
        let s = Server::start();
        let mut c = s.client();
        let empty = c.stats().int("index-bytes");
        for i in 0..100 {
            c.check(format!("CACHE.SET k{i} v TAGS 2 a b{i}"), "OK");
        }
        c.check(flush, "OK");
        assert_eq!(gauges(&mut c), [0, 0, 0], "{flush}");
        wait_for_memory(&mut c, empty);
        set_tagged(&mut c, "k");
        c.check("CACHE.INVALIDATE a", ":1");
        c.check("CACHE.GET k", "nil");
    }
}

#[test]
fn flushdb_leaves_the_other_databases_alone() {
    let s = Server::start();
    let mut c = s.client();
    set_tagged(&mut c, "k");
    c.check("SELECT 2", "OK");
    set_tagged(&mut c, "k");
    c.check("FLUSHDB", "OK");
    c.check("CACHE.TAGINFO a", "nil");
    c.check("SELECT 0", "OK");
    check_tagged(&mut c, "k");
    assert_eq!(gauges(&mut c), [1, 2, 0]);
}

#[test]
fn expired_entries_leave_the_index() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for i in 0..100 {
        c.check(
            format!("CACHE.SET k{i} v PX {} TAGS 2 a b{i}", 50 + i),
            "OK",
        );
    }
    wait_until("all have expired", || c.int("DBSIZE") == 0);
    assert_eq!(gauges(&mut c), [0, 0, 0]);
    wait_for_memory(&mut c, empty);
}

#[test]
fn evicted_entries_leave_the_index() {
    let s = Server::with("maxmemory-policy allkeys-lru");
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for i in 0..200 {
        c.check(format!("CACHE.SET k{i} v TAGS 2 a b{i}"), "OK");
    }
    c.check("CONFIG SET maxmemory 1", "OK");
    wait_until("all are evicted", || c.int("DBSIZE") == 0);
    assert_eq!(gauges(&mut c), [0, 0, 0]);
    wait_for_memory(&mut c, empty);
}

#[test]
fn overwritten_entries_leave_the_index() {
    let s = Server::start();
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    set_tagged(&mut c, "k");
    c.check("CACHE.SET k w TAGS 1 c", "OK");
    assert_eq!(gauges(&mut c), [1, 1, 0]);
    c.check("SET k string", "OK");
    assert_eq!(gauges(&mut c), [0, 0, 0]);
    set_tagged(&mut c, "k");
    c.check("RPUSH list x", ":1");
    c.check("RENAME list k", "OK");
    assert_eq!(gauges(&mut c), [0, 0, 0]);
    c.check("CACHE.INVALIDATE a b c", ":0");
    c.check("LRANGE k 0 -1", "[x]");
    wait_for_nothing(&mut c, empty);
}

#[test]
fn dump_and_restore_keep_value_tags_and_grace() {
    let s = Server::start();
    let mut c = s.client();
    set_tagged(&mut c, "k");
    let ttl = c.int("PTTL k").to_string();
    let payload = c.bytes("DUMP k");
    c.check("DEL k", ":1");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check([&b"RESTORE"[..], b"k", ttl.as_bytes(), &payload], "OK");
    check_tagged(&mut c, "k");
    c.check("CACHE.SET k w TAGS 1 c", "OK");
    c.check(
        [&b"RESTORE"[..], b"k", ttl.as_bytes(), &payload, b"REPLACE"],
        "OK",
    );
    check_tagged(&mut c, "k");
    assert_eq!(gauges(&mut c), [1, 2, 0]);
    c.check("CACHE.INVALIDATE b", ":1");
    c.check("CACHE.GET k", "nil");
}

#[test]
fn death_and_staleness_travel_in_a_dump() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    set_tagged(&mut c, "k");
    c.check("CACHE.SETTAGS k c", ":1");
    c.check("CACHE.MARKSTALE c", ":1");
    let stale = c.bytes("DUMP k");
    c.check([&b"RESTORE"[..], b"stale", b"150000", &stale], "OK");
    c.check("CACHE.GET stale", "nil");
    c.check("CACHE.GET stale STALE", "v");
    c.check("MULTI", "OK");
    c.check("CACHE.INVALIDATE c", "QUEUED");
    c.check("DUMP k", "QUEUED");
    let [_, redis::Value::BulkString(dead)] = &c.array("EXEC")[..] else {
        panic!("no dump")
    };
    c.check([&b"RESTORE"[..], b"dead", b"0", dead], "OK");
    c.check("CACHE.GET dead STALE", "nil");
    c.check("CACHE.TAGS dead", "nil");
    wait_until("the dead are reclaimed", || c.int("DBSIZE") == 0);
    assert_eq!(gauges(&mut c), [0, 0, 0]);
}

#[test]
fn a_lease_is_never_carried() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 100000", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k", "stale old");
    c.check("COPY k twin", ":1");
    assert_eq!(c.info("twin").text("lease"), "nil");
    c.check(format!("CACHE.SET twin new TOKEN {token}"), "nil");
    c.check(format!("CACHE.RENEW k {token} 5000"), ":1");
    c.check("RENAME k moved", "OK");
    assert_eq!(c.info("moved").text("lease"), "nil");
    c.check("CACHE.GET moved STALE", "old");
    c.check(format!("CACHE.SET moved new TOKEN {token}"), "nil");
    c.refresh("moved", "stale old");
}

#[test]
fn a_placeholder_that_was_carried_along_is_removed() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    c.check("COPY k twin", ":1");
    c.check("CACHE.INFO twin", "nil");
    let payload = c.bytes("DUMP k");
    c.check([&b"RESTORE"[..], b"restored", b"0", &payload], "OK");
    c.check("CACHE.INFO restored", "nil");
    c.check("COPY k there DB 1", ":1");
    c.check("RENAME k moved", "OK");
    c.check("CACHE.INFO moved", "nil");
    wait_until("the placeholders are removed", || c.int("DBSIZE") == 0);
    c.check("SELECT 1", "OK");
    wait_until("the placeholder is removed", || c.int("DBSIZE") == 0);
    c.lease("moved");
    assert_eq!(gauges(&mut c)[1..], [0, 0]);
}

#[test]
fn debug_reload_keeps_everything_but_leases() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    set_tagged(&mut c, "k");
    c.check("CACHE.SET marked v PX 100000 PGRACE 50000 TAGS 1 m", "OK");
    c.check("CACHE.MARKSTALE m", ":1");
    c.check("CACHE.SET doomed v TAGS 1 d", "OK");
    let token = c.lease("pending LEASE 60000");
    c.check("CACHE.INVALIDATE d", ":1");
    c.check("DEBUG RELOAD", "OK");
    check_tagged(&mut c, "k");
    c.check("CACHE.GET marked", "nil");
    c.check("CACHE.GET marked STALE", "v");
    c.check("CACHE.GET doomed", "nil");
    c.check(format!("CACHE.SET pending v TOKEN {token}"), "nil");
    assert!(c.lease("pending") > token);
    c.check("DEL pending", ":1");
    wait_until("the dead are reclaimed", || gauges(&mut c) == [2, 3, 0]);
    c.check("CACHE.INVALIDATE a m", ":2");
    wait_until("all are reclaimed", || c.int("DBSIZE") == 0);
    wait_for_nothing(&mut c, empty);
}

#[test]
fn the_server_can_look_at_an_entry() {
    let s = Server::start();
    let mut c = s.client();
    set_tagged(&mut c, "k");
    c.check("CACHE.SET large v", "OK");
    c.check([&b"CACHE.SET"[..], b"large", &[b'x'; 100_000]], "OK");
    assert!(c.int("MEMORY USAGE k") > 50);
    assert!(c.int("MEMORY USAGE large") > 100_000);
    c.check("TYPE k", "cache-ent");
    c.check("OBJECT ENCODING k", "raw");
}

#[test]
fn who_copies_or_moves_a_key_stays_where_he_is() {
    let s = Server::start();
    let replica = s.replica("");
    let mut c = s.client();
    c.check("SELECT 3", "OK");
    set_tagged(&mut c, "k");
    c.check("SET string v", "OK");
    c.check("COPY k twin DB 1", ":1");
    c.check("CACHE.GET k", "v");
    c.check("MOVE k 2", ":1");
    c.check("MOVE string 2", ":1");
    c.check("SET here v", "OK");
    s.wait_for(&replica);
    for server in [&s, &replica] {
        let mut c = server.client();
        for (db, keys) in [(1, "twin"), (2, "k string"), (3, "here")] {
            c.check(format!("SELECT {db}"), "OK");
            assert_eq!(c.sorted("KEYS *").join(" "), keys);
        }
    }
}
