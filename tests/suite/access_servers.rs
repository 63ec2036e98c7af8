//! What the server makes of users: selectors, categories, dry runs, its log, rules read at start.

use crate::access::login;
use crate::common::{Client, Fields, Server, Setup, wait_until};

#[track_caller]
fn check_denied(c: &mut Client, command: &str) {
    let reply = c.text(command);
    assert!(reply.starts_with("-NOPERM "), "{command}: {reply}");
}

/// Runs one command as the user that the rules make of `app`.
#[track_caller]
fn check_user(s: &Server, rules: &str, allowed: &[&str], denied: &[&str]) {
    s.client().run("ACL DELUSER app");
    let mut c = login(s, &format!("ACL SETUSER app on nopass {rules}"));
    for command in allowed {
        let reply = c.text(*command);
        assert!(!reply.starts_with('-'), "{rules}: {command}: {reply}");
    }
    for command in denied {
        check_denied(&mut c, command);
    }
}

/// Since Redis 7.2 commands of modules are in categories.
pub(crate) fn has_categories(s: &Server) -> bool {
    let version = s.client().server_info("server", "redis_version");
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap());
    (numbers.next(), numbers.next()) >= (Some(7), Some(2))
}

#[test]
fn reading_and_writing_are_told_apart_for_keys_and_tags() {
    let s = Server::start();
    s.client().check("CACHE.SET app:k v TAGS 1 app:t", "OK");
    check_user(
        &s,
        "%R~app:* +@all",
        &[
            "CACHE.TAGSCAN app:t 0",
            "CACHE.TAGINFO app:t",
            "CACHE.GET app:k STALE",
        ],
        &[
            "CACHE.INVALIDATE app:t",
            "CACHE.SET app:k w",
            "CACHE.RENEW app:k 1 1",
        ],
    );
    check_user(
        &s,
        "%W~app:* +@all",
        &[
            "CACHE.SET app:k w TAGS 1 app:t",
            "CACHE.SETTAGS app:k app:t",
            "CACHE.EXISTS app:k",
            "CACHE.INVALIDATE app:t",
            "CACHE.UNLOCK app:k 1",
        ],
        &[
            "CACHE.GET app:k",
            "CACHE.GETEX app:k",
            "CACHE.GETORLOCK app:k",
            "CACHE.TAGS app:k",
            "CACHE.INFO app:k",
            "CACHE.TAGINFO app:t",
            "CACHE.TAGSCAN app:t 0",
        ],
    );
    check_user(
        &s,
        "~app:* %W~tag:* +@all",
        &["CACHE.SET app:k w TAGS 1 tag:1", "CACHE.INVALIDATE tag:1"],
        &["CACHE.TAGINFO tag:1", "CACHE.GET tag:1"],
    );
}

#[test]
fn a_selector_grants_a_command_on_keys_of_its_own() {
    let s = Server::start();
    let mut root = s.client();
    root.check("CACHE.SET shared:k v TAGS 1 shared:t", "OK");
    check_user(
        &s,
        "~app:* +cache.get +cache.set (~shared:* +cache.get +cache.tagscan)",
        &[
            "CACHE.SET app:k v TAGS 1 app:t",
            "CACHE.GET shared:k",
            "CACHE.TAGSCAN shared:t 0",
        ],
        &[
            "CACHE.SET shared:k w",
            "CACHE.INVALIDATE shared:t",
            "CACHE.TAGSCAN other 0",
        ],
    );
    root.check("CACHE.GET shared:k", "v");
}

#[test]
fn a_command_can_be_allowed_with_one_first_argument() {
    let s = Server::start();
    check_user(
        &s,
        "~app:* +cache.stats|prefix +cache.stats|prefixes",
        &["CACHE.STATS PREFIX app", "CACHE.STATS PREFIXES"],
        &[
            "CACHE.STATS",
            "CACHE.STATS RESET",
            "CACHE.STATS PREFIX other",
        ],
    );
}

/// A dry run looks at commands and keys; of tags only the command itself knows.
#[test]
fn dry_runs_check_commands_and_keys() {
    let s = Server::start();
    let mut root = s.client();
    root.check(
        "ACL SETUSER app on nopass ~app:* +cache.get +cache.invalidate",
        "OK",
    );
    for (command, allowed) in [
        ("CACHE.GET app:k", true),
        ("CACHE.GET other", false),
        ("CACHE.SET app:k v", false),
        ("CACHE.INVALIDATE app:t", true),
    ] {
        let reply = root.text(format!("ACL DRYRUN app {command}"));
        assert_eq!(reply == "OK", allowed, "{command}: {reply}");
    }
}

#[test]
fn refusals_are_in_the_servers_log() {
    let s = Server::start();
    let mut root = s.client();
    let mut c = login(&s, "ACL SETUSER app on nopass ~app:* +@all");
    for (command, object) in [
        ("CACHE.GET other:1", "other:1"),
        ("CACHE.INVALIDATE app:t other:2 other:3", "other:2"),
        ("CACHE.SET app:k v TAGS 1 other:4", "other:4"),
        ("CACHE.TAGSCAN other:5 0", "other:5"),
        ("CACHE.STATS PREFIX other", "other"),
    ] {
        root.check("ACL LOG RESET", "OK");
        check_denied(&mut c, command);
        let entries = root.array("ACL LOG");
        assert_eq!(entries.len(), 1, "{command}");
        let entry = Fields::of(entries[0].clone());
        let told = ["reason", "object", "username"].map(|field| entry.text(field));
        assert_eq!(told, ["key", object, "app"], "{command}");
    }
}

#[test]
fn what_is_only_left_out_is_not_logged() {
    let s = Server::start();
    let mut root = s.client();
    root.check("CACHE.SET app:k v TAGS 2 app:t secret", "OK");
    let mut c = login(&s, "ACL SETUSER app on nopass ~app:* +@all");
    for command in [
        "CACHE.TAGS app:k",
        "CACHE.TAGLIST 0",
        "CACHE.TAGSCAN app:t 0",
    ] {
        c.run(command);
    }
    root.check("ACL LOG", "[]");
}

/// As the server itself does since Redis 7.2: who has lost his rights while he was blocked gets nothing.
#[test]
fn who_loses_his_rights_while_he_waits_gets_neither_value_nor_lease() {
    let s = Server::start();
    let mut root = s.client();
    for loss in ["resetkeys %W~app:*", "-cache.getorlock", "resetkeys"] {
        let mut stays = login(&s, "ACL SETUSER app on nopass ~app:* +cache.getorlock");
        root.check("ACL SETUSER other on nopass ~app:* +cache.getorlock", "OK");
        let token = root.lease("app:k LEASE 60000");
        let mut loses = s.client();
        loses.check("AUTH other any", "OK");
        for (one, n) in [(&mut loses, 1), (&mut stays, 2)] {
            one.send("CACHE.GETORLOCK app:k WAIT 60000 LEASE 60000");
            wait_until("it waits", || s.blocked() == n);
        }
        root.check(format!("ACL SETUSER other {loss}"), "OK");
        root.check(format!("CACHE.UNLOCK app:k {token}"), ":1");
        let reply = loses.reply_text();
        assert!(reply.starts_with("-NOPERM "), "{loss}: {reply}");
        assert!(stays.promoted() > token, "{loss}");
        root.check("DEL app:k", ":1");
    }
}

/// Users are read after the modules have been loaded.
#[test]
fn rules_in_the_configuration_may_name_the_commands() {
    let lines = "user app on nopass ~app:* +cache.get +cache.stats|prefix";
    let mut s = Server::with(lines);
    for _ in 0..2 {
        let mut c = s.client();
        c.check("AUTH app any", "OK");
        c.check("CACHE.GET app:k", "nil");
        check_denied(&mut c, "CACHE.SET app:k v");
        s.restart_with(
            "NOSAVE",
            &Setup {
                lines,
                ..Setup::default()
            },
        );
    }
}

/// What was accepted once is applied without asking: the user of the link and the default users may
/// have few rights. (But servers load no transactions from an AOF that their default user may not do.)
#[test]
fn replication_and_loading_need_no_rights() {
    let few = "user default on nopass ~app:* &* +@all -cache.applyset -cache.applyinvalidate";
    let mut primary = Server::with(&format!(
        "appendonly yes\ncache.reclaim-inline 0\n{few}\nuser link on >secret +psync +replconf +ping\n\
         user root on nopass allkeys +@all"
    ));
    let mut root = primary.client();
    root.check("AUTH root any", "OK");
    root.check("CACHE.SET other v TAGS 1 secret", "OK");
    let replica = primary.replica(&format!("masteruser link\nmasterauth secret\n{few}"));
    root.check("CACHE.SET later v TAGS 1 hidden", "OK");
    root.check("CACHE.INVALIDATE hidden", ":1");
    primary.wait_for(&replica);
    let mut there = replica.client();
    wait_until("it is reclaimed there", || there.int("DBSIZE") == 1);
    primary.crash();
    let mut root = primary.client();
    root.check("AUTH root any", "OK");
    root.check("CACHE.MGET other later", "[v nil]");
    root.check("CACHE.TAGS other", "[secret]");
}

/// Servers ask the default user about transactions in an AOF.
#[test]
fn a_default_user_that_is_off_but_has_all_rights_loads_transactions() {
    let mut s = Server::with("appendonly yes");
    let mut c = s.client();
    c.check("MULTI", "OK");
    c.check("CACHE.SET k v TAGS 1 a", "QUEUED");
    c.check("CACHE.SET other v TAGS 1 b", "QUEUED");
    c.check("EXEC", "[OK OK]");
    c.check("CACHE.INVALIDATE b", ":1");
    let lines = "appendonly yes\nuser default off ~* &* +@all\nuser root on nopass ~* &* +@all";
    let setup = Setup {
        lines,
        ..Setup::default()
    };
    s.restart_with("", &setup);
    let mut c = s.client();
    c.check("AUTH root any", "OK");
    wait_until("the file is loaded", || c.is_served());
    c.check("CACHE.MGET k other", "[v nil]");
    // Nobody else may end it.
    s.kill();
}

#[test]
fn categories_contain_the_commands_since_7_2() {
    let s = Server::start();
    if !has_categories(&s) {
        eprintln!("skipped: this server puts no module's commands into categories");
        return check_user(
            &s,
            "allkeys +@read +@write +@admin",
            &[],
            &["CACHE.GET k", "CACHE.SET k v", "CACHE.VERIFY"],
        );
    }
    check_user(
        &s,
        "allkeys +@read",
        &[
            "CACHE.GET k",
            "CACHE.MGET k",
            "CACHE.TAGS k",
            "CACHE.TAGLIST 0",
            "CACHE.STATS",
        ],
        &["CACHE.SET k v", "CACHE.GETORLOCK k", "CACHE.INVALIDATE a"],
    );
    check_user(
        &s,
        "allkeys +@write",
        &[
            "CACHE.SET k v",
            "CACHE.GETORLOCK k",
            "CACHE.GETEX k",
            "CACHE.INVALIDATE a",
        ],
        &["CACHE.GET k", "CACHE.STATS"],
    );
    check_user(
        &s,
        "allkeys +@all -@dangerous",
        &["CACHE.SET k v", "CACHE.GET k", "CACHE.STATS"],
        &[
            "CACHE.VERIFY",
            "CACHE.APPLYINVALIDATE 1 a",
            "CACHE.APPLYTAGS k a",
        ],
    );
}
