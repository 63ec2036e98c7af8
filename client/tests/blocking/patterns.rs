//! Read-through and stale-while-revalidate.

use std::time::{Duration, Instant};

use larder_client::{Computed, Policy, Source};

use crate::support::{Counter, millis, minute, started, until};

#[test]
fn a_cache_with_a_loader_loads_what_it_lacks() {
    let (server, cache) = started();
    let source = Counter::default();
    let names = cache.read_through("name", minute(), |id: u64| {
        source.next().map(|n| format!("{id} by call {n}"))
    });
    assert_eq!(names.get(7).unwrap(), "7 by call 1");
    assert_eq!(names.get(7).unwrap(), "7 by call 1");
    assert_eq!(names.get(8).unwrap(), "8 by call 2");
    server.client().check("EXISTS t:name:7", ":1");
    assert!(names.forget(7).unwrap());
    assert_eq!(names.get(7).unwrap(), "7 by call 3");
}

#[test]
fn a_stale_value_is_served_while_it_is_recomputed_in_the_background() {
    let (_server, cache) = started();
    let source = Counter::default();
    let policy = Policy::ttl(millis(100)).grace(Duration::from_secs(60));
    let get = || {
        let source = source.clone();
        let slow = move || source.next_after(millis(400)).map(Computed::new);
        cache.stale_while_revalidate("k", &policy, slow).unwrap()
    };
    assert_eq!(get().source, Source::Computed);
    until("it is stale", || cache.get::<usize>("k").unwrap().is_none());
    let before = Instant::now();
    let stale = get();
    assert_eq!((stale.value, stale.source), (1, Source::Stale));
    assert!(before.elapsed() < millis(300), "{:?}", before.elapsed());
    assert_eq!(get().value, 1, "and nobody else recomputes it");
    until("the new value is there", || get().value == 2);
}

#[test]
fn a_panic_in_the_background_gives_the_lease_up() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(50)).grace(Duration::from_secs(60));
    cache.set("k", &1, &policy).unwrap();
    until("it is stale", || cache.get::<u8>("k").unwrap().is_none());
    let panicking = || -> Result<Computed<u8>, ()> { panic!("on purpose") };
    let served = cache.stale_while_revalidate("k", &policy, panicking);
    assert_eq!(served.unwrap().value, 1);
    until("another caller recomputes it", || {
        let refreshed = cache.fetch("k", minute(), || Ok::<_, ()>(Computed::new(2)));
        refreshed.unwrap().source == Source::Computed
    });
}
