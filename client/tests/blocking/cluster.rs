//! Three primaries.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use larder_client::blocking::Cache;
use larder_client::{Builder, Computed, Error, Invalidated, Source};
use larder_test_support::{Cluster, Server, key_slot, wait_until};

use crate::support::{Counter, millis, minute, side_by_side, until};

fn cache_of(cluster: &Cluster) -> Cache {
    builder(cluster.nodes()).build_blocking().unwrap()
}

fn builder<'a>(nodes: impl IntoIterator<Item = &'a Server>) -> Builder {
    Cache::cluster_builder(nodes.into_iter().map(url))
        .namespace("t")
        .timeout(millis(5000))
}

fn url(node: &Server) -> String {
    format!("redis://127.0.0.1:{}", node.port())
}

fn reached(told: Invalidated) -> (usize, usize) {
    (told.reached, told.expected)
}

fn keys(name: &str) -> Vec<String> {
    (0..30).map(|n| format!("{name}:{n}")).collect()
}

#[test]
fn keys_are_found_wherever_they_are() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    let keys = keys("k");
    let entries: Vec<(&String, usize)> = keys.iter().zip(0..).collect();
    cache.set_many(&entries, minute().tags(["x"])).unwrap();
    let values: Vec<Option<usize>> = cache.get_many(&keys).unwrap();
    assert_eq!(values, (0..30).map(Some).collect::<Vec<_>>());
    let held: Vec<String> = (0..3).map(|n| cluster.client(n).text("DBSIZE")).collect();
    assert!(!held.contains(&":0".to_owned()), "{held:?}");

    let told = cache.invalidate(["x"]).unwrap();
    assert_eq!((told.entries, told.reached, told.expected), (30, 3, 3));
    let values = cache.get_many::<usize, _>(&keys).unwrap();
    assert_eq!(values, vec![None; 30]);

    cache.set_many(&entries, minute()).unwrap();
    assert_eq!(cache.clear_prefix("k:1").unwrap(), 11);
    assert!(cache.server_stats().unwrap().contains_key("hits"));
}

#[test]
fn callers_of_several_caches_make_one_computation_per_key() {
    let cluster = Cluster::of_primaries(3, "");
    let source = Counter::default();
    let caches: Vec<_> = (0..3).map(|_| cache_of(&cluster)).collect();
    thread::scope(|scope| {
        for cache in &caches {
            for key in keys("k").into_iter().take(6) {
                let source = &source;
                scope.spawn(move || {
                    let slow = || source.next_after(millis(300));
                    side_by_side(5, || cache.get_or_compute(&key, minute(), slow).unwrap())
                });
            }
        }
    });
    assert_eq!(source.calls(), 6);
}

#[test]
fn a_slot_that_moves_is_followed() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    cache.set("k", &1, minute()).unwrap();
    let slot = key_slot(b"t:k");
    let from = usize::from(slot) * 3 / 16_384;
    let to = (from + 1) % 3;
    cluster.begin_move(slot, from, to);
    let new = cache.get_or_compute("{t:k}new", minute(), || Ok::<u8, ()>(2));
    assert_eq!(new, Ok(2));
    cluster
        .carry(slot, from, cluster.node(to).port(), 10)
        .unwrap();
    assert_eq!(
        cache.get::<u8>("k").unwrap(),
        Some(1),
        "it is asked for where it went"
    );
    cluster.end_move(slot, to);
    assert_eq!(cache.get::<u8>("k").unwrap(), Some(1));
    let waited = cache.fetch("k", minute(), || Ok::<_, ()>(Computed::new(3)));
    assert_eq!(waited.unwrap().source, Source::Hit);
    assert_eq!(cache.stats().errors, 0);
}

#[test]
fn a_failed_primary_is_replaced_by_its_replica() {
    let mut cluster = Cluster::with_replicas(3, "");
    let cache = cache_of(&cluster);
    let keys = keys("k");
    let entries: Vec<(&String, usize)> = keys.iter().zip(0..).collect();
    cache.set_many(&entries, minute()).unwrap();
    cluster.kill(0);
    until("all keys can be written again", || {
        keys.iter().all(|key| cache.set(key, &1, minute()).is_ok())
    });
}

#[test]
fn a_node_that_hangs_does_not_hold_up_the_others() {
    let cluster = Cluster::of_primaries(3, "cluster-node-timeout 60000");
    let nodes = cluster.nodes().iter();
    let cache =
        Cache::cluster_builder(nodes.map(|node| format!("redis://127.0.0.1:{}", node.port())))
            .namespace("t")
            .timeout(millis(200))
            .circuit_breaker(1000, millis(50))
            .build_blocking()
            .unwrap();
    let shard = |key: &str| usize::from(key_slot(format!("t:{key}").as_bytes())) * 3 / 16_384;
    let keys = keys("k");
    for key in &keys {
        cache.set(key, &1, minute()).unwrap();
    }
    cluster.node(0).freeze();
    let hung = keys.iter().find(|key| shard(key) == 0).unwrap();
    let healthy = keys.iter().find(|key| shard(key) != 0).unwrap();
    let mut took = millis(0);
    for _ in 0..8 {
        assert!(cache.get::<u8>(hung).is_err());
        let before = Instant::now();
        assert_eq!(cache.get::<u8>(healthy).unwrap(), Some(1));
        took += before.elapsed();
    }
    assert!(took < millis(8 * 200 / 2), "{took:?}");
    cluster.node(0).thaw();
}

#[test]
fn a_node_that_hangs_costs_no_leases_on_the_others() {
    let cluster = Cluster::of_primaries(3, "cluster-node-timeout 60000");
    let cache = builder(cluster.nodes())
        .timeout(millis(200))
        .circuit_breaker(1000, millis(50))
        .build_blocking()
        .unwrap();
    let hangs = |key: &&String| key_slot(format!("t:{key}").as_bytes()) < 16_384 / 3;
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    let (hung, healthy): (Vec<_>, Vec<_>) = keys.iter().partition(hangs);
    let (hung, healthy) = (&hung[..8], &healthy[..4]);
    let policy = minute().lease(millis(1200));
    let granted = Barrier::new(13);
    thread::scope(|scope| {
        for key in hung.iter().chain(healthy) {
            let slow = || {
                granted.wait();
                thread::sleep(millis(4000));
                Ok::<_, ()>(1)
            };
            let (cache, policy) = (&cache, &policy);
            scope.spawn(move || cache.get_or_compute(key, policy, slow));
        }
        granted.wait();
        cluster.node(0).freeze();
    });
    cluster.node(0).thaw();
    for key in healthy {
        assert_eq!(cache.get(key).unwrap(), Some(1), "{key}");
    }
}

#[test]
fn an_invalidation_that_misses_a_primary_is_an_error() {
    let mut cluster = Cluster::of_primaries(
        3,
        "cluster-node-timeout 60000\ncluster-require-full-coverage no",
    );
    let cache = cache_of(&cluster);
    cache.set("k", &1, minute().tags(["x"])).unwrap();
    assert_eq!(cache.invalidate(["x"]).unwrap().reached, 3);
    cluster.kill(1);
    let error = cache.invalidate(["x"]).unwrap_err();
    let Error::Partial(partial) = error else {
        panic!("{error}")
    };
    assert_eq!((partial.reached, partial.expected), (2, 3));
    assert_eq!(cache.invalidate_reachable(["x"]).unwrap().reached, 2);
    until("the others are still served", || {
        let set = |key: &String| cache.set(key, &1, minute()).is_ok();
        keys("k").iter().any(set)
    });
}

#[test]
fn a_node_that_was_removed_is_not_asked_who_the_others_are() {
    let cluster = Cluster::of_primaries(3, "");
    let removed = cluster.newcomer();
    let nodes = || [&removed].into_iter().chain(cluster.nodes());
    let cache = builder(nodes()).build_blocking().unwrap();
    assert_eq!(reached(cache.invalidate(["x"]).unwrap()), (4, 4));
    assert_eq!(removed.clients(), 1);

    cluster.remove(&removed);
    let another = builder(nodes()).build_blocking().unwrap();
    for cache in [cache, another] {
        assert_eq!(reached(cache.invalidate(["x"]).unwrap()), (3, 3));
    }
    let third = builder(nodes()).build_blocking().unwrap();
    third.set("k", &1, minute()).unwrap();
    drop(third);
    wait_until("it is left alone", || removed.clients() == 0);
}

#[test]
fn a_cluster_that_lost_slots_promises_nothing() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    for node in cluster.nodes() {
        node.client().text("CLUSTER DELSLOTS 7");
    }
    let error = cache.invalidate(["x"]).unwrap_err();
    assert!(error.to_string().contains("every slot"), "{error}");
}

#[test]
fn a_primary_that_refuses_an_invalidation_is_quoted() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    let mut c = cluster.client(1);
    c.check("ACL SETUSER default -cache.invalidate", "OK");
    let error = cache.invalidate(["x"]).unwrap_err();
    assert!(error.to_string().contains("cache.invalidate"), "{error}");
    assert!(matches!(error, Error::Redis(_)), "{error:?}");
    c.check("ACL SETUSER default +cache.invalidate", "OK");
    assert_eq!(reached(cache.invalidate(["x"]).unwrap()), (3, 3));
    let nothing = cache.invalidate([""; 0]).unwrap();
    assert_eq!((nothing.entries, reached(nothing)), (0, (0, 0)));
}

#[test]
fn batches_that_nobody_can_serve_open_the_breaker() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = builder(cluster.nodes())
        .circuit_breaker(2, millis(600_000))
        .build_blocking()
        .unwrap();
    let keys = keys("k");
    cache.get_many::<u8, _>(&keys).unwrap();
    for node in cluster.nodes() {
        node.client().check("CLUSTER FLUSHSLOTS", "OK");
    }
    for _ in 0..2 {
        let error = cache.get_many::<u8, _>(&keys).unwrap_err();
        assert!(matches!(error, Error::Redis(_)), "{error:?}");
    }
    let error = cache.get_many::<u8, _>(&keys).unwrap_err();
    assert!(matches!(error, Error::Unavailable), "{error:?}");
}

#[test]
fn a_node_that_fails_spoils_only_its_own_keys_of_a_batch() {
    let cluster = Cluster::of_primaries(3, "");
    let keys = keys("k");
    let entries: Vec<(&String, usize)> = keys.iter().map(|key| (key, 1)).collect();
    cache_of(&cluster).set_many(&entries, minute()).unwrap();
    let of_first = cluster.client(0).int("DBSIZE");
    cluster
        .client(0)
        .check("ACL SETUSER default -cache.get", "OK");
    let cache = cache_of(&cluster);
    let compute =
        |missing: Vec<String>| Ok::<_, ()>(missing.into_iter().map(|key| (key, 2)).collect());
    let found = cache.get_or_compute_many(&keys, minute(), compute);
    let sum: usize = found.unwrap().into_values().sum();
    let of_first = usize::try_from(of_first).unwrap();
    assert_eq!(sum, 30 + of_first);
    let stats = cache.stats();
    let counted = [stats.hits, stats.bypasses, stats.errors].map(|n| usize::try_from(n).unwrap());
    assert_eq!(counted, [30 - of_first, of_first, of_first]);
}

#[test]
fn the_servers_statistics_are_those_of_all_primaries() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    for key in keys("k") {
        assert_eq!(cache.get::<u8>(&key).unwrap(), None);
        cache.set(&key, &1_u8, minute()).unwrap();
    }
    let stats = cache.server_stats().unwrap();
    let [misses, entries] = ["misses", "entries"].map(|name| stats[name].to_string());
    assert_eq!([misses, entries], ["30", "30"]);
    cluster
        .client(1)
        .check("ACL SETUSER default -cache.stats", "OK");
    assert!(cache.server_stats().is_err());
}
