//! Read-through and stale-while-revalidate.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use larder_client::{Computed, Policy, Source};

use crate::support::{Counter, millis, minute, started, until};

#[tokio::test]
async fn a_cache_with_a_loader_loads_what_it_lacks() {
    let (server, cache) = started();
    let source = Counter::default();
    let names = cache.read_through("name", minute(), |id: u64| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(format!("{id} by call {}", source.next().await?)) }
    });
    assert_eq!(names.get(7).await.unwrap(), "7 by call 1");
    assert_eq!(names.get(7).await.unwrap(), "7 by call 1");
    assert_eq!(names.get(8).await.unwrap(), "8 by call 2");
    server.client().check("EXISTS t:name:7", ":1");
    assert!(names.forget(7).await.unwrap());
    assert_eq!(names.get(7).await.unwrap(), "7 by call 3");
}

#[tokio::test]
async fn a_stale_value_is_served_while_it_is_recomputed_in_the_background() {
    let (_server, cache) = started();
    let source = Counter::default();
    let policy = Policy::ttl(millis(100)).grace(Duration::from_secs(60));
    let get = async || {
        let source = source.clone();
        let slow = move || async move { source.next_after(millis(400)).await.map(Computed::new) };
        cache
            .stale_while_revalidate("k", &policy, slow)
            .await
            .unwrap()
    };
    assert_eq!(get().await.source, Source::Computed);
    until("it is stale", async || {
        cache.get::<usize>("k").await.unwrap().is_none()
    })
    .await;
    let before = Instant::now();
    let stale = get().await;
    assert_eq!((stale.value, stale.source), (1, Source::Stale));
    assert!(before.elapsed() < millis(300), "{:?}", before.elapsed());
    until("the new value is there", async || get().await.value == 2).await;
}

#[tokio::test]
async fn a_computation_in_the_background_outlives_its_caller() {
    let (_server, cache) = started();
    let slow = || async {
        tokio::time::sleep(millis(200)).await;
        Ok::<_, ()>(Computed::new(1))
    };
    let call = cache.stale_while_revalidate("k", minute(), slow);
    assert!(tokio::time::timeout(millis(50), call).await.is_err());
    until("it is finished", async || {
        cache.get::<u8>("k").await.unwrap() == Some(1)
    })
    .await;
}
