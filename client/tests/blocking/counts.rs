//! What is counted of each read, and that nothing is asked for that is known already.

use std::collections::HashMap;
use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use larder_client::blocking::Cache;
use larder_client::{Policy, Source};

use crate::support::{Counter, builder, millis, minute, side_by_side, started, until};

/// Hits, stale hits, misses, waits and bypasses.
fn reads(cache: &Cache) -> [u64; 5] {
    let stats = cache.stats();
    [
        stats.hits,
        stats.stale_hits,
        stats.misses,
        stats.waits,
        stats.bypasses,
    ]
}

/// All of these keys, of which those that are computed get the number 2.
fn batch(cache: &Cache, keys: &[&'static str]) -> Vec<u32> {
    let two = |missing: Vec<&'static str>| {
        Ok::<_, Infallible>(missing.into_iter().map(|key| (key, 2)).collect())
    };
    let found: HashMap<_, _> = cache.get_or_compute_many(keys, minute(), two).unwrap();
    keys.iter().map(|key| found[key]).collect()
}

/// A value in its grace.
fn stale(cache: &Cache, key: &str) {
    let policy = Policy::ttl(millis(30)).grace(Duration::from_secs(60));
    cache.set(key, &1_u32, policy).unwrap();
    until("it is stale", || {
        let value = cache.get_stale::<u32>(key).unwrap();
        value.is_some_and(|value| value.source == Source::Stale)
    });
}

#[test]
fn each_key_of_a_batch_is_one_read() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    other.set("there", &1_u32, minute()).unwrap();
    other.set("bad", "text", minute()).unwrap();
    stale(&other, "stale");
    let compute = || {
        until("somebody waits", || server.blocked() == 1);
        Ok::<_, Infallible>(1)
    };
    thread::scope(|scope| {
        let computing = scope.spawn(|| other.get_or_compute("busy", minute(), compute));
        until("the lease is out", || {
            server.client().text("EXISTS t:busy") == ":1"
        });
        let found = batch(&cache, &["there", "bad", "stale", "busy", "none"]);
        assert_eq!(found, [1, 2, 2, 1, 2]);
        assert_eq!(computing.join().unwrap(), Ok(1));
    });
    assert_eq!(reads(&cache), [1, 1, 2, 1, 0]);
    assert_eq!(cache.stats().undecodable, 1);
}

#[test]
fn a_batch_that_is_all_there_asks_for_no_lease() {
    let (server, cache) = started();
    let entries = [("a", 1_u32), ("b", 1)];
    cache.set_many(&entries, minute()).unwrap();
    assert_eq!(batch(&cache, &["a", "b"]), [1, 1]);
    assert!(batch(&cache, &[]).is_empty());
    assert_eq!(server.calls("cache.getorlock"), 0);
    assert_eq!((reads(&cache), cache.stats().errors), ([2, 0, 0, 0, 0], 0));
}

#[test]
fn each_key_of_a_batch_without_redis_is_one_bypass() {
    let (mut server, cache) = started();
    cache
        .set_many(&[("k", 1_u32), ("other", 1)], minute())
        .unwrap();
    server.client().check("ACL SETUSER default -unlink", "OK");
    let change = cache.delete_through("k", || Ok::<_, Infallible>(()));
    change.unwrap();
    assert_eq!(batch(&cache, &["k", "other"]), [2, 1]);
    assert_eq!(reads(&cache), [1, 0, 0, 0, 1]);
    cache.reset_stats();
    server.kill();
    assert_eq!(batch(&cache, &["a", "b", "c"]), [2, 2, 2]);
    assert_eq!(reads(&cache), [0, 0, 0, 0, 3]);
}

#[test]
fn who_shares_a_computation_without_redis_has_waited() {
    let (mut server, cache) = started();
    server.kill();
    let source = Counter::default();
    let slow = || source.next_after(millis(300));
    let both = side_by_side(2, || cache.get_or_compute("k", minute(), slow));
    assert_eq!(both, [Ok(1), Ok(1)]);
    assert_eq!(reads(&cache), [0, 0, 0, 1, 1]);
}

#[test]
fn what_a_batch_is_told_it_serves() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    stale(&other, "k");
    server.client().refresh("t:k LEASE 60000", "stale 1");
    let asked = || ["cache.get", "cache.getorlock"].map(|command| server.calls(command));
    let [looks, leases] = asked();
    assert_eq!(batch(&cache, &["k"]), [1]);
    assert_eq!(asked(), [looks, leases + 1]);
    assert_eq!(reads(&cache), [0, 1, 0, 0, 0]);
}

#[test]
fn who_also_takes_stale_values_is_counted_like_others() {
    let (_server, cache) = started();
    cache.set("k", "text", minute()).unwrap();
    assert!(cache.get_stale::<u32>("k").is_err());
    assert_eq!(cache.stats().undecodable, 1);
}

#[test]
fn an_invalidation_that_fails_is_one_error() {
    let (server, cache) = started();
    let refuse = "ACL SETUSER default -cache.invalidate";
    server.client().check(refuse, "OK");
    assert!(cache.invalidate(["x"]).is_err());
    let stats = cache.stats();
    assert_eq!((stats.errors, stats.invalidations), (1, 0));
}
