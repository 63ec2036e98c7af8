//! What is counted of each read, and that nothing is asked for that is known already.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use larder_client::{Cache, Policy, Source};

use crate::support::{Counter, builder, millis, minute, started, until};

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
async fn batch(cache: &Cache, keys: &[&'static str]) -> Vec<u32> {
    let two = async |missing: Vec<&'static str>| {
        Ok::<_, Infallible>(missing.into_iter().map(|key| (key, 2)).collect())
    };
    let found: HashMap<_, _> = cache
        .get_or_compute_many(keys, minute(), two)
        .await
        .unwrap();
    keys.iter().map(|key| found[key]).collect()
}

/// A value in its grace.
async fn stale(cache: &Cache, key: &str) {
    let policy = Policy::ttl(millis(30)).grace(Duration::from_secs(60));
    cache.set(key, &1_u32, policy).await.unwrap();
    until("it is stale", async || {
        let value = cache.get_stale::<u32>(key).await.unwrap();
        value.is_some_and(|value| value.source == Source::Stale)
    })
    .await;
}

#[tokio::test]
async fn each_key_of_a_batch_is_one_read() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    other.set("there", &1_u32, minute()).await.unwrap();
    other.set("bad", "text", minute()).await.unwrap();
    stale(&other, "stale").await;
    let computing = other.get_or_compute("busy", minute(), || async {
        until("somebody waits", async || server.blocked() == 1).await;
        Ok::<_, Infallible>(1)
    });
    let reading = async {
        until("the lease is out", async || {
            server.client().text("EXISTS t:busy") == ":1"
        })
        .await;
        batch(&cache, &["there", "bad", "stale", "busy", "none"]).await
    };
    let (computed, found) = tokio::join!(computing, reading);
    assert_eq!((computed, found), (Ok(1), vec![1, 2, 2, 1, 2]));
    assert_eq!(reads(&cache), [1, 1, 2, 1, 0]);
    assert_eq!(cache.stats().undecodable, 1);
}

#[tokio::test]
async fn a_batch_that_is_all_there_asks_for_no_lease() {
    let (server, cache) = started();
    let entries = [("a", 1_u32), ("b", 1)];
    cache.set_many(&entries, minute()).await.unwrap();
    assert_eq!(batch(&cache, &["a", "b"]).await, [1, 1]);
    assert!(batch(&cache, &[]).await.is_empty());
    assert_eq!(server.calls("cache.getorlock"), 0);
    assert_eq!((reads(&cache), cache.stats().errors), ([2, 0, 0, 0, 0], 0));
}

#[tokio::test]
async fn each_key_of_a_batch_without_redis_is_one_bypass() {
    let (mut server, cache) = started();
    cache
        .set_many(&[("k", 1_u32), ("other", 1)], minute())
        .await
        .unwrap();
    server.client().check("ACL SETUSER default -unlink", "OK");
    let change = cache.delete_through("k", || async { Ok::<_, Infallible>(()) });
    change.await.unwrap();
    assert_eq!(batch(&cache, &["k", "other"]).await, [2, 1]);
    assert_eq!(reads(&cache), [1, 0, 0, 0, 1]);
    cache.reset_stats();
    server.kill();
    assert_eq!(batch(&cache, &["a", "b", "c"]).await, [2, 2, 2]);
    assert_eq!(reads(&cache), [0, 0, 0, 0, 3]);
}

#[tokio::test]
async fn who_shares_a_computation_without_redis_has_waited() {
    let (mut server, cache) = started();
    server.kill();
    let source = Counter::default();
    let get = || cache.get_or_compute("k", minute(), || source.next_after(millis(300)));
    assert_eq!(tokio::join!(get(), get()), (Ok(1), Ok(1)));
    assert_eq!(reads(&cache), [0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn what_a_batch_is_told_it_serves() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    stale(&other, "k").await;
    server.client().refresh("t:k LEASE 60000", "stale 1");
    let asked = || ["cache.get", "cache.getorlock"].map(|command| server.calls(command));
    let [looks, leases] = asked();
    assert_eq!(batch(&cache, &["k"]).await, [1]);
    assert_eq!(asked(), [looks, leases + 1]);
    assert_eq!(reads(&cache), [0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_refresh_does_not_look_for_what_it_has_deleted() {
    let (server, cache) = started();
    let source = Counter::default();
    assert_eq!(cache.refresh("k", minute(), || source.next()).await, Ok(1));
    assert_eq!(server.calls("cache.get"), 0);
    assert_eq!(server.calls("cache.getorlock"), 1);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_looked_for_only_once() {
    let (server, cache) = started();
    cache.set("k", "text", minute()).await.unwrap();
    let source = Counter::default();
    let value = cache.get_or_compute("k", minute(), || source.next()).await;
    assert_eq!(value, Ok(1));
    // The other one is that of the script that deletes it.
    assert_eq!(server.calls("cache.get"), 2);
    assert_eq!(reads(&cache), [0, 0, 1, 0, 0]);
    assert_eq!(cache.stats().undecodable, 1);
}

#[tokio::test]
async fn who_also_takes_stale_values_is_counted_like_others() {
    let (_server, cache) = started();
    cache.set("k", "text", minute()).await.unwrap();
    assert!(cache.get_stale::<u32>("k").await.is_err());
    assert_eq!(cache.stats().undecodable, 1);
}

#[tokio::test]
async fn an_invalidation_that_fails_is_one_error() {
    let (server, cache) = started();
    let refuse = "ACL SETUSER default -cache.invalidate";
    server.client().check(refuse, "OK");
    assert!(cache.invalidate(["x"]).await.is_err());
    let stats = cache.stats();
    assert_eq!((stats.errors, stats.invalidations), (1, 0));
}
