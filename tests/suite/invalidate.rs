//! `CACHE.INVALIDATE`: death at once, memory soon, and who is told.

use crate::common::{Client, Server, wait_for_memory, wait_until};

/// Waits until nothing of any entry is left, in the keyspace or in the index.
fn wait_for_nothing(c: &mut Client) {
    wait_until("everything is reclaimed", || {
        let stats = c.stats();
        c.int("DBSIZE") == 0 && ["entries", "tags", "entries-dead"].map(|f| stats.int(f)) == [0; 3]
    });
}

#[test]
fn the_count_adds_up_over_the_tags() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.INVALIDATE none", ":0");
    c.check("CACHE.SET k1 v TAGS 2 a b", "OK");
    c.check("CACHE.SET k2 v TAGS 1 a", "OK");
    c.check("CACHE.SET k3 v TAGS 1 c", "OK");
    c.check("CACHE.INVALIDATE a b none", ":3");
    c.check("CACHE.MGET k1 k2 k3", "[nil nil v]");
    c.check("CACHE.INVALIDATE a b", ":0");
    c.check("CACHE.INVALIDATE c c", ":1");
}

#[test]
fn an_entry_lives_again_only_by_being_stored() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k old TAGS 1 a", "OK");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.SET k new TAGS 1 a", "OK");
    c.check("CACHE.GET k", "new");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET k", "nil");
}

#[test]
fn any_one_of_its_tags_kills_an_entry() {
    let s = Server::start();
    let mut c = s.client();
    let tags: Vec<_> = (0..100).map(|i| format!("t{i}")).collect();
    for tag in ["t0", "t50", "t99"] {
        c.check(format!("CACHE.SET k v TAGS 100 {}", tags.join(" ")), "OK");
        c.check(format!("CACHE.INVALIDATE {tag}"), ":1");
        c.check("CACHE.GET k", "nil");
    }
    assert_eq!(c.stats().int("tags"), 0);
}

/// One transaction, so that the reclaimer cannot hide what a command would have shown.
#[test]
fn a_dead_entry_is_invisible_to_every_command() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k v EX 100 GRACE 100 TAGS 2 a b", "OK");
    c.check("MULTI", "OK");
    let commands = [
        ("CACHE.INVALIDATE a", ":1"),
        ("EXISTS k", ":1"),
        ("CACHE.GET k", "nil"),
        ("CACHE.GET k STALE WITHMETA", "nil"),
        ("CACHE.MGET k", "[nil]"),
        ("CACHE.GETEX k EX 100", "nil"),
        ("CACHE.EXISTS k", ":0"),
        ("CACHE.TAGS k", "nil"),
        ("CACHE.INFO k", "nil"),
        ("CACHE.SETTAGS k c", ":0"),
        ("CACHE.TAGSCAN b 0", "[0 []]"),
        ("CACHE.SET k w XX", "nil"),
    ];
    for (command, _) in commands {
        c.check(command, "QUEUED");
    }
    let expected = commands.map(|(_, reply)| reply).join(" ");
    c.check("EXEC", &format!("[{expected}]"));
    c.lease("k");
}

#[test]
fn up_to_reclaim_inline_entries_go_before_the_reply() {
    let s = Server::start();
    let mut c = s.client();
    for i in 0..128 {
        c.check(format!("CACHE.SET k{i} v TAGS 1 a"), "OK");
    }
    c.check("MULTI", "OK");
    c.check("CACHE.INVALIDATE a", "QUEUED");
    c.check("DBSIZE", "QUEUED");
    c.check("EXEC", "[:128 :0]");
    c.check("CONFIG SET cache.reclaim-inline 10", "OK");
    for i in 0..30 {
        c.check(format!("CACHE.SET k{i} v TAGS 1 a"), "OK");
    }
    c.check("MULTI", "OK");
    c.check("CACHE.INVALIDATE a", "QUEUED");
    c.check("DBSIZE", "QUEUED");
    c.check("EXEC", "[:30 :20]");
    wait_for_nothing(&mut c);
}

#[test]
fn the_rest_is_reclaimed_in_the_background() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    let empty = c.stats().int("index-bytes");
    for i in 0..1000 {
        c.check(format!("CACHE.SET k{i} v TAGS 2 a b{}", i % 10), "OK");
    }
    assert!(c.stats().int("index-bytes") > empty);
    c.check("CACHE.INVALIDATE a", ":1000");
    wait_for_nothing(&mut c);
    assert_eq!(c.stats().int("entries-reclaimed"), 1000);
    wait_for_memory(&mut c, empty);
}

#[test]
fn entries_stored_again_survive_the_reclaimer() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    for i in 0..500 {
        c.check(format!("CACHE.SET k{i} old TAGS 1 a"), "OK");
    }
    c.check("CACHE.INVALIDATE a", ":500");
    for i in (0..500).step_by(2) {
        c.check(format!("CACHE.SET k{i} new TAGS 1 a"), "OK");
    }
    wait_until("the old ones are reclaimed", || c.int("DBSIZE") == 250);
    for i in (0..500).step_by(2) {
        c.check(format!("CACHE.GET k{i}"), "new");
    }
    assert_eq!(c.stats().int("entries"), 250);
}

#[test]
fn a_lease_on_an_invalidated_entry_dies_with_it() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k", "stale v");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check(format!("CACHE.RENEW k {token} 5000"), ":0");
    c.check(format!("CACHE.SET k late TOKEN {token}"), "nil");
    let next = c.lease("k");
    assert!(next > token);
    c.check(format!("CACHE.UNLOCK k {token}"), ":0");
    c.check(format!("CACHE.SET k good TOKEN {next}"), "OK");
}

#[test]
fn every_tag_is_published() {
    let s = Server::start();
    let (mut c, mut listener) = (s.client(), s.client());
    listener.check(
        "SUBSCRIBE __cache@0__:invalidate",
        "[subscribe __cache@0__:invalidate :1]",
    );
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("CACHE.INVALIDATE a nobody", ":1");
    listener.check_reply("[message __cache@0__:invalidate a]");
    listener.check_reply("[message __cache@0__:invalidate nobody]");
    listener.check(
        "SUBSCRIBE __cache@3__:invalidate",
        "[subscribe __cache@3__:invalidate :2]",
    );
    c.check("SELECT 3", "OK");
    c.check("CACHE.MARKSTALE ignored", ":0");
    c.check([&b"CACHE.INVALIDATE"[..], b"\0\xff"], ":0");
    listener.check_reply(r"[message __cache@3__:invalidate \x00\xff]");
}

#[test]
fn publishing_can_be_turned_off() {
    let s = Server::with("cache.publish-invalidations no");
    let (mut c, mut listener) = (s.client(), s.client());
    listener.check("PSUBSCRIBE __cache@*", "[psubscribe __cache@* :1]");
    c.check("CACHE.INVALIDATE silent", ":0");
    c.check("CACHE.MARKSTALE silent", ":0");
    c.check("CONFIG SET cache.publish-invalidations yes", "OK");
    c.check("CACHE.INVALIDATE loud", ":0");
    listener.check_reply("[pmessage __cache@* __cache@0__:invalidate loud]");
}

#[test]
fn reclaiming_fires_the_del_event() {
    for inline in ["0", "128"] {
        let s = Server::with(&format!(
            "cache.reclaim-inline {inline}\nnotify-keyspace-events Eg"
        ));
        let (mut c, mut listener) = (s.client(), s.client());
        listener.check(
            "SUBSCRIBE __keyevent@2__:del",
            "[subscribe __keyevent@2__:del :1]",
        );
        c.check("SELECT 2", "OK");
        c.check("CACHE.SET k v TAGS 1 a", "OK");
        c.check("CACHE.INVALIDATE a", ":1");
        listener.check_reply("[message __keyevent@2__:del k]");
    }
}

#[test]
fn tracking_clients_are_told() {
    for inline in ["0", "128"] {
        let s = Server::with(&format!("cache.reclaim-inline {inline}"));
        let (mut c, mut near, mut listener) = (s.client(), s.client(), s.client());
        let id = listener.int("CLIENT ID");
        listener.run("SUBSCRIBE __redis__:invalidate");
        c.check("CACHE.SET k v TAGS 1 a", "OK");
        near.check(format!("CLIENT TRACKING on REDIRECT {id}"), "OK");
        near.check("CACHE.GET k", "v");
        c.check("CACHE.INVALIDATE a", ":1");
        listener.check_reply("[message __redis__:invalidate [k]]");
    }
}

/// Near caches read with `CACHE.GET`; the lease is a write and registers nothing.
#[test]
fn tracking_knows_reads_and_stores_but_not_getorlock() {
    let s = Server::start();
    let (mut c, mut near, mut listener) = (s.client(), s.client(), s.client());
    let id = listener.int("CLIENT ID");
    listener.run("SUBSCRIBE __redis__:invalidate");
    c.check("CACHE.SET locked v", "OK");
    c.check("CACHE.SET read v", "OK");
    near.check(format!("CLIENT TRACKING on REDIRECT {id}"), "OK");
    near.check("CACHE.GETORLOCK locked", "[fresh v nil]");
    near.check("CACHE.MGET read", "[v]");
    c.check("CACHE.GETORLOCK read", "[fresh v nil]");
    c.check("CACHE.SET locked w", "OK");
    c.check("CACHE.SET read w", "OK");
    listener.check_reply("[message __redis__:invalidate [read]]");
}

#[test]
fn a_hit_of_getorlock_does_not_disturb_watch() {
    let s = Server::start();
    let (mut c, mut other) = (s.client(), s.client());
    c.check("CACHE.SET k v", "OK");
    c.check("WATCH k", "OK");
    other.check("CACHE.GETORLOCK k", "[fresh v nil]");
    c.check("MULTI", "OK");
    c.check("PING", "QUEUED");
    c.check("EXEC", "[PONG]");
    c.check("WATCH k", "OK");
    other.check("CACHE.SET k w", "OK");
    c.check("MULTI", "OK");
    c.check("PING", "QUEUED");
    c.check("EXEC", "nil");
}

#[test]
fn invalidation_works_in_transactions_and_scripts() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("MULTI", "OK");
    c.check("CACHE.INVALIDATE a", "QUEUED");
    c.check("CACHE.SET k w TAGS 1 a", "QUEUED");
    c.check("EXEC", "[:1 OK]");
    c.check("CACHE.GET k", "w");
    let script =
        b"redis.call('CACHE.INVALIDATE', ARGV[1]); return redis.call('CACHE.GET', KEYS[1])";
    c.check([&b"EVAL"[..], script, b"1", b"k", b"a"], "nil");
}

#[test]
fn expired_entries_do_not_come_back_by_invalidation() {
    let s = Server::start();
    let mut c = s.client();
    c.check("DEBUG SET-ACTIVE-EXPIRE 0", "OK");
    c.check("CACHE.SET gone v PX 1 TAGS 1 a", "OK");
    c.check("CACHE.SET here v TAGS 1 a", "OK");
    wait_until("it has expired", || c.text("PTTL gone") == ":-2");
    let count = c.int("CACHE.INVALIDATE a");
    assert!((1..=2).contains(&count), "{count}");
    c.check("CACHE.MGET gone here", "[nil nil]");
    wait_for_nothing(&mut c);
}
