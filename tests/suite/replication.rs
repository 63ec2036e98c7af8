//! What a replica gets: effects with absolute times, and nothing for what changed nothing.

use crate::common::{Client, Random, Server, check_agreement, wait_until};

/// A primary and a replica in sync.
fn pair(lines: &str) -> (Server, Server) {
    let primary = Server::with(lines);
    let replica = primary.replica("");
    (primary, replica)
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
        "CACHE.GET k NOMISS",
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
    let (mut p, mut random, mut token) = (primary.client(), Random::new(5), 1);
    let copies = p.stays_when_it_copies();
    for _ in 0..4_000 {
        let write = random.write(token);
        if !copies && write.contains(" DB ") {
            continue;
        }
        let reply = p.text(write);
        if let Some((_, granted)) = reply.trim_end_matches(']').rsplit_once(" :") {
            token = granted.parse().unwrap_or(token);
        }
    }
    check_agreement(&primary, &replica);
}
