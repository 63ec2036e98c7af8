//! `CACHE.SET`, `GET`, `MGET`, `GETEX` and `EXISTS`: values, conditions, times.

use crate::common::{Client, Server, WRONG_TYPE};

const SYNTAX: &str = "-ERR syntax error";
const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
const BAD_EXPIRY: &str = "-ERR invalid expire time in 'cache.set' command";

/// A value whose fresh time is over and whose grace is not.
fn set_stale(c: &mut Client, key: &str) {
    c.check(format!("CACHE.SET {key} old PX 100000 PGRACE 100000"), "OK");
    c.check(format!("PEXPIRE {key} 50000"), ":1");
}

/// A value that is dead, though its key may still be there.
fn set_dead(c: &mut Client, key: &str) {
    c.check(format!("CACHE.SET {key} old TAGS 1 doomed"), "OK");
    c.check("CACHE.INVALIDATE doomed", ":1");
}

#[track_caller]
fn near(actual: i64, expected: i64) {
    assert!(
        (expected - 5_000..=expected).contains(&actual),
        "{actual} is not about {expected}"
    );
}

#[test]
fn a_value_is_stored_read_and_replaced() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.GET k", "nil");
    c.check("CACHE.SET k one", "OK");
    c.check("CACHE.GET k", "one");
    c.check("CACHE.SET k two", "OK");
    c.check("CACHE.GET k", "two");
    c.check("TYPE k", "cache-ent");
    c.check("DEL k", ":1");
    c.check("CACHE.GET k", "nil");
}

#[test]
fn keys_and_values_may_be_any_bytes() {
    let s = Server::start();
    let mut c = s.client();
    let key = b"\0\xff\r\n key";
    for value in [
        &b""[..],
        b"\0",
        b"\r\n$-1\r\n",
        b"\xff\xfe\x80",
        &[b'x'; 300_000],
    ] {
        c.check([b"CACHE.SET", &key[..], value], "OK");
        assert_eq!(c.bytes([b"CACHE.GET", &key[..]]), value);
    }
    c.check("CACHE.SET '' ''", "OK");
    c.check("CACHE.GET ''", "''");
}

#[test]
fn nx_stores_only_where_nothing_is_servable() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k one NX", "OK");
    c.check("CACHE.SET k two NX", "nil");
    c.check("CACHE.GET k", "one");
    set_stale(&mut c, "stale");
    c.check("CACHE.SET stale new NX", "nil");
    c.check("CACHE.GET stale STALE", "old");
    set_dead(&mut c, "dead");
    c.check("CACHE.SET dead new NX", "OK");
    c.check("CACHE.GET dead", "new");
    c.lease("pending");
    c.check("CACHE.SET pending new NX", "OK");
    c.check("CACHE.GET pending", "new");
}

#[test]
fn xx_stores_only_over_a_servable_value() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k one XX", "nil");
    c.check("EXISTS k", ":0");
    c.check("CACHE.SET k one", "OK");
    c.check("CACHE.SET k two XX", "OK");
    c.check("CACHE.GET k", "two");
    set_stale(&mut c, "stale");
    c.check("CACHE.SET stale new XX", "OK");
    c.check("CACHE.GET stale", "new");
    set_dead(&mut c, "dead");
    c.check("CACHE.SET dead new XX", "nil");
    c.check("CACHE.GET dead STALE", "nil");
    let token = c.lease("pending");
    c.check("CACHE.SET pending new XX", "nil");
    c.check(format!("CACHE.RENEW pending {token} 5000"), ":1");
}

#[test]
fn a_refused_condition_changes_nothing() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k one PX 60000 PGRACE 40000 TAGS 1 a", "OK");
    let end = c.int("PEXPIRETIME k");
    c.check("CACHE.SET k two NX EX 5 TAGS 1 b", "nil");
    c.check("PEXPIRETIME k", &format!(":{end}"));
    c.check("CACHE.TAGS k", "[a]");
    c.check("CACHE.TAGINFO b", "nil");
}

#[test]
fn ttl_options_set_the_redis_expiry() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    c.check("PTTL k", ":-1");
    c.check("CACHE.SET k v EX 100", "OK");
    near(c.int("PTTL k"), 100_000);
    c.check("CACHE.SET k v PX 70000", "OK");
    near(c.int("PTTL k"), 70_000);
    c.check("CACHE.SET k v EXAT 33177117420", "OK");
    c.check("PEXPIRETIME k", ":33177117420000");
    c.check("CACHE.SET k v PXAT 33177117420123", "OK");
    c.check("PEXPIRETIME k", ":33177117420123");
    c.check("CACHE.SET k v", "OK");
    c.check("PTTL k", ":-1");
}

#[test]
fn grace_is_added_to_the_end() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v EX 100 GRACE 50", "OK");
    near(c.int("PTTL k"), 150_000);
    near(c.info("k").int("ttl-ms"), 100_000);
    assert_eq!(c.info("k").int("grace-ms"), 50_000);
    c.check("CACHE.SET k v PXAT 33177117420123 PGRACE 7", "OK");
    c.check("PEXPIRETIME k", ":33177117420130");
    assert_eq!(c.info("k").int("grace-ms"), 7);
}

#[test]
fn options_come_in_any_order_and_case() {
    let s = Server::start();
    let mut c = s.client();
    c.check("cache.set k v tags 2 a b pgrace 1000 nx ex 100", "OK");
    assert_eq!(c.sorted("Cache.Tags k"), ["a", "b"]);
    near(c.int("PTTL k"), 101_000);
    c.check("CACHE.SET k v xX gRaCe 1 TaGs 1 NX Px 100000", "OK");
    c.check("CACHE.TAGS k", "[NX]");
    near(c.int("PTTL k"), 101_000);
    c.check("CACHE.SET k v TAGS 0 KeepTTL", "OK");
    c.check("CACHE.TAGS k", "[]");
    near(c.int("PTTL k"), 101_000);
    c.check("cache.get k stale", "v");
}

#[test]
fn options_that_exclude_each_other_are_a_syntax_error() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k before PX 60000", "OK");
    let end = c.int("PEXPIRETIME k");
    for options in [
        "NX XX",
        "EX 1 PX 1",
        "EX 1 KEEPTTL",
        "PXAT 33177117420123 EXAT 33177117420",
        "EX 1 GRACE 1 PGRACE 1",
        "NX TOKEN 1",
        "TOKEN 1 XX",
        "EX",
        "GRACE",
        "TOKEN",
        "TAGS",
        "TAGS 1 a b",
        "NONSENSE",
        "EX 10 NONSENSE",
    ] {
        c.check(format!("CACHE.SET k after {options}"), SYNTAX);
    }
    c.check("CACHE.GET k STALE WITHMETA NONSENSE", SYNTAX);
    c.check("CACHE.GETEX k EX 1 PERSIST", SYNTAX);
    c.check("CACHE.GET k", "before");
    c.check("PEXPIRETIME k", &format!(":{end}"));
}

#[test]
fn bad_times_are_refused_and_change_nothing() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k before", "OK");
    for (options, error) in [
        ("EX 0", BAD_EXPIRY),
        ("EX -1", BAD_EXPIRY),
        ("PX 0", BAD_EXPIRY),
        ("EXAT 0", BAD_EXPIRY),
        ("PXAT -5", BAD_EXPIRY),
        ("EX 9223372036854775807", BAD_EXPIRY),
        ("PX 9223372036854775807", BAD_EXPIRY),
        ("EXAT 9223372036854775807", BAD_EXPIRY),
        ("EX 10 GRACE 0", BAD_EXPIRY),
        ("EX 10 GRACE 9223372036854775807", BAD_EXPIRY),
        ("EX 10 PGRACE 9223372036854775807", BAD_EXPIRY),
        ("EX 9223372036854775808", NOT_AN_INTEGER),
        ("EX ten", NOT_AN_INTEGER),
        ("EX 1.5", NOT_AN_INTEGER),
        ("PX +5", NOT_AN_INTEGER),
        ("PX ''", NOT_AN_INTEGER),
        ("EX 1 PGRACE x", NOT_AN_INTEGER),
        ("TOKEN x", NOT_AN_INTEGER),
    ] {
        c.check(format!("CACHE.SET k after {options}"), error);
    }
    c.check("CACHE.GET k", "before");
    c.check("PTTL k", ":-1");
}

#[test]
fn grace_needs_a_ttl() {
    let s = Server::start();
    let mut c = s.client();
    let error = "-ERR GRACE needs a TTL: give EX, PX, EXAT or PXAT, or set cache.default-ttl";
    c.check("CACHE.SET k v GRACE 10", error);
    c.check("CACHE.SET k v TAGS 1 a PGRACE 10", error);
    c.check("CACHE.SET k v GRACE 10 KEEPTTL", SYNTAX);
    c.check("EXISTS k", ":0");
}

#[test]
fn keepttl_keeps_end_and_grace_of_a_fresh_entry() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k one PX 60000 PGRACE 40000 TAGS 1 a", "OK");
    let end = c.int("PEXPIRETIME k");
    c.check("CACHE.SET k two KEEPTTL", "OK");
    c.check("PEXPIRETIME k", &format!(":{end}"));
    assert_eq!(c.info("k").int("grace-ms"), 40_000);
    c.check("CACHE.TAGS k", "[]");
    set_stale(&mut c, "stale");
    c.check("CACHE.SET stale new KEEPTTL", "OK");
    c.check("PTTL stale", ":-1");
    assert_eq!(c.info("stale").int("grace-ms"), 0);
    c.check("CACHE.SET none v KEEPTTL", "OK");
    c.check("PTTL none", ":-1");
    c.lease("pending");
    c.check("CACHE.SET pending v KEEPTTL", "OK");
    c.check("PTTL pending", ":-1");
}

#[test]
fn mget_answers_each_key_as_get_would() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET a 1", "OK");
    c.check("CACHE.SET b 2", "OK");
    c.check("RPUSH list x", ":1");
    set_stale(&mut c, "stale");
    c.lease("pending");
    c.check(
        "CACHE.MGET a none list stale pending b a",
        "[1 nil nil nil nil 2 1]",
    );
}

#[test]
fn getex_moves_the_ttl_and_keeps_the_grace() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 60000 PGRACE 40000", "OK");
    c.check("CACHE.GETEX k", "v");
    near(c.int("PTTL k"), 100_000);
    c.check("CACHE.GETEX k EX 500", "v");
    near(c.int("PTTL k"), 540_000);
    c.check("CACHE.GETEX k PX 100000", "v");
    near(c.int("PTTL k"), 140_000);
    c.check("CACHE.GETEX k EXAT 33177117420", "v");
    c.check("PEXPIRETIME k", ":33177117460000");
    c.check("CACHE.GETEX k PXAT 33177117420123", "v");
    c.check("PEXPIRETIME k", ":33177117460123");
    c.check("CACHE.GETEX k PERSIST", "v");
    c.check("PTTL k", ":-1");
    c.check("CACHE.GET k", "v");
    c.check("CACHE.GETEX k EX 10", "v");
    near(c.int("PTTL k"), 50_000);
    assert_eq!(c.info("k").int("grace-ms"), 40_000);
}

#[test]
fn getex_leaves_alone_what_it_does_not_answer() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.GETEX none EX 10", "nil");
    set_stale(&mut c, "stale");
    let end = c.int("PEXPIRETIME stale");
    c.check("CACHE.GETEX stale EX 1000", "nil");
    c.check("PEXPIRETIME stale", &format!(":{end}"));
    c.lease("pending");
    c.check("CACHE.GETEX pending PERSIST", "nil");
    near(c.int("PTTL pending"), 5_000);
    c.check(
        "CACHE.GETEX stale EX 0",
        "-ERR invalid expire time in 'cache.getex' command",
    );
}

#[test]
fn exists_counts_servable_values_each_time_they_are_named() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    set_stale(&mut c, "stale");
    set_dead(&mut c, "dead");
    c.lease("pending");
    c.check("SET string x", "OK");
    c.check("CACHE.EXISTS k", ":1");
    c.check("CACHE.EXISTS k k stale dead pending string none k", ":4");
    c.check("EXISTS pending string", ":2");
}

#[test]
fn a_key_of_another_type_is_overwritten_or_refused() {
    let s = Server::start();
    let mut c = s.client();
    c.check("RPUSH list x", ":1");
    for command in [
        "CACHE.GET list",
        "CACHE.GET list STALE WITHMETA",
        "CACHE.GETEX list PERSIST",
        "CACHE.GETORLOCK list",
        "CACHE.RENEW list 1 1000",
        "CACHE.UNLOCK list 1",
        "CACHE.SETTAGS list a",
        "CACHE.TAGS list",
        "CACHE.INFO list",
    ] {
        c.check(command, WRONG_TYPE);
    }
    c.check("CACHE.SET list v TOKEN 5", "nil");
    c.check("CACHE.SET list v NX", "nil");
    c.check("LRANGE list 0 -1", "[x]");
    c.check("CACHE.SET list v XX EX 100", "OK");
    c.check("CACHE.GET list", "v");
    c.check("GET list", WRONG_TYPE);
}

#[test]
fn native_expiry_commands_mean_what_their_users_expect() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 60000 PGRACE 40000", "OK");
    c.check("EXPIRE k 1000", ":1");
    near(c.info("k").int("ttl-ms"), 960_000);
    c.check("PERSIST k", ":1");
    assert_eq!(c.info("k").int("ttl-ms"), -1);
    c.check("CACHE.GET k", "v");
    c.check("PEXPIRE k 30000", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("CACHE.GET k STALE", "v");
    c.check("PEXPIREAT k 33177117420123", ":1");
    c.check("CACHE.GET k", "v");
    c.check("EXPIRE k -1", ":1");
    c.check("CACHE.GET k STALE", "nil");
}

#[test]
fn a_ttl_in_the_past_leaves_nothing_to_serve() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    c.check("CACHE.SET k w PXAT 1000", "OK");
    c.check("CACHE.GET k STALE", "nil");
    c.check("CACHE.EXISTS k", ":0");
    c.check("EXISTS k", ":0");
    assert_eq!(c.stats().int("entries"), 0);
}

#[test]
fn out_of_memory_refuses_to_store() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    c.check("CONFIG SET maxmemory 1", "OK");
    c.check(
        "CACHE.SET k w",
        "-OOM command not allowed when used memory > 'maxmemory'.",
    );
    c.check("CACHE.GET k", "v");
}
