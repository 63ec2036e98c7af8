//! Three primaries.

use larder_client::{Builder, Cache, Error, Invalidated};
use larder_test_support::{Cluster, Server, wait_until};

use crate::support::{Counter, millis, minute, until};

fn cache_of(cluster: &Cluster) -> Cache {
    builder(cluster.nodes()).build().unwrap()
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

#[tokio::test]
async fn keys_are_found_wherever_they_are() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    let keys = keys("k");
    let entries: Vec<(&String, usize)> = keys.iter().zip(0..).collect();
    cache
        .set_many(&entries, minute().tags(["x"]))
        .await
        .unwrap();
    let values: Vec<Option<usize>> = cache.get_many(&keys).await.unwrap();
    assert_eq!(values, (0..30).map(Some).collect::<Vec<_>>());
    let held: Vec<String> = (0..3).map(|n| cluster.client(n).text("DBSIZE")).collect();
    assert!(!held.contains(&":0".to_owned()), "{held:?}");

    let invalidated = cache.invalidate(["x"]).await.unwrap();
    assert_eq!(
        (
            invalidated.entries,
            invalidated.reached,
            invalidated.expected
        ),
        (30, 3, 3)
    );
    assert_eq!(
        cache.get_many::<usize, _>(&keys).await.unwrap(),
        vec![None; 30]
    );

    cache.set_many(&entries, minute()).await.unwrap();
    assert_eq!(cache.clear_prefix("k:1").await.unwrap(), 11);
}

#[tokio::test]
async fn callers_of_several_caches_make_one_computation_per_key() {
    let cluster = Cluster::of_primaries(3, "");
    let source = Counter::default();
    let mut callers = tokio::task::JoinSet::new();
    let caches: Vec<_> = (0..3).map(|_| cache_of(&cluster)).collect();
    for cache in &caches {
        for key in keys("k").into_iter().take(6) {
            for _ in 0..5 {
                let (cache, source, key) = (cache.clone(), source.clone(), key.clone());
                callers.spawn(async move {
                    cache
                        .get_or_compute(&key, minute(), || source.next_after(millis(300)))
                        .await
                        .unwrap();
                });
            }
        }
    }
    callers.join_all().await;
    for c in &caches {
        eprintln!("{:?}", c.stats());
    }
    assert_eq!(source.calls(), 6);
}

#[tokio::test]
async fn an_invalidation_that_misses_a_primary_is_an_error() {
    let mut cluster = Cluster::of_primaries(
        3,
        "cluster-node-timeout 60000\ncluster-require-full-coverage no",
    );
    let cache = cache_of(&cluster);
    cache.set("k", &1, minute().tags(["x"])).await.unwrap();
    assert_eq!(cache.invalidate(["x"]).await.unwrap().reached, 3);
    cluster.kill(1);
    let error = cache.invalidate(["x"]).await.unwrap_err();
    let Error::Partial(partial) = error else {
        panic!("{error}")
    };
    assert_eq!((partial.reached, partial.expected), (2, 3));
    assert_eq!(cache.invalidate_reachable(["x"]).await.unwrap().reached, 2);
    until("the others are still served", async || {
        let served = keys("k").into_iter().take(10);
        let mut answered = 0;
        for key in served {
            answered += usize::from(cache.set(&key, &1, minute()).await.is_ok());
        }
        answered > 0
    })
    .await;
}

#[tokio::test]
async fn a_node_that_was_removed_is_not_asked_who_the_others_are() {
    let cluster = Cluster::of_primaries(3, "");
    let removed = cluster.newcomer();
    let nodes = || [&removed].into_iter().chain(cluster.nodes());
    let cache = builder(nodes()).build().unwrap();
    assert_eq!(reached(cache.invalidate(["x"]).await.unwrap()), (4, 4));
    assert_eq!(removed.clients(), 1);

    cluster.remove(&removed);
    let another = builder(nodes()).build().unwrap();
    for cache in [cache, another] {
        assert_eq!(reached(cache.invalidate(["x"]).await.unwrap()), (3, 3));
    }
    wait_until("it is left alone", || removed.clients() == 0);
}

#[tokio::test]
async fn a_cluster_that_lost_slots_promises_nothing() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    for node in cluster.nodes() {
        node.client().text("CLUSTER DELSLOTS 7");
    }
    let error = cache.invalidate(["x"]).await.unwrap_err();
    assert!(error.to_string().contains("every slot"), "{error}");
}

#[tokio::test]
async fn a_primary_that_refuses_an_invalidation_is_quoted() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    let mut c = cluster.client(1);
    c.check("ACL SETUSER default -cache.invalidate", "OK");
    let error = cache.invalidate(["x"]).await.unwrap_err();
    assert!(error.to_string().contains("cache.invalidate"), "{error}");
    assert!(matches!(error, Error::Redis(_)), "{error:?}");
    c.check("ACL SETUSER default +cache.invalidate", "OK");
    assert_eq!(reached(cache.invalidate(["x"]).await.unwrap()), (3, 3));
    let nothing = cache.invalidate([""; 0]).await.unwrap();
    assert_eq!((nothing.entries, reached(nothing)), (0, (0, 0)));
}

#[tokio::test]
async fn batches_that_nobody_can_serve_open_the_breaker() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = builder(cluster.nodes())
        .circuit_breaker(2, millis(600_000))
        .build()
        .unwrap();
    let keys = keys("k");
    cache.get_many::<u8, _>(&keys).await.unwrap();
    for node in cluster.nodes() {
        node.client().check("CLUSTER FLUSHSLOTS", "OK");
    }
    for _ in 0..2 {
        let error = cache.get_many::<u8, _>(&keys).await.unwrap_err();
        assert!(matches!(error, Error::Redis(_)), "{error:?}");
    }
    let error = cache.get_many::<u8, _>(&keys).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable), "{error:?}");
}

#[tokio::test]
async fn callers_wait_although_most_of_the_named_nodes_are_gone() {
    let cluster = Cluster::of_primaries(3, "");
    // Nobody listens at the first port there is.
    let gone = || std::iter::repeat_n("redis://127.0.0.1:1".to_owned(), 9);
    let cache = || {
        let nodes = gone().chain(cluster.nodes().iter().map(url));
        let builder = Cache::cluster_builder(nodes).timeout(millis(5000));
        builder.namespace("t").build().unwrap()
    };
    let caches = [cache(), cache()];
    let source = Counter::default();
    let mut callers = tokio::task::JoinSet::new();
    for key in keys("k").into_iter().take(5) {
        for cache in &caches {
            let (cache, source, key) = (cache.clone(), source.clone(), key.clone());
            callers.spawn(async move {
                let slow = || source.next_after(millis(500));
                cache.get_or_compute(&key, minute(), slow).await
            });
        }
    }
    callers.join_all().await;
    assert_eq!(source.calls(), 5);
}

#[tokio::test]
async fn a_node_that_fails_spoils_only_its_own_keys_of_a_batch() {
    let cluster = Cluster::of_primaries(3, "");
    let keys = keys("k");
    let entries: Vec<(&String, usize)> = keys.iter().map(|key| (key, 1)).collect();
    cache_of(&cluster)
        .set_many(&entries, minute())
        .await
        .unwrap();
    let of_first = cluster.client(0).int("DBSIZE");
    cluster
        .client(0)
        .check("ACL SETUSER default -cache.get", "OK");
    let cache = cache_of(&cluster);
    let compute =
        async |missing: Vec<String>| Ok::<_, ()>(missing.into_iter().map(|key| (key, 2)).collect());
    let found = cache.get_or_compute_many(&keys, minute(), compute).await;
    let sum: usize = found.unwrap().into_values().sum();
    let of_first = usize::try_from(of_first).unwrap();
    assert_eq!(sum, 30 + of_first);
    let stats = cache.stats();
    let counted = [stats.hits, stats.bypasses, stats.errors].map(|n| usize::try_from(n).unwrap());
    assert_eq!(counted, [30 - of_first, of_first, of_first]);
}

#[tokio::test]
async fn the_servers_statistics_are_those_of_all_primaries() {
    let cluster = Cluster::of_primaries(3, "");
    let cache = cache_of(&cluster);
    for key in keys("k") {
        assert_eq!(cache.get::<u8>(&key).await.unwrap(), None);
        cache.set(&key, &1_u8, minute()).await.unwrap();
        cache.get::<u8>(&key).await.unwrap();
    }
    let stats = cache.server_stats().await.unwrap();
    let [hits, misses, entries, rate] =
        ["hits", "misses", "entries", "hit-rate"].map(|name| stats[name].to_string());
    assert_eq!([hits, misses, entries, rate], ["30", "30", "30", "0.5"]);
    cluster
        .client(1)
        .check("ACL SETUSER default -cache.stats", "OK");
    assert!(cache.server_stats().await.is_err());
}
