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

#[tokio::test]
async fn a_value_is_set_read_and_deleted() {
    let (_server, cache) = started();
    assert_eq!(cache.get::<User>("user:1").await.unwrap(), None);
    cache.set("user:1", &ada(), minute()).await.unwrap();
    assert_eq!(cache.get::<User>("user:1").await.unwrap(), Some(ada()));
    assert!(cache.exists("user:1").await.unwrap());
    assert!(cache.delete("user:1").await.unwrap());
    assert!(!cache.delete("user:1").await.unwrap());
    assert!(!cache.exists("user:1").await.unwrap());
}

#[tokio::test]
async fn json_is_stored_as_it_is_under_the_namespace() {
    let (server, cache) = started();
    cache
        .set("user:1", &ada(), minute().tags(["users"]))
        .await
        .unwrap();
    let mut c = server.client();
    c.check("CACHE.GET t:user:1", r#"{\"id\":1,\"name\":\"Ada\"}"#);
    c.check("CACHE.TAGS t:user:1", "[t:users]");
}

#[tokio::test]
async fn raw_bytes_are_stored_as_they_are() {
    let (_server, cache) = started();
    let bytes = Raw(bytes::Bytes::from_static(&[0, 1, 2, 255]));
    cache.set("blob", &bytes, minute()).await.unwrap();
    assert_eq!(cache.get::<Raw>("blob").await.unwrap(), Some(bytes));
}

#[tokio::test]
async fn a_ttl_ends_and_a_grace_goes_on() {
    let (_server, cache) = started();
    let policy = Policy::ttl(millis(50)).grace(Duration::from_secs(60));
    cache.set("k", &1, policy).await.unwrap();
    until("it is stale", async || {
        cache.get::<u8>("k").await.unwrap().is_none()
    })
    .await;
    let stale = cache.get_stale::<u8>("k").await.unwrap().unwrap();
    assert_eq!((stale.value, stale.source), (1, Source::Stale));
    assert!(cache.exists("k").await.unwrap());
}

#[tokio::test]
async fn a_default_ttl_is_for_policies_that_do_not_say() {
    let (server, _) = started();
    let cache = builder(&server)
        .default_ttl(Duration::from_secs(100))
        .build()
        .unwrap();
    cache.set("default", &1, Policy::default()).await.unwrap();
    cache.set("own", &1, Duration::from_secs(7)).await.unwrap();
    cache.set("endless", &1, Policy::forever()).await.unwrap();
    let mut c = server.client();
    let mut ttl = |key: &str| c.text(format!("TTL t:{key}"));
    assert!([":99", ":100"].contains(&ttl("default").as_str()));
    assert!([":6", ":7"].contains(&ttl("own").as_str()));
    assert_eq!(ttl("endless"), ":-1");
}

#[tokio::test]
async fn jitter_only_shortens() {
    let (server, cache) = started();
    let mut ttls = Vec::new();
    for _ in 0..20 {
        cache
            .set("k", &1, Policy::ttl(Duration::from_secs(1000)).jitter(0.5))
            .await
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

#[tokio::test]
async fn expiry_slides() {
    let (server, cache) = started();
    cache.set("k", &5, Duration::from_secs(10)).await.unwrap();
    assert_eq!(
        cache
            .get_and_touch::<u8>("k", Duration::from_secs(1000))
            .await
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
    assert!(cache.expire("k", Duration::from_secs(2000)).await.unwrap());
    assert!(ttl() > 1900);
    assert!(
        !cache
            .expire("nothing", Duration::from_secs(1))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn tags_invalidate_and_mark() {
    let (_server, cache) = started();
    let kept = minute().grace(Duration::from_secs(60));
    cache.set("a", &1, kept.clone().tags(["x"])).await.unwrap();
    cache.set("b", &2, kept.tags(["x", "y"])).await.unwrap();
    let marked = cache.mark_stale(["y"]).await.unwrap();
    assert_eq!((marked.entries, marked.reached, marked.expected), (1, 1, 1));
    assert_eq!(cache.get::<u8>("b").await.unwrap(), None);
    assert_eq!(cache.get_stale::<u8>("b").await.unwrap().unwrap().value, 2);
    assert_eq!(cache.invalidate(["x"]).await.unwrap().entries, 2);
    assert!(!cache.exists("a").await.unwrap());
    assert!(!cache.exists("b").await.unwrap());
}

#[tokio::test]
async fn without_tags_nothing_is_invalidated() {
    let (_server, cache) = started();
    for nothing in [
        cache.invalidate([""; 0]).await,
        cache.mark_stale([""; 0]).await,
    ] {
        let nothing = nothing.unwrap();
        assert_eq!(
            (nothing.entries, nothing.reached, nothing.expected),
            (0, 0, 0)
        );
        assert!(nothing.is_complete());
    }
    assert_eq!(cache.stats().errors, 0);
}

#[tokio::test]
async fn a_prefix_is_cleared_and_counted() {
    let (_server, cache) = started();
    for n in 0..1200 {
        cache.set(&format!("page[{n}"), &n, minute()).await.unwrap();
    }
    cache.set("pages", &1, minute()).await.unwrap();
    assert_eq!(cache.clear_prefix("page[").await.unwrap(), 1200);
    assert_eq!(cache.clear_prefix("page[").await.unwrap(), 0);
    assert!(cache.exists("pages").await.unwrap());
}

#[tokio::test]
async fn what_is_of_another_type_is_an_error_to_who_asks_strictly() {
    let (_server, cache) = started();
    cache.set("k", "text", minute()).await.unwrap();
    assert!(matches!(
        cache.get::<User>("k").await,
        Err(Error::Decode(_))
    ));
    assert_eq!(cache.stats().undecodable, 1);
}

#[tokio::test]
async fn reads_are_counted() {
    let (_server, cache) = started();
    cache.set("k", &1, minute()).await.unwrap();
    for _ in 0..3 {
        cache.get::<u8>("k").await.unwrap();
    }
    cache.get::<u8>("nothing").await.unwrap();
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.sets), (3, 1, 1));
    assert!((stats.hit_rate - 0.75).abs() < 1e-9);
    assert_eq!(stats.lookup.count, 3);
    let server = cache.server_stats().await.unwrap();
    assert!((server["hits"] - 3.0).abs() < 1e-9);
    cache.reset_stats();
    assert_eq!(cache.stats().hits, 0);
}

#[tokio::test]
async fn the_server_counts_each_read_once() {
    let (_server, cache) = started();
    for expected in [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)] {
        let one = cache.get_or_compute("k", minute(), async || Ok::<_, ()>(1));
        assert_eq!(one.await, Ok(1));
        let server = cache.server_stats().await.unwrap();
        assert_eq!((server["hits"], server["misses"]), expected);
    }
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_refused_at_once() {
    let error = larder_client::Cache::builder("http://nowhere")
        .build()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`http://nowhere` is not the address of a Redis server"),
        "{error}"
    );
}
