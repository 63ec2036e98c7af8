//! Callers that wait: what wakes them, who is promoted, and when nobody blocks.

use std::time::{Duration, Instant};

use crate::common::{Client, Server, WRONG_TYPE, show, wait_until};

const FILLED: &str = "[fresh v nil]";
const BUSY: &str = "[busy nil nil]";

fn dump(c: &mut Client, key: &str) -> Vec<u8> {
    c.bytes(format!("DUMP {key}"))
}

/// Two callers wait for `k`; after `fill` both must have its value.
fn check_fill(fill: impl FnOnce(&mut Client)) {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let waiters: [Client; 2] = s.waiters("k WAIT 60000");
    fill(&mut c);
    for mut waiter in waiters {
        waiter.check_reply(FILLED);
    }
}

/// Three callers wait for `k`; after `end` exactly one, the first, may compute.
fn check_promotion(lines: &str, end: impl FnOnce(&mut Client, i64)) {
    let s = Server::with(lines);
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut first, second, third] = s.waiters("k WAIT 60000");
    end(&mut c, token);
    let next = first.promoted();
    assert!(next > token);
    assert_eq!(s.blocked(), 2);
    c.check("SELECT 0", "OK");
    c.check(format!("CACHE.SET k v TOKEN {next}"), "OK");
    for mut waiter in [second, third] {
        waiter.check_reply(FILLED);
    }
}

#[test]
fn the_holders_fill_wakes_all() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    let waiters: [Client; 20] = s.waiters("k WAIT 60000");
    assert_eq!(c.info("k").int("waiters"), 20);
    c.check(format!("CACHE.SET k v TOKEN {token} EX 100"), "OK");
    for mut waiter in waiters {
        waiter.check_reply(FILLED);
    }
    assert_eq!(c.info("k").int("waiters"), 0);
    let stats = c.stats();
    assert_eq!((stats.int("waits"), stats.int("waits-filled")), (20, 20));
}

#[test]
fn any_store_wakes_all() {
    check_fill(|c| c.check("CACHE.SET k v", "OK"));
    check_fill(|c| c.check("CACHE.SET k v NX EX 100 TAGS 1 a", "OK"));
}

#[test]
fn a_rename_wakes_all() {
    check_fill(|c| {
        c.check("CACHE.SET src v", "OK");
        c.check("RENAME src k", "OK");
    });
}

#[test]
fn a_restore_wakes_all() {
    check_fill(|c| {
        c.check("CACHE.SET src v", "OK");
        let payload = dump(c, "src");
        c.check([&b"RESTORE"[..], b"k", b"0", &payload, b"REPLACE"], "OK");
    });
}

#[test]
fn a_copy_wakes_all() {
    check_fill(|c| {
        c.check("CACHE.SET src v", "OK");
        c.check("COPY src k REPLACE", ":1");
    });
}

#[test]
fn a_swapdb_wakes_all() {
    check_fill(|c| {
        c.check("SELECT 5", "OK");
        c.check("CACHE.SET k v", "OK");
        c.check("SWAPDB 0 5", "OK");
    });
}

/// The placeholder has to go first, since `MOVE` does not overwrite.
#[test]
fn a_move_wakes_all() {
    check_fill(|c| {
        c.check("SELECT 5", "OK");
        c.check("CACHE.SET k v", "OK");
        let commands = ["SELECT 0", "DEL k", "SELECT 5", "MOVE k 0"];
        c.check("MULTI", "OK");
        for command in commands {
            c.check(command, "QUEUED");
        }
        c.check("EXEC", "[OK :1 OK :1]");
    });
}

#[test]
fn giving_the_lease_up_promotes_the_longest_waiting() {
    check_promotion("", |c, token| {
        c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    });
}

#[test]
fn an_expiring_lease_promotes_the_longest_waiting() {
    check_promotion("", |c, token| {
        c.check(format!("CACHE.RENEW k {token} 100"), ":1");
    });
}

#[test]
fn deleting_the_key_promotes_the_longest_waiting() {
    check_promotion("", |c, _| c.check("DEL k", ":1"));
    check_promotion("", |c, _| c.check("UNLINK k", ":1"));
    check_promotion("", |c, _| c.check("EXPIRE k -1", ":1"));
}

#[test]
fn flushing_promotes_the_longest_waiting() {
    check_promotion("", |c, _| c.check("FLUSHALL", "OK"));
    check_promotion("", |c, _| c.check("FLUSHDB ASYNC", "OK"));
}

#[test]
fn a_key_that_leaves_promotes_the_longest_waiting() {
    check_promotion("", |c, _| c.check("SWAPDB 0 1", "OK"));
    check_promotion("", |c, _| c.check("RENAME k elsewhere", "OK"));
    check_promotion("", |c, _| c.check("MOVE k 1", ":1"));
}

#[test]
fn a_refused_fill_promotes_the_longest_waiting() {
    check_promotion("", |c, token| {
        c.check("CACHE.INVALIDATE a", ":0");
        c.check(format!("CACHE.SET k late TOKEN {token} TAGS 1 a"), "nil");
    });
}

#[test]
fn a_shorter_native_ttl_does_not_cut_a_lease_short() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut waiter] = s.waiters("k WAIT 60000");
    c.check("PEXPIRE k 20000", ":1");
    wait_until("the key lives as long as its lease", || {
        c.int("PTTL k") > 20_000
    });
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    waiter.check_reply(FILLED);
}

#[test]
fn a_closed_connection_promotes_the_longest_waiting() {
    let s = Server::start();
    let mut holder = s.client();
    let token = holder.lease("k BOUND LEASE 60000");
    let [mut first, second] = s.waiters("k WAIT 60000 BOUND LEASE 60000");
    drop(holder);
    let next = first.promoted();
    assert!(next > token);
    drop(first);
    let [mut second] = [second];
    assert!(second.promoted() > next);
}

#[test]
fn promotion_goes_on_in_the_order_of_arrival() {
    let s = Server::start();
    let mut c = s.client();
    let mut token = c.lease("k LEASE 60000");
    let waiters: [Client; 10] = s.waiters("k WAIT 60000 LEASE 60000");
    for (i, mut waiter) in waiters.into_iter().enumerate() {
        c.check(format!("CACHE.UNLOCK k {token}"), ":1");
        let next = waiter.promoted();
        assert!(next > token);
        token = next;
        assert_eq!(s.blocked(), 9 - i);
    }
}

#[test]
fn a_promoted_waiter_gets_the_lease_time_it_asked_for() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut first] = s.waiters("k WAIT 60000 LEASE 20000");
    c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    first.promoted();
    let ttl = c.int("PTTL k");
    assert!((10_000..=20_000).contains(&ttl), "{ttl}");
}

#[test]
fn a_backoff_sends_all_away() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let waiters: [Client; 3] = s.waiters("k WAIT 60000");
    c.check(format!("CACHE.UNLOCK k {token} BACKOFF 60000"), ":1");
    for mut waiter in waiters {
        waiter.check_reply(BUSY);
    }
}

#[test]
fn who_insists_on_fresh_waits_beside_a_stale_value() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k LEASE 60000", "stale old");
    let [mut waiter] = s.waiters("k FRESH WAIT 60000");
    c.check("CACHE.GETORLOCK k WAIT 60000", "[stale old nil]");
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    waiter.check_reply(FILLED);
}

#[test]
fn invalidating_the_stale_value_promotes_who_waits_beside_it() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k old PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k LEASE 60000", "stale old");
    let [mut waiter] = s.waiters("k FRESH WAIT 60000");
    c.check("CACHE.INVALIDATE a", ":1");
    let next = waiter.promoted();
    assert!(next > token);
    c.check(format!("CACHE.SET k v TOKEN {next}"), "OK");
}

#[test]
fn a_wait_ends_in_busy_on_time() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let mut waiter = s.client();
    let start = Instant::now();
    waiter.check("CACHE.GETORLOCK k WAIT 200", BUSY);
    assert!(
        start.elapsed() >= Duration::from_millis(195),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(c.info("k").int("waiters"), 0);
    assert_eq!(c.stats().int("waits-timed-out"), 1);
}

#[test]
fn a_client_that_goes_away_is_forgotten() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [gone, mut stays] = s.waiters("k WAIT 60000");
    drop(gone);
    wait_until("it is forgotten", || c.info("k").int("waiters") == 1);
    c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    stays.promoted();
}

#[test]
fn a_killed_client_is_forgotten() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let mut killed = s.client();
    let id = killed.int("CLIENT ID");
    killed.send("CACHE.GETORLOCK k WAIT 60000");
    wait_until("it waits", || c.info("k").int("waiters") == 1);
    let [mut stays] = s.waiters("k WAIT 60000");
    c.check(format!("CLIENT KILL ID {id}"), ":1");
    wait_until("it is forgotten", || c.info("k").int("waiters") == 1);
    c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    stays.promoted();
}

#[test]
fn client_unblock_ends_a_wait() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    for (how, reply) in [
        ("", BUSY),
        ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        let mut waiter = s.client();
        let id = waiter.int("CLIENT ID");
        waiter.send("CACHE.GETORLOCK k WAIT 60000");
        wait_until("it waits", || c.info("k").int("waiters") == 1);
        c.check(format!("CLIENT UNBLOCK {id} {how}"), ":1");
        waiter.check_reply(reply);
        assert_eq!(c.info("k").int("waiters"), 0);
        waiter.check("PING", "PONG");
    }
}

#[test]
fn no_more_than_max_waiters_wait() {
    let s = Server::with("cache.max-waiters 2");
    let mut c = s.client();
    c.lease("k LEASE 60000");
    c.lease("other LEASE 60000");
    let [first, _second] = s.waiters("k WAIT 60000");
    c.check("CACHE.GETORLOCK k WAIT 60000", BUSY);
    c.check("CACHE.GETORLOCK other WAIT 60000", BUSY);
    drop(first);
    wait_until("there is room", || c.info("k").int("waiters") == 1);
    let [_third] = s.waiters("other WAIT 60000");
}

#[test]
fn nobody_blocks_in_a_transaction() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    c.check("MULTI", "OK");
    c.check("CACHE.GETORLOCK k WAIT 60000", "QUEUED");
    c.check("EXEC", "[[busy nil nil]]");
}

#[test]
fn nobody_blocks_in_a_script() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let script = b"return redis.call('CACHE.GETORLOCK', KEYS[1], 'WAIT', '60000')";
    c.check([&b"EVAL"[..], script, b"1", b"k"], BUSY);
}

#[test]
fn another_type_at_the_key_is_an_error_for_all() {
    let ways: [fn(&mut Client); 3] = [
        |c| c.check("SET k x", "OK"),
        |c| {
            c.check("RPUSH list x", ":1");
            c.check("RENAME list k", "OK");
        },
        |c| {
            c.check("SELECT 3", "OK");
            c.check("RPUSH k x", ":1");
            c.check("SWAPDB 0 3", "OK");
        },
    ];
    for way in ways {
        let s = Server::start();
        let mut c = s.client();
        c.lease("k LEASE 60000");
        let waiters: [Client; 2] = s.waiters("k WAIT 60000");
        way(&mut c);
        for mut waiter in waiters {
            waiter.check_reply(WRONG_TYPE);
        }
    }
}

#[test]
fn the_same_key_in_another_database_is_another_key() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut waiter] = s.waiters("k WAIT 60000");
    c.check("SELECT 1", "OK");
    c.check("CACHE.SET k other", "OK");
    c.check("DEL k", ":1");
    assert_eq!(s.blocked(), 1);
    c.check("SELECT 0", "OK");
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    waiter.check_reply(FILLED);
}

#[test]
fn a_primary_that_becomes_a_replica_lets_its_waiters_go() {
    let (s, primary) = (Server::start(), Server::start());
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let [mut waiter] = s.waiters("k WAIT 60000");
    c.check(format!("REPLICAOF 127.0.0.1 {}", primary.port()), "OK");
    let reply = waiter.try_reply();
    let text = reply.as_ref().map(show);
    assert!(
        text.as_ref()
            .map_or(true, |text| text.starts_with("-UNBLOCKED")),
        "{text:?}"
    );
}

#[test]
fn a_store_that_has_already_expired_promotes_instead_of_filling() {
    check_promotion("", |c, _| c.check("CACHE.SET k gone PXAT 1000", "OK"));
}

#[test]
fn a_store_and_its_invalidation_in_one_transaction_leave_nobody_waiting() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let waiters: [Client; 2] = s.waiters("k WAIT 60000 LEASE 100");
    c.check("MULTI", "OK");
    c.check("CACHE.SET k v TAGS 1 a", "QUEUED");
    c.check("CACHE.INVALIDATE a", "QUEUED");
    c.check("EXEC", "[OK :1]");
    for mut waiter in waiters {
        let reply = waiter.reply_text();
        assert!(
            reply == FILLED || reply.starts_with("[miss nil :"),
            "{reply}"
        );
    }
}

#[test]
fn callers_at_a_replica_that_takes_writes_are_woken() {
    let primary = Server::start();
    let replica = primary.replica("replica-read-only no");
    let mut c = replica.client();
    let token = c.lease("k LEASE 60000");
    let [mut first, mut second] = replica.waiters("k WAIT 20000 LEASE 60000");
    c.check(format!("CACHE.UNLOCK k {token}"), ":1");
    assert!(first.promoted() > token);
    c.check("CACHE.SET k v", "OK");
    second.check_reply("[fresh v nil]");
}
