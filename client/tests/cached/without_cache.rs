//! Functions whose cache is not there.

use std::time::{Duration, Instant};

use larder_client::{Cache, Error, cached};
use larder_test_support::Server;

use crate::support::{Calls, MINUTE, builder, unreachable_cache};

#[cached(skip(calls), ttl = MINUTE)]
async fn global(calls: &Calls, id: u32) -> Option<u32> {
    Some(calls.next() + id)
}

/// The only test that installs a cache: a process has only one.
#[tokio::test]
async fn the_installed_cache_is_used_once_there_is_one() {
    let calls = Calls::default();
    assert!(larder_client::installed().is_none());
    assert_eq!(global(&calls, 10).await, Some(11));
    assert_eq!(global(&calls, 10).await, Some(12));
    assert_eq!(global::refresh(&calls, 10).await, Some(13));
    let error = global::cache_clear().await.unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert!(global::cache_delete(10).await.is_err());

    let server = Server::start();
    larder_client::install(builder(&server).build().unwrap()).unwrap();
    assert_eq!(global(&calls, 10).await, Some(14));
    assert_eq!(global(&calls, 10).await, Some(14));
    assert!(global::cache_delete(10).await.unwrap());
    assert_eq!(global(&calls, 10).await, Some(15));
    assert_eq!(global::cache_clear().await.unwrap().entries, 1);
    assert_eq!(global(&calls, 10).await, Some(16));
    assert!(larder_client::install(unreachable_cache()).is_err());
}

#[cached(cache = cache, skip(cache, calls), ttl = MINUTE, tags_of = |n| [n.to_string()])]
async fn calm(cache: &Cache, calls: &Calls) -> Result<u32, String> {
    match calls.next() {
        2 => Err("the source is down, too".to_owned()),
        n => Ok(n),
    }
}

#[tokio::test]
async fn without_a_server_the_body_runs() {
    let (cache, calls) = (unreachable_cache(), Calls::default());
    let before = Instant::now();
    assert_eq!(calm(&cache, &calls).await, Ok(1));
    assert_eq!(
        calm(&cache, &calls).await,
        Err("the source is down, too".to_owned())
    );
    assert_eq!(calm::refresh(&cache, &calls).await, Ok(3));
    assert!(before.elapsed() < Duration::from_secs(5));
    assert!(calm::cache_delete(&cache).await.is_err());
    assert!(calm::cache_clear(&cache).await.is_err());
}
