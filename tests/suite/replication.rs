//! What a replica gets: effects with absolute times, and nothing for what changed nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{Client, Random, Server, gauges, wait_until};

/// A primary and a replica in sync.
fn pair(lines: &str) -> (Server, Server) {
    let primary = Server::with(lines);
    let replica = primary.replica("");
    (primary, replica)
}

fn offset(c: &mut Client) -> i64 {
    c.server_info("replication", "master_repl_offset")
        .parse()
        .unwrap()
}

/// Fields of `CACHE.INFO` that must be the same on both sides at any time.
#[track_caller]
fn check_same(primary: &mut Client, replica: &mut Client, key: &str) {
    let (here, there) = (primary.info(key), replica.info(key));
    for field in ["state", "size", "grace-ms", "compute-ms"] {
        assert_eq!(here.text(field), there.text(field), "{field} of {key}");
    }
    let tags = format!("CACHE.TAGS {key}");
    assert_eq!(primary.sorted(tags.as_str()), replica.sorted(tags));
    let end = format!("PEXPIRETIME {key}");
    assert_eq!(primary.int(end.as_str()), replica.int(end), "end of {key}");
    let value = format!("CACHE.GET {key} STALE");
    assert_eq!(primary.text(value.as_str()), replica.text(value));
}

#[test]
fn stores_arrive_with_absolute_times() {
    let (primary, replica) = pair("cache.default-ttl 500000");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET plain v", "OK");
    p.check("CACHE.SET ttl v EX 100 GRACE 50 TAGS 2 a b", "OK");
    let token = p.lease("filled");
    p.check(format!("CACHE.SET filled v TOKEN {token} PX 90000"), "OK");
    p.check("CACHE.SET kept v PX 70000 PGRACE 1000", "OK");
    p.check("CACHE.SET kept w KEEPTTL TAGS 1 c", "OK");
    p.check("CACHE.SET slid v PX 70000 PGRACE 1000", "OK");
    p.check("CACHE.GETEX slid PX 200000", "v");
    p.check("CACHE.SET endless v PX 70000", "OK");
    p.check("CACHE.GETEX endless PERSIST", "v");
    p.check("CACHE.SET tagged v TAGS 1 a", "OK");
    p.check("CACHE.SETTAGS tagged x y", ":1");
    p.check(
        [
            b"CACHE.SET",
            &b"bin\0\xff"[..],
            b"\0\r\n\xff",
            b"TAGS",
            b"1",
            b"\xfe",
        ],
        "OK",
    );
    primary.wait_for(&replica);
    for key in [
        "plain", "ttl", "filled", "kept", "slid", "endless", "tagged",
    ] {
        check_same(&mut p, &mut r, key);
    }
    assert_eq!(r.bytes([b"CACHE.GET", &b"bin\0\xff"[..]]), b"\0\r\n\xff");
}

#[test]
fn invalidations_and_marks_arrive() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET dead v TAGS 1 a", "OK");
    p.check("CACHE.SET marked v PX 100000 PGRACE 100000 TAGS 1 b", "OK");
    p.check("CACHE.SET alive v TAGS 1 c", "OK");
    p.check("CACHE.INVALIDATE a", ":1");
    p.check("CACHE.MARKSTALE b", ":1");
    p.check("CACHE.SET again v TAGS 1 a", "OK");
    primary.wait_for(&replica);
    r.check("CACHE.MGET dead marked alive again", "[nil nil v v]");
    r.check("CACHE.GET marked STALE", "v");
    wait_until("the replica follows the reclaimer", || r.int("DBSIZE") == 3);
    check_same(&mut p, &mut r, "marked");
}

#[test]
fn invalidations_are_replicated_even_if_nothing_carried_the_tag() {
    let (primary, replica) = pair("");
    let (mut p, mut listener) = (primary.client(), replica.client());
    listener.run("PSUBSCRIBE __cache@*");
    p.check("SELECT 4", "OK");
    p.check("CACHE.INVALIDATE a b", ":0");
    p.check("CACHE.MARKSTALE c", ":0");
    listener.check_reply("[pmessage __cache@* __cache@4__:invalidate a]");
    listener.check_reply("[pmessage __cache@* __cache@4__:invalidate b]");
    listener.check_reply("[pmessage __cache@* __cache@4__:markstale c]");
}

#[test]
fn what_changes_nothing_is_not_replicated() {
    let (primary, _replica) = pair("");
    let mut c = primary.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("RPUSH list x", ":1");
    let token = c.lease("pending LEASE 60000");
    let before = offset(&mut c);
    for (command, reply) in [
        ("CACHE.SET k w NX", "nil"),
        ("CACHE.SET none w XX", "nil"),
        ("CACHE.SET k w TOKEN 5", "nil"),
        (
            "CACHE.SET k w EX 0",
            "-ERR invalid expire time in 'cache.set' command",
        ),
        ("CACHE.SET list w TOKEN 5", "nil"),
        ("CACHE.GET k", "v"),
        ("CACHE.GETEX k", "v"),
        ("CACHE.GETEX none EX 10", "nil"),
        ("CACHE.GETORLOCK k", "[fresh v nil]"),
        ("CACHE.GETORLOCK pending", "[busy nil nil]"),
        ("CACHE.RENEW none 5 1000", ":0"),
        ("CACHE.UNLOCK none 5", ":0"),
        ("CACHE.SETTAGS none a", ":0"),
        ("CACHE.STATS RESET", "OK"),
    ] {
        c.check(command, reply);
    }
    c.check(format!("CACHE.RENEW pending {token} 30000"), ":1");
    c.lease("another LEASE 60000");
    assert_eq!(offset(&mut c), before);
}

#[test]
fn removing_a_placeholder_is_replicated_as_unlink() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    r.check("CONFIG RESETSTAT", "OK");
    let token = p.lease("k LEASE 60000");
    p.check(format!("CACHE.UNLOCK k {token}"), ":1");
    primary.wait_for(&replica);
    let stats = String::from_utf8(r.bytes("INFO commandstats")).unwrap();
    assert!(stats.contains("cmdstat_unlink:calls=1,"), "{stats}");
}

#[test]
fn a_lease_is_not_replicated() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.lease("k LEASE 60000");
    p.check("CACHE.SET stale old PX 100000 PGRACE 100000", "OK");
    p.check("PEXPIRE stale 50000", ":1");
    p.refresh("stale", "stale old");
    primary.wait_for(&replica);
    r.check("CACHE.INFO k", "nil");
    assert_eq!(r.info("stale").text("lease"), "nil");
}

#[test]
fn a_lease_over_a_dead_entry_removes_it_from_the_replica() {
    let (primary, replica) = pair("cache.reclaim-inline 0");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET k v TAGS 1 a", "OK");
    p.check("MULTI", "OK");
    p.check("CACHE.INVALIDATE a", "QUEUED");
    p.check("CACHE.GETORLOCK k LEASE 60000", "QUEUED");
    p.run("EXEC");
    primary.wait_for(&replica);
    wait_until("the replica holds nothing", || r.int("EXISTS k") == 0);
    p.check("EXISTS k", ":1");
}

#[test]
fn a_replica_answers_reads_and_refuses_writes() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET k v EX 100 TAGS 1 a", "OK");
    primary.wait_for(&replica);
    r.check("CACHE.MGET k none", "[v nil]");
    r.check("CACHE.EXISTS k", ":1");
    r.check("CACHE.TAGS k", "[a]");
    r.check("CACHE.TAGSCAN a 0", "[0 [k]]");
    r.check("CACHE.TAGLIST 0", "[0 [a :1]]");
    assert_eq!(r.info("k").text("state"), "fresh");
    assert_eq!(r.stats().int("entries"), 1);
    for command in [
        "CACHE.SET k w",
        "CACHE.GETEX k EX 10",
        "CACHE.GETORLOCK k",
        "CACHE.RENEW k 1 1000",
        "CACHE.UNLOCK k 1",
        "CACHE.SETTAGS k b",
        "CACHE.INVALIDATE a",
        "CACHE.MARKSTALE a",
    ] {
        r.check(
            command,
            "-READONLY You can't write against a read only replica.",
        );
    }
}

#[test]
fn a_replica_counts_an_expired_entry_as_absent() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("DEBUG SET-ACTIVE-EXPIRE 0", "OK");
    p.check("CACHE.SET k v PX 100 TAGS 1 a", "OK");
    primary.wait_for(&replica);
    wait_until("it has expired", || r.text("CACHE.GET k STALE") == "nil");
    r.check("CACHE.EXISTS k", ":0");
    r.check("CACHE.INFO k", "nil");
    p.check("CACHE.GET k", "nil");
}

#[test]
fn renaming_a_placeholder_leaves_both_sides_the_same() {
    for carry in ["RENAME pending k", "COPY pending k REPLACE"] {
        let (primary, replica) = pair("");
        let (mut p, mut r) = (primary.client(), replica.client());
        p.check("CACHE.SET k v TAGS 1 a", "OK");
        p.lease("pending LEASE 60000");
        p.run(carry);
        p.check("CACHE.GET k", "nil");
        wait_until("the replica has no other value", || {
            r.text("CACHE.GET k STALE") == "nil"
        });
        wait_until("the carried one is removed", || p.int("EXISTS k") == 0);
        p.check("CACHE.INVALIDATE a", ":0");
    }
}

#[test]
fn key_commands_of_the_server_keep_both_sides_the_same() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    for key in ["one", "two", "three", "four"] {
        p.check(
            format!("CACHE.SET {key} {key} EX 100 GRACE 50 TAGS 2 a {key}"),
            "OK",
        );
    }
    p.check("RENAME one uno", "OK");
    p.check("COPY two due", ":1");
    p.check("MOVE three 1", ":1");
    let payload = p.bytes("DUMP four");
    p.check([&b"RESTORE"[..], b"quattro", b"90000", &payload], "OK");
    primary.wait_for(&replica);
    for key in ["uno", "two", "due", "four", "quattro"] {
        check_same(&mut p, &mut r, key);
    }
    p.check("SWAPDB 0 1", "OK");
    primary.wait_for(&replica);
    check_same(&mut p, &mut r, "three");
    p.check("CACHE.INVALIDATE a", ":1");
    primary.wait_for(&replica);
    r.check("CACHE.GET three", "nil");
    r.check("SELECT 1", "OK");
    r.check("CACHE.GET uno", "one");
}

#[test]
fn a_full_sync_brings_the_state_of_every_entry() {
    let primary = Server::with("cache.reclaim-inline 0\ncache.reclaim-slice-us 10");
    let mut p = primary.client();
    p.check("CACHE.SET fresh v PX 100000 PGRACE 50000 TAGS 2 a b", "OK");
    p.check("CACHE.SET marked v PX 100000 PGRACE 50000 TAGS 1 m", "OK");
    p.check("CACHE.SET dead v TAGS 1 d", "OK");
    p.check("CACHE.MARKSTALE m", ":1");
    p.check("CACHE.INVALIDATE d", ":1");
    let token = p.lease("pending LEASE 60000");
    let replica = primary.replica("");
    let mut r = replica.client();
    check_same(&mut p, &mut r, "fresh");
    check_same(&mut p, &mut r, "marked");
    r.check("CACHE.GET dead STALE", "nil");
    r.check("CACHE.INFO pending", "nil");
    assert_eq!(r.stats().int("tags"), p.stats().int("tags"));
    p.check("CACHE.INVALIDATE b", ":1");
    p.check(format!("CACHE.SET pending v TOKEN {token}"), "OK");
    primary.wait_for(&replica);
    r.check("CACHE.MGET fresh pending", "[nil v]");
}

/// What the replica held before must leave its index, however the new data set is loaded.
#[test]
fn a_full_sync_replaces_what_the_replica_had() {
    for load in ["disabled", "swapdb"] {
        let (primary, other) = (
            Server::start(),
            Server::with(&format!("repl-diskless-load {load}")),
        );
        let (mut p, mut r) = (primary.client(), other.client());
        p.check("CACHE.SET k v EX 100 GRACE 50 TAGS 2 a b", "OK");
        r.pipeline((0..300).map(|i| format!("CACHE.SET old{i} v TAGS 2 a old{i}")));
        r.check(format!("REPLICAOF 127.0.0.1 {}", primary.port()), "OK");
        wait_until("the replica is in sync", || r.text("CACHE.GET k") == "v");
        check_same(&mut p, &mut r, "k");
        assert_eq!(gauges(&mut r), [1, 2, 0], "{load}");
        p.check("CACHE.INVALIDATE a", ":1");
        primary.wait_for(&other);
        r.check("CACHE.GET k", "nil");
        wait_until("the replica follows the reclaimer", || {
            gauges(&mut r) == [0, 0, 0]
        });
    }
}

#[test]
fn a_replica_of_a_replica_gets_everything() {
    let (primary, middle) = pair("");
    let last = middle.replica("");
    let (mut p, mut l) = (primary.client(), last.client());
    p.check("CACHE.SET k v EX 100 GRACE 50 TAGS 2 a b", "OK");
    p.check("CACHE.SET marked v EX 100 GRACE 50 TAGS 1 m", "OK");
    p.check("CACHE.SET dead v TAGS 1 d", "OK");
    p.check("CACHE.MARKSTALE m", ":1");
    p.check("CACHE.INVALIDATE d", ":1");
    wait_until("the last replica has caught up", || l.int("DBSIZE") == 2);
    check_same(&mut p, &mut l, "k");
    check_same(&mut p, &mut l, "marked");
    l.check("CACHE.GET dead", "nil");
}

#[test]
fn a_partial_sync_brings_what_was_missed() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET k v TAGS 1 a", "OK");
    p.check("CACHE.SET other v PX 100000 PGRACE 9000 TAGS 1 b", "OK");
    primary.wait_for(&replica);
    p.check("CLIENT KILL TYPE replica", ":1");
    p.check("CACHE.INVALIDATE a", ":1");
    p.check("CACHE.MARKSTALE b", ":1");
    p.check("CACHE.SET k2 v", "OK");
    wait_until("the replica is in sync again", || {
        r.text("CACHE.GET k2") == "v"
    });
    r.check("CACHE.MGET k other", "[nil nil]");
    r.check("CACHE.GET other STALE", "v");
    assert_eq!(p.server_info("stats", "sync_partial_ok"), "1");
}

#[test]
fn a_promoted_replica_gives_larger_tokens() {
    let (primary, replica) = pair("");
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
fn transactions_and_scripts_arrive() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("MULTI", "OK");
    p.check("CACHE.SET k v EX 100 TAGS 1 a", "QUEUED");
    p.check("CACHE.SET k2 v TAGS 1 b", "QUEUED");
    p.check("CACHE.INVALIDATE b", "QUEUED");
    p.check("EXEC", "[OK OK :1]");
    let script = b"return redis.call('CACHE.SET', KEYS[1], 'v', 'EX', '50', 'GRACE', '5')";
    p.check([&b"EVAL"[..], script, b"1", b"scripted"], "OK");
    primary.wait_for(&replica);
    check_same(&mut p, &mut r, "k");
    check_same(&mut p, &mut r, "scripted");
    r.check("CACHE.GET k2", "nil");
}

#[test]
fn a_replica_applies_what_its_own_limits_would_refuse() {
    let primary = Server::start();
    let replica =
        primary.replica("cache.max-tags-per-entry 1\ncache.max-tag-length 1\ncache.default-ttl 10");
    let (mut p, mut r) = (primary.client(), replica.client());
    p.check("CACHE.SET k v TAGS 3 long tags here", "OK");
    primary.wait_for(&replica);
    check_same(&mut p, &mut r, "k");
    p.check("CACHE.INVALIDATE tags", ":1");
    primary.wait_for(&replica);
    r.check("CACHE.GET k", "nil");
}

#[test]
fn both_sides_agree_after_many_random_writes() {
    let (primary, replica) = pair("");
    let (mut p, mut r) = (primary.client(), replica.client());
    let mut random = Random::new(5);
    for _ in 0..2_000 {
        p.run(endless_command(&mut random));
    }
    wait_until("the dead are reclaimed", || gauges(&mut p)[2] == 0);
    primary.wait_for(&replica);
    assert_eq!(p.sorted("KEYS *"), r.sorted("KEYS *"));
    for i in 0..20 {
        let (key, tags) = (format!("k{i}"), format!("CACHE.TAGS k{i}"));
        let here = p.text(tags.as_str());
        assert_eq!(here == "nil", r.text(tags) == "nil", "{key}");
        if here != "nil" {
            check_same(&mut p, &mut r, &key);
        }
    }
    assert_eq!(gauges(&mut p), gauges(&mut r));
}

/// A random write that no clock can make different on the other side.
fn endless_command(random: &mut Random) -> String {
    let (k, k2, t) = (random.below(20), random.below(20), random.below(6));
    match random.below(9) {
        0..3 => format!(
            "CACHE.SET k{k} v EX 100 GRACE 50 TAGS 2 t{t} t{}",
            random.below(6)
        ),
        3 => format!("CACHE.INVALIDATE t{t}"),
        4 => format!("CACHE.MARKSTALE t{t}"),
        5 => format!("CACHE.SETTAGS k{k} t{t}"),
        6 => format!("RENAME k{k} k{k2}"),
        7 => format!("COPY k{k} k{k2} REPLACE"),
        _ => format!("DEL k{k}"),
    }
}
