//! Redis frozen, dead, restarting, full, or without the module: the application goes on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use larder_client::blocking::Cache;
use larder_client::{Computed, Error, Fetched, Policy, Source};
use larder_test_support::{Server, Setup};

use crate::support::{Counter, builder, millis, minute, side_by_side, started, until};

const PROBE: Duration = Duration::from_millis(50);

fn impatient(server: &Server) -> Cache {
    builder(server)
        .timeout(millis(150))
        .circuit_breaker(3, PROBE)
        .build_blocking()
        .unwrap()
}

fn answer(cache: &Cache, key: &str) -> Fetched<u8> {
    let answer: Result<Fetched<u8>, ()> = cache.fetch(key, minute(), || Ok(Computed::new(7)));
    answer.unwrap()
}

/// Calls until the breaker is open.
fn open(cache: &Cache) {
    until("the breaker opens", || {
        assert_eq!(answer(cache, "k").value, 7);
        cache.is_bypassed()
    });
}

/// Calls until the cache is used again.
fn healed(cache: &Cache) {
    until("the cache is back", || {
        let first = answer(cache, "healed");
        assert_eq!(first.value, 7);
        first.source == Source::Hit
    });
    assert!(!cache.is_bypassed());
}

#[test]
fn a_frozen_server_costs_its_timeout_and_then_nothing() {
    let server = Server::start();
    let cache = impatient(&server);
    healed(&cache);
    server.freeze();
    let before = Instant::now();
    assert_eq!(answer(&cache, "k").source, Source::Bypassed);
    assert!(before.elapsed() < millis(150) + Duration::from_secs(1));
    open(&cache);
    assert!(matches!(cache.get::<u8>("k"), Err(Error::Unavailable)));
    let before = Instant::now();
    for _ in 0..100 {
        assert_eq!(answer(&cache, "k").source, Source::Bypassed);
    }
    assert!(
        before.elapsed() < millis(100),
        "{:?} for 100 calls",
        before.elapsed()
    );
    server.thaw();
    healed(&cache);
}

#[test]
fn callers_without_a_connection_wait_no_longer_than_those_with_one() {
    let server = Server::start();
    let timeout = millis(600);
    let cache = builder(&server)
        .timeout(timeout)
        .connect_timeout(timeout)
        .connections(2)
        .circuit_breaker(1000, PROBE)
        .build_blocking()
        .unwrap();
    healed(&cache);
    side_by_side(2, || cache.get::<u8>("k").unwrap());
    server.freeze();
    let frozen = Instant::now();
    let fails = || {
        let before = Instant::now();
        assert!(matches!(cache.get::<u8>("k"), Err(Error::Timeout(_))));
        before.elapsed()
    };
    let waits = thread::scope(|scope| {
        let first = scope.spawn(|| side_by_side(2, fails));
        until("half of the time is over", || {
            frozen.elapsed() > timeout / 2
        });
        [side_by_side(10, fails), first.join().unwrap()].concat()
    });
    // Those who come into a place when half of their time is over don't spend all of it once more.
    let longest = waits.iter().max().unwrap();
    assert!(*longest < timeout + millis(200), "{longest:?}");
    server.thaw();
}

#[test]
fn a_dead_server_is_found_again_when_it_is_back() {
    let (mut server, _) = started();
    let cache = impatient(&server);
    healed(&cache);
    server.kill();
    open(&cache);
    assert_eq!(answer(&cache, "k").source, Source::Bypassed);
    server.start_again();
    healed(&cache);
}

#[test]
fn idle_connections_that_were_closed_are_no_failure() {
    let (server, cache) = started();
    healed(&cache);
    // Several of them: none of the others may be tried after the first.
    side_by_side(8, || cache.get::<u8>("healed").unwrap());
    server.client().text("CLIENT KILL TYPE normal SKIPME yes");
    assert_eq!(answer(&cache, "healed").source, Source::Hit);
    cache.set("k", &1, minute()).unwrap();
    assert_eq!(cache.stats().errors, 0);
}

#[test]
fn a_server_without_the_module_is_left_alone() {
    let server = Server::set_up(&Setup {
        without_module: true,
        ..Setup::default()
    });
    let cache = impatient(&server);
    open(&cache);
    let error = cache.set("k", &1, minute()).unwrap_err();
    assert!(matches!(error, Error::Unavailable));
}

#[test]
fn a_server_that_never_was_is_no_reason_to_fail() {
    let port = Server::start().port();
    let cache = Cache::builder(format!("redis://127.0.0.1:{port}"))
        .build_blocking()
        .unwrap();
    assert_eq!(answer(&cache, "k").source, Source::Bypassed);
    assert!(matches!(cache.get::<u8>("k"), Err(Error::Redis(_))));
}

#[test]
fn a_full_server_serves_what_it_has() {
    let (server, cache) = started();
    assert_eq!(answer(&cache, "there").source, Source::Computed);
    let mut c = server.client();
    c.check("CONFIG SET maxmemory-policy noeviction maxmemory 1", "OK");
    assert_eq!(answer(&cache, "there").source, Source::Hit);
    for _ in 0..20 {
        assert_eq!(answer(&cache, "new").source, Source::Bypassed);
    }
    assert!(!cache.is_bypassed(), "other commands are served");
    c.check("CONFIG SET maxmemory 0", "OK");
    assert_eq!(answer(&cache, "new").source, Source::Computed);
}

#[test]
fn a_server_that_becomes_full_during_a_computation_costs_only_the_fill() {
    let (server, cache) = started();
    let mut c = server.client();
    let full = || {
        c.check("CONFIG SET maxmemory-policy noeviction maxmemory 1", "OK");
        Ok::<u8, ()>(7)
    };
    assert_eq!(cache.get_or_compute("k", minute(), full), Ok(7));
    until("the lease is given up", || {
        !server.client().text("CACHE.INFO t:k").contains("pending")
    });
}

#[test]
fn while_redis_is_away_callers_of_a_process_share_a_computation() {
    let (mut server, _) = started();
    let cache = impatient(&server);
    healed(&cache);
    server.kill();
    open(&cache);
    let source = Counter::default();
    let slow = || source.next_after(millis(300));
    let answers = side_by_side(50, || cache.get_or_compute("k", minute(), slow).unwrap());
    assert_eq!(answers, vec![1; 50]);
    assert_eq!(source.calls(), 1);
}

#[test]
fn who_is_answered_by_redis_is_not_given_what_was_read_without_it() {
    let (server, other) = started();
    let cache = builder(&server)
        .timeout(Duration::from_secs(1))
        .circuit_breaker(100, PROBE)
        .build_blocking()
        .unwrap();
    healed(&cache);
    let (source, version) = (Counter::default(), AtomicUsize::new(1));
    let is_open = AtomicBool::new(false);
    let get = || {
        let read = || {
            let read = version.load(Ordering::SeqCst);
            source.next()?;
            until("all wait", || is_open.load(Ordering::SeqCst));
            Ok::<_, Infallible>(read)
        };
        cache.get_or_compute("k", minute(), read).unwrap()
    };
    server.freeze();
    thread::scope(|scope| {
        let without_redis = scope.spawn(get);
        until("it is read", || source.calls() == 1);
        server.thaw();
        version.store(2, Ordering::SeqCst);
        other.delete("k").unwrap();
        let computing = scope.spawn(get);
        until("it is read anew", || source.calls() == 2);
        let busy = server.client().stats().int("busy");
        let waiting = scope.spawn(get);
        until("one waits", || server.client().stats().int("busy") > busy);
        is_open.store(true, Ordering::SeqCst);
        let answers = [without_redis, computing, waiting].map(|thread| thread.join().unwrap());
        assert_eq!(answers, [1, 2, 2]);
    });
}

#[test]
fn when_redis_goes_away_during_a_computation_those_who_wait_share_another() {
    let server = Server::start();
    let cache = impatient(&server);
    healed(&cache);
    let source = Counter::default();
    let asked = server.client().stats().int("busy");
    let answers = thread::scope(|scope| {
        let first = scope.spawn(|| {
            cache.get_or_compute("k", minute(), || {
                until("all of the others wait", || {
                    server.client().stats().int("busy") >= asked + 20
                });
                server.freeze();
                source.next()
            })
        });
        until("the lease is out", || {
            server.client().text("EXISTS t:k") == ":1"
        });
        let slow = || source.next_after(millis(500));
        let others = side_by_side(20, || cache.get_or_compute("k", minute(), slow));
        assert_eq!(first.join().unwrap(), Ok(1));
        others
    });
    server.thaw();
    assert_eq!(answers.len(), 20);
    assert!(source.calls() <= 3, "{} computations", source.calls());
}

#[test]
fn who_waits_when_the_server_freezes_goes_on_alone() {
    let server = Server::start();
    let cache = impatient(&server);
    healed(&cache);
    server.client().text("CACHE.GETORLOCK t:k LEASE 60000");
    let policy = minute().lease(Duration::from_secs(60));
    let fetch = || cache.fetch("k", &policy, || Ok::<_, ()>(Computed::new(7)));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let before = Instant::now();
            (fetch().unwrap(), before.elapsed())
        });
        until("it waits", || server.blocked() == 1);
        server.freeze();
        let (answer, waited) = waiting.join().unwrap();
        assert_eq!((answer.value, answer.source), (7, Source::Bypassed));
        assert!(waited < Duration::from_secs(5), "{waited:?}");
        server.thaw();
    });
    healed(&cache);
    // Its lease is granted to a caller who has gone away.
    assert_eq!(server.blocked(), 1);
    server.client().check("DEL t:k", ":1");
    until("it is given up", || server.blocked() == 0);
    let before = Instant::now();
    assert_eq!(fetch().unwrap().source, Source::Computed);
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "{:?}",
        before.elapsed()
    );
}

#[test]
fn a_stale_value_outlives_a_failing_source() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(30))
        .grace(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(30));
    cache.set("k", &1, &policy).unwrap();
    until("it is stale", || cache.get::<u8>("k").unwrap().is_none());
    let source = Counter::default();
    let failing = || {
        source.next().unwrap();
        Err::<Computed<u8>, _>("down")
    };
    for _ in 0..10 {
        let answer = cache.fetch("k", &policy, failing).unwrap();
        assert_eq!((answer.value, answer.source), (1, Source::Stale));
    }
    assert_eq!(source.calls(), 1, "it is left alone for a while");
}

#[test]
fn a_source_that_has_failed_is_not_left_alone_if_there_is_nothing_to_serve() {
    let (server, cache) = started();
    let policy = minute()
        .grace(Duration::from_secs(60))
        .stale_if_error(Duration::from_secs(30));
    let failed: Result<u8, _> = cache.get_or_compute("k", &policy, || Err("down"));
    assert_eq!(failed, Err("down"));
    server.client().check("CACHE.INFO t:k", "nil");
    let source = Counter::default();
    let slow = || source.next_after(millis(200));
    let answers = side_by_side(10, || cache.get_or_compute("k", &policy, slow));
    assert_eq!((answers, source.calls()), (vec![Ok(1); 10], 1));
}

#[test]
fn without_stale_if_error_the_error_is_told() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(30)).grace(Duration::from_secs(60));
    cache.set("k", &1, &policy).unwrap();
    until("it is stale", || cache.get::<u8>("k").unwrap().is_none());
    let failed: Result<u8, _> = cache.get_or_compute("k", &policy, || Err("down"));
    assert_eq!(failed, Err("down"));
}
