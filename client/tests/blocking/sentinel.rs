//! A primary, its replica, and sentinels.

use std::time::{Duration, Instant};

use larder_client::blocking::Cache;
use larder_client::{Builder, Error};
use larder_test_support::{Server, Setup};

use crate::support::{minute, until};

fn sentinel_of(primary: &Server) -> Server {
    let port = primary.port();
    Server::set_up(&Setup {
        lines: &format!("sentinel monitor main 127.0.0.1 {port} 1"),
        sentinel: true,
        ..Setup::default()
    })
}

fn cache_of(sentinels: &[&Server], service: &str) -> Cache {
    builder(sentinels, service).build_blocking().unwrap()
}

fn builder(sentinels: &[&Server], service: &str) -> Builder {
    let urls = sentinels
        .iter()
        .map(|sentinel| format!("redis://127.0.0.1:{}", sentinel.port()));
    Cache::sentinel_builder(urls, service)
        .namespace("t")
        .timeout(Duration::from_secs(5))
}

#[test]
fn the_new_primary_is_found_after_a_failover() {
    let primary = Server::start();
    let replica = primary.replica("");
    let sentinel = sentinel_of(&primary);
    let cache = cache_of(&[&sentinel], "main");
    cache.set("k", &1, minute()).unwrap();
    until("the sentinel knows the replica", || {
        let line = sentinel.client().server_info("sentinel", "master0");
        line.contains(",slaves=1,")
    });
    primary.wait_for(&replica);
    // Sentinels end the connections to servers that change their roles, so these are asked afterwards.
    let named = format!("[127.0.0.1 {}]", replica.port());
    until("the replica takes over", || {
        let mut c = sentinel.client();
        c.text("SENTINEL FAILOVER main");
        c.text("SENTINEL GET-MASTER-ADDR-BY-NAME main") == named
    });
    until("it is written to", || {
        cache.set("k", &2, minute()).is_ok() && replica.client().text("CACHE.GET t:k") == "2"
    });
}

#[test]
fn a_sentinel_that_hangs_is_passed_over() {
    let primary = Server::start();
    let sentinels = [sentinel_of(&primary), sentinel_of(&primary)];
    sentinels[0].freeze();
    let cache = cache_of(&[&sentinels[0], &sentinels[1]], "main");
    cache.set("k", &1, minute()).unwrap();
    assert_eq!(cache.get::<u8>("k").unwrap(), Some(1));
    sentinels[0].thaw();
}

#[test]
fn sentinels_that_hang_do_not_add_up() {
    let primary = Server::start();
    let sentinels: Vec<_> = (0..5).map(|_| sentinel_of(&primary)).collect();
    sentinels[..4].iter().for_each(Server::freeze);
    let cache = builder(&sentinels.iter().collect::<Vec<_>>(), "main")
        .connect_timeout(Duration::from_secs(2))
        .build_blocking()
        .unwrap();
    let started = Instant::now();
    cache.set("k", &1, minute()).unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    sentinels[..4].iter().for_each(Server::thaw);
}

#[test]
fn a_service_that_no_sentinel_knows_is_named_and_counts_as_a_failure() {
    let primary = Server::start();
    let sentinel = sentinel_of(&primary);
    let cache = builder(&[&sentinel], "other")
        .circuit_breaker(1, Duration::from_secs(600))
        .build_blocking()
        .unwrap();
    let error = cache.get::<u8>("k").unwrap_err();
    assert!(error.to_string().contains("`other`"), "{error}");
    let error = cache.get::<u8>("k").unwrap_err();
    assert!(matches!(error, Error::Unavailable), "{error}");
}

#[test]
fn a_replica_that_a_sentinel_takes_for_the_primary_is_not_read() {
    let primary = Server::start();
    let replica = primary.replica("");
    let [wrong, right] = [sentinel_of(&replica), sentinel_of(&primary)];
    let misled = cache_of(&[&wrong], "main");
    let error = misled.get::<u8>("k").unwrap_err();
    assert!(error.to_string().contains("replica"), "{error}");
    for _ in 0..5 {
        let cache = cache_of(&[&wrong, &right], "main");
        cache.set("k", &1, minute()).unwrap();
    }
}
