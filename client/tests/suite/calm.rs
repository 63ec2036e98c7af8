//! Redis frozen, dead, restarting, full, or without the module: the application goes on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use larder_client::{Cache, Computed, Error, Fetched, Policy, Source};
use larder_test_support::{Server, Setup};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::support::{Counter, builder, millis, minute, started, until};

const PROBE: Duration = Duration::from_millis(50);

fn impatient(server: &Server) -> Cache {
    builder(server)
        .timeout(millis(150))
        .circuit_breaker(3, PROBE)
        .build()
        .unwrap()
}

async fn answer(cache: &Cache, key: &str) -> Fetched<u8> {
    let answer: Result<Fetched<u8>, ()> = cache
        .fetch(key, minute(), || async { Ok(Computed::new(7)) })
        .await;
    answer.unwrap()
}

/// Calls until the breaker is open.
async fn open(cache: &Cache) {
    until("the breaker opens", async || {
        assert_eq!(answer(cache, "k").await.value, 7);
        cache.is_bypassed()
    })
    .await;
}

/// Calls until the cache is used again.
async fn healed(cache: &Cache) {
    until("the cache is back", async || {
        let first = answer(cache, "healed").await;
        assert_eq!(first.value, 7);
        first.source == Source::Hit
    })
    .await;
    assert!(!cache.is_bypassed());
}

#[tokio::test]
async fn a_frozen_server_costs_its_timeout_and_then_nothing() {
    let server = Server::start();
    let cache = impatient(&server);
    healed(&cache).await;
    server.freeze();
    let before = Instant::now();
    assert_eq!(answer(&cache, "k").await.source, Source::Bypassed);
    assert!(before.elapsed() < millis(150) + Duration::from_secs(1));
    open(&cache).await;
    assert!(matches!(
        cache.get::<u8>("k").await,
        Err(Error::Unavailable)
    ));
    let before = Instant::now();
    for _ in 0..100 {
        assert_eq!(answer(&cache, "k").await.source, Source::Bypassed);
    }
    assert!(
        before.elapsed() < millis(100),
        "{:?} for 100 calls",
        before.elapsed()
    );
    server.thaw();
    healed(&cache).await;
}

#[tokio::test]
async fn a_connection_that_is_there_is_no_sign_of_life() {
    let server = Server::start();
    let cache = builder(&server)
        .timeout(millis(150))
        .circuit_breaker(2, Duration::from_secs(60))
        .build()
        .unwrap();
    cache.set("k", &1_u8, minute()).await.unwrap();
    server.freeze();
    assert!(cache.get::<u8>("k").await.is_err());
    let save = || async { Ok::<_, ()>(cache.is_bypassed()) };
    assert_eq!(
        cache.write_through("k", minute(), &2_u8, save).await,
        Ok(true)
    );
    server.thaw();
}

#[tokio::test]
async fn callers_do_not_wait_for_each_others_attempts_to_connect() {
    let server = Server::start();
    let limit = millis(300);
    let cache = builder(&server)
        .timeout(limit)
        .connect_timeout(limit)
        .build()
        .unwrap();
    // The kernel accepts connections for a frozen process, and nobody answers on them.
    server.freeze();
    let before = Instant::now();
    let mut callers = JoinSet::new();
    for n in 0..100 {
        let cache = cache.clone();
        callers.spawn(async move { answer(&cache, &format!("k{n}")).await.value });
    }
    assert_eq!(callers.join_all().await, vec![7; 100]);
    assert!(before.elapsed() < limit * 5, "{:?}", before.elapsed());
    server.thaw();
}

#[tokio::test]
async fn a_dead_server_is_found_again_when_it_is_back() {
    let (mut server, _) = started();
    let cache = impatient(&server);
    healed(&cache).await;
    server.kill();
    open(&cache).await;
    assert_eq!(answer(&cache, "k").await.source, Source::Bypassed);
    server.start_again();
    healed(&cache).await;
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_is_no_failure() {
    let (server, cache) = started();
    healed(&cache).await;
    server.client().text("CLIENT KILL TYPE normal SKIPME yes");
    assert_eq!(answer(&cache, "healed").await.source, Source::Hit);
    assert_eq!(cache.stats().errors, 0);
}

#[tokio::test]
async fn a_server_without_the_module_is_left_alone() {
    let server = Server::set_up(&Setup {
        without_module: true,
        ..Setup::default()
    });
    let cache = impatient(&server);
    open(&cache).await;
    let error = cache.set("k", &1, minute()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable));
}

#[tokio::test]
async fn a_server_that_never_was_is_no_reason_to_fail() {
    let port = {
        let server = Server::start();
        server.port()
    };
    let cache = Cache::builder(format!("redis://127.0.0.1:{port}"))
        .build()
        .unwrap();
    assert_eq!(answer(&cache, "k").await.source, Source::Bypassed);
    assert!(matches!(cache.get::<u8>("k").await, Err(Error::Redis(_))));
}

#[tokio::test]
async fn a_full_server_serves_what_it_has() {
    let (server, cache) = started();
    assert_eq!(answer(&cache, "there").await.source, Source::Computed);
    let mut c = server.client();
    c.check("CONFIG SET maxmemory-policy noeviction maxmemory 1", "OK");
    assert_eq!(answer(&cache, "there").await.source, Source::Hit);
    for _ in 0..20 {
        assert_eq!(answer(&cache, "new").await.source, Source::Bypassed);
    }
    assert!(!cache.is_bypassed(), "other commands are served");
    c.check("CONFIG SET maxmemory 0", "OK");
    assert_eq!(answer(&cache, "new").await.source, Source::Computed);
}

#[tokio::test]
async fn a_server_that_becomes_full_during_a_computation_costs_only_the_fill() {
    let (server, cache) = started();
    let full = || async {
        server
            .client()
            .check("CONFIG SET maxmemory-policy noeviction maxmemory 1", "OK");
        Ok::<u8, ()>(7)
    };
    assert_eq!(cache.get_or_compute("k", minute(), full).await, Ok(7));
    until("the lease is given up", async || {
        !server.client().text("CACHE.INFO t:k").contains("pending")
    })
    .await;
}

#[tokio::test]
async fn while_redis_is_away_callers_of_a_process_share_a_computation() {
    let (mut server, _) = started();
    let cache = impatient(&server);
    healed(&cache).await;
    server.kill();
    open(&cache).await;
    let source = Counter::default();
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (cache, source) = (cache.clone(), source.clone());
        callers.spawn(async move {
            cache
                .get_or_compute("k", minute(), || source.next_after(millis(300)))
                .await
                .unwrap()
        });
    }
    assert_eq!(callers.join_all().await, vec![1; 50]);
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn who_is_answered_by_redis_is_not_given_what_was_read_without_it() {
    let (server, other) = started();
    let cache = builder(&server)
        .timeout(Duration::from_secs(1))
        .circuit_breaker(100, PROBE)
        .build()
        .unwrap();
    healed(&cache).await;
    let (source, gates) = (Counter::default(), [Notify::new(), Notify::new()]);
    let version = AtomicUsize::new(1);
    let get = async |gate: &Notify| {
        let read = || async {
            let read = version.load(Ordering::SeqCst);
            source.next().await?;
            gate.notified().await;
            Ok::<_, Infallible>(read)
        };
        cache.get_or_compute("k", minute(), read).await.unwrap()
    };
    server.freeze();
    let without_redis = get(&gates[0]);
    let with_redis = async {
        until("it is read", async || source.calls() == 1).await;
        server.thaw();
        version.store(2, Ordering::SeqCst);
        other.delete("k").await.unwrap();
        let computing = get(&gates[1]);
        let waiting = async {
            until("it is read anew", async || source.calls() == 2).await;
            let busy = server.client().stats().int("busy");
            let until_all_wait = async {
                until("one waits", async || {
                    server.client().stats().int("busy") > busy
                })
                .await;
                gates.iter().for_each(Notify::notify_one);
            };
            tokio::join!(get(&gates[1]), until_all_wait).0
        };
        tokio::join!(computing, waiting)
    };
    assert_eq!(tokio::join!(without_redis, with_redis), (1, (2, 2)));
}

#[tokio::test]
async fn who_waits_when_the_server_freezes_goes_on_alone() {
    let server = Server::start();
    let cache = impatient(&server);
    healed(&cache).await;
    server.client().text("CACHE.GETORLOCK t:k LEASE 60000");
    let waiting = async { answer(&cache, "k").await };
    let freezing = async {
        until("it waits", async || server.blocked() == 1).await;
        server.freeze();
    };
    let before = Instant::now();
    let (answer, ()) = tokio::join!(waiting, freezing);
    assert_eq!((answer.value, answer.source), (7, Source::Bypassed));
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "{:?}",
        before.elapsed()
    );
    server.thaw();
}

#[tokio::test]
async fn a_stale_value_outlives_a_failing_source() {
    let (server, cache) = started();
    let policy = Policy::ttl(millis(30))
        .grace(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(30));
    cache.set("k", &1, &policy).await.unwrap();
    until("it is stale", async || {
        cache.get::<u8>("k").await.unwrap().is_none()
    })
    .await;
    let source = Counter::default();
    let failing = || async {
        source.next().await.unwrap();
        Err::<Computed<u8>, _>("down")
    };
    for _ in 0..10 {
        let answer = cache.fetch("k", &policy, failing).await.unwrap();
        assert_eq!((answer.value, answer.source), (1, Source::Stale));
    }
    assert_eq!(source.calls(), 1, "it is left alone for a while");
    drop(server);
}

#[tokio::test]
async fn without_stale_if_error_the_error_is_told() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(30)).grace(Duration::from_secs(60));
    cache.set("k", &1, &policy).await.unwrap();
    until("it is stale", async || {
        cache.get::<u8>("k").await.unwrap().is_none()
    })
    .await;
    let failed: Result<u8, _> = cache
        .get_or_compute("k", &policy, || async { Err("down") })
        .await;
    assert_eq!(failed, Err("down"));
}
