//! Ways in which callers could wait in vain, compute in vain, or be given what was to be gone.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use larder_client::{Computed, Policy, Source};
use tokio::task::JoinSet;

use crate::support::{Counter, builder, millis, minute, started, until};

#[tokio::test]
async fn a_deletion_is_owed_even_if_its_caller_goes_away_while_it_is_sent() {
    let (server, _) = started();
    let cache = builder(&server).timeout(millis(300)).build().unwrap();
    cache.set("k", &1_u8, minute()).await.unwrap();
    server.freeze();
    let deleting = cache.delete_through("k", || async { Ok::<_, Infallible>(()) });
    assert!(tokio::time::timeout(millis(100), deleting).await.is_err());
    server.thaw();
    until("the old value is gone", async || {
        server.client().text("EXISTS t:k") == ":0"
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_deleted_is_not_served_meanwhile() {
    let (server, _) = started();
    let cache = builder(&server)
        .timeout(millis(200))
        .circuit_breaker(1, millis(20))
        .build()
        .unwrap();
    cache.set("k", &1_u8, minute()).await.unwrap();
    server.freeze();
    cache
        .delete_through("k", || async { Ok::<_, Infallible>(()) })
        .await
        .unwrap();
    server.thaw();
    let mut answers = 0;
    until("Redis is used again", async || {
        let value: Result<u8, Infallible> = cache
            .get_or_compute("k", minute(), || async { Ok(2) })
            .await;
        assert_eq!(value, Ok(2), "after {answers} answers");
        assert_ne!(cache.get::<u8>("k").await.unwrap_or_default(), Some(1));
        answers += 1;
        !cache.is_bypassed() && cache.exists("k").await.unwrap_or_default()
    })
    .await;
}

#[tokio::test]
async fn what_is_to_be_deleted_is_not_prolonged() {
    let (server, cache) = started();
    let mut c = server.client();
    cache.set("k", &1_u8, minute()).await.unwrap();
    c.check("ACL SETUSER default -unlink", "OK");
    let change = cache.delete_through("k", || async { Ok::<_, Infallible>(()) });
    change.await.unwrap();
    let hour = Duration::from_secs(3600);
    let touched = cache.get_and_touch::<u8>("k", hour).await;
    assert_eq!(touched.unwrap(), None);
    assert!(!cache.expire("k", hour).await.unwrap());
    let left = c.int("TTL t:k");
    assert!((1..=60).contains(&left), "{left} s");
    c.check("ACL SETUSER default +unlink", "OK");
}

#[test]
fn deletions_are_owed_beyond_the_end_of_a_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (server, _) = started();
    let cache = builder(&server).timeout(millis(200)).build().unwrap();
    let first = runtime();
    first.block_on(async {
        cache.set("k", &1_u8, minute()).await.unwrap();
        server.freeze();
        cache
            .delete_through("k", || async { Ok::<_, Infallible>(()) })
            .await
            .unwrap();
    });
    drop(first);
    server.thaw();
    runtime().block_on(until("the old value is gone", async || {
        assert_ne!(cache.get::<u8>("k").await.unwrap_or_default(), Some(1));
        server.client().text("EXISTS t:k") == ":0"
    }));
}

#[tokio::test]
async fn a_lease_that_comes_too_late_is_given_back() {
    let (server, _) = started();
    let cache = builder(&server)
        .timeout(millis(150))
        .connect_timeout(millis(5000))
        .build()
        .unwrap();
    assert_eq!(cache.exists("k").await.ok(), Some(false));
    server.freeze();
    // Who may be drawn to recompute early asks for a lease at once.
    let value: Result<u8, Infallible> = cache
        .get_or_compute("k", minute().early(1.0), || async { Ok(1) })
        .await;
    assert_eq!(value, Ok(1));
    server.thaw();
    until("the lease is granted and given back", async || {
        let stats = server.client().text("CACHE.STATS");
        stats.contains("leases-granted :1") && server.client().text("CACHE.INFO t:k") == "nil"
    })
    .await;
}

#[tokio::test]
async fn the_same_key_twice_in_a_batch_is_one_key() {
    let (_server, cache) = started();
    cache.set("bad", "not a number", minute()).await.unwrap();
    let before = Instant::now();
    let numbers = cache.get_or_compute_many(
        &["bad", "bad", "none", "none"],
        minute(),
        async |missing: Vec<&str>| {
            Ok::<_, ()>(
                missing
                    .into_iter()
                    .filter(|key| *key == "bad")
                    .map(|key| (key, 1_u8))
                    .collect(),
            )
        },
    );
    assert_eq!(numbers.await, Ok(HashMap::from([("bad", 1)])));
    assert!(
        before.elapsed() < Duration::from_secs(3),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
async fn batches_in_opposite_orders_do_not_wait_for_each_other() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let mut c = server.client();
    for key in ["k1", "k2"] {
        c.text(format!("CACHE.GETORLOCK t:{key} LEASE 1500"));
    }
    let batch = async |cache: &larder_client::Cache, keys: [&'static str; 2]| {
        let compute = async |missing: Vec<&'static str>| {
            tokio::time::sleep(millis(50)).await;
            Ok::<_, ()>(missing.into_iter().map(|key| (key, 1_u8)).collect())
        };
        cache
            .get_or_compute_many(&keys, minute(), compute)
            .await
            .unwrap()
            .len()
    };
    let before = Instant::now();
    let lengths = tokio::join!(batch(&cache, ["k1", "k2"]), batch(&other, ["k2", "k1"]));
    assert_eq!(lengths, (2, 2));
    assert!(
        before.elapsed() < Duration::from_secs(4),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test]
async fn keys_that_a_batch_leaves_out_are_looked_for_side_by_side() {
    let (_server, cache) = started();
    let mut callers = JoinSet::new();
    let before = Instant::now();
    for _ in 0..10 {
        let cache = cache.clone();
        callers.spawn(async move {
            let compute = async |_: Vec<&str>| {
                tokio::time::sleep(millis(200)).await;
                Ok::<HashMap<&str, u8>, ()>(HashMap::new())
            };
            cache
                .get_or_compute_many(&["unknown"], minute(), compute)
                .await
                .unwrap()
                .len()
        });
    }
    assert_eq!(callers.join_all().await, vec![0; 10]);
    assert!(before.elapsed() < millis(1500), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_batch_serves_what_is_stale_when_the_source_fails() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(30))
        .grace(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(5));
    cache.set("k", &1_u8, &policy).await.unwrap();
    until("it is stale", async || {
        cache.get::<u8>("k").await.unwrap().is_none()
    })
    .await;
    let failing = async |_: Vec<&'static str>| Err::<HashMap<&'static str, u8>, _>("down");
    assert_eq!(
        cache.get_or_compute_many(&["k"], &policy, failing).await,
        Ok(HashMap::from([("k", 1)]))
    );
}

#[tokio::test]
async fn one_callers_patience_is_nobody_elses() {
    let (server, cache) = started();
    server.client().text("CACHE.GETORLOCK t:k LEASE 2000");
    let source = Counter::default();
    let impatient = cache.get_or_compute("k", minute().patience(millis(200)), || async {
        Ok::<_, ()>(0)
    });
    let mut callers = JoinSet::new();
    let patient = async {
        tokio::time::sleep(millis(50)).await;
        for _ in 0..10 {
            let (cache, source) = (cache.clone(), source.clone());
            callers.spawn(async move {
                cache
                    .get_or_compute("k", minute(), || source.next())
                    .await
                    .unwrap()
            });
        }
        callers.join_all().await
    };
    let (alone, together) = tokio::join!(impatient, patient);
    assert_eq!((alone, together), (Ok(0), vec![1; 10]));
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn a_source_that_fails_with_nothing_to_serve_is_not_let_alone() {
    let (_server, cache) = started();
    let policy = minute()
        .grace(minute_long())
        .stale_if_error(Duration::from_secs(30));
    let failed: Result<u8, _> = cache
        .get_or_compute("k", &policy, || async { Err("down") })
        .await;
    assert_eq!(failed, Err("down"));
    let fetched = cache
        .fetch("k", &policy, || async {
            Ok::<_, &str>(Computed::new(1_u8))
        })
        .await
        .unwrap();
    assert_eq!(fetched.source, Source::Computed);
    assert_eq!(cache.get::<u8>("k").await.unwrap(), Some(1));
}

fn minute_long() -> Duration {
    Duration::from_secs(60)
}

#[tokio::test]
async fn a_waiting_connection_that_was_closed_is_replaced() {
    let (server, cache) = started();
    let other = builder(&server).build().unwrap();
    let source = Counter::default();
    // Leaves an idle connection for waiting behind.
    let both = tokio::join!(
        cache.get_or_compute("first", minute(), || source.next_after(millis(200))),
        other.get_or_compute("first", minute(), || source.next_after(millis(200))),
    );
    assert_eq!(both, (Ok(1), Ok(1)));
    server.client().text("CLIENT KILL TYPE normal SKIPME yes");
    let both = tokio::join!(
        cache.get_or_compute("second", minute(), || source.next_after(millis(300))),
        other.get_or_compute("second", minute(), || source.next_after(millis(300))),
    );
    assert_eq!(both, (Ok(2), Ok(2)));
}

#[tokio::test]
async fn when_redis_dies_during_a_computation_the_followers_share_another_one() {
    let (mut server, _) = started();
    let cache = builder(&server).timeout(millis(300)).build().unwrap();
    let source = Counter::default();
    let mut callers = JoinSet::new();
    for _ in 0..30 {
        let (cache, source) = (cache.clone(), source.clone());
        callers.spawn(async move {
            cache
                .get_or_compute("k", minute(), || source.next_after(millis(600)))
                .await
                .unwrap()
        });
    }
    until("it is computed", async || source.calls() == 1).await;
    server.kill();
    callers.join_all().await;
    assert!(source.calls() <= 5, "{} computations", source.calls());
}

#[tokio::test]
async fn a_stall_does_not_end_leases() {
    let (server, _) = started();
    let cache = builder(&server)
        .timeout(millis(150))
        .circuit_breaker(100, millis(1000))
        .build()
        .unwrap();
    let other = builder(&server).build().unwrap();
    let source = Counter::default();
    let stalling = async {
        until("it is computed", async || source.calls() == 1).await;
        server.freeze();
        let calls: Vec<_> = (0..6)
            .map(|n| {
                let cache = cache.clone();
                tokio::spawn(async move { cache.exists(&format!("k{n}")).await.ok() })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        server.thaw();
        other.get_or_compute("k", minute(), || source.next()).await
    };
    let (first, second) = tokio::join!(
        cache.get_or_compute("k", minute(), || source.next_after(millis(1500))),
        stalling
    );
    assert_eq!((first, second), (Ok(1), Ok(1)));
}

#[tokio::test]
async fn settings_that_make_no_sense_do_not_switch_the_cache_off() {
    let (_server, cache) = started();
    let asked = Mutex::new(0);
    for (n, policy) in [
        minute().lease(Duration::from_secs(3600)),
        minute().lease(Duration::ZERO),
        minute().early(f64::NAN),
        minute().early(f64::INFINITY),
        minute().early(-1.0),
        minute().jitter(f64::NAN),
        minute().patience(Duration::MAX),
        Policy::ttl(Duration::MAX).grace(Duration::MAX),
        minute().grace(Duration::MAX),
    ]
    .into_iter()
    .enumerate()
    {
        for _ in 0..2 {
            let compute = || async {
                *asked.lock().unwrap() += 1;
                Ok::<_, Infallible>(1)
            };
            cache
                .get_or_compute(&format!("k{n}"), &policy, compute)
                .await
                .unwrap();
        }
        assert_eq!(*asked.lock().unwrap(), n + 1, "{policy:?}");
    }
}

#[tokio::test]
async fn whom_redis_has_answered_is_not_given_what_was_read_before() {
    let (server, cache) = started();
    server
        .client()
        .check("ACL SETUSER default -cache.getorlock", "OK");
    let source = Counter::default();
    let get = async |pause| {
        let read = || source.next_after(millis(pause));
        cache.get_or_compute("k", minute(), read).await
    };
    let later = async {
        until("the first one reads", async || source.calls() == 1).await;
        get(0).await
    };
    assert_eq!(tokio::join!(get(300), later), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn a_batch_has_the_patience_of_one_caller() {
    let (server, cache) = started();
    let keys: Vec<String> = (0..10).map(|n| format!("k{n}")).collect();
    for key in &keys {
        server
            .client()
            .text(format!("CACHE.GETORLOCK t:{key} LEASE 60000"));
    }
    let calls = Mutex::new(Vec::new());
    let compute = async |missing: Vec<String>| {
        calls.lock().unwrap().push(missing.len());
        Ok::<_, ()>(missing.into_iter().map(|key| (key, 1_u8)).collect())
    };
    let before = Instant::now();
    let policy = minute().patience(millis(400));
    let found = cache.get_or_compute_many(&keys, policy, compute).await;
    assert_eq!(found.unwrap().len(), 10);
    assert_eq!(*calls.lock().unwrap(), [10], "they are computed together");
    assert!(before.elapsed() < millis(2000), "{:?}", before.elapsed());
}
