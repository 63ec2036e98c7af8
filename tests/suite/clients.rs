//! What servers do to connections, and what becomes of those who wait or hold a lease.

use std::thread;

use crate::common::{Client, Running, Server, show, wait_until};

const BUSY: &str = "[busy nil nil]";

/// A caller who waits, and the number of his connection.
fn waiter(s: &Server, words: &str) -> (Client, i64) {
    let (mut waiter, before) = (s.client(), s.blocked());
    let id = waiter.int("CLIENT ID");
    waiter.send(format!("CACHE.GETORLOCK {words}"));
    wait_until("the caller blocks", || s.blocked() > before);
    (waiter, id)
}

/// Whether the server has closed a connection, perhaps after a last message.
fn is_closed(c: &mut Client) -> bool {
    (0..2).any(|_| c.try_reply().is_err())
}

/// That the next caller gets the lease on `k` at once, and nobody waits.
#[track_caller]
fn check_free(s: &Server) {
    let mut c = s.client();
    wait_until("nobody is blocked", || s.blocked() == 0);
    let mut reply = String::new();
    wait_until("the lease is free", || {
        reply = c.text("CACHE.GETORLOCK k");
        reply != BUSY
    });
    assert!(reply.starts_with("[miss nil :"), "{reply}");
}

/// A lease that comes free belongs to who has waited longest, even if somebody else asks before
/// the server gets round to telling him.
#[test]
fn nobody_jumps_the_queue() {
    for end in ["CACHE.UNLOCK k {token}", "DEL k", "CACHE.SET k v PXAT 1000"] {
        let s = Server::start();
        let mut c = s.client();
        let token = c.lease("k LEASE 60000");
        let (mut one, _) = waiter(&s, "k WAIT 60000 LEASE 60000");
        let end = end.replace("{token}", &token.to_string());
        let replies = c.pipeline([end.clone(), "CACHE.GETORLOCK k".into()]);
        assert_eq!(show(&replies[1]), BUSY, "{end}");
        assert!(one.promoted() > token);
    }
}

#[test]
fn who_is_killed_as_he_is_promoted_leaves_the_lease_to_the_next() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let (_killed, id) = waiter(&s, "k WAIT 60000 LEASE 60000");
    let (mut next, _) = waiter(&s, "k WAIT 60000 LEASE 60000");
    // Without a transaction: both are read in one go, and no reply is sent in between.
    let lines = [
        format!("CACHE.UNLOCK k {token}"),
        format!("CLIENT KILL ID {id}"),
    ];
    assert_eq!(
        c.pipeline(lines).iter().map(show).collect::<Vec<_>>(),
        [":1", ":1"]
    );
    assert!(next.promoted() > token);
    drop(next);
}

#[test]
fn who_is_killed_as_he_is_answered_harms_nobody() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let (mut killed, id) = waiter(&s, "k WAIT 60000");
    let (mut other, _) = waiter(&s, "k WAIT 60000");
    c.pipeline(["CACHE.SET k v".into(), format!("CLIENT KILL ID {id}")]);
    assert!(is_closed(&mut killed));
    other.check_reply("[fresh v nil]");
    assert_eq!(s.blocked(), 0);
}

/// `CLIENT UNBLOCK` comes too late for who has his answer already.
#[test]
fn who_is_unblocked_as_he_is_answered_gets_one_answer() {
    for how in ["TIMEOUT", "ERROR"] {
        let s = Server::start();
        let mut c = s.client();
        let token = c.lease("k LEASE 60000");
        let (mut one, id) = waiter(&s, "k WAIT 60000");
        let unblock = format!("CLIENT UNBLOCK {id} {how}");
        let fill = format!("CACHE.SET k v TOKEN {token}");
        c.pipeline([fill, unblock]);
        let reply = one.reply_text();
        let unblocked = "-UNBLOCKED client unblocked via CLIENT UNBLOCK";
        assert!(
            ["[fresh v nil]", BUSY, unblocked].contains(&&*reply),
            "{reply}"
        );
        one.check("PING", "PONG");
        assert_eq!(s.blocked(), 0);
        assert_eq!(c.info("k").int("waiters"), 0);
    }
}

#[test]
fn who_is_unblocked_as_he_is_promoted_holds_no_secret_lease() {
    for how in ["TIMEOUT", "ERROR"] {
        let s = Server::start();
        let mut c = s.client();
        let token = c.lease("k LEASE 60000");
        let (mut one, id) = waiter(&s, "k WAIT 60000 LEASE 60000");
        let unblock = format!("CLIENT UNBLOCK {id} {how}");
        c.pipeline([format!("CACHE.UNLOCK k {token}"), unblock]);
        let reply = one.reply_text();
        match reply.strip_prefix("[miss nil :") {
            Some(token) => {
                let token = token.trim_end_matches(']');
                c.check(format!("CACHE.UNLOCK k {token}"), ":1");
            }
            None => assert!(reply == BUSY || reply.starts_with("-UNBLOCKED "), "{reply}"),
        }
        one.check("PING", "PONG");
        check_free(&s);
    }
}

#[test]
fn a_deleted_user_waits_no_longer_and_holds_no_bound_lease() {
    let s = Server::start();
    let mut c = s.client();
    c.check("ACL SETUSER app on nopass allkeys +@all", "OK");
    let mut holder = s.client();
    holder.check("AUTH app any", "OK");
    holder.lease("k BOUND LEASE 60000");
    let mut waiting = s.client();
    waiting.check("AUTH app any", "OK");
    waiting.send("CACHE.GETORLOCK k WAIT 60000 LEASE 60000 BOUND");
    wait_until("it waits", || s.blocked() == 1);
    c.check("ACL DELUSER app", ":1");
    assert!(is_closed(&mut holder) && is_closed(&mut waiting));
    check_free(&s);
}

#[test]
fn patience_ends_while_clients_are_paused() {
    for kind in ["ALL", "WRITE"] {
        let mut s = Server::start();
        let mut c = s.client();
        c.lease("k LEASE 60000");
        let mut one = s.client();
        one.send("CACHE.GETORLOCK k WAIT 200");
        wait_until("it waits", || s.blocked() == 1);
        c.check(format!("CLIENT PAUSE 60000 {kind}"), "OK");
        one.check_reply(BUSY);
        // A paused server would not shut down.
        s.kill();
    }
}

/// A lease is a write, so nobody is promoted before writing is allowed again.
#[test]
fn nobody_is_promoted_while_writes_are_paused() {
    let s = Server::start();
    let mut c = s.client();
    let mut holder = s.client();
    let token = holder.lease("k BOUND LEASE 60000");
    let (mut one, _) = waiter(&s, "k WAIT 60000 LEASE 60000");
    c.check("CLIENT PAUSE 60000 WRITE", "OK");
    let before = c.server_info("clients", "connected_clients");
    drop(holder);
    wait_until("the holder is gone", || {
        c.server_info("clients", "connected_clients") < before
    });
    c.check("PING", "PONG");
    assert_eq!(c.info("k").int("lease"), token);
    c.check("CLIENT UNPAUSE", "OK");
    assert!(one.promoted() > token);
}

#[test]
fn a_caller_who_is_paused_waits_afterwards() {
    let s = Server::start();
    let (mut c, mut one) = (s.client(), s.client());
    let token = c.lease("k LEASE 60000");
    c.check("CLIENT PAUSE 60000 WRITE", "OK");
    one.send("CACHE.GETORLOCK k WAIT 60000");
    wait_until("it is held back", || s.blocked() == 1);
    assert_eq!(c.info("k").int("waiters"), 0);
    c.check("CLIENT UNPAUSE", "OK");
    wait_until("it waits", || c.info("k").int("waiters") == 1);
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    one.check_reply("[fresh v nil]");
}

/// Who wants no replies gets none, and blocks nobody by it.
#[test]
fn a_caller_without_replies_is_answered_all_the_same() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let mut silent = s.client();
    silent.send("CLIENT REPLY OFF");
    silent.send("CACHE.GETORLOCK k WAIT 60000");
    let mut skips = s.client();
    skips.send("CLIENT REPLY SKIP");
    skips.send("CACHE.GETORLOCK k WAIT 60000");
    skips.send("ECHO next");
    wait_until("both wait", || c.info("k").int("waiters") == 2);
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    skips.check_reply("next");
    silent.check("CLIENT REPLY ON", "OK");
    assert_eq!(s.blocked(), 0);
}

#[test]
fn what_was_sent_behind_a_wait_is_done_after_it() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut one] = s.waiters("k WAIT 60000");
    one.send("RESET");
    one.send("CACHE.GET k");
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    one.check_reply("[fresh v nil]");
    one.check_reply("RESET");
    one.check_reply("v");
}

/// `RESET` gives back what was set on a connection, but it is the same connection.
#[test]
fn a_bound_lease_survives_reset_but_not_the_connection() {
    let s = Server::start();
    let mut holder = s.client();
    holder.lease("k BOUND LEASE 60000");
    holder.check("RESET", "RESET");
    let (mut one, _) = waiter(&s, "k WAIT 60000");
    holder.check("CACHE.GETORLOCK k", BUSY);
    drop(holder);
    one.promoted();
}

#[test]
fn a_value_too_large_for_a_waiters_buffer_costs_only_his_connection() {
    let s = Server::with("client-output-buffer-limit normal 1mb 0 0");
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let waiters: [Client; 2] = s.waiters("k WAIT 60000");
    let value = vec![b'x'; 16_000_000];
    c.check([&b"CACHE.SET"[..], b"k", &value], "OK");
    for mut waiter in waiters {
        assert!(waiter.try_reply().is_err());
    }
    assert_eq!(s.blocked(), 0);
    assert_eq!(c.info("k").int("size"), 16_000_000);
}

/// Nothing is kept for a reader of lists between his calls, so it is the server's limit that counts.
#[test]
fn who_reads_no_replies_is_cut_off() {
    let s = Server::with("client-output-buffer-limit normal 1mb 0 0");
    let (mut c, mut deaf) = (s.client(), s.client());
    c.pipeline((0..2_000).map(|i| format!("CACHE.SET k{i} v TAGS 2 a tag:{i}")));
    let id = deaf.int("CLIENT ID");
    let asks = |i| match i % 2 {
        0 => "CACHE.TAGLIST 0 COUNT 10000",
        _ => "CACHE.TAGSCAN a 0 COUNT 10000",
    };
    let cut_off = (0..10_000).any(|i| deaf.try_send(asks(i)).is_err());
    assert!(cut_off, "the server takes all");
    c.check(format!("CLIENT LIST ID {id}"), "''");
    c.check("CACHE.INVALIDATE a", ":2000");
}

/// With `maxmemory-clients` the server ends the connections that use most memory.
#[test]
fn evicted_clients_are_forgotten_unless_they_are_exempt() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let [mut exempt, mut evicted] = [(); 2].map(|()| s.client());
    for spared in [&mut c, &mut exempt] {
        spared.check("CLIENT NO-EVICT on", "OK");
    }
    for (one, n) in [(&mut exempt, 1), (&mut evicted, 2)] {
        one.send("CACHE.GETORLOCK k WAIT 60000");
        one.send([&b"ECHO"[..], &[b'x'; 300_000]]);
        wait_until("it waits", || s.blocked() == n);
    }
    c.check("CONFIG SET maxmemory-clients 200kb", "OK");
    assert!(is_closed(&mut evicted));
    wait_until("it is forgotten", || c.info("k").int("waiters") == 1);
    c.check(format!("CACHE.SET k v TOKEN {token}"), "OK");
    exempt.check_reply("[fresh v nil]");
}

#[test]
fn many_connections_that_die_at_once_leave_nothing_behind() {
    const CROWD: usize = 200;
    let s = Server::start();
    let mut c = s.client();
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| s.client()).collect();
    for (i, one) in crowd.iter_mut().enumerate() {
        one.send(format!(
            "CACHE.GETORLOCK k{} BOUND LEASE 60000 WAIT 60000",
            i % 20
        ));
    }
    wait_until("all but the holders wait", || s.blocked() == CROWD - 20);
    drop(crowd);
    wait_until("nobody is blocked", || s.blocked() == 0);
    wait_until("all leases have ended", || c.int("DBSIZE") == 0);
    let stats = c.stats();
    assert!(stats.int("leases-granted") >= 20);
    for i in 0..20 {
        c.lease(&format!("k{i}"));
    }
}

/// The same while others fill, so that answers and ends cross.
#[test]
fn connections_that_die_while_they_are_answered_leave_nothing_behind() {
    let s = Server::start();
    let running = Running::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            while running.goes_on() {
                let mut crowd: Vec<Client> = (0..10).map(|_| s.client()).collect();
                for one in &mut crowd {
                    one.send("CACHE.GETORLOCK k BOUND LEASE 60000 WAIT 60000");
                }
                s.client().check("PING", "PONG");
            }
        });
        let mut c = s.client();
        running.during(|| {
            for _ in 0..300 {
                c.check("CACHE.SET k v", "OK");
                c.run("DEL k");
            }
        });
    });
    check_free(&s);
}
