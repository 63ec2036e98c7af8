//! Going round the cache of a function.

use larder_client::{Cache, cached};

use crate::support::{Calls, MINUTE, started};

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE)]
async fn numbered(cache: &Cache, calls: &Calls, name: &str) -> String {
    format!("{name} {}", calls.next())
}

#[cached(cache = cache, skip(cache), ttl = MINUTE)]
async fn another(cache: &Cache, name: &str) -> String {
    format!("another {name}")
}

#[tokio::test]
async fn calls_with_the_same_arguments_are_answered_from_the_cache() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(numbered(&cache, &calls, "a").await, "a 1");
    assert_eq!(numbered(&cache, &calls, "b").await, "b 2");
    assert_eq!(numbered(&cache, &calls, "a").await, "a 1");
    assert_eq!(numbered(&cache, &calls, "b").await, "b 2");
    assert_eq!(cache.stats().hits, 2);
}

#[tokio::test]
async fn functions_do_not_share_values() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(numbered(&cache, &calls, "a").await, "a 1");
    assert_eq!(another(&cache, "a").await, "another a");
    assert_eq!(numbered(&cache, &calls, "a").await, "a 1");
}

#[tokio::test]
async fn one_value_can_be_deleted() {
    let ((_server, cache), calls) = (started(), Calls::default());
    numbered(&cache, &calls, "a").await;
    numbered(&cache, &calls, "b").await;
    assert!(numbered::cache_delete(&cache, "a").await.unwrap());
    assert!(!numbered::cache_delete(&cache, "a").await.unwrap());
    assert_eq!(numbered(&cache, &calls, "a").await, "a 3");
    assert_eq!(numbered(&cache, &calls, "b").await, "b 2");
}

#[tokio::test]
async fn all_values_of_one_function_can_be_invalidated() {
    let ((server, cache), calls) = (started(), Calls::default());
    numbered(&cache, &calls, "a").await;
    numbered(&cache, &calls, "b").await;
    another(&cache, "a").await;
    assert_eq!(numbered::cache_clear(&cache).await.unwrap().entries, 2);
    let commands = server.client().text("INFO commandstats");
    assert!(
        commands.contains("invalidate") && !commands.contains("scan"),
        "{commands}"
    );
    assert_eq!(numbered(&cache, &calls, "a").await, "a 3");
    another(&cache, "a").await;
    assert_eq!(cache.stats().hits, 1, "of the other function");
}

#[tokio::test]
async fn refresh_computes_whatever_is_there_and_keeps_it() {
    let ((_server, cache), calls) = (started(), Calls::default());
    assert_eq!(numbered(&cache, &calls, "a").await, "a 1");
    assert_eq!(numbered::refresh(&cache, &calls, "a").await, "a 2");
    assert_eq!(numbered(&cache, &calls, "a").await, "a 2");
}

#[tokio::test]
async fn uncached_neither_reads_nor_writes() {
    let ((server, cache), calls) = (started(), Calls::default());
    assert_eq!(numbered::uncached(&cache, &calls, "a").await, "a 1");
    server.client().check("DBSIZE", ":0");
    assert_eq!(numbered(&cache, &calls, "a").await, "a 2");
    assert_eq!(numbered::uncached(&cache, &calls, "a").await, "a 3");
    assert_eq!(numbered(&cache, &calls, "a").await, "a 2");
}

#[tokio::test]
async fn the_key_is_one_that_the_cache_takes() {
    let ((_server, cache), calls) = (started(), Calls::default());
    numbered(&cache, &calls, "a").await;
    let key = numbered::cache_key("a").unwrap();
    assert_eq!(
        cache.get::<String>(&key).await.unwrap().as_deref(),
        Some("a 1")
    );
}

mod elsewhere {
    pub(crate) mod deep {
        use larder_client::cached;

        #[cached(ttl = std::time::Duration::from_secs(60))]
        pub(in crate::companions) async fn visible(id: u64) -> u64 {
            id
        }
    }
}

#[tokio::test]
async fn companions_are_imported_with_the_function() {
    use elsewhere::deep::visible;
    assert_eq!(visible::uncached(1).await, 1);
    assert!(visible::cache_key(1).unwrap().contains("::deep::visible:"));
}
