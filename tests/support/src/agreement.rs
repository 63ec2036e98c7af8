//! Whether a primary and its replica hold the same.

use std::collections::BTreeMap;

use redis::Value;

use super::client::Client;
use super::reply::{Fields, show};
use super::server::Server;
use super::state::gauges;
use super::wait::wait_until;

/// What ends or changes within this time makes a comparison a matter of luck, ms.
const SOON_MS: i64 = 10_000;

/// What a server holds, by the names of keys and tags.
pub type Holdings = BTreeMap<String, String>;

/// Waits until nothing on the primary changes by itself (no lease is out, nothing is about to
/// expire, what is dead is gone), then compares all that clients can ask about each key and tag,
/// and has both sides recount their indexes. Keys and tags have to be plain words.
#[track_caller]
pub fn check_agreement(primary: &Server, replica: &Server) {
    let here = settled_holdings(primary);
    primary.wait_for(replica);
    let (mut p, mut r) = (primary.client(), replica.client());
    let there = holdings(&mut r);
    for name in here.keys().chain(there.keys()) {
        assert_eq!(here.get(name), there.get(name), "primary, replica: {name}");
    }
    assert_eq!(gauges(&mut p), gauges(&mut r), "entries, tags, dead");
    for (c, side) in [(&mut p, "primary"), (&mut r, "replica")] {
        assert_eq!(c.complaints(), None, "{side}: the index");
    }
}

/// Waits until nothing changes by itself any more, and gives all that clients can ask about each
/// key and tag.
#[track_caller]
pub fn settled_holdings(server: &Server) -> Holdings {
    let mut c = server.client();
    wait_until("nothing changes by itself any more", || is_settled(&mut c));
    holdings(&mut c)
}

fn is_settled(c: &mut Client) -> bool {
    databases(c).into_iter().all(|db| {
        c.check(format!("SELECT {db}"), "OK");
        let keys = c.sorted("KEYS *");
        // What has expired is not named, but still counted.
        let expired = c.text("DBSIZE") != format!(":{}", keys.len());
        !expired && keys.iter().all(|key| lasts(c, key))
    }) && gauges(c)[2] == 0
}

/// Whether a key will be the same for a while.
fn lasts(c: &mut Client, key: &str) -> bool {
    let is_soon = |ms: i64| (0..SOON_MS).contains(&ms);
    if is_soon(c.int(format!("PTTL {key}"))) {
        return false;
    }
    if c.text(format!("TYPE {key}")) != "cache-ent" {
        return true;
    }
    match c.run(format!("CACHE.INFO {key}")) {
        Value::Nil => false,
        info => {
            let info = Fields::of(info);
            let ttl = info.int("ttl-ms");
            info.text("lease") == "nil" && (ttl == 0 || !is_soon(ttl))
        }
    }
}

/// The numbers of the databases that hold keys.
fn databases(c: &mut Client) -> Vec<String> {
    let info = c.bytes("INFO keyspace");
    let lines = String::from_utf8_lossy(&info).into_owned();
    let numbers = lines.lines().filter_map(|line| {
        let (db, _) = line.strip_prefix("db")?.split_once(':')?;
        Some(db.to_owned())
    });
    numbers.collect()
}

fn holdings(c: &mut Client) -> Holdings {
    let mut all = Holdings::new();
    for db in databases(c) {
        c.check(format!("SELECT {db}"), "OK");
        for key in c.sorted("KEYS *") {
            all.insert(format!("db {db}, key {key}"), describe(c, &key));
        }
        for (tag, entries) in tags(c) {
            all.insert(format!("db {db}, tag {tag}"), entries);
        }
    }
    all
}

/// All there is to know of a key. (The digest covers value, tags, age, grace and marks.)
fn describe(c: &mut Client, key: &str) -> String {
    let mut ask = |question: &str| c.text(format!("{question} {key}"));
    let kind = ask("TYPE");
    let [end, digest] = ["PEXPIRETIME", "DEBUG DIGEST-VALUE"].map(&mut ask);
    if kind != "cache-ent" {
        return format!("{kind} {end} {digest}");
    }
    let info = match c.run(format!("CACHE.INFO {key}")) {
        Value::Nil => return "nothing".into(),
        info => Fields::of(info),
    };
    let fields = ["state", "grace-ms", "compute-ms", "tags"].map(|field| info.text(field));
    let value = c.text(format!("CACHE.GET {key} STALE"));
    format!("{value} {end} {digest} {}", fields.join(" "))
}

/// Each tag and how many entries carry it.
fn tags(c: &mut Client) -> Vec<(String, String)> {
    let page = c.array("CACHE.TAGLIST 0 COUNT 100000");
    let [_, Value::Array(pairs)] = &page[..] else {
        panic!("not a page of tags: {}", show(&Value::Array(page)));
    };
    let pairs = pairs.chunks(2).map(|pair| (show(&pair[0]), show(&pair[1])));
    pairs.collect()
}
