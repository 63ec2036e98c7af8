//! The knobs: where they can be set, their ranges, what they do.

use std::collections::BTreeMap;

use crate::common::{Client, Fields, Server, Setup};

const DEFAULTS: [(&str, &str); 13] = [
    ("cache.default-ttl", "0"),
    ("cache.lease-time", "5000"),
    ("cache.load-policy", "keep"),
    ("cache.max-clock-skew", "1000"),
    ("cache.max-lease-time", "60000"),
    ("cache.max-tag-length", "1024"),
    ("cache.max-tags-per-entry", "128"),
    ("cache.max-waiters", "1000"),
    ("cache.publish-invalidations", "yes"),
    ("cache.reclaim-inline", "128"),
    ("cache.reclaim-slice-us", "500"),
    ("cache.stats-depth", "1"),
    ("cache.stats-prefixes", "128"),
];

fn get(c: &mut Client, name: &str) -> String {
    Fields::of(c.run(format!("CONFIG GET {name}"))).text(name)
}

#[test]
fn every_knob_is_listed_with_its_default() {
    let s = Server::start();
    let mut c = s.client();
    let listed = Fields::of(c.run("CONFIG GET cache.*"));
    let listed: BTreeMap<_, _> = listed
        .names()
        .into_iter()
        .map(|name| (name, listed.text(name)))
        .collect();
    let expected = DEFAULTS.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(listed, BTreeMap::from(expected));
}

#[test]
fn the_module_is_called_cache() {
    let s = Server::start();
    let modules = s.client().text("MODULE LIST");
    // Beside the modules that the server brings itself (Redis 8.0: vectorset).
    assert!(modules.contains("[name cache ver :"), "{modules}");
}

#[test]
fn every_knob_can_be_set_while_the_server_runs() {
    let s = Server::start();
    let mut c = s.client();
    for (name, default) in DEFAULTS {
        let other = match default {
            "yes" => "no",
            "keep" => "drop",
            _ => "20",
        };
        c.check(format!("CONFIG SET {name} {other}"), "OK");
        assert_eq!(get(&mut c, name), other);
        c.check(format!("CONFIG SET {name} {default}"), "OK");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let s = Server::start();
    let mut c = s.client();
    for (name, default) in DEFAULTS {
        for value in ["-1", "nonsense", "99999999999999999999", "1.5", "''"] {
            let reply = c.text(format!("CONFIG SET {name} {value}"));
            assert!(
                reply.starts_with("-ERR CONFIG SET failed"),
                "{name} {value}: {reply}"
            );
        }
        assert_eq!(get(&mut c, name), default);
    }
    for zero in [
        "lease-time",
        "max-lease-time",
        "reclaim-slice-us",
        "stats-depth",
    ] {
        let reply = c.text(format!("CONFIG SET cache.{zero} 0"));
        assert!(
            reply.starts_with("-ERR CONFIG SET failed"),
            "{zero}: {reply}"
        );
    }
}

#[test]
fn knobs_are_set_by_the_configuration_file() {
    let s = Server::with("cache.max-waiters 7\ncache.load-policy stale\ncache.default-ttl 1234");
    let mut c = s.client();
    assert_eq!(get(&mut c, "cache.max-waiters"), "7");
    assert_eq!(get(&mut c, "cache.load-policy"), "stale");
    assert_eq!(get(&mut c, "cache.default-ttl"), "1234");
}

#[test]
fn knobs_are_set_by_arguments_of_loadmodule() {
    let arguments = "lease-time 2500 publish-invalidations no load-policy drop";
    let s = Server::set_up(&Setup {
        arguments,
        ..Setup::default()
    });
    let mut c = s.client();
    assert_eq!(get(&mut c, "cache.lease-time"), "2500");
    assert_eq!(get(&mut c, "cache.publish-invalidations"), "no");
    assert_eq!(get(&mut c, "cache.load-policy"), "drop");
    c.lease("k");
    assert!(c.int("PTTL k") <= 2_500);
}

#[test]
fn a_server_does_not_start_with_a_bad_knob() {
    for arguments in [
        "max-waiters -5",
        "nonsense 1",
        "load-policy maybe",
        "lease-time",
    ] {
        let started = Server::try_set_up(&Setup {
            arguments,
            ..Setup::default()
        });
        assert!(started.is_err(), "it starts with `{arguments}`");
    }
    let started = Server::try_set_up(&Setup {
        lines: "cache.max-waiters -5",
        ..Setup::default()
    });
    assert!(started.is_err());
}

#[test]
fn config_rewrite_keeps_the_knobs() {
    let mut s = Server::start();
    let mut c = s.client();
    c.check(
        "CONFIG SET cache.max-waiters 55 cache.load-policy stale",
        "OK",
    );
    c.check("CONFIG REWRITE", "OK");
    s.restart("NOSAVE");
    let mut c = s.client();
    assert_eq!(get(&mut c, "cache.max-waiters"), "55");
    assert_eq!(get(&mut c, "cache.load-policy"), "stale");
}

#[test]
fn a_default_ttl_applies_where_none_is_given() {
    let s = Server::with("cache.default-ttl 60000");
    let mut c = s.client();
    let ttl = |c: &mut Client| c.int("PTTL k");
    c.check("CACHE.SET k v", "OK");
    assert!((50_000..=60_000).contains(&ttl(&mut c)));
    c.check("CACHE.SET k v GRACE 40", "OK");
    assert!((90_000..=100_000).contains(&ttl(&mut c)));
    c.check("CACHE.SET k v EX 1000", "OK");
    assert!(ttl(&mut c) > 900_000);
    c.check("CACHE.SET k v KEEPTTL", "OK");
    assert!(ttl(&mut c) > 900_000);
    c.check("CACHE.SET absent v KEEPTTL", "OK");
    assert!((50_000..=60_000).contains(&c.int("PTTL absent")));
    c.check("CACHE.GETEX k PERSIST", "v");
    c.check("PTTL k", ":-1");
}

#[test]
fn a_smaller_max_lease_time_limits_the_default_lease() {
    let s = Server::with("cache.max-lease-time 1000");
    let mut c = s.client();
    c.lease("k");
    let ttl = c.int("PTTL k");
    assert!((1..=1_000).contains(&ttl), "{ttl}");
}
