//! `CACHE.STATS` and `INFO cache`: each counter after what it counts.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use redis::Value;

use crate::common::{Client, Fields, Server, show, wait_until};

const COUNTERS: [&str; 17] = [
    "hits",
    "stale-hits",
    "misses",
    "busy",
    "sets",
    "leases-granted",
    "leases-expired",
    "fills",
    "fills-refused",
    "waits",
    "waits-filled",
    "waits-timed-out",
    "early-refreshes",
    "invalidations",
    "entries-invalidated",
    "entries-reclaimed",
    "compute-ms-total",
];
const GAUGES: [&str; 4] = ["entries", "tags", "entries-dead", "index-bytes"];

/// The counters that are not zero.
fn counted(stats: &Fields) -> BTreeMap<&'static str, i64> {
    let all = COUNTERS.into_iter().map(|name| (name, stats.int(name)));
    all.filter(|(_, count)| *count != 0).collect()
}

fn stats_of(c: &mut Client, prefix: &str) -> Fields {
    Fields::of(c.run(format!("CACHE.STATS PREFIX {prefix}")))
}

fn set_stale(c: &mut Client, key: &str) {
    c.check(format!("CACHE.SET {key} v PX 100000 PGRACE 100000"), "OK");
    c.check(format!("PEXPIRE {key} 50000"), ":1");
}

#[test]
fn every_counter_is_there_and_starts_at_zero() {
    let s = Server::start();
    let stats = s.client().stats();
    assert_eq!(counted(&stats), BTreeMap::new());
    assert_eq!(stats.float("hit-rate"), 0.0);
    for name in GAUGES
        .into_iter()
        .chain(["compute-ms-p50", "compute-ms-p99", "compute-ms-max"])
    {
        stats.int(name);
    }
    assert_eq!(stats.names().len(), COUNTERS.len() + GAUGES.len() + 4);
}

#[test]
fn each_read_counts_as_exactly_one_thing() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET fresh v", "OK");
    set_stale(&mut c, "stale");
    c.check("CACHE.STATS RESET", "OK");
    let mut check = |command: &str, counts: &[(&'static str, i64)]| {
        c.run(command);
        assert_eq!(
            counted(&c.stats()),
            counts.iter().copied().collect(),
            "{command}"
        );
        c.check("CACHE.STATS RESET", "OK");
    };
    check("CACHE.GET fresh", &[("hits", 1)]);
    check("CACHE.GET none", &[("misses", 1)]);
    check("CACHE.GET stale", &[("misses", 1)]);
    check("CACHE.GET stale STALE", &[("stale-hits", 1)]);
    check("CACHE.GETEX fresh", &[("hits", 1)]);
    check(
        "CACHE.MGET fresh fresh none stale",
        &[("hits", 2), ("misses", 2)],
    );
    check("CACHE.GETORLOCK fresh", &[("hits", 1)]);
    check(
        "CACHE.GETORLOCK stale",
        &[("stale-hits", 1), ("leases-granted", 1)],
    );
    check("CACHE.GETORLOCK stale", &[("stale-hits", 1)]);
    check(
        "CACHE.GETORLOCK none",
        &[("misses", 1), ("leases-granted", 1)],
    );
    check("CACHE.GETORLOCK none", &[("busy", 1)]);
    check(
        "CACHE.GETORLOCK none WAIT 1",
        &[("busy", 1), ("waits", 1), ("waits-timed-out", 1)],
    );
    check("CACHE.SET other v", &[("sets", 1)]);
    check("CACHE.SET other v NX", &[]);
    check("CACHE.EXISTS fresh none", &[]);
    check("CACHE.INFO fresh", &[]);
    check("CACHE.INVALIDATE a", &[("invalidations", 1)]);
}

#[test]
fn whoever_goes_on_to_ask_for_a_lease_can_count_no_miss() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET fresh v", "OK");
    set_stale(&mut c, "stale");
    c.check("CACHE.STATS RESET", "OK");
    for (command, reply, counts) in [
        ("CACHE.GET fresh NOMISS", "v", Some("hits")),
        ("CACHE.GET none NOMISS", "nil", None),
        ("CACHE.GET stale NOMISS", "nil", None),
        ("CACHE.GET stale STALE NOMISS", "v", Some("stale-hits")),
        ("CACHE.GET none WITHMETA NOMISS", "nil", None),
        ("CACHE.GET stale NOMISS WITHMETA", "nil", None),
    ] {
        c.check(command, reply);
        let expected = counts.map(|name| (name, 1));
        assert_eq!(
            counted(&c.stats()),
            expected.into_iter().collect(),
            "{command}"
        );
        c.check("CACHE.STATS RESET", "OK");
    }
}

#[test]
fn hit_rate_is_what_was_served_of_all_reads() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    set_stale(&mut c, "stale");
    for command in [
        "CACHE.GET k",
        "CACHE.GET k",
        "CACHE.GET stale STALE",
        "CACHE.GET none",
    ] {
        c.run(command);
    }
    assert!((c.stats().float("hit-rate") - 0.75).abs() < 0.001);
}

#[test]
fn leases_fills_and_waits_are_counted() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    let waiters: [Client; 3] = s.waiters("k WAIT 60000");
    thread::sleep(Duration::from_millis(30));
    c.check(format!("CACHE.SET k v TOKEN {token} EX 100"), "OK");
    for mut waiter in waiters {
        waiter.check_reply("[fresh v nil]");
    }
    c.check(format!("CACHE.SET k v TOKEN {token}"), "nil");
    let stats = c.stats();
    for (name, count) in [
        ("leases-granted", 1),
        ("fills", 1),
        ("fills-refused", 1),
        ("waits", 3),
        ("waits-filled", 3),
        ("misses", 1),
        ("hits", 3),
        ("sets", 1),
    ] {
        assert_eq!(stats.int(name), count, "{name}");
    }
    for name in [
        "compute-ms-total",
        "compute-ms-p50",
        "compute-ms-p99",
        "compute-ms-max",
    ] {
        assert!((28..5_000).contains(&stats.int(name)), "{name}: {stats:?}");
    }
}

#[test]
fn expired_leases_are_counted() {
    let s = Server::start();
    let mut c = s.client();
    c.lease("k LEASE 50");
    wait_until("the lease ends", || c.text("CACHE.INFO k") == "nil");
    c.lease("k");
    wait_until("it is counted", || c.stats().int("leases-expired") == 1);
}

#[test]
fn invalidations_and_reclaiming_are_counted() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k1 v TAGS 2 a b", "OK");
    c.check("CACHE.SET k2 v TAGS 1 a", "OK");
    let stats = c.stats();
    assert_eq!(
        GAUGES[..3].iter().map(|g| stats.int(g)).collect::<Vec<_>>(),
        [2, 2, 0]
    );
    assert!(stats.int("index-bytes") > 0);
    c.check("CACHE.INVALIDATE a", ":2");
    let stats = c.stats();
    assert_eq!(stats.int("invalidations"), 1);
    assert_eq!(stats.int("entries-invalidated"), 2);
    assert_eq!(stats.int("entries-reclaimed"), 2);
    assert_eq!(
        GAUGES[..3].iter().map(|g| stats.int(g)).collect::<Vec<_>>(),
        [0, 0, 0]
    );
}

#[test]
fn prefixes_have_counters_of_their_own() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET user:1 v", "OK");
    for key in ["user:1", "user:1", "user:2:x", "post:1"] {
        c.run(format!("CACHE.GET {key}"));
    }
    let user = stats_of(&mut c, "user");
    assert_eq!(
        (user.int("hits"), user.int("misses"), user.int("sets")),
        (2, 1, 1)
    );
    assert!((user.float("hit-rate") - 2.0 / 3.0).abs() < 0.01);
    let post = stats_of(&mut c, "post");
    assert_eq!(
        (post.int("hits"), post.int("misses"), post.int("sets")),
        (0, 1, 0)
    );
    let prefixes = c.sorted("CACHE.STATS PREFIXES");
    assert!(
        prefixes.contains(&"user".into()) && prefixes.contains(&"post".into()),
        "{prefixes:?}"
    );
}

#[test]
fn stats_depth_says_where_a_prefix_ends() {
    let s = Server::with("cache.stats-depth 2");
    let mut c = s.client();
    c.run("CACHE.GET shop:user:1");
    c.run("CACHE.GET shop:post:1");
    c.run("CACHE.GET shop:post:2");
    assert_eq!(stats_of(&mut c, "shop:user").int("misses"), 1);
    assert_eq!(stats_of(&mut c, "shop:post").int("misses"), 2);
}

#[test]
fn the_number_of_prefixes_is_bounded() {
    let s = Server::with("cache.stats-prefixes 4");
    let mut c = s.client();
    for i in 0..100 {
        c.run(format!("CACHE.GET p{i}:k"));
        c.run("CACHE.GET busy:k");
    }
    let prefixes = c.sorted("CACHE.STATS PREFIXES");
    assert!(prefixes.len() <= 5, "{prefixes:?}");
    assert_eq!(c.stats().int("misses"), 200);
}

#[test]
fn reset_forgets_counts_but_not_what_is_there() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET user:1 v TAGS 1 a", "OK");
    c.check("CACHE.GET user:1", "v");
    c.check("CACHE.STATS RESET", "OK");
    let stats = c.stats();
    assert_eq!(counted(&stats), BTreeMap::new());
    assert_eq!((stats.int("entries"), stats.int("tags")), (1, 1));
    c.check("CACHE.STATS PREFIXES", "[]");
}

#[test]
fn arguments_of_stats_are_checked() {
    let s = Server::start();
    let mut c = s.client();
    for command in [
        "CACHE.STATS NONSENSE",
        "CACHE.STATS PREFIX",
        "CACHE.STATS RESET now",
    ] {
        let reply = c.text(command);
        assert!(reply.starts_with("-ERR "), "{command}: {reply}");
    }
}

#[test]
fn the_servers_info_has_the_same_numbers() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    c.run("CACHE.MGET k none");
    let stats = c.stats();
    for section in ["cache", "everything", "modules"] {
        for name in stats.names() {
            let field = format!("cache_{}", name.replace('-', "_"));
            let value: f64 = c.server_info(section, &field).parse().unwrap();
            assert!(
                (value - stats.float(name)).abs() < 0.001,
                "{field} in {section}"
            );
        }
    }
}

#[test]
fn stats_are_a_map_in_resp3() {
    let s = Server::start();
    let mut c = s.client();
    c.run("HELLO 3");
    let reply = c.run("CACHE.STATS");
    assert!(matches!(&reply, Value::Map(_)), "{}", show(&reply));
}
