//! One computation for many callers.

use std::time::{Duration, Instant};

use larder_client::{Computed, Fetched, Policy, Source};
use tokio::task::JoinSet;

use crate::support::{Counter, builder, millis, minute, started, until};

#[tokio::test]
async fn a_value_is_computed_once_and_then_served() {
    let (_server, cache) = started();
    let source = Counter::default();
    for _ in 0..3 {
        let n = cache
            .get_or_compute("k", minute(), || source.next())
            .await
            .unwrap();
        assert_eq!(n, 1);
    }
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.hits, stats.computations), (1, 2, 1));
}

#[tokio::test]
async fn many_callers_of_several_caches_make_one_computation() {
    let (server, _) = started();
    let source = Counter::default();
    let mut callers = JoinSet::new();
    // Each cache stands for a process: they share nothing but the server.
    for _ in 0..4 {
        let cache = builder(&server).build().unwrap();
        for _ in 0..25 {
            let (cache, source) = (cache.clone(), source.clone());
            callers.spawn(async move {
                cache
                    .get_or_compute("k", minute(), || source.next_after(millis(100)))
                    .await
                    .unwrap()
            });
        }
    }
    let answers = callers.join_all().await;
    assert_eq!(answers, vec![1; 100]);
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_computation_runs() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let source = Counter::default();
    let policy = minute().lease(millis(150));
    let slow = async |cache: &larder_client::Cache| {
        cache
            .get_or_compute("k", &policy, || source.next_after(millis(900)))
            .await
            .unwrap()
    };
    assert_eq!(
        tokio::join!(slow(&cache), slow(&other), slow(&cache)),
        (1, 1, 1)
    );
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn an_error_comes_back_by_value_and_the_next_caller_tries() {
    let (server, cache) = started();
    #[derive(Debug, PartialEq)]
    struct Mine(u8);
    let failed: Result<u8, Mine> = cache
        .get_or_compute("k", minute(), || async { Err(Mine(7)) })
        .await;
    assert_eq!(failed, Err(Mine(7)));
    server.client().check("CACHE.INFO t:k", "nil");
    let value: Result<u8, Mine> = cache
        .get_or_compute("k", minute(), || async { Ok(1) })
        .await;
    assert_eq!(value, Ok(1));
}

#[tokio::test]
async fn a_waiter_takes_over_when_the_computation_fails() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let failing = cache.get_or_compute("k", minute(), || async {
        until("the other waits", async || server.blocked() == 1).await;
        Err::<u8, _>("down")
    });
    let waiting = async {
        until("the lease is out", async || {
            server.client().text("EXISTS t:k") == ":1"
        })
        .await;
        other
            .get_or_compute("k", minute(), || async { Ok::<u8, &str>(2) })
            .await
    };
    assert_eq!(tokio::join!(failing, waiting), (Err("down"), Ok(2)));
}

#[tokio::test]
async fn a_cancelled_computation_is_given_up() {
    let (server, cache) = started();
    let computing = cache.get_or_compute("k", minute(), || async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<u8, ()>(1)
    });
    assert!(tokio::time::timeout(millis(100), computing).await.is_err());
    until("the lease is free", async || {
        server.client().text("CACHE.INFO t:k") == "nil"
    })
    .await;
}

#[tokio::test]
async fn a_panic_gives_the_lease_up() {
    let (server, cache) = started();
    let mine = cache.clone();
    let panicking = tokio::spawn(async move {
        mine.get_or_compute::<u8, (), _, _>("k", minute(), || async { panic!("on purpose") })
            .await
    });
    assert!(panicking.await.unwrap_err().is_panic());
    until("the lease is free", async || {
        server.client().text("CACHE.INFO t:k") == "nil"
    })
    .await;
}

#[tokio::test]
async fn who_is_out_of_patience_computes_and_does_not_store() {
    let (server, cache) = started();
    server.client().text("CACHE.GETORLOCK t:k LEASE 60000");
    let started = Instant::now();
    let policy = minute().patience(millis(200));
    let fetched: Result<Fetched<u8>, ()> = cache
        .fetch("k", policy, || async { Ok(Computed::new(3)) })
        .await;
    let fetched = fetched.unwrap();
    assert_eq!((fetched.value, fetched.source), (3, Source::Bypassed));
    assert!(started.elapsed() >= millis(200));
    assert!(!cache.exists("k").await.unwrap());
}

#[tokio::test]
async fn what_was_invalidated_meanwhile_is_not_stored() {
    let (_server, cache) = started();
    let value = cache
        .get_or_compute("k", minute().tags(["t"]), || async {
            cache.invalidate(["t"]).await.unwrap();
            Ok::<u8, ()>(1)
        })
        .await;
    assert_eq!(value, Ok(1));
    assert!(!cache.exists("k").await.unwrap());
    assert_eq!(cache.stats().fills_refused, 1);
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_computed_by_all_who_wait_side_by_side() {
    let (_server, cache) = started();
    let source = Counter::default();
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let (cache, source) = (cache.clone(), source.clone());
        callers.spawn(async move {
            let compute = || async {
                Ok::<_, ()>(Computed::new(source.next_after(millis(200)).await.unwrap()).uncached())
            };
            cache.fetch("k", minute(), compute).await.unwrap().value
        });
    }
    let mut answers = callers.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers, (1..=10).collect::<Vec<_>>());
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
    assert!(!cache.exists("k").await.unwrap());
}

#[tokio::test]
async fn none_is_kept_only_if_it_has_a_ttl_of_its_own() {
    let (server, cache) = started();
    let nothing = || async { Ok::<Option<u8>, ()>(None) };
    assert_eq!(cache.get_or_compute("k", minute(), nothing).await, Ok(None));
    assert!(!cache.exists("k").await.unwrap());
    // For a moment nobody is given the lease: those who wait are not to take turns.
    until("the moment is over", async || {
        server.client().text("EXISTS t:k") == ":0"
    })
    .await;
    let policy = minute().negative_ttl(Duration::from_secs(5));
    assert_eq!(cache.get_or_compute("k", &policy, nothing).await, Ok(None));
    assert!([":4", ":5"].contains(&server.client().text("TTL t:k").as_str()));
    let unasked = || async { Err::<Option<u8>, _>("not asked") };
    assert_eq!(cache.get_or_compute("k", &policy, unasked).await, Ok(None));
}

#[tokio::test]
async fn what_cannot_be_decoded_is_replaced() {
    let (_server, cache) = started();
    cache.set("k", "not a number", minute()).await.unwrap();
    let value: Result<u8, ()> = cache
        .get_or_compute("k", minute(), || async { Ok(9) })
        .await;
    assert_eq!(value, Ok(9));
    assert_eq!(cache.get::<u8>("k").await.unwrap(), Some(9));
}

#[tokio::test]
async fn a_refresh_computes_whatever_is_stored() {
    let (_server, cache) = started();
    let source = Counter::default();
    assert_eq!(
        cache.get_or_compute("k", minute(), || source.next()).await,
        Ok(1)
    );
    assert_eq!(cache.refresh("k", minute(), || source.next()).await, Ok(2));
    assert_eq!(
        cache.get_or_compute("k", minute(), || source.next()).await,
        Ok(2)
    );
}

#[tokio::test]
async fn a_value_may_bring_tags_and_a_ttl_of_its_own() {
    let (server, cache) = started();
    let computed =
        || async { Ok::<_, ()>(Computed::new(1).tags(["own"]).ttl(Duration::from_secs(5))) };
    cache
        .fetch("k", minute().tags(["policy"]), computed)
        .await
        .unwrap();
    let mut c = server.client();
    c.check("CACHE.TAGS t:k", "[t:policy t:own]");
    assert!([":4", ":5"].contains(&c.text("TTL t:k").as_str()));
}

#[tokio::test]
async fn more_keys_can_be_waited_for_than_there_are_connections_for_it() {
    let (server, _) = started();
    let leader = builder(&server).build().unwrap();
    let cache = builder(&server).waiting_connections(2).build().unwrap();
    let source = Counter::default();
    let mut callers = JoinSet::new();
    for n in 0..8 {
        let (leader, source) = (leader.clone(), source.clone());
        callers.spawn(async move {
            leader
                .get_or_compute(&format!("k{n}"), minute(), || {
                    source.next_after(millis(300))
                })
                .await
                .unwrap();
        });
    }
    until("all are computing", async || source.calls() == 8).await;
    for n in 0..8 {
        let (cache, source) = (cache.clone(), source.clone());
        callers.spawn(async move {
            cache
                .get_or_compute(&format!("k{n}"), minute(), || source.next())
                .await
                .unwrap();
        });
    }
    callers.join_all().await;
    assert_eq!(source.calls(), 8);
}

#[tokio::test]
async fn futures_can_be_sent_to_other_threads() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let (_server, cache) = started();
    let borrowed = String::from("borrowed by the computation");
    let value =
        sendable(cache.get_or_compute("k", minute(), || async { Ok::<_, ()>(borrowed.clone()) }))
            .await;
    assert_eq!(value.as_deref(), Ok(borrowed.as_str()));
}

#[tokio::test]
async fn early_refresh_is_one_callers_work() {
    let (_server, cache) = started();
    let source = Counter::default();
    let slow = || source.next_after(millis(50));
    // With such a beta the draw always hits, once there is a compute time.
    let policy = Policy::ttl(Duration::from_secs(60)).early(1e9);
    assert_eq!(cache.get_or_compute("k", &policy, slow).await, Ok(1));
    assert_eq!(cache.get_or_compute("k", &policy, slow).await, Ok(2));
    assert_eq!(source.calls(), 2);
}
