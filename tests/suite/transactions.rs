//! `MULTI`, `EXEC` and `WATCH`: what is done in one go, and what ends a watch.

use crate::common::{Client, Server, wait_until};

/// Runs commands one by one; `<token>` is the last one that was granted.
fn run_all(c: &mut Client, commands: &[&str], token: &mut String) {
    for command in commands {
        let reply = c.text(command.replace("<token>", token));
        assert!(!reply.starts_with('-'), "{command}: {reply}");
        if let Some((_, granted)) = reply.trim_end_matches(']').rsplit_once(" :") {
            *token = granted.into();
        }
    }
}

/// Whether a transaction that watches `k` still runs after what happened `meanwhile`.
fn goes_through(s: &Server, before: &[&str], meanwhile: impl FnOnce(&mut Client, &str)) -> bool {
    let (mut c, mut other, mut token) = (s.client(), s.client(), String::new());
    other.check("FLUSHALL", "OK");
    run_all(&mut other, before, &mut token);
    c.check("WATCH k", "OK");
    meanwhile(&mut other, &token);
    c.check("MULTI", "OK");
    c.check("PING", "QUEUED");
    match &*c.text("EXEC") {
        "[PONG]" => true,
        "nil" => false,
        reply => panic!("{reply}"),
    }
}

/// What is there before, and what then happens.
type Case = (&'static [&'static str], &'static [&'static str]);

const STORED: &[&str] = &["CACHE.SET k v EX 100 GRACE 100 TAGS 1 a"];
const LEASED: &[&str] = &["CACHE.GETORLOCK k LEASE 60000"];
const STALE: &[&str] = &[
    "CACHE.SET k v EX 100 GRACE 100 TAGS 1 a",
    "PEXPIRE k 50000",
    "CACHE.GETORLOCK k LEASE 20000",
];

const CHANGES: [Case; 15] = [
    (STORED, &["CACHE.SET k w"]),
    (&[], &["CACHE.SET k v NX"]),
    (STORED, &["CACHE.SETTAGS k b"]),
    (STORED, &["CACHE.GETEX k EX 200"]),
    (STORED, &["CACHE.INVALIDATE other a"]),
    (STORED, &["CACHE.MARKSTALE a"]),
    (&["CACHE.SET k v EX 100 TAGS 1 a"], &["CACHE.MARKSTALE a"]),
    (&[], &["CACHE.GETORLOCK k"]),
    (LEASED, &["CACHE.SET k v TOKEN <token>"]),
    (LEASED, &["CACHE.UNLOCK k <token>"]),
    (
        LEASED,
        &["CACHE.INVALIDATE a", "CACHE.SET k v TOKEN <token> TAGS 1 a"],
    ),
    (STALE, &["CACHE.SET k w TOKEN <token>"]),
    (STORED, &["RENAME k other"]),
    (STORED, &["CACHE.SET other w", "COPY other k REPLACE"]),
    (STORED, &["SWAPDB 0 1"]),
];

const NO_CHANGES: [Case; 11] = [
    (
        STORED,
        &[
            "CACHE.GET k WITHMETA",
            "CACHE.MGET k k",
            "CACHE.GETEX k",
            "CACHE.EXISTS k",
            "CACHE.TAGS k",
            "CACHE.INFO k",
            "CACHE.TAGINFO a",
            "CACHE.TAGSCAN a 0",
            "CACHE.TAGLIST 0",
            "CACHE.STATS",
        ],
    ),
    (
        STORED,
        &["CACHE.GETORLOCK k FRESH", "CACHE.GETORLOCK k EARLY 0"],
    ),
    (STORED, &["CACHE.SET k w NX"]),
    (&[], &["CACHE.SET k w XX", "CACHE.SETTAGS k a"]),
    (STORED, &["CACHE.SET k w TOKEN 1"]),
    (LEASED, &["CACHE.SET k w TOKEN 1", "CACHE.UNLOCK k 1"]),
    (LEASED, &["CACHE.GETORLOCK k", "CACHE.RENEW k 1 1"]),
    (STORED, &["CACHE.INVALIDATE b", "CACHE.MARKSTALE b"]),
    (STALE, &["CACHE.GETORLOCK k", "CACHE.GET k STALE"]),
    (
        STALE,
        &["CACHE.UNLOCK k <token>", "CACHE.GETORLOCK k LEASE 20000"],
    ),
    (STORED, &["CACHE.SET other w TAGS 1 a", "DEL other"]),
];

#[test]
fn what_changes_an_entry_ends_a_watch() {
    let s = Server::start();
    for (before, meanwhile) in CHANGES {
        let run = |c: &mut Client, token: &str| run_all(c, meanwhile, &mut token.to_owned());
        assert!(!goes_through(&s, before, run), "{before:?}, {meanwhile:?}");
    }
}

#[test]
fn what_changes_nothing_leaves_a_watch_alone() {
    let s = Server::start();
    for (before, meanwhile) in NO_CHANGES {
        let run = |c: &mut Client, token: &str| run_all(c, meanwhile, &mut token.to_owned());
        assert!(goes_through(&s, before, run), "{before:?}, {meanwhile:?}");
    }
}

#[test]
fn an_entry_that_expires_ends_a_watch() {
    let s = Server::start();
    let mut c = s.client();
    for stored in ["CACHE.SET k v PX 200", "CACHE.GETORLOCK k LEASE 200"] {
        // Sent at once, lest it expires before it is watched.
        c.pipeline([stored, "WATCH k"].map(str::to_owned));
        let mut other = s.client();
        wait_until("it has expired", || other.text("EXISTS k") == ":0");
        c.check("MULTI", "OK");
        c.check("PING", "QUEUED");
        assert_eq!(c.text("EXEC"), "nil", "{stored}");
    }
}

#[test]
fn an_entry_that_is_evicted_ends_a_watch() {
    let s = Server::with("maxmemory-policy allkeys-random");
    let through = goes_through(&s, STORED, |c, _| {
        c.check("CONFIG SET maxmemory 1", "OK");
        c.run("CACHE.SET other v");
        c.check("CONFIG SET maxmemory 0", "OK");
        c.check("CACHE.EXISTS k", ":0");
    });
    assert!(!through);
}

#[test]
fn reclaiming_in_the_background_ends_a_watch() {
    let s = Server::with("cache.reclaim-inline 0");
    let through = goes_through(&s, STORED, |c, _| {
        c.check("CACHE.INVALIDATE a", ":1");
        wait_until("it is reclaimed", || c.text("EXISTS k") == ":0");
    });
    assert!(!through);
}

/// A watch is ended by reclaiming, as the entries of a large tag cannot be visited before the reply;
/// what the transaction reads is right even so.
#[test]
fn a_dead_entry_is_not_read_by_a_transaction_that_watched_it() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    let lines = [
        "WATCH k",
        "CACHE.INVALIDATE a",
        "MULTI",
        "CACHE.GET k",
        "EXEC",
    ];
    let replies = c.pipeline(lines.map(str::to_owned));
    let outcome = crate::common::show(&replies[4]);
    assert!(["nil", "[nil]"].contains(&&*outcome), "{outcome}");
}

#[test]
fn every_command_can_be_part_of_a_transaction() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("filled LEASE 60000");
    let steps = [
        ("CACHE.SET k v EX 100 TAGS 2 a b", "OK"),
        ("CACHE.GET k", "v"),
        ("CACHE.MGET k none", "[v nil]"),
        ("CACHE.GETEX k EX 50", "v"),
        ("CACHE.EXISTS k filled", ":1"),
        ("CACHE.SETTAGS k a", ":1"),
        ("CACHE.TAGS k", "[a]"),
        ("CACHE.TAGSCAN a 0", "[0 [k]]"),
        ("CACHE.TAGLIST 0", "[0 [a :1]]"),
        (
            "CACHE.TAGINFO a",
            "[entries :1 invalidated-at-ms :0 marked-stale-at-ms :0]",
        ),
        ("CACHE.GETORLOCK k WAIT 60000", "[fresh v nil]"),
        ("CACHE.GETORLOCK filled WAIT 60000", "[busy nil nil]"),
        ("CACHE.RENEW filled {token} 50000", ":1"),
        ("CACHE.SET filled w TOKEN {token} TAGS 1 c", "OK"),
        ("CACHE.UNLOCK filled {token}", ":0"),
        ("CACHE.MARKSTALE c", ":1"),
        ("CACHE.GET filled", "nil"),
        ("CACHE.INVALIDATE a", ":1"),
        ("CACHE.INFO k", "nil"),
        ("CACHE.STATS RESET", "OK"),
    ];
    c.check("MULTI", "OK");
    for (command, _) in steps {
        c.check(command.replace("{token}", &token.to_string()), "QUEUED");
    }
    let replies = c.array("EXEC");
    for ((command, expected), reply) in steps.iter().zip(&replies) {
        assert_eq!(&crate::common::show(reply), expected, "{command}");
    }
    assert_eq!(replies.len(), steps.len());
}

#[test]
fn a_command_that_fails_does_not_stop_the_others() {
    let s = Server::start();
    let mut c = s.client();
    c.check("RPUSH list x", ":1");
    c.check("MULTI", "OK");
    for command in ["CACHE.GET list", "CACHE.SET k v EX 0", "CACHE.SET k w"] {
        c.check(command, "QUEUED");
    }
    let reply = c.text("EXEC");
    assert!(reply.starts_with("[-WRONGTYPE "), "{reply}");
    assert!(
        reply.ends_with("-ERR invalid expire time in 'cache.set' command OK]"),
        "{reply}"
    );
    c.check("CACHE.GET k", "w");
}

/// Who waits is answered when all is done, by what is there then.
#[test]
fn waiters_see_only_the_end_of_a_transaction() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k LEASE 60000");
    let waiters: [Client; 2] = s.waiters("k WAIT 60000");
    c.check("MULTI", "OK");
    for command in [
        &*format!("CACHE.UNLOCK k {token}"),
        "CACHE.SET k v TAGS 1 a",
        "CACHE.INVALIDATE a",
        "CACHE.SET k last",
    ] {
        c.check(command, "QUEUED");
    }
    c.check("EXEC", "[:1 OK :1 OK]");
    for mut waiter in waiters {
        waiter.check_reply("[fresh last nil]");
    }
}
