//! A primary and a replica that a sentinel watches.

use std::time::Duration;

use larder_client::{Builder, Cache, Error, Source};
use larder_test_support::{Server, Setup, wait_until};

use crate::support::{Counter, millis, minute, until};

fn sentinel_of(primary: &Server) -> Server {
    let port = primary.port();
    Server::set_up(&Setup {
        lines: &format!("sentinel monitor main 127.0.0.1 {port} 1"),
        sentinel: true,
        ..Setup::default()
    })
}

fn builder(sentinels: &[&Server], service: &str) -> Builder {
    let url = |sentinel: &&Server| format!("redis://127.0.0.1:{}", sentinel.port());
    Cache::sentinel_builder(sentinels.iter().map(url), service)
        .namespace("t")
        .timeout(Duration::from_secs(5))
}

struct Watched {
    sentinel: Server,
    primary: Server,
    replica: Server,
}

fn watched() -> Watched {
    const USERS: &str = "user app on >secret ~* &* +@all\nuser default on nopass ~* &* +@all";
    let primary = Server::with(USERS);
    let replica = primary.replica(USERS);
    let lines = format!(
        "sentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main 1000\n\
         sentinel failover-timeout main 5000",
        primary.port()
    );
    let sentinel = Server::set_up(&Setup {
        lines: &lines,
        sentinel: true,
        ..Setup::default()
    });
    wait_until("the sentinel knows the replica", || {
        sentinel
            .client()
            .server_info("sentinel", "master0")
            .contains(",slaves=1,")
    });
    Watched {
        sentinel,
        primary,
        replica,
    }
}

fn cache_of(watched: &Watched) -> Cache {
    let sentinel = format!("redis://127.0.0.1:{}", watched.sentinel.port());
    Cache::sentinel_builder([sentinel], "main")
        .sentinel_login("app", "secret")
        .sentinel_database(3)
        .timeout(millis(1000))
        .connect_timeout(millis(1000))
        .circuit_breaker(3, millis(50))
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_primary_is_found_and_found_again_after_a_failover() {
    let mut watched = watched();
    let cache = cache_of(&watched);
    cache.set("k", &1, minute()).await.unwrap();
    let mut c = watched.primary.client();
    c.check("SELECT 3", "OK");
    c.check("CACHE.GET k", "1");
    watched.primary.wait_for(&watched.replica);

    watched.primary.kill();
    let source = Counter::default();
    until("the replica has taken over", async || {
        // Whoever asks meanwhile is answered.
        let fetched = cache.fetch("k", minute(), || async {
            source.next().await.map(larder_client::Computed::new)
        });
        let source = fetched.await.unwrap().source;
        tokio::time::sleep(Duration::from_millis(20)).await;
        source == Source::Hit
    })
    .await;
    cache.set("k", &2, minute()).await.unwrap();
    let mut c = watched.replica.client();
    c.check("SELECT 3", "OK");
    c.check("CACHE.GET k", "2");
}

#[tokio::test]
async fn a_sentinel_that_hangs_is_passed_over() {
    let primary = Server::start();
    let [hanging, healthy] = [sentinel_of(&primary), sentinel_of(&primary)];
    hanging.freeze();
    let cache = builder(&[&hanging, &healthy], "main").build().unwrap();
    cache.set("k", &1, minute()).await.unwrap();
    assert_eq!(cache.get::<u8>("k").await.unwrap(), Some(1));
    hanging.thaw();
}

#[tokio::test]
async fn a_service_that_no_sentinel_knows_is_named_and_counts_as_a_failure() {
    let primary = Server::start();
    let sentinel = sentinel_of(&primary);
    let cache = builder(&[&sentinel], "other")
        .circuit_breaker(1, Duration::from_secs(600))
        .build()
        .unwrap();
    let error = cache.get::<u8>("k").await.unwrap_err();
    assert!(error.to_string().contains("`other`"), "{error}");
    let error = cache.get::<u8>("k").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable), "{error}");
}

#[tokio::test]
async fn a_replica_that_a_sentinel_takes_for_the_primary_is_not_read() {
    let primary = Server::start();
    let replica = primary.replica("");
    let [wrong, right] = [sentinel_of(&replica), sentinel_of(&primary)];
    let misled = builder(&[&wrong], "main").build().unwrap();
    let error = misled.get::<u8>("k").await.unwrap_err();
    assert!(error.to_string().contains("replica"), "{error}");
    for _ in 0..5 {
        let cache = builder(&[&wrong, &right], "main").build().unwrap();
        cache.set("k", &1, minute()).await.unwrap();
    }
}
