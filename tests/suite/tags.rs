//! `CACHE.SETTAGS`, `TAGS`, `TAGINFO`, `TAGSCAN`, `TAGLIST`: what carries which tag.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use redis::Value;

use crate::common::{Client, Fields, Server, show};

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// One step of a scan: the next cursor and the page.
#[track_caller]
fn step(c: &mut Client, command: &str) -> (String, Vec<String>) {
    match &c.array(command)[..] {
        [cursor, Value::Array(page)] => (show(cursor), page.iter().map(show).collect()),
        other => panic!("not [cursor page]: {other:?}"),
    }
}

/// Runs a scan to its end, calling `between` after each step; gives all that it returned.
fn scan(
    c: &mut Client,
    command: impl Fn(&str) -> String,
    mut between: impl FnMut(&mut Client),
) -> Vec<String> {
    let (mut cursor, mut found) = ("0".to_owned(), vec![]);
    for _ in 0..100_000 {
        let (next, page) = step(c, &command(&cursor));
        found.extend(page);
        if next == "0" {
            return found;
        }
        cursor = next;
        between(c);
    }
    panic!("a scan without end");
}

fn scan_tag(c: &mut Client, tag: &str) -> BTreeSet<String> {
    let command = |cursor: &str| format!("CACHE.TAGSCAN {tag} {cursor}");
    scan(c, command, |_| ()).into_iter().collect()
}

#[test]
fn tags_tells_what_was_set() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.TAGS k", "nil");
    c.check("CACHE.SET k v TAGS 3 a b a", "OK");
    assert_eq!(c.sorted("CACHE.TAGS k"), ["a", "b"]);
    c.check("CACHE.SET k v TAGS 0", "OK");
    c.check("CACHE.TAGS k", "[]");
    c.check("CACHE.SET k v TAGS 1 ''", "OK");
    c.check("CACHE.TAGS k", "['']");
    c.check(
        [&b"CACHE.SET"[..], b"k", b"v", b"TAGS", b"1", b"\0\xff t"],
        "OK",
    );
    c.check("CACHE.TAGS k", r"[\x00\xff t]");
    c.lease("pending");
    c.check("CACHE.TAGS pending", "nil");
}

#[test]
fn settags_replaces_the_tags_and_nothing_else() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SETTAGS k a", ":0");
    c.check("EXISTS k", ":0");
    c.check("CACHE.SET k v PX 60000 PGRACE 40000 TAGS 2 a b", "OK");
    let end = c.int("PEXPIRETIME k");
    c.check("CACHE.SETTAGS k b c c d", ":1");
    assert_eq!(c.sorted("CACHE.TAGS k"), ["b", "c", "d"]);
    c.check("CACHE.TAGINFO a", "nil");
    c.check("CACHE.GET k", "v");
    c.check("PEXPIRETIME k", &format!(":{end}"));
    assert_eq!(c.info("k").int("grace-ms"), 40_000);
    c.check("CACHE.SETTAGS k", ":1");
    c.check("CACHE.TAGS k", "[]");
    assert_eq!(c.stats().int("tags"), 0);
}

#[test]
fn settags_keeps_the_lease() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 100000", "OK");
    c.check("PEXPIRE k 50000", ":1");
    let token = c.refresh("k", "stale v");
    c.check("CACHE.SETTAGS k a", ":1");
    assert_eq!(c.info("k").int("lease"), token);
    c.check(format!("CACHE.SET k new TOKEN {token}"), "OK");
    c.lease("pending");
    c.check("CACHE.SETTAGS pending a", ":0");
}

#[test]
fn settags_counts_from_now() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET other v TAGS 1 a", "OK");
    c.check("CACHE.SET k v TAGS 1 b", "OK");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.SETTAGS k a", ":1");
    c.check("CACHE.GET k", "v");
    c.check("CACHE.INVALIDATE b", ":0");
    c.check("CACHE.GET k", "v");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("CACHE.SETTAGS k b", ":0");
}

#[test]
fn settags_never_freshens_a_marked_entry() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("CACHE.MARKSTALE a", ":1");
    c.check("CACHE.SETTAGS k b", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("CACHE.GET k STALE", "v");
    c.check("CACHE.SETTAGS k", ":1");
    assert_eq!(c.info("k").text("state"), "stale");
}

#[test]
fn limits_on_tags_change_nothing_when_they_refuse() {
    let s = Server::with("cache.max-tags-per-entry 2\ncache.max-tag-length 3");
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 2 a abc", "OK");
    for command in [
        "CACHE.SET k w TAGS 3 a b c",
        "CACHE.SET k w TAGS 1 abcd",
        "CACHE.SETTAGS k a b c",
        "CACHE.SETTAGS k abcd",
    ] {
        let reply = c.text(command);
        let knob = if command.contains("abcd") {
            "max-tag-length"
        } else {
            "max-tags-per-entry"
        };
        assert!(
            reply.starts_with("-ERR ") && reply.contains(knob),
            "{command}: {reply}"
        );
    }
    c.check("CACHE.GET k", "v");
    assert_eq!(c.sorted("CACHE.TAGS k"), ["a", "abc"]);
    c.check("CACHE.SET k w TAGS 3 a a a", "OK");
    c.check("CACHE.INVALIDATE a b c d", ":1");
}

#[test]
fn a_tag_that_is_too_long_by_now_can_still_be_invalidated() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 90000 PGRACE 90000 TAGS 1 abcd", "OK");
    c.check("CONFIG SET cache.max-tag-length 3", "OK");
    assert_eq!(Fields::of(c.run("CACHE.TAGINFO abcd")).int("entries"), 1);
    c.check("CACHE.TAGSCAN abcd 0", "[0 [k]]");
    c.check("CACHE.MARKSTALE abcd", ":1");
    c.check("CACHE.GET k STALE", "v");
    c.check("CACHE.INVALIDATE abcd", ":1");
    c.check("CACHE.GET k STALE", "nil");
}

#[test]
fn numtags_is_checked() {
    let s = Server::start();
    let mut c = s.client();
    for count in [
        "-1",
        "x",
        "1.0",
        "9223372036854775807",
        "18446744073709551616",
    ] {
        let reply = c.text(format!("CACHE.SET k v TAGS {count} a"));
        assert!(reply.starts_with("-ERR "), "{count}: {reply}");
    }
    c.check("EXISTS k", ":0");
}

#[test]
fn taginfo_counts_entries_and_remembers_times() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.TAGINFO a", "nil");
    c.check("CACHE.SET k1 v PX 100000 PGRACE 100000 TAGS 1 a", "OK");
    c.check("CACHE.SET k2 v TAGS 2 a b", "OK");
    let info = Fields::of(c.run("CACHE.TAGINFO a"));
    assert_eq!(
        info.names(),
        ["entries", "invalidated-at-ms", "marked-stale-at-ms"]
    );
    assert_eq!(info.int("entries"), 2);
    assert_eq!(
        (
            info.int("invalidated-at-ms"),
            info.int("marked-stale-at-ms")
        ),
        (0, 0)
    );
    let before = now_ms();
    c.check("CACHE.MARKSTALE a", ":2");
    let marked = Fields::of(c.run("CACHE.TAGINFO a")).int("marked-stale-at-ms");
    assert!((before..=now_ms()).contains(&marked), "{marked}");
    c.run("DEL k1 k2");
    c.check("CACHE.TAGINFO b", "nil");
}

#[test]
fn an_invalidation_is_remembered_while_a_lease_is_out() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 60000");
    let before = now_ms();
    c.check("CACHE.INVALIDATE a", ":0");
    let info = Fields::of(c.run("CACHE.TAGINFO a"));
    assert_eq!(info.int("entries"), 0);
    let invalidated = info.int("invalidated-at-ms");
    assert!((before..=now_ms()).contains(&invalidated), "{invalidated}");
}

#[test]
fn taginfo_is_a_map_in_resp3() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.run("HELLO 3");
    let map = c.run("CACHE.TAGINFO a");
    assert!(
        matches!(&map, Value::Map(pairs) if pairs.len() == 3),
        "{map:?}"
    );
}

#[test]
fn tags_belong_to_a_database() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.check("SELECT 1", "OK");
    c.check("CACHE.SET k w TAGS 1 a", "OK");
    c.check("CACHE.SET only v TAGS 1 b", "OK");
    c.check("CACHE.INVALIDATE a", ":1");
    c.check("CACHE.GET k", "nil");
    c.check("SELECT 0", "OK");
    c.check("CACHE.GET k", "v");
    c.check("CACHE.TAGINFO b", "nil");
    c.check("CACHE.TAGLIST 0", "[0 [a :1]]");
}

#[test]
fn tagscan_gives_the_live_entries_of_a_tag() {
    let s = Server::with("cache.reclaim-inline 0");
    let mut c = s.client();
    c.check("CACHE.TAGSCAN a 0", "[0 []]");
    for i in 0..50 {
        c.check(format!("CACHE.SET k{i} v TAGS 2 a b{}", i % 2), "OK");
    }
    assert_eq!(scan_tag(&mut c, "a").len(), 50);
    assert_eq!(scan_tag(&mut c, "b0").len(), 25);
    c.check("CACHE.INVALIDATE b0", ":25");
    let live: BTreeSet<_> = (0..50)
        .filter(|i| i % 2 == 1)
        .map(|i| format!("k{i}"))
        .collect();
    assert_eq!(scan_tag(&mut c, "a"), live);
    c.check("DEL k1 k3", ":2");
    c.check("RENAME k5 renamed", "OK");
    c.check("CACHE.SET k7 v", "OK");
    let scanned = scan_tag(&mut c, "a");
    assert_eq!(scanned.len(), 22);
    assert!(
        scanned.contains("renamed") && !scanned.contains("k5"),
        "{scanned:?}"
    );
}

#[test]
fn tagscan_goes_in_pages() {
    let s = Server::start();
    let mut c = s.client();
    for i in 0..100 {
        c.check(format!("CACHE.SET k{i} v TAGS 1 a"), "OK");
    }
    let (cursor, page) = step(&mut c, "CACHE.TAGSCAN a 0 COUNT 10");
    assert_ne!(cursor, "0");
    assert!((1..=20).contains(&page.len()), "{}", page.len());
    let (cursor, page) = step(&mut c, "CACHE.TAGSCAN a 0 COUNT 1000");
    assert_eq!((cursor.as_str(), page.len()), ("0", 100));
}

/// What is there from the first step to the last is returned, whatever else comes and goes.
#[test]
fn tagscan_keeps_its_promise_under_change() {
    let s = Server::start();
    let mut c = s.client();
    for i in 0..300 {
        c.check(format!("CACHE.SET k{i} v TAGS 1 a"), "OK");
    }
    let mut round = 0;
    let found = scan(
        &mut c,
        |cursor| format!("CACHE.TAGSCAN a {cursor} COUNT 7"),
        |c| {
            // Every third key stays; the others go and come, and new ones come.
            let gone = (round * 37) % 300;
            if gone % 3 != 0 {
                c.run(format!("DEL k{gone}"));
                c.check(
                    format!("CACHE.SET k{} v TAGS 1 a", (gone + 150) / 3 * 3 + 1),
                    "OK",
                );
            }
            c.check(format!("CACHE.SET new{round} v TAGS 1 a"), "OK");
            c.run(format!("DEL new{}", round / 2));
            round += 1;
        },
    );
    let found: BTreeSet<_> = found.into_iter().collect();
    for i in (0..300).step_by(3) {
        assert!(
            found.contains(&format!("k{i}")),
            "k{i} was there all the time"
        );
    }
}

#[test]
fn taglist_gives_each_tag_with_its_count() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.TAGLIST 0", "[0 []]");
    for i in 0..60 {
        c.check(format!("CACHE.SET k{i} v TAGS 2 all t{}", i % 30), "OK");
    }
    let found = scan(&mut c, |cursor| format!("CACHE.TAGLIST {cursor}"), |_| ());
    let pairs: BTreeSet<_> = found
        .chunks(2)
        .map(|p| (p[0].clone(), p[1].clone()))
        .collect();
    assert_eq!(pairs.len(), 31);
    assert!(pairs.contains(&("all".into(), ":60".into())), "{pairs:?}");
    assert!(pairs.contains(&("t7".into(), ":2".into())), "{pairs:?}");
}

#[test]
fn taglist_matches_patterns() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 4 user:1 user:2 post:1 u?", "OK");
    let mut matching = |pattern: &str| {
        let command = |cursor: &str| format!("CACHE.TAGLIST {cursor} COUNT 1 MATCH {pattern}");
        let found = scan(&mut c, command, |_| ());
        found
            .chunks(2)
            .map(|pair| pair[0].clone())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        matching("user:*"),
        ["user:1".to_owned(), "user:2".to_owned()].into()
    );
    assert_eq!(
        matching("*:1"),
        ["user:1".to_owned(), "post:1".to_owned()].into()
    );
    assert_eq!(matching(r"u\?"), ["u?".to_owned()].into());
    assert_eq!(matching("[^u]*"), ["post:1".to_owned()].into());
    assert_eq!(matching("none").len(), 0);
}

#[test]
fn taglist_keeps_its_promise_under_change() {
    let s = Server::start();
    let mut c = s.client();
    for i in 0..200 {
        c.check(format!("CACHE.SET k{i} v TAGS 1 t{i}"), "OK");
    }
    let mut round = 0;
    let found = scan(
        &mut c,
        |cursor| format!("CACHE.TAGLIST {cursor} COUNT 5"),
        |c| {
            let gone = (round * 41) % 200;
            if gone % 4 != 0 {
                c.run(format!("DEL k{gone}"));
            }
            c.check(format!("CACHE.SET new{round} v TAGS 1 new{round}"), "OK");
            round += 1;
        },
    );
    let found: BTreeSet<_> = found.into_iter().collect();
    for i in (0..200).step_by(4) {
        assert!(
            found.contains(&format!("t{i}")),
            "t{i} was there all the time"
        );
    }
}

#[test]
fn scans_check_cursor_and_count() {
    let s = Server::start();
    let mut c = s.client();
    for scan in ["CACHE.TAGSCAN a", "CACHE.TAGLIST"] {
        for cursor in ["x", "-1", "1.5", "18446744073709551616", "''"] {
            c.check(format!("{scan} {cursor}"), "-ERR invalid cursor");
        }
        c.check(format!("{scan} 18446744073709551615"), "[0 []]");
        c.check(
            format!("{scan} 0 COUNT x"),
            "-ERR value is not an integer or out of range",
        );
        c.check(format!("{scan} 0 COUNT 0"), "-ERR syntax error");
        c.check(format!("{scan} 0 COUNT"), "-ERR syntax error");
        c.check(format!("{scan} 0 NONSENSE 1"), "-ERR syntax error");
    }
}
