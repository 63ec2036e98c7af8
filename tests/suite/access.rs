//! Key permissions, and tags checked as if they were keys.

use crate::common::{Client, Server};

const USER: &str = "ACL SETUSER app on nopass resetkeys ~app:* +@all";

/// A connection of a user with these rules.
pub(crate) fn login(s: &Server, rules: &str) -> Client {
    s.client().check(rules, "OK");
    let mut c = s.client();
    c.check("AUTH app any", "OK");
    c
}

#[track_caller]
fn check_denied(c: &mut Client, command: &str) {
    let reply = c.text(command);
    assert!(reply.starts_with("-NOPERM "), "{command}: {reply}");
}

#[test]
fn tags_need_permission_like_keys() {
    let s = Server::start();
    let mut root = s.client();
    root.check("CACHE.SET other v TAGS 2 other app:t", "OK");
    let mut c = login(&s, USER);
    c.check("CACHE.SET app:k v TAGS 1 app:t", "OK");
    for command in [
        "CACHE.SET app:k w TAGS 2 app:t other",
        "CACHE.SETTAGS app:k other",
        "CACHE.INVALIDATE app:t other",
        "CACHE.MARKSTALE other",
        "CACHE.TAGINFO other",
        "CACHE.TAGSCAN other 0",
    ] {
        check_denied(&mut c, command);
    }
    root.check("CACHE.MGET app:k other", "[v v]");
    root.check("CACHE.TAGS app:k", "[app:t]");
    c.check("CACHE.SETTAGS app:k app:t app:u", ":1");
    c.check("CACHE.INVALIDATE app:u", ":1");
}

#[test]
fn keys_need_permission() {
    let s = Server::start();
    s.client().check("CACHE.SET other v", "OK");
    let mut c = login(&s, USER);
    for command in [
        "CACHE.SET other v",
        "CACHE.GET other",
        "CACHE.MGET app:k other",
        "CACHE.GETEX other",
        "CACHE.EXISTS other",
        "CACHE.GETORLOCK other",
        "CACHE.RENEW other 1 1",
        "CACHE.UNLOCK other 1",
        "CACHE.SETTAGS other",
        "CACHE.TAGS other",
        "CACHE.INFO other",
    ] {
        check_denied(&mut c, command);
    }
}

#[test]
fn reading_needs_only_permission_to_read() {
    let s = Server::start();
    s.client().check("CACHE.SET app:k v TAGS 1 app:t", "OK");
    let mut c = login(&s, "ACL SETUSER app on nopass resetkeys %R~app:* +@all");
    c.check("CACHE.GET app:k", "v");
    c.check("CACHE.MGET app:k", "[v]");
    c.check("CACHE.EXISTS app:k", ":1");
    c.check("CACHE.TAGS app:k", "[app:t]");
    c.check("CACHE.TAGSCAN app:t 0", "[0 [app:k]]");
    c.run("CACHE.TAGINFO app:t");
    for command in [
        "CACHE.SET app:k w",
        "CACHE.GETORLOCK app:k",
        "CACHE.GETEX app:k",
        "CACHE.SETTAGS app:k",
        "CACHE.INVALIDATE app:t",
        "CACHE.MARKSTALE app:t",
    ] {
        check_denied(&mut c, command);
    }
}

#[test]
fn what_a_user_may_not_see_is_left_out() {
    let s = Server::start();
    let mut root = s.client();
    root.check("CACHE.SET app:k v TAGS 2 app:t secret", "OK");
    root.check("CACHE.SET hidden v TAGS 2 app:t secret", "OK");
    let mut c = login(&s, USER);
    c.check("CACHE.TAGS app:k", "[app:t]");
    assert_eq!(c.info("app:k").text("tags"), "[app:t]");
    c.check("CACHE.TAGSCAN app:t 0", "[0 [app:k]]");
    c.check("CACHE.TAGLIST 0", "[0 [app:t :2]]");
    assert_eq!(root.sorted("CACHE.TAGS app:k"), ["app:t", "secret"]);
}

#[test]
fn a_command_can_be_allowed_alone() {
    let s = Server::start();
    s.client().check("CACHE.SET k v", "OK");
    let mut c = login(&s, "ACL SETUSER app on nopass allkeys -@all +cache.get");
    c.check("CACHE.GET k", "v");
    check_denied(&mut c, "CACHE.SET k v");
    check_denied(&mut c, "CACHE.INVALIDATE a");
}

#[test]
fn scripts_run_with_the_permissions_of_their_caller() {
    let s = Server::start();
    s.client().check("CACHE.SET other v TAGS 1 other", "OK");
    let mut c = login(&s, USER);
    let script = b"return redis.call('CACHE.INVALIDATE', ARGV[1])";
    let words = |tag| [&b"EVAL"[..], script, b"0", tag];
    c.check(words(b"app:t"), ":0");
    assert!(
        c.text(words(b"other")).starts_with("-NOPERM"),
        "a script must not do more"
    );
    s.client().check("CACHE.GET other", "v");
}

#[test]
fn internal_commands_are_not_for_clients_with_few_rights() {
    let s = Server::start();
    s.client().check("CACHE.SET other v TAGS 1 other", "OK");
    let listed = s.client().sorted("COMMAND LIST FILTERBY MODULE cache");
    let mut c = login(&s, USER);
    for command in listed.iter().filter(|name| name.starts_with("cache.apply")) {
        for words in ["other", "0 other", "other v 1,,,,, other"] {
            let reply = c.text(format!("{command} {words}"));
            assert!(reply.starts_with('-'), "{command} {words}: {reply}");
        }
    }
    s.client().check("CACHE.TAGS other", "[other]");
    s.client().check("CACHE.GET other", "v");
}
