//! Fresh, stale, gone: how an entry ages, and what `WITHMETA` and `CACHE.INFO` say about it.

use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use crate::common::{Client, Fields, Server, show, wait_until};

/// State, time to live and age, as `CACHE.GET key STALE WITHMETA` tells them.
#[track_caller]
fn meta(c: &mut Client, key: &str) -> (String, i64, i64) {
    match &c.array(format!("CACHE.GET {key} STALE WITHMETA"))[..] {
        [_, state, Value::Int(ttl), Value::Int(age)] => (show(state), *ttl, *age),
        other => panic!("not [value state ttl age]: {other:?}"),
    }
}

#[test]
fn a_value_is_fresh_then_stale_then_gone() {
    let s = Server::start();
    let mut c = s.client();
    let start = Instant::now();
    c.check("CACHE.SET k v PX 150 PGRACE 400", "OK");
    wait_until("the value is stale", || c.text("CACHE.GET k") == "nil");
    assert!(
        start.elapsed() >= Duration::from_millis(145),
        "stale too early"
    );
    c.check("CACHE.GET k STALE", "v");
    c.check("CACHE.EXISTS k", ":1");
    wait_until("the value is gone", || c.text("CACHE.GET k STALE") == "nil");
    assert!(
        start.elapsed() >= Duration::from_millis(545),
        "gone too early"
    );
    c.check("CACHE.EXISTS k", ":0");
    c.check("CACHE.INFO k", "nil");
    wait_until("the key is gone", || c.int("EXISTS k") == 0);
}

#[test]
fn without_grace_a_value_goes_from_fresh_to_gone() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v PX 100", "OK");
    wait_until("the value is gone", || c.text("CACHE.GET k") == "nil");
    c.check("CACHE.GET k STALE", "nil");
}

#[test]
fn withmeta_tells_state_time_left_and_age() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.GET k WITHMETA", "nil");
    c.check("CACHE.GET k WITHMETA STALE", "nil");
    c.check("CACHE.SET k v", "OK");
    let (state, ttl, age) = meta(&mut c, "k");
    assert_eq!((state.as_str(), ttl), ("fresh", -1));
    assert!((0..5_000).contains(&age), "{age}");
    c.check("CACHE.SET k v PX 60000 PGRACE 40000", "OK");
    let (state, ttl, _) = meta(&mut c, "k");
    assert_eq!(state, "fresh");
    assert!((55_000..=60_000).contains(&ttl), "{ttl}");
    c.check("PEXPIRE k 30000", ":1");
    let (state, ttl, _) = meta(&mut c, "k");
    assert_eq!((state.as_str(), ttl), ("stale", 0));
    c.check("CACHE.GET k WITHMETA", "nil");
}

#[test]
fn withmeta_is_an_array_of_four() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v", "OK");
    for protocol in ["2", "3"] {
        c.run(format!("HELLO {protocol}"));
        let reply = c.array("CACHE.GET k WITHMETA");
        assert!(
            matches!(&reply[..], [Value::BulkString(v), _, Value::Int(-1), Value::Int(_)] if v == b"v"),
            "{reply:?}"
        );
    }
}

#[test]
fn age_counts_from_the_last_store() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v EX 100", "OK");
    wait_until("the value ages", || meta(&mut c, "k").2 >= 60);
    c.check("EXPIRE k 1000", ":1");
    assert!(
        meta(&mut c, "k").2 >= 60,
        "EXPIRE must not make a value younger"
    );
    assert!(c.info("k").int("age-ms") >= 60);
    c.check("CACHE.SET k v KEEPTTL", "OK");
    wait_until("a store makes it young", || meta(&mut c, "k").2 < 60);
}

#[test]
fn info_describes_a_fresh_and_a_stale_value() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.INFO k", "nil");
    c.check("CACHE.SET k value PX 60000 PGRACE 40000 TAGS 2 a b", "OK");
    let info = c.info("k");
    let names = [
        "age-ms",
        "compute-ms",
        "grace-ms",
        "lease",
        "size",
        "state",
        "tags",
    ];
    assert_eq!(info.names(), [&names[..], &["ttl-ms", "waiters"]].concat());
    assert_eq!(info.text("state"), "fresh");
    assert_eq!(info.int("size"), 5);
    assert_eq!(info.int("grace-ms"), 40_000);
    assert_eq!(info.int("compute-ms"), -1);
    assert_eq!(info.text("tags"), "[a b]");
    assert_eq!(info.text("lease"), "nil");
    assert_eq!(info.int("waiters"), 0);
    c.check("PEXPIRE k 30000", ":1");
    let info = c.info("k");
    assert_eq!(
        (info.text("state").as_str(), info.int("ttl-ms")),
        ("stale", 0)
    );
    c.check("CACHE.SET k v", "OK");
    let info = c.info("k");
    assert_eq!((info.int("ttl-ms"), info.int("grace-ms")), (-1, 0));
    assert_eq!(info.text("tags"), "[]");
}

#[test]
fn info_describes_a_pending_entry() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    let info = c.info("k");
    assert_eq!(info.text("state"), "pending");
    assert_eq!(info.int("size"), 0);
    assert_eq!(info.int("lease"), token);
    assert_eq!(info.text("tags"), "[]");
    let [_waiter] = s.waiters("k WAIT 20000");
    assert_eq!(c.info("k").int("waiters"), 1);
}

#[test]
fn info_is_a_map_in_resp3() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v TAGS 1 a", "OK");
    let flat = c.run("CACHE.INFO k");
    assert!(
        matches!(&flat, Value::Array(items) if items.len() == 18),
        "{flat:?}"
    );
    c.run("HELLO 3");
    let map = c.run("CACHE.INFO k");
    assert!(
        matches!(&map, Value::Map(pairs) if pairs.len() == 9),
        "{map:?}"
    );
    assert_eq!(Fields::of(map).names(), Fields::of(flat).names());
}

#[test]
fn the_server_measures_compute_time_itself() {
    let s = Server::start();
    let mut c = s.client();
    let token = c.lease("k");
    let computing = Instant::now();
    thread::sleep(Duration::from_millis(40));
    c.check(format!("CACHE.SET k v TOKEN {token} EX 100"), "OK");
    let measured = c.info("k").int("compute-ms");
    let upper = i64::try_from(computing.elapsed().as_millis()).unwrap() + 1;
    assert!((39..=upper).contains(&measured), "{measured}");
    c.check("CACHE.SET k v", "OK");
    assert_eq!(c.info("k").int("compute-ms"), -1);
}

#[test]
fn an_entry_without_an_end_stays_fresh_until_it_gets_one() {
    let s = Server::start();
    let mut c = s.client();
    c.check("CACHE.SET k v EX 100 GRACE 50", "OK");
    c.check("PERSIST k", ":1");
    assert_eq!(meta(&mut c, "k").1, -1);
    c.check("EXPIRE k 20", ":1");
    assert_eq!(meta(&mut c, "k").0, "stale");
}
