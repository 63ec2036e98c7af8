//! `CLIENT TRACKING`: near caches learn of whatever changes an entry they have read.

use crate::common::{Client, Server, wait_until};

const TOLD: &str = "[invalidate [k]]";

/// A connection that is told what happens to keys it reads, by messages between the replies.
fn near(s: &Server, options: &str) -> Client {
    let mut near = s.client();
    near.run("HELLO 3");
    near.check(format!("CLIENT TRACKING on {options}"), "OK");
    near
}

/// Has a near cache read `k`, and checks that the next thing it hears is that `k` has changed.
#[track_caller]
fn check_told(s: &Server, before: &[&str], change: impl FnOnce(&mut Client)) {
    let mut c = s.client();
    c.check("FLUSHALL", "OK");
    for command in before {
        let reply = c.text(*command);
        assert!(!reply.starts_with('-'), "{command}: {reply}");
    }
    let mut near = near(s, "");
    near.run("CACHE.GET k");
    change(&mut c);
    near.check_reply(TOLD);
}

const STORED: &[&str] = &["CACHE.SET k v EX 100 GRACE 50 TAGS 1 a"];

#[test]
fn every_change_of_an_entry_is_told() {
    let s = Server::with("maxmemory-policy allkeys-random");
    for change in [
        "CACHE.SET k w",
        "CACHE.SETTAGS k b",
        "CACHE.GETEX k EX 50",
        "CACHE.INVALIDATE a",
        "CACHE.MARKSTALE a",
        "RENAME k other",
        "MOVE k 1",
        "PEXPIRE k 1000",
        "DEL k",
    ] {
        check_told(&s, STORED, |c| drop(c.run(change)));
    }
    check_told(&s, &["CACHE.SET k v TAGS 1 a"], |c| {
        c.check("CACHE.MARKSTALE a", ":1");
    });
    check_told(&s, STORED, |c| {
        c.check("CACHE.SET other w", "OK");
        c.check("RENAME other k", "OK");
    });
    check_told(&s, STORED, |c| {
        c.check("CONFIG SET maxmemory 1", "OK");
        c.run("CACHE.SET other v");
        c.check("CONFIG SET maxmemory 0", "OK");
    });
}

#[test]
fn expiry_is_told() {
    let s = Server::start();
    let mut near = near(&s, "NOLOOP");
    near.check("MULTI", "OK");
    near.check("CACHE.SET k v PX 50", "QUEUED");
    near.check("CACHE.GET k", "QUEUED");
    near.check("EXEC", "[OK v]");
    near.check_reply(TOLD);
}

#[test]
fn a_fill_is_told_to_who_read_before_it() {
    let s = Server::start();
    let mut c = s.client();
    for before in [
        &[][..],
        &["CACHE.SET k old EX 100 GRACE 100", "PEXPIRE k 50000"],
    ] {
        c.check("FLUSHALL", "OK");
        for command in before {
            c.run(*command);
        }
        let token = c.array("CACHE.GETORLOCK k")[2].clone();
        let mut near = near(&s, "");
        near.check("CACHE.GET k", "nil");
        let token = crate::common::show(&token);
        let token = token.trim_start_matches(':');
        c.check(format!("CACHE.SET k new TOKEN {token}"), "OK");
        near.check_reply(TOLD);
    }
}

/// The more so as nobody reads it: then only the reclaimer finds out.
#[test]
fn what_is_done_in_the_background_is_told() {
    let s = Server::with("cache.reclaim-inline 0");
    for change in ["CACHE.INVALIDATE a", "CACHE.MARKSTALE a"] {
        check_told(&s, STORED, |c| c.check(change, ":1"));
    }
    check_told(&s, &["CACHE.SET k v TAGS 1 a"], |c| {
        c.check("CACHE.MARKSTALE a", ":1");
    });
}

#[test]
fn every_key_of_a_large_tag_is_told() {
    const KEYS: usize = 1_000;
    let s = Server::start();
    let (mut c, mut near) = (s.client(), near(&s, ""));
    c.pipeline((0..KEYS).map(|i| format!("CACHE.SET k{i} v TAGS 1 a")));
    near.pipeline((0..KEYS).map(|i| format!("CACHE.GET k{i}")));
    c.check("CACHE.INVALIDATE a", ":1000");
    let mut told: Vec<String> = (0..KEYS).map(|_| near.reply_text()).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), KEYS);
}

#[test]
fn every_reading_command_is_remembered() {
    let s = Server::start();
    let mut c = s.client();
    for read in [
        "CACHE.GET k STALE WITHMETA",
        "CACHE.MGET other k",
        "CACHE.EXISTS k",
        "CACHE.TAGS k",
        "CACHE.INFO k",
    ] {
        c.check("CACHE.SET k v", "OK");
        let mut near = near(&s, "");
        near.run(read);
        c.check("CACHE.SET k w", "OK");
        assert_eq!(near.reply_text(), TOLD, "{read}");
    }
}

/// They read no keys; what they list is not remembered for them.
#[test]
fn lists_of_a_tag_are_not_remembered() {
    let s = Server::start();
    let (mut c, mut near) = (s.client(), near(&s, ""));
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("CACHE.SET last v", "OK");
    for list in ["CACHE.TAGSCAN a 0", "CACHE.TAGLIST 0", "CACHE.TAGINFO a"] {
        near.run(list);
    }
    near.check("CACHE.GET last", "v");
    c.check("CACHE.SET k w TAGS 1 a", "OK");
    c.check("CACHE.SET last w", "OK");
    near.check_reply("[invalidate [last]]");
}

/// The end of freshness is nothing that happens to the key, so a near cache has to heed the time
/// that `WITHMETA` tells.
#[test]
fn growing_stale_is_not_told() {
    let s = Server::start();
    let (mut c, mut near) = (s.client(), near(&s, ""));
    c.check("CACHE.SET k v PX 20 GRACE 100", "OK");
    c.check("CACHE.SET last v", "OK");
    near.run("CACHE.GET k WITHMETA");
    near.check("CACHE.GET last", "v");
    wait_until("it is stale", || c.text("CACHE.GET k") == "nil");
    c.check("CACHE.GET k STALE", "v");
    c.check("CACHE.SET last w", "OK");
    near.check_reply("[invalidate [last]]");
}

#[test]
fn flushing_is_told_as_a_whole() {
    let s = Server::start();
    let (mut c, mut near) = (s.client(), near(&s, ""));
    c.check("CACHE.SET k v", "OK");
    near.check("CACHE.GET k", "v");
    c.check("FLUSHALL", "OK");
    near.check_reply("[invalidate nil]");
}

#[test]
fn broadcasts_tell_of_entries_nobody_read() {
    let s = Server::start();
    let (mut c, mut near) = (s.client(), near(&s, "BCAST PREFIX app:"));
    c.check("CACHE.SET other v TAGS 1 a", "OK");
    c.check("CACHE.SET app:k v TAGS 1 a", "OK");
    near.check_reply("[invalidate [app:k]]");
    c.check("CACHE.INVALIDATE a", ":2");
    near.check_reply("[invalidate [app:k]]");
    c.lease("app:k");
    near.check_reply("[invalidate [app:k]]");
}

#[test]
fn who_opts_in_is_told_only_of_what_he_chose() {
    let s = Server::start();
    let (mut c, mut near) = (s.client(), near(&s, "OPTIN"));
    c.check("CACHE.SET passing v TAGS 1 a", "OK");
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    near.check("CACHE.GET passing", "v");
    near.check("CLIENT CACHING yes", "OK");
    near.check("CACHE.GET k", "v");
    c.check("CACHE.INVALIDATE a", ":2");
    near.check_reply(TOLD);
}

/// Reads inside a transaction and a script count like any others.
#[test]
fn reads_in_transactions_and_scripts_are_remembered() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    let mut by_transaction = near(&s, "");
    by_transaction.check("MULTI", "OK");
    by_transaction.check("CACHE.GET k", "QUEUED");
    by_transaction.check("EXEC", "[v]");
    let mut by_script = near(&s, "");
    let script = b"#!lua flags=no-writes\nreturn redis.call('CACHE.GET', KEYS[1])";
    by_script.check([&b"EVAL"[..], script, b"1", b"k"], "v");
    c.check("CACHE.SET k w", "OK");
    by_transaction.check_reply(TOLD);
    by_script.check_reply(TOLD);
}
