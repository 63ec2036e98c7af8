//! What a user may not know of: keys and tags outside his patterns, by no command and no error.

use crate::access::login;
use crate::common::{Client, Fields, Server, wait_until};

const USER: &str = "ACL SETUSER app on nopass resetkeys ~app:* +@all";

/// A server with visible keys and tags beside hidden ones, and its limited user.
fn start() -> (Server, Client, Client) {
    let s = Server::start();
    let mut root = s.client();
    root.check("CACHE.SET app:k v TAGS 3 app:t secret secret:budget", "OK");
    root.check("CACHE.SET app:pinned v TAGS 1 app:t", "OK");
    root.check("CACHE.SET hidden v TAGS 2 app:t secret", "OK");
    root.check("CACHE.SET secret:k v TAGS 1 secret", "OK");
    let user = login(&s, USER);
    (s, root, user)
}

/// The keys or tags of all pages, and the cursors that led there.
fn pages(c: &mut Client, command: &str, options: &str) -> (Vec<String>, Vec<String>) {
    let (mut items, mut cursors, mut cursor) = (vec![], vec![], "0".to_owned());
    loop {
        let page = c.text(format!("{command} {cursor} {options}"));
        let page = page.strip_prefix('[').and_then(|p| p.strip_suffix("]]"));
        let (next, found) = page.and_then(|p| p.split_once(" [")).expect("a page");
        items.extend(found.split_whitespace().map(str::to_owned));
        if next == "0" {
            return (items, cursors);
        }
        cursors.push(next.to_owned());
        cursor = next.to_owned();
    }
}

#[test]
fn no_reply_of_a_read_names_what_is_hidden() {
    let (_s, _root, mut c) = start();
    for command in [
        "CACHE.GET app:k WITHMETA",
        "CACHE.TAGS app:k",
        "CACHE.INFO app:k",
        "CACHE.TAGINFO app:t",
        "CACHE.TAGSCAN app:t 0 COUNT 100",
        "CACHE.TAGLIST 0 COUNT 100",
        "CACHE.TAGLIST 0 MATCH * COUNT 100",
        "CACHE.STATS",
        "CACHE.STATS PREFIXES",
        "CACHE.STATS PREFIX app",
    ] {
        let reply = c.text(command);
        assert!(!reply.starts_with('-'), "{command}: {reply}");
        for hidden in ["secret", "hidden"] {
            assert!(!reply.contains(hidden), "{command}: {reply}");
        }
    }
}

/// Whether the name is taken must not make a difference.
#[test]
fn errors_do_not_tell_whether_something_exists() {
    let (_s, _root, mut c) = start();
    for command in [
        "CACHE.GET {}",
        "CACHE.EXISTS {}",
        "CACHE.INFO {}",
        "CACHE.SET app:new v TAGS 1 {}",
        "CACHE.SET app:k v NX TAGS 1 {}",
        "CACHE.SET app:k v TOKEN 1 TAGS 1 {}",
        "CACHE.SETTAGS app:k {}",
        "CACHE.SETTAGS app:none {}",
        "CACHE.INVALIDATE app:t {}",
        "CACHE.MARKSTALE {}",
        "CACHE.TAGINFO {}",
        "CACHE.TAGSCAN {} 0",
        "CACHE.STATS PREFIX {}",
    ] {
        let taken = c.text(command.replace("{}", "secret"));
        let free = c.text(command.replace("{}", "nobody"));
        assert!(taken.starts_with("-NOPERM "), "{command}: {taken}");
        assert_eq!(taken, free, "{command}");
        assert!(!taken.contains("secret"), "{command}: {taken}");
    }
    c.check("CACHE.TAGS app:k", "[app:t]");
}

/// A pattern that fits a hidden tag and one that fits nothing are walked in the same steps.
#[test]
fn patterns_of_taglist_do_not_find_hidden_tags() {
    let (_s, mut root, mut c) = start();
    for tag in ["zulu", "app:u", "yankee"] {
        root.check(format!("CACHE.SET more:{tag} v TAGS 1 {tag}"), "OK");
    }
    let (found, cursors) = pages(&mut c, "CACHE.TAGLIST", "MATCH secret:b* COUNT 1");
    let (none, steps) = pages(&mut c, "CACHE.TAGLIST", "MATCH secret:c* COUNT 1");
    assert!(found.is_empty() && none.is_empty());
    assert_eq!(cursors, steps, "the cursor tells that a hidden tag fits");
    let (all, _) = pages(&mut c, "CACHE.TAGLIST", "COUNT 1");
    assert_eq!(all, ["app:t", ":3", "app:u", ":1"]);
}

#[test]
fn scans_in_pages_leave_out_what_is_hidden() {
    let (_s, mut root, mut c) = start();
    for i in 0..50 {
        root.check(format!("CACHE.SET hidden:{i} v TAGS 2 app:t t{i}"), "OK");
    }
    let (mut keys, _) = pages(&mut c, "CACHE.TAGSCAN app:t", "COUNT 3");
    keys.sort();
    assert_eq!(keys, ["app:k", "app:pinned"]);
    let (tags, _) = pages(&mut c, "CACHE.TAGLIST", "COUNT 3");
    assert_eq!(tags, ["app:t", ":53"]);
}

#[test]
fn statistics_of_a_prefix_need_all_of_its_keys() {
    let (s, mut root, mut c) = start();
    root.check("CACHE.GET secret:k", "v");
    assert_eq!(c.text("CACHE.STATS PREFIXES"), "[app]");
    assert_eq!(Fields::of(c.run("CACHE.STATS PREFIX app")).int("misses"), 0);
    for pattern in ["~app:", "~app:1:*", "~app:???", "~*:public"] {
        let rules = format!("ACL SETUSER app resetkeys {pattern}");
        root.check(rules, "OK");
        let mut c = login(&s, "ACL SETUSER app on");
        c.check("CACHE.STATS PREFIXES", "[]");
        let reply = c.text("CACHE.STATS PREFIX app");
        assert!(reply.starts_with("-NOPERM "), "{pattern}: {reply}");
    }
    let mut all = login(&s, "ACL SETUSER app allkeys");
    assert_eq!(all.sorted("CACHE.STATS PREFIXES"), ["''", "app", "secret"]);
}

/// `CACHE.STATS` is answered while the server loads, when effects are applied without a user.
#[test]
fn loading_opens_no_eyes() {
    let (s, mut root, mut c) = start();
    root.pipeline((0..2_000).map(|i| format!("CACHE.SET secret:{i} v")));
    root.check(
        "CONFIG SET loading-process-events-interval-bytes 1024",
        "OK",
    );
    root.check("CONFIG SET key-load-delay 200", "OK");
    let mut other = s.client();
    other.send("DEBUG RELOAD");
    wait_until("the server loads", || {
        root.text("PING").starts_with("-LOADING ")
    });
    let reply = c.text("CACHE.STATS PREFIX secret");
    let prefixes = c.text("CACHE.STATS PREFIXES");
    assert!(
        root.text("PING").starts_with("-LOADING "),
        "loaded too fast"
    );
    assert!(reply.starts_with("-NOPERM "), "{reply}");
    assert_eq!(prefixes, "[app]");
    root.check("CONFIG SET key-load-delay 0", "OK");
    other.check_reply("OK");
}

/// Carrying an entry about gives no more sight of its tags than reading it.
#[test]
fn a_copy_hides_what_its_original_hides() {
    let (_s, mut root, mut c) = start();
    c.check("COPY app:k app:copy", ":1");
    c.check("RENAME app:k app:renamed", "OK");
    for key in ["app:copy", "app:renamed"] {
        c.check(format!("CACHE.TAGS {key}"), "[app:t]");
        assert_eq!(c.info(key).text("tags"), "[app:t]");
    }
    assert_eq!(
        root.sorted("CACHE.TAGS app:copy"),
        ["app:t", "secret", "secret:budget"]
    );
    root.check("CACHE.INVALIDATE secret:budget", ":2");
    c.check("CACHE.EXISTS app:copy app:renamed", ":0");
}

#[test]
fn scripts_and_transactions_see_no_more_than_their_caller() {
    let (_s, _root, mut c) = start();
    let script = b"return {redis.call('CACHE.TAGS', KEYS[1]), redis.call('CACHE.TAGLIST', 0)[2], \
                   redis.call('CACHE.TAGSCAN', 'app:t', 0)[2], redis.call('CACHE.STATS', 'PREFIXES')}";
    let reply = c.text([&b"EVAL"[..], script, b"1", b"app:k"]);
    assert!(
        !reply.contains("secret") && !reply.contains("hidden"),
        "{reply}"
    );
    let denied = b"return redis.call('CACHE.TAGSCAN', ARGV[1], 0)";
    let reply = c.text([&b"EVAL"[..], denied, b"0", b"secret"]);
    assert!(reply.starts_with("-NOPERM "), "{reply}");
    c.check("MULTI", "OK");
    for command in ["CACHE.TAGS app:k", "CACHE.TAGSCAN secret 0"] {
        c.check(command, "QUEUED");
    }
    let reply = c.text("EXEC");
    assert!(reply.starts_with("[[app:t] -NOPERM "), "{reply}");
}

/// The channels carry tags, so whoever listens there learns them.
#[test]
fn tags_are_published_only_to_those_who_may_listen() {
    let (s, mut root, mut c) = start();
    for command in [
        "SUBSCRIBE __cache@0__:invalidate",
        "PSUBSCRIBE __cache@*",
        "PUBLISH __cache@0__:invalidate app:t",
    ] {
        let reply = c.text(command);
        assert!(reply.starts_with("-NOPERM "), "{command}: {reply}");
    }
    let mut listener = login(&s, "ACL SETUSER app &__cache@0__:*");
    listener.run("SUBSCRIBE __cache@0__:invalidate");
    root.check("CACHE.INVALIDATE secret", ":3");
    listener.check_reply("[message __cache@0__:invalidate secret]");
}
