//! Several keys at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use larder_client::Policy;
use larder_client::blocking::Cache;

use crate::support::{Counter, builder, millis, minute, side_by_side, started, until};

#[test]
fn several_values_are_stored_read_and_deleted() {
    let (_server, cache) = started();
    let entries = [("a", 1_u8), ("b", 2)];
    cache.set_many(&entries, minute().tags(["x"])).unwrap();
    assert_eq!(
        cache.get_many::<u8, _>(&["b", "c", "a"]).unwrap(),
        [Some(2), None, Some(1)]
    );
    assert_eq!(cache.invalidate(["x"]).unwrap().entries, 2);
    cache.set_many(&entries, minute()).unwrap();
    assert_eq!(cache.delete_many(&["a", "b", "c"]).unwrap(), 2);
    assert_eq!(cache.get_many::<u8, &str>(&[]).unwrap(), []);
}

/// Squares, and what was asked for each time.
fn squares(cache: &Cache, keys: &[&str], asked: &Mutex<Vec<Vec<String>>>) -> HashMap<String, u32> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let compute = |missing: Vec<String>| {
        asked.lock().unwrap().push(missing.clone());
        let square = |key: String| key.parse::<u32>().ok().map(|n| (key, n * n));
        Ok::<_, ()>(missing.into_iter().filter_map(square).collect())
    };
    cache.get_or_compute_many(&keys, minute(), compute).unwrap()
}

#[test]
fn what_is_missing_is_computed_at_once() {
    let (_server, cache) = started();
    let asked = Mutex::default();
    assert_eq!(
        squares(&cache, &["1", "2"], &asked),
        HashMap::from([("1".into(), 1), ("2".into(), 4)])
    );
    assert_eq!(
        squares(&cache, &["3", "2", "x", "1"], &asked),
        HashMap::from([("1".into(), 1), ("2".into(), 4), ("3".into(), 9)])
    );
    assert_eq!(*asked.lock().unwrap(), [vec!["1", "2"], vec!["3", "x"]]);
    assert_eq!(cache.get::<u32>("3").unwrap(), Some(9));
    assert!(!cache.exists("x").unwrap());
}

#[test]
fn what_somebody_else_computes_is_waited_for() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    let asked = Mutex::default();
    thread::scope(|scope| {
        let computing = scope.spawn(|| {
            other.get_or_compute("2", minute(), || {
                until("somebody waits", || server.blocked() == 1);
                Ok::<u32, ()>(4)
            })
        });
        until("the lease is out", || {
            server.client().text("EXISTS t:2") == ":1"
        });
        let found = squares(&cache, &["1", "2"], &asked);
        assert_eq!(found, HashMap::from([("1".into(), 1), ("2".into(), 4)]));
        assert_eq!(computing.join().unwrap(), Ok(4));
    });
    assert_eq!(*asked.lock().unwrap(), [vec!["1"]]);
}

/// One for each key.
fn ones(keys: Vec<&'static str>) -> Result<HashMap<&'static str, u32>, &'static str> {
    Ok(keys.into_iter().map(|key| (key, 1)).collect())
}

#[test]
fn a_key_that_is_named_twice_is_not_waited_for() {
    let (_server, cache) = started();
    cache.set("bad", "text", minute()).unwrap();
    let before = Instant::now();
    let found = cache.get_or_compute_many(&["bad", "bad"], minute(), ones);
    assert_eq!(found, Ok(HashMap::from([("bad", 1)])));
    let source = Counter::default();
    let nothing = |_: Vec<&str>| source.next().map(|_| HashMap::<&str, u32>::new());
    let found = cache.get_or_compute_many(&["x", "x", "x"], minute(), nothing);
    assert_eq!((found, source.calls()), (Ok(HashMap::new()), 1));
    assert!(before.elapsed() < millis(2000), "{:?}", before.elapsed());
}

#[test]
fn batches_do_not_wait_for_each_other_in_a_circle() {
    let (server, cache) = started();
    let caches = [(); 2].map(|()| builder(&server).build_blocking().unwrap());
    let orders = [["a", "b"], ["b", "a"]];
    thread::scope(|scope| {
        let failing = scope.spawn(|| {
            cache.get_or_compute_many(&["a", "b"], minute(), |_| {
                until("both batches wait", || server.blocked() == 2);
                Err::<HashMap<&str, u32>, _>(Instant::now())
            })
        });
        until("the leases are out", || {
            server.client().text("EXISTS t:a t:b") == ":2"
        });
        let waiting: Vec<_> = caches
            .iter()
            .zip(&orders)
            .map(|(cache, keys)| scope.spawn(|| cache.get_or_compute_many(keys, minute(), ones)))
            .collect();
        let failed = failing.join().unwrap().unwrap_err();
        for batch in waiting {
            assert_eq!(batch.join().unwrap().unwrap().len(), 2);
        }
        assert!(failed.elapsed() < millis(2500), "{:?}", failed.elapsed());
    });
    let computed = caches.iter().map(|cache| cache.stats().sets);
    assert_eq!(computed.sum::<u64>(), 2);
}

#[test]
fn what_nobody_finds_is_looked_for_side_by_side() {
    let (_server, cache) = started();
    let source = Counter::default();
    let nothing = |_: Vec<&str>| {
        source
            .next_after(millis(200))
            .map(|_| HashMap::<&str, u32>::new())
    };
    let before = Instant::now();
    let found = side_by_side(10, || cache.get_or_compute_many(&["x"], minute(), nothing));
    assert_eq!(found, vec![Ok(HashMap::new()); 10]);
    assert!(before.elapsed() < millis(1500), "{:?}", before.elapsed());
}

#[test]
fn older_values_outlive_a_failing_source() {
    let (server, cache) = started();
    let policy = Policy::ttl(millis(30))
        .grace(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(30));
    cache.set_many(&[("a", 1_u32), ("b", 1)], &policy).unwrap();
    until("they are stale", || {
        cache.get_many::<u32, _>(&["a", "b"]).unwrap() == [None, None]
    });
    let source = Counter::default();
    let down = |_: Vec<&'static str>| {
        source.next().unwrap();
        Err::<HashMap<_, u32>, _>("down")
    };
    for _ in 0..3 {
        let found = cache.get_or_compute_many(&["a", "b"], &policy, down);
        assert_eq!(found, Ok(HashMap::from([("a", 1), ("b", 1)])));
    }
    assert_eq!(source.calls(), 1, "it is left alone for a while");
    let found = cache.get_or_compute_many(&["a", "c"], &policy, down);
    assert_eq!(found, Err("down"));
    server.client().check("CACHE.INFO t:c", "nil");
}

#[test]
fn an_error_gives_all_leases_up() {
    let (server, cache) = started();
    let failed: Result<HashMap<&str, u8>, _> =
        cache.get_or_compute_many(&["a", "b"], minute(), |_| Err("down"));
    assert_eq!(failed, Err("down"));
    server.client().check("DBSIZE", ":0");
}

#[test]
fn without_redis_all_are_computed() {
    let (mut server, _) = started();
    let cache = builder(&server)
        .timeout(millis(200))
        .build_blocking()
        .unwrap();
    server.kill();
    let asked = Mutex::default();
    assert_eq!(squares(&cache, &["1", "2"], &asked).len(), 2);
    assert_eq!(*asked.lock().unwrap(), [vec!["1", "2"]]);
}

#[test]
fn many_keys_of_a_frozen_server_cost_one_timeout() {
    let (server, cache) = started();
    cache.set("k", &1, minute()).unwrap();
    let cache = builder(&server)
        .timeout(millis(300))
        .build_blocking()
        .unwrap();
    assert!(cache.exists("k").unwrap());
    server.freeze();
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let before = Instant::now();
    assert!(cache.delete_many(&keys).is_err());
    assert!(before.elapsed() < millis(1500), "{:?}", before.elapsed());
    server.thaw();
}

#[test]
fn a_batch_outlives_a_connection_that_was_closed() {
    let (server, cache) = started();
    let entries = [("a", 1_u8), ("b", 2)];
    cache.set_many(&entries, minute()).unwrap();
    let cut = || server.client().text("CLIENT KILL TYPE normal SKIPME yes");
    cut();
    let found = cache.get_many::<u8, _>(&["a", "b"]).unwrap();
    assert_eq!(found, [Some(1), Some(2)]);
    cut();
    let save = || Ok::<_, ()>(());
    cache.write_through("c", minute(), &3_u8, save).unwrap();
    assert_eq!(cache.get::<u8>("c").unwrap(), Some(3));
    assert_eq!(cache.stats().errors, 0);
}
