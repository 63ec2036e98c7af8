//! One command each.

use std::time::Duration;

use larder_client::{Error, Policy, Raw, Source};
use serde::{Deserialize, Serialize};

use crate::support::{builder, millis, minute, started, until};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

fn ada() -> User {
    User {
        id: 1,
        name: "Ada".to_owned(),
    }
}

#[test]
fn a_value_is_set_read_and_deleted() {
    let (_server, cache) = started();
    assert_eq!(cache.get::<User>("user:1").unwrap(), None);
    cache.set("user:1", &ada(), minute()).unwrap();
    assert_eq!(cache.get::<User>("user:1").unwrap(), Some(ada()));
    assert!(cache.exists("user:1").unwrap());
    assert!(cache.delete("user:1").unwrap());
    assert!(!cache.delete("user:1").unwrap());
    assert!(!cache.exists("user:1").unwrap());
}

#[test]
fn json_is_stored_as_it_is_under_the_namespace() {
    let (server, cache) = started();
    cache
        .set("user:1", &ada(), minute().tags(["users"]))
        .unwrap();
    let mut c = server.client();
    c.check("CACHE.GET t:user:1", r#"{\"id\":1,\"name\":\"Ada\"}"#);
    c.check("CACHE.TAGS t:user:1", "[t:users]");
}

#[test]
fn raw_bytes_are_stored_as_they_are() {
    let (_server, cache) = started();
    let bytes = Raw(bytes::Bytes::from_static(&[0, 1, 2, 255]));
    cache.set("blob", &bytes, minute()).unwrap();
    assert_eq!(cache.get::<Raw>("blob").unwrap(), Some(bytes));
}

#[test]
fn a_ttl_ends_and_a_grace_goes_on() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(50)).grace(Duration::from_secs(60));
    cache.set("k", &1, policy).unwrap();
    until("it is stale", || cache.get::<u8>("k").unwrap().is_none());
    let stale = cache.get_stale::<u8>("k").unwrap().unwrap();
    assert_eq!((stale.value, stale.source), (1, Source::Stale));
    assert!(cache.exists("k").unwrap());
}

#[test]
fn a_default_ttl_is_for_policies_that_do_not_say() {
    let (server, _) = started();
    let cache = builder(&server)
        .default_ttl(Duration::from_secs(100))
        .build_blocking()
        .unwrap();
    cache.set("default", &1, Policy::default()).unwrap();
    cache.set("own", &1, Duration::from_secs(7)).unwrap();
    cache.set("endless", &1, Policy::forever()).unwrap();
    let mut c = server.client();
    let mut ttl = |key: &str| c.text(format!("TTL t:{key}"));
    assert!([":99", ":100"].contains(&ttl("default").as_str()));
    assert!([":6", ":7"].contains(&ttl("own").as_str()));
    assert_eq!(ttl("endless"), ":-1");
}

#[test]
fn jitter_only_shortens() {
    let (server, cache) = started();
    let mut ttls = Vec::new();
    for _ in 0..20 {
        cache
            .set("k", &1, Policy::ttl(Duration::from_secs(1000)).jitter(0.5))
            .unwrap();
        let ttl: i64 = server
            .client()
            .text("PTTL t:k")
            .trim_start_matches(':')
            .parse()
            .unwrap();
        assert!((490_000..=1_000_000).contains(&ttl), "{ttl}");
        ttls.push(ttl / 10_000);
    }
    ttls.dedup();
    assert!(ttls.len() > 2, "{ttls:?}");
}

#[test]
fn expiry_slides() {
    let (server, cache) = started();
    cache.set("k", &5, Duration::from_secs(10)).unwrap();
    assert_eq!(
        cache
            .get_and_touch::<u8>("k", Duration::from_secs(1000))
            .unwrap(),
        Some(5)
    );
    let ttl = || {
        server
            .client()
            .text("TTL t:k")
            .trim_start_matches(':')
            .parse::<i64>()
            .unwrap()
    };
    assert!(ttl() > 900);
    assert!(cache.expire("k", Duration::from_secs(2000)).unwrap());
    assert!(ttl() > 1900);
    assert!(!cache.expire("nothing", Duration::from_secs(1)).unwrap());
}

#[test]
fn tags_invalidate_and_mark() {
    let (_server, cache) = started();
    let kept = minute().grace(Duration::from_secs(60));
    cache.set("a", &1, kept.clone().tags(["x"])).unwrap();
    cache.set("b", &2, kept.tags(["x", "y"])).unwrap();
    let marked = cache.mark_stale(["y"]).unwrap();
    assert_eq!((marked.entries, marked.reached, marked.expected), (1, 1, 1));
    assert_eq!(cache.get::<u8>("b").unwrap(), None);
    assert_eq!(cache.get_stale::<u8>("b").unwrap().unwrap().value, 2);
    assert_eq!(cache.invalidate(["x"]).unwrap().entries, 2);
    assert!(!cache.exists("a").unwrap());
    assert!(!cache.exists("b").unwrap());
}

#[test]
fn without_tags_nothing_is_invalidated() {
    let (_server, cache) = started();
    for nothing in [cache.invalidate([""; 0]), cache.mark_stale([""; 0])] {
        let nothing = nothing.unwrap();
        assert_eq!(
            (nothing.entries, nothing.reached, nothing.expected),
            (0, 0, 0)
        );
        assert!(nothing.is_complete());
    }
    assert_eq!(cache.stats().errors, 0);
}

#[test]
fn a_prefix_is_cleared_and_counted() {
    let (_server, cache) = started();
    for n in 0..1200 {
        cache.set(&format!("page[{n}"), &n, minute()).unwrap();
    }
    cache.set("pages", &1, minute()).unwrap();
    assert_eq!(cache.clear_prefix("page[").unwrap(), 1200);
    assert_eq!(cache.clear_prefix("page[").unwrap(), 0);
    assert!(cache.exists("pages").unwrap());
}

#[test]
fn what_is_of_another_type_is_an_error_to_who_asks_strictly() {
    let (_server, cache) = started();
    cache.set("k", "text", minute()).unwrap();
    assert!(matches!(cache.get::<User>("k"), Err(Error::Decode(_))));
    assert_eq!(cache.stats().undecodable, 1);
}

#[test]
fn reads_are_counted() {
    let (_server, cache) = started();
    cache.set("k", &1, minute()).unwrap();
    for _ in 0..3 {
        cache.get::<u8>("k").unwrap();
    }
    cache.get::<u8>("nothing").unwrap();
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.sets), (3, 1, 1));
    assert!((stats.hit_rate - 0.75).abs() < 1e-9);
    assert_eq!(stats.lookup.count, 3);
    let server = cache.server_stats().unwrap();
    assert!((server["hits"] - 3.0).abs() < 1e-9);
    cache.reset_stats();
    assert_eq!(cache.stats().hits, 0);
}

#[test]
fn an_address_that_makes_no_sense_is_refused_at_once() {
    let error = larder_client::blocking::Cache::builder("http://nowhere")
        .build_blocking()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`http://nowhere` is not the address of a Redis server"),
        "{error}"
    );
}
