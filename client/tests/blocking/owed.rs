//! Deletions that Redis refuses or misses: what it still has is not served.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use larder_client::blocking::Cache;
use larder_client::{Computed, Source};
use larder_test_support::Server;

use crate::support::{builder, millis, minute, started, until};

/// Has the server refuse deletions, or take them again.
fn deletions(server: &Server, allowed: bool) {
    let sign = if allowed { '+' } else { '-' };
    let command = format!("ACL SETUSER default {sign}unlink");
    server.client().check(command, "OK");
}

fn change(cache: &Cache, key: &str) {
    let changed = cache.delete_through(key, || Ok::<_, Infallible>(()));
    assert_eq!(changed, Ok(()));
}

#[test]
fn what_could_not_be_deleted_is_not_read() {
    let (server, cache) = started();
    cache
        .set_many(&[("k", 1_u8), ("other", 1)], minute())
        .unwrap();
    deletions(&server, false);
    change(&cache, "k");
    assert_eq!(cache.get::<u8>("k").unwrap(), None);
    assert!(cache.get_stale::<u8>("k").unwrap().is_none());
    let touched = cache.get_and_touch::<u8>("k", millis(1000));
    assert_eq!(touched.unwrap(), None);
    assert!(!cache.expire("k", millis(1000)).unwrap());
    assert!(server.client().int("PTTL t:k") > 1000);
    let both = cache.get_many::<u8, _>(&["other", "k"]);
    assert_eq!(both.unwrap(), [Some(1), None]);
    assert!(!cache.exists("k").unwrap());
    assert_eq!(cache.get::<u8>("other").unwrap(), Some(1));

    deletions(&server, true);
    until("the old value is gone", || {
        server.client().text("EXISTS t:k") == ":0"
    });
    cache.set("k", &2_u8, minute()).unwrap();
    until("the new one is read", || {
        cache.get::<u8>("k").unwrap() == Some(2)
    });
}

#[test]
fn what_could_not_be_deleted_is_computed() {
    let (server, cache) = started();
    cache
        .set_many(&[("k", 1_u8), ("other", 1)], minute())
        .unwrap();
    deletions(&server, false);
    change(&cache, "k");
    let fetch = || {
        cache
            .fetch("k", minute(), || Ok::<_, ()>(Computed::new(2_u8)))
            .unwrap()
    };
    assert_eq!((fetch().value, fetch().source), (2, Source::Bypassed));
    let two = |keys: Vec<&'static str>| Ok::<_, ()>(keys.into_iter().map(|key| (key, 2)).collect());
    let both = cache.get_or_compute_many(&["k", "other"], minute(), two);
    assert_eq!(both, Ok(HashMap::from([("k", 2_u8), ("other", 1)])));

    deletions(&server, true);
    until("it is stored", || fetch().source == Source::Hit);
}

#[test]
fn a_refresh_that_could_not_delete_owes_it() {
    let (server, cache) = started();
    cache.set("k", &1_u8, minute()).unwrap();
    deletions(&server, false);
    assert_eq!(cache.refresh("k", minute(), || Ok::<u8, ()>(2)), Ok(2));
    assert_eq!(cache.get::<u8>("k").unwrap(), None);
    deletions(&server, true);
    until("the old value is gone", || {
        server.client().text("EXISTS t:k") == ":0"
    });
}

#[test]
fn many_deletions_are_made_up_for() {
    let (server, cache) = started();
    let keys: Vec<String> = (0..1300).map(|n| format!("k{n}")).collect();
    let entries: Vec<_> = keys.iter().map(|key| (key, 1_u8)).collect();
    cache.set_many(&entries, minute()).unwrap();
    deletions(&server, false);
    keys.iter().for_each(|key| change(&cache, key));
    deletions(&server, true);
    until("all are gone", || server.client().text("DBSIZE") == ":0");
}

#[test]
fn deletions_that_are_refused_are_not_tried_without_a_pause() {
    let (server, _) = started();
    let cache = builder(&server)
        .circuit_breaker(5, Duration::ZERO)
        .build_blocking()
        .unwrap();
    deletions(&server, false);
    let started = Instant::now();
    change(&cache, "k");
    let tried = || {
        let stats = server
            .client()
            .server_info("commandstats", "cmdstat_unlink");
        let rejected = stats.split("rejected_calls=").nth(1).unwrap();
        rejected.split(',').next().unwrap().parse::<u32>().unwrap()
    };
    until("it was tried again", || tried() >= 5);
    assert!(started.elapsed() > millis(300), "{:?}", started.elapsed());
    deletions(&server, true);
}
