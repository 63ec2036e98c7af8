//! Connections: few, never out of step, and open for as long as a lease is bound to them.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use larder_client::blocking::Cache;
use larder_client::{Computed, Error, Source};
use larder_test_support::Server;

use crate::support::{builder, millis, minute, side_by_side, started, until};

/// Connections that the server has from clients by TCP: its tests' own come by a socket.
fn connections(server: &Server) -> usize {
    let list = server.client().bytes("CLIENT LIST TYPE normal");
    let list = String::from_utf8_lossy(&list).into_owned();
    list.lines()
        .filter(|line| line.contains(" addr=127.0.0.1:"))
        .count()
}

fn with_connections(server: &Server, connections: usize) -> Cache {
    builder(server)
        .connections(connections)
        .build_blocking()
        .unwrap()
}

#[test]
fn threads_share_a_few_connections() {
    let (server, _) = started();
    let cache = with_connections(&server, 3);
    cache.set("k", &1, minute()).unwrap();
    side_by_side(20, || {
        for _ in 0..50 {
            assert_eq!(cache.get::<u8>("k").unwrap(), Some(1));
        }
    });
    assert!(connections(&server) <= 3, "{}", connections(&server));
    assert_eq!(cache.stats().errors, 0);
}

#[test]
fn a_computation_may_use_the_cache_although_there_is_one_connection_only() {
    let (server, _) = started();
    let cache = with_connections(&server, 1);
    let outer = cache.get_or_compute("outer", minute(), || {
        let inner = cache.get_or_compute("inner", minute(), || {
            cache.set("innermost", &1, minute()).unwrap();
            Ok::<u8, ()>(2)
        })?;
        Ok::<u8, ()>(inner + 1)
    });
    assert_eq!(outer, Ok(3));
    let values = cache.get_many::<u8, _>(&["outer", "inner", "innermost"]);
    assert_eq!(values.unwrap(), [Some(3), Some(2), Some(1)]);
    let stats = cache.stats();
    assert_eq!(
        (stats.errors, stats.bypasses, stats.fills_refused),
        (0, 0, 0)
    );
    assert_eq!(connections(&server), 1);
}

#[test]
fn more_threads_compute_than_there_are_connections() {
    let (server, _) = started();
    let cache = with_connections(&server, 1);
    let numbers: Vec<usize> = (0..10).collect();
    thread::scope(|scope| {
        for n in &numbers {
            let cache = &cache;
            let compute = move || {
                until("all have a lease", || cache.exists("go").unwrap());
                Ok::<_, ()>(*n)
            };
            scope.spawn(move || cache.get_or_compute(&format!("k{n}"), minute(), compute));
        }
        until("all compute", || server.client().text("DBSIZE") == ":10");
        cache.set("go", &true, minute()).unwrap();
    });
    assert_eq!(cache.stats().fills_refused, 0);
    assert_eq!(cache.stats().bypasses, 0);
}

#[test]
fn a_lease_outlives_a_timeout_on_its_connection() {
    let (server, _) = started();
    let cache = builder(&server)
        .connections(1)
        .timeout(millis(200))
        .circuit_breaker(100, millis(50))
        .build_blocking()
        .unwrap();
    let value = cache.get_or_compute("k", minute(), || {
        server.freeze();
        assert!(matches!(cache.get::<u8>("other"), Err(Error::Timeout(_))));
        server.thaw();
        until("it answers", || cache.get::<u8>("other").is_ok());
        assert_eq!(connections(&server), 2, "one is kept open for the lease");
        Ok::<u8, ()>(1)
    });
    assert_eq!(value, Ok(1));
    assert_eq!(cache.get::<u8>("k").unwrap(), Some(1));
    assert_eq!(cache.stats().fills_refused, 0);
    until("it is closed with the lease", || connections(&server) == 1);
}

#[test]
fn who_gets_no_connection_says_nothing_about_the_server() {
    let (server, _) = started();
    let port = slow_road(server.port(), millis(600));
    let cache = Cache::builder(format!("redis://127.0.0.1:{port}"))
        .connections(1)
        .timeout(millis(1000))
        .connect_timeout(millis(5000))
        .circuit_breaker(1, millis(60_000))
        .build_blocking()
        .unwrap();
    assert!(!cache.exists("k").unwrap());
    // At once: the next answer would close the breaker again.
    let read = side_by_side(5, || (cache.exists("k"), cache.is_bypassed()));
    let in_vain = |read: &Result<bool, Error>| matches!(read, Err(Error::Timeout(_)));
    assert!(read.iter().any(|(read, _)| in_vain(read)), "{read:?}");
    assert!(!read.iter().any(|(_, bypassed)| *bypassed), "{read:?}");
}

/// A port where a connection to `to` begins on which all commands take longer by `delay`.
fn slow_road(to: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let mut far = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let (mut back, mut forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        thread::spawn(move || io::copy(&mut back, &mut forth));
        let mut parcel = vec![0; 1 << 16];
        while let Ok(length @ 1..) = near.read(&mut parcel) {
            thread::sleep(delay);
            far.write_all(&parcel[..length]).unwrap();
        }
    });
    port
}

#[test]
fn a_waiting_connection_that_was_closed_is_opened_anew() {
    let (server, cache) = started();
    let other = builder(&server).build_blocking().unwrap();
    for key in ["k1", "k2"] {
        thread::scope(|scope| {
            let computing = scope.spawn(|| {
                cache.get_or_compute(key, minute(), || {
                    until("the other waits", || server.blocked() == 1);
                    Ok::<u8, ()>(1)
                })
            });
            until("the lease is out", || {
                server.client().text(format!("EXISTS t:{key}")) == ":1"
            });
            let waited = other.fetch(key, minute(), || Ok::<_, ()>(Computed::new(2)));
            assert_eq!(waited.unwrap().source, Source::Shared);
            assert_eq!(computing.join().unwrap(), Ok(1));
        });
        server.client().text("CLIENT KILL TYPE normal SKIPME yes");
    }
    assert_eq!(other.stats().errors, 0);
}

#[test]
fn a_reply_that_comes_late_is_nobodys() {
    let (server, _) = started();
    let cache = builder(&server)
        .connections(1)
        .timeout(millis(100))
        .circuit_breaker(1000, millis(50))
        .build_blocking()
        .unwrap();
    cache.set("a", "value of a", minute()).unwrap();
    cache.set("b", "value of b", minute()).unwrap();
    for _ in 0..5 {
        server.freeze();
        assert!(matches!(cache.get::<String>("a"), Err(Error::Timeout(_))));
        server.thaw();
        let mut b = None;
        until("it answers", || {
            b = cache.get::<String>("b").unwrap_or_default();
            b.is_some()
        });
        assert_eq!(b.as_deref(), Some("value of b"));
    }
}

#[test]
fn a_process_that_dies_leaves_its_lease_to_the_next() {
    let (server, cache) = started();
    // Its connections are those of a process that computes.
    let dying = builder(&server).build_blocking().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            dying.get_or_compute("k", minute().lease(millis(60_000)), || {
                until("the other waits", || server.blocked() == 1);
                let list = server.client().bytes("CLIENT LIST TYPE normal");
                kill_who_asked_last(&server, &String::from_utf8_lossy(&list));
                until("the other is done", || cache.exists("k").unwrap());
                Ok::<u8, ()>(1)
            })
        });
        until("the lease is out", || {
            server.client().text("EXISTS t:k") == ":1"
        });
        let answer = cache.fetch("k", minute(), || Ok::<_, ()>(Computed::new(2)));
        assert_eq!(
            answer.map(|fetched| (fetched.value, fetched.source)),
            Ok((2, Source::Computed))
        );
    });
    assert_eq!(
        cache.get::<u8>("k").unwrap(),
        Some(2),
        "the fill of the dead is refused"
    );
    assert_eq!(dying.stats().fills_refused, 1);
}

/// Ends the connections that wait for nothing and are not the tests' own.
fn kill_who_asked_last(server: &Server, list: &str) {
    for line in list
        .lines()
        .filter(|line| line.contains(" addr=127.0.0.1:"))
    {
        let field = |name: &str| {
            line.split(' ')
                .find_map(|word| word.strip_prefix(name))
                .unwrap()
        };
        if !field("flags=").contains('b') {
            server
                .client()
                .text(format!("CLIENT KILL ID {}", field("id=")));
        }
    }
}

#[test]
fn a_cache_that_is_gone_has_closed_its_connections() {
    let (server, cache) = started();
    let slow = || {
        thread::sleep(millis(50));
        Ok::<u8, ()>(1)
    };
    cache.get_or_compute("k", minute(), slow).unwrap();
    let clone = cache.clone();
    drop(cache);
    assert_eq!(clone.get::<u8>("k").unwrap(), Some(1));
    assert_eq!(connections(&server), 1);
    drop(clone);
    until("it is closed", || connections(&server) == 0);
}
