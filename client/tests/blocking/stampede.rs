//! One computation for many callers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use larder_client::blocking::Cache;
use larder_client::{Computed, Fetched, Policy, Source};

use crate::support::{Counter, builder, millis, minute, side_by_side, started, until};

#[test]
fn a_value_is_computed_once_and_then_served() {
    let (_server, cache) = started();
    let source = Counter::default();
    for _ in 0..3 {
        assert_eq!(cache.get_or_compute("k", minute(), || source.next()), Ok(1));
    }
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.hits, stats.computations), (1, 2, 1));
}

#[test]
fn many_callers_of_several_caches_make_one_computation() {
    let (server, _) = started();
    let source = Counter::default();
    // Each cache stands for a process: they share nothing but the server.
    let answers = side_by_side(4, || {
        let cache = builder(&server).build_blocking().unwrap();
        let slow = || source.next_after(millis(100));
        side_by_side(25, || cache.get_or_compute("k", minute(), slow).unwrap())
    });
    assert_eq!(answers.concat(), vec![1; 100]);
    assert_eq!(source.calls(), 1);
}

#[test]
fn a_lease_is_renewed_while_the_computation_runs() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    let source = Counter::default();
    let policy = minute().lease(millis(150));
    let slow =
        |cache: &Cache| cache.get_or_compute("k", &policy, || source.next_after(millis(900)));
    thread::scope(|scope| {
        let callers = [&cache, &other, &cache].map(|cache| scope.spawn(|| slow(cache)));
        for caller in callers {
            assert_eq!(caller.join().unwrap(), Ok(1));
        }
    });
    assert_eq!(source.calls(), 1);
}

#[test]
fn leases_of_several_computations_are_renewed() {
    let (_server, cache) = started();
    let policy = minute().lease(millis(150));
    thread::scope(|scope| {
        for n in 0..8 {
            let (cache, policy) = (&cache, &policy);
            scope.spawn(move || {
                let slow = || {
                    thread::sleep(millis(700));
                    Ok::<_, ()>(n)
                };
                cache.get_or_compute(&format!("k{n}"), policy, slow)
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.fills_refused, stats.sets), (0, 8));
}

#[test]
fn an_error_comes_back_by_value_and_the_next_caller_tries() {
    let (server, cache) = started();
    #[derive(Debug, PartialEq)]
    struct Mine(u8);
    let failed: Result<u8, Mine> = cache.get_or_compute("k", minute(), || Err(Mine(7)));
    assert_eq!(failed, Err(Mine(7)));
    server.client().check("CACHE.INFO t:k", "nil");
    let value: Result<u8, Mine> = cache.get_or_compute("k", minute(), || Ok(1));
    assert_eq!(value, Ok(1));
}

#[test]
fn a_waiter_takes_over_when_the_computation_fails() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    thread::scope(|scope| {
        let failing = scope.spawn(|| {
            cache.get_or_compute("k", minute(), || {
                until("the other waits", || server.blocked() == 1);
                Err::<u8, _>("down")
            })
        });
        until("the lease is out", || {
            server.client().text("EXISTS t:k") == ":1"
        });
        let waiting = other.get_or_compute("k", minute(), || Ok::<u8, &str>(2));
        assert_eq!((failing.join().unwrap(), waiting), (Err("down"), Ok(2)));
    });
    assert_eq!(other.get::<u8>("k").unwrap(), Some(2));
}

#[test]
fn a_panic_gives_the_lease_up() {
    let (server, cache) = started();
    let panicking = || cache.get_or_compute::<u8, (), _>("k", minute(), || panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
    server.client().check("CACHE.INFO t:k", "nil");
    assert_eq!(
        cache.get_or_compute("k", minute(), || Ok::<u8, ()>(1)),
        Ok(1)
    );
}

#[test]
fn who_is_out_of_patience_computes_and_does_not_store() {
    let (server, cache) = started();
    server.client().text("CACHE.GETORLOCK t:k LEASE 60000");
    let started = Instant::now();
    let policy = minute().patience(millis(200));
    let fetched: Result<Fetched<u8>, ()> = cache.fetch("k", policy, || Ok(Computed::new(3)));
    let fetched = fetched.unwrap();
    assert_eq!((fetched.value, fetched.source), (3, Source::Bypassed));
    assert!(started.elapsed() >= millis(200));
    assert!(!cache.exists("k").unwrap());
}

#[test]
fn what_was_invalidated_meanwhile_is_not_stored() {
    let (_server, cache) = started();
    let value = cache.get_or_compute("k", minute().tags(["t"]), || {
        cache.invalidate(["t"]).unwrap();
        Ok::<u8, ()>(1)
    });
    assert_eq!(value, Ok(1));
    assert!(!cache.exists("k").unwrap());
    assert_eq!(cache.stats().fills_refused, 1);
}

#[test]
fn what_is_not_to_be_kept_is_computed_by_all_who_wait_side_by_side() {
    let (_server, cache) = started();
    let source = Counter::default();
    let started = Instant::now();
    let mut answers = side_by_side(10, || {
        let compute = || {
            source
                .next_after(millis(200))
                .map(|n| Computed::new(n).uncached())
        };
        cache.fetch("k", minute(), compute).unwrap().value
    });
    answers.sort_unstable();
    assert_eq!(answers, (1..=10).collect::<Vec<_>>());
    assert!(started.elapsed() < millis(1500), "{:?}", started.elapsed());
    assert!(!cache.exists("k").unwrap());
}

#[test]
fn none_is_kept_only_if_it_has_a_ttl_of_its_own() {
    let (server, cache) = started();
    let nothing = || Ok::<Option<u8>, ()>(None);
    assert_eq!(cache.get_or_compute("k", minute(), nothing), Ok(None));
    until("nothing is left of it", || {
        server.client().text("CACHE.INFO t:k") == "nil"
    });
    let policy = minute().negative_ttl(Duration::from_secs(5));
    assert_eq!(cache.get_or_compute("k", &policy, nothing), Ok(None));
    let something = || Ok::<Option<u8>, ()>(Some(1));
    assert_eq!(cache.get_or_compute("k", &policy, something), Ok(None));
    assert!([":4", ":5"].contains(&server.client().text("TTL t:k").as_str()));
}

#[test]
fn what_cannot_be_decoded_is_computed_anew() {
    let (_server, cache) = started();
    cache.set("k", "text", minute()).unwrap();
    let value: Result<u8, ()> = cache.get_or_compute("k", minute(), || Ok(9));
    assert_eq!(value, Ok(9));
    assert_eq!(cache.get::<u8>("k").unwrap(), Some(9));
}

#[test]
fn a_refresh_computes_whatever_is_stored() {
    let (_server, cache) = started();
    let source = Counter::default();
    let get = || cache.get_or_compute("k", minute(), || source.next());
    assert_eq!(get(), Ok(1));
    assert_eq!(cache.refresh("k", minute(), || source.next()), Ok(2));
    assert_eq!(get(), Ok(2));
}

#[test]
fn a_value_may_bring_tags_and_a_ttl_of_its_own() {
    let (server, cache) = started();
    let computed = || Ok::<_, ()>(Computed::new(1).tags(["own"]).ttl(Duration::from_secs(5)));
    cache
        .fetch("k", minute().tags(["policy"]), computed)
        .unwrap();
    let mut c = server.client();
    c.check("CACHE.TAGS t:k", "[t:policy t:own]");
    assert!([":4", ":5"].contains(&c.text("TTL t:k").as_str()));
}

#[test]
fn more_keys_can_be_waited_for_than_there_are_connections_for_it() {
    let (server, leader) = started();
    let cache = builder(&server)
        .waiting_connections(2)
        .build_blocking()
        .unwrap();
    let source = Counter::default();
    let keys: Vec<String> = (0..8).map(|n| format!("k{n}")).collect();
    thread::scope(|scope| {
        for key in &keys {
            scope.spawn(|| leader.get_or_compute(key, minute(), || source.next_after(millis(300))));
        }
        until("all are computing", || source.calls() == 8);
        for key in &keys {
            scope.spawn(|| cache.get_or_compute(key, minute(), || source.next()));
        }
    });
    assert_eq!(source.calls(), 8);
    assert_eq!(cache.stats().waits, 8);
}

#[test]
fn a_waiter_computes_with_the_lease_it_was_granted() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    let source = Counter::default();
    thread::scope(|scope| {
        let failing = scope.spawn(|| {
            cache.get_or_compute("k", minute(), || {
                until("two processes wait", || server.blocked() == 1);
                Err::<usize, _>("down")
            })
        });
        until("the lease is out", || {
            server.client().text("EXISTS t:k") == ":1"
        });
        let waiting = scope.spawn(|| {
            other.get_or_compute("k", minute(), || {
                source.next().unwrap();
                until("a third one waits", || server.blocked() == 1);
                Ok::<_, &str>(7)
            })
        });
        assert!(failing.join().unwrap().is_err());
        until("the waiter computes", || source.calls() == 1);
        let third = cache.get_or_compute("k", minute(), || Ok::<_, &str>(8));
        assert_eq!((waiting.join().unwrap(), third), (Ok(7), Ok(7)));
    });
}

#[test]
fn of_many_callers_of_a_process_one_waits_in_the_server() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    let source = Counter::default();
    thread::scope(|scope| {
        let callers = scope.spawn(|| {
            until("the lease is out", || {
                server.client().text("EXISTS t:k") == ":1"
            });
            side_by_side(20, || other.get_or_compute("k", minute(), || source.next()))
        });
        let computed = cache.get_or_compute("k", minute(), || {
            let asked = || server.client().stats().int("busy") >= 20;
            until("all of them have asked", asked);
            until("one waits", || server.blocked() == 1);
            source.next()
        });
        assert_eq!(computed, Ok(1));
        assert_eq!(callers.join().unwrap(), vec![Ok(1); 20]);
    });
    assert_eq!(server.client().stats().int("waits"), 1);
}

#[test]
fn the_patience_of_one_caller_is_not_that_of_the_others() {
    let (server, cache) = started();
    let token = server.client().lease("t:k LEASE 60000");
    let fetch = |policy: Policy| {
        cache
            .fetch("k", policy, || Ok::<_, ()>(Computed::new(1_u8)))
            .unwrap()
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| fetch(minute().patience(millis(1500))));
        until("it waits in the server", || server.blocked() == 1);
        let others = scope.spawn(|| side_by_side(5, || fetch(minute().patience(millis(60_000)))));
        assert_eq!(first.join().unwrap().source, Source::Bypassed);
        until("another one waits there", || server.blocked() == 1);
        let fill = format!("CACHE.SET t:k 7 TOKEN {token}");
        server.client().check(fill, "OK");
        for fetched in others.join().unwrap() {
            assert_eq!(fetched.value, 7, "{fetched:?}");
        }
    });
}

#[test]
fn patience_may_be_without_end() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    let policy = minute().patience(Duration::MAX);
    thread::scope(|scope| {
        let computing = scope.spawn(|| {
            cache.get_or_compute("k", &policy, || {
                until("the other waits", || server.blocked() == 1);
                Ok::<u8, ()>(1)
            })
        });
        until("the lease is out", || {
            server.client().text("EXISTS t:k") == ":1"
        });
        let waited = other.fetch("k", &policy, || Ok::<_, ()>(Computed::new(2)));
        assert_eq!(waited.unwrap().source, Source::Shared);
        assert_eq!(computing.join().unwrap(), Ok(1));
    });
}

#[test]
fn early_refresh_is_one_callers_work() {
    let (_server, cache) = started();
    let source = Counter::default();
    let slow = || source.next_after(millis(50));
    // With such a beta the draw always hits, once there is a compute time.
    let policy = Policy::ttl(Duration::from_secs(60)).early(1e9);
    assert_eq!(cache.get_or_compute("k", &policy, slow), Ok(1));
    assert_eq!(cache.get_or_compute("k", &policy, slow), Ok(2));
    assert_eq!(source.calls(), 2);
}
