//! `CACHE.SET ... TOKEN`: what a lease may still store, and what came too late.

use crate::common::{Client, Server, wait_until};

const LATE: &str = "nil";

/// Takes a lease, lets `meanwhile` happen, and fills with the tag `a`.
#[track_caller]
fn check_fill(expected: &str, meanwhile: impl FnOnce(&mut Client)) {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    meanwhile(&mut c);
    c.check("SELECT 0", "OK");
    c.check(
        format!("CACHE.SET k computed TOKEN {token} EX 100 TAGS 2 a b"),
        expected,
    );
    if expected == "OK" {
        c.check("CACHE.GET k", "computed");
        assert_eq!(c.sorted("CACHE.TAGS k"), ["a", "b"]);
    }
    c.check(format!("CACHE.RENEW k {token} 1000"), ":0");
    let stats = c.stats();
    let refused = i64::from(expected == LATE);
    assert_eq!(
        (stats.int("fills"), stats.int("fills-refused")),
        (1 - refused, refused)
    );
}

#[test]
fn a_fill_is_stored_when_nothing_happened() {
    check_fill("OK", |_| ());
}

#[test]
fn a_tag_invalidated_meanwhile_refuses_the_fill() {
    check_fill(LATE, |c| c.check("CACHE.INVALIDATE a", ":0"));
    check_fill(LATE, |c| c.check("CACHE.INVALIDATE x b y", ":0"));
    check_fill(LATE, |c| {
        c.check("CACHE.SET other v TAGS 1 a", "OK");
        c.check("CACHE.INVALIDATE a", ":1");
        c.check("CACHE.SET other v TAGS 1 a", "OK");
    });
}

#[test]
fn a_tag_marked_meanwhile_refuses_the_fill() {
    check_fill(LATE, |c| c.check("CACHE.MARKSTALE b", ":0"));
    check_fill(LATE, |c| {
        c.check("CACHE.SET other v EX 100 GRACE 100 TAGS 1 a", "OK");
        c.check("CACHE.MARKSTALE a", ":1");
    });
}

#[test]
fn an_invalidation_among_many_refuses_the_fill() {
    check_fill(LATE, |c| {
        c.check("CACHE.INVALIDATE a", ":0");
        c.pipeline((0..20_000).map(|i| format!("CACHE.INVALIDATE other{i}")));
    });
}

#[test]
fn other_tags_do_not_matter() {
    check_fill("OK", |c| {
        c.check("CACHE.INVALIDATE c", ":0");
        c.check("CACHE.MARKSTALE d", ":0");
    });
}

#[test]
fn the_tag_of_another_database_does_not_matter() {
    check_fill("OK", |c| {
        c.check("SELECT 1", "OK");
        c.check("CACHE.INVALIDATE a", ":0");
    });
}

#[test]
fn what_was_invalidated_before_the_grant_does_not_matter() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("holder LEASE 60000");
    for i in 0..100 {
        c.check("CACHE.INVALIDATE a", ":0");
        let token = c.lease(&format!("k{i}"));
        c.check(format!("CACHE.SET k{i} v TOKEN {token} TAGS 1 a"), "OK");
        c.check(format!("DEL k{i}"), ":1");
    }
}

#[test]
fn the_order_within_a_transaction_counts() {
    let s = Server::start();
    let mut c = s.client();
    for (commands, expected) in [
        (["CACHE.GETORLOCK k", "CACHE.INVALIDATE a"], "nil"),
        (["CACHE.INVALIDATE a", "CACHE.GETORLOCK k"], "OK"),
    ] {
        c.check("MULTI", "OK");
        for command in commands {
            c.check(command, "QUEUED");
        }
        c.run("EXEC");
        let token = c.info("k").int("lease");
        c.check(format!("CACHE.SET k v TOKEN {token} TAGS 1 a"), expected);
    }
}

#[test]
fn a_deleted_key_refuses_the_fill() {
    check_fill(LATE, |c| c.check("DEL k", ":1"));
    check_fill(LATE, |c| c.check("FLUSHALL", "OK"));
    check_fill(LATE, |c| c.check("FLUSHDB ASYNC", "OK"));
    check_fill(LATE, |c| c.check("EXPIRE k -1", ":1"));
}

#[test]
fn a_written_key_refuses_the_fill() {
    check_fill(LATE, |c| c.check("CACHE.SET k written", "OK"));
    check_fill(LATE, |c| {
        c.check("CACHE.SET src v", "OK");
        c.check("RENAME src k", "OK");
    });
    check_fill(LATE, |c| {
        c.check("CACHE.SET src v", "OK");
        c.check("COPY src k REPLACE", ":1");
    });
}

#[test]
fn a_refused_fill_leaves_what_was_written() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    c.check("CACHE.SET k written EX 100 TAGS 1 w", "OK");
    c.check(format!("CACHE.SET k computed TOKEN {token} TAGS 1 c"), LATE);
    c.check("CACHE.GET k", "written");
    c.check("CACHE.TAGS k", "[w]");
    let token = c.lease("list");
    c.check("DEL list", ":1");
    c.check("RPUSH list x", ":1");
    c.check(format!("CACHE.SET list computed TOKEN {token}"), LATE);
    c.check("LRANGE list 0 -1", "[x]");
}

#[test]
fn a_lease_that_moved_away_is_no_lease() {
    check_fill(LATE, |c| c.check("RENAME k elsewhere", "OK"));
    check_fill(LATE, |c| c.check("MOVE k 1", ":1"));
    check_fill(LATE, |c| c.check("SWAPDB 0 1", "OK"));
    check_fill(LATE, |c| {
        c.check("RENAME k elsewhere", "OK");
        c.check("RENAME elsewhere k", "OK");
    });
    check_fill(LATE, |c| {
        c.check("SWAPDB 0 1", "OK");
        c.check("SWAPDB 0 1", "OK");
    });
}

#[test]
fn a_wrong_token_changes_nothing() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TOKEN 5", LATE);
    c.check("EXISTS k", ":0");
    let token = c.lease("k");
    for wrong in [1, token - 1, token + 1, (1 << 53) - 1] {
        c.check(format!("CACHE.SET k v TOKEN {wrong}"), LATE);
    }
    c.check(format!("CACHE.RENEW k {token} 5000"), ":1");
    for bad in ["0", "-1", "9007199254740992", "9223372036854775807"] {
        let reply = c.text(format!("CACHE.SET k v TOKEN {bad}"));
        assert!(
            reply.starts_with("-ERR ") || reply == LATE,
            "{bad}: {reply}"
        );
    }
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    c.check(format!("CACHE.SET k again TOKEN {token}"), LATE);
    c.check("CACHE.GET k", "v");
}

#[test]
fn client_tokens_do_not_advance_the_clock() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TOKEN 9007199254740991", LATE);
    c.check("CACHE.RENEW k 9007199254740991 1000", ":0");
    assert!(c.lease("k") < (1 << 53) - 1_000_000_000_000);
}

#[test]
fn an_expired_lease_refuses_the_fill() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 50");
    wait_until("the lease ends", || c.text("CACHE.INFO k") == "nil");
    c.check(format!("CACHE.SET k v TOKEN {token}"), LATE);
    wait_until("the placeholder is gone", || c.int("EXISTS k") == 0);
    let first = c.lease("k LEASE 50");
    wait_until("the lease ends", || c.text("CACHE.INFO k") == "nil");
    let second = c.lease("k");
    c.check(format!("CACHE.SET k v TOKEN {first}"), LATE);
    c.check(format!("CACHE.SET k v TOKEN {second}"), "OK");
    wait_until("both are counted", || c.stats().int("leases-expired") == 2);
}

#[test]
fn a_new_holder_is_not_disturbed_by_the_old_one() {
    let s = Server::start();
    let mut c = s.client();
    let old = c.lease("k");
    c.check("DEL k", ":1");
    let new = c.lease("k");
    c.check(format!("CACHE.SET k old TOKEN {old}"), LATE);
    c.check(format!("CACHE.UNLOCK k {old}"), ":0");
    c.check(format!("CACHE.RENEW k {old} 1000"), ":0");
    assert_eq!(c.info("k").int("lease"), new);
    c.check(format!("CACHE.SET k new TOKEN {new}"), "OK");
}

#[test]
fn a_refused_fill_ends_the_lease() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check(format!("CACHE.SET k v TOKEN {token} TAGS 1 a"), LATE);
    c.check("EXISTS k", ":0");
    let next = c.lease("k");
    assert!(next > token);
    c.check(format!("CACHE.SET k v TOKEN {next} TAGS 1 a"), "OK");
}

#[test]
fn a_refused_fill_keeps_the_stale_value() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 100000 TAGS 1 b", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k", "stale old");
    c.check("CACHE.INVALIDATE a", ":0");
    c.check(format!("CACHE.SET k new TOKEN {token} TAGS 1 a"), LATE);
    c.check("CACHE.GET k STALE", "old");
    c.check("CACHE.TAGS k", "[b]");
    c.refresh("k", "stale old");
}

#[test]
fn a_fill_that_is_a_syntax_error_keeps_the_lease() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    c.check(
        format!("CACHE.SET k v TOKEN {token} NX"),
        "-ERR syntax error",
    );
    c.check(
        format!("CACHE.SET k v TOKEN {token} EX 0"),
        "-ERR invalid expire time in 'cache.set' command",
    );
    c.check(
        format!("CACHE.SET k v TOKEN {token} EX 10 GRACE 10 TAGS 1 a"),
        "OK",
    );
}

#[test]
fn forgetting_many_invalidations_means_a_miss_and_no_more() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET bystander v TAGS 1 other0", "OK");
    let old = c.lease("k LEASE 60000");
    c.pipeline((1..100_000).map(|i| format!("CACHE.INVALIDATE other{i}")));
    c.check("CACHE.GET bystander", "v");
    c.check(format!("CACHE.SET k v TOKEN {old} TAGS 1 other1"), LATE);
    let new = c.lease("k");
    c.check(format!("CACHE.SET k v TOKEN {new} TAGS 1 other1"), "OK");
    wait_until("what was remembered is forgotten", || {
        c.stats().int("tags") <= 2
    });
}
